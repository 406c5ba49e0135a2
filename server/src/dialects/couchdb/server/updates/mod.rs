//! `_db_updates`: databases that come, change and go.
//!
//! | file | owns |
//! | --- | --- |
//! | [`noticed`] | what was noticed of the databases, one entry for each |
//! | [`feed`] | the answer, in all its forms |
//!
//! Nothing is written down when it happens: whoever asks has the databases looked at, and while somebody waits that is done
//! again and again. So it is approximate, as CouchDB's is: of several changes of a database one is told. What was told in an
//! earlier run of the server is told anew. Tested by `server/tests/couchdb/server.rs`.

mod feed;
mod noticed;

pub(in crate::dialects::couchdb) use self::feed::answer;
pub(crate) use self::noticed::Updates;

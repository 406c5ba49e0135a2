//! The Fauna dialect: queries that write documents and make event sources, streams and pages of events.
//!
//! A feed is a database with collections. An event is a document as it became: its key says which document, its kind is
//! `put` or `delete`, its body the document's fields as JSON, its time the time of the transaction.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`value`] | the values of FQL |
//! | [`tagged`] | values on the wire: the tagged, simple and decorated formats |
//! | [`document`] | documents as bodies of events |
//! | [`fql`] | queries: text, tree, evaluation |
//! | [`source`] | what an event source follows |
//! | [`condition`], [`projection`] | its functions, compiled |
//! | [`token`] | what a source is called by clients |
//! | [`cursor`] | what a cursor means, given what the feed holds, as one pure function |
//! | [`place`] | which document a key means |
//! | [`change`] | an event of a feed to an event of a stream |
//! | [`history`] | events of a feed with what was before them |
//! | [`encode`] | the encoding of a source |
//! | [`events`] | the lines of a stream |
//! | [`feed`] | pages |
//! | [`request`] | what requests ask for |
//! | [`answer`] | the answers to queries |
//! | [`errors`] | what the server says when it refuses |
//! | [`secret`] | who asks |
//! | [`client`] | which driver asks, and what it cannot bear |
//! | [`cors`] | what answers say to browsers |
//!
//! Tests lie next to the code, larger ones in files called `..._tests.rs`. Arbitrary values for them are in
//! `test_values.rs`.

pub mod answer;
pub mod change;
pub mod client;
pub mod condition;
pub mod cors;
pub mod cursor;
pub mod document;
pub mod encode;
pub mod errors;
pub mod events;
pub mod feed;
pub mod fql;
pub mod history;
mod json;
pub mod place;
pub mod projection;
pub mod request;
pub mod secret;
pub mod source;
pub mod tagged;
#[cfg(test)]
mod test_values;
pub mod token;
pub mod value;

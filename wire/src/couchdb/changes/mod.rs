//! `/{db}/_changes`: what is asked for, and every byte of the answer but its head.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`request`] | parameters, their defaults, caps and errors |
//! | [`filter`] | `filter=` and what belongs to it |
//! | [`token`] | seqs as clients see them, `since` |
//! | [`row`] | one change as JSON |
//! | [`response`] | rows as the four feeds frame them: chunks, heartbeats, envelopes, ends |
//! | [`encode`] | events as frames that every subscriber of a feed shares |
//!
//! Two ways lead to a client. Feeds that follow the tail are sent frames ([`encode`]) from the log, and [`response`]
//! says what goes between them. Answers to one request (`normal`, `longpoll`, `descending`, `seq_interval`,
//! attachments) are rendered with [`row`] and [`response`], whose chunks are those of CouchDB, byte for byte.

pub mod encode;
pub mod error;
pub mod filter;
pub mod request;
pub mod response;
pub mod row;
pub mod token;

pub use error::ChangesError;
pub use filter::FilterSpec;
pub use request::{ChangesRequest, Feed, Patience, Style, Wording};
pub use response::Response;
pub use token::{DbUid, Since};

//! Filters that are JavaScript: the functions of design documents.
//!
//! A function is never run for a subscriber. It is run once for each event, on a thread of its own kind, and what it says goes
//! into a [`View`]: which seqs pass, up to which seq that is known. All who ask for the same function with the same `req`
//! follow that view, and shards only look at its bits.
//!
//! | file | owns |
//! | --- | --- |
//! | [`mod@open`] | from a request to its view: the design document, the function, `req` |
//! | [`views`] | which views there are, and which is given up for another |
//! | [`view`] | what passes, and how far that is known |
//! | [`progress`] | which events of a view are judged next |
//! | [`workers`] | the threads, and one that does not come back |
//! | [`engine`], `prelude.js` | one function in QuickJS, with its limits |
//! | [`error`] | why a function gave no answer |
//!
//! Tested by `server/tests/couchdb/changes_functions.rs`, and beside the code.

mod engine;
mod error;
mod open;
mod progress;
mod view;
mod views;
mod workers;

pub(crate) use self::workers::Workers;
pub(super) use self::{
    open::open,
    view::{Seat, View},
};

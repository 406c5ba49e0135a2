//! Tests of the whole engine, over a real log and a real index.
//!
//! | file | what must hold |
//! | --- | --- |
//! | [`edits`] | CouchDB's rules, as captured |
//! | [`oracle`] | the same for random edits, replications, purges, reopening and lost indexes |
//! | [`foreign`] | events of other protocols |
//! | [`purge`] | purges |
//! | [`attachments`] | attachments |
//! | [`changes`] | rows, their order, `pending` |
//! | [`list`] | `_all_docs` |
//! | [`compact`] | what may be dropped |
//! | [`crash`] | a crash between any two steps |
//! | [`queue`] | what waits, what is refused |
//! | [`window`] | feeds that do not keep everything |

mod attachments;
mod changes;
mod common;
mod compact;
mod crash;
mod edits;
mod foreign;
mod list;
mod oracle;
mod purge;
mod queue;
mod window;

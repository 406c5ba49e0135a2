//! CouchDB's `_changes` and what surrounds it.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`rev`] | revision ids, CouchDB's hash of an edit, the revision tree |
//! | [`doc`] | documents as they are sent and as they are shown |
//! | [`selector`] | Mango selectors |
//! | [`text`] | JSON read in place |

pub mod doc;
pub mod rev;
pub mod selector;
pub mod text;

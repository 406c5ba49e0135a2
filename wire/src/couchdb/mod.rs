//! CouchDB's `_changes` and what surrounds it.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`rev`] | revision ids, CouchDB's hash of an edit, the revision tree |
//! | [`text`] | JSON read in place |

pub mod rev;
pub mod text;

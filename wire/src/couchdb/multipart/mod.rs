//! Documents together with their attachments: `multipart/related`, and several of them: `multipart/mixed`.
//!
//! Bodies are read whole; what they may measure is limited before. The form is that of RFC 2046, as CouchDB's
//! replicator writes and reads it: part headers in one spelling, no preamble, no epilogue.

mod read;
mod write;

pub use read::{MultipartError, Part, PartHeaders, Related, boundary};
pub use write::{Mixed, OutPart, PartHead, RelatedWriter, related_content_type, write_related};

#[cfg(test)]
mod tests;

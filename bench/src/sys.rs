//! The one place with `unsafe`: mapping a file.

use std::{fs::File, io};

use memmap2::Mmap;

/// Maps a file of which nobody else knows.
///
/// The file must have no name, or one that nobody else uses: the mapping is only as constant as the file.
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the callers pass files without a name, which no other process can open, and never write or truncate them after
    // mapping.
    unsafe { Mmap::map(file) }
}

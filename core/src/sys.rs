//! The system calls that the standard library lacks, and the only unsafe code of this crate.
//!
//! Owns shared read-only mappings, preallocation, residency and free-space queries. Tested through its users and below.

use memmap2::{Advice, MmapOptions, MmapRaw};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

/// A whole file mapped read-only while it is still appended to through its descriptor.
///
/// The file must never be truncated, and bytes handed out by [`SharedMap::bytes`] must never be written again.
#[derive(Debug)]
pub(crate) struct SharedMap {
    map: MmapRaw,
}

impl SharedMap {
    /// Maps the first `bytes` bytes of `file`, which must be at least that long.
    pub(crate) fn new(file: &File, bytes: u64) -> io::Result<SharedMap> {
        let length = usize::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        if file.metadata()?.len() < bytes {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "file is shorter than its mapping"));
        }
        let map = MmapOptions::new().len(length).map_raw_read_only(file)?;
        Ok(SharedMap { map })
    }

    /// Length of the mapping in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// Bytes that are complete and will not change again. Out of range is a broken invariant and panics.
    pub(crate) fn bytes(&self, range: Range<u64>) -> &[u8] {
        assert!(range.start <= range.end && range.end <= self.len(), "range lies within the mapping");
        let length = (range.end - range.start) as usize;
        // SAFETY: the range lies within the mapping, which lives as long as `self`; the file is never truncated, and
        // callers only ask for ranges that are no longer written to (they are published with release/acquire atomics).
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(range.start as usize), length) }
    }

    /// Whether every page of the range is in memory. `false` when that cannot be found out.
    pub(crate) fn resident(&self, range: Range<u64>) -> bool {
        const PAGES_AT_ONCE: usize = 512;
        if range.is_empty() {
            return true;
        }
        let page_bytes = page_bytes();
        let Range { start, end } = self.page_range(range);
        let mut flags = [0_u8; PAGES_AT_ONCE];
        let mut at = start;
        while at < end {
            let length = (end - at).min(PAGES_AT_ONCE * page_bytes);
            // SAFETY: `at..at + length` lies within the mapping, `at` is page-aligned, and `flags` has one byte for each page.
            let result = unsafe { libc::mincore(self.map.as_mut_ptr().add(at).cast(), length, flags.as_mut_ptr()) };
            let pages = length.div_ceil(page_bytes);
            if result != 0 || flags[..pages].iter().any(|flag| flag & 1 == 0) {
                return false;
            }
            at += length;
        }
        true
    }

    /// Reads the range into memory; blocks on the disk.
    pub(crate) fn populate(&self, range: Range<u64>) -> io::Result<()> {
        let Range { start, end } = self.page_range(range);
        if start == end {
            return Ok(());
        }
        self.map.advise_range(Advice::PopulateRead, start, end - start)
    }

    fn page_range(&self, range: Range<u64>) -> Range<usize> {
        assert!(range.start <= range.end && range.end <= self.len(), "range lies within the mapping");
        let start = range.start as usize / page_bytes() * page_bytes();
        start..range.end as usize
    }
}

/// The unit of a mapping, in bytes.
fn page_bytes() -> usize {
    static PAGE_BYTES: OnceLock<usize> = OnceLock::new();
    *PAGE_BYTES.get_or_init(|| {
        // SAFETY: takes and returns numbers.
        let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(bytes).unwrap_or(4096)
    })
}

/// Reserves the first `bytes` bytes of a file, so that writing them cannot run out of space.
pub(crate) fn preallocate(file: &File, bytes: u64) -> io::Result<()> {
    let length = libc::off_t::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    loop {
        // SAFETY: the descriptor is open for the whole call; no memory is passed.
        let result = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// End of the last part of a file that may hold anything but zeros. On file systems that cannot tell: the file's length.
pub(crate) fn data_end(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let (mut at, mut end) = (0, 0);
    while let Some(start) = seek(file, at, libc::SEEK_DATA)? {
        end = seek(file, start, libc::SEEK_HOLE)?.unwrap_or(length);
        at = end;
    }
    Ok(end.min(length))
}

/// `lseek`, with `None` for "there is none beyond here".
fn seek(file: &File, from: u64, whence: libc::c_int) -> io::Result<Option<u64>> {
    let from = libc::off_t::try_from(from).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the descriptor is open for the whole call; no memory is passed.
    let found = unsafe { libc::lseek(file.as_raw_fd(), from, whence) };
    match u64::try_from(found) {
        Ok(offset) => Ok(Some(offset)),
        Err(_) => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ENXIO) => Ok(None),
            error => Err(error),
        },
    }
}

/// Bytes that an ordinary user can still write to the file system of `path`.
pub(crate) fn free_bytes(path: &Path) -> io::Result<u64> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `path` is a NUL-terminated string and `stat` has room for the answer.
    let result = unsafe { libc::statvfs(path.as_ptr(), stat.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a successful call has filled it in.
    let stat = unsafe { stat.assume_init() };
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_mapping_shows_what_is_written_later() {
        let file = tempfile::tempfile().unwrap();
        preallocate(&file, 8192).unwrap();
        let map = SharedMap::new(&file, 8192).unwrap();
        file.write_all_at(b"hello", 5000).unwrap();
        assert_eq!(map.bytes(5000..5005), b"hello");
        map.populate(4100..8192).unwrap();
        assert!(map.resident(4100..8192));
        assert!(map.resident(17..17));
    }

    #[test]
    fn a_mapping_longer_than_its_file_is_refused() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        assert_eq!(SharedMap::new(&file, 4097).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn the_end_of_data_is_not_before_what_was_written() {
        let file = tempfile::tempfile().unwrap();
        preallocate(&file, 1 << 20).unwrap();
        file.write_all_at(b"x", 70_000).unwrap();
        let end = data_end(&file).unwrap();
        assert!((70_001..=1 << 20).contains(&end), "{end}");
    }

    #[test]
    fn free_space_of_a_missing_path_is_an_error() {
        assert!(free_bytes(Path::new("/")).is_ok());
        assert!(free_bytes(Path::new("/nowhere/at/all")).is_err());
    }
}

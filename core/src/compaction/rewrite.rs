//! Makes one segment of a run, of the events that are kept.
//!
//! Owns the file while it has a temporary name; it is removed unless it is put in place. Reads every event and its checksum once,
//! copies records as they are, and gives them checksums that begin from the new salt. Blocks; shows nothing to anybody.

use super::SealedRun;
use crate::error::{CompactError, ReadError};
use crate::event::Event;
use crate::feed::FeedCore;
use crate::segment::format::{
    Finish, HEADER_BYTES, MARK_OFFSET, Mark, RECORD_HEADER_BYTES, SegmentHeader, finish_record, laid_out_bytes,
    laid_out_seq,
};
use crate::segment::reader::SegmentReader;
use crate::segment::{Segment, temporary_path};
use crate::storage::{Disk, DiskFile};
use crate::store::random_u64;
use crate::sys::SharedMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are written at once.
const WRITE_BYTES: usize = 1 << 20;

/// Bytes that are synced at once: commits of the same disk wait for no more than this.
const SYNC_BYTES: u64 = 8 << 20;

/// A rewritten segment that is whole and durable, but not in place: see [`crate::Feed::replace`]. Dropping it gives it up.
#[derive(Debug)]
pub struct Rewritten {
    pub(super) old: Vec<Arc<Segment>>,
    pub(super) new: Arc<Segment>,
    pub(super) temporary: Temporary,
}

/// A file that is removed unless it has got another name.
pub(super) struct Temporary {
    disk: Arc<dyn Disk>,
    path: Option<PathBuf>,
}

impl Rewritten {
    /// How many events are dropped.
    pub fn dropped_events(&self) -> u64 {
        self.old.iter().map(|segment| segment.count()).sum::<u64>() - self.new.count()
    }

    /// Their bytes.
    pub fn dropped_bytes(&self) -> u64 {
        self.old.iter().map(|segment| segment.data_bytes()).sum::<u64>() - self.new.data_bytes()
    }
}

impl SealedRun {
    /// Writes the events for which `keep` says so to a new segment, beside those there are. Asks about each event once, in order;
    /// what is dropped must not be needed ever again. `None` when it would be of no use. Blocks on the disk, for as long as it
    /// takes to read all of the run, and to write what is kept.
    pub fn rewrite<E: From<CompactError>>(
        self,
        keep: impl FnMut(&Event<'_>) -> Result<bool, E>,
    ) -> Result<Option<Rewritten>, E> {
        if let Some(refusal) = self.core.state.final_refusal() {
            return Err(CompactError::from(refusal).into());
        }
        let kept = Kept::of(&self.segments, keep)?;
        if !is_worthwhile(&self.segments, &kept) {
            return Ok(None);
        }
        Ok(Some(write(&self.core, self.segments, &kept)?))
    }
}

/// Whether anything is dropped, or at least small segments become a larger one, or empty ones go: none is copied again and again
/// because of others that are much smaller.
fn is_worthwhile(segments: &[Arc<Segment>], kept: &Kept) -> bool {
    let count: u64 = segments.iter().map(|segment| segment.count()).sum();
    let largest = segments.iter().map(|segment| segment.data_bytes()).max().unwrap_or(0);
    let is_any_empty = segments.iter().any(|segment| segment.count() == 0);
    kept.count < count || (segments.len() > 1 && (is_any_empty || largest <= kept.bytes / 2))
}

/// What is kept of a run.
#[derive(Debug, Default)]
struct Kept {
    /// For each segment where records lie that are kept, as runs of bytes.
    spans: Vec<Vec<Range<u32>>>,
    count: u64,
    bytes: u64,
}

impl Kept {
    fn of<E: From<CompactError>>(
        segments: &[Arc<Segment>],
        mut keep: impl FnMut(&Event<'_>) -> Result<bool, E>,
    ) -> Result<Kept, E> {
        let mut kept = Kept::default();
        for segment in segments {
            // Whoever reads the old segment later must not look for its index where that of the new one is.
            segment.index_or_build();
            let mut spans: Vec<Range<u32>> = Vec::new();
            let mut reader = SegmentReader::new(segment, HEADER_BYTES);
            loop {
                let start = reader.offset();
                let Some(event) = reader.next().map_err(CompactError::from)? else { break };
                if !keep(&event)? {
                    continue;
                }
                let end = reader.offset();
                kept.count += 1;
                kept.bytes += end - start;
                // A segment is shorter than 4 GiB.
                let span = start as u32..end as u32;
                match spans.last_mut().filter(|last| last.end == span.start) {
                    Some(last) => last.end = span.end,
                    None => spans.push(span),
                }
            }
            kept.spans.push(spans);
        }
        Ok(kept)
    }
}

fn write(core: &Arc<FeedCore>, old: Vec<Arc<Segment>>, kept: &Kept) -> Result<Rewritten, CompactError> {
    let (Some(first), Some(last)) = (old.first(), old.last()) else { return Err(CompactError::Changed) };
    let header = SegmentHeader {
        // At least one page more than the header, so that an empty one is no special case.
        capacity: (HEADER_BYTES + kept.bytes.max(1)).next_multiple_of(4096),
        salt: random_u64() as u32,
        compacted: true,
        ..first.header
    };
    let mark = Mark { data_end: HEADER_BYTES + kept.bytes, count: kept.count, sealed: true, ..last.mark() };
    let disk = &core.store.options.disk;
    core.store.check_disk(&**disk, header.capacity).map_err(|reason| CompactError::DiskFull { reason })?;
    let path = temporary_path(&core.dir, &format!("compacted-{:016x}", random_u64()));
    let temporary = Temporary { disk: Arc::clone(disk), path: Some(path.clone()) };
    let io_error = |source| CompactError::Io { path: path.clone(), source };
    fill(&**disk, &path, header, mark, &old, kept).map_err(|error| match error {
        FillError::Io(source) => io_error(source),
        FillError::Read(error) => error.into(),
    })?;
    let map = File::open(&path).and_then(|file| SharedMap::new(&file, header.capacity)).map_err(io_error)?;
    let new = Segment::new(&core.dir, header, mark, core.store.frames.janitor.clone()).mapped(map);
    new.index_or_build();
    Ok(Rewritten { old, new: Arc::new(new), temporary })
}

#[derive(Debug)]
enum FillError {
    Io(io::Error),
    Read(ReadError),
}

impl From<io::Error> for FillError {
    fn from(error: io::Error) -> FillError {
        FillError::Io(error)
    }
}

/// The storage steps: the whole file, synced.
fn fill(
    disk: &dyn Disk,
    path: &Path,
    header: SegmentHeader,
    mark: Mark,
    old: &[Arc<Segment>],
    kept: &Kept,
) -> Result<(), FillError> {
    let mut out = Output { file: disk.create(path, header.capacity)?, at: HEADER_BYTES, synced: 0, bytes: Vec::new() };
    out.file.write_at(&header.encode(), 0)?;
    for (segment, spans) in old.iter().zip(&kept.spans) {
        for span in spans {
            let map = segment.map()?;
            let mut rest = map.bytes(u64::from(span.start)..u64::from(span.end));
            while rest.len() >= RECORD_HEADER_BYTES {
                let (record, after) =
                    rest.split_at_checked(laid_out_bytes(rest)).ok_or_else(|| FillError::Read(cut(segment, span)))?;
                out.add(record, header.salt)?;
                rest = after;
            }
        }
    }
    out.flush()?;
    out.file.write_at(&mark.encode(header.salt), MARK_OFFSET)?;
    Ok(out.file.sync()?)
}

/// What was whole when it was read is cut short now: the file has been changed under us.
fn cut(segment: &Segment, span: &Range<u32>) -> ReadError {
    ReadError {
        file: segment.path.clone(),
        offset: u64::from(span.start),
        what: "a record has changed while it was read",
    }
}

struct Output {
    file: Arc<dyn DiskFile>,
    /// Where `bytes` goes.
    at: u64,
    synced: u64,
    bytes: Vec<u8>,
}

impl Output {
    fn add(&mut self, record: &[u8], salt: u32) -> io::Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record);
        // All of it is durable before anybody sees it, so each record stands for itself.
        let finish = Finish { seq: laid_out_seq(record), durable_to: 0, batch_end: true, salt };
        finish_record(&mut self.bytes[start..], finish);
        if self.bytes.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        self.file.write_at(&self.bytes, self.at)?;
        self.at += self.bytes.len() as u64;
        self.bytes.clear();
        if self.at - self.synced >= SYNC_BYTES {
            self.file.sync()?;
            self.synced = self.at;
        }
        Ok(())
    }
}

impl Temporary {
    /// Where it is.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// It has got another name.
    pub(super) fn keep(&mut self) {
        self.path = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            // It would be removed at the next opening as well.
            self.disk.remove_file(&path).ok();
        }
    }
}

impl std::fmt::Debug for Temporary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Temporary").field("path", &self.path).finish_non_exhaustive()
    }
}

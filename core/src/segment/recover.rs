//! Opens the segments of a feed after a clean close, a killed process or a power cut.
//!
//! Reads the newest segment whole and of each other one only header and mark, so that opening takes time by the number of
//! segments and not by their bytes. Repairs a torn tail so that it can be appended to; never repairs damage: that ends the
//! readable part of the feed, and is named. Finishes what compaction has begun. Tested in `store`'s tests with simulated power cuts.

use super::format::{BLOCK_BYTES, HEADER_BYTES, MARK_OFFSET, Mark, SegmentHeader};
use super::scan::{Scan, scan};
use super::{Segment, base_seq_of, segments_dir};
use crate::error::{OpenError, ReadError};
use crate::janitor::Janitor;
use crate::sys;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The segments of a feed as found on the disk.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Oldest first, contiguous.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// What ends the readable part, if something does.
    pub(crate) damage: Option<ReadError>,
    /// Bytes that had to be read to find out.
    pub(crate) bytes_scanned: u64,
}

/// What recovery needs to know about the feed.
pub(crate) struct Place<'a> {
    pub(crate) feed_dir: &'a Path,
    pub(crate) feed_uid: u64,
    /// Used as the time of events that no mark speaks of and no file time is known for.
    pub(crate) now_ms: u64,
    pub(crate) janitor: &'a Janitor,
}

/// Opens every segment of a feed.
pub(crate) fn recover(place: &Place<'_>) -> Result<Recovered, OpenError> {
    let mut recovered = Recovered::default();
    let paths = list_segments(place.feed_dir)?;
    for (position, path) in paths.iter().enumerate() {
        let newest = position + 1 == paths.len();
        let opened = if newest { recover_tail(place, path, &mut recovered) } else { open_sealed(place, path) };
        let segment = match opened.map_err(|source| OpenError::Io { path: path.clone(), source })? {
            Opened::Whole(segment) => segment,
            Opened::Damaged { segment, offset, what } => {
                recovered.segments.extend(segment.map(Arc::new));
                recovered.damage = Some(ReadError { file: path.clone(), offset, what });
                return Ok(recovered);
            }
        };
        if recovered.segments.last().is_some_and(|previous| is_part_of(&segment, previous)) {
            remove_durably(path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
            continue;
        }
        if let Some(previous) = recovered.segments.last()
            && previous.last_seq() + 1 != segment.header.base_seq
        {
            let what = "the segment before this one is missing or not the one that was sealed; damage";
            recovered.damage = Some(ReadError { file: path.clone(), offset: 0, what });
            return Ok(recovered);
        }
        recovered.segments.push(Arc::new(segment));
    }
    Ok(recovered)
}

/// Whether compaction has made a segment of this one and others, and was stopped before it could remove it.
fn is_part_of(segment: &Segment, previous: &Segment) -> bool {
    let sealed = previous.header.compacted && segment.is_sealed();
    sealed && segment.header.base_seq <= previous.last_seq() && segment.last_seq() <= previous.last_seq()
}

/// Removes a file for good: it must not be there when the segment that has its events has left the window.
fn remove_durably(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

enum Opened {
    Whole(Segment),
    Damaged { segment: Option<Segment>, offset: u64, what: &'static str },
}

fn damaged(offset: u64, what: &'static str) -> Opened {
    Opened::Damaged { segment: None, offset, what }
}

/// The segment files, oldest first. Unfinished ones of a crash are removed.
fn list_segments(feed_dir: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let dir = segments_dir(feed_dir);
    let io_error = |source| OpenError::Io { path: dir.clone(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(&dir).map_err(io_error)? {
        let path = entry.map_err(io_error)?.path();
        if base_seq_of(&path).is_some() {
            paths.push(path);
        } else if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(&path).map_err(|source| OpenError::Io { path, source })?;
        }
    }
    paths.sort();
    Ok(paths)
}

fn open_sealed(place: &Place<'_>, path: &Path) -> io::Result<Opened> {
    let file = File::open(path)?;
    let Some(header) = read_header(place, path, &file)? else {
        return Ok(damaged(0, "the segment header is damaged"));
    };
    let Some(mark) = read_mark(&file, &header)? else {
        return Ok(damaged(MARK_OFFSET, "the seal of a finished segment is damaged or missing"));
    };
    let fits = mark.sealed && (HEADER_BYTES..=header.capacity).contains(&mark.data_end);
    if !fits || file.metadata()?.len() < header.capacity {
        return Ok(damaged(MARK_OFFSET, "a finished segment is cut short or was never sealed"));
    }
    Ok(Opened::Whole(Segment::new(place.feed_dir, header, mark, place.janitor.clone())))
}

fn recover_tail(place: &Place<'_>, path: &Path, recovered: &mut Recovered) -> io::Result<Opened> {
    let file = File::options().read(true).write(true).open(path)?;
    let Some(header) = read_header(place, path, &file)? else {
        return Ok(damaged(0, "the segment header is damaged"));
    };
    if file.metadata()?.len() < header.capacity {
        return Ok(damaged(0, "the segment file is cut short"));
    }
    let mark = read_mark(&file, &header)?;
    if mark.is_none() && read_block(&file, MARK_OFFSET)? != Some([0; BLOCK_BYTES]) {
        return Ok(damaged(MARK_OFFSET, "the mark of the last clean close is damaged"));
    }
    let map = sys::SharedMap::new(&file, header.capacity)?;
    let data_end = sys::data_end(&file)?.clamp(HEADER_BYTES, header.capacity);
    recovered.bytes_scanned += data_end;
    let found = scan(map.bytes(0..data_end), &header, mark.as_ref());
    let segment =
        Segment::new(place.feed_dir, header, found_mark(place, &file, &header, &found, mark)?, place.janitor.clone())
            .marked(mark.as_ref());
    if let Some((offset, what)) = found.damage {
        return Ok(Opened::Damaged { segment: Some(segment), offset, what });
    }
    repair(&file, &map, &found, data_end)?;
    fill_index(&segment, &found);
    Ok(Opened::Whole(segment))
}

/// What the segment holds, in the form of a mark.
fn found_mark(
    place: &Place<'_>,
    file: &File,
    header: &SegmentHeader,
    found: &Scan,
    mark: Option<Mark>,
) -> io::Result<Mark> {
    let appended_ms = match mark {
        Some(mark) if mark.data_end == found.end => mark.appended_ms,
        _ => modified_ms(file)?.unwrap_or(place.now_ms),
    };
    Ok(Mark {
        data_end: found.end,
        count: found.entries.len() as u64,
        last_seq: found.entries.last().map_or(header.base_seq - 1, |entry| entry.seq),
        appended_ms,
        sealed: mark.is_some_and(|mark| mark.sealed),
    })
}

fn modified_ms(file: &File) -> io::Result<Option<u64>> {
    let modified = file.metadata()?.modified()?;
    let elapsed = modified.duration_since(std::time::UNIX_EPOCH).ok();
    Ok(elapsed.and_then(|elapsed| u64::try_from(elapsed.as_millis()).ok()))
}

/// Makes the segment what the scan says it is, durably: zeros after the last complete batch, and before it nothing that only the
/// page cache knows. The latter is written again rather than merely synced, because a sync that failed in an earlier process has
/// left pages behind that look clean and are not on the disk.
fn repair(file: &File, map: &sys::SharedMap, found: &Scan, data_end: u64) -> io::Result<()> {
    let unconfirmed = found.durable_to.min(found.end)..found.end;
    if unconfirmed.is_empty() && !found.leftovers {
        return Ok(());
    }
    for part in parts(unconfirmed) {
        // Through a copy: the kernel must not read the very page it is about to write.
        let bytes = map.bytes(part.clone()).to_vec();
        file.write_all_at(&bytes, part.start)?;
    }
    let zeros = vec![0; PART_BYTES as usize];
    for part in parts(found.end..data_end) {
        file.write_all_at(&zeros[..(part.end - part.start) as usize], part.start)?;
    }
    file.sync_data()
}

const PART_BYTES: u64 = 1 << 20;

fn parts(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    range.clone().step_by(PART_BYTES as usize).map(move |start| start..range.end.min(start + PART_BYTES))
}

/// Writes the tail's index anew. Without one, reading from a seq scans the segment.
fn fill_index(segment: &Segment, found: &Scan) {
    if found.entries.is_empty() {
        return;
    }
    let Ok(index) = segment.create_index() else { return };
    let mut bytes = Vec::with_capacity(found.entries.len() * 24);
    found.entries.iter().for_each(|entry| entry.put(&mut bytes));
    let (file, offset) = index.slot(0);
    if file.write_all_at(&bytes, offset).is_ok() {
        index.publish(found.entries.len() as u64);
    }
}

fn read_header(place: &Place<'_>, path: &Path, file: &File) -> io::Result<Option<SegmentHeader>> {
    let header = read_block(file, 0)?.and_then(|block| SegmentHeader::decode(&block));
    Ok(header.filter(|header| {
        let named = base_seq_of(path) == Some(header.base_seq) && header.base_seq > 0;
        named
            && header.feed_uid == place.feed_uid
            && header.capacity > HEADER_BYTES
            && header.capacity <= crate::SEGMENT_BYTES_LIMIT
    }))
}

fn read_mark(file: &File, header: &SegmentHeader) -> io::Result<Option<Mark>> {
    Ok(read_block(file, MARK_OFFSET)?.and_then(|block| Mark::decode(&block, header.salt)))
}

/// A block of the file, `None` when the file ends before it.
fn read_block(file: &File, offset: u64) -> io::Result<Option<[u8; BLOCK_BYTES]>> {
    let mut block = [0; BLOCK_BYTES];
    match file.read_exact_at(&mut block, offset) {
        Ok(()) => Ok(Some(block)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

//! What a paced sender does before it sends, where it stores: an event is framed, appended to a file and synced.
//!
//! Owns the file and the frame. The file's blocks are reserved and written once before anything is timed, so that a sync has
//! nothing to do but write the event's own blocks; at its end it is begun again. Nothing of it is ever read. Tests are below.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::Path,
    time::Instant,
};

use anyhow::{Context, Result};
use rustix::fs::{FallocateFlags, fallocate};
use tailwater_loadgen::stats::{Latency, LatencyReport};

use crate::disk::Durability;

/// Bytes of the file; as many as a segment of the server's has.
const FILE_BYTES: usize = 64 << 20;

/// Bytes of zeros written at once while the file is laid out.
const ZEROS_BYTES: usize = 1 << 20;

/// FIN, and a text message (RFC 6455, 5.2).
const TEXT_FRAME: u8 = 0x81;

/// The log of a sender, and the event at hand.
#[derive(Debug)]
pub(super) struct Stored {
    file: File,
    offset: u64,
    durability: Durability,
    syncs: Latency,
    seq: u64,
    frame_bytes: usize,
    frame: Vec<u8>,
}

impl Stored {
    /// A log in `directory` of events that have about `frame_bytes` on the wire.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub(super) fn new(directory: &Path, durability: Durability, frame_bytes: usize) -> Result<Self> {
        let file = laid_out_in(directory).with_context(|| format!("laying out a file in {}", directory.display()))?;
        Ok(Self { file, offset: 0, durability, syncs: Latency::default(), seq: 0, frame_bytes, frame: Vec::new() })
    }

    /// The next event, published at `published_us` since the Unix epoch: it is stored when this returns.
    ///
    /// # Errors
    ///
    /// The disk's.
    pub(super) fn append(&mut self, published_us: u64) -> io::Result<()> {
        self.seq += 1;
        write_frame(self.seq, published_us, self.frame_bytes, &mut self.frame);
        let end = self.offset + self.frame.len() as u64;
        if end > FILE_BYTES as u64 {
            self.offset = 0;
        }
        self.file.write_all_at(&self.frame, self.offset)?;
        self.offset += self.frame.len() as u64;
        if self.durability == Durability::Sync {
            let begun = Instant::now();
            self.file.sync_data()?;
            self.syncs.record(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// The event that was stored last, as it goes over the wire.
    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// How long each sync took, the write before it left out.
    pub(super) fn syncs(&self) -> LatencyReport {
        self.syncs.report()
    }
}

fn laid_out_in(directory: &Path) -> io::Result<File> {
    let file = tempfile::tempfile_in(directory)?;
    fallocate(&file, FallocateFlags::empty(), 0, FILE_BYTES as u64)?;
    let zeros = vec![0; ZEROS_BYTES];
    (0..FILE_BYTES).step_by(ZEROS_BYTES).try_for_each(|offset| file.write_all_at(&zeros, offset as u64))?;
    file.sync_all()?;
    Ok(file)
}

/// Makes `out` a message that the load generator reads its seq and its time from: a WebSocket frame of text, of `frame_bytes`
/// or of the next smaller size that there is, but no smaller than what has to be said.
fn write_frame(seq: u64, published_us: u64, frame_bytes: usize, out: &mut Vec<u8>) {
    let head = format!(r#"{{"seq":{seq},"time":{published_us},"pad":""#);
    let tail = r#""}"#;
    let payload_bytes = payload_that_fits(frame_bytes).max(head.len() + tail.len());
    out.clear();
    out.push(TEXT_FRAME);
    match (payload_bytes, u16::try_from(payload_bytes)) {
        (0..=125, _) => out.push(payload_bytes as u8),
        (_, Ok(length)) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload_bytes as u64).to_be_bytes());
        }
    }
    let padding = payload_bytes - head.len() - tail.len();
    write!(out, "{head}{:x<padding$}{tail}", "").expect("writing to a vector cannot fail");
}

/// The longest payload of a frame of at most so many bytes.
fn payload_that_fits(frame_bytes: usize) -> usize {
    match frame_bytes {
        0..130 => frame_bytes.saturating_sub(2).min(125),
        130..65_546 => (frame_bytes - 4).min(0xffff),
        _ => frame_bytes - 10,
    }
}

#[cfg(test)]
mod tests {
    use tailwater_loadgen::decode::{
        EventFields, Message,
        stream::{Item, StreamDecoder},
    };

    use super::*;

    const TIME_US: u64 = 1_783_166_400_000_001;
    /// A frame without padding.
    const LEAST: usize = 2 + r#"{"seq":7,"time":1783166400000001,"pad":""}"#.len();

    #[test]
    fn frames_have_the_size_asked_for_and_are_read_by_the_load_generator() {
        let table = [
            (0, LEAST),
            (100, 100),
            (127, 127),
            (128, 127),
            (129, 127),
            (130, 130),
            (516, 516),
            (65_539, 65_539),
            (65_545, 65_539),
            (65_546, 65_546),
        ];
        for (frame_bytes, expected_bytes) in table {
            let mut frame = vec![1, 2, 3];
            write_frame(7, TIME_US, frame_bytes, &mut frame);
            let mut seen = Vec::new();
            let fed = StreamDecoder::web_socket(1 << 20).feed(&frame, &mut |item| match item {
                Item::Payload(encoding, payload) => match encoding.message(payload) {
                    Ok(Message::Event(event)) => seen.push(event == EventFields::increasing(7, Some(TIME_US))),
                    other => panic!("{frame_bytes}: {other:?}"),
                },
                other => panic!("{frame_bytes}: {other:?}"),
            });
            assert_eq!((fed, seen, frame.len()), (Ok(()), vec![true], expected_bytes), "{frame_bytes}");
        }
    }

    #[test]
    fn events_follow_each_other_in_the_file_and_its_end_is_its_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let mut stored = Stored::new(directory.path(), Durability::Sync, 516).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the file has no name");
        for (before, expected) in [(0, 0), (516, 516), (FILE_BYTES as u64 - 516, FILE_BYTES as u64 - 516)] {
            stored.offset = before;
            stored.append(TIME_US).unwrap();
            let mut found = vec![0; 516];
            stored.file.read_exact_at(&mut found, expected).unwrap();
            assert_eq!(found, stored.frame());
        }
        stored.append(TIME_US).unwrap();
        assert_eq!((stored.offset, stored.seq, stored.syncs().count), (516, 4, 4));
        assert_eq!(stored.file.metadata().unwrap().len(), FILE_BYTES as u64);
    }

    #[test]
    fn what_is_left_to_the_system_is_not_synced() {
        let directory = tempfile::tempdir().unwrap();
        let mut stored = Stored::new(directory.path(), Durability::Os, 516).unwrap();
        stored.append(TIME_US).unwrap();
        assert_eq!((stored.seq, stored.syncs().count), (1, 0));
        assert!(Stored::new(Path::new("/nowhere/at/all"), Durability::Os, 516).is_err());
    }
}

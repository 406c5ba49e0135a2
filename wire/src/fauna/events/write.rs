//! The lines themselves.

use super::{LINE_END, Stats, StreamProblem};
use crate::fauna::cursor::Cursor;
use crate::fauna::tagged::{write_str, write_tagged};
use crate::http1::chunk_with;
use crate::json::write_u64;

/// The types of events that carry data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// A document has come into the source.
    Add,
    /// A document of the source has changed.
    Update,
    /// A document has left the source; the data is the document as it was.
    Remove,
}

impl EventType {
    /// Its name in `type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
            Self::Remove => "remove",
        }
    }
}

/// Appends an event and the end of its line.
pub fn line(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    write(out);
    out.extend_from_slice(LINE_END);
}

/// Appends an event and the end of its line as one HTTP chunk.
pub fn line_chunk(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    chunk_with(out, |out| line(out, write));
}

/// Appends a `status` event.
///
/// Its cursor must not run ahead, neither by its seq nor by its time: both are those of the last event that the stream
/// was sent or that its source did not show, or of its start. Drivers resume from it, old ones by the time alone.
pub fn write_status(cursor: &Cursor, stats: &Stats, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"status\"");
    write_end(cursor, stats, out);
}

/// Appends an `add`, `update` or `remove` event, whose data `data` appends in the tagged format.
pub fn write_data(
    event_type: EventType,
    cursor: &Cursor,
    stats: &Stats,
    out: &mut Vec<u8>,
    data: impl FnOnce(&mut Vec<u8>),
) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(event_type.name().as_bytes());
    out.extend_from_slice(b"\",\"data\":");
    data(out);
    write_end(cursor, stats, out);
}

/// Appends an `error` event: the stream or page ends after it. It has neither time nor cursor.
pub fn write_error(problem: &StreamProblem, stats: &Stats, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"type\":\"error\",\"error\":{\"code\":");
    write_str(problem.code(), out);
    out.extend_from_slice(b",\"message\":");
    write_str(&problem.message(), out);
    if let Some(value) = problem.abort() {
        out.extend_from_slice(b",\"abort\":");
        write_tagged(value, out);
    }
    out.extend_from_slice(b"},\"stats\":");
    stats.write(out);
    out.push(b'}');
}

/// The time, which is never tagged, the cursor and the stats.
fn write_end(cursor: &Cursor, stats: &Stats, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"txn_ts\":");
    write_u64(out, cursor.time_us);
    out.extend_from_slice(b",\"cursor\":\"");
    cursor.write(out);
    out.extend_from_slice(b"\",\"stats\":");
    stats.write(out);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fauna::fql::FqlError;
    use crate::fauna::value::Value;

    const STATS: &str =
        r#"{"read_ops":8,"storage_bytes_read":208,"compute_ops":1,"processing_time_ms":0,"rate_limits_hit":[]}"#;

    fn stats() -> Stats {
        Stats { read_ops: 8, storage_bytes_read: 208, compute_ops: 1, processing_time_ms: 0 }
    }

    fn cursor() -> Cursor {
        Cursor { uid: 1, time_us: 1_710_968_002_310_000, seq: 7 }
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_events() {
        let text = cursor().to_text();
        let status = written(|out| write_status(&cursor(), &stats(), out));
        let end = format!(r#""txn_ts":1710968002310000,"cursor":"{text}","stats":{STATS}}}"#);
        assert_eq!(status, format!(r#"{{"type":"status",{end}"#));
        for (event_type, name) in
            [(EventType::Add, "add"), (EventType::Update, "update"), (EventType::Remove, "remove")]
        {
            let event = written(|out| {
                write_data(event_type, &cursor(), &stats(), out, |out| out.extend_from_slice(b"{\"@int\":\"0\"}"));
            });
            assert_eq!(event, format!(r#"{{"type":"{name}","data":{{"@int":"0"}},{end}"#));
        }
    }

    #[test]
    fn golden_errors() {
        let table = [
            (
                StreamProblem::ReplayVolumeExceeded,
                r#""code":"stream_replay_volume_exceeded","message":"Too many events to replay. Recreate the stream and try again.""#,
            ),
            (StreamProblem::Overflow, r#""code":"stream_overflow","message":"Too many events to process.""#),
            (
                StreamProblem::InvalidStartTime { start_us: 1_711_024_518_680_000 },
                r#""code":"invalid_stream_start_time","message":"Stream start time 2024-03-21T12:35:18.680Z is too far in the past. Recreate the stream and try again.""#,
            ),
            (
                StreamProblem::PermissionLoss,
                r#""code":"permission_loss","message":"Stream authentication is no longer valid.""#,
            ),
            (StreamProblem::Internal("broken".into()), r#""code":"internal_error","message":"broken""#),
            (
                StreamProblem::Function(FqlError::abort(Value::from("oops"))),
                r#""code":"abort","message":"Query aborted.","abort":"oops""#,
            ),
            (
                StreamProblem::Function(FqlError::null_access("b")),
                r#""code":"invalid_null_access","message":"Cannot access `b` on null.""#,
            ),
        ];
        for (problem, error) in table {
            let expected = format!(r#"{{"type":"error","error":{{{error}}},"stats":{STATS}}}"#);
            assert_eq!(written(|out| write_error(&problem, &stats(), out)), expected);
        }
    }

    /// Traps T4, T5 and T12: lines end, and none is blank. Trap T13: a chunk holds a whole event.
    #[test]
    fn golden_line_and_chunk() {
        assert_eq!(written(|out| line(out, |out| out.extend_from_slice(b"{}"))), "{}\r\n");
        assert_eq!(written(|out| line_chunk(out, |out| out.extend_from_slice(b"{}"))), "4\r\n{}\r\n\r\n");
    }
}

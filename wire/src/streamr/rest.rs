//! Descriptions over HTTP: a stream, a session, the server's volume.
//!
//! Clients from 1.0 on ask for the first two before they do anything else, and end their process if they do not get them.

use crate::json::{write_str, write_u64};
use crate::time;

/// Appends the description of a stream. Clients look at `id`, `partitions` and `requireSignedData`; the other members
/// are what the original has of them.
pub fn write_stream(stream: &str, partitions: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":");
    write_str(out, stream);
    out.extend_from_slice(b",\"partitions\":");
    write_u64(out, partitions.into());
    out.extend_from_slice(b",\"name\":");
    write_str(out, stream);
    out.extend_from_slice(
        b",\"description\":null,\"config\":{\"fields\":[]},\"autoConfigure\":false,\"requireSignedData\":false,\
          \"requireEncryptedData\":false}",
    );
}

/// Appends the answer to a login: a session's token and the time it ends.
pub fn write_session(token: &str, expires_us: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"token\":");
    write_str(out, token);
    out.extend_from_slice(b",\"expires\":\"");
    time::write_us(out, expires_us);
    out.extend_from_slice(b"\"}");
}

/// Messages in one direction, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Messages.
    pub events_per_s: u64,
    /// Bytes of content.
    pub bytes_per_s: u64,
}

/// What the server has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// When this was measured, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// WebSockets that are open.
    pub connections: u64,
    /// Messages published.
    pub input: Rate,
    /// Messages sent to subscribers.
    pub output: Rate,
}

impl Volume {
    /// Appends the answer of `GET /api/v1/volume`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"timestamp\":");
        write_u64(out, self.time_ms);
        out.extend_from_slice(b",\"numOfOpenWebsockets\":");
        write_u64(out, self.connections);
        out.extend_from_slice(b",\"input\":");
        self.input.write(out);
        out.extend_from_slice(b",\"output\":");
        self.output.write(out);
        out.push(b'}');
    }
}

impl Rate {
    fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"eventsPerSecond\":");
        write_u64(out, self.events_per_s);
        out.extend_from_slice(b",\"kbPerSecond\":");
        write_u64(out, (self.bytes_per_s + 500) / 1000);
        out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_descriptions() {
        let mut out = Vec::new();
        write_stream("a\"b", 3, &mut out);
        out.push(b'\n');
        write_session("t0k", 1_783_175_888_085_434, &mut out);
        out.push(b'\n');
        let input = Rate { events_per_s: 7, bytes_per_s: 1499 };
        Volume { time_ms: 5, connections: 2, input, output: Rate { events_per_s: 70, bytes_per_s: 1500 } }
            .write(&mut out);
        let expected = concat!(
            r#"{"id":"a\"b","partitions":3,"name":"a\"b","description":null,"config":{"fields":[]},"#,
            r#""autoConfigure":false,"requireSignedData":false,"requireEncryptedData":false}"#,
            "\n",
            r#"{"token":"t0k","expires":"2026-07-04T14:38:08.085434Z"}"#,
            "\n",
            r#"{"timestamp":5,"numOfOpenWebsockets":2,"input":{"eventsPerSecond":7,"kbPerSecond":1},"#,
            r#""output":{"eventsPerSecond":70,"kbPerSecond":2}}"#,
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

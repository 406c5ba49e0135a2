//! The counters of a server that scenarios compare before and after.

use serde_json::Value;

use crate::figures::ratio;

/// What the server counts about its streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Streams open now.
    pub subscribers: u64,
    /// Sends that carried events, since the start.
    pub sends: u64,
    /// Bytes of these.
    pub sent_bytes: u64,
}

impl Status {
    /// Reads `GET /v1/status`; `None` when a counter is missing.
    pub(super) fn of(status: &Value) -> Option<Self> {
        let count = |name| status.get(name)?.as_u64();
        Some(Self {
            subscribers: count("subscribers")?,
            sends: count("sends_total")?,
            sent_bytes: count("sent_bytes_total")?,
        })
    }

    /// Bytes of a send since an earlier look, on average; 0 without sends.
    pub fn bytes_per_send_since(&self, earlier: &Self) -> f64 {
        let sends = self.sends.saturating_sub(earlier.sends);
        let bytes = self.sent_bytes.saturating_sub(earlier.sent_bytes);
        ratio(bytes as f64, sends as f64)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counters_of_the_status() {
        let status = json!({"subscribers": 3, "sends_total": 10, "sent_bytes_total": 5160, "feeds": 2});
        let earlier = Status::of(&status).unwrap();
        assert_eq!(earlier, Status { subscribers: 3, sends: 10, sent_bytes: 5160 });
        assert_eq!(Status::of(&json!({"subscribers": 3})), None);

        let later = Status { sends: 14, sent_bytes: 5160 + 1000, ..earlier };
        assert_eq!(later.bytes_per_send_since(&earlier), 250.0);
        assert_eq!(earlier.bytes_per_send_since(&earlier), 0.0);
    }
}

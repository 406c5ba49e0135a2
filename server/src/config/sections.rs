//! The sections of the configuration as plain data, with their defaults.
//!
//! Owns what each setting means and its default; its permitted range stands in `schema.rs`. Sizes are bytes, durations
//! milliseconds, as the names say. Tested by `tests.rs`.

use super::choice::{LogFormat, LogLevel};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const HOUR_MS: u64 = 3_600_000;

/// `[limits]`: what one client may ask of the appliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections in all. Each needs a descriptor, and two more behind TLS; the process needs some hundreds more for its files.
    pub connections_max: u64,
    /// Open connections from one address.
    pub connections_per_address_max: u64,
    /// Whether the per-address limits also hold for loopback addresses, where one address may be many clients.
    pub limit_loopback: bool,
    /// Size of a request's line and headers together.
    pub header_bytes_max: u64,
    /// Time from a request's first byte to the end of its headers; also that of a TLS handshake.
    pub header_timeout_ms: u64,
    /// TLS handshakes under way at the same time, over all listeners; more wait in line.
    pub handshakes_max: u64,
    /// Size of a request's body.
    pub request_body_bytes_max: u64,
    /// Time from the end of a request's headers to the end of its body.
    pub body_timeout_ms: u64,
    /// Time a connection may be silent before or between requests, and while a body is on its way.
    pub idle_timeout_ms: u64,
    /// Size of one event's body, or of one published frame.
    pub event_bytes_max: u64,
    /// Size of one event's key.
    pub key_bytes_max: u64,
    /// Depth to which JSON and DAG-CBOR may be nested.
    pub json_depth_max: u64,
    /// Feeds in all.
    pub feeds_max: u64,
    /// Streams from one address that are still replaying.
    pub replays_per_address_max: u64,
    /// Pongs and heartbeats waiting for one connection; more are dropped until the peer has read some.
    pub control_queue_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 15_000,
            connections_per_address_max: 4_096,
            limit_loopback: false,
            header_bytes_max: 16 * KIB,
            header_timeout_ms: 10_000,
            handshakes_max: 1_024,
            request_body_bytes_max: 64 * MIB,
            body_timeout_ms: 300_000,
            idle_timeout_ms: 60_000,
            event_bytes_max: 5_000_000,
            key_bytes_max: 1_024,
            json_depth_max: 128,
            feeds_max: 10_000,
            replays_per_address_max: 16,
            control_queue_bytes_max: 64 * KIB,
        }
    }
}

/// `[serve]`: how streams are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serve {
    /// Largest range sent to one subscriber before the next has its turn. A send of 256 KiB costs half as much again as one
    /// of 255 KiB; the default stays below that step.
    pub send_bytes_max: u64,
    /// Send buffer of each socket in the kernel (`SO_SNDBUF`); caps what can lie ahead of a pong.
    pub socket_send_buffer_bytes: u64,
    /// Unsent bytes in the kernel below which a socket takes more (`TCP_NOTSENT_LOWAT`).
    pub not_sent_low_water_bytes: u64,
    /// A stream that sent nothing for this long shows a sign of life: a WebSocket ping, a blank line, an SSE comment.
    pub ping_interval_ms: u64,
    /// A subscriber slower than this is closed, when it is also further behind than `floor_lag_events`.
    pub floor_rate_bytes_per_s: u64,
    /// Time over which the floor rate is measured.
    pub floor_window_ms: u64,
    /// Events a subscriber may be behind before the floor rate holds for it.
    pub floor_lag_events: u64,
    /// Time streams get to end in their dialect's way when the appliance stops.
    pub drain_timeout_ms: u64,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            send_bytes_max: 240 * KIB,
            socket_send_buffer_bytes: 256 * KIB,
            not_sent_low_water_bytes: 128 * KIB,
            ping_interval_ms: 30_000,
            floor_rate_bytes_per_s: 1_024,
            floor_window_ms: 60_000,
            floor_lag_events: 100_000,
            drain_timeout_ms: 8_000,
        }
    }
}

/// When an event counts as stored, and may be acknowledged and sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`: a power cut takes back nothing.
    #[default]
    Sync,
    /// After the write; a sync follows within the interval: a power cut takes back at most that much.
    Interval {
        /// Longest time between two syncs.
        interval_ms: u64,
    },
    /// After the write; the kernel syncs when it likes: safe from a crash of the process, not of the machine.
    Os,
}

/// What of a feed is kept. Whichever bound is reached first holds; `None` is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events older than this may go.
    pub age_ms: Option<u64>,
    /// Oldest events go once the feed is larger than this.
    pub bytes: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_ms: Some(72 * HOUR_MS), bytes: Some(64 * GIB) }
    }
}

/// `[storage]`: the data directory, and what a feed gets that does not say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Durability of feeds that name none.
    pub durability: Durability,
    /// Segment size of feeds that name none; retention drops whole segments.
    pub segment_bytes_max: u64,
    /// Disk budget of all frame logs together; they are a cache and can be rebuilt.
    pub frame_bytes_max: u64,
    /// A frame log that nobody read for this long may be dropped.
    pub frame_idle_ms: u64,
    /// Publishing is refused while less than this is free on the disk.
    pub disk_low_water_bytes: u64,
    /// Retention of feeds that name none.
    pub retention: Retention,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            durability: Durability::Sync,
            segment_bytes_max: 64 * MIB,
            frame_bytes_max: 8 * GIB,
            frame_idle_ms: 60_000,
            disk_low_water_bytes: 256 * MIB,
            retention: Retention::default(),
        }
    }
}

/// `[atproto]`: what the AT Protocol dialect says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Atproto {
    /// Appended to `Server: Tailwater/VERSION`; empty for nothing. Relays refuse to crawl a host whose `Server` header
    /// contains `atproto-relay`, which guards against loops: leave it where Tailwater fans out a relay, empty it where
    /// Tailwater stands in front of a personal data server.
    pub server_header_suffix: String,
    /// `Retry-After` of answers 429 and 503.
    pub retry_after_ms: u64,
}

impl Default for Atproto {
    fn default() -> Self {
        Self { server_header_suffix: "(atproto-relay)".to_owned(), retry_after_ms: 5_000 }
    }
}

/// `[streamr]`: what one client of the Streamr dialect may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streamr {
    /// Streams and partitions one connection may be subscribed to.
    pub subscriptions_max: u64,
}

impl Default for Streamr {
    fn default() -> Self {
        Self { subscriptions_max: 4_096 }
    }
}

/// `[bigchaindb]`: what the BigchainDB dialect says of itself, and what its clients may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bigchaindb {
    /// Address of the event streams as it is advertised, such as `ws://example.com:9985`; the address that was asked when
    /// absent.
    pub advertised_url: Option<String>,
    /// Different filters that streams may follow at the same time.
    pub filters_max: u64,
}

impl Default for Bigchaindb {
    fn default() -> Self {
        Self { advertised_url: None, filters_max: 64 }
    }
}

/// `[couchdb]`: what clients of the CouchDB dialect may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Couchdb {
    /// Different selectors that feeds of changes may follow at the same time, and different filters that are JavaScript.
    pub filters_max: u64,
    /// Threads on which filters that are JavaScript run.
    pub filter_threads: u64,
    /// Longest time such a filter may take for one document.
    pub filter_time_ms_max: u64,
    /// Most memory that one such filter may use.
    pub filter_memory_bytes_max: u64,
    /// What sessions and the tokens of proxies are signed with; one of the data directory's own when absent.
    pub secret: Option<String>,
    /// Whether a proxy may say whom it has authenticated, with a token that is signed with `secret`.
    pub proxy_auth: bool,
    /// How long a session lasts that is not used.
    pub session_timeout_ms: u64,
    /// Origins whose pages may send cookies and passwords; `*` is every origin.
    pub cors_origins: Vec<String>,
    /// Logins that may wait for their password to be checked.
    pub logins_waiting_max: u64,
    /// Whether databases are compacted by themselves.
    pub auto_compact: bool,
}

impl Default for Couchdb {
    fn default() -> Self {
        Self {
            filters_max: 64,
            filter_threads: 1,
            filter_time_ms_max: 1_000,
            filter_memory_bytes_max: 64 * MIB,
            secret: None,
            proxy_auth: false,
            session_timeout_ms: 600_000,
            cors_origins: Vec::new(),
            logins_waiting_max: 256,
            auto_compact: false,
        }
    }
}

/// `[fauna]`: what clients of the Fauna dialect may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fauna {
    /// How often a stream shows a status while nothing happens.
    pub status_interval_ms: u64,
    /// Different event sources that streams may follow at the same time.
    pub sources_max: u64,
    /// Streams and requests that one HTTP/2 connection may have open at the same time.
    pub http2_streams_max: u64,
}

impl Default for Fauna {
    fn default() -> Self {
        Self {
            status_interval_ms: tailwater_wire::fauna::events::STATUS_INTERVAL_MS,
            sources_max: 256,
            http2_streams_max: 128,
        }
    }
}

/// `[log]`: the appliance's own log, on standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// How much is logged.
    pub level: LogLevel,
    /// The form of a line.
    pub format: LogFormat,
}

//! Every setting: its key, what it may be, and where its value goes.
//!
//! Owns the six tables a configuration is read by; the same tables serve the file and the environment. A setting that is
//! added here is known everywhere. Reads no file and knows no conflicts between settings. Tested by `tests.rs`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::Config;
use super::choice::{Choice, Dialect};
use super::cpus::CpuList;
use super::entries::{AtprotoExposure, Feed, Key, Listen, Mirror, MirrorStart, PARTITIONS_MAX, StreamrExposure, User};
use super::mistake::Wrong;
use super::names::{
    collection_name, database_name, database_path, feed_name, header_text, nsid, origin, password_argon2, read_scope,
    role, scope, secret, secret_sha256, stream_id, stream_url, user_name,
};
use super::sections::Durability;
use super::units::Unit;
use super::upstream::Upstream;
use super::written::Written;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const YEAR_MS: u64 = 365 * 24 * HOUR_MS;

/// Highest sequence number there is: what a JavaScript number holds exactly.
const SEQ_MAX: u64 = (1 << 53) - 1;
/// Largest event and frame, as the AT Protocol's sync specification has it.
const EVENT_BYTES_LIMIT: u64 = 5_000_000;
/// Deepest nesting that is ever accepted.
const JSON_DEPTH_LIMIT: u64 = tailwater_wire::json::DEPTH_MAX as u64;
/// More shards than any machine has processors.
const SHARDS_MAX: u64 = 1_024;

const SEGMENT_BYTES: RangeInclusive<u64> = MIB..=GIB;
const RETENTION_AGE: RangeInclusive<u64> = SECOND_MS..=100 * YEAR_MS;
const RETENTION_BYTES: RangeInclusive<u64> = MIB..=1_024 * TIB;
const INTERVAL: RangeInclusive<u64> = 1..=HOUR_MS;

/// One setting of a `T`.
pub(super) struct Setting<T: 'static> {
    /// Key path from the table the `T` is read from; a dot for each table on the way.
    pub path: &'static str,
    kind: Kind<T>,
}

/// What a setting may be, and where it goes.
enum Kind<T: 'static> {
    Flag(fn(&mut T) -> &mut bool),
    Number(Unit, RangeInclusive<u64>, fn(&mut T) -> &mut u64),
    Bound(Unit, RangeInclusive<u64>, fn(&mut T) -> &mut Option<u64>),
    Text(fn(&mut T, &str) -> Result<(), Wrong>),
    Other(fn(&mut T, Written<'_>) -> Result<(), Wrong>),
    List { clear: fn(&mut T), push: fn(&mut T, &str) -> Result<(), Wrong> },
}

const fn flag<T>(path: &'static str, slot: fn(&mut T) -> &mut bool) -> Setting<T> {
    Setting { path, kind: Kind::Flag(slot) }
}

const fn count<T>(path: &'static str, range: RangeInclusive<u64>, slot: fn(&mut T) -> &mut u64) -> Setting<T> {
    Setting { path, kind: Kind::Number(Unit::Count, range, slot) }
}

const fn bytes<T>(path: &'static str, range: RangeInclusive<u64>, slot: fn(&mut T) -> &mut u64) -> Setting<T> {
    Setting { path, kind: Kind::Number(Unit::Bytes, range, slot) }
}

const fn millis<T>(path: &'static str, range: RangeInclusive<u64>, slot: fn(&mut T) -> &mut u64) -> Setting<T> {
    Setting { path, kind: Kind::Number(Unit::Millis, range, slot) }
}

const fn age_bound<T>(path: &'static str, slot: fn(&mut T) -> &mut Option<u64>) -> Setting<T> {
    Setting { path, kind: Kind::Bound(Unit::Duration, RETENTION_AGE, slot) }
}

const fn bytes_bound<T>(path: &'static str, slot: fn(&mut T) -> &mut Option<u64>) -> Setting<T> {
    Setting { path, kind: Kind::Bound(Unit::Bytes, RETENTION_BYTES, slot) }
}

const fn text<T>(path: &'static str, set: fn(&mut T, &str) -> Result<(), Wrong>) -> Setting<T> {
    Setting { path, kind: Kind::Text(set) }
}

const fn other<T>(path: &'static str, set: fn(&mut T, Written<'_>) -> Result<(), Wrong>) -> Setting<T> {
    Setting { path, kind: Kind::Other(set) }
}

/// The settings outside repeated tables.
pub(super) static ROOT: &[Setting<Config>] = &[
    text("data", |c, text| assign(&mut c.data, Ok(PathBuf::from(text)))),
    other("shards", |c, value| assign_some(&mut c.shards, value.number(Unit::Count, &(1..=SHARDS_MAX)))),
    text("cpus", |c, text| assign_some(&mut c.cpus, cpu_list(text))),
    flag("anonymous", |c| &mut c.anonymous),
    // What one client may ask.
    count("limits.connections_max", 1..=1_000_000, |c| &mut c.limits.connections_max),
    count("limits.connections_per_address_max", 1..=1_000_000, |c| &mut c.limits.connections_per_address_max),
    flag("limits.limit_loopback", |c| &mut c.limits.limit_loopback),
    bytes("limits.header_bytes_max", KIB..=MIB, |c| &mut c.limits.header_bytes_max),
    millis("limits.header_timeout_ms", 100..=10 * MINUTE_MS, |c| &mut c.limits.header_timeout_ms),
    count("limits.handshakes_max", 1..=1_000_000, |c| &mut c.limits.handshakes_max),
    bytes("limits.request_body_bytes_max", KIB..=4 * GIB, |c| &mut c.limits.request_body_bytes_max),
    millis("limits.body_timeout_ms", 1_000..=24 * HOUR_MS, |c| &mut c.limits.body_timeout_ms),
    millis("limits.idle_timeout_ms", 100..=24 * HOUR_MS, |c| &mut c.limits.idle_timeout_ms),
    bytes("limits.event_bytes_max", 1..=EVENT_BYTES_LIMIT, |c| &mut c.limits.event_bytes_max),
    bytes("limits.key_bytes_max", 1..=KIB, |c| &mut c.limits.key_bytes_max),
    count("limits.json_depth_max", 1..=JSON_DEPTH_LIMIT, |c| &mut c.limits.json_depth_max),
    count("limits.feeds_max", 1..=1_000_000, |c| &mut c.limits.feeds_max),
    count("limits.replays_per_address_max", 1..=1_000_000, |c| &mut c.limits.replays_per_address_max),
    bytes("limits.control_queue_bytes_max", KIB..=16 * MIB, |c| &mut c.limits.control_queue_bytes_max),
    // How streams are sent.
    bytes("serve.send_bytes_max", 4 * KIB..=16 * MIB, |c| &mut c.serve.send_bytes_max),
    bytes("serve.socket_send_buffer_bytes", 4 * KIB..=64 * MIB, |c| &mut c.serve.socket_send_buffer_bytes),
    bytes("serve.not_sent_low_water_bytes", KIB..=64 * MIB, |c| &mut c.serve.not_sent_low_water_bytes),
    millis("serve.ping_interval_ms", SECOND_MS..=HOUR_MS, |c| &mut c.serve.ping_interval_ms),
    bytes("serve.floor_rate_bytes_per_s", 0..=GIB, |c| &mut c.serve.floor_rate_bytes_per_s),
    millis("serve.floor_window_ms", SECOND_MS..=24 * HOUR_MS, |c| &mut c.serve.floor_window_ms),
    count("serve.floor_lag_events", 0..=SEQ_MAX, |c| &mut c.serve.floor_lag_events),
    millis("serve.drain_timeout_ms", 0..=10 * MINUTE_MS, |c| &mut c.serve.drain_timeout_ms),
    // The data directory.
    text("storage.durability", |c, text| assign(&mut c.storage.durability, durability(text))),
    millis("storage.durability.interval_ms", INTERVAL, |c| interval(&mut c.storage.durability)),
    bytes("storage.segment_bytes_max", SEGMENT_BYTES, |c| &mut c.storage.segment_bytes_max),
    bytes("storage.frame_bytes_max", MIB..=1_024 * TIB, |c| &mut c.storage.frame_bytes_max),
    millis("storage.frame_idle_ms", SECOND_MS..=24 * HOUR_MS, |c| &mut c.storage.frame_idle_ms),
    bytes("storage.disk_low_water_bytes", 0..=TIB, |c| &mut c.storage.disk_low_water_bytes),
    age_bound("storage.retention.age", |c| &mut c.storage.retention.age_ms),
    bytes_bound("storage.retention.bytes", |c| &mut c.storage.retention.bytes),
    // Dialects.
    other("atproto.server_header_suffix", |c, value| {
        // Empty is a value here: no suffix.
        let suffix = value.as_text().map_or_else(|| value.text(), Ok);
        assign(&mut c.atproto.server_header_suffix, suffix.and_then(header_text))
    }),
    millis("atproto.retry_after_ms", SECOND_MS..=HOUR_MS, |c| &mut c.atproto.retry_after_ms),
    count("streamr.subscriptions_max", 1..=1_000_000, |c| &mut c.streamr.subscriptions_max),
    text("bigchaindb.advertised_url", |c, text| assign_some(&mut c.bigchaindb.advertised_url, stream_url(text))),
    count("bigchaindb.filters_max", 1..=4_096, |c| &mut c.bigchaindb.filters_max),
    count("couchdb.filters_max", 1..=4_096, |c| &mut c.couchdb.filters_max),
    count("couchdb.filter_threads", 1..=64, |c| &mut c.couchdb.filter_threads),
    millis("couchdb.filter_time_ms_max", 1..=MINUTE_MS, |c| &mut c.couchdb.filter_time_ms_max),
    bytes("couchdb.filter_memory_bytes_max", MIB..=GIB, |c| &mut c.couchdb.filter_memory_bytes_max),
    text("couchdb.secret", |c, text| assign_some(&mut c.couchdb.secret, secret(text))),
    flag("couchdb.proxy_auth", |c| &mut c.couchdb.proxy_auth),
    millis("couchdb.session_timeout_ms", 10 * SECOND_MS..=YEAR_MS, |c| &mut c.couchdb.session_timeout_ms),
    Setting {
        path: "couchdb.cors_origins",
        kind: Kind::List {
            clear: |c| c.couchdb.cors_origins.clear(),
            push: |c, text| push(&mut c.couchdb.cors_origins, origin(text)),
        },
    },
    flag("couchdb.auto_compact", |c| &mut c.couchdb.auto_compact),
    count("couchdb.logins_waiting_max", 1..=100_000, |c| &mut c.couchdb.logins_waiting_max),
    millis("fauna.status_interval_ms", 100..=24 * HOUR_MS, |c| &mut c.fauna.status_interval_ms),
    count("fauna.sources_max", 1..=4_096, |c| &mut c.fauna.sources_max),
    count("fauna.http2_streams_max", 1..=10_000, |c| &mut c.fauna.http2_streams_max),
    // The log.
    text("log.level", |c, text| assign(&mut c.log.level, Choice::choose(text))),
    text("log.format", |c, text| assign(&mut c.log.format, Choice::choose(text))),
];

/// The settings of `[[listen]]`.
pub(super) static LISTEN: &[Setting<Listen>] = &[
    text("address", |l, text| assign(&mut l.address, address(text))),
    Setting { path: "dialects", kind: Kind::List { clear: |l| l.dialects.clear(), push: push_dialect } },
    text("tls.certificate", |l, text| assign(&mut l.tls.get_or_insert_default().certificate, Ok(PathBuf::from(text)))),
    text("tls.key", |l, text| assign(&mut l.tls.get_or_insert_default().key, Ok(PathBuf::from(text)))),
];

/// The settings of `[[feed]]`.
pub(super) static FEED: &[Setting<Feed>] = &[
    text("name", |f, text| assign(&mut f.name, feed_name(text))),
    text("durability", |f, text| assign(&mut f.durability, durability(text))),
    millis("durability.interval_ms", INTERVAL, |f| interval(&mut f.durability)),
    bytes("segment_bytes_max", SEGMENT_BYTES, |f| &mut f.segment_bytes_max),
    count("first_seq", 1..=SEQ_MAX, |f| &mut f.first_seq),
    age_bound("retention.age", |f| &mut f.retention.age_ms),
    bytes_bound("retention.bytes", |f| &mut f.retention.bytes),
    text("atproto.nsid", |f, text| assign(&mut exposure(f).nsid, nsid(text))),
    text("atproto.cursor_semantics", |f, text| assign(&mut exposure(f).cursor_semantics, Choice::choose(text))),
    text("atproto.on_outdated", |f, text| assign(&mut exposure(f).on_outdated, Choice::choose(text))),
    flag("public", |f| &mut f.public),
    text("streamr.stream", |f, text| assign(&mut streamr(f).stream, stream_id(text))),
    count("streamr.partitions", 1..=PARTITIONS_MAX, |f| &mut streamr(f).partitions),
    flag("bigchaindb", |f| &mut f.bigchaindb),
    text("couchdb.db", |f, text| assign(&mut f.couchdb.get_or_insert_default().db, database_name(text))),
    text("couchdb.sse", |f, text| assign(&mut f.couchdb.get_or_insert_default().sse, Choice::choose(text))),
    text("fauna.database", |f, text| assign(&mut f.fauna.get_or_insert_default().database, database_path(text))),
    text("fauna.collection", |f, text| assign(&mut f.fauna.get_or_insert_default().collection, collection_name(text))),
];

/// The settings of `[[key]]`.
pub(super) static KEY: &[Setting<Key>] = &[
    text("name", |k, text| assign(&mut k.name, header_text(text))),
    text("secret_sha256", |k, text| assign_some(&mut k.secret_sha256, secret_sha256(text))),
    Setting {
        path: "read",
        kind: Kind::List { clear: |k| k.read.clear(), push: |k, text| push(&mut k.read, read_scope(text)) },
    },
    Setting {
        path: "write",
        kind: Kind::List { clear: |k| k.write.clear(), push: |k, text| push(&mut k.write, scope(text)) },
    },
    flag("admin", |k| &mut k.admin),
];

/// The settings of `[[user]]`.
pub(super) static USER: &[Setting<User>] = &[
    text("name", |u, text| assign(&mut u.name, user_name(text))),
    text("password_argon2", |u, text| assign(&mut u.password_argon2, password_argon2(text))),
    Setting {
        path: "roles",
        kind: Kind::List { clear: |u| u.roles.clear(), push: |u, text| push(&mut u.roles, role(text)) },
    },
];

/// The settings of `[[mirror]]`.
pub(super) static MIRROR: &[Setting<Mirror>] = &[
    text("feed", |m, text| assign(&mut m.feed, feed_name(text))),
    text("url", |m, text| assign(&mut m.upstream, Upstream::read(text))),
    other("cursor", |m, value| assign(&mut m.start, mirror_start(value))),
    millis("backoff_ms_min", 10..=HOUR_MS, |m| &mut m.backoff_ms_min),
    millis("backoff_ms_max", 10..=24 * HOUR_MS, |m| &mut m.backoff_ms_max),
    text("user_agent", |m, text| assign_some(&mut m.user_agent, header_text(text))),
    bytes("frame_bytes_max", KIB..=EVENT_BYTES_LIMIT, |m| &mut m.frame_bytes_max),
    text("ca_file", |m, text| assign_some(&mut m.ca_file, Ok(PathBuf::from(text)))),
];

/// One item of a list that is wrong, and its number in the list.
pub(super) type WrongItem = (Option<usize>, Wrong);

impl<T> Setting<T> {
    /// Puts `value` into `target`, or says all that is wrong with it; `target` keeps what it had.
    pub fn set(&self, target: &mut T, value: Written<'_>) -> Result<(), Vec<WrongItem>> {
        let outcome = match &self.kind {
            Kind::Flag(slot) => assign(slot(target), value.flag()),
            Kind::Number(unit, range, slot) => value.number(*unit, range).map(|number| *slot(target) = number),
            Kind::Bound(unit, range, slot) => assign(slot(target), bound(*unit, range, value)),
            Kind::Text(set) => value.text().and_then(|text| set(target, text)),
            Kind::Other(set) => set(target, value),
            Kind::List { clear, push } => return set_list(target, value, *clear, *push),
        };
        outcome.map_err(|wrong| vec![(None, wrong)])
    }
}

/// Empties the list and fills it with the items that are right.
fn set_list<T>(
    target: &mut T,
    value: Written<'_>,
    clear: fn(&mut T),
    push: fn(&mut T, &str) -> Result<(), Wrong>,
) -> Result<(), Vec<WrongItem>> {
    let items = value.items().map_err(|wrong| vec![(None, wrong)])?;
    if items.is_empty() {
        return Err(vec![(
            None,
            Wrong::new("is an empty list", "name at least one, or leave the setting out for all"),
        )]);
    }
    clear(target);
    let results = items.into_iter().map(|item| item.text().and_then(|text| push(target, text)));
    let wrong: Vec<_> = results.enumerate().filter_map(|(at, result)| Some((Some(at), result.err()?))).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Adds an item that could be read.
fn push<V>(list: &mut Vec<V>, item: Result<V, Wrong>) -> Result<(), Wrong> {
    item.map(|item| list.push(item))
}

/// Stores a value that could be read.
fn assign<V>(slot: &mut V, value: Result<V, Wrong>) -> Result<(), Wrong> {
    value.map(|value| *slot = value)
}

/// Stores a value that could be read, where there may be none.
fn assign_some<V>(slot: &mut Option<V>, value: Result<V, Wrong>) -> Result<(), Wrong> {
    assign(slot, value.map(Some))
}

/// A number, or "unlimited" for none.
fn bound(unit: Unit, range: &RangeInclusive<u64>, value: Written<'_>) -> Result<Option<u64>, Wrong> {
    if value.as_text() == Some("unlimited") {
        return Ok(None);
    }
    let number = value
        .number(unit, range)
        .map_err(|wrong| Wrong::new(wrong.what, format!("{}, or \"unlimited\"", wrong.remedy)))?;
    Ok(Some(number))
}

fn cpu_list(text: &str) -> Result<CpuList, Wrong> {
    text.parse().map_err(|error| Wrong::new(format!("{error}"), "give processors and ranges, such as \"0-3,8\""))
}

/// An address with its port. Host names are refused: which address they mean is decided elsewhere and may change.
pub(super) fn address(text: &str) -> Result<std::net::SocketAddr, Wrong> {
    text.parse().map_err(|_| {
        let remedy = match text.rsplit_once(':') {
            Some(("localhost", port)) => format!("write \"127.0.0.1:{port}\" or \"[::1]:{port}\""),
            _ => "give an IP address and a port, such as \"127.0.0.1:7070\" or \"[::1]:7070\"".to_owned(),
        };
        Wrong::new(format!("{text:?} is no address with a port"), remedy)
    })
}

fn push_dialect(listen: &mut Listen, text: &str) -> Result<(), Wrong> {
    let dialect = Dialect::choose(text)?;
    if listen.dialects.contains(&dialect) {
        return Err(Wrong::new(format!("{text:?} is listed twice"), "name each dialect once"));
    }
    listen.dialects.push(dialect);
    Ok(())
}

fn durability(text: &str) -> Result<Durability, Wrong> {
    match text {
        "sync" => Ok(Durability::Sync),
        "os" => Ok(Durability::Os),
        _ => Err(Wrong::new(
            format!("{text:?} is no durability"),
            "give \"sync\", \"os\" or { interval_ms = MILLISECONDS }",
        )),
    }
}

/// The interval, which makes the durability one of intervals.
fn interval(durability: &mut Durability) -> &mut u64 {
    if !matches!(durability, Durability::Interval { .. }) {
        *durability = Durability::Interval { interval_ms: 0 };
    }
    match durability {
        Durability::Interval { interval_ms } => interval_ms,
        Durability::Sync | Durability::Os => unreachable!("it was made an interval above"),
    }
}

fn streamr(feed: &mut Feed) -> &mut StreamrExposure {
    feed.streamr.get_or_insert_with(|| StreamrExposure::whole(""))
}

fn exposure(feed: &mut Feed) -> &mut AtprotoExposure {
    feed.atproto.get_or_insert_default()
}

fn mirror_start(value: Written<'_>) -> Result<MirrorStart, Wrong> {
    match value.as_text() {
        Some("live") => Ok(MirrorStart::Live),
        Some(_) => {
            let what = format!("{} is no start", value.describe());
            Err(Wrong::new(what, "give \"live\", 0 for the oldest event, or a cursor without quotes"))
        }
        None => value.number(Unit::Count, &(0..=SEQ_MAX)).map(MirrorStart::At),
    }
}

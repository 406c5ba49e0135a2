//! Settings that are right by themselves and wrong together.
//!
//! Owns every rule that looks at more than one setting, one function each. A setting that already has a mistake is
//! compared with nothing. Tested by `tests.rs`.

use std::fs::File;

use super::draft::Draft;
use super::entries::{Feed, Mirror, StreamrExposure};
use super::mistake::Wrong;
use super::near::nearest;
use super::units::Unit;
use crate::tls;

/// A frame log is built beside the one it follows, so the budget holds at least so many segments.
const FRAME_SEGMENTS_MIN: u64 = 2;

/// Notes every conflict in the draft.
pub(super) fn validate(draft: &mut Draft) {
    loopback_unless_anonymous(draft);
    listeners_once(draft);
    listeners_have_pairs(draft);
    shards_within_cpus(draft);
    events_within_bodies(draft);
    low_water_within_buffer(draft);
    frames_hold_segments(draft);
    retention_holds_a_segment(draft);
    feeds_once(draft);
    streams_once(draft);
    one_chain(draft);
    databases_once(draft);
    fauna_databases_once(draft);
    feeds_within_limit(draft);
    keys_once(draft);
    users_once(draft);
    proxies_have_a_secret(draft);
    let mirrors = draft.config.mirrors.clone();
    for (index, mirror) in mirrors.iter().enumerate() {
        mirror_has_a_feed(draft, index, mirror);
        mirror_owns_its_feed(draft, index, &mirrors);
        mirror_backs_off(draft, index, mirror);
        mirror_fits_events(draft, index, mirror);
        mirror_trusts_a_file(draft, index, mirror);
        mirror_follows_another(draft, index, mirror);
    }
}

/// Nobody has to say who they are, so only this machine may ask, until the operator says otherwise.
fn loopback_unless_anonymous(draft: &mut Draft) {
    let known = !draft.config.keys.is_empty() || !draft.config.users.is_empty();
    if draft.config.anonymous || known || !draft.sound(["anonymous", "key", "user"]) {
        return;
    }
    for (index, listen) in draft.config.listen.clone().into_iter().enumerate() {
        let path = format!("listen[{index}].address");
        if listen.address.ip().to_canonical().is_loopback() || !draft.sound([&path]) {
            continue;
        }
        let what = format!(
            "{} can be reached from other machines, and everybody who reaches it may read, publish and delete without \
             saying who they are; refused until there is a [[key]] or `anonymous = true` is set",
            listen.address
        );
        let remedy = format!(
            "bind a loopback address such as 127.0.0.1:{}, add a [[key]], or set `anonymous = true` to open it to everybody",
            listen.address.port()
        );
        draft.conflict(&[&path], Wrong::new(what, remedy));
    }
}

fn listeners_once(draft: &mut Draft) {
    let listen = draft.config.listen.clone();
    for (index, later) in listen.iter().enumerate() {
        let path = format!("listen[{index}].address");
        let twice = later.address.port() != 0 && listen[..index].iter().any(|earlier| earlier.address == later.address);
        if twice && draft.sound([&path]) {
            let what = format!("{} is listened on twice", later.address);
            draft.conflict(&[&path], Wrong::new(what, "use one [[listen]] with all its dialects, or another port"));
        }
    }
}

fn listeners_have_pairs(draft: &mut Draft) {
    for (index, listen) in draft.config.listen.clone().into_iter().enumerate() {
        let (certificate, key) = (format!("listen[{index}].tls.certificate"), format!("listen[{index}].tls.key"));
        let Some(pair) = listen.tls.filter(|_| draft.sound([&certificate, &key])) else { continue };
        if let Err(error) = tls::load(&pair) {
            let path = if error.is_of_key() { key } else { certificate };
            draft.conflict(&[&path], Wrong::new(error.to_string(), error.remedy()));
        }
    }
}

fn shards_within_cpus(draft: &mut Draft) {
    let (Some(shards), Some(cpus)) = (draft.config.shards, &draft.config.cpus) else { return };
    let cpu_count = cpus.as_slice().len() as u64;
    if shards > cpu_count && draft.sound(["shards", "cpus"]) {
        let what = format!("{shards} shards do not fit on {cpu_count} processors ({cpus}); each has one to itself");
        draft.conflict(&["shards", "cpus"], Wrong::new(what, "lower shards or name more processors in cpus"));
    }
}

fn events_within_bodies(draft: &mut Draft) {
    let (event, body) = ("limits.event_bytes_max", "limits.request_body_bytes_max");
    let (event_bytes, body_bytes) = (draft.config.limits.event_bytes_max, draft.config.limits.request_body_bytes_max);
    if event_bytes > body_bytes && draft.sound([event, body]) {
        let what = format!(
            "an event may have {} but the request that publishes it only {}",
            Unit::Bytes.show(event_bytes),
            Unit::Bytes.show(body_bytes)
        );
        draft.conflict(&[event, body], Wrong::new(what, format!("lower {event} or raise {body}")));
    }
}

fn low_water_within_buffer(draft: &mut Draft) {
    let (low, buffer) = ("serve.not_sent_low_water_bytes", "serve.socket_send_buffer_bytes");
    let (low_bytes, buffer_bytes) =
        (draft.config.serve.not_sent_low_water_bytes, draft.config.serve.socket_send_buffer_bytes);
    if low_bytes > buffer_bytes && draft.sound([low, buffer]) {
        let what = format!(
            "a low-water mark of {} lies above the send buffer of {}",
            Unit::Bytes.show(low_bytes),
            Unit::Bytes.show(buffer_bytes)
        );
        draft.conflict(&[low, buffer], Wrong::new(what, format!("lower {low} or raise {buffer}")));
    }
}

fn frames_hold_segments(draft: &mut Draft) {
    let frames = "storage.frame_bytes_max";
    let largest = largest_segment(draft);
    let (frame_bytes, (segment, segment_bytes)) = (draft.config.storage.frame_bytes_max, largest);
    if frame_bytes / FRAME_SEGMENTS_MIN < segment_bytes && draft.sound([frames, &segment]) {
        let what = format!(
            "{} of frame logs do not hold {FRAME_SEGMENTS_MIN} segments of {}",
            Unit::Bytes.show(frame_bytes),
            Unit::Bytes.show(segment_bytes)
        );
        draft.conflict(&[frames, &segment], Wrong::new(what, format!("raise {frames} or lower {segment}")));
    }
}

/// The setting with the largest segment, and its size.
fn largest_segment(draft: &Draft) -> (String, u64) {
    let config = &draft.config;
    let general = ("storage.segment_bytes_max".to_owned(), config.storage.segment_bytes_max);
    let feeds = config.feeds.iter().enumerate();
    feeds.fold(general, |largest, (index, feed)| {
        let larger = feed.segment_bytes_max > largest.1;
        if larger { (format!("feed[{index}].segment_bytes_max"), feed.segment_bytes_max) } else { largest }
    })
}

fn retention_holds_a_segment(draft: &mut Draft) {
    let storage = &draft.config.storage;
    let general = ("storage".to_owned(), storage.retention.bytes, storage.segment_bytes_max);
    let feed_of =
        |(index, feed): (usize, &Feed)| (format!("feed[{index}]"), feed.retention.bytes, feed.segment_bytes_max);
    let feeds: Vec<_> = draft.config.feeds.iter().enumerate().map(feed_of).collect();
    for (at, bytes, segment_bytes) in std::iter::once(general).chain(feeds) {
        let (retention, segment) = (format!("{at}.retention.bytes"), format!("{at}.segment_bytes_max"));
        // A feed that only inherits the conflict is not told again.
        let own = at == "storage" || draft.is_written(&retention) || draft.is_written(&segment);
        let Some(bytes) = bytes.filter(|bytes| *bytes < segment_bytes && own) else { continue };
        if draft.sound([&retention, &segment, "storage.retention.bytes", "storage.segment_bytes_max"]) {
            let what = format!(
                "{} is less than one segment of {}, and whole segments are dropped",
                Unit::Bytes.show(bytes),
                Unit::Bytes.show(segment_bytes)
            );
            draft.conflict(&[&retention, &segment], Wrong::new(what, format!("raise {retention} or lower {segment}")));
        }
    }
}

fn feeds_once(draft: &mut Draft) {
    let feeds = draft.config.feeds.clone();
    let nsid_of = |feed: &Feed| feed.atproto.as_ref().map(|exposure| exposure.nsid.clone());
    for (index, feed) in feeds.iter().enumerate() {
        let earlier = &feeds[..index];
        let name = format!("feed[{index}].name");
        if draft.sound([&name]) && earlier.iter().any(|other| other.name == feed.name) {
            let wrong = Wrong::new(format!("the feed {:?} is configured twice", feed.name), "give it another name");
            draft.conflict(&[&name], wrong);
        }
        let nsid = format!("feed[{index}].atproto.nsid");
        let same = |other: &&Feed| nsid_of(other).is_some() && nsid_of(other) == nsid_of(feed);
        if let Some(other) = earlier.iter().find(same).filter(|_| draft.sound([&nsid])) {
            let what =
                format!("{} is already the stream of the feed {:?}", nsid_of(feed).unwrap_or_default(), other.name);
            draft.conflict(&[&nsid], Wrong::new(what, "bind each NSID to one feed"));
        }
    }
}

/// A stream's partitions are feeds with names of their own, which nobody else may have.
fn streams_once(draft: &mut Draft) {
    let feeds = draft.config.feeds.clone();
    for (index, feed) in feeds.iter().enumerate() {
        let Some(streamr) = &feed.streamr else { continue };
        let stream = format!("feed[{index}].streamr.stream");
        let same = |other: &&Feed| other.streamr.as_ref().is_some_and(|other| other.stream == streamr.stream);
        if let Some(other) = feeds[..index].iter().find(same).filter(|_| draft.sound([&stream])) {
            let what = format!("{:?} is already the stream of the feed {:?}", streamr.stream, other.name);
            draft.conflict(&[&stream], Wrong::new(what, "bind each stream to one feed"));
        }
        for partition in 1..streamr.partitions {
            let name = StreamrExposure::feed_name(&feed.name, partition);
            let partitions = format!("feed[{index}].streamr.partitions");
            if feeds.iter().any(|other| other.name == name) && draft.sound([&partitions]) {
                let what = format!("partition {partition} would be the feed {name:?}, which is configured by itself");
                draft.conflict(&[&partitions], Wrong::new(what, "give that feed another name"));
            }
        }
    }
}

fn one_chain(draft: &mut Draft) {
    let feeds = draft.config.feeds.clone();
    let mut chains = feeds.iter().enumerate().filter(|(_, feed)| feed.bigchaindb);
    let Some((_, first)) = chains.next() else { return };
    for (index, _) in chains {
        let what = format!("the feed {:?} is the chain already, and there is one", first.name);
        draft.conflict(&[&format!("feed[{index}].bigchaindb")], Wrong::new(what, "leave it out here or there"));
    }
}

fn databases_once(draft: &mut Draft) {
    let feeds = draft.config.feeds.clone();
    for (index, feed) in feeds.iter().enumerate() {
        let Some(couchdb) = &feed.couchdb else { continue };
        let db = format!("feed[{index}].couchdb.db");
        let same = |other: &&Feed| other.couchdb.as_ref().is_some_and(|other| other.db == couchdb.db);
        if let Some(other) = feeds[..index].iter().find(same).filter(|_| draft.sound([&db])) {
            let what = format!("{:?} is already the database of the feed {:?}", couchdb.db, other.name);
            draft.conflict(&[&db], Wrong::new(what, "bind each database to one feed"));
        }
    }
}

fn fauna_databases_once(draft: &mut Draft) {
    let feeds = draft.config.feeds.clone();
    for (index, feed) in feeds.iter().enumerate() {
        let Some(fauna) = &feed.fauna else { continue };
        let database = format!("feed[{index}].fauna.database");
        let same = |other: &&Feed| other.fauna.as_ref().is_some_and(|other| other.database == fauna.database);
        if let Some(other) = feeds[..index].iter().find(same).filter(|_| draft.sound([&database])) {
            let what = format!("{:?} is already the Fauna database of the feed {:?}", fauna.database, other.name);
            draft.conflict(&[&database], Wrong::new(what, "bind each database to one feed"));
        }
    }
}

fn keys_once(draft: &mut Draft) {
    let keys = draft.config.keys.clone();
    for (index, key) in keys.iter().enumerate() {
        let (name, secret) = (format!("key[{index}].name"), format!("key[{index}].secret_sha256"));
        if draft.sound([&name]) && keys[..index].iter().any(|other| other.name == key.name) {
            let wrong = Wrong::new(format!("the key {:?} is configured twice", key.name), "give it another name");
            draft.conflict(&[&name], wrong);
        }
        if let Some(other) = keys[..index].iter().find(|other| other.secret_sha256 == key.secret_sha256)
            && draft.sound([&secret])
        {
            let what = format!("the key {:?} has the same secret", other.name);
            draft.conflict(&[&secret], Wrong::new(what, "give each key a secret of its own"));
        }
    }
}

fn users_once(draft: &mut Draft) {
    let (users, keys) = (draft.config.users.clone(), draft.config.keys.clone());
    for (index, user) in users.iter().enumerate() {
        let name = format!("user[{index}].name");
        let twice = users[..index].iter().any(|other| other.name == user.name);
        let key = keys.iter().any(|key| key.name == user.name);
        if draft.sound([&name]) && (twice || key) {
            let what = if twice { "is configured twice" } else { "has the name of a key" };
            let wrong = Wrong::new(format!("the user {:?} {what}", user.name), "give each another name");
            draft.conflict(&[&name], wrong);
        }
    }
}

fn proxies_have_a_secret(draft: &mut Draft) {
    let (proxy, secret) = ("couchdb.proxy_auth", "couchdb.secret");
    if draft.config.couchdb.proxy_auth && draft.config.couchdb.secret.is_none() && draft.sound([proxy, secret]) {
        let wrong = Wrong::new("a proxy needs the secret that its tokens are signed with", "set couchdb.secret");
        draft.conflict(&[proxy], wrong);
    }
}

fn feeds_within_limit(draft: &mut Draft) {
    let partitions = |feed: &Feed| feed.streamr.as_ref().map_or(1, |streamr| streamr.partitions);
    let (feeds, feeds_max) = (draft.config.feeds.iter().map(partitions).sum::<u64>(), draft.config.limits.feeds_max);
    if feeds > feeds_max && draft.sound(["limits.feeds_max"]) {
        let wrong =
            Wrong::new(format!("{feeds} feeds are configured, but {feeds_max} are allowed"), "raise limits.feeds_max");
        draft.conflict(&["limits.feeds_max"], wrong);
    }
}

fn mirror_has_a_feed(draft: &mut Draft, index: usize, mirror: &Mirror) {
    let path = format!("mirror[{index}].feed");
    let names: Vec<_> = draft.config.feeds.iter().map(|feed| feed.name.as_str()).collect();
    let feeds_sound = draft.sound((0..names.len()).map(|feed| format!("feed[{feed}].name")));
    if names.contains(&mirror.feed.as_str()) || !feeds_sound || !draft.sound([path.as_str(), "feed"]) {
        return;
    }
    let remedy = match nearest(&mirror.feed, names) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("add a [[feed]] with name = {:?}", mirror.feed),
    };
    draft.conflict(&[&path], Wrong::new(format!("no feed {:?} is configured", mirror.feed), remedy));
}

fn mirror_owns_its_feed(draft: &mut Draft, index: usize, mirrors: &[Mirror]) {
    let path = format!("mirror[{index}].feed");
    let feed = &mirrors[index].feed;
    if draft.sound([&path]) && mirrors[..index].iter().any(|earlier| earlier.feed == *feed) {
        let what = format!("another mirror already fills the feed {feed:?}, and two upstreams do not share one order");
        draft.conflict(&[&path], Wrong::new(what, "give each mirror a feed of its own"));
    }
}

fn mirror_backs_off(draft: &mut Draft, index: usize, mirror: &Mirror) {
    let (least, most) = (format!("mirror[{index}].backoff_ms_min"), format!("mirror[{index}].backoff_ms_max"));
    if mirror.backoff_ms_min > mirror.backoff_ms_max && draft.sound([&least, &most]) {
        let what = format!(
            "the shortest pause of {} is longer than the longest of {}",
            Unit::Millis.show(mirror.backoff_ms_min),
            Unit::Millis.show(mirror.backoff_ms_max)
        );
        draft.conflict(&[&least, &most], Wrong::new(what, "lower backoff_ms_min or raise backoff_ms_max"));
    }
}

fn mirror_fits_events(draft: &mut Draft, index: usize, mirror: &Mirror) {
    let (frame, event) = (format!("mirror[{index}].frame_bytes_max"), "limits.event_bytes_max");
    let event_bytes = draft.config.limits.event_bytes_max;
    if mirror.frame_bytes_max > event_bytes && draft.sound([frame.as_str(), event]) {
        let what = format!(
            "frames of {} are accepted, but events of {} at most are stored",
            Unit::Bytes.show(mirror.frame_bytes_max),
            Unit::Bytes.show(event_bytes)
        );
        draft.conflict(&[&frame, event], Wrong::new(what, format!("lower it or raise {event}")));
    }
}

fn mirror_trusts_a_file(draft: &mut Draft, index: usize, mirror: &Mirror) {
    let (path, url) = (format!("mirror[{index}].ca_file"), format!("mirror[{index}].url"));
    let Some(file) = mirror.ca_file.as_deref().filter(|_| draft.sound([&path])) else { return };
    if !mirror.upstream.tls && draft.sound([&url]) {
        let what = "certificates are given for a ws:// address, which has none";
        draft.conflict(&[&path], Wrong::new(what, "leave ca_file out, or follow a wss:// address"));
    }
    if let Err(error) = File::open(file) {
        let what = format!("{} cannot be read ({error})", file.display());
        draft.conflict(&[&path], Wrong::new(what, "give a file of PEM certificates"));
    }
}

fn mirror_follows_another(draft: &mut Draft, index: usize, mirror: &Mirror) {
    let path = format!("mirror[{index}].url");
    let port = mirror.upstream.port;
    let own = |listen: &super::Listen| {
        listen.address.port() == port && mirror.upstream.host.parse() == Ok(listen.address.ip())
    };
    if draft.sound([&path]) && draft.config.listen.iter().any(own) {
        let what = format!("{} is this appliance's own listener", mirror.upstream.authority());
        draft.conflict(&[&path], Wrong::new(what, "give the address of the upstream"));
    }
}

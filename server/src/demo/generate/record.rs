//! Records of a social application: posts, likes, reposts, follows and profiles, in the shapes of their lexicons.
//!
//! Owns what a record says and how frequent each collection is. Tested by `tests.rs`.

use rand::RngExt;

use super::Rng;
use super::cbor::Value;
use super::link::Link;
use super::text::{sentence, sentences, title};
use super::time::{rfc3339, tid};

/// A year, the time over which what a record refers to was written.
pub(super) const YEAR_US: u64 = 365 * 86_400 * 1_000_000;

/// A kind of record that accounts keep many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collection {
    Like,
    Post,
    Repost,
    Follow,
}

impl Collection {
    /// One of them, as often as in production.
    pub fn pick(rng: &mut Rng) -> Self {
        match rng.random_range(0..100) {
            0..58 => Self::Like,
            58..76 => Self::Post,
            76..88 => Self::Repost,
            _ => Self::Follow,
        }
    }

    /// The collection's NSID.
    pub fn nsid(self) -> &'static str {
        match self {
            Self::Like => "app.bsky.feed.like",
            Self::Post => "app.bsky.feed.post",
            Self::Repost => "app.bsky.feed.repost",
            Self::Follow => "app.bsky.graph.follow",
        }
    }

    /// A new record of this collection.
    pub fn record(self, rng: &mut Rng, time_us: u64) -> Value {
        let mut fields = vec![("$type", Value::text(self.nsid())), ("createdAt", created_at(rng, time_us))];
        match self {
            Self::Like | Self::Repost => {
                fields.push(("subject", some_post(rng, time_us)));
                // Where the post was seen, when that was somebody's repost.
                fields.extend(rng.random_bool(0.5).then(|| ("via", some_post(rng, time_us))));
            }
            Self::Follow => fields.push(("subject", Value::text(did(rng)))),
            Self::Post => post(rng, time_us, &mut fields),
        }
        Value::Map(fields)
    }
}

/// The path of the one profile an account has.
pub(super) const PROFILE: &str = "app.bsky.actor.profile/self";

/// A profile.
pub(super) fn profile(rng: &mut Rng, time_us: u64) -> Value {
    Value::Map(vec![
        ("$type", Value::text("app.bsky.actor.profile")),
        ("createdAt", created_at(rng, time_us)),
        ("displayName", Value::text(title(rng))),
        ("description", Value::text(sentence(rng))),
    ])
}

/// A made-up account.
pub(super) fn did(rng: &mut Rng) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let id: String = (0..24).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect();
    format!("did:plc:{id}")
}

fn post(rng: &mut Rng, time_us: u64, fields: &mut Vec<(&'static str, Value)>) {
    let count = rng.random_range(1..=4);
    fields.push(("text", Value::text(sentences(rng, count))));
    fields.push(("langs", Value::List(vec![Value::text("en")])));
    if rng.random_bool(0.5) {
        let (root, parent) = (some_post(rng, time_us), some_post(rng, time_us));
        fields.push(("reply", Value::Map(vec![("root", root), ("parent", parent)])));
    }
}

/// A reference to somebody's post of the past year.
fn some_post(rng: &mut Rng, time_us: u64) -> Value {
    let key = tid(time_us.saturating_sub(rng.random_range(0..YEAR_US)), rng.random());
    let uri = format!("at://{}/app.bsky.feed.post/{key}", did(rng));
    Value::Map(vec![("cid", Value::text(Link::anywhere(rng).to_string())), ("uri", Value::text(uri))])
}

/// The client's clock, a moment before the server's.
fn created_at(rng: &mut Rng, time_us: u64) -> Value {
    Value::text(rfc3339(time_us.saturating_sub(rng.random_range(20_000..2_000_000))))
}

//! The stream that tells of streams that come and go.
//!
//! Owns what is written to it, and that every stream is told of exactly once: those that came or went while nobody could be told
//! (those of the configuration, and what a crash cut short) are told of at the next start. What was told is known from the stream
//! itself, which keeps everything. Tested by `server/tests/streamr/announced.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Mutex, PoisonError},
};

use async_channel::{Receiver, Sender};
use tailwater_core::{Batch, FeedOptions, ReadError, Retention, SeqMode};
use tailwater_wire::streamr::system::StreamChange;

use super::{Appliance, FeedsError, feeds::SYSTEM_FEED};
use crate::{
    clock::now_us,
    config::{Dialect, StreamrExposure},
    exposure::Exposure,
};

/// Streams by their ids, and how many partitions each has.
type Streams = BTreeMap<String, u64>;

/// What is to be told, in this order.
type News = Vec<(StreamChange, String, u64)>;

/// What a start has to tell, and whether it has.
pub(super) struct Announcing {
    news: Mutex<News>,
    /// Carries nothing; closed once it is told, whether that could be stored or not.
    told: Sender<Infallible>,
    done: Receiver<Infallible>,
}

impl Default for Announcing {
    fn default() -> Self {
        let (told, done) = async_channel::bounded(1);
        Self { news: Mutex::default(), told, done }
    }
}

impl Appliance {
    /// Creates the feed in which the appliance tells of streams that come and go, where somebody can read it.
    fn create_system(&self) -> Result<(), FeedsError> {
        if self.serves(Dialect::Streamr) && self.feeds.get(SYSTEM_FEED).is_none() {
            let exposure = Exposure { streamr: Some(StreamrExposure::whole(SYSTEM_FEED)), ..Exposure::default() };
            // It is what is known of what was told.
            let options = FeedOptions { retention: Retention::default(), ..self.default_options() };
            self.add(SYSTEM_FEED, &options, &exposure)?;
        }
        Ok(())
    }

    /// Creates what the configuration names, and notes which streams have come and gone untold. Blocks.
    pub(super) fn create_and_note(&self) -> Result<(), FeedsError> {
        let told = self.told();
        let before = self.streams();
        self.create_configured()?;
        self.create_system()?;
        match told {
            Ok(told) => {
                let news = news(&told, &before, &self.streams());
                *self.announcing.news.lock().unwrap_or_else(PoisonError::into_inner) = news;
            }
            // Rather nothing than something for the second time.
            Err(error) => {
                tracing::error!(%error, "the system feed cannot be read, so it does not tell what this start found")
            }
        }
        Ok(())
    }

    /// The streams that are there, as far as the system feed says.
    fn told(&self) -> Result<Streams, ReadError> {
        let mut told = Streams::new();
        let Some(system) = self.feeds.get(SYSTEM_FEED) else { return Ok(told) };
        let mut reader = system.feed().read(system.feed().first_seq());
        while let Some(event) = reader.next().transpose()? {
            match StreamChange::read(&event) {
                Some((StreamChange::Created, stream, partitions)) => drop(told.insert(stream, partitions)),
                Some((StreamChange::Deleted, stream, _)) => drop(told.remove(&stream)),
                None => {}
            }
        }
        Ok(told)
    }

    /// The streams that are there.
    fn streams(&self) -> Streams {
        let ids = self.feeds.stream_ids().into_iter().filter(|id| id != SYSTEM_FEED);
        ids.filter_map(|id| self.feeds.stream(&id).map(|partitions| (id, partitions.len() as u64))).collect()
    }

    /// Tells what was noted at the start. Call it once, when feeds are written.
    pub(crate) async fn announce_noted(&self) {
        let news = std::mem::take(&mut *self.announcing.news.lock().unwrap_or_else(PoisonError::into_inner));
        self.tell(&news, now_us()).await;
        self.announcing.told.close();
    }

    /// Tells the readers of the system feed that a stream has come or gone. Returns once that is durable.
    pub(crate) async fn announce(&self, change: StreamChange, exposure: &Exposure, time_us: u64) {
        let Some(streamr) = &exposure.streamr else { return };
        // What was there at the start is told first. An error is the news: the channel was closed.
        let _closed = self.announcing.done.recv().await;
        self.tell(&[(change, streamr.stream.clone(), streamr.partitions)], time_us).await;
    }

    async fn tell(&self, news: &[(StreamChange, String, u64)], time_us: u64) {
        let Some(system) = self.feeds.get(SYSTEM_FEED).filter(|_| !news.is_empty()) else { return };
        let mut batch = Batch::new();
        let written = news
            .iter()
            .try_for_each(|(change, stream, partitions)| change.push(&mut batch, stream, *partitions, time_us))
            .map_err(|error| error.to_string());
        let told = match written {
            Ok(()) => system.feed().append(batch, SeqMode::Assign).await.map(drop).map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            let streams: BTreeSet<&str> = news.iter().map(|(_, stream, _)| stream.as_str()).collect();
            tracing::error!(?streams, %error, "the system feed does not tell of a stream's coming or going");
        }
    }
}

/// What is to be told: `before` and `after` are the streams before and after those of the configuration were created.
fn news(told: &Streams, before: &Streams, after: &Streams) -> News {
    let gone = told.iter().filter(|(stream, _)| !before.contains_key(*stream));
    let is_new = |stream: &String| !told.contains_key(stream) || !before.contains_key(stream);
    let new = after.iter().filter(|(stream, _)| is_new(stream));
    let of = |change: StreamChange| move |(stream, partitions): (&String, &u64)| (change, stream.clone(), *partitions);
    gone.map(of(StreamChange::Deleted)).chain(new.map(of(StreamChange::Created))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(of: &[&str]) -> Streams {
        of.iter().map(|stream| ((*stream).to_owned(), stream.len() as u64)).collect()
    }

    #[test]
    fn what_came_and_went_untold() {
        // What was told, what was there, what is there; what is to be told.
        let table: [[&[&str]; 4]; 7] = [
            [&[], &[], &[], &[]],
            [&[], &[], &["a", "b"], &["+a", "+b"]],
            [&["a"], &["a"], &["a"], &[]],
            [&["a"], &["a", "cut short"], &["a", "cut short"], &["+cut short"]],
            [&["a", "b"], &["b"], &["b", "c"], &["-a", "+c"]],
            // It was deleted, which a crash kept from being told, and is created again.
            [&["a"], &[], &["a"], &["-a", "+a"]],
            [&["b", "a"], &[], &[], &["-a", "-b"]],
        ];
        for [told, before, after, expected] in table {
            let news = news(&streams(told), &streams(before), &streams(after));
            let shown: Vec<String> = news
                .iter()
                .map(|(change, stream, partitions)| {
                    assert_eq!(*partitions, stream.len() as u64);
                    format!("{}{stream}", if *change == StreamChange::Created { '+' } else { '-' })
                })
                .collect();
            assert_eq!(shown, expected, "{told:?} {before:?} {after:?}");
        }
    }
}

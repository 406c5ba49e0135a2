//! Mirrors: feeds that follow an upstream stream, bytes and seqs preserved.
//!
//! Owns the tasks that follow, on the shard that owns the feed, and what they report. A mirror's cursor is what is
//! durable here and nothing else; it keeps no state of its own. [`intake`] judges frames, [`connect`] opens the stream,
//! [`follow`] keeps it open, [`status`] tells. Tested by `server/tests/mirror.rs`.

mod connect;
mod follow;
mod intake;
mod status;

use std::{rc::Rc, sync::Arc};

use serde::Serialize;
use tailwater_wire::native::request::PublishLimits;

use self::status::{Status, StatusReport};
use crate::{config, shard::Shard};

/// One configured mirror and its state.
pub(crate) struct Mirror {
    config: config::Mirror,
    limits: PublishLimits,
    status: Status,
}

/// All mirrors of the appliance.
pub(crate) struct Mirrors {
    mirrors: Vec<Arc<Mirror>>,
}

/// A mirror as the API shows it.
#[derive(Serialize)]
pub(crate) struct Described {
    feed: String,
    url: String,
    #[serde(flatten)]
    report: StatusReport,
}

impl Mirrors {
    pub(crate) fn new(configured: &[config::Mirror], limits: PublishLimits) -> Self {
        let mirror =
            |config: &config::Mirror| Arc::new(Mirror { config: config.clone(), limits, status: Status::default() });
        Self { mirrors: configured.iter().map(mirror).collect() }
    }

    /// Whether a mirror fills the feed. Its seqs are the upstream's: nobody else can publish there.
    pub(crate) fn fills(&self, feed: &str) -> bool {
        self.mirrors.iter().any(|mirror| mirror.config.feed == feed)
    }

    /// Every mirror and what it does now.
    pub(crate) fn statuses(&self) -> Vec<Described> {
        let described = |mirror: &Arc<Mirror>| Described {
            feed: mirror.config.feed.clone(),
            url: mirror.config.upstream.to_string(),
            report: mirror.status.report(),
        };
        self.mirrors.iter().map(described).collect()
    }
}

/// Starts following, for every mirror whose feed the shard owns. Ends with the shard.
pub(crate) fn follow_owned(shard: &Rc<Shard>) {
    let appliance = &shard.appliance;
    for mirror in &appliance.mirrors.mirrors {
        let Some(entry) = appliance.feeds.get(&mirror.config.feed) else {
            mirror.status.stopped(format!("there is no feed {:?}", mirror.config.feed));
            continue;
        };
        if appliance.owner(entry.id()) == shard.index {
            mirror.status.found(entry.feed().last_seq());
            shard.spawn(follow::follow(shard.clone(), mirror.clone(), entry));
        }
    }
}

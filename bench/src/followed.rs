//! How many follow a server's feeds: what a client that has to ask for its streams has been granted.
//!
//! Owns the waiting until it is as many as expected. Tests are below.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::http::Client;

/// Between looks.
const LOOK: Duration = Duration::from_millis(50);

/// Subscriptions that take longer than this, all together, have failed.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Waits until the feeds of the server at `address` have exactly so many followers, over all feeds and dialects.
///
/// # Errors
///
/// When they do not have that many in time, or the server does not answer.
pub fn wait_for(address: SocketAddr, followers: u64) -> Result<()> {
    let mut client = Client::connect(address)?;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let feeds = client.get("/v1/feeds")?;
        match count(&feeds).with_context(|| format!("the feeds lack a counter: {feeds}"))? {
            found if found == followers => return Ok(()),
            found if Instant::now() > deadline => bail!("the server has {found} followers, not {followers}"),
            _ => thread::sleep(LOOK),
        }
    }
}

/// The followers of all feeds in `GET /v1/feeds`.
fn count(feeds: &Value) -> Option<u64> {
    feeds["feeds"].as_array()?.iter().map(|feed| feed["subscribers"].as_u64()).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn followers_of_all_feeds() {
        let table = [
            (json!({"feeds": [{"name": "a", "subscribers": 3}, {"name": "b", "subscribers": 4}]}), Some(7)),
            (json!({"feeds": []}), Some(0)),
            (json!({"feeds": [{"name": "a"}]}), None),
            (json!({}), None),
        ];
        for (feeds, expected) in table {
            assert_eq!(count(&feeds), expected, "{feeds}");
        }
    }
}

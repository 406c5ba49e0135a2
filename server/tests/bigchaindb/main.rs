//! The BigchainDB dialect over real sockets, as its contract with clients in the field has it.
//!
//! What unmodified clients make of it is tested in `clients/`. Transactions are made and signed without the server's code.
//!
//! | what clients hold a server to, or saw one fail at | tested in |
//! | --- | --- |
//! | discovery with and without a slash, exact objects, advertised address | `info` |
//! | exact messages in the order of the block, only valid transactions, nothing for empty blocks, elections | `streams`, `refusals` |
//! | live, no greeting, input ignored up to 4 MiB, pings answered, subprotocols ignored | `streams` |
//! | the answers to everything that is no stream, two ports | `paths` |
//! | one slow client stalls nobody, comers and goers disturb nobody and leave nothing, idle streams survive proxies | `slow`, `streams` |
//! | posting with any content type, in every mode, heights without gaps | `post`, `kills` |
//! | whatever is not valid is refused in known words and not stored, whoever races | `refusals`, `races` |
//! | looking up a transaction, a block, the blocks of a transaction | `look_up` |
//! | outputs of an owner, transactions of an asset, validators: exact lists, refusals in known words | `lists` |
//! | searching as users of the original's database know it | `search` |
//! | the path and the messages of the stream of blocks, which only a fork has | `blocks` |
//! | replay, filters | `replay`, `filters` |

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod blocks;
mod damaged;
mod endings;
mod filters;
mod info;
mod keys;
mod kills;
mod life;
mod lists;
mod look_up;
mod paths;
mod post;
mod races;
mod refusals;
mod replay;
mod search;
mod slow;
mod streams;
mod words;

use tailwater::config::{Config, Dialect, Listen};

use common::{
    Appliance,
    frames::{open, server_frame},
    raw::Connection,
};

/// The stream of transactions.
const STREAM: &str = "/api/v1/streams/valid_transactions";

/// The stream of blocks.
const BLOCKS: &str = "/api/v1/streams/valid_blocks";

/// A listener for this dialect alone, on a free port.
fn alone(config: &mut Config) {
    config.listen =
        vec![Listen { address: config.listen[0].address, dialects: vec![Dialect::Bigchaindb], ..Listen::default() }];
}

/// A stream that has begun.
fn follow(appliance: &Appliance, path: &str) -> Connection {
    open(appliance, path)
}

/// The next message of a stream.
fn message(stream: &mut Connection) -> String {
    loop {
        match server_frame(stream) {
            (0x81, payload) => return String::from_utf8(payload).unwrap(),
            (0x89, _) => {}
            other => panic!("{other:?} is no message"),
        }
    }
}

/// The height of the newest block, as the native interface has it.
fn last_height(appliance: &Appliance) -> u64 {
    appliance.get("/v1/feeds/blocks").1["last_seq"].as_u64().unwrap()
}

//! The process is killed again and again while transactions are posted and blocks are read.
//!
//! Afterwards heights are continuous, whatever was acknowledged is in exactly one block, and nobody ever saw two different
//! blocks of one height. `TAILWATER_LONG=1` runs it with more kills.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use serde_json::{Value, json};

use super::{
    BLOCKS,
    common::{
        PATIENCE,
        bigchaindb::{Made, Owner, create, post_request, transfer},
        bulk::{self, Bulk},
        call, eventually,
        process::{Serving, tailwater},
    },
};

const PUBLISHERS: u64 = 6;

/// What everybody shares.
struct World {
    /// Where the process serves now.
    address: Mutex<SocketAddr>,
    over: AtomicBool,
    acknowledged: AtomicU64,
    /// The block that was first seen of each height, by anybody, in any life of the process.
    seen: Mutex<HashMap<u64, String>>,
}

impl World {
    fn address(&self) -> SocketAddr {
        *self.address.lock().unwrap()
    }
}

fn serve(data: &Path) -> Command {
    let mut command = tailwater();
    command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "2", "--data"]).arg(data);
    command
}

/// Posts over a connection of its own; `None` when the process went away before it answered, or was not ready.
fn post(address: SocketAddr, made: &Made) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = post_request(&made.json).replacen("Host: a\r\n", "Host: a\r\nConnection: close\r\n", 1);
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.get(9..12)?.parse().ok()?;
    (status != 503).then(|| (status, body.to_owned()))
}

/// Posts a transaction until it is acknowledged. One that was stored when the answer was lost is refused as there already.
fn post_until_stored(world: &World, made: &Made) -> bool {
    let mut tried = false;
    loop {
        match post(world.address(), made) {
            Some((202, _)) => return true,
            Some((status, body)) => {
                let is_there = body.contains("DuplicateTransaction") || body.contains("DoubleSpend");
                assert!(tried && status == 400 && is_there, "{status} {body}");
                return true;
            }
            None if world.over.load(Ordering::SeqCst) => return false,
            None => {
                tried = true;
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

/// Creates assets and passes them on, each step only after the one before was acknowledged. Returns what was.
fn publish(world: &World, publisher: u64) -> Vec<String> {
    let owner = Owner::new(publisher);
    let mut stored = Vec::new();
    for asset in 0_u64.. {
        let mut last = create(&owner, json!({ "publisher": publisher, "asset": asset }), &[1]);
        for _ in 0..5 {
            if world.over.load(Ordering::SeqCst) || !post_until_stored(world, &last) {
                return stored;
            }
            world.acknowledged.fetch_add(1, Ordering::SeqCst);
            stored.push(last.id.clone());
            last = transfer(&owner, &last.asset, &[(&last.id, 0)], &[(&owner, 1)]);
        }
    }
    stored
}

/// Reads blocks, resuming behind the last height whenever the stream is cut, until it is over. Returns their ids by height.
fn subscribe(world: &World, last_height: &AtomicU64) -> BTreeMap<u64, Vec<String>> {
    let mut blocks = BTreeMap::new();
    loop {
        let since = blocks.last_key_value().map_or(0, |(height, _)| *height);
        let Some(mut stream) = Bulk::open(world.address(), &format!("{BLOCKS}?since_height={since}"), None) else {
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        while let Some((first, payload)) = stream.next() {
            match first {
                0x81 => {}
                0x89 => continue,
                other => panic!("{other:#x}"),
            }
            let text = String::from_utf8(payload.to_vec()).unwrap();
            let block: Value = serde_json::from_str(&text).unwrap();
            let height = block["height"].as_u64().unwrap();
            assert_eq!(height, blocks.last_key_value().map_or(1, |(height, _)| height + 1));
            assert_eq!(*world.seen.lock().unwrap().entry(height).or_insert_with(|| text.clone()), text);
            let ids = block["transaction_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
            blocks.insert(height, ids.collect());
            if last_height.load(Ordering::SeqCst) == height {
                return blocks;
            }
        }
    }
}

/// Kills the process at random moments, each some acknowledged transactions after the last start, and starts it again.
fn kill_and_restart(
    world: &World,
    data: &Path,
    mut serving: Serving,
    kills: usize,
    random: &mut ChaCha8Rng,
) -> Serving {
    for _ in 0..kills {
        let enough = world.acknowledged.load(Ordering::SeqCst) + random.random_range(10..60);
        eventually("posting", || world.acknowledged.load(Ordering::SeqCst) >= enough);
        thread::sleep(Duration::from_micros(random.random_range(0..5_000)));
        serving.child.kill().unwrap();
        drop(serving);
        serving = Serving::start(&mut serve(data));
        *world.address.lock().unwrap() = serving.address;
    }
    serving
}

#[test]
fn heights_stay_continuous_and_nothing_acknowledged_is_lost() {
    let kills = if bulk::long() { 30 } else { 6 };
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("log");
    let serving = Serving::start(&mut serve(&data));
    let world = World {
        address: Mutex::new(serving.address),
        over: AtomicBool::new(false),
        acknowledged: AtomicU64::new(0),
        seen: Mutex::default(),
    };
    let last_height = AtomicU64::new(u64::MAX);
    let (stored, readings, serving) = thread::scope(|scope| {
        let (world, last_height) = (&world, &last_height);
        let readers: Vec<_> = (0..8).map(|_| bulk::spawn(scope, || subscribe(world, last_height))).collect();
        let publishers: Vec<_> = (0..PUBLISHERS).map(|n| scope.spawn(move || publish(world, n))).collect();
        let serving = kill_and_restart(world, &data, serving, kills, &mut random);
        world.over.store(true, Ordering::SeqCst);
        let stored: Vec<String> = publishers.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        // One block more, which everybody then reads to.
        let (_, feed) = call("GET", &format!("http://{}/v1/feeds/blocks", world.address()), None, "");
        last_height.store(feed["last_seq"].as_u64().unwrap() + 1, Ordering::SeqCst);
        eventually("the last block", || {
            post(world.address(), &create(&Owner::new(1_000), json!(null), &[1])).is_some()
        });
        let readings: Vec<_> = readers.into_iter().map(|thread| thread.join().unwrap()).collect();
        (stored, readings, serving)
    });
    let blocks = &readings[0];
    assert!(readings.iter().all(|reading| reading == blocks), "all have read the same");
    let ids: Vec<&String> = blocks.values().flatten().collect();
    let unique: HashSet<&String> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len(), "no transaction is in two blocks");
    for id in &stored {
        assert!(unique.contains(id), "the acknowledged transaction {id} is lost");
        let (status, _) = call("GET", &format!("http://{}/api/v1/transactions/{id}", serving.address), None, "");
        assert_eq!(status, 200);
    }
}

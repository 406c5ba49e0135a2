//! The process is killed again and again while publishers publish and subscribers follow.
//!
//! Afterwards everything acknowledged is there once, at the offset and in the partition that were said, offsets have no
//! gap, each message names the one before it, and whoever resumed the way clients do missed and repeated nothing.

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use serde_json::{Value, json};
use tungstenite::Message;

use super::{
    client::{Client, Told, told},
    common::{
        PATIENCE, eventually,
        process::{Serving, tailwater},
    },
};

const PARTITIONS: u64 = 3;
const PUBLISHERS: usize = 4;
const SUBSCRIBERS: usize = 9;
const KILLS: usize = 5;

/// The content of the last message of each partition.
const END: &str = "the end";

/// What everybody shares.
struct World {
    /// Where the process serves now.
    address: Mutex<SocketAddr>,
    /// Publishers are to finish.
    over: AtomicBool,
    acknowledged: AtomicU64,
}

impl World {
    /// A connection to whatever serves now; `None` while nothing does.
    fn connect(&self) -> Option<Client> {
        let address = *self.address.lock().unwrap();
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        // A server that is starting or going says so, or nothing.
        let (socket, _) = tungstenite::client(format!("ws://{address}/api/v1/ws"), stream).ok()?;
        Some(Client { socket })
    }

    /// Connects as soon as something serves.
    fn connected(&self) -> Client {
        loop {
            match self.connect() {
                Some(client) => return client,
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

/// The next message of a connection; `None` at its end, however that comes.
fn read(client: &mut Client) -> Option<Value> {
    loop {
        match client.socket.read().ok()? {
            Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

fn send(client: &mut Client, request: &Value) -> Option<()> {
    client.socket.send(Message::text(request.to_string())).ok()
}

fn start(directory: &Path) -> Serving {
    let mut command = tailwater();
    command.args(["serve", "--listen", "127.0.0.1:0", "--shards", "2", "--config"]);
    Serving::start(command.arg(directory.join("tailwater.toml")).arg("--data").arg(directory.join("log")))
}

/// Where a message was said to be stored, by its content.
type Stored = HashMap<String, (u64, u64)>;

/// Publishes runs of messages of changing length, over one connection as long as it lasts. Returns what was acknowledged.
fn publish(world: &World, publisher: usize, mut random: ChaCha8Rng) -> Stored {
    let mut stored = Stored::new();
    let mut published = 0;
    while !world.over.load(Ordering::SeqCst) {
        let mut client = world.connected();
        while !world.over.load(Ordering::SeqCst) {
            let run = random.random_range(1..=20);
            let contents: Vec<String> = (published..published + run).map(|at| format!("{publisher}-{at}")).collect();
            published += run;
            let sent = contents.iter().try_for_each(|content| {
                let msg = json!(content).to_string();
                send(&mut client, &json!({ "type": "publish", "stream": "load", "msg": msg, "ack": content }))
            });
            if sent.and_then(|()| hear(&mut client, contents.len(), &mut stored)).is_none() {
                break;
            }
            world.acknowledged.fetch_add(run, Ordering::SeqCst);
        }
    }
    stored
}

/// Takes so many acknowledgements; `None` when the process goes away before.
fn hear(client: &mut Client, count: usize, stored: &mut Stored) -> Option<()> {
    for _ in 0..count {
        let value = read(client)?;
        let payload = &value[3];
        assert_eq!(value[1], json!(100), "{value}");
        let place = (payload["partition"].as_u64().unwrap(), payload["offset"].as_u64().unwrap());
        let before = stored.insert(payload["ack"].as_str().unwrap().to_owned(), place);
        assert_eq!(before, None, "acknowledged once: {value}");
    }
    Some(())
}

/// Follows one partition as clients do: subscribe, ask for what was missed, queue what comes meanwhile. Returns all contents.
fn follow(world: &World, partition: u64) -> Vec<String> {
    let mut contents = Vec::new();
    loop {
        let mut client = world.connected();
        if follow_on(&mut client, partition, &mut contents).is_some() {
            return contents;
        }
    }
}

fn follow_on(client: &mut Client, partition: u64, contents: &mut Vec<String>) -> Option<()> {
    send(client, &json!({ "type": "subscribe", "stream": "load", "partition": partition }))?;
    assert_eq!(read(client)?, json!([0, 2, "", { "stream": "load", "partition": partition }]));
    let from = contents.len() + 1;
    send(
        client,
        &json!({ "type": "resend", "stream": "load", "partition": partition, "sub": "0", "resend_from": from }),
    )?;
    let mut queue = Vec::new();
    loop {
        let value = read(client)?;
        match value[1].as_u64().unwrap() {
            0 => queue.push(told(None, &value[3])),
            1 => take(contents, told(Some(json!("0")), &value[3])),
            4 => {}
            5 | 6 => break,
            _ => panic!("{value}"),
        }
    }
    queue.into_iter().for_each(|message| take(contents, message));
    while contents.last().is_none_or(|content| content != END) {
        let value = read(client)?;
        assert_eq!(value[1], json!(0), "{value}");
        take(contents, told(None, &value[3]));
    }
    Some(())
}

/// Adds a message, unless it is known already: what was queued during a resend may have been resent.
fn take(contents: &mut Vec<String>, message: Told) {
    let last = contents.len() as u64;
    if message.offset <= last {
        return;
    }
    assert_eq!(message.offset, last + 1, "no gap, in no life of the process");
    assert_eq!(message.previous, (last > 0).then_some(last));
    contents.push(message.content.as_str().unwrap().to_owned());
}

/// Kills the process at random moments, each some acknowledged messages after the last start, and starts it again.
fn kill_and_restart(world: &World, directory: &Path, mut serving: Serving, mut random: ChaCha8Rng) -> Serving {
    for kill in 0..KILLS {
        let messages = world.acknowledged.load(Ordering::SeqCst) + random.random_range(50..500);
        eventually("publishing", || world.acknowledged.load(Ordering::SeqCst) >= messages);
        println!("kill {kill} after {} acknowledged messages", world.acknowledged.load(Ordering::SeqCst));
        serving.child.kill().unwrap();
        drop(serving);
        serving = start(directory);
        *world.address.lock().unwrap() = serving.address;
    }
    serving
}

#[test]
fn acknowledged_messages_survive_kills_and_offsets_go_on() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let random = |stream| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        random
    };
    let directory = tempfile::tempdir().unwrap();
    let config = format!("[[feed]]\nname = \"load\"\nstreamr = {{ stream = \"load\", partitions = {PARTITIONS} }}\n");
    std::fs::write(directory.path().join("tailwater.toml"), config).unwrap();
    let serving = start(directory.path());
    let address = Mutex::new(serving.address);
    let world = World { address, over: AtomicBool::new(false), acknowledged: AtomicU64::new(0) };
    let (stored, readings) = thread::scope(|scope| {
        let world = &world;
        let readers: Vec<_> =
            (0..SUBSCRIBERS).map(|n| scope.spawn(move || follow(world, n as u64 % PARTITIONS))).collect();
        let publishers: Vec<_> =
            (0..PUBLISHERS).map(|n| scope.spawn(move || publish(world, n, random(n as u64 + 1)))).collect();
        let _serving = kill_and_restart(world, directory.path(), serving, random(0));
        world.over.store(true, Ordering::SeqCst);
        let stored: Vec<Stored> = publishers.into_iter().map(|thread| thread.join().unwrap()).collect();
        end_every_partition(world);
        let readings: Vec<Vec<String>> = readers.into_iter().map(|thread| thread.join().unwrap()).collect();
        (stored, readings)
    });
    let stored: Stored = stored.into_iter().flatten().collect();
    for (n, reading) in readings.iter().enumerate() {
        assert_eq!(reading, &readings[n % PARTITIONS as usize], "all followers of a partition have seen the same");
    }
    check(&readings, &stored);
}

/// Publishes last messages until each partition has one; a partition that has several ends with the first.
fn end_every_partition(world: &World) {
    let mut client = world.connected();
    let mut ended = [false; PARTITIONS as usize];
    while !ended.iter().all(|ended| *ended) {
        let publish = json!({ "type": "publish", "stream": "load", "msg": json!(END).to_string(), "ack": 0 });
        let answer = client.ask(publish).value();
        ended[answer[3]["partition"].as_u64().unwrap() as usize] = true;
    }
}

/// Compares what was read with what was acknowledged.
fn check(readings: &[Vec<String>], stored: &Stored) {
    let mut places = Stored::new();
    for (partition, reading) in (0..PARTITIONS).zip(readings) {
        for (offset, content) in (1..).zip(reading).filter(|(_, content)| *content != END) {
            assert_eq!(places.insert(content.clone(), (partition, offset)), None, "{content} is there once");
        }
    }
    for (content, place) in stored {
        assert_eq!(places.get(content), Some(place), "the acknowledged {content} is where it was said to be");
    }
    println!("{} messages, {} of them acknowledged", places.len(), stored.len());
}

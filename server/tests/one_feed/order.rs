//! One order and one numbering for everybody, whoever publishes, whoever comes and goes.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use serde_json::Value;

use crate::{
    bind,
    common::Appliance,
    readers::{Open, READERS, beginning},
    writers::WRITERS,
};

const ROUNDS: u64 = 25;
const EVENTS: u64 = ROUNDS * WRITERS.len() as u64;
/// Readers of each dialect.
const READERS_EACH: u64 = 3;

/// Reads everything, and leaves and comes back now and then.
fn follow(appliance: &Appliance, open: Open, beginning: Value, mut random: ChaCha8Rng) -> Vec<u64> {
    let (mut seqs, mut place) = (Vec::new(), beginning);
    while (seqs.len() as u64) < EVENTS {
        let mut reader = open(appliance, &place);
        let stays = random.random_range(1..EVENTS / 4);
        for _ in 0..stays.min(EVENTS - seqs.len() as u64) {
            let (seq, behind) = reader.next();
            seqs.push(seq);
            place = behind;
        }
    }
    seqs
}

/// Publishes through each dialect in turn, every round in another order.
fn publish(appliance: &Appliance, mut random: ChaCha8Rng) {
    for round in 0..ROUNDS {
        let first = random.random_range(0..WRITERS.len());
        for (nth, (_, write)) in WRITERS.iter().cycle().skip(first).take(WRITERS.len()).enumerate() {
            write(appliance, round * WRITERS.len() as u64 + nth as u64);
        }
    }
}

#[test]
fn everybody_reads_the_same_events_in_the_same_order() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let appliance = Appliance::start_with(bind);
    let random = |number: u64| ChaCha8Rng::seed_from_u64(seed ^ number);
    std::thread::scope(|scope| {
        let mut readers = Vec::new();
        for (nth, (dialect, open)) in READERS.into_iter().enumerate() {
            for reader in 0..READERS_EACH {
                let (appliance, beginning) = (&appliance, beginning(&appliance, dialect));
                let random = random(1 + nth as u64 * READERS_EACH + reader);
                readers.push((dialect, scope.spawn(move || follow(appliance, open, beginning, random))));
            }
        }
        publish(&appliance, random(0));
        for (dialect, reader) in readers {
            let seqs = reader.join().unwrap_or_else(|_| panic!("{dialect} failed; seed {seed}"));
            assert!(seqs.iter().copied().eq(1..=EVENTS), "{dialect}, seed {seed}: {seqs:?}");
        }
    });
}

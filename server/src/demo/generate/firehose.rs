//! Frames of `com.atproto.sync.subscribeRepos`, as a relay of a small network would send them.
//!
//! Owns the accounts and the proportions of the kinds of events. Tested by `tests.rs`.

use rand::{RngExt, SeedableRng};

use super::Rng;
use super::account::Account;
use super::cbor::Value;
use super::time::rfc3339;

/// The seq in every frame; whoever publishes the frames assigns the true ones.
pub const SEQ_PLACEHOLDER: u64 = 1;

/// Accounts of the network. Each costs about a MiB of memory, and some ten milliseconds when it comes into being.
const ACCOUNTS: usize = 24;

/// An endless stream of frames.
#[derive(Debug)]
pub struct Firehose {
    rng: Rng,
    accounts: Vec<Account>,
}

impl Firehose {
    /// A stream that follows from `seed`. Accounts come into being with their first event, so that
    /// this costs nothing.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::seed_from_u64(seed), accounts: Vec::new() }
    }

    /// The next frame, header and payload, as of `time_us` microseconds since the Unix epoch; times should not decrease.
    pub fn next_frame(&mut self, time_us: u64) -> Vec<u8> {
        let seq = SEQ_PLACEHOLDER as i64;
        let account = self.pick_account(time_us);
        let (account, rng) = (&mut self.accounts[account], &mut self.rng);
        let (kind, payload) = match rng.random_range(0..1_000) {
            0..5 => ("#identity", identity(account, time_us, seq)),
            5..10 => ("#account", status(account, time_us, seq)),
            _ => {
                let changes = if rng.random_bool(0.01) { rng.random_range(2..=4) } else { 1 };
                ("#commit", account.commit(rng, time_us, seq, changes))
            }
        };
        let header = Value::Map(vec![("t", Value::text(kind)), ("op", Value::Int(1))]);
        [header.to_bytes(), payload.to_bytes()].concat()
    }

    /// Some accounts are busier than others.
    fn pick_account(&mut self, time_us: u64) -> usize {
        let share: f64 = self.rng.random();
        let index = (share * share * ACCOUNTS as f64) as usize;
        if index < self.accounts.len() {
            return index;
        }
        if self.accounts.len() < ACCOUNTS {
            self.accounts.push(Account::new(&mut self.rng, time_us));
        }
        self.accounts.len() - 1
    }
}

fn identity(account: &Account, time_us: u64, seq: i64) -> Value {
    Value::Map(vec![
        ("did", Value::text(&account.did)),
        ("seq", Value::Int(seq)),
        ("time", Value::text(rfc3339(time_us))),
        ("handle", Value::text(&account.handle)),
    ])
}

/// The account goes, or comes back.
fn status(account: &mut Account, time_us: u64, seq: i64) -> Value {
    account.active = !account.active;
    let mut fields = vec![
        ("did", Value::text(&account.did)),
        ("seq", Value::Int(seq)),
        ("time", Value::text(rfc3339(time_us))),
        ("active", Value::Bool(account.active)),
    ];
    if !account.active {
        fields.push(("status", Value::text("deactivated")));
    }
    Value::Map(fields)
}

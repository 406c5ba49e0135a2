//! Many post at the same time what only one of them can have: one gets it, the others are refused, and the chain is in order.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{
    common::{
        Appliance,
        bigchaindb::{Made, Owner, accepted, create, post_request, transfer},
        raw::Connection,
    },
    last_height,
};

/// Posts all at the same time, each over a connection of its own; the statuses and messages.
fn post_together(connections: &mut [Connection], made: &[Made]) -> Vec<(u16, String)> {
    for (connection, made) in connections.iter_mut().zip(made) {
        connection.send(post_request(&made.json));
    }
    connections[..made.len()]
        .iter_mut()
        .map(|connection| {
            let answer = connection.answer();
            (answer.status, answer.json()["message"].as_str().unwrap_or_default().to_owned())
        })
        .collect()
}

fn connect(appliance: &Appliance, count: usize) -> Vec<Connection> {
    (0..count).map(|_| Connection::open(appliance.address)).collect()
}

/// Reads the chain and checks it as somebody would who knows nothing else: heights without a gap, no transaction twice, nothing
/// spent twice or before it was there.
#[derive(Default)]
struct Auditor {
    height: u64,
    ids: HashSet<String>,
    unspent: HashMap<(String, u64), u64>,
    /// Transactions of the largest block.
    largest: usize,
}

impl Auditor {
    /// Goes on to the newest block.
    fn advance(&mut self, appliance: &Appliance) {
        let mut connection = Connection::open(appliance.address);
        for height in self.height + 1..=last_height(appliance) {
            let request = format!("GET /api/v1/blocks/{height} HTTP/1.1\r\nHost: a\r\n\r\n");
            let block = connection.send(request).answer().json();
            assert_eq!(block["height"], height);
            let transactions = block["transactions"].as_array().unwrap();
            self.largest = self.largest.max(transactions.len());
            transactions.iter().for_each(|transaction| self.enter(transaction));
            self.height = height;
        }
    }

    fn enter(&mut self, transaction: &Value) {
        let id = transaction["id"].as_str().unwrap().to_owned();
        let mut amount = 0;
        for input in transaction["inputs"].as_array().unwrap() {
            if let Some(spent) = input["fulfills"]["transaction_id"].as_str() {
                let at = (spent.to_owned(), input["fulfills"]["output_index"].as_u64().unwrap());
                amount += self.unspent.remove(&at).unwrap_or_else(|| panic!("{at:?} is not there to be spent by {id}"));
            }
        }
        let outputs: Vec<u64> = transaction["outputs"].as_array().unwrap().iter().map(amount_of).collect();
        assert!(transaction["operation"] == "CREATE" || amount == outputs.iter().sum::<u64>());
        self.unspent.extend((0..).zip(outputs).map(|(index, amount)| ((id.clone(), index), amount)));
        assert!(self.ids.insert(id), "a transaction is there twice");
    }
}

fn amount_of(output: &Value) -> u64 {
    output["amount"].as_str().unwrap().parse().unwrap()
}

#[test]
fn one_of_many_spends_an_output() {
    const RACERS: u64 = 16;
    let appliance = Appliance::start();
    let [alice, bob] = [1, 2].map(Owner::new);
    let mut connections = connect(&appliance, 2 * RACERS as usize);
    let mut auditor = Auditor::default();
    let mut rounds = 0;
    // Which of them come together in one block is a matter of chance, that some do is not.
    while rounds < 5 || auditor.largest < 2 {
        let created = create(&alice, json!({ "round": rounds }), &[1]);
        accepted(&appliance, &created.json);
        let spends = [(&*created.id, 0)];
        let racing = (0..RACERS).map(|n| transfer(&alice, &created.id, &spends, &[(&Owner::new(100 + n), 1)]));
        let beside = (0..RACERS).map(|n| create(&bob, json!({ "round": rounds, "n": n }), &[1]));
        let made: Vec<Made> = racing.zip(beside).flat_map(<[Made; 2]>::from).collect();
        let outcomes = post_together(&mut connections, &made);
        let (racing, beside): (Vec<_>, Vec<_>) = outcomes.chunks(2).map(|pair| (&pair[0], &pair[1])).unzip();
        assert_eq!(racing.iter().filter(|(status, _)| *status == 202).count(), 1);
        let words = format!("Invalid transaction (DoubleSpend): input `{}` was already spent", created.id);
        let spent = (400, words);
        assert!(racing.iter().all(|outcome| outcome.0 == 202 || **outcome == spent), "{racing:?}");
        assert!(beside.iter().all(|(status, _)| *status == 202), "{beside:?}");
        auditor.advance(&appliance);
        rounds += 1;
        assert!(rounds < 200, "no block had several transactions");
    }
}

#[test]
fn one_of_many_is_not_a_duplicate() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let mut connections = connect(&appliance, 32);
    for round in 0..10 {
        let made = vec![create(&owner, json!({ "round": round }), &[1]); 32];
        let outcomes = post_together(&mut connections, &made);
        assert_eq!(outcomes.iter().filter(|(status, _)| *status == 202).count(), 1);
        let words = format!("Invalid transaction (DuplicateTransaction): transaction `{}` already exists", made[0].id);
        assert!(outcomes.iter().filter(|(status, _)| *status != 202).all(|refused| *refused == (400, words.clone())));
    }
    Auditor::default().advance(&appliance);
    assert_eq!(last_height(&appliance), 10);
}

#[test]
fn many_chains_of_transfers_at_the_same_time() {
    const OWNERS: u64 = 16;
    const STEPS: usize = 20;
    let appliance = Appliance::start();
    std::thread::scope(|scope| {
        for number in 0..OWNERS {
            let appliance = &appliance;
            scope.spawn(move || {
                let owner = Owner::new(number);
                let mut connection = Connection::open(appliance.address);
                let mut last = create(&owner, json!({ "of": number }), &[3]);
                assert_eq!(connection.send(post_request(&last.json)).answer().status, 202);
                for _ in 0..STEPS {
                    last = transfer(&owner, &last.asset, &[(&last.id, 0)], &[(&owner, 3)]);
                    let answer = connection.send(post_request(&last.json)).answer();
                    assert_eq!(answer.status, 202, "{}", answer.text());
                }
            });
        }
    });
    Auditor::default().advance(&appliance);
}

//! JSON documents that are written, written again and deleted: orders, sensor readings, articles.
//!
//! Owns the life of each key. Tested by `tests.rs`.

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::Rng;
use super::text::{sentences, slug, title};
use super::time::rfc3339;

/// Sensors that report, each under a key of its own.
const SENSORS: u32 = 200;
/// Articles and orders that exist at a time; beyond it the oldest are deleted.
const ALIVE_MAX: usize = 500;
/// What an order goes through.
const STEPS: [&str; 4] = ["placed", "packed", "shipped", "delivered"];

/// One event of a JSON feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `put` or `delete`.
    pub kind: &'static str,
    /// What was written, such as `order/1042`.
    pub key: String,
    /// The document, one line of JSON; `null` when it was deleted.
    pub body: String,
}

/// An endless stream of documents.
#[derive(Debug)]
pub struct Documents {
    rng: Rng,
    orders: Vec<Order>,
    articles: Vec<Article>,
    next_order: u64,
}

#[derive(Debug)]
struct Order {
    number: u64,
    step: usize,
    lines: Value,
    total_cents: u64,
}

#[derive(Debug)]
struct Article {
    slug: String,
    title: String,
    revision: u32,
}

impl Documents {
    /// A stream that follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::seed_from_u64(seed), orders: Vec::new(), articles: Vec::new(), next_order: 1_000 }
    }

    /// The next event, as of `time_us` microseconds since the Unix epoch.
    pub fn next_document(&mut self, time_us: u64) -> Document {
        match self.rng.random_range(0..10) {
            0..5 => self.reading(time_us),
            5..8 => self.order(time_us),
            _ => self.article(time_us),
        }
    }

    fn reading(&mut self, time_us: u64) -> Document {
        let sensor = self.rng.random_range(0..SENSORS);
        let body = json!({
            "sensor": format!("s{sensor:03}"),
            "time": rfc3339(time_us),
            "temperature_c": tenths(&mut self.rng, 80..260),
            "humidity_percent": tenths(&mut self.rng, 300..900),
            "battery_percent": self.rng.random_range(20..=100),
        });
        put(format!("sensor/s{sensor:03}"), &body)
    }

    /// A new order, or the next step of one; a delivered order is deleted.
    fn order(&mut self, time_us: u64) -> Document {
        if self.orders.is_empty() || (self.orders.len() < ALIVE_MAX && self.rng.random_bool(0.3)) {
            let order = Order::new(&mut self.rng, self.next_order);
            self.next_order += 1;
            self.orders.push(order);
            return self.orders[self.orders.len() - 1].document(time_us);
        }
        let at = self.rng.random_range(0..self.orders.len());
        if self.orders[at].step + 1 == STEPS.len() {
            return delete(self.orders.remove(at).key());
        }
        self.orders[at].step += 1;
        self.orders[at].document(time_us)
    }

    /// A new article, or a revision of one; now and then the oldest is deleted.
    fn article(&mut self, time_us: u64) -> Document {
        let share = self.rng.random_range(0..10);
        if self.articles.len() >= ALIVE_MAX || (share == 0 && self.articles.len() > 1) {
            return delete(self.articles.remove(0).key());
        }
        if self.articles.is_empty() || share < 4 {
            let (slug, title) = (slug(&mut self.rng), title(&mut self.rng));
            // A slug that comes up again is the same article.
            self.articles.retain(|article| article.slug != slug);
            self.articles.push(Article { slug, title, revision: 0 });
        }
        let at = if share < 4 { self.articles.len() - 1 } else { self.rng.random_range(0..self.articles.len()) };
        let text = {
            let count = self.rng.random_range(3..12);
            sentences(&mut self.rng, count)
        };
        let article = &mut self.articles[at];
        article.revision += 1;
        let body = json!({
            "title": article.title,
            "revision": article.revision,
            "edited": rfc3339(time_us),
            "text": text,
        });
        put(article.key(), &body)
    }
}

impl Order {
    fn new(rng: &mut Rng, number: u64) -> Self {
        let mut total_cents = 0;
        let mut line = |rng: &mut Rng| {
            let (quantity, cents) = (rng.random_range(1..=5_u64), rng.random_range(150..9_000_u64));
            total_cents += quantity * cents;
            json!({ "item": slug(rng), "quantity": quantity, "unit_price_cents": cents })
        };
        let count = [1, 1, 2, 2, 3, 5].choose(rng).copied().unwrap_or(1);
        let lines = (0..count).map(|_| line(rng)).collect();
        Self { number, step: 0, lines, total_cents }
    }

    fn key(&self) -> String {
        format!("order/{}", self.number)
    }

    fn document(&self, time_us: u64) -> Document {
        let body = json!({
            "number": self.number,
            "status": STEPS[self.step],
            "changed": rfc3339(time_us),
            "lines": self.lines,
            "total_cents": self.total_cents,
        });
        put(self.key(), &body)
    }
}

impl Article {
    fn key(&self) -> String {
        format!("article/{}", self.slug)
    }
}

fn put(key: String, body: &Value) -> Document {
    Document { kind: "put", key, body: body.to_string() }
}

fn delete(key: String) -> Document {
    Document { kind: "delete", key, body: "null".to_owned() }
}

/// A number with one digit after the point.
fn tenths(rng: &mut Rng, range: std::ops::Range<u32>) -> f64 {
    f64::from(rng.random_range(range)) / 10.0
}

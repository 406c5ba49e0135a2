//! A selector over a document, and what the order of its strings costs.
//!
//! `_id` compares byte by byte, every other member as ICU collates. Strings of plain ASCII need no ICU: a table has their order.
//! The document has the same string in both members, so that the difference is the order's.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tailwater_wire::couchdb::{selector::Selector, text::Value};

/// A string of the documents, what it is, and one to compare it with that differs in the last letter.
const STRINGS: [(&str, &str, &str); 2] = [
    ("ascii", "kitchen-thermometer-b", "kitchen-thermometer-a"),
    ("latin", "küchenthermometer-b", "küchenthermometer-a"),
];

fn selectors(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("selectors");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(1));
    for (name, string, other) in STRINGS {
        let document = format!(
            r#"{{"_id":"{string}","name":"{string}","type":"reading","value":21.5,"unit":"C","at":"2026-07-04T14:39:14Z"}}"#
        );
        for (order, member) in [("bytes", "_id"), ("collated", "name")] {
            let text = format!(r#"{{"{member}":{{"$gt":"{other}"}}}}"#);
            let selector = Selector::parse(Value::new(text.as_bytes())).expect("the selector is one");
            assert!(selector.matches(Value::new(document.as_bytes())));
            group.bench_function(format!("{name}/{order}"), |bencher| {
                bencher.iter(|| selector.matches(black_box(Value::new(document.as_bytes()))));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, selectors);
criterion_main!(benches);

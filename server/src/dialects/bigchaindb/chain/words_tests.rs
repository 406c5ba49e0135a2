use std::{collections::BTreeMap, convert::Infallible};

use proptest::prelude::*;
use tailwater_core::{BodyFormat, FeedOptions, Store, StoreOptions};

use super::*;
use crate::index::{IndexOptions, Indexes};

/// An index of these assets, each a text and alone in its block, the first at height 1.
fn with_index(assets: &[&str], test: impl FnOnce(&Index<WordTable>)) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), StoreOptions::default()).unwrap();
    let feed = store.create_feed("blocks", FeedOptions::default()).unwrap();
    let index = Indexes::new(directory.path()).open(&feed, feed.uid(), IndexOptions::default()).unwrap();
    let mut batch = index.batch();
    for (height, asset) in (1..).zip(assets) {
        let body = serde_json::to_vec(asset).unwrap();
        let event = Event { seq: height, time_us: 1, kind: "put", key: "", format: BodyFormat::Json, body: &body };
        enter_block(&event, &mut batch).unwrap();
        batch.applied(&event);
    }
    if !assets.is_empty() {
        batch.commit().unwrap();
    }
    test(&index);
}

fn held(first_height: u64) -> Held<impl FnMut(Place) -> Result<bool, Infallible>, impl Fn() -> bool> {
    Held { first_height, matches: |_| Ok(true), goes_on: || true }
}

/// The heights of what is found.
fn found(index: &Index<WordTable>, text: &str, limit: Option<u64>, first_height: u64) -> Vec<u64> {
    let search = Search::parse(text).unwrap();
    let places = find(index, Table::Assets, &search, limit, held(first_height)).unwrap();
    places.into_iter().map(|place| place.height).collect()
}

#[test]
fn the_best_come_first_and_of_equals_the_oldest() {
    let assets = [
        "coffee",
        "Coffee Shopping",
        "Baking a cake",
        "baking",
        "Café Con Leche",
        "coffee and cream",
        "Cafe con Leche",
    ];
    with_index(&assets, |index| {
        let table: [(&str, &[u64]); 9] = [
            ("coffee", &[1, 2, 6]),
            ("bake coffee cake", &[3, 1, 4, 2, 6]),
            ("coffee -shop", &[1, 6]),
            ("-shop", &[]),
            ("CAFÉS", &[5, 7]),
            ("cream coffee", &[6, 1, 2]),
            ("cream cream", &[6]),
            ("the and", &[]),
            ("tea", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(found(index, text, None, 1), expected, "{text}");
        }
        for limit in 1..4 {
            assert_eq!(found(index, "coffee", Some(limit), 1), [1, 2, 6][..limit as usize]);
        }
        assert_eq!(found(index, "coffee", None, 2), [2, 6], "from an old block on");
        assert_eq!(found(index, "coffee", Some(u64::MAX), 7), Vec::<u64>::new());
        let metadata = find(index, Table::Metadata, &Search::parse("coffee").unwrap(), None, held(1));
        assert!(metadata.unwrap().is_empty());
    });
}

#[test]
fn whoever_has_gone_is_not_searched_for() {
    with_index(&["coffee"], |index| {
        let search = Search::parse("coffee").unwrap();
        let held = Held { first_height: 1, matches: |_| Ok::<_, Infallible>(true), goes_on: || false };
        assert!(matches!(find(index, Table::Assets, &search, None, held), Err(FindError::Alone)));
    });
}

#[test]
fn more_than_is_ranked_is_refused_without_a_limit() {
    let take = |limit| {
        let mut best = Best::new(limit);
        let mut taken = Ok(());
        for height in 0..=RESULTS_MAX as u64 {
            if best.would_take(1.0) && taken.is_ok() {
                taken = best.take(1.0, Place { height, position: 0 });
            }
        }
        taken.map(|()| best.finish().len())
    };
    let too_many = Err(SearchError::TooManyResults { results_max: RESULTS_MAX });
    assert_eq!([take(None), take(Some(u64::MAX))], [too_many.clone(), too_many]);
    assert_eq!([take(Some(RESULTS_MAX as u64)), take(Some(3))], [Ok(RESULTS_MAX), Ok(3)]);
}

#[test]
fn golden_keys() {
    let search = Search::parse("tea").unwrap();
    let term = search.terms.first().unwrap();
    let place = Place { height: 258, position: 7 };
    assert_eq!(key(term, &place.to_bytes()), b"\x03tea\0\0\0\0\0\0\x01\x02\0\0\0\x07");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Finds what looking at each document finds, in that order.
    #[test]
    fn agrees_with_looking_at_each(
        assets in prop::collection::vec("[abc]{1,2}( [abc]{1,2}){0,5}", 0..12),
        text in "-?[abc]{1,2}( -?[abc]{1,2}){0,3}",
        limit in prop::option::of(1_u64..6),
    ) {
        let search = Search::parse(&text).unwrap();
        let mut expected: BTreeMap<(Reverse<u32>, u64), ()> = BTreeMap::new();
        for (height, asset) in (1..).zip(&assets) {
            let stored = Stored { id: "".into(), json: format!("{{\"asset\":{{\"data\":\"{asset}\"}}}}").into() };
            let terms = Searchable::new(&stored).terms(Table::Assets).unwrap();
            let score: f32 = search.terms.iter().filter_map(|term| terms.get(term)).sum();
            if score > 0.0 && !search.excluded.iter().any(|term| terms.contains_key(term)) {
                expected.insert((Reverse(score.to_bits()), height), ());
            }
        }
        let wanted = limit.map_or(usize::MAX, |limit| limit as usize);
        let expected: Vec<u64> = expected.into_keys().map(|(_, height)| height).take(wanted).collect();
        let assets: Vec<&str> = assets.iter().map(String::as_str).collect();
        with_index(&assets, |index| assert_eq!(found(index, &text, limit, 1), expected));
    }
}

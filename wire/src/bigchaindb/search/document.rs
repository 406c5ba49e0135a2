//! What is searched of a transaction, how well it matches, and how it is shown.
//!
//! An asset is searched where it is created, metadata where it stands. All strings count, however deep they lie, and the id;
//! names and numbers do not. Tests lie at the end of this file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::stored::Stored;
use super::query::Search;
use super::words::{Term, Words, folded};
use crate::json;

/// Most different terms of one document; what comes behind them is not found.
const TERMS_MAX: usize = 20_000;

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Assets.
    Assets,
    /// Metadata.
    Metadata,
}

/// A transaction as it is searched.
pub struct Searchable<'s> {
    id: &'s str,
    asset: Option<&'s RawValue>,
    metadata: Option<&'s RawValue>,
}

#[derive(Deserialize)]
struct Parts<'s> {
    #[serde(borrow, default)]
    asset: Option<&'s RawValue>,
    #[serde(borrow, default)]
    metadata: Option<&'s RawValue>,
    #[serde(borrow, default)]
    operation: Option<&'s RawValue>,
}

#[derive(Deserialize)]
struct Asset<'s> {
    #[serde(borrow, default)]
    data: Option<&'s RawValue>,
}

impl<'s> Searchable<'s> {
    /// What can be searched of a transaction; nothing of what cannot be read.
    pub fn new(stored: &'s Stored<'_>) -> Self {
        let parts: Option<Parts<'s>> = serde_json::from_str(&stored.json).ok();
        let Some(Parts { asset, metadata, operation }) = parts else {
            return Self { id: &stored.id, asset: None, metadata: None };
        };
        // What another protocol published creates what it is about.
        let creates = operation.is_none_or(|operation| operation.get() == "\"CREATE\"");
        Self { id: &stored.id, asset: asset.filter(|_| creates), metadata }
    }

    /// The terms of what is searched, each with how much it says about it; `None` if there is nothing.
    pub fn terms(&self, table: Table) -> Option<BTreeMap<Term, f32>> {
        let words = Words::new();
        let mut scores = BTreeMap::new();
        self.for_each_text(table, &mut |text| score(&words, text, &mut scores))?;
        Some(scores)
    }

    /// Whether all phrases are there that must be, and none that must not.
    pub fn has_phrases(&self, table: Table, search: &Search) -> bool {
        let mut texts = Vec::new();
        self.for_each_text(table, &mut |text| texts.push(folded(text)));
        let is_there = |phrase: &String| texts.iter().any(|text| text.contains(phrase.as_str()));
        search.phrases.iter().all(is_there) && !search.excluded_phrases.iter().any(is_there)
    }

    /// Appends it as it is shown, in the order of the reference server.
    pub fn write(&self, table: Table, out: &mut Vec<u8>) {
        let raw = |raw: Option<&'s RawValue>| raw.map_or("null", RawValue::get);
        match table {
            Table::Assets => {
                let asset: Option<Asset<'_>> = self.asset.and_then(|asset| serde_json::from_str(asset.get()).ok());
                out.extend_from_slice(b"{\"data\": ");
                out.extend_from_slice(raw(asset.and_then(|asset| asset.data)).as_bytes());
                out.extend_from_slice(b", \"id\": ");
                json::write_str(out, self.id);
            }
            Table::Metadata => {
                out.extend_from_slice(b"{\"id\": ");
                json::write_str(out, self.id);
                out.extend_from_slice(b", \"metadata\": ");
                out.extend_from_slice(raw(self.metadata).as_bytes());
            }
        }
        out.push(b'}');
    }

    fn for_each_text(&self, table: Table, see: &mut dyn FnMut(&str)) -> Option<()> {
        let value = match table {
            Table::Assets => Some(self.asset?),
            Table::Metadata => self.metadata,
        };
        see(self.id);
        if let Some(value) = value {
            let mut texts = serde_json::Deserializer::from_str(value.get());
            // It was read once already.
            let _read = Texts(see).deserialize(&mut texts);
        }
        Some(())
    }
}

/// What each term of a text says about it, as the reference weighs it: a term counts more where there are few others, half as
/// much each time it comes again, and a tenth more if it is all there is.
fn score(words: &Words, text: &str, scores: &mut BTreeMap<Term, f32>) {
    #[derive(Default)]
    struct Seen {
        count: u32,
        weight: f32,
        is_alone: bool,
    }
    let mut seen: BTreeMap<Term, Seen> = BTreeMap::new();
    let mut total = 0_u32;
    for (term, is_alone) in words.terms(text) {
        total = total.saturating_add(1);
        if seen.len() + scores.len() >= TERMS_MAX && !seen.contains_key(&term) {
            continue;
        }
        let seen = seen.entry(term).or_default();
        seen.weight += 0.5_f32.powi(seen.count.min(64) as i32);
        seen.count += 1;
        seen.is_alone = is_alone;
    }
    for (term, seen) in seen {
        let share = 0.5 * seen.count as f32 / total as f32 + 0.5;
        let more = if seen.is_alone { 1.1 } else { 1.0 };
        *scores.entry(term).or_default() += seen.weight * share * more;
    }
}

/// Shows every string of a value.
struct Texts<'f>(&'f mut dyn FnMut(&str));

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        (self.0)(text);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Texts(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Texts(self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(json: &str) -> Stored<'_> {
        Stored { id: "1f".into(), json: json.into() }
    }

    /// The terms of what is searched, with a hundred times what they say.
    fn terms(json: &str, table: Table) -> Option<Vec<(String, u32)>> {
        let stored = stored(json);
        let scores = Searchable::new(&stored).terms(table)?;
        let shown = |(term, score): (Term, f32)| {
            (String::from_utf8_lossy(term.as_bytes()).into_owned(), (score * 100.0).round() as u32)
        };
        Some(scores.into_iter().map(shown).collect())
    }

    #[test]
    fn what_is_searched() {
        let json = r#"{"asset":{"data":{"name":["Coffee \u0053hopping",{"deep":"coffee"}],"number":5,"no":null}},"metadata":{"made":"here by Bob"},"operation":"CREATE"}"#;
        let id = || ("1f".to_owned(), 110);
        let expected = vec![id(), ("coffe".to_owned(), 175), ("shop".to_owned(), 75)];
        assert_eq!(terms(json, Table::Assets), Some(expected));
        let of_metadata = vec![id(), ("bob".to_owned(), 100)];
        assert_eq!(terms(json, Table::Metadata), Some(of_metadata), "names are not searched");
        let transfer = r#"{"asset":{"id":"coffee"},"metadata":null,"operation":"TRANSFER"}"#;
        assert_eq!(terms(transfer, Table::Assets), None);
        assert_eq!(terms(transfer, Table::Metadata), Some(vec![id()]));
        let other = r#"{"asset":{"data":"cake"},"id":"1f"}"#;
        assert_eq!(terms(other, Table::Assets), Some(vec![id(), ("cake".to_owned(), 110)]));
        assert_eq!(terms("nonsense", Table::Assets), None);
    }

    #[test]
    fn terms_that_come_again_count_half_as_much() {
        let json = r#"{"asset":{"data":"bad bad bad wolf"}}"#;
        let expected = [("1f", 110), ("bad", 153), ("wolf", 63)].map(|(term, score)| (term.to_owned(), score));
        assert_eq!(terms(json, Table::Assets), Some(expected.to_vec()));
        let many = format!(r#"{{"asset":{{"data":"{}"}}}}"#, "word ".repeat(10_000));
        assert_eq!(terms(&many, Table::Assets).unwrap()[1], ("word".to_owned(), 200));
    }

    #[test]
    fn documents_have_so_many_terms() {
        let words: String = (0..TERMS_MAX + 9).map(|number| format!("w{number} ")).collect();
        let json = format!(r#"{{"asset":{{"data":["{words}","more"]}}}}"#);
        assert_eq!(terms(&json, Table::Assets).unwrap().len(), TERMS_MAX);
    }

    #[test]
    fn phrases() {
        let json = r#"{"asset":{"data":{"a":"One Coffee  Shop","b":"Café-Bar","c":["x","y"]}}}"#;
        let stored = stored(json);
        let searchable = Searchable::new(&stored);
        for (text, matches) in [
            ("\"coffee  sho\"", true),
            ("\"coffee shop\"", false),
            ("\"CAFE-B\" \"one\"", true),
            ("\"cafe-b\" \"two\"", false),
            ("x -\"one coffee\"", false),
            ("x -\"x y\"", true),
        ] {
            let search = Search::parse(text).unwrap();
            assert!(search.has_phrases());
            assert_eq!(searchable.has_phrases(Table::Assets, &search), matches, "{text}");
        }
    }

    #[test]
    fn golden_documents() {
        let table = [
            (
                r#"{"asset":{"data":{"a":1}},"metadata":{"b":[2]},"operation":"CREATE"}"#,
                r#"{"data": {"a":1}, "id": "1f"}"#,
                r#"{"id": "1f", "metadata": {"b":[2]}}"#,
            ),
            (r#"{"asset":{}}"#, r#"{"data": null, "id": "1f"}"#, r#"{"id": "1f", "metadata": null}"#),
        ];
        for (json, asset, metadata) in table {
            let stored = stored(json);
            let shown = |table| {
                let mut out = Vec::new();
                Searchable::new(&stored).write(table, &mut out);
                String::from_utf8(out).unwrap()
            };
            assert_eq!([shown(Table::Assets), shown(Table::Metadata)], [asset, metadata]);
        }
    }
}

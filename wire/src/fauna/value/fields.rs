//! The fields of an object or a document: in order, each name once.

use std::collections::HashMap;

use super::Value;

/// Up to this many fields, looking at each is faster than an index.
const FEW: usize = 16;

/// Named values in order, each name once.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, Value)>);

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fields from pairs; where a name is repeated, the last value counts and stands where the first stood.
    pub fn from_pairs(pairs: Vec<(String, Value)>) -> Self {
        let mut fields = Self(Vec::with_capacity(pairs.len()));
        let mut index = HashMap::new();
        for (name, value) in pairs {
            match fields.position(&name, &index) {
                Some(at) => fields.0[at].1 = value,
                None => fields.push(name, value, &mut index),
            }
        }
        fields
    }

    /// The value called `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These fields changed as an update says: null takes a field away, objects are merged, anything else replaces.
    pub fn merged(self, patch: Fields) -> Fields {
        let mut fields = self;
        let mut index = HashMap::new();
        if fields.len() > FEW {
            index = fields.0.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        }
        for (name, value) in patch.0 {
            match fields.position(&name, &index) {
                Some(at) => {
                    let before = std::mem::replace(&mut fields.0[at].1, Value::Null);
                    fields.0[at].1 = merge(before, value);
                }
                None => fields.push(name, value, &mut index),
            }
        }
        fields.without_nulls()
    }

    /// These fields without those that are null, at any depth of objects: a field that is null is one that is not there.
    pub fn without_nulls(self) -> Fields {
        let kept = self.0.into_iter().filter(|(_, value)| *value != Value::Null);
        Self(kept.map(|(name, value)| (name, deep_without_nulls(value))).collect())
    }

    fn position(&self, name: &str, index: &HashMap<String, usize>) -> Option<usize> {
        if index.is_empty() { self.0.iter().position(|(own, _)| own == name) } else { index.get(name).copied() }
    }

    fn push(&mut self, name: String, value: Value, index: &mut HashMap<String, usize>) {
        if !index.is_empty() {
            index.insert(name.clone(), self.0.len());
        }
        self.0.push((name, value));
        if index.is_empty() && self.0.len() > FEW {
            *index = self.0.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        }
    }

    fn sorted(&self) -> Vec<(&str, &Value)> {
        let mut sorted: Vec<_> = self.iter().collect();
        sorted.sort_by_key(|(name, _)| *name);
        sorted
    }

    /// Whether both have the same names, with values that `same` holds for. Order does not matter.
    pub(super) fn same_as(&self, other: &Fields, same: fn(&Value, &Value) -> bool) -> bool {
        if self.len() != other.len() {
            return false;
        }
        let pairs = self.sorted().into_iter().zip(other.sorted());
        pairs.into_iter().all(|((a, left), (b, right))| a == b && same(left, right))
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.same_as(other, PartialEq::eq)
    }
}

impl FromIterator<(String, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        Self::from_pairs(pairs.into_iter().collect())
    }
}

impl IntoIterator for Fields {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

fn merge(before: Value, after: Value) -> Value {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => Value::Object(before.merged(after)),
        (_, after) => after,
    }
}

fn deep_without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.without_nulls()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, Value)]) -> Fields {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    fn object(pairs: &[(&str, Value)]) -> Value {
        Value::Object(fields(pairs))
    }

    #[test]
    fn the_last_value_of_a_name_counts() {
        let few = fields(&[("a", Value::Int(1)), ("b", Value::Null), ("a", Value::Int(2))]);
        assert_eq!((few.get("a"), few.len()), (Some(&Value::Int(2)), 2));
        assert_eq!(few.iter().next(), Some(("a", &Value::Int(2))));
        let many: Vec<_> = (0..100).map(|n| (format!("f{}", n % 40), Value::Int(n))).collect();
        let many = Fields::from_pairs(many);
        assert_eq!((many.len(), many.get("f3"), many.get("f39")), (40, Some(&Value::Int(83)), Some(&Value::Int(79))));
    }

    #[test]
    fn an_update_merges_objects_and_drops_nulls() {
        let before = fields(&[
            ("a", Value::Int(1)),
            ("gone", Value::Int(2)),
            ("deep", object(&[("x", Value::Int(1)), ("y", Value::Int(2))])),
            ("list", Value::Array(vec![Value::Int(1)])),
        ]);
        let patch = fields(&[
            ("gone", Value::Null),
            ("deep", object(&[("x", Value::Null), ("z", Value::Int(3))])),
            ("list", Value::Array(vec![Value::Null])),
            ("new", object(&[("n", Value::Null)])),
        ]);
        let expected = fields(&[
            ("a", Value::Int(1)),
            ("deep", object(&[("y", Value::Int(2)), ("z", Value::Int(3))])),
            ("list", Value::Array(vec![Value::Null])),
            ("new", object(&[])),
        ]);
        assert_eq!(before.merged(patch), expected);
    }

    #[test]
    fn large_updates_use_an_index() {
        let numbers = |range: std::ops::Range<i64>| range.map(|n| (n.to_string(), Value::Int(n))).collect::<Fields>();
        let merged = numbers(0..50_000).merged(numbers(25_000..75_000));
        assert_eq!((merged.len(), merged.get("74999")), (75_000, Some(&Value::Int(74_999))));
    }

    #[test]
    fn order_does_not_matter_for_equality() {
        let one = fields(&[("a", Value::Int(1)), ("b", Value::Int(2))]);
        assert_eq!(one, fields(&[("b", Value::Int(2)), ("a", Value::Int(1))]));
        assert_ne!(one, fields(&[("a", Value::Int(1))]));
        assert_ne!(one, fields(&[("a", Value::Int(1)), ("c", Value::Int(2))]));
    }
}

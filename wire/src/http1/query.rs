//! Query strings: decoded parameters in the order sent, repeated names kept.
//!
//! Decoding follows the URL standard's form encoding (`+` is a space, a malformed `%` stays as it is), which is what
//! every client library writes and every other server reads.

use std::borrow::Cow;

/// The parameters of a query string or a form body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Decodes the text behind the `?`. Never fails.
    pub fn parse(raw: &'a str) -> Self {
        Self { pairs: form_urlencoded::parse(raw.as_bytes()).collect() }
    }

    /// The first value of this name; names are case-sensitive.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The last value of this name.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// Every value of this name, in order.
    pub fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.iter().filter(move |(key, _)| *key == name).map(|(_, value)| value)
    }

    /// How often this name occurs.
    pub fn count(&self, name: &str) -> usize {
        self.all(name).count()
    }

    /// All pairs of name and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_ref(), value.as_ref()))
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_keeps_order_and_repeats() {
        let query = Query::parse("a=1&b=x+y%2Fz&a=2&c&=e&%C3%A4=%zz");
        let pairs: Vec<_> = query.iter().collect();
        assert_eq!(pairs, [("a", "1"), ("b", "x y/z"), ("a", "2"), ("c", ""), ("", "e"), ("ä", "%zz")]);
        assert_eq!((query.get("a"), query.last("a"), query.count("a")), (Some("1"), Some("2"), 2));
        assert_eq!(query.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.get("A"), None);
        assert!(Query::parse("").is_empty() && !query.is_empty());
    }
}

//! Steps over JSON text without checking it and without building anything.
//!
//! Bodies were checked when they were let into the log, so only ends of values are looked for. Text that is not JSON
//! makes a step end early; it never panics and never goes on for ever.

use std::borrow::Cow;

/// A position in JSON text.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next byte behind whitespace.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Steps over `byte`, if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Steps over a string and returns it as written, quotes and all.
    pub(super) fn string(&mut self) -> Option<&'a str> {
        self.peek().filter(|byte| *byte == b'"')?;
        let (start, bytes) = (self.at, self.text.as_bytes());
        let mut at = start + 1;
        loop {
            at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes[at] == b'"' {
                self.at = at + 1;
                return self.text.get(start..self.at);
            }
            at += 2;
        }
    }

    /// Steps over a number or a word and returns it.
    pub(super) fn scalar(&mut self) -> Option<&'a str> {
        self.peek()?;
        let rest = &self.text[self.at..];
        let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.')).count();
        self.at += len;
        (len > 0).then(|| &rest[..len])
    }

    /// Steps over a value of any kind and returns it as written.
    pub(super) fn value(&mut self) -> Option<&'a str> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => drop(self.string()?),
            b'{' | b'[' => self.container()?,
            _ => drop(self.scalar()?),
        }
        self.text.get(start..self.at)
    }

    fn container(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' | b':' => self.at += 1,
                _ => drop(self.scalar()?),
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    /// Steps over the key of a member and its colon.
    pub(super) fn key(&mut self) -> Option<&'a str> {
        let key = self.string()?;
        self.take(b':').then_some(key)
    }
}

/// The members of an object, keys as written with their quotes.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    walk: Walk<'a>,
}

impl<'a> Members<'a> {
    /// The members of `text`; `None` if it is no object.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        let mut walk = Walk::new(text);
        walk.take(b'{').then_some(Self { walk })
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        self.walk.take(b',');
        let key = self.walk.key()?;
        Some((key, self.walk.value()?))
    }
}

/// What a string stands for, given as written with its quotes.
pub(super) fn unquoted(raw: &str) -> Cow<'_, str> {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return inner.into();
    }
    serde_json::from_str::<String>(raw).map_or_else(|_| inner.into(), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fauna::document::write_fields;
    use crate::fauna::test_values::fields;

    #[test]
    fn members_as_written() {
        let text = r#" { "a" : [1, {"b":"]}\""}] , "c\n":-1.5e+3,"d":true, "e":{} } "#;
        let members: Vec<_> = Members::new(text).unwrap().collect();
        let expected = [("\"a\"", r#"[1, {"b":"]}\""}]"#), ("\"c\\n\"", "-1.5e+3"), ("\"d\"", "true"), ("\"e\"", "{}")];
        assert_eq!(members, expected);
        assert_eq!(unquoted(r#""c\n\u00e4""#), "c\nä");
        assert_eq!(unquoted("\"c\""), "c");
        assert!(Members::new("[1]").is_none());
    }

    #[test]
    fn text_that_is_not_json_ends_early() {
        for text in
            ["{\"a", "{\"a\"", "{\"a\":", "{\"a\":[", "{\"a\":{]", "{\"a\":\"\\", "{a", "{\"a\":]}", "{\"a\":é}"]
        {
            assert!(Members::new(text).unwrap().count() <= 1, "{text}");
        }
    }

    proptest! {
        #[test]
        fn values_are_those_of_a_parser(fields in fields()) {
            let mut out = Vec::new();
            write_fields(&fields, &mut out);
            let text = String::from_utf8(out).unwrap();
            let parsed: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
            let members: Vec<_> = Members::new(&text).unwrap().collect();
            prop_assert_eq!(members.len(), parsed.len());
            for (key, value) in members {
                let value = serde_json::from_str::<serde_json::Value>(value).unwrap();
                prop_assert_eq!(parsed.get(unquoted(key).as_ref()), Some(&value));
            }
        }

        #[test]
        fn no_text_panics(text in "\\{[\\[\\]{}:,\"\\\\@a-z0-9. é]{0,40}|\\PC{0,20}") {
            if let Some(members) = Members::new(&text) {
                members.for_each(|(key, _)| drop(unquoted(key)));
            }
        }
    }
}

//! Regular expressions: what CouchDB gives to PCRE, said in the words of an engine that takes linear time.
//!
//! PCRE works on the bytes of UTF-8 there: `.` is one byte, `ä+` repeats the second byte of `ä`, `[äö]` is a choice of
//! bytes. It is the same here. What needs backtracking is refused when the selector is parsed, with
//! [`SelectorError::Pattern`]: look-around `(?=` `(?!` `(?<=` `(?<!`, back references `\1` `\k<n>` `(?P=n)`, atomic
//! groups `(?>` and possessive quantifiers `a++`, conditions `(?(`, recursion `(?R)` `(?1)` `(?&n)`, callouts `(?C)`,
//! verbs `(*..)`, `\K`, `\G`, `\C` and `\X`. Case folding and `\w` know ASCII only, where PCRE as Erlang has it goes by
//! Latin-1.

use regex::bytes::{Regex, RegexBuilder};

use super::error::SelectorError;

/// Bytes a compiled pattern may take.
const COMPILED_BYTES_MAX: usize = 512 * 1024;
/// How deep groups may nest.
const NEST_MAX: u32 = 64;

/// A compiled pattern and the text it was made of.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) source: Box<str>,
    regex: Regex,
}

impl Pattern {
    /// Compiles a pattern; `None` if it is none.
    ///
    /// # Errors
    /// It needs backtracking, or too much memory.
    pub(super) fn new(source: &str) -> Result<Option<Self>, SelectorError> {
        let translated = Translator::new(source).translate()?;
        let regex = RegexBuilder::new(&translated)
            .unicode(false)
            .octal(false)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(COMPILED_BYTES_MAX)
            .nest_limit(NEST_MAX)
            .build();
        match regex {
            Ok(regex) => Ok(Some(Self { source: source.into(), regex })),
            Err(regex::Error::CompiledTooBig(_)) => Err(SelectorError::PatternTooLarge),
            Err(_) => Ok(None),
        }
    }

    /// Whether the pattern is found anywhere in `text`.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }
}

/// Rewrites a pattern of PCRE.
struct Translator<'a> {
    rest: &'a str,
    out: String,
    /// `$` means the end of a line as well, somewhere in the pattern.
    multi_line: bool,
}

const LOOK_AROUND: SelectorError = SelectorError::Pattern("look-around");
const BACK_REFERENCE: SelectorError = SelectorError::Pattern("back reference");

impl<'a> Translator<'a> {
    fn new(source: &'a str) -> Self {
        let flags = |text: &str| text.find([':', ')']).is_some_and(|end| text[..end].contains('m'));
        let multi_line = source.split("(?").skip(1).any(flags);
        Self { rest: source, out: String::with_capacity(source.len() + 16), multi_line }
    }

    fn translate(mut self) -> Result<String, SelectorError> {
        while let Some(c) = self.take() {
            match c {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' => self.group()?,
                '$' if !self.multi_line => self.out.push_str(r"(?:\n?\z)"),
                '*' | '+' | '?' => self.quantifier(c)?,
                '{' => self.brace()?,
                _ => self.literal(c),
            }
        }
        Ok(self.out)
    }

    fn take(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    /// A character that stands for itself, or whatever it means to both engines. Others than ASCII become their bytes.
    fn literal(&mut self, c: char) {
        if c.is_ascii() {
            return self.out.push(c);
        }
        let mut bytes = [0; 4];
        for byte in c.encode_utf8(&mut bytes).bytes() {
            self.out.push_str(&format!("\\x{byte:02X}"));
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, in_class: bool) -> Result<(), SelectorError> {
        // A backslash at the end is a mistake for both.
        let Some(c) = self.take() else {
            self.out.push('\\');
            return Ok(());
        };
        match c {
            '1'..='9' | 'k' | 'g' if !in_class => return Err(BACK_REFERENCE),
            'K' | 'G' | 'C' | 'X' => return Err(SelectorError::Pattern(r"\K, \G, \C and \X")),
            'Q' => self.quoted(),
            'E' => {}
            'Z' => self.out.push_str(r"(?:\n?\z)"),
            'e' => self.out.push_str(r"\x1B"),
            '0' => self.out.push_str(r"\x00"),
            'h' => self.set(r"\t \xA0", in_class),
            'v' => self.set(r"\x0A-\x0D\x85", in_class),
            'R' => self.out.push_str(r"(?:\r\n|[\x0A-\x0D\x85])"),
            '<' | '>' => self.out.push(c),
            _ if c.is_ascii() => {
                self.out.push('\\');
                self.out.push(c);
            }
            _ => self.literal(c),
        }
        Ok(())
    }

    /// A set of bytes that has a name in PCRE only.
    fn set(&mut self, members: &str, in_class: bool) {
        let (open, close) = if in_class { ("", "") } else { ("[", "]") };
        self.out.push_str(&[open, members, close].concat());
    }

    /// Text up to `\E`.
    fn quoted(&mut self) {
        let (text, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
        self.rest = rest;
        for c in text.chars() {
            if c.is_ascii_punctuation() {
                self.out.push('\\');
            }
            self.literal(c);
        }
    }

    /// A class. Brackets, `&&`, `--` and `~~` mean nothing there to PCRE.
    fn class(&mut self) -> Result<(), SelectorError> {
        self.out.push('[');
        for prefix in ["^", "]"] {
            if let Some(rest) = self.rest.strip_prefix(prefix) {
                self.rest = rest;
                self.out.push_str(if prefix == "]" { r"\]" } else { prefix });
            }
        }
        while let Some(c) = self.take() {
            match c {
                ']' => {
                    self.out.push(']');
                    break;
                }
                '\\' => self.escape(true)?,
                '[' if self.rest.starts_with(':') && self.rest.contains(":]") => self.named_class(),
                '[' => self.out.push_str(r"\["),
                '&' | '~' if self.rest.starts_with(c) => self.out.extend(['\\', c]),
                '-' if self.rest.starts_with('-') => self.out.push_str(r"\-"),
                _ => self.literal(c),
            }
        }
        Ok(())
    }

    /// `[:alpha:]`, the same for both.
    fn named_class(&mut self) {
        let end = self.rest.find(":]").map_or(self.rest.len(), |at| at + 2);
        self.out.push('[');
        self.out.push_str(&self.rest[..end]);
        self.rest = &self.rest[end..];
    }

    /// What follows an opening parenthesis.
    fn group(&mut self) -> Result<(), SelectorError> {
        if self.rest.starts_with('*') {
            return Err(SelectorError::Pattern("verbs"));
        }
        if let Some(comment) = self.rest.strip_prefix("?#") {
            self.rest = comment.split_once(')').map_or("", |(_, rest)| rest);
            return Ok(());
        }
        let kind = self.rest.strip_prefix('?').unwrap_or_default();
        match kind.as_bytes() {
            [b'=' | b'!', ..] | [b'<', b'=' | b'!', ..] => return Err(LOOK_AROUND),
            [b'>', ..] => return Err(SelectorError::Pattern("atomic group")),
            [b'(', ..] => return Err(SelectorError::Pattern("condition")),
            [b'P', b'=', ..] => return Err(BACK_REFERENCE),
            [b'R' | b'&' | b'0'..=b'9' | b'+', ..] | [b'P', b'>', ..] | [b'-', b'0'..=b'9', ..] => {
                return Err(SelectorError::Pattern("recursion"));
            }
            [b'C', ..] => return Err(SelectorError::Pattern("callout")),
            [b'|', ..] => return Err(SelectorError::Pattern("branch reset")),
            _ => {}
        }
        self.out.push('(');
        Ok(())
    }

    /// A quantifier; a second `+` would make it possessive.
    fn quantifier(&mut self, c: char) -> Result<(), SelectorError> {
        if self.rest.starts_with('+') {
            return Err(SelectorError::Pattern("possessive quantifier"));
        }
        self.out.push(c);
        Ok(())
    }

    /// `{n}`, `{n,}` and `{n,m}` are quantifiers, any other brace stands for itself.
    fn brace(&mut self) -> Result<(), SelectorError> {
        let inside = self.rest.split_once('}').map(|(inside, _)| inside).filter(|inside| is_repetition(inside));
        let Some(inside) = inside else {
            self.out.push_str(r"\{");
            return Ok(());
        };
        self.out.push('{');
        self.out.push_str(inside);
        self.rest = &self.rest[inside.len() + 1..];
        self.quantifier('}')
    }
}

/// Whether it is `n`, `n,` or `n,m`.
fn is_repetition(inside: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    digits(least) && (most.is_empty() || digits(most))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().unwrap_or_else(|| panic!("{pattern} is refused")).is_match(text)
    }

    #[test]
    fn found_as_pcre_finds_it() {
        let table = [
            ("^.{5}$", "hello"),
            ("^.$", "a"),
            ("^..$", "ä"),
            ("ä", "bäh"),
            ("^ä+$", "ää".get(..2).unwrap()),
            ("^[äö]+$", "äöä"),
            ("(?i)HELLO", "hello"),
            (r"\bworld\b", "hello world"),
            ("a$", "a\n"),
            (r"a\Z", "a\n"),
            ("(?m)^b$", "a\nb\nc"),
            ("a{,2}", "a{,2}"),
            ("{", "{"),
            ("^a{2}$", "aa"),
            ("^a{2,}$", "aaa"),
            ("[a&&b]", "&"),
            ("[[a]", "["),
            ("[]a]", "]"),
            ("[^]a]", "b"),
            ("[a--]", "-"),
            ("[[:digit:]]", "7"),
            (r"\<a\>", "<a>"),
            (r"\Q.*\Eb", ".*b"),
            (r"\h", "\u{a0}"),
            ("a(?#comment)b", "ab"),
            (r"\ä", "ä"),
            (r"\/", "/"),
            ("(?<n>a)(?P<m>b)", "ab"),
            ("a|b", "b"),
            ("", ""),
        ];
        for (pattern, text) in table {
            assert!(finds(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("^.$", "ä"), ("HELLO", "hello"), ("a$", "a\nb"), ("[^]a]", "]"), ("^a{2}$", "a{2}")] {
            assert!(!finds(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn no_patterns() {
        for pattern in ["(", "[", "*", ")", "a{2,1}", "\\"] {
            assert!(Pattern::new(pattern).unwrap().is_none(), "{pattern}");
        }
    }

    #[test]
    fn what_needs_backtracking_is_refused() {
        let patterns = [
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?<!a)",
            r"(a)\1",
            r"(?<n>a)\k<n>",
            "(?P=n)",
            "(?>a)",
            "a++",
            "a{1}+",
            "(?(1)a)",
            "(?R)",
            "(?1)",
            "(?&n)",
            "(?C)",
            "(*FAIL)",
            r"a\Kb",
            r"\G",
            r"\X",
        ];
        for pattern in patterns {
            assert!(matches!(Pattern::new(pattern), Err(SelectorError::Pattern(_))), "{pattern}");
        }
    }

    #[test]
    fn what_would_explode_is_refused_or_linear() {
        assert_eq!(Pattern::new("((a{100}){100}){100}").unwrap_err(), SelectorError::PatternTooLarge);
        let groups = "(".repeat(10_000) + &")".repeat(10_000);
        assert!(Pattern::new(&groups).unwrap().is_none());
        assert!(!finds("(a*)*b", &"a".repeat(100_000)));
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[\\[\\](){}?*+|^$\\\\aäQEZhv0-9:&~<>=!,-]{0,16}|\\PC{0,12}", text in "\\PC{0,8}") {
            if let Ok(Some(pattern)) = Pattern::new(&pattern) {
                pattern.is_match(&text);
            }
        }
    }
}

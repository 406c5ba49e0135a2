//! Text to tokens.
//!
//! A token knows whether a line ended before it: ends of lines end statements. Parts of FQL's syntax that are not
//! supported are recognised here or in the parser, so that their refusal can name them.

use super::error::FqlError;
use super::limits::Limits;
use super::span::Span;
use super::template::PLACEHOLDER;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(String),
    /// Digits, without underscores.
    Int(String),
    /// With a fraction or an exponent, without underscores.
    Double(String),
    Str(String),
    /// The place of a value.
    Placeholder,
    Sign(&'static str),
    End,
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) span: Span,
    /// Whether a line ended since the token before.
    pub(super) newline_before: bool,
}

/// Longer signs stand before those they begin with.
const SIGNS: [&str; 33] = [
    "...", "**", "=>", "==", "!=", "=~", "!~", "<=", ">=", "&&", "||", "??", "?.", "->", "(", ")", "[", "]", "{", "}",
    ",", ";", ":", ".", "=", "<", ">", "+", "-", "*", "/", "%", "!",
];

/// Signs of FQL that nothing here uses.
const UNSUPPORTED_SIGNS: [&str; 6] = ["|", "&", "^", "~", "@", "#"];

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens_max: usize,
    lexemes: Vec<Lexeme>,
}

/// The tokens of `text`; the last is [`Token::End`].
pub(super) fn lex(text: &str, limits: &Limits) -> Result<Vec<Lexeme>, FqlError> {
    if text.len() > limits.text_bytes_max {
        return Err(FqlError::limit("the query's text", format_args!("{} bytes", limits.text_bytes_max)));
    }
    let mut lexer = Lexer { text, at: 0, tokens_max: limits.tokens_max, lexemes: Vec::new() };
    while lexer.step()? {}
    Ok(lexer.lexemes)
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Takes one token; whether there may be more.
    fn step(&mut self) -> Result<bool, FqlError> {
        let newline_before = self.skip_space()?;
        if self.lexemes.len() == self.tokens_max {
            return Err(FqlError::limit("the query's text", format_args!("{} tokens", self.tokens_max)));
        }
        let start = self.at;
        let token = self.token()?;
        let more = token != Token::End;
        self.lexemes.push(Lexeme { token, span: Span { start, end: self.at }, newline_before });
        Ok(more)
    }

    /// Skips whitespace and comments; whether a line ended.
    fn skip_space(&mut self) -> Result<bool, FqlError> {
        let start = self.at;
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let span = Span { start: self.at, end: self.text.len() };
                let Some(len) = rest.find("*/") else { return Err(FqlError::syntax("Expected `*/`", span)) };
                self.at += len + 2;
            } else {
                return Ok(self.text[start..self.at].contains('\n'));
            }
        }
    }

    fn token(&mut self) -> Result<Token, FqlError> {
        let rest = self.rest();
        let start = self.at;
        let Some(first) = rest.chars().next() else { return Ok(Token::End) };
        match first {
            PLACEHOLDER => {
                self.at += 1;
                Ok(Token::Placeholder)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let len = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
                self.at += len;
                Ok(Token::Name(rest[..len].into()))
            }
            '0'..='9' => self.number(),
            '\'' | '"' => self.string(first),
            _ if rest.starts_with("<<-") || rest.starts_with("<<+") => {
                Err(FqlError::unsupported("A heredoc string", Span { start, end: start + 3 }))
            }
            _ => self.sign(first),
        }
    }

    fn sign(&mut self, first: char) -> Result<Token, FqlError> {
        let (rest, start) = (self.rest(), self.at);
        if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            self.at += sign.len();
            return Ok(Token::Sign(sign));
        }
        let span = Span { start, end: start + first.len_utf8() };
        match UNSUPPORTED_SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
            Some(sign) => Err(FqlError::unsupported(&format!("`{sign}`"), span)),
            None => Err(FqlError::syntax("Expected expression", span)),
        }
    }

    fn number(&mut self) -> Result<Token, FqlError> {
        let (rest, start) = (self.rest(), self.at);
        let bytes = rest.as_bytes();
        if let [b'0', b'x' | b'X' | b'o' | b'O' | b'b' | b'B', ..] = bytes {
            return Err(FqlError::unsupported("A number that is not decimal", Span { start, end: start + 2 }));
        }
        let mut len = digits(bytes, 0);
        let mut double = false;
        if bytes.get(len) == Some(&b'.') && bytes.get(len + 1).is_some_and(u8::is_ascii_digit) {
            len = digits(bytes, len + 1);
            double = true;
        }
        if let Some(b'e' | b'E') = bytes.get(len) {
            let sign = usize::from(matches!(bytes.get(len + 1), Some(b'+' | b'-')));
            if bytes.get(len + 1 + sign).is_some_and(u8::is_ascii_digit) {
                len = digits(bytes, len + 1 + sign);
                double = true;
            }
        }
        self.at += len;
        let glued = bytes.get(len).is_some_and(|b| b.is_ascii_alphanumeric());
        let leading_zero = !double && bytes[0] == b'0' && len > 1;
        if glued || leading_zero {
            return Err(FqlError::syntax("Expected a decimal number", Span { start, end: self.at }));
        }
        let text = rest[..len].replace('_', "");
        Ok(if double { Token::Double(text) } else { Token::Int(text) })
    }

    fn string(&mut self, quote: char) -> Result<Token, FqlError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, char)) = chars.next() {
            let at = start + offset;
            match char {
                _ if char == quote => {
                    self.at = at + 1;
                    return Ok(Token::Str(text));
                }
                '\\' => {
                    let (escaped, len) = escape(&self.text[at..], at)?;
                    text.push(escaped);
                    chars.by_ref().take(len - 1).for_each(drop);
                }
                '#' if quote == '"' && self.text[at..].starts_with("#{") => {
                    return Err(FqlError::unsupported("Interpolation in a string", Span { start: at, end: at + 2 }));
                }
                PLACEHOLDER => return Err(FqlError::syntax("Expected `\"`", Span { start: at, end: at + 1 })),
                _ => text.push(char),
            }
        }
        let sign = if quote == '"' { "Expected `\"`" } else { "Expected `'`" };
        Err(FqlError::syntax(sign, Span { start, end: self.text.len() }))
    }
}

/// The end of the digits and underscores from `at`.
fn digits(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count()
}

/// The character of an escape, and how many characters the escape has, given the text from its backslash.
fn escape(text: &str, at: usize) -> Result<(char, usize), FqlError> {
    let plain = match text[1..].chars().next() {
        Some(char @ ('\\' | '\'' | '"' | '`' | '#')) => char,
        Some('0') => '\0',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('v') => '\u{b}',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('u') => return unicode(&text[2..]).ok_or_else(|| invalid_escape(at)),
        _ => return Err(invalid_escape(at)),
    };
    Ok((plain, 2))
}

fn invalid_escape(at: usize) -> FqlError {
    FqlError::syntax("Invalid escape code", Span { start: at, end: at + 1 })
}

/// `XXXX` or `{X...}` behind `\u`.
fn unicode(text: &str) -> Option<(char, usize)> {
    let (digits, len) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}').map(|(digits, _)| (digits, digits.len() + 4))?,
        None => (text.get(..4)?, 6),
    };
    let hex = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let code = u32::from_str_radix(digits, 16).ok().filter(|_| hex)?;
    Some((char::from_u32(code)?, len))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        lex(text, &Limits::default()).unwrap().into_iter().map(|lexeme| lexeme.token).collect()
    }

    #[test]
    fn golden_tokens() {
        use Token::{Double, End, Int, Name, Placeholder, Sign, Str};
        let name = |text: &str| Name(text.into());
        let table = [
            ("", vec![End]),
            ("a.b_1(\0)", vec![name("a"), Sign("."), name("b_1"), Sign("("), Placeholder, Sign(")"), End]),
            ("1 1_000 0 1.5 1e3 2.5E-3", {
                let ints = ["1", "1000", "0"].map(|text| Int(text.into()));
                let doubles = ["1.5", "1e3", "2.5E-3"].map(|text| Double(text.into()));
                ints.into_iter().chain(doubles).chain([End]).collect()
            }),
            ("1.a", vec![Int("1".into()), Sign("."), name("a"), End]),
            ("a?.b??c", vec![name("a"), Sign("?."), name("b"), Sign("??"), name("c"), End]),
            ("a!=b! !c", vec![name("a"), Sign("!="), name("b"), Sign("!"), Sign("!"), name("c"), End]),
            (r#"'a"\'\n' "b'\u00e4\u{1F600}\#{""#, vec![Str("a\"'\n".into()), Str("b'ä😀#{".into()), End]),
            ("'#{x}'", vec![Str("#{x}".into()), End]),
            ("a // b\n/* c\n */ d", vec![name("a"), name("d"), End]),
        ];
        for (text, expected) in table {
            assert_eq!(tokens(text), expected, "{text}");
        }
        let lines: Vec<bool> =
            lex("a b\nc /*\n*/ d //\ne", &Limits::default()).unwrap().iter().map(|l| l.newline_before).collect();
        assert_eq!(lines, [false, false, true, true, true, false]);
    }

    #[test]
    fn what_is_refused() {
        let table = [
            ("'a", "Expected `'`"),
            ("\"a\\\"", "Expected `\"`"),
            ("'\\x'", "Invalid escape code"),
            ("'\\ud800'", "Invalid escape code"),
            ("'\\u{110000}'", "Invalid escape code"),
            ("'\\u12", "Invalid escape code"),
            ("/* a", "Expected `*/`"),
            ("ä", "Expected expression"),
            ("1a", "Expected a decimal number"),
            ("01", "Expected a decimal number"),
            ("$a", "Expected expression"),
        ];
        for (text, message) in table {
            assert_eq!(lex(text, &Limits::default()).unwrap_err().message, message, "{text}");
        }
        for text in ["\"#{x}\"", "<<-END", "0x1F", "a | b", "a & b", "~a", "a @ b"] {
            let error = lex(text, &Limits::default()).unwrap_err();
            assert!(error.message.contains("is not supported. Supported here:"), "{text}: {error}");
        }
        let few = Limits { tokens_max: 3, text_bytes_max: 10, ..Limits::default() };
        assert!(lex("a b", &few).is_ok());
        assert_eq!(lex("a b c", &few).unwrap_err().code, "value_too_large");
        assert_eq!(lex("aaaaaaaaaaa", &few).unwrap_err().code, "value_too_large");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z0-9_.'\"\\\\#{}()\n/*ue\0<>-]{0,24}|\\PC{0,20}") {
            let _ = lex(&text, &Limits::default());
        }
    }
}

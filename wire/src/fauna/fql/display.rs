//! A tree as text again.
//!
//! Canonical: trees that are equal but for places give the same text, which gives the same tree again. What a function
//! has closed over is spelled as an expression.

use super::ast::{Expr, Kind, Link, LinkKind, Statement, UnaryOp};
use super::eval::{Lambda, Lazy, Set, SetSource, SetStep};
use super::parse::KEYWORDS;
use crate::fauna::tagged::write_double;
use crate::fauna::value::{DocumentRef, NamedRef, Value};

/// Binds more strongly than every operator.
const OPERAND: u8 = 8;
/// An operator of one operand.
const UNARY: u8 = 7;
/// Must stand in parentheses wherever something follows or precedes it.
const LOOSE: u8 = 0;

/// Whether `text` can stand as a name.
pub fn is_identifier(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && !KEYWORDS.contains(&text)
}

/// A value as FQL text.
pub fn literal(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// An expression as FQL text.
#[cfg(test)]
pub(super) fn expression(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(expr, &mut out);
    out
}

/// Appends a string literal.
pub fn write_text_literal(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' | '#' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if char.is_control() || matches!(char, '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}') => {
                out.push_str(&format!("\\u{{{:x}}}", u32::from(char)));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}

fn strength(kind: &Kind) -> u8 {
    match kind {
        Kind::Binary(operator, ..) => operator.precedence() + 1,
        Kind::Unary(..) => UNARY,
        // `-1` is one token to the parser only where no operand precedes it.
        Kind::Value(Value::Int(number)) if *number < 0 => UNARY,
        Kind::Value(Value::Double(number)) if number.is_sign_negative() => UNARY,
        Kind::Value(Value::Lazy(lazy)) if matches!(**lazy, Lazy::Lambda(_)) => LOOSE,
        Kind::If(..) | Kind::Lambda(..) | Kind::Project(..) | Kind::Short(_) | Kind::Block(_) => LOOSE,
        _ => OPERAND,
    }
}

fn write_expr(expr: &Expr, out: &mut String) {
    match &expr.kind {
        Kind::Value(value) => write_value(value, out),
        Kind::Name(name) => out.push_str(name),
        Kind::This => {}
        Kind::Array(items) => enclosed("[", items, "]", out),
        Kind::Object(members) => write_members(members, out),
        Kind::Block(statements) => write_block(statements, out),
        Kind::If(condition, then, otherwise) => {
            out.push_str("if (");
            write_expr(condition, out);
            out.push_str(") ");
            // A chain or operator behind `else` would otherwise belong to the wrong branch.
            write_at_least(OPERAND, then, out);
            if let Some(otherwise) = otherwise {
                out.push_str(" else ");
                write_at_least(OPERAND, otherwise, out);
            }
        }
        Kind::Lambda(parameters, body) => write_lambda(parameters, body, out),
        Kind::Short(body) => write_expr(body, out),
        Kind::Unary(operator, operand) => {
            out.push_str(operator.sign());
            let least = if *operator == UnaryOp::Minus { OPERAND } else { UNARY };
            write_at_least(least, operand, out);
        }
        Kind::Binary(operator, left, right) => {
            write_at_least(operator.precedence() + 1, left, out);
            out.push(' ');
            out.push_str(operator.sign());
            out.push(' ');
            write_at_least(operator.precedence() + 2, right, out);
        }
        Kind::Chain(base, links) => {
            write_at_least(OPERAND, base, out);
            if base.kind == Kind::This && !links.first().is_some_and(begins_with_dot) {
                out.push('.');
            }
            links.iter().for_each(|link| write_link(link, out));
        }
        Kind::Project(base, members) => {
            write_at_least(OPERAND, base, out);
            out.push(' ');
            write_projection(members, out);
        }
    }
}

fn write_at_least(least: u8, expr: &Expr, out: &mut String) {
    let loose = strength(&expr.kind) < least;
    out.push_str(if loose { "(" } else { "" });
    write_expr(expr, out);
    out.push_str(if loose { ")" } else { "" });
}

fn write_list<T>(items: &[T], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at > 0 { ", " } else { "" });
        write(item, out);
    }
}

fn enclosed(start: &str, items: &[Expr], end: &str, out: &mut String) {
    out.push_str(start);
    write_list(items, out, write_expr);
    out.push_str(end);
}

fn write_key(name: &str, out: &mut String) {
    if is_identifier(name) { out.push_str(name) } else { write_text_literal(name, out) }
}

fn write_members(members: &[(String, Expr)], out: &mut String) {
    out.push('{');
    write_list(members, out, |(name, value), out| {
        write_key(name, out);
        out.push_str(": ");
        write_expr(value, out);
    });
    out.push('}');
}

fn write_projection(members: &[(String, Expr)], out: &mut String) {
    out.push('{');
    write_list(members, out, |(name, value), out| {
        out.push_str(name);
        out.push_str(": ");
        write_expr(value, out);
    });
    out.push('}');
}

fn write_block(statements: &[Statement], out: &mut String) {
    out.push_str("{ ");
    for statement in statements {
        match statement {
            Statement::Let(name, value) => {
                out.push_str("let ");
                out.push_str(name);
                out.push_str(" = ");
                write_expr(value, out);
            }
            Statement::Expr(expr) => write_expr(expr, out),
        }
        out.push_str("; ");
    }
    out.push('}');
}

fn write_lambda(parameters: &[Option<String>], body: &Expr, out: &mut String) {
    let name = |parameter: &Option<String>| parameter.clone().unwrap_or_else(|| "_".into());
    match parameters {
        [parameter] => out.push_str(&name(parameter)),
        parameters => {
            out.push('(');
            write_list(parameters, out, |parameter, out| out.push_str(&name(parameter)));
            out.push(')');
        }
    }
    out.push_str(" => ");
    write_expr(body, out);
}

fn write_link(link: &Link, out: &mut String) {
    match (&link.kind, link.optional) {
        (LinkKind::Field(name), optional) if is_field(name) => {
            out.push_str(if optional { "?." } else { "." });
            out.push_str(name);
        }
        (LinkKind::Field(name), optional) => {
            out.push_str(if optional { "?.[" } else { "[" });
            write_text_literal(name, out);
            out.push(']');
        }
        (LinkKind::Call(name, arguments), optional) => {
            out.push_str(if optional { "?." } else { "." });
            out.push_str(name);
            enclosed("(", arguments, ")", out);
        }
        (LinkKind::Apply(arguments), optional) => enclosed(if optional { "?.(" } else { "(" }, arguments, ")", out),
        (LinkKind::Index(index), optional) => {
            out.push_str(if optional { "?.[" } else { "[" });
            write_expr(index, out);
            out.push(']');
        }
        (LinkKind::Bang, _) => out.push('!'),
    }
}

fn begins_with_dot(link: &Link) -> bool {
    match &link.kind {
        LinkKind::Field(name) => is_field(name),
        LinkKind::Call(..) => true,
        LinkKind::Apply(_) | LinkKind::Index(_) | LinkKind::Bang => false,
    }
}

/// Behind a dot keywords are names too.
fn is_field(name: &str) -> bool {
    is_identifier(name) || KEYWORDS.contains(&name)
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Double(number) => write_number(*number, out),
        Value::Str(text) | Value::Token(text) => write_text_literal(text, out),
        Value::Bytes(bytes) => write_call("Bytes", &data_encoding::BASE64.encode(bytes), out),
        Value::Time(time) => write_call("Time", &time.to_string(), out),
        Value::Date(day) => write_call("Date", &day.to_string(), out),
        Value::Array(items) | Value::Page(items) => {
            out.push('[');
            write_list(items, out, write_value);
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            write_list(&fields.iter().collect::<Vec<_>>(), out, |(name, value), out| {
                write_key(name, out);
                out.push_str(": ");
                write_value(value, out);
            });
            out.push('}');
        }
        Value::Module(name) => write_module(name, out),
        Value::Ref(at) => write_reference(at, out),
        Value::Document(document) => write_reference(&document.at, out),
        Value::Named(at) => write_named(at, out),
        Value::NamedDocument(document) => write_named(&document.at, out),
        Value::Missing(missing) => write_value(&missing.target, out),
        Value::Lazy(lazy) => write_lazy(lazy, out),
    }
}

fn write_number(number: f64, out: &mut String) {
    if number.is_finite() {
        let mut text = Vec::new();
        write_double(number, &mut text);
        return out.push_str(&String::from_utf8_lossy(&text));
    }
    out.push_str(match number {
        _ if number.is_nan() => "Math.NaN",
        f64::INFINITY => "Math.Infinity",
        _ => "(-Math.Infinity)",
    });
}

fn write_call(name: &str, text: &str, out: &mut String) {
    out.push_str(name);
    out.push('(');
    write_text_literal(text, out);
    out.push(')');
}

fn write_module(name: &str, out: &mut String) {
    if is_identifier(name) { out.push_str(name) } else { write_call("Collection", name, out) }
}

fn write_reference(at: &DocumentRef, out: &mut String) {
    write_module(&at.collection, out);
    write_call(".byId", &at.id, out);
}

fn write_named(at: &NamedRef, out: &mut String) {
    out.push_str(at.kind.module());
    write_call(".byName", &at.name, out);
}

fn write_lazy(lazy: &Lazy, out: &mut String) {
    match lazy {
        Lazy::Lambda(lambda) => write_lambda(&lambda.parameters, &lambda.body, out),
        Lazy::Set(set) => write_set(set, out),
        Lazy::Source(source) => out.push_str(source.text()),
    }
}

/// Appends a set as FQL text.
pub(crate) fn write_set(set: &Set, out: &mut String) {
    match &set.source {
        SetSource::Collection(name) => {
            write_module(name, out);
            out.push_str(".all()");
        }
        SetSource::Document(at) => {
            out.push_str("Set.single(");
            write_reference(at, out);
            out.push(')');
        }
        SetSource::Sequence(from, until) => out.push_str(&format!("Set.sequence({from}, {until})")),
        SetSource::Values(items) => {
            write_value(&Value::Array(items.clone()), out);
            out.push_str(".toSet()");
        }
    }
    for step in &set.steps {
        match step {
            SetStep::Where(function) => write_step("where", function, out),
            SetStep::Map(function) => write_step("map", function, out),
            SetStep::Take(count) => out.push_str(&format!(".take({count})")),
        }
    }
}

fn write_step(name: &str, function: &Lambda, out: &mut String) {
    out.push('.');
    out.push_str(name);
    out.push('(');
    write_lambda(&function.parameters, &function.body, out);
    out.push(')');
}

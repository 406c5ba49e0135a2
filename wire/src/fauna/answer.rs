//! The answers of `/query/1`.
//!
//! ```text
//! {"data":...,"static_type":"...","summary":"","txn_ts":1718340750415639,"stats":{...},"schema_version":0}
//! {"error":{"code":"...","message":"..."},"summary":"...","txn_ts":...,"stats":{...},"schema_version":0}
//! ```
//!
//! One driver fails at any other key, another if `stats` is missing. `query_tags` stands before `schema_version` if the
//! request had some.

use super::fql::summary::summary;
use super::fql::{Detail, Effects, FqlError, Outcome};
use super::tagged::{Format, write_str};
use super::value::Value;
use crate::json::{write_i128, write_u64};

/// What every answer says besides its result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerInfo {
    /// The time of the transaction, in microseconds since the Unix epoch.
    pub txn_ts_us: u64,
    /// How long it took.
    pub query_time_ms: u64,
    /// The version of the schema: when it last changed, in microseconds since the Unix epoch.
    pub schema_version: u64,
    /// The tags of the request.
    pub tags: Option<String>,
}

/// Appends the answer of a query that went well.
pub fn write_success(outcome: &Outcome, format: Format, info: &AnswerInfo, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"data\":");
    format.write(&outcome.value, out);
    if matches!(outcome.value, Value::Token(_)) {
        out.extend_from_slice(b",\"static_type\":\"EventSource<Any>\"");
    }
    write_info("", &outcome.effects, info, out);
}

/// Appends the answer of a query that failed; its status is the error's. `text` is the query's.
pub fn write_failure(error: &FqlError, text: &str, format: Format, info: &AnswerInfo, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"error\":{\"code\":");
    write_str(error.code, out);
    out.extend_from_slice(b",\"message\":");
    write_str(error.failure_message(), out);
    match &error.detail {
        Detail::None => {}
        Detail::Abort(value) => {
            out.extend_from_slice(b",\"abort\":");
            format.write(value, out);
        }
        Detail::Constraints(failures) => {
            out.extend_from_slice(b",\"constraint_failures\":[");
            for (at, failure) in failures.iter().enumerate() {
                out.extend_from_slice(if at > 0 { b",{\"paths\":[[" } else { b"{\"paths\":[[" });
                write_str(&failure.field, out);
                out.extend_from_slice(b"]],\"message\":");
                write_str(&failure.message, out);
                out.push(b'}');
            }
            out.push(b']');
        }
    }
    out.push(b'}');
    write_info(&summary(error, text), &Effects::default(), info, out);
}

fn write_info(summary: &str, effects: &Effects, info: &AnswerInfo, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"summary\":");
    write_str(summary, out);
    out.extend_from_slice(b",\"txn_ts\":");
    write_u64(out, info.txn_ts_us);
    for (key, number) in [
        (&b",\"stats\":{\"compute_ops\":"[..], 1 + effects.steps / 50),
        (b",\"read_ops\":", effects.reads),
        (b",\"write_ops\":", effects.writes.len() as u64),
        (b",\"query_time_ms\":", info.query_time_ms),
        (b",\"contention_retries\":", 0),
        (b",\"storage_bytes_read\":", effects.read_bytes),
        (b",\"storage_bytes_write\":", effects.write_bytes),
    ] {
        out.extend_from_slice(key);
        write_i128(out, number.into());
    }
    out.extend_from_slice(b",\"rate_limits_hit\":[]}");
    if let Some(tags) = &info.tags {
        out.extend_from_slice(b",\"query_tags\":");
        write_str(tags, out);
    }
    out.extend_from_slice(b",\"schema_version\":");
    write_u64(out, info.schema_version);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fauna::fql::ConstraintFailure;

    fn info() -> AnswerInfo {
        AnswerInfo { txn_ts_us: 1_718_340_750_415_639, query_time_ms: 3, ..AnswerInfo::default() }
    }

    const STATS: &str = r#"{"compute_ops":1,"read_ops":0,"write_ops":0,"query_time_ms":3,"contention_retries":0,"storage_bytes_read":0,"storage_bytes_write":0,"rate_limits_hit":[]}"#;

    fn success(value: Value, format: Format, info: &AnswerInfo) -> String {
        let mut out = Vec::new();
        write_success(&Outcome { value, effects: Effects::default() }, format, info, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_successes() {
        let end = format!(r#""summary":"","txn_ts":1718340750415639,"stats":{STATS},"schema_version":0}}"#);
        let table = [
            (
                Value::Token("tok".into()),
                Format::Tagged,
                r#""data":{"@stream":"tok"},"static_type":"EventSource<Any>""#,
            ),
            (Value::Token("tok".into()), Format::Simple, r#""data":"tok","static_type":"EventSource<Any>""#),
            (Value::Int(1), Format::Tagged, r#""data":{"@int":"1"}"#),
            (Value::Int(1), Format::Simple, r#""data":1"#),
            (Value::Array(vec![Value::Int(1), "a".into()]), Format::Decorated, r#""data":"[1, \"a\"]""#),
        ];
        for (value, format, data) in table {
            assert_eq!(success(value, format, &info()), format!("{{{data},{end}"));
        }
        let tagged = AnswerInfo { tags: Some("a=b".into()), schema_version: 7, ..info() };
        assert!(success(Value::Null, Format::Tagged, &tagged).ends_with(r#","query_tags":"a=b","schema_version":7}"#));
    }

    #[test]
    fn golden_failures() {
        let end = format!(r#""txn_ts":1718340750415639,"stats":{STATS},"schema_version":0}}"#);
        let failure = ConstraintFailure { field: "ts".into(), message: "Is a reserved field".into() };
        let table = [
            (
                FqlError::unbound("foo").at(crate::fauna::fql::Span { start: 0, end: 3 }),
                r#"{"code":"unbound_variable","message":"Unbound variable `foo`"},"summary":"error: Unbound variable `foo`\nat *query*:1:1\n  |\n1 | foo\n  | ^^^\n  |""#,
            ),
            (
                FqlError::abort(Value::Int(1)),
                r#"{"code":"abort","message":"Query aborted.","abort":{"@int":"1"}},"summary":"error: Query aborted.""#,
            ),
            (
                FqlError::constraint("Failed.", vec![failure.clone(), failure]),
                r#"{"code":"constraint_failure","message":"Failed.","constraint_failures":[{"paths":[["ts"]],"message":"Is a reserved field"},{"paths":[["ts"]],"message":"Is a reserved field"}]},"summary":"error: Failed.\nconstraint failures:\n  ts: Is a reserved field\n  ts: Is a reserved field""#,
            ),
            (
                FqlError::syntax("Expected expression", crate::fauna::fql::Span { start: 0, end: 0 }),
                r#"{"code":"invalid_query","message":"The query failed 1 validation check"},"summary":"error: Expected expression\nat *query*:1:1\n  |\n1 | foo\n  | ^\n  |""#,
            ),
        ];
        for (error, expected) in table {
            let mut out = Vec::new();
            write_failure(&error, "foo", Format::Tagged, &info(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!(r#"{{"error":{expected},{end}"#));
        }
    }
}

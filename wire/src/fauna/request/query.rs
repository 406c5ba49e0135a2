//! The body of `/query/1`: `{"query":...,"arguments"?:{...}}`.

use super::body::{object, unexpected};
use crate::fauna::errors::ApiError;
use crate::fauna::fql::template::Template;
use crate::fauna::json::Json;
use crate::fauna::tagged::{Format, from_simple, from_tagged};
use crate::fauna::value::Value;

/// A query and its arguments.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryRequest {
    /// The query.
    pub template: Template,
    /// Its variables.
    pub arguments: Vec<(String, Value)>,
}

/// Reads the body of a query. `format` is that of the arguments.
///
/// # Errors
/// What is wrong with it.
pub fn parse_query(body: &[u8], format: Format) -> Result<QueryRequest, ApiError> {
    let body = object(body)?;
    let query = body.get("query").ok_or_else(|| ApiError::missing("query"))?;
    let template = Template::from_json(query).map_err(ApiError::invalid_body)?;
    let arguments = match body.get("arguments") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Object(members)) => {
            members.iter().map(|(name, tree)| argument(name, tree, format)).collect::<Result<_, _>>()?
        }
        Some(other) => return Err(unexpected(other)),
    };
    Ok(QueryRequest { template, arguments })
}

fn argument(name: &str, tree: &Json<'_>, format: Format) -> Result<(String, Value), ApiError> {
    let value = match format {
        Format::Simple => from_simple(tree),
        Format::Tagged | Format::Decorated => from_tagged(tree)
            .map_err(|error| ApiError::new(400, "invalid_request", format!("Invalid argument '{name}': {error}")))?,
    };
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &str, format: Format) -> Result<QueryRequest, String> {
        parse_query(body.as_bytes(), format).map_err(|error| error.message)
    }

    #[test]
    fn queries() {
        let body = r#"{"query":{"fql":["",{"value":{"@mod":"A"}},".byId(id)"]},"arguments":{"id":{"@long":"7"}}}"#;
        let template = Template { text: "\0.byId(id)".into(), values: vec![Value::Module("A".into())] };
        let expected = QueryRequest { template: template.clone(), arguments: vec![("id".into(), Value::Int(7))] };
        assert_eq!(parse(body, Format::Tagged), Ok(expected));
        let simple = parse(&body.replace(r#"{"@long":"7"}"#, "7"), Format::Simple);
        assert_eq!(simple, Ok(QueryRequest { template, arguments: vec![("id".into(), Value::Int(7))] }));
        let text = parse(r#"{"query":"1 + 1","arguments":{}}"#, Format::Tagged).unwrap();
        assert_eq!((text.template.text.as_str(), text.arguments.len()), ("1 + 1", 0));
    }

    #[test]
    fn what_is_refused() {
        let table = [
            ("", "No request body provided"),
            ("{}", "Invalid request body: Value for key query not found."),
            (r#"{"query":"x","arguments":[]}"#, "Invalid request body: Unexpected array value."),
            (r#"{"query":"x","arguments":{"a":1}}"#, "Invalid argument 'a': numbers must be tagged"),
            (r#"{"query":{"value":1}}"#, "Invalid request body: numbers must be tagged"),
            (r#"{"query":"\u0000"}"#, "Invalid request body: FQL strings cannot contain NUL characters"),
        ];
        for (body, message) in table {
            assert_eq!(parse(body, Format::Tagged), Err(message.to_owned()), "{body}");
        }
        let deep = format!(r#"{{"query":{}{}}}"#, r#"{"array":["#.repeat(60), "]}".repeat(60));
        assert!(parse(&deep, Format::Tagged).unwrap_err().contains("nested deeper than 100 levels"));
    }

    proptest! {
        #[test]
        fn no_body_panics(query in "[\\[\\]{}:,\"a-z0-9.]{0,40}") {
            let _ = parse(&format!(r#"{{"query":{query}}}"#), Format::Tagged);
            let _ = parse(&format!(r#"{{"query":{{"fql":[{query}]}}}}"#), Format::Tagged);
        }
    }
}

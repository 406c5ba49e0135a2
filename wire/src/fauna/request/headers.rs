//! The headers of `/query/1` and `/feed/1`.

use crate::fauna::errors::ApiError;
use crate::fauna::tagged::Format;

/// The longest time a query may be given.
pub const QUERY_TIMEOUT_MS_MAX: u64 = 600_000;

/// The time a query is given, if the request does not say.
pub const QUERY_TIMEOUT_MS_DEFAULT: u64 = 120_000;

/// The longest query tags that are repeated in an answer.
const TAGS_BYTES_MAX: usize = 4096;

/// What the headers of a request say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryHeaders {
    /// `x-format`: how the answer's data is written, and how arguments are read.
    pub format: Format,
    /// `x-query-timeout-ms`.
    pub timeout_ms: u64,
    /// `x-query-tags`: repeated in the answer.
    pub tags: Option<String>,
    /// `x-last-txn-ts`: what the client has seen of the database, in microseconds since the Unix epoch.
    pub last_txn_ts_us: Option<u64>,
}

impl QueryHeaders {
    /// Reads the headers; `get` gives the value of the one of that name, in lower case.
    ///
    /// # Errors
    /// One of them has a wrong value.
    pub fn parse<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, ApiError> {
        for name in ["x-linearized", "x-typecheck", "x-performance-hints"] {
            if get(name).is_some_and(|value| !matches!(value, "true" | "false")) {
                return Err(ApiError::invalid_header(name, "Must be a boolean value."));
            }
        }
        retries(get("x-max-contention-retries"))?;
        let tags = get("x-query-tags").filter(|tags| !tags.is_empty());
        if tags.is_some_and(|tags| tags.len() > TAGS_BYTES_MAX) {
            let problem = format!("Must have at most {TAGS_BYTES_MAX} bytes.");
            return Err(ApiError::invalid_header("x-query-tags", problem));
        }
        Ok(Self {
            format: format(get("x-format"))?,
            timeout_ms: timeout(get("x-query-timeout-ms"))?,
            tags: tags.map(str::to_owned),
            last_txn_ts_us: last_txn_ts(get("x-last-txn-ts"))?,
        })
    }
}

fn format(value: Option<&str>) -> Result<Format, ApiError> {
    let Some(value) = value else { return Ok(Format::default()) };
    Format::parse(value).ok_or_else(|| ApiError::invalid_header("x-format", format_args!("Invalid format {value}")))
}

fn timeout(value: Option<&str>) -> Result<u64, ApiError> {
    let Some(value) = value else { return Ok(QUERY_TIMEOUT_MS_DEFAULT) };
    let invalid = |problem: String| Err(ApiError::invalid_header("x-query-timeout-ms", problem));
    match value.parse::<i64>() {
        Err(_) => invalid(format!("Invalid number '{value}'.")),
        Ok(..=0) => invalid("Must be greater than 0.".into()),
        Ok(timeout) => match u64::try_from(timeout).ok().filter(|timeout| *timeout <= QUERY_TIMEOUT_MS_MAX) {
            Some(timeout) => Ok(timeout),
            None => invalid(format!("Must be less than or equal to {QUERY_TIMEOUT_MS_MAX}.")),
        },
    }
}

fn retries(value: Option<&str>) -> Result<(), ApiError> {
    let Some(value) = value else { return Ok(()) };
    let invalid = |problem: String| Err(ApiError::invalid_header("x-max-contention-retries", problem));
    match value.parse::<i32>() {
        Err(_) => invalid(format!("Invalid number '{value}'.")),
        Ok(0..=7) => Ok(()),
        Ok(_) => invalid("Must be between 0 and 7.".into()),
    }
}

fn last_txn_ts(value: Option<&str>) -> Result<Option<u64>, ApiError> {
    let Some(value) = value else { return Ok(None) };
    let invalid = || ApiError::invalid_header("x-last-txn-ts", format_args!("Invalid timestamp '{value}'."));
    value.parse::<i64>().map(|time_us| u64::try_from(time_us).ok()).map_err(|_| invalid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(headers: &[(&str, &'static str)]) -> Result<QueryHeaders, String> {
        let get = |name: &str| headers.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
        QueryHeaders::parse(get).map_err(|error| error.message)
    }

    #[test]
    fn what_headers_say() {
        let nothing = QueryHeaders {
            format: Format::Simple,
            timeout_ms: QUERY_TIMEOUT_MS_DEFAULT,
            tags: None,
            last_txn_ts_us: None,
        };
        assert_eq!(parse(&[]), Ok(nothing));
        let all = parse(&[
            ("x-format", "tagged"),
            ("x-query-timeout-ms", "5000"),
            ("x-query-tags", "a=b,c=d"),
            ("x-last-txn-ts", "1718340750415639"),
            ("x-linearized", "true"),
            ("x-typecheck", "false"),
            ("x-max-contention-retries", "3"),
            ("x-driver-env", "anything"),
        ]);
        let expected = QueryHeaders {
            format: Format::Tagged,
            timeout_ms: 5000,
            tags: Some("a=b,c=d".into()),
            last_txn_ts_us: Some(1_718_340_750_415_639),
        };
        assert_eq!(all, Ok(expected));
    }

    #[test]
    fn wrong_values() {
        let table = [
            ("x-format", "xml", "Invalid format xml"),
            ("x-query-timeout-ms", "soon", "Invalid number 'soon'."),
            ("x-query-timeout-ms", "0", "Must be greater than 0."),
            ("x-query-timeout-ms", "600001", "Must be less than or equal to 600000."),
            ("x-max-contention-retries", "8", "Must be between 0 and 7."),
            ("x-max-contention-retries", "x", "Invalid number 'x'."),
            ("x-last-txn-ts", "x", "Invalid timestamp 'x'."),
            ("x-linearized", "yes", "Must be a boolean value."),
        ];
        for (name, value, problem) in table {
            assert_eq!(parse(&[(name, value)]), Err(format!("Invalid header '{name}': {problem}")));
        }
    }
}

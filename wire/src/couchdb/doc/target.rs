//! Which revision a write replaces. The body, `?rev=` and `If-Match` may all say it, and must say the same.

use super::error::DocError;
use crate::couchdb::rev::{History, Rev};

/// The revision that `?rev=` and `If-Match` name together with the document itself, and its history if the document
/// brings one.
///
/// # Errors
/// They differ, or one of them is malformed.
pub fn resolve(
    document: Option<History>,
    query: Option<&str>,
    if_match: Option<&str>,
) -> Result<Option<History>, DocError> {
    let query: Option<Rev> = query.map(str::parse).transpose()?;
    let header: Option<Rev> = if_match.map(|etag| etag.trim_matches('"').parse()).transpose()?;
    let history = match (document, query) {
        (Some(document), Some(query)) if document.rev() != query => return Err(DocError::RevInQuery),
        (Some(document), _) => Some(document),
        (None, query) => query.map(History::of),
    };
    match (history, header) {
        (Some(history), Some(header)) if history.rev() != header => Err(DocError::RevInHeader),
        (Some(history), _) => Ok(Some(history)),
        (None, header) => Ok(header.map(History::of)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_must_agree() {
        let table = [
            (None, None, None, Ok(None)),
            (Some("1-a"), None, None, Ok(Some("1-a"))),
            (None, Some("1-a"), None, Ok(Some("1-a"))),
            (None, None, Some("\"1-a\""), Ok(Some("1-a"))),
            (None, None, Some("1-a"), Ok(Some("1-a"))),
            (Some("1-a"), Some("1-a"), Some("\"1-a\""), Ok(Some("1-a"))),
            (Some("1-a"), Some("1-b"), None, Err(DocError::RevInQuery)),
            (Some("1-a"), None, Some("\"1-b\""), Err(DocError::RevInHeader)),
            (None, Some("1-a"), Some("\"1-b\""), Err(DocError::RevInHeader)),
            (None, Some("x"), None, Err(DocError::Rev)),
            (None, None, Some("*"), Err(DocError::Rev)),
        ];
        for (document, query, header, expected) in table {
            let document = document.map(|rev: &str| History::of(rev.parse().unwrap()));
            let resolved = resolve(document, query, header).map(|found| found.map(|found| found.rev().to_string()));
            assert_eq!(resolved, expected.map(|rev| rev.map(str::to_owned)), "{query:?} {header:?}");
        }
    }
}

//! Paths: `a.b` is `b` within `a`, `a\.b` is one name with a dot in it.

use super::error::SelectorError;

/// No document is nested deeper than this, so no path leads further.
pub(super) const PATH_PARTS_MAX: usize = crate::json::DEPTH_MAX;

/// The names along a path, from the outside in.
pub(super) type Path = Vec<Box<str>>;

/// Takes a field's name apart.
pub(super) fn parse(field: &str) -> Result<Path, SelectorError> {
    let mut parts = Path::new();
    let mut start = 0;
    for (at, _) in field.match_indices('.') {
        if at == 0 || field.as_bytes()[at - 1] != b'\\' {
            parts.push(unescape(&field[start..at]));
            start = at + 1;
        }
    }
    parts.push(unescape(&field[start..]));
    // CouchDB looks for empty parts before it takes out the backslashes.
    let is_empty = field.is_empty() || field.starts_with('.') || has_empty_part(field);
    if is_empty || parts.len() > PATH_PARTS_MAX {
        return Err(SelectorError::FieldName(field.chars().take(200).collect()));
    }
    Ok(parts)
}

fn has_empty_part(field: &str) -> bool {
    let separators = field.match_indices('.').filter(|(at, _)| *at == 0 || field.as_bytes()[at - 1] != b'\\');
    separators.map(|(at, _)| at + 1).any(|next| next == field.len() || field.as_bytes()[next] == b'.')
}

fn unescape(part: &str) -> Box<str> {
    part.replace('\\', "").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let table: [(&str, &[&str]); 7] = [
            ("a", &["a"]),
            ("a.b.0", &["a", "b", "0"]),
            (r"a\.b", &["a.b"]),
            (r"a\.b.c", &["a.b", "c"]),
            (r"\$dollar", &["$dollar"]),
            (r"a\b", &["ab"]),
            (r"\..a", &[".", "a"]),
        ];
        for (field, expected) in table {
            let path = parse(field).unwrap();
            assert_eq!(path.iter().map(|part| &**part).collect::<Vec<_>>(), expected, "{field}");
        }
        let deep = vec!["a"; PATH_PARTS_MAX + 1].join(".");
        for field in ["", ".", "a.", ".a", "a..b", r"a\...b", &deep] {
            assert!(matches!(parse(field), Err(SelectorError::FieldName(_))), "{field}");
        }
    }
}

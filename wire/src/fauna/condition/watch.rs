//! Whether a change touches the fields of `eventsOn`.

use crate::fauna::document::{Found, Path, View, resolve};
use crate::fauna::value::{Value, same};

/// Whether a change is of interest to who watches `fields`: an update that changes one of them, a document that begins
/// with one of them, one that ends with all of them.
pub(crate) fn touches(fields: &[Path], before: Option<&View<'_>>, after: Option<&View<'_>>) -> bool {
    match (before, after) {
        _ if fields.is_empty() => true,
        (before, Some(after)) => fields.iter().any(|path| {
            let before = before.and_then(|before| extract(before, path));
            differ(before, extract(after, path))
        }),
        (Some(before), None) => fields.iter().all(|path| extract(before, path).is_some()),
        (None, None) => false,
    }
}

/// The field, if it is there. That something on the way is missing is no error here.
fn extract<'a>(view: &'a View<'_>, path: &Path) -> Option<Found<'a>> {
    resolve(view, path).ok().filter(|found| *found != Found::Built(Value::Null))
}

fn differ(before: Option<Found<'_>>, after: Option<Found<'_>>) -> bool {
    match (before, after) {
        (None, None) => false,
        (Some(Found::Stored(before)), Some(Found::Stored(after))) if before == after => false,
        (Some(before), Some(after)) => !same(&before.into_value(), &after.into_value()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fauna::source::Source;

    fn watched(fields: &str, before: Option<&str>, after: Option<&str>) -> bool {
        let source = Source::parse(&format!("A.all().eventsOn({fields})")).unwrap();
        let view = |body| View::new("A", "1", 0, body);
        touches(source.fields(), before.map(view).as_ref(), after.map(view).as_ref())
    }

    #[test]
    fn changes_of_watched_fields() {
        let table = [
            (".a", None, Some(r#"{"a":1}"#), true),
            (".a", None, Some(r#"{"b":1}"#), false),
            (".a", None, Some(r#"{"a":null}"#), false),
            (".a, .b", None, Some(r#"{"b":1}"#), true),
            (".a", Some(r#"{"a":1}"#), Some(r#"{"a":1,"b":2}"#), false),
            (".a", Some(r#"{"a":1}"#), Some(r#"{"a":2}"#), true),
            (".a", Some(r#"{"a":1}"#), Some(r#"{"a":1.0}"#), true),
            (".a", Some(r#"{"a":1}"#), Some("{}"), true),
            (".a", Some("{}"), Some("{}"), false),
            (".a", Some(r#"{"a":{"x":1,"y":2}}"#), Some(r#"{"a":{"y":2,"x":1}}"#), false),
            (".a.x", Some(r#"{"a":{"x":1,"y":2}}"#), Some(r#"{"a":{"x":1,"y":3}}"#), false),
            (".a.x", Some(r#"{"a":{"x":1}}"#), Some(r#"{"a":5}"#), true),
            (".a.x.z", Some(r#"{"a":{}}"#), Some("{}"), false),
            (r#".["a b"]"#, Some(r#"{"a b":1}"#), Some(r#"{"a b":2}"#), true),
            (".a, .b", Some(r#"{"a":1}"#), None, false),
            (".a, .b", Some(r#"{"a":1,"b":2}"#), None, true),
            (".data.id", Some(r#"{"id":1}"#), Some(r#"{"id":2}"#), true),
            (".a", None, None, false),
        ];
        for (fields, before, after, expected) in table {
            assert_eq!(watched(fields, before, after), expected, "{fields} {before:?} {after:?}");
        }
    }

    #[test]
    fn without_fields_everything_counts() {
        assert!(touches(&[], None, None));
    }
}

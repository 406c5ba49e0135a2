//! Lists: which outputs and which transactions are asked for, and the text of the answer.
//!
//! Parameters are read in the order of the reference server, so that of several mistakes the same one is told. The text has the
//! spaces of the server's own lists. Refusals are in [`errors`](super::errors). Tests lie at the end of this file.

use super::filter::{parse_hash, parse_key, parse_operation};
use super::request::{ParameterError, parameter, refuse_others};
use super::transaction::{Operation, OutputRef};
use crate::http1::Query;
use crate::json;

/// Which outputs a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputsQuery {
    /// Whose they are; `None` for what looks like a key and is none, so that nobody has any.
    pub owner: Option<[u8; 32]>,
    /// Only those that are spent, or only those that are not.
    pub spent: Option<bool>,
}

impl OutputsQuery {
    /// `?public_key=&spent=`
    ///
    /// # Errors
    /// `public_key` is missing, a value is malformed, or there are other parameters.
    pub fn parse(query: &Query<'_>) -> Result<Self, ParameterError> {
        let key = parameter(query, "public_key", parse_key)?.ok_or(ParameterError::Missing("public_key"))?;
        let spent = parameter(query, "spent", |text| boolean("spent", text))?;
        refuse_others(query, &["public_key", "spent"])?;
        let mut owner = [0; 32];
        let is_key = bs58::decode(key).onto(&mut owner) == Ok(32);
        Ok(Self { owner: is_key.then_some(owner), spent })
    }
}

/// Which transactions a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionsQuery {
    /// The asset they are about: the one that creates it, and those that pass it on. In lower case.
    pub asset_id: String,
    /// Only these.
    pub operation: Option<Operation>,
    /// Only the newest of them.
    pub is_last: bool,
}

impl TransactionsQuery {
    /// `?asset_id=&operation=&last_tx=`; others do not matter.
    ///
    /// # Errors
    /// `asset_id` is missing, or a value is malformed.
    pub fn parse(query: &Query<'_>) -> Result<Self, ParameterError> {
        let operation = parameter(query, "operation", parse_operation)?;
        let asset_id = parameter(query, "asset_id", parse_hash)?.ok_or(ParameterError::Missing("asset_id"))?;
        let is_last = parameter(query, "last_tx", |text| boolean("last_tx", text))?;
        Ok(Self { asset_id, operation, is_last: is_last == Some(true) })
    }
}

fn boolean(name: &'static str, text: &str) -> Result<bool, ParameterError> {
    match &*text.to_lowercase() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(ParameterError::Boolean(name)),
    }
}

/// A list that is written item by item.
#[derive(Clone, Copy, Debug, Default)]
pub struct List {
    is_begun: bool,
}

impl List {
    /// Appends the bytes before the next item.
    fn separate(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.is_begun { b", " } else { b"[" });
        self.is_begun = true;
    }

    /// Appends an output: the id of its transaction, and its index.
    pub fn push_output(&mut self, out: &mut Vec<u8>, output: &OutputRef) {
        self.separate(out);
        out.extend_from_slice(b"{\"transaction_id\": ");
        json::write_str(out, &output.transaction_id);
        out.extend_from_slice(b", \"output_index\": ");
        json::write_u64(out, output.output_index);
        out.push(b'}');
    }

    /// Appends a transaction, whose text is JSON already.
    pub fn push_json(&mut self, out: &mut Vec<u8>, text: &str) {
        self.separate(out);
        out.extend_from_slice(text.as_bytes());
    }

    /// Appends a document, which `write` writes.
    pub fn push_document(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        self.separate(out);
        write(out);
    }

    /// Appends the end of the list.
    pub fn finish(self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.is_begun { b"]\n" } else { b"[]\n" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "6Ng9yLkUHQJNL5NU5hadCVadUyPfkq6xKuaiYueLq25C";

    #[test]
    fn outputs() {
        let owner = bs58::decode(KEY).into_vec().unwrap().try_into().ok();
        assert!(owner.is_some());
        let unknown = |names: &str| Err(ParameterError::Unknown(names.to_owned()));
        let table = [
            (format!("public_key={KEY}"), Ok(OutputsQuery { owner, spent: None })),
            (format!("spent=True&public_key={KEY}"), Ok(OutputsQuery { owner, spent: Some(true) })),
            (format!("public_key={KEY}&spent=FALSE&spent=true"), Ok(OutputsQuery { owner, spent: Some(false) })),
            (format!("public_key={}", "z".repeat(44)), Ok(OutputsQuery { owner: None, spent: None })),
            (String::new(), Err(ParameterError::Missing("public_key"))),
            ("spent=x".to_owned(), Err(ParameterError::Missing("public_key"))),
            ("public_key=abc&spent=x&y=1".to_owned(), Err(ParameterError::PublicKey)),
            (format!("public_key={KEY}&public_key=abc"), Err(ParameterError::PublicKey)),
            (format!("public_key={KEY}&spent=tru&y=1"), Err(ParameterError::Boolean("spent"))),
            (format!("public_key={KEY}&spent="), Err(ParameterError::Boolean("spent"))),
            (format!("public_key={KEY}&unspent=true&b=1"), unknown("unspent, b")),
        ];
        for (query, expected) in table {
            assert_eq!(OutputsQuery::parse(&Query::parse(&query)), expected, "{query}");
        }
    }

    #[test]
    fn transactions() {
        let hash = "ab".repeat(32);
        let some = |operation, is_last| Ok(TransactionsQuery { asset_id: hash.clone(), operation, is_last });
        let upper = hash.to_uppercase();
        let table = [
            (format!("asset_id={hash}"), some(None, false)),
            (format!("asset_id={upper}&x=y&operation=transfer"), some(Some(Operation::Transfer), false)),
            (format!("asset_id={hash}&operation=CREATE&last_tx=True"), some(Some(Operation::Create), true)),
            (format!("asset_id={hash}&last_tx=false"), some(None, false)),
            (String::new(), Err(ParameterError::Missing("asset_id"))),
            ("operation=VOTE".to_owned(), Err(ParameterError::Operation)),
            ("asset_id=1&last_tx=x".to_owned(), Err(ParameterError::AssetId)),
            (format!("asset_id={hash}&last_tx=1"), Err(ParameterError::Boolean("last_tx"))),
        ];
        for (query, expected) in table {
            assert_eq!(TransactionsQuery::parse(&Query::parse(&query)), expected, "{query}");
        }
    }

    #[test]
    fn golden_lists() {
        let mut out = Vec::new();
        List::default().finish(&mut out);
        let mut list = List::default();
        for output_index in [0, 12] {
            list.push_output(&mut out, &OutputRef { transaction_id: "a".to_owned(), output_index });
        }
        list.push_json(&mut out, "{}");
        list.finish(&mut out);
        let expected = "[]\n[{\"transaction_id\": \"a\", \"output_index\": 0}, {\"transaction_id\": \"a\", \
                        \"output_index\": 12}, {}]\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

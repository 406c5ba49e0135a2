//! Which transactions a stream shows.
//!
//! A filter is kept in one spelling, so that equal filters are equal values and have equal names: whoever asks for the
//! same gets the same encoding. Its name goes into that of the encoding, see [`encode`](super::encode).

use data_encoding::HEXLOWER;
use sha3::{Digest, Sha3_256};

use super::block::Brief;
use super::request::ParameterError;
use super::transaction::Operation;

/// What a transaction must be for a stream to show it: all that is given. The empty filter shows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    asset_id: Option<String>,
    operation: Option<Operation>,
    public_key: Option<String>,
}

impl Filter {
    /// Makes a filter of the values of the parameters.
    ///
    /// # Errors
    /// In the words the reference server uses for parameters of the same kind: an asset id is 64 hex digits, an
    /// operation `CREATE` or `TRANSFER` in any case, a public key 43 or 44 characters in base58.
    pub fn new(
        asset_id: Option<&str>,
        operation: Option<&str>,
        public_key: Option<&str>,
    ) -> Result<Self, ParameterError> {
        Ok(Self {
            asset_id: asset_id.map(parse_hash).transpose()?,
            operation: operation.map(parse_operation).transpose()?,
            public_key: public_key.map(parse_key).transpose()?,
        })
    }

    /// Whether it shows everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it shows a transaction.
    pub(super) fn shows(&self, transaction: &Brief<'_>) -> bool {
        self.asset_id.as_deref().is_none_or(|wanted| wanted == transaction.asset_id())
            && self.operation.is_none_or(|wanted| transaction.operation().is_some_and(|it| it.0 == wanted.name()))
            && self.public_key.as_deref().is_none_or(|wanted| {
                transaction.owned().iter().flat_map(|output| &output.public_keys).any(|key| key.0 == wanted)
            })
    }

    /// Whether it shows what is no transaction, under this id: it has no operation and no owner.
    pub(super) fn shows_other(&self, id: &str) -> bool {
        let asks_for_more = self.operation.is_some() || self.public_key.is_some();
        !asks_for_more && self.asset_id.as_deref().is_none_or(|wanted| wanted == id)
    }

    /// 32 hex digits, the same for equal filters.
    pub(super) fn digest(&self) -> String {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let operation = self.operation.map_or("", Operation::name);
        let normalised = format!("{}\n{operation}\n{}", text(&self.asset_id), text(&self.public_key));
        HEXLOWER.encode(&Sha3_256::digest(normalised)[..16])
    }
}

pub(super) fn parse_hash(text: &str) -> Result<String, ParameterError> {
    let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Ok(text.to_ascii_lowercase()) } else { Err(ParameterError::AssetId) }
}

pub(super) fn parse_operation(text: &str) -> Result<Operation, ParameterError> {
    let known = [Operation::Create, Operation::Transfer];
    known.into_iter().find(|one| one.name().eq_ignore_ascii_case(text)).ok_or(ParameterError::Operation)
}

pub(super) fn parse_key(text: &str) -> Result<String, ParameterError> {
    let is_base58 = |byte: u8| byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'I' | b'O' | b'l');
    let is_key = (43..=44).contains(&text.len()) && text.bytes().all(is_base58);
    if is_key { Ok(text.to_owned()) } else { Err(ParameterError::PublicKey) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "6Ng9yLkUHQJNL5NU5hadCVadUyPfkq6xKuaiYueLq25C";

    #[test]
    fn values() {
        let hash = "18ac3e7343f016890c510e93f935261169d9e3f565436429830faf0934f4f8e4";
        for text in [hash, &hash.to_ascii_uppercase()] {
            assert_eq!(parse_hash(text).as_deref(), Ok(hash));
        }
        for text in ["", &hash[1..], &format!("{hash}5"), &format!("{}g", &hash[1..]), &format!("{} ", &hash[1..])] {
            assert_eq!(parse_hash(text), Err(ParameterError::AssetId), "{text}");
        }
        for (text, expected) in [("create", Operation::Create), ("TRANSFEr", Operation::Transfer)] {
            assert_eq!(parse_operation(text), Ok(expected));
        }
        for text in ["", "GENESIS", "VOTE", "CREATE "] {
            assert_eq!(parse_operation(text), Err(ParameterError::Operation), "{text}");
        }
        for text in [KEY, &KEY[1..], "123456789ABCDEFGHJKLMNPQRSTUVWXYZ1111111111"] {
            assert_eq!(parse_key(text).as_deref(), Ok(text));
        }
        for text in
            ["", &KEY[2..], &format!("{KEY}1"), &KEY.replace('y', "l"), &KEY.replace('y', "0"), &KEY.replace('y', "_")]
        {
            assert_eq!(parse_key(text), Err(ParameterError::PublicKey), "{text}");
        }
    }

    #[test]
    fn equal_filters_have_equal_names_and_others_have_others() {
        let hash = "ab".repeat(32);
        let upper = Filter::new(Some(&hash.to_ascii_uppercase()), Some("Create"), None).unwrap();
        let lower = Filter::new(Some(&hash), Some("CREATE"), None).unwrap();
        assert_eq!((upper.digest(), &upper), (lower.digest(), &lower));
        assert_eq!(Filter::default().digest().len(), 32);
        assert!(Filter::default().is_empty() && !lower.is_empty());
        let filters = [
            Filter::default(),
            Filter::new(Some(&hash), None, None).unwrap(),
            Filter::new(None, Some("create"), None).unwrap(),
            Filter::new(None, Some("transfer"), None).unwrap(),
            Filter::new(None, None, Some(KEY)).unwrap(),
            lower,
        ];
        let names: std::collections::BTreeSet<String> = filters.iter().map(Filter::digest).collect();
        assert_eq!(names.len(), filters.len());
    }

    #[test]
    fn what_is_shown() {
        let (asset, other) = ("ab".repeat(32), "cd".repeat(32));
        let create = format!(
            r#"{{"asset":{{"data":null}},"id":"{asset}","operation":"CREATE","outputs":[{{"public_keys":null}},{{"public_keys":["x","{KEY}"]}}]}}"#
        );
        let transfer = format!(
            r#"{{"asset":{{"id":"{asset}"}},"id":"{other}","operation":"TRANSFER","outputs":[{{"public_keys":["{KEY}"]}}]}}"#
        );
        let bare = format!(r#"{{"id":"{asset}","operation":5,"outputs":{{}}}}"#);
        let (wanted, unwanted, key, other_key) =
            (Some(asset.as_str()), Some(other.as_str()), Some(KEY), Some(&KEY[1..]));
        let table = [
            ((None, None, None), [true, true, true, true]),
            ((wanted, None, None), [true, true, true, true]),
            ((unwanted, None, None), [false; 4]),
            ((None, Some("CREATE"), None), [true, false, false, false]),
            ((None, Some("TRANSFER"), None), [false, true, false, false]),
            ((None, None, key), [true, true, false, false]),
            ((None, None, other_key), [false; 4]),
            ((wanted, Some("CREATE"), key), [true, false, false, false]),
            ((wanted, Some("TRANSFER"), key), [false, true, false, false]),
            ((wanted, Some("CREATE"), other_key), [false; 4]),
        ];
        for ((asset_id, operation, key), expected) in table {
            let filter = Filter::new(asset_id, operation, key).unwrap();
            let shows = |text: &str| filter.shows(&serde_json::from_str(text).unwrap());
            let shown = [shows(&create), shows(&transfer), shows(&bare), filter.shows_other(&asset)];
            assert_eq!(shown, expected, "{filter:?}");
        }
    }
}

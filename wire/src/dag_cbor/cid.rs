//! Content identifiers: binary inside tag 42, text inside `{"$link": ...}`.

use ::cid::Cid;

/// CIDv1, then codec, SHA-256 and its length: what nearly every CID starts with.
const COMMON_BYTES: usize = 36;

/// Whether these bytes are one CID, version 0 or 1, and nothing else.
pub fn is_valid(bytes: &[u8]) -> bool {
    match bytes {
        [1, 0x55 | 0x71, 0x12, 0x20, ..] if bytes.len() == COMMON_BYTES => true,
        _ => Cid::try_from(bytes).is_ok_and(|cid| cid.to_bytes() == bytes),
    }
}

/// Appends the text form of a valid CID: base32 for version 1, base58 for version 0.
pub fn write_text(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.first() != Some(&1) {
        out.extend_from_slice(Cid::try_from(bytes).map(|cid| cid.to_string()).unwrap_or_default().as_bytes());
        return;
    }
    out.push(b'b');
    let start = out.len();
    out.resize(start + data_encoding::BASE32_NOPAD.encode_len(bytes.len()), 0);
    data_encoding::BASE32_NOPAD.encode_mut(bytes, &mut out[start..]);
    out[start..].make_ascii_lowercase();
}

/// The bytes of a CID in text form; `None` if it is none.
pub fn parse(text: &str) -> Option<Vec<u8>> {
    // The library also reads paths and URLs that contain a CID.
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
    plain.then(|| Cid::try_from(text).ok()).flatten().map(|cid| cid.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "bafyreiftot7eltsc3f6g4qktykmbv6jcmdmhcx5osscan6jpdxkpqcmcza";
    const V0: &str = "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n";

    #[test]
    fn both_versions_survive_the_way_through_bytes() {
        for text in [V0, V1] {
            let bytes = parse(text).unwrap();
            assert!(is_valid(&bytes));
            let mut out = Vec::new();
            write_text(&mut out, &bytes);
            assert_eq!(String::from_utf8(out).unwrap(), text);
            assert!(!is_valid(&bytes[..bytes.len() - 1]));
            assert!(!is_valid(&[&bytes[..], b"x"].concat()));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "b", "bafy", "https://example.com/ipfs/QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n", "ä"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}

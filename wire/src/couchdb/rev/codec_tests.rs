use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::super::History;
use super::*;

fn encoded(tree: &RevTree) -> Vec<u8> {
    let mut out = Vec::new();
    encode(tree, &mut out);
    out
}

fn tree(paths: &[(&str, &[&str], u64, bool)]) -> RevTree {
    let mut tree = RevTree::new();
    for (newest, ids, seq, deleted) in paths {
        let newest: Rev = newest.parse().unwrap();
        let ids = [newest.hash.to_string()].into_iter().chain(ids.iter().map(|id| (*id).to_owned()));
        let ids = ids.map(|id| RevHash::parse(&id).unwrap()).collect();
        tree.insert(&History::new(newest.pos, ids).unwrap(), Body { seq: *seq, deleted: *deleted }, 1_000);
    }
    tree
}

#[test]
fn golden_bytes() {
    let tree = tree(&[
        ("2-ccc2", &["967a00dff5e02add41819138abb3284d"], 1, false),
        ("2-ddd3", &["967a00dff5e02add41819138abb3284d"], 300, true),
    ]);
    let expected = "01 03 02 01 967a00dff5e02add41819138abb3284d 05 01 04 63636332 01 0d 02 04 64646433 ac02";
    assert_eq!(HEXLOWER.encode(&encoded(&tree)), expected.replace(' ', ""));
    assert_eq!(decode(&encoded(&tree)), Ok(tree));
    assert_eq!(encoded(&RevTree::new()), [1, 0]);
}

#[test]
fn damage_is_found() {
    let bytes = encoded(&tree(&[("3-c", &["b", "a"], 1, false)]));
    assert_eq!(decode(&[2, 0]), Err(CodecError::Version(2)));
    for end in 0..bytes.len() {
        assert_eq!(decode(&bytes[..end]), Err(CodecError::Damaged), "{end}");
    }
    assert_eq!(decode(&[&bytes[..], &[0]].concat()), Err(CodecError::Damaged));
    // A node that is its own parent, and nodes out of order.
    for hex in ["0101 01 00 01 61", "0102 00 02 01 61 00 01 01 61", "0102 00 01 01 61 00 01 01 61", "01 01 00 00 01 61"]
    {
        let bytes = HEXLOWER.decode(hex.replace(' ', "").as_bytes()).unwrap();
        assert_eq!(decode(&bytes), Err(CodecError::Damaged), "{hex}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(prop_oneof![0_u8..16, any::<u8>()], 0..64)) {
        let bytes = [&[VERSION], &bytes[..]].concat();
        if let Ok(tree) = decode(&bytes) {
            prop_assert_eq!(decode(&encoded(&tree)).unwrap(), tree);
        }
    }
}

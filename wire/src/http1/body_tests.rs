use proptest::prelude::*;

use super::*;
use crate::http1::{LAST_CHUNK, chunk};

fn decode(kind: BodyKind, bytes_max: u64, parts: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), BodyError> {
    let mut decoder = BodyDecoder::new(kind, bytes_max)?;
    let (mut out, mut done, mut left) = (Vec::new(), false, 0);
    for part in parts {
        let mut input = *part;
        done = decoder.decode(&mut input, &mut out)?;
        assert_eq!(done, decoder.is_done());
        left += input.len();
    }
    Ok((out, done, left))
}

fn chunked(text: &str) -> Result<(Vec<u8>, bool, usize), BodyError> {
    decode(BodyKind::Chunked, 100, &[text.as_bytes()])
}

#[test]
fn lengths() {
    assert_eq!(decode(BodyKind::None, 0, &[b"abc"]), Ok((vec![], true, 3)));
    assert_eq!(decode(BodyKind::Length(3), 3, &[b"ab", b"", b"cd"]), Ok((b"abc".to_vec(), true, 1)));
    assert_eq!(decode(BodyKind::Length(3), 3, &[b"ab"]), Ok((b"ab".to_vec(), false, 0)));
    let error = decode(BodyKind::Length(4), 3, &[]).unwrap_err();
    assert_eq!((error, error.status()), (BodyError::TooLarge { bytes_max: 3 }, 413));
}

#[test]
fn chunks() {
    let table: [(&str, &[u8], bool, usize); 7] = [
        ("3\r\nabc\r\n0\r\n\r\nrest", b"abc", true, 4),
        ("003\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789", true, 0),
        ("3;name=\"value\"\r\nabc\r\n0 \r\n\r\n", b"abc", true, 0),
        ("0\r\nTrailer: 1\r\nOther: 2\r\n\r\n", b"", true, 0),
        ("3\r\nab", b"ab", false, 0),
        ("3\r\nabc\r\n0\r\n", b"abc", false, 0),
        ("", b"", false, 0),
    ];
    for (text, expected, done, left) in table {
        assert_eq!(chunked(text), Ok((expected.to_vec(), done, left)), "{text:?}");
    }
}

#[test]
fn limits_on_lines_hold_per_line() {
    let text = format!("{}0\r\n\r\n", "1;extension\r\nx\r\n".repeat(100));
    assert_eq!(chunked(&text), Ok((vec![b'x'; 100], true, 0)));
}

#[test]
fn malformed_chunks() {
    let long_line = format!("1;{}\r\n", "x".repeat(300));
    let long_trailer = format!("0\r\n{}", "x".repeat(9000));
    let table = [
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        "1\n",
        "1\rx",
        "1;a\n",
        "1\r\nab",
        "1\r\na\nb",
        "1\r\na\r\r",
        "0\r\n\n",
        "0\r\n\r\r",
        "0\r\na\n",
        "11111111111111111\r\n",
        &long_line,
        &long_trailer,
    ];
    for text in table {
        let error = chunked(text).unwrap_err();
        assert_eq!(error.status(), 400, "{text:?} {error}");
    }
}

#[test]
fn a_chunk_beyond_the_limit_is_refused_before_its_data() {
    for text in ["65\r\n", "60\r\n", "ffffffffffffffff\r\n"] {
        let text = format!("5\r\nabcde\r\n{text}");
        assert_eq!(chunked(&text), Err(BodyError::TooLarge { bytes_max: 100 }), "{text:?}");
    }
    assert!(chunked(&format!("64\r\n{}\r\n0\r\n\r\n", "x".repeat(100))).is_ok());
}

proptest! {
    #[test]
    fn any_split_gives_the_same(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
        cuts in prop::collection::vec(0_usize..300, 0..6),
    ) {
        let mut coded = Vec::new();
        pieces.iter().for_each(|piece| chunk(&mut coded, piece));
        coded.extend_from_slice(LAST_CHUNK);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(coded.len())).chain([0, coded.len()]).collect();
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &coded[pair[0]..pair[1]]).collect();
        prop_assert_eq!(decode(BodyKind::Chunked, 1000, &parts), Ok((pieces.concat(), true, 0)));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'1')], 0..60)) {
        let _ = decode(BodyKind::Chunked, 100, &[&bytes]);
    }
}

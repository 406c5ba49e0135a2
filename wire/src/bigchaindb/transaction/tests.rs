use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

use super::asn1::{constructed, element, primitive};
use super::condition::{Condition, DEPTH_MAX};
use super::fulfillment::Fulfillment;

const MESSAGE: &[u8] = b"message";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// The DER of a fulfillment by one key.
fn signed(seed: u8) -> Vec<u8> {
    let key = key(seed);
    let public = element(primitive(0), key.verifying_key().as_bytes());
    element(constructed(4), &[public, element(primitive(1), &key.sign(MESSAGE).to_bytes())].concat())
}

/// The DER of a condition for one key.
fn open(seed: u8) -> Vec<u8> {
    let condition = Condition::ed25519(key(seed).verifying_key().as_bytes());
    let cost = element(primitive(1), &[2, 0, 0]);
    element(constructed(4), &[element(primitive(0), &condition.fingerprint), cost].concat())
}

fn threshold(fulfilled: &[Vec<u8>], open: &[Vec<u8>]) -> Vec<u8> {
    let sets = [element(constructed(0), &fulfilled.concat()), element(constructed(1), &open.concat())];
    element(constructed(2), &sets.concat())
}

fn parse(der: &[u8]) -> Option<Fulfillment> {
    Fulfillment::parse(&BASE64URL_NOPAD.encode(der))
}

/// Whether it is read, the URI of what it fulfills, whether its signatures are valid.
fn uri(der: &[u8]) -> String {
    let fulfillment = parse(der).unwrap();
    assert!(fulfillment.verify(MESSAGE) && !fulfillment.verify(b"another"));
    fulfillment.condition().unwrap().uri()
}

#[test]
fn whoever_signs_the_condition_is_the_same() {
    let all = [1, 2, 3].map(|seed| Condition::ed25519(key(seed).verifying_key().as_bytes()));
    let expected = Condition::threshold(2, &all).unwrap().uri();
    for (first, second, third) in [(1, 2, 3), (3, 1, 2), (2, 3, 1), (2, 1, 3)] {
        let der = threshold(&[signed(first), signed(second)], &[open(third)]);
        assert_eq!(uri(&der), expected, "the order of a set is free");
    }
    assert_ne!(uri(&threshold(&[signed(1)], &[open(2), open(3)])), expected);
    assert_ne!(uri(&threshold(&[signed(1), signed(2)], &[open(4)])), expected);
    assert_eq!(uri(&signed(1)), all[0].uri());
}

#[test]
fn signatures_must_be_of_the_message_and_by_the_key() {
    let mut der = signed(1);
    for at in 0..der.len() {
        der[at] ^= 1;
        let valid = parse(&der).is_some_and(|fulfillment| fulfillment.verify(MESSAGE));
        assert!(!valid, "byte {at}");
        der[at] ^= 1;
    }
    assert!(parse(&threshold(&[signed(1), der.clone()], &[])).unwrap().verify(MESSAGE));
    let last = der.len() - 1;
    der[last] ^= 1;
    assert!(!parse(&threshold(&[signed(1), der], &[])).unwrap().verify(MESSAGE));
}

#[test]
fn keys_that_sign_everything_are_refused() {
    // The neutral element as key and as nonce: the equation holds for any message.
    let (mut neutral, mut signature) = ([0; 32], [0; 64]);
    (neutral[0], signature[0]) = (1, 1);
    let der = element(constructed(4), &[element(primitive(0), &neutral), element(primitive(1), &signature)].concat());
    assert!(!parse(&der).unwrap().verify(MESSAGE));
}

#[test]
fn malformed_fulfillments() {
    let good = signed(1);
    let table: [(&str, Vec<u8>); 12] = [
        ("nothing", vec![]),
        ("something behind", [&good[..], &[0]].concat()),
        ("cut", good[..good.len() - 1].to_vec()),
        ("a preimage", element(constructed(0), &element(primitive(0), b"secret"))),
        ("an RSA signature", element(constructed(3), &element(primitive(0), b"x"))),
        (
            "a short key",
            element(constructed(4), &[element(primitive(0), &[7; 31]), element(primitive(1), &[7; 64])].concat()),
        ),
        (
            "a short signature",
            element(constructed(4), &[element(primitive(0), &[7; 32]), element(primitive(1), &[7; 63])].concat()),
        ),
        ("a third field", element(constructed(4), &[&good[2..], &element(primitive(2), b"")].concat())),
        ("no set of conditions", element(constructed(2), &element(constructed(0), &good))),
        ("a condition in the place of a fulfillment", threshold(&[open(1)], &[])),
        ("a fulfillment in the place of a condition", threshold(&[], &[signed(1)])),
        ("a condition of another type", threshold(&[signed(1)], &[element(constructed(0), &open(2)[2..])])),
    ];
    for (about, der) in table {
        assert_eq!(parse(&der), None, "{about}");
    }
    let good = BASE64URL_NOPAD.encode(&good);
    assert!(Fulfillment::parse(&good).is_some());
    for text in [format!("{good}=="), format!("{good}\n"), format!("{good}A"), good.replacen('p', "+", 1)] {
        assert_eq!(Fulfillment::parse(&text), None, "{text}");
    }
}

#[test]
fn thresholds_of_nothing_fulfill_nothing() {
    for der in [threshold(&[], &[]), threshold(&[], &[open(1)]), threshold(&[signed(1), threshold(&[], &[])], &[])] {
        assert_eq!(parse(&der).unwrap().condition(), None);
    }
}

#[test]
fn nesting_has_an_end() {
    let nested = |levels: usize| (0..levels).fold(signed(1), |inner, _| threshold(&[inner], &[]));
    assert!(parse(&nested(DEPTH_MAX)).is_some());
    assert_eq!(parse(&nested(DEPTH_MAX + 1)), None);
    assert_eq!(parse(&nested(3_000)), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(mut der in prop::collection::vec(any::<u8>(), 0..40), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let _ = parse(&der);
        der = threshold(&[signed(1), threshold(&[signed(2)], &[open(3)])], &[open(4)]);
        let at = at.index(der.len());
        der[at] = byte;
        if let Some(fulfillment) = parse(&der) {
            let _ = fulfillment.condition();
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = Fulfillment::parse(&text);
    }
}

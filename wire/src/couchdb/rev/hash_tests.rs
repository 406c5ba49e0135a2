use data_encoding::HEXLOWER;

use super::*;

fn rev(text: &str) -> Rev {
    text.parse().unwrap()
}

fn hash(parent: Option<&str>, deleted: bool, body: &str) -> String {
    let parent = parent.map(rev);
    new_rev(&Edit { parent: parent.as_ref(), deleted, body, attachments: &[] }).to_string()
}

#[test]
fn captured_from_couchdb() {
    let table = [
        (None, false, "{}", "1-967a00dff5e02add41819138abb3284d"),
        (None, false, r#"{"a":1}"#, "1-23202479633c2b380f79507a776743d5"),
        (Some("1-23202479633c2b380f79507a776743d5"), false, r#"{"a":2}"#, "2-71173597778497e0a6aa176963f222db"),
        (Some("2-71173597778497e0a6aa176963f222db"), false, r#"{"a":3}"#, "3-28390acbb2afb09d34e8e35d2d2211ad"),
        (Some("3-28390acbb2afb09d34e8e35d2d2211ad"), true, "{}", "4-4ff5290e44a7c5239929d5dd281bb29b"),
        (
            Some("4-4ff5290e44a7c5239929d5dd281bb29b"),
            false,
            r#"{"a":"recreated"}"#,
            "5-abfc05726d06bfc0b187c1fad7b40ca1",
        ),
        (None, false, r#"{"x":1}"#, "1-0785e9eb543380151003dc452c3a001a"),
        (None, false, r#"{"noctype":1}"#, "1-b2741749bf105d409691635fe35e1191"),
        (None, false, r#"{"a":"noid"}"#, "1-587504defa1b477ddd366223ec5f338d"),
        (None, false, r#"{"by":"bob"}"#, "1-54f7321d1e645815e20492122a5cd99d"),
        (None, false, r#"{"k":1}"#, "1-795511030f27ec9ac8d170077c9ed133"),
        (None, false, r#"{"k":9}"#, "1-093a605910716f69cc499c1f6ed21940"),
    ];
    for (parent, deleted, body, expected) in table {
        assert_eq!(hash(parent, deleted, body), expected, "{body}");
    }
}

#[test]
fn an_attachment_captured_from_couchdb() {
    let md5 = HEXLOWER.decode(b"72924d672565ad10a2e19bcfaa891785").unwrap().try_into().unwrap();
    let attachments = [AttachmentDigest { name: "h.txt", content_type: "text/plain", md5 }];
    let edit = Edit { parent: None, deleted: false, body: r#"{"k":1}"#, attachments: &attachments };
    assert_eq!(new_rev(&edit).to_string(), "1-dd70e172b0089d96e206aa7e181d9382");
}

#[test]
fn a_design_document_captured_from_couchdb() {
    let body = r#"{"filters":{"odd":"function(doc,req){ return doc.v%2==1 || (req.query.all==\"1\") ; }","boom":"function(doc,req){ throw({forbidden:\"x\"}); }"},"views":{"k":{"map":"function(doc){ if(doc.k) emit(doc.k); }"}}}"#;
    assert_eq!(hash(None, false, body), "1-74f5c2d62dda9846bb017cf3e7779e80");
}

/// The terms of every kind of value, as Erlang's documentation of the format has them.
#[test]
fn golden_terms() {
    let table = [
        ("null", "640004 6e756c6c"),
        ("true", "640004 74727565"),
        ("0", "6100"),
        ("-0", "6100"),
        ("255", "61ff"),
        ("256", "6200000100"),
        ("-1", "62ffffffff"),
        ("-2147483648", "6280000000"),
        ("2147483648", "6e0400 00000080"),
        ("-2147483649", "6e0401 01000080"),
        ("12345678901234567890", "6e0800 d20a1feb8ca954ab"),
        ("340282366920938463463374607431768211456", "6e1100 0000000000000000000000000000000001"),
        ("1.0", "46 3ff0000000000000"),
        ("1e2", "46 4059000000000000"),
        ("-0.0", "46 8000000000000000"),
        (r#""\u00e4""#, "6d00000002 c3a4"),
        ("\"\"", "6d00000000"),
        ("[]", "6a"),
        ("[1,255]", "6b0002 01ff"),
        ("[1,256]", "6c00000002 6101 6200000100 6a"),
        ("[1.0]", "6c00000001 463ff0000000000000 6a"),
        ("[[1],[]]", "6c00000002 6b000101 6a 6a"),
        ("{}", "6801 6a"),
        (r#"{"a":[{}]}"#, "6801 6c00000001 6802 6d0000000161 6c00000001 68016a 6a 6a"),
    ];
    for (json, expected) in table {
        let mut out = Vec::new();
        etf::json(&mut out, Value::new(json.as_bytes()));
        assert_eq!(HEXLOWER.encode(&out), expected.replace(' ', ""), "{json}");
    }
}

#[test]
fn a_long_list_of_bytes_is_no_string() {
    for (count, first) in [(65_535, b'k'), (65_536, b'l')] {
        let json = format!("[{}]", vec!["7"; count].join(","));
        let mut out = Vec::new();
        etf::json(&mut out, Value::new(json.as_bytes()));
        assert_eq!(out[0], first, "{count}");
    }
}

#[test]
fn text_hashes_and_attachments_in_order() {
    assert_eq!(hash(Some("3-c"), false, "{}").split_once('-').unwrap().0, "4");
    let one = |name| AttachmentDigest { name, content_type: "a/b", md5: [7; 16] };
    let of =
        |attachments: &[AttachmentDigest<'_>]| new_rev(&Edit { parent: None, deleted: false, body: "{}", attachments });
    assert_ne!(of(&[one("a"), one("b")]), of(&[one("b"), one("a")]));
}

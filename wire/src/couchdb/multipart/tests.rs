use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;
use crate::couchdb::doc::{DocLimits, Document};

const BOUNDARY: &str = "41234b1e262be8c7351687b9e5bb5135";
const DOCUMENT: &str = r#"{"_id":"att","_rev":"1-dd70e172b0089d96e206aa7e181d9382","k":1,"_revisions":{"start":1,"ids":["dd70e172b0089d96e206aa7e181d9382"]},"_attachments":{"h.txt":{"content_type":"text/plain","revpos":1,"digest":"md5-cpJNZyVlrRCi4ZvPqokXhQ==","length":47,"follows":true,"encoding":"gzip","encoded_length":29}}}"#;

fn gzip() -> Vec<u8> {
    HEXLOWER.decode(b"1f8b0800000000000003cb48cdc9c957c8209604006a762cb92f000000").unwrap()
}

/// What CouchDB's replicator sent, byte for byte.
fn captured() -> Vec<u8> {
    let head = format!(
        "--{BOUNDARY}\r\nContent-Type: application/json\r\n\r\n{DOCUMENT}\r\n--{BOUNDARY}\r\nContent-Disposition: \
         attachment; filename=\"h.txt\"\r\nContent-Type: text/plain\r\nContent-Length: 29\r\nContent-Encoding: \
         gzip\r\n\r\n"
    );
    [head.as_bytes(), &gzip(), format!("\r\n--{BOUNDARY}--").as_bytes()].concat()
}

#[test]
fn what_the_replicator_sends() {
    let body = captured();
    assert_eq!(body.len(), 600);
    let related = Related::parse(&body, BOUNDARY).unwrap();
    let document = Document::parse(related.document, &DocLimits::default()).unwrap();
    assert_eq!(related.followers(&document.attachments).unwrap(), [(0, &gzip()[..])]);
    assert_eq!(related.parts[0].header("content-encoding"), Some("gzip"));
    let digest = crate::couchdb::doc::attachment::digest(&gzip());
    assert_eq!(HEXLOWER.encode(&digest), "72924d672565ad10a2e19bcfaa891785");
}

#[test]
fn what_the_replicator_reads() {
    let gzip = gzip();
    let part = OutPart { name: "h.txt", content_type: "text/plain", encoding: Some("gzip"), body: &gzip };
    let mut out = Vec::new();
    write_related(BOUNDARY, DOCUMENT.as_bytes(), &[part], &mut out);
    assert_eq!(out, captured());
    assert_eq!(related_content_type("b", 1), "multipart/related; boundary=\"b\"");
}

/// An answer of CouchDB 3.5.0, and one with everything in it.
#[test]
fn open_revisions() {
    let outer = "0945d16e092e19afb29963ec60df92fa";
    let mut out = Vec::new();
    let mixed = Mixed::start(outer, "inner", &mut out);
    assert_eq!(mixed.content_type(), format!("multipart/mixed; boundary=\"{outer}\""));
    mixed.document(br#"{"_id":"doc1","_rev":"3-28390acbb2afb09d34e8e35d2d2211ad","a":3}"#, &[], &mut out);
    mixed.end(&mut out);
    let expected = format!(
        "--{outer}\r\nContent-Type: application/json\r\n\r\n{}\r\n--{outer}--",
        r#"{"_id":"doc1","_rev":"3-28390acbb2afb09d34e8e35d2d2211ad","a":3}"#
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);

    let mut out = Vec::new();
    let mixed = Mixed::start("o", "i", &mut out);
    let part = OutPart { name: "a\r\nb", content_type: "x/y", encoding: None, body: b"123" };
    mixed.document(b"{}", &[part], &mut out);
    mixed.missing("2-x", &mut out);
    mixed.end(&mut out);
    let expected = "--o\r\nContent-Type: multipart/related; boundary=\"i\"\r\n\r\n--i\r\nContent-Type: application/json\r\n\
                    \r\n{}\r\n--i\r\nContent-Disposition: attachment; filename=\"a  b\"\r\nContent-Type: x/y\r\n\
                    Content-Length: 3\r\n\r\n123\r\n--i--\r\n--o\r\nContent-Type: application/json; error=\"true\"\r\n\
                    \r\n{\"missing\":\"2-x\"}\r\n--o--";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn boundaries() {
    let long = format!("multipart/related; boundary={}", "x".repeat(71));
    let table = [
        ("multipart/related; boundary=\"ab c\"", Ok("ab c")),
        ("multipart/related;BOUNDARY=ab; x=y", Ok("ab")),
        ("multipart/related; type=\"application/json\"; boundary=ab", Ok("ab")),
        ("multipart/related", Err(MultipartError::Boundary)),
        ("multipart/related; boundary=", Err(MultipartError::Boundary)),
        (&long, Err(MultipartError::Boundary)),
    ];
    for (content_type, expected) in table {
        assert_eq!(boundary(content_type), expected, "{content_type}");
    }
}

#[test]
fn unusual_bodies() {
    let json = "Content-Type: application/json; charset=utf-8\r\n\r\n{}";
    let parse = |body: &str| {
        Related::parse(body.as_bytes(), "b").map(|related| (related.document.to_vec(), related.parts.len()))
    };
    let whole = Ok((b"{}".to_vec(), 0));
    for body in [format!("--b\r\n{json}\r\n--b--"), format!("preamble\r\n--b\r\n{json}\r\n--b--\r\nepilogue")] {
        assert_eq!(parse(&body), whole, "{body}");
    }
    assert_eq!(parse(&format!("--b\r\n{json}\r\n--b\r\n\r\n\r\n--b\r\n\r\nx\r\n--b--")), Ok((b"{}".to_vec(), 2)));
    let table = [
        (String::new(), MultipartError::Malformed),
        ("--b--".into(), MultipartError::Malformed),
        (format!("--b\r\n{json}"), MultipartError::Malformed),
        (format!("--b\r\n{json}\r\n--b"), MultipartError::Malformed),
        (format!("--b x\r\n{json}\r\n--b--"), MultipartError::Malformed),
        ("--b\r\nContent-Type\r\n\r\n{}\r\n--b--".into(), MultipartError::Header),
        (format!("--b\r\nx: {}\r\n\r\n{{}}\r\n--b--", "y".repeat(9_000)), MultipartError::Header),
        ("--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n--b--".into(), MultipartError::NotJson),
        ("--b\r\n\r\n{}\r\n--b--".into(), MultipartError::NotJson),
        (format!("--b\r\n{json}{}\r\n--b--", "\r\n--b\r\n\r\n".repeat(1_001)), MultipartError::TooManyParts),
    ];
    for (body, expected) in table {
        assert_eq!(parse(&body).unwrap_err(), expected, "{}", &body[..body.len().min(80)]);
    }
    assert_eq!((MultipartError::NotJson.status(), MultipartError::NotJson.code()), (415, "bad_content_type"));
}

#[test]
fn what_follows_is_what_was_announced() {
    let document = |lengths: &[(&str, u64)]| {
        let members = lengths.iter().map(|(name, length)| format!(r#""{name}":{{"follows":true,"length":{length}}}"#));
        let text = format!(r#"{{"_attachments":{{{}}}}}"#, members.collect::<Vec<_>>().join(","));
        Document::parse(text.as_bytes(), &DocLimits::default()).unwrap().attachments
    };
    let part = |name: Option<&'static str>, body: &'static [u8]| Part {
        headers: name.map(|name| ("content-disposition".to_owned(), name)).into_iter().collect(),
        body,
    };
    let (a, b) = (Some("attachment; filename=\"a\""), Some("attachment; filename=\"b\""));
    let related = |parts| Related { document: b"{}", parts };
    let both = document(&[("a", 1), ("b", 2)]);
    let expected = vec![(0, &b"1"[..]), (1, &b"22"[..])];
    assert_eq!(related(vec![part(None, b"1"), part(None, b"22")]).followers(&both), Ok(expected.clone()));
    assert_eq!(related(vec![part(b, b"22"), part(a, b"1")]).followers(&both), Ok(expected));
    let wrong = [vec![], vec![part(a, b"1")], vec![part(a, b"11"), part(b, b"22")], vec![part(b, b"22")]];
    for parts in wrong {
        let shown = format!("{parts:?}");
        assert!(matches!(related(parts).followers(&both), Err(MultipartError::Document(_))), "{shown}");
    }
    let too_many = related(vec![part(a, b"1"), part(b, b"22"), part(None, b"")]);
    assert_eq!(too_many.followers(&both), Err(MultipartError::Malformed));
}

proptest! {
    #[test]
    fn no_bytes_panic(body in "(--b|\r\n|-|:|x|Content-Type: application/json|\\{\\}){0,16}") {
        let _ = Related::parse(body.as_bytes(), "b");
    }

    #[test]
    fn any_bytes_survive(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4)) {
        let names: Vec<String> = (0..bodies.len()).map(|n| format!("n{n}")).collect();
        let parts: Vec<_> = bodies.iter().zip(&names)
            .map(|(body, name)| OutPart { name, content_type: "x/y", encoding: None, body })
            .collect();
        let mut out = Vec::new();
        write_related("0945d16e092e19afb29963ec60df92fa", b"{}", &parts, &mut out);
        let related = Related::parse(&out, "0945d16e092e19afb29963ec60df92fa").unwrap();
        let read: Vec<_> = related.parts.iter().map(|part| part.body).collect();
        prop_assert_eq!(read, bodies.iter().map(|body| &body[..]).collect::<Vec<_>>());
    }
}

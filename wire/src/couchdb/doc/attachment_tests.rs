use super::*;

/// The attachment of the captured database.
fn captured() -> Info {
    let digest = data_encoding::HEXLOWER.decode(b"72924d672565ad10a2e19bcfaa891785").unwrap().try_into().unwrap();
    Info { name: "h.txt".into(), content_type: "text/plain".into(), revpos: 1, digest, length: 47 }
}

#[test]
fn captured_forms() {
    let gzip = Encoding { name: "gzip", encoded_length: 29 };
    let bytes = b"hello hello hello hello hello hello hello hello";
    let start = r#""h.txt":{"content_type":"text/plain","revpos":1,"digest":"md5-cpJNZyVlrRCi4ZvPqokXhQ==""#;
    let base64 = "aGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8=";
    let table = [
        (Form::Stub, None, r#","length":47,"stub":true}"#.to_owned()),
        (Form::Stub, Some(gzip), r#","length":47,"stub":true,"encoding":"gzip","encoded_length":29}"#.to_owned()),
        (Form::Follows, Some(gzip), r#","length":47,"follows":true,"encoding":"gzip","encoded_length":29}"#.to_owned()),
        (Form::Inline(bytes), None, format!(r#","data":"{base64}"}}"#)),
        (Form::Inline(bytes), Some(gzip), format!(r#","data":"{base64}","encoding":"gzip","encoded_length":29}}"#)),
    ];
    for (form, encoding, end) in table {
        let mut out = Vec::new();
        captured().write(form, encoding, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{start}{end}"));
    }
}

#[test]
fn stubs_survive_their_text() {
    let infos = [captured(), Info { name: "ä\"".into(), ..captured() }];
    let mut out = Vec::new();
    write_stubs(&infos, &mut out);
    assert_eq!(Info::read_all(Value::new(&out)), infos);
    let mut none = Vec::new();
    write_stubs(&[], &mut none);
    assert_eq!(none, b"{}");
}

#[test]
fn stubs_stand_for_what_was_there() {
    let stub = |name: &str, revpos| Attachment {
        name: name.into(),
        content_type: String::new(),
        revpos,
        data: Data::Stub { digest: None },
    };
    let previous = [captured()];
    for revpos in [None, Some(1)] {
        assert_eq!(resolve_stub("d", &stub("h.txt", revpos), &previous).unwrap(), &previous[0]);
    }
    for wrong in [stub("h.txt", Some(2)), stub("i.txt", None)] {
        let error = resolve_stub("d", &wrong, &previous).unwrap_err();
        assert_eq!((error.status(), error.code()), (412, "missing_stub"));
        assert_eq!(error.to_string(), format!("Invalid attachment stub in d for {}", wrong.name));
    }
}

#[test]
fn digests() {
    let of = data_encoding::BASE64.encode(&digest(b""));
    assert_eq!(of, "1B2M2Y8AsgTpgAmY7PhCfg==");
}

use super::*;

fn user(name: &str, roles: &[&str]) -> UserCtx {
    UserCtx { name: Some(name.into()), roles: roles.iter().map(|role| (*role).into()).collect() }
}

#[test]
fn basic_headers() {
    let credentials =
        |name: &str, password: &str| Ok(Some(Credentials { name: name.into(), password: password.into() }));
    let table = [
        ("Basic YWRtOnBhc3M=", credentials("adm", "pass")),
        ("Basic YTpiOmM=", credentials("a", "b:c")),
        ("Basic w6Q6w7w=", credentials("ä", "ü")),
        ("Basic Xzpf", Ok(None)),
        ("Basic bm9jb2xvbg==", Ok(None)),
        ("Bearer x", Ok(None)),
        ("", Ok(None)),
        ("Basic !", Err(Problem::Authorization)),
        ("Basic /w==", Err(Problem::Authorization)),
    ];
    for (header, expected) in table {
        assert_eq!(basic(header), expected, "{header}");
    }
    let shown = format!("{:?}", basic("Basic YWRtOnBhc3M=").unwrap().unwrap());
    assert!(shown.contains("adm") && !shown.contains("pass"), "{shown}");
}

/// Tokens that CouchDB 3.5.0 took, and one that it did not.
#[test]
fn proxy_headers() {
    let secret = b"s3cr3t";
    let sha256 = "51809455c8889712b25fad9e7aa24e751e1e79fb464b27b4b532663d4435cdb0";
    let sha1 = "6e5799cd79266360463038ce34fe60d044ee5f0d";
    let unknown = "1c56501948253ceea1a6ae52f84bfd4036e9e23078138caaa019a97064934311";
    let table = [
        ("bob", Some("readers,extra"), Some(sha256), Some(user("bob", &["readers", "extra"]))),
        ("bob", Some("readers"), Some(sha1), Some(user("bob", &["readers"]))),
        ("bob", Some(" a , b ,"), Some(sha256), Some(user("bob", &["a", "b"]))),
        ("bob", None, Some(sha256), Some(user("bob", &[]))),
        ("nobodyknown", Some("readers"), Some(unknown), Some(user("nobodyknown", &["readers"]))),
        ("bob", Some("readers"), Some("bad"), None),
        ("bob", Some("readers"), Some(unknown), None),
        ("bob", Some("readers"), None, None),
    ];
    for (name, roles, token, expected) in table {
        assert_eq!(proxy(name, roles, token, secret), expected, "{name} {token:?}");
    }
    assert_eq!(proxy("bob", None, Some(sha256), b""), None);
}

#[test]
fn logins() {
    let form = "application/x-www-form-urlencoded";
    let bob = Credentials { name: "bob".into(), password: "bobpw".into() };
    let table = [
        (form, "name=bob&password=bobpw"),
        ("application/x-www-form-urlencoded; charset=utf-8", "username=bob&password=bobpw"),
        ("application/json", r#"{"name":"bob","password":"bobpw"}"#),
        ("application/json", r#"{"username":"bob","name":"bob","password":"bobpw"}"#),
    ];
    for (content_type, body) in table {
        assert_eq!(login(content_type, body.as_bytes()).as_ref(), Ok(&bob), "{body}");
    }
    let table = [
        (
            "text/plain",
            "name=bob",
            415,
            "Content-Type must be 'application/x-www-form-urlencoded' or 'application/json'",
        ),
        (form, "password=x", 400, "request body must contain a username"),
        (form, "name=a&username=b", 400, "request body contains different usernames"),
        ("application/json", "{", 400, "invalid UTF-8 JSON"),
        ("application/json", "[]", 400, "Request body must be a JSON object"),
    ];
    for (content_type, body, status, reason) in table {
        let refusal = login(content_type, body.as_bytes()).unwrap_err();
        assert_eq!((refusal.status, refusal.reason.as_str()), (status, reason), "{body}");
    }
}

/// Answers of CouchDB 3.5.0, byte for byte.
#[test]
fn captured_sessions() {
    let session = |user: &UserCtx, handlers: &[&str], used| {
        let mut out = Vec::new();
        write_session(user, handlers, used, &mut out);
        String::from_utf8(out).unwrap()
    };
    let handlers = ["cookie", "default"];
    let table = [
        (
            session(&UserCtx::default(), &handlers, None),
            r#"{"ok":true,"userCtx":{"name":null,"roles":[]},"info":{"authentication_handlers":["cookie","default"]}}"#,
        ),
        (
            session(&user("adm", &["_admin"]), &handlers, Some("default")),
            r#"{"ok":true,"userCtx":{"name":"adm","roles":["_admin"]},"info":{"authentication_handlers":["cookie","default"],"authenticated":"default"}}"#,
        ),
        (
            session(&user("bob", &["readers", "extra"]), &["proxy", "cookie", "default"], Some("proxy")),
            r#"{"ok":true,"userCtx":{"name":"bob","roles":["readers","extra"]},"info":{"authentication_handlers":["proxy","cookie","default"],"authenticated":"proxy"}}"#,
        ),
    ];
    for (written, expected) in table {
        assert_eq!(written, format!("{expected}\n"));
    }
    let mut out = Vec::new();
    write_login(&user("bob", &["readers"]), &mut out);
    assert_eq!(out, b"{\"ok\":true,\"name\":\"bob\",\"roles\":[\"readers\"]}\n");
}

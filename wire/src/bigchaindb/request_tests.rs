use super::*;

const KEY: &str = "6Ng9yLkUHQJNL5NU5hadCVadUyPfkq6xKuaiYueLq25C";

#[test]
fn routes() {
    let table = [
        ("/", Some(Route::Root)),
        ("/api/v1", Some(Route::Api)),
        ("/api/v1/", Some(Route::Api)),
        ("/api/v1/transactions", Some(Route::Transactions)),
        ("/api/v1/transactions/", Some(Route::Transactions)),
        ("/api/v1/transactions/ab", Some(Route::Transaction("ab"))),
        ("/api/v1/transactions/ab/", Some(Route::Transaction("ab"))),
        ("/api/v1/blocks", Some(Route::Blocks)),
        ("/api/v1/blocks/", Some(Route::Blocks)),
        ("/api/v1/blocks/12", Some(Route::Block(12))),
        ("/api/v1/blocks/012/", Some(Route::Block(12))),
        ("/api/v1/outputs", Some(Route::Outputs)),
        ("/api/v1/outputs/", Some(Route::Outputs)),
        ("/api/v1/validators", Some(Route::Validators)),
        ("/api/v1/validators/", Some(Route::Validators)),
        ("/api/v1/assets/", Some(Route::Search(Table::Assets))),
        ("/api/v1/metadata", Some(Route::Search(Table::Metadata))),
        ("/api/v1/outputs/x", None),
        ("/api/v1/streams/valid_transactions", Some(Route::Stream(Stream::Transactions))),
        ("/api/v1/streams/valid_blocks", Some(Route::Stream(Stream::Blocks))),
        ("/api/v1/streams/valid_transactions/", None),
        ("/api/v1/streams/valid_blocks/", None),
        ("/api/v1/streams", None),
        ("/api/v1/blocks/-1", None),
        ("/api/v1/blocks/+1", None),
        ("/api/v1/blocks/1x", None),
        ("/api/v1/blocks/99999999999999999999", None),
        ("/api/v1/transactions/a/b", None),
        ("/api/v1/transactions//", None),
        ("/api/v1//", None),
        ("/api/v12", None),
        ("/api/v1x/transactions/a", None),
        ("/api", None),
        ("", None),
        ("*", None),
    ];
    for (path, expected) in table {
        assert_eq!(route(path), expected, "{path}");
    }
}

#[test]
fn modes() {
    let table = [
        ("", Ok(Mode::Async)),
        ("other=1", Ok(Mode::Async)),
        ("mode=async", Ok(Mode::Async)),
        ("mode=sync", Ok(Mode::Sync)),
        ("mode=commit", Ok(Mode::Commit)),
        ("mode=commit&mode=sync", Ok(Mode::Commit)),
        ("mode=commit&mode=x", Err(ParameterError::Mode)),
        ("mode=", Err(ParameterError::Mode)),
        ("mode=Commit", Err(ParameterError::Mode)),
        ("mode=nope", Err(ParameterError::Mode)),
    ];
    for (query, expected) in table {
        assert_eq!(parse_mode(&Query::parse(query)), expected, "{query}");
    }
}

#[test]
fn blocks_of_a_transaction() {
    let unknown = |names: &str| Err(ParameterError::Unknown(names.to_owned()));
    let table = [
        ("transaction_id=123", Ok("123")),
        ("transaction_id=", Ok("")),
        ("", Err(ParameterError::Missing("transaction_id"))),
        ("ts_id=123", Err(ParameterError::Missing("transaction_id"))),
        ("transaction_id=123&foo=123", unknown("foo")),
        ("transaction_id=123&status=1&foo=1&status=2", unknown("status, foo")),
    ];
    for (query, expected) in table {
        let query = Query::parse(query);
        assert_eq!(parse_blocks(&query), expected, "{query:?}");
    }
}

#[test]
fn streams() {
    let hash = "ab".repeat(32);
    let filtered = |asset_id, operation, key| Filter::new(asset_id, operation, key).unwrap();
    let all = format!("operation=create&asset_id={hash}&x=y&public_key={KEY}&since_height=7");
    let table = [
        ("", None, Filter::default()),
        ("since_height=0", Some(0), Filter::default()),
        ("since_height=007", Some(7), Filter::default()),
        ("since_height=9007199254740991", Some(SEQ_MAX), Filter::default()),
        ("unknown=1&unknown=2", None, Filter::default()),
        ("operation=TRANSFER", None, filtered(None, Some("TRANSFER"), None)),
        (&all, Some(7), filtered(Some(&hash), Some("CREATE"), Some(KEY))),
    ];
    for (query, since_height, filter) in table {
        let request = parse_stream(&Query::parse(query), Stream::Transactions);
        assert_eq!(request, Ok(StreamRequest { since_height, filter }), "{query}");
    }
}

#[test]
fn streams_that_are_refused() {
    use ParameterError::{AssetId, FilterOnBlocks, Operation, PublicKey, Repeated, SinceHeight};
    let table = [
        ("since_height=", SinceHeight),
        ("since_height=-1", SinceHeight),
        ("since_height=+1", SinceHeight),
        ("since_height=1.0", SinceHeight),
        ("since_height=9007199254740992", SinceHeight),
        ("since_height=99999999999999999999", SinceHeight),
        ("since_height=1&since_height=1", Repeated("since_height")),
        ("asset_id=", AssetId),
        ("asset_id=xyz", AssetId),
        ("asset_id=1&asset_id=2", Repeated("asset_id")),
        ("operation=GENESIS", Operation),
        ("operation=create&operation=create", Repeated("operation")),
        ("public_key=0", PublicKey),
        ("public_key=&public_key=", Repeated("public_key")),
    ];
    for (query, expected) in table {
        let error = parse_stream(&Query::parse(query), Stream::Transactions).unwrap_err();
        assert!(error.name().is_some_and(|name| query.starts_with(name)), "{query}");
        assert_eq!(error, expected, "{query}");
    }
    for name in ["asset_id", "operation", "public_key"] {
        let query = format!("since_height=1&{name}=create");
        assert_eq!(parse_stream(&Query::parse(&query), Stream::Blocks), Err(FilterOnBlocks(name)));
    }
    assert_eq!(parse_stream(&Query::parse("since_height=1"), Stream::Blocks).unwrap().since_height, Some(1));
}

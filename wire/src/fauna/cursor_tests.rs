use proptest::prelude::*;

use super::Decision::{After, Refuse, Search as Searching, TooOld};
use super::*;

const UID: u64 = 0x0102_0304_0506_0708;

fn cursor(time_us: u64, seq: u64) -> Cursor {
    Cursor { uid: UID, time_us, seq }
}

#[test]
fn golden_cursor() {
    let text = "AQECAwQFBgcIgJ6Nha-FhQPEBg";
    let cursor = cursor(1_711_024_518_680_320, 836);
    assert_eq!(cursor.to_text(), text);
    assert_eq!(Cursor::parse(text), Ok(cursor));
}

#[test]
fn what_is_no_cursor() {
    let good = cursor(1_711_024_518_680_320, 836).to_text();
    let overlong = data_encoding::BASE64URL_NOPAD.encode(&[&[1][..], &[0; 8], &[0x80, 0, 0]].concat());
    let too_large = data_encoding::BASE64URL_NOPAD.encode(&[&[1][..], &[0; 8], &[0xff; 9], &[2, 0]].concat());
    let other_version = data_encoding::BASE64URL_NOPAD.encode(&[&[2][..], &[0; 8], &[0, 0]].concat());
    for text in ["", "INVALID!", "abc1234==", "cursor", &good[1..], &good[..good.len() - 1], &format!("{good}AA")] {
        assert_eq!(Cursor::parse(text), Err(InvalidCursor), "{text}");
    }
    for text in [overlong, too_large, other_version, format!("{good}="), format!(" {good}")] {
        assert_eq!(Cursor::parse(&text), Err(InvalidCursor), "{text}");
    }
}

/// The feed holds events 5 to 9; everything from the time 500 on is held. The token was made at the time 700, behind
/// event 7.
#[test]
fn where_requests_begin() {
    let window = Window { uid: UID, first_seq: 5, next_seq: 10, complete_from_us: 500 };
    let token = cursor(700, 7);
    let foreign = Cursor { uid: 1, ..token };
    let search = |after_us, rest_of_transaction| Searching(Search { after_us, rest_of_transaction });
    let invalid = |endpoint| Refuse(ApiError::invalid_cursor(endpoint));
    let before_token = || Refuse(ApiError::before_token());
    use Endpoint::{Feed, Stream};
    let table = [
        (Start::Token, After(token), After(token)),
        (Start::Cursor(cursor(800, 8)), After(cursor(800, 8)), After(cursor(800, 8))),
        (Start::Cursor(cursor(700, 7)), After(token), After(token)),
        (Start::Cursor(cursor(900, 9)), After(cursor(900, 9)), After(cursor(900, 9))),
        (Start::Cursor(cursor(900, 10)), invalid(Stream), invalid(Feed)),
        (Start::Cursor(cursor(600, 6)), before_token(), After(cursor(600, 6))),
        (Start::Cursor(cursor(400, 4)), before_token(), After(cursor(400, 4))),
        (Start::Cursor(cursor(300, 3)), before_token(), TooOld(300)),
        (Start::Cursor(foreign), invalid(Stream), invalid(Feed)),
        (Start::Time(700), search(700, false), search(700, true)),
        (Start::Time(699), before_token(), search(699, true)),
        (Start::Time(500), before_token(), search(500, true)),
        (Start::Time(499), before_token(), TooOld(499)),
        (Start::Time(u64::MAX), search(u64::MAX, false), search(u64::MAX, true)),
    ];
    for (start, stream, feed) in table {
        assert_eq!(decide(start, token, Stream, window), stream, "{start:?}");
        assert_eq!(decide(start, token, Feed, window), feed, "{start:?}");
    }
    let old = cursor(300, 3);
    assert_eq!(decide(Start::Token, old, Stream, window), TooOld(300));
    let empty = Window { uid: UID, first_seq: 1, next_seq: 1, complete_from_us: 0 };
    assert_eq!(decide(Start::Token, cursor(700, 0), Stream, empty), After(cursor(700, 0)));
    assert_eq!(decide(Start::Time(0), cursor(700, 0), Feed, empty), search(0, true));
}

/// A stream begins behind the whole transaction of `start_ts`, a feed behind its first event.
#[test]
fn a_time_excludes_more_on_a_stream_than_on_a_feed() {
    let times = [10, 20, 20, 20, 30];
    let first = |rest_of_transaction| {
        let search = Search { after_us: 20, rest_of_transaction };
        (0..times.len()).find(|at| search.wants(times[*at], at.checked_sub(1).map(|at| times[at])))
    };
    assert_eq!((first(false), first(true)), (Some(4), Some(2)));
    assert_eq!(Search { after_us: 20, rest_of_transaction: true }.found(UID, 2), cursor(20, 2));
}

proptest! {
    #[test]
    fn reads_what_it_writes(uid in any::<u64>(), time_us in any::<u64>(), seq in any::<u64>()) {
        let cursor = Cursor { uid, time_us, seq };
        prop_assert_eq!(Cursor::parse(&cursor.to_text()), Ok(cursor));
    }

    #[test]
    fn only_one_text_for_a_cursor(text in "[A-Za-z0-9_=-]{0,40}") {
        if let Ok(cursor) = Cursor::parse(&text) {
            prop_assert_eq!(cursor.to_text(), text);
        }
    }

    #[test]
    fn every_request_begins_somewhere_or_nowhere(
        seq in 0_u64..20, time_us in 0_u64..20, first_seq in 1_u64..10, len in 0_u64..10, feed in any::<bool>(),
        kind in 0..3,
    ) {
        let window = Window { uid: UID, first_seq, next_seq: first_seq + len, complete_from_us: 5 };
        let start = [Start::Token, Start::Cursor(cursor(time_us, seq)), Start::Time(time_us)][kind as usize];
        let endpoint = if feed { Endpoint::Feed } else { Endpoint::Stream };
        if let After(cursor) = decide(start, cursor(time_us, seq), endpoint, window) {
            prop_assert!(cursor.seq < window.next_seq && cursor.seq + 1 >= window.first_seq);
        }
    }
}

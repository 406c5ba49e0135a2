use proptest::prelude::*;

use super::*;
use crate::dag_cbor::{Value, decode, encode};

type Stored = (Option<u64>, u64, String, String, BodyFormat, Vec<u8>);

fn parse(body: &[u8], mode: SeqMode) -> Result<Vec<Stored>, PublishError> {
    let mut stored = Vec::new();
    each_frame(body, mode, 99, &PublishLimits::default(), |draft| {
        let (kind, key) = (draft.kind.to_owned(), draft.key.to_owned());
        stored.push((draft.seq, draft.time_us, kind, key, draft.format, draft.body.to_vec()));
        Ok(())
    })?;
    Ok(stored)
}

fn object(entries: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&Value::Map(entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect()), &mut out).unwrap();
    out
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn header(op: i128, t: &str) -> Vec<u8> {
    object(&[("op", Value::Int(op)), ("t", text(t))])
}

fn frame(seq: i128) -> Vec<u8> {
    let payload = [("seq", Value::Int(seq)), ("did", text("did:a")), ("time", text("1970-01-01T00:00:01Z"))];
    [header(1, "#identity"), object(&payload)].concat()
}

fn body(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.iter().flat_map(|frame| [&(frame.len() as u32).to_le_bytes(), &frame[..]].concat()).collect()
}

#[test]
fn frames_are_kept_whole_or_lose_their_seq() {
    let bytes = body(&[frame(5), frame(8)]);
    let kept = |seq: u64| {
        let body = frame(seq.into());
        (Some(seq), 1_000_000, "#identity".into(), "did:a".into(), BodyFormat::AtprotoFrame, body)
    };
    assert_eq!(parse(&bytes, SeqMode::Preserve), Ok(vec![kept(5), kept(8)]));

    let payload = object(&[("did", text("did:a")), ("time", text("1970-01-01T00:00:01Z"))]);
    let assigned = (None, 1_000_000, "#identity".into(), "did:a".into(), BodyFormat::DagCbor, payload);
    assert_eq!(parse(&bytes, SeqMode::Assign), Ok(vec![assigned.clone(), assigned]));
    assert_eq!(parse_frames(&bytes, SeqMode::Preserve, 0, &PublishLimits::default()).map(|batch| batch.len()), Ok(2));
}

#[test]
fn what_assigning_does_not_need() {
    let bare = [header(1, "#x"), object(&[("ops", Value::List(vec![]))])].concat();
    let stored = parse(&body(&[bare, frame(9), frame(9)]), SeqMode::Assign).unwrap();
    assert_eq!(stored.len(), 3);
    assert_eq!((stored[0].1, stored[0].3.as_str()), (99, ""));
    assert_eq!(decode(&stored[0].5).unwrap(), Value::Map(vec![("ops".into(), Value::List(vec![]))]));
}

#[test]
fn mistakes_name_their_frame() {
    let payload = object(&[]);
    let with_header = |header: Vec<u8>| body(&[[header, payload.clone()].concat()]);
    let table = [
        (vec![1], FrameProblem::Truncated { missing: 3 }),
        (vec![5, 0, 0, 0, 1, 2], FrameProblem::Truncated { missing: 3 }),
        (
            5_000_001_u32.to_le_bytes().to_vec(),
            FrameProblem::Limit(OverLimit::Event { bytes: 5_000_001, bytes_max: 5_000_000 }),
        ),
        (with_header(object(&[("op", Value::Int(-1))])), FrameProblem::Op(-1)),
        (with_header(header(2, "#a")), FrameProblem::Op(2)),
        (with_header(object(&[("op", Value::Int(1))])), FrameProblem::Type),
        (with_header(header(1, "")), FrameProblem::Type),
        (with_header(header(1, "#a\nb")), FrameProblem::Type),
        (with_header(header(1, "#a")), FrameProblem::NoSeq),
        (body(&[frame(0)]), FrameProblem::NoSeq),
        (body(&[frame(1 << 53)]), FrameProblem::NoSeq),
        (body(&[frame(7)]), FrameProblem::SeqOrder { last: 7, seq: 7 }),
        (body(&[frame(6)]), FrameProblem::SeqOrder { last: 7, seq: 6 }),
    ];
    let good = body(&[frame(3), frame(7)]);
    for (bytes, problem) in table {
        let result = parse(&[&good[..], &bytes].concat(), SeqMode::Preserve);
        let error = PublishError::Frame { index: 2, offset: good.len(), problem };
        assert_eq!(result, Err(error));
    }
    let broken = parse(&body(&[vec![0xa1]]), SeqMode::Assign).unwrap_err();
    assert_eq!((broken.status(), broken.code()), (400, "InvalidFrame"));
    let large = parse(&5_000_001_u32.to_le_bytes(), SeqMode::Assign).unwrap_err();
    assert_eq!((large.status(), large.code()), (413, "TooLarge"));
    assert_eq!(parse_frames(b"", SeqMode::Assign, 0, &PublishLimits::default()).err(), Some(PublishError::Empty));
}

#[test]
fn stricter_limits_are_inclusive_and_name_their_frame() {
    let nested = |levels: usize| (0..levels).fold(Value::Null, |inner, _| Value::List(vec![inner]));
    let payload = object(&[("a", nested(3)), ("did", text("did:a")), ("seq", Value::Int(9))]);
    let whole = [header(1, "#a"), payload].concat();
    let exact = PublishLimits { event_bytes_max: frame(7).len().max(whole.len()), key_bytes_max: 5, depth_max: 4 };
    let bytes = body(&[frame(7), whole.clone()]);
    let limited = |limits: &PublishLimits| parse_frames(&bytes, SeqMode::Preserve, 0, limits).map(|batch| batch.len());
    assert_eq!(limited(&exact), Ok(2));
    let bytes_max = whole.len() - 1;
    for (limits, problem, status) in [
        (
            PublishLimits { event_bytes_max: bytes_max, ..exact },
            OverLimit::Event { bytes: whole.len(), bytes_max },
            413,
        ),
        (PublishLimits { key_bytes_max: 4, ..exact }, OverLimit::Key { bytes: 5, bytes_max: 4 }, 400),
        (PublishLimits { depth_max: 3, ..exact }, OverLimit::Depth { depth_max: 3 }, 400),
    ] {
        let pushed = push_frame(&mut Batch::new(), &whole, SeqMode::Assign, 0, &limits);
        assert_eq!(pushed, Err(problem.into()));
        let error = limited(&limits).unwrap_err();
        assert_eq!(error.status(), status, "{error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(at in 0_usize..90, byte in any::<u8>(), preserve in any::<bool>(), cut in 0_usize..120) {
        let mut bytes = body(&[frame(3), frame(7)]);
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(cut);
        let _ = parse(&bytes, if preserve { SeqMode::Preserve } else { SeqMode::Assign });
    }
}

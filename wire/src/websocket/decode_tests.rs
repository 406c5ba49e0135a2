use proptest::prelude::*;

use super::ProtocolError as Error;
use super::*;

/// A client's frame: masked, with the shortest length.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    super::super::frame::header(&mut out, Opcode::Binary, true, payload.len() as u64);
    out[0] = first;
    out[1] |= 0x80;
    let mask = [0x11, 0x80, 0xfe, 0x07];
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

fn feed(decoder: &mut ClientDecoder, mut bytes: &[u8], out: &mut Vec<Message>) -> Result<(), Error> {
    while let Some(message) = decoder.decode(&mut bytes)? {
        out.push(message);
    }
    assert!(bytes.is_empty());
    Ok(())
}

fn decode_all(mut decoder: ClientDecoder, bytes: &[u8]) -> Result<Vec<Message>, Error> {
    let mut messages = Vec::new();
    feed(&mut decoder, bytes, &mut messages)?;
    Ok(messages)
}

fn decode(frames: &[Vec<u8>]) -> Result<Vec<Message>, Error> {
    decode_all(ClientDecoder::new(1000), &frames.concat())
}

fn text(text: &str) -> Message {
    Message::Text(text.into())
}

#[test]
fn messages_whole_and_in_fragments() {
    let cases: [(&[Vec<u8>], &[Message]); 7] = [
        (&[frame(0x81, b"hello"), frame(0x81, b"")], &[text("hello"), text("")]),
        (&[frame(0x82, &[0xff; 300])], &[Message::Binary(vec![0xff; 300])]),
        (&[frame(0x01, b"a"), frame(0x00, b"b"), frame(0x80, b"c")], &[text("abc")]),
        (&[frame(0x01, b"a\xc3"), frame(0x89, b"p"), frame(0x80, b"\xa4")], &[Message::Ping(b"p".into()), text("aä")]),
        (&[frame(0x8a, &[1; 125])], &[Message::Pong(vec![1; 125])]),
        (&[frame(0x88, b"")], &[Message::Close { code: None, reason: String::new() }]),
        (&[frame(0x88, b"\x03\xe8bye")], &[Message::Close { code: Some(1000), reason: "bye".into() }]),
    ];
    for (frames, expected) in cases {
        assert_eq!(decode(frames).as_deref(), Ok(expected));
    }
}

#[test]
fn broken_rules() {
    let table = [
        (vec![0x81, 0x00], Error::Unmasked, 1002),
        (vec![0xc1, 0x80], Error::ReservedBits, 1002),
        (vec![0x91, 0x80], Error::ReservedBits, 1002),
        (vec![0x83, 0x80], Error::ReservedOpcode, 1002),
        (vec![0x8b, 0x80], Error::ReservedOpcode, 1002),
        (vec![0x09, 0x80], Error::FragmentedControl, 1002),
        (vec![0x89, 0xfe], Error::LongControl, 1002),
        (vec![0x88, 0xff], Error::LongControl, 1002),
        (frame(0x80, b"x"), Error::LoneContinuation, 1002),
        ([frame(0x01, b"x"), frame(0x81, b"y")].concat(), Error::Interleaved, 1002),
        (vec![0x82, 0xfe, 0, 125], Error::Length, 1002),
        (vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Error::Length, 1002),
        (vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], Error::Length, 1002),
        (frame(0x81, b"\xff"), Error::InvalidUtf8, 1007),
        (frame(0x81, b"\xed\xa0\x80"), Error::InvalidUtf8, 1007),
        (frame(0x88, b"\x03"), Error::ShortClose, 1002),
        (frame(0x88, b"\x03\xed"), Error::CloseCode, 1002),
        (frame(0x88, b"\x00\x00"), Error::CloseCode, 1002),
        (frame(0x88, b"\x13\x88"), Error::CloseCode, 1002),
        (frame(0x88, b"\x03\xe8\xff"), Error::InvalidUtf8, 1007),
        (frame(0x82, &[0; 1001]), Error::TooBig, 1009),
        ([frame(0x02, &[0; 600]), frame(0x80, &[0; 401])].concat(), Error::TooBig, 1009),
        (vec![0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], Error::TooBig, 1009),
    ];
    for (bytes, error, code) in table {
        assert_eq!(decode(std::slice::from_ref(&bytes)), Err(error), "{bytes:x?}");
        assert_eq!(error.close_code(), code);
    }
}

#[test]
fn data_that_means_nothing_is_skipped_without_memory() {
    let mut decoder = ClientDecoder::discarding(u32::MAX);
    let mut messages = Vec::new();
    // 2^63 - 1 bytes are announced; a few arrive.
    feed(&mut decoder, &[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], &mut messages)
        .unwrap();
    feed(&mut decoder, &[0; 100_000], &mut messages).unwrap();
    assert_eq!(decoder.under_way.as_ref().map(|state| state.payload.capacity()), Some(0));

    let frames = [frame(0x01, b"\xff\xff"), frame(0x89, b"p"), frame(0x80, &[0xff; 5000]), frame(0x82, b"x")].concat();
    assert_eq!(decode_all(ClientDecoder::discarding(u32::MAX), &frames), Ok(vec![Message::Ping(b"p".into())]));
    assert_eq!(decode_all(ClientDecoder::discarding(u32::MAX), &frame(0x80, b"")), Err(Error::LoneContinuation));
}

#[test]
fn data_that_means_nothing_still_has_a_limit() {
    let skip = |frames: &[u8]| decode_all(ClientDecoder::discarding(1_000), frames);
    let halves = [frame(0x01, &[0; 500]), frame(0x89, b"p"), frame(0x80, &[0; 500])].concat();
    assert_eq!(skip(&[halves.clone(), halves].concat()), Ok(vec![Message::Ping(b"p".into()); 2]));
    assert_eq!(skip(&frame(0x82, &[0; 1_001])), Err(Error::TooBig));
    assert_eq!(skip(&[frame(0x01, &[0; 600]), frame(0x80, &[0; 401])].concat()), Err(Error::TooBig));
}

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<ClientDecoder>() <= 32);
    let mut decoder = ClientDecoder::new(10);
    assert!(decoder.is_idle());
    let bytes = [frame(0x89, b"ping"), frame(0x01, b"a")].concat();
    let ping = bytes.len() - 7;
    for (at, byte) in bytes.iter().enumerate() {
        let message = decoder.decode(&mut [*byte].as_slice()).unwrap();
        assert_eq!(message.is_some(), at == ping - 1, "byte {at}");
        assert_eq!(decoder.is_idle(), at == ping - 1, "byte {at}");
    }
    decoder.decode(&mut frame(0x80, b"b").as_slice()).unwrap();
    assert!(decoder.is_idle());
}

/// Frames that form valid messages, with control frames in between.
fn frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let payload = || prop::collection::vec(any::<u8>(), 0..300);
    let control = (prop_oneof![Just(0x89_u8), Just(0x8a)], prop::collection::vec(any::<u8>(), 0..=125));
    let message = (prop::collection::vec((payload(), prop::option::of(control)), 1..4), any::<bool>());
    let message = message.prop_map(|(fragments, is_binary)| {
        let last = fragments.len() - 1;
        let mut frames = Vec::new();
        for (at, (payload, control)) in fragments.into_iter().enumerate() {
            let opcode = if at > 0 {
                0
            } else if is_binary {
                2
            } else {
                1
            };
            let fin = if at == last { 0x80 } else { 0 };
            let payload: Vec<u8> = if is_binary { payload } else { payload.iter().map(|b| b & 0x7f).collect() };
            frames.push(frame(fin | opcode, &payload));
            frames.extend(control.map(|(first, payload)| frame(first, &payload)));
        }
        frames
    });
    prop::collection::vec(message, 0..4).prop_map(|messages| messages.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same(frames in frames(), cuts in prop::collection::vec(0_usize..3000, 0..10)) {
        let bytes = frames.concat();
        let whole = decode(&frames).unwrap();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let (mut decoder, mut messages) = (ClientDecoder::new(1000), Vec::new());
        for pair in cuts.windows(2) {
            feed(&mut decoder, &bytes[pair[0]..pair[1]], &mut messages).unwrap();
        }
        prop_assert_eq!(messages, whole);
        prop_assert!(decoder.is_idle());
    }

    #[test]
    fn no_bytes_panic_and_no_split_changes_the_outcome(
        bytes in prop::collection::vec(prop_oneof![2 => any::<u8>(), 1 => Just(0x81), 1 => Just(0x82), 1 => Just(0x01)], 0..40),
        discard in any::<bool>(),
    ) {
        let new = || if discard { ClientDecoder::discarding(u32::MAX) } else { ClientDecoder::new(20) };
        let whole = decode_all(new(), &bytes);
        let mut decoder = new();
        let mut messages = Vec::new();
        let split = bytes.iter().try_for_each(|byte| feed(&mut decoder, &[*byte], &mut messages));
        prop_assert_eq!(split.map(|()| messages), whole);
    }
}

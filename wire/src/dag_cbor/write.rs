//! Writing tokens, in their only allowed form.

use minicbor::Encoder;
use minicbor::data::{Int, Tag};

const MEMORY: &str = "writing to memory cannot fail";

/// Starts a map of `len` pairs.
pub(crate) fn map(out: &mut Vec<u8>, len: u64) {
    Encoder::new(out).map(len).expect(MEMORY);
}

/// Starts a list of `len` elements.
pub(crate) fn list(out: &mut Vec<u8>, len: u64) {
    Encoder::new(out).array(len).expect(MEMORY);
}

pub(crate) fn text(out: &mut Vec<u8>, text: &str) {
    Encoder::new(out).str(text).expect(MEMORY);
}

pub(crate) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    Encoder::new(out).bytes(bytes).expect(MEMORY);
}

pub(crate) fn unsigned(out: &mut Vec<u8>, number: u64) {
    Encoder::new(out).u64(number).expect(MEMORY);
}

pub(crate) fn int(out: &mut Vec<u8>, number: Int) {
    Encoder::new(out).int(number).expect(MEMORY);
}

/// A float; the caller has seen that it is finite.
pub(crate) fn float(out: &mut Vec<u8>, number: f64) {
    Encoder::new(out).f64(number).expect(MEMORY);
}

pub(crate) fn bool(out: &mut Vec<u8>, value: bool) {
    Encoder::new(out).bool(value).expect(MEMORY);
}

pub(crate) fn null(out: &mut Vec<u8>) {
    Encoder::new(out).null().expect(MEMORY);
}

/// A link; the caller has seen that `cid` is valid.
pub(crate) fn link(out: &mut Vec<u8>, cid: &[u8]) {
    let mut encoder = Encoder::new(out);
    encoder.tag(Tag::new(42)).expect(MEMORY);
    encoder.bytes_len(cid.len() as u64 + 1).expect(MEMORY);
    let out = encoder.into_writer();
    out.push(0);
    out.extend_from_slice(cid);
}

//! CAR version 1: a header with the root's link, then blocks, each after its length and its link. Tested by `tests.rs`.

use super::cbor::Value;
use super::link::Link;

/// A block under its link.
pub(super) type Block = (Link, Vec<u8>);

/// The archive of `blocks`, each once, with `root`.
pub(super) fn car(root: Link, blocks: &[Block]) -> Vec<u8> {
    let header =
        Value::Map(vec![("roots", Value::List(vec![Value::Link(root)])), ("version", Value::Int(1))]).to_bytes();
    let mut out = Vec::with_capacity(header.len() + blocks.iter().map(|(_, bytes)| bytes.len() + 40).sum::<usize>());
    put_length(&mut out, header.len());
    out.extend_from_slice(&header);
    for (index, (link, bytes)) in blocks.iter().enumerate() {
        if blocks[..index].iter().any(|(earlier, _)| earlier == link) {
            continue;
        }
        let link = link.to_bytes();
        put_length(&mut out, link.len() + bytes.len());
        out.extend_from_slice(&link);
        out.extend_from_slice(bytes);
    }
    out
}

/// An unsigned LEB128.
fn put_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

//! A revision tree as bytes, for an index of documents.
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version: 1 |
//! | varint | number of nodes |
//! | per node | flags; the generation of a root, or how many nodes before this one its parent is; hash; seq |
//!
//! | flag | meaning |
//! | --- | --- |
//! | 1 | it has a parent |
//! | 2 | the hash is 16 bytes; otherwise a length in one byte and text |
//! | 4 | it has a body, whose seq follows as a varint |
//! | 8 | it is deleted |
//!
//! Varints are LEB128. Nodes lie in the order of the tree, so equal trees have equal bytes. Reading checks everything:
//! an index can be damaged.

use super::id::{POS_MAX, Rev, RevHash};
use super::tree::{Body, Node, RevTree};

const VERSION: u8 = 1;
const HAS_PARENT: u8 = 1;
const IS_HEX: u8 = 2;
const HAS_BODY: u8 = 4;
const IS_DELETED: u8 = 8;

/// Bytes that are no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Written by a later version.
    #[error("revision tree of version {0}; this build reads version {VERSION}")]
    Version(u8),
    /// Damaged.
    #[error("damaged revision tree")]
    Damaged,
}

/// Appends a tree.
pub fn encode(tree: &RevTree, out: &mut Vec<u8>) {
    out.push(VERSION);
    write_varint(out, tree.nodes().len() as u64);
    for (at, node) in tree.nodes().iter().enumerate() {
        encode_node(at, node, out);
    }
}

fn encode_node(at: usize, node: &Node, out: &mut Vec<u8>) {
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    let is_hex = matches!(node.rev.hash, RevHash::Hex(_));
    out.push(
        flag(node.parent.is_some(), HAS_PARENT)
            | flag(is_hex, IS_HEX)
            | flag(node.body.is_some(), HAS_BODY)
            | flag(node.body.is_some_and(|body| body.deleted), IS_DELETED),
    );
    write_varint(out, node.parent.map_or(node.rev.pos, |parent| at as u64 - u64::from(parent)));
    if !is_hex {
        out.push(node.rev.hash.as_bytes().len() as u8);
    }
    out.extend_from_slice(node.rev.hash.as_bytes());
    if let Some(body) = node.body {
        write_varint(out, body.seq);
    }
}

/// Reads a tree.
///
/// # Errors
/// See [`CodecError`].
pub fn decode(bytes: &[u8]) -> Result<RevTree, CodecError> {
    let mut reader = Reader(bytes);
    match reader.byte() {
        Some(VERSION) => {}
        Some(other) => return Err(CodecError::Version(other)),
        None => return Err(CodecError::Damaged),
    }
    decode_nodes(&mut reader).filter(|_| reader.0.is_empty()).ok_or(CodecError::Damaged)
}

fn decode_nodes(reader: &mut Reader<'_>) -> Option<RevTree> {
    let count = reader.varint()?;
    let mut nodes: Vec<Node> = Vec::with_capacity(reader.0.len().min(count as usize) / 4);
    for _ in 0..count {
        let node = decode_node(reader, &nodes)?;
        if nodes.last().is_some_and(|last| last.rev >= node.rev) {
            return None;
        }
        nodes.push(node);
    }
    Some(RevTree::from_nodes(nodes))
}

fn decode_node(reader: &mut Reader<'_>, before: &[Node]) -> Option<Node> {
    let flags = reader.byte()?;
    let number = reader.varint()?;
    let (pos, parent) = if flags & HAS_PARENT != 0 {
        let parent = (before.len() as u64).checked_sub(number)?;
        (before.get(parent as usize)?.rev.pos + 1, Some(parent as u32))
    } else {
        (number, None)
    };
    let hash = if flags & IS_HEX != 0 {
        RevHash::Hex(reader.bytes(16)?.try_into().ok()?)
    } else {
        let len = reader.byte()?;
        let hash = RevHash::parse(std::str::from_utf8(reader.bytes(len.into())?).ok()?).ok()?;
        Some(hash).filter(|hash| matches!(hash, RevHash::Text(_)))?
    };
    let deleted = flags & IS_DELETED != 0;
    let body = if flags & HAS_BODY != 0 { Some(Body { seq: reader.varint()?, deleted }) } else { None };
    (1..=POS_MAX).contains(&pos).then_some(Node { rev: Rev { pos, hash }, parent, body })
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;

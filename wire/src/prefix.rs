//! Length prefixes that are known only once the body is written.
//!
//! A frame is written straight into its final place: room for a prefix of the likely length first, the body behind
//! it, then the prefix is put in, and the body moved by the few bytes the guess was off. It owns that move and
//! nothing else; what a prefix looks like is its callers' business. Tested through [`crate::websocket::frame`] and
//! [`crate::http1::chunk`].

/// Appends what `body` writes, preceded by the prefix `prefix` makes of the body's length.
///
/// `guess` is the number of bytes the prefix will probably have; a wrong guess costs one move of the body.
pub(crate) fn framed<const N: usize>(
    out: &mut Vec<u8>,
    guess: usize,
    prefix: impl FnOnce(usize) -> ([u8; N], usize),
    body: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.resize(start + guess, 0);
    body(out);
    let body_len = out.len() - start - guess;
    let (bytes, len) = prefix(body_len);
    shift(out, start + guess, start + len, body_len);
    out[start..start + len].copy_from_slice(&bytes[..len]);
}

fn shift(out: &mut Vec<u8>, from: usize, to: usize, len: usize) {
    if to > from {
        out.resize(to + len, 0);
    }
    out.copy_within(from..from + len, to);
    out.truncate(to + len);
}

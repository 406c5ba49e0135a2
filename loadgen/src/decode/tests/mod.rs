//! Tests of the decoders: golden bytes, refusals, and that no cut of the input changes what is decoded.

mod dag_cbor;
mod dialects;
mod http;
mod json;
mod stream;
mod websocket;

/// `input` in pieces whose lengths are taken from `cuts` in turn (a cut of 0 makes the rest one piece).
fn pieces<'a>(mut input: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = input.split_at(if *cut == 0 { input.len() } else { *cut.min(&input.len()) });
        pieces.push(piece);
        input = rest;
    }
    pieces.push(input);
    pieces
}

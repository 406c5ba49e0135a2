//! Close codes (RFC 6455, 7.4, and the IANA registry).

/// An error inside the server.
pub(super) const INTERNAL: u16 = 1011;
/// The protocol was broken.
pub(super) const PROTOCOL: u16 = 1002;
/// Text that is not UTF-8.
pub(super) const INVALID_DATA: u16 = 1007;
/// A message too big to process.
pub(super) const TOO_BIG: u16 = 1009;

/// Whether a close frame may carry this code: registered or private, and not one of those that only describe what
/// happened (1005, 1006, 1015).
pub(super) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

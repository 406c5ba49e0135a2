//! What one query may cost.

/// The limits on a query and on the conditions of an event source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a query's text, its values left out.
    pub text_bytes_max: usize,
    /// Words, numbers, strings and signs of a query's text.
    pub tokens_max: usize,
    /// Levels of the tree a text becomes. What parses and evaluates it goes as deep, so it is low.
    pub depth_max: usize,
    /// Steps of evaluation: each operator, field, call and element of a set is one.
    pub steps_max: u64,
    /// Documents read.
    pub reads_max: u64,
    /// Bytes of documents read.
    pub read_bytes_max: u64,
    /// Documents, collections and databases written.
    pub writes_max: usize,
    /// Bytes of documents written.
    pub write_bytes_max: usize,
    /// Elements of a set that becomes part of the answer.
    pub page_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            text_bytes_max: 256 << 10,
            tokens_max: 20_000,
            depth_max: 40,
            steps_max: 1_000_000,
            reads_max: 100_000,
            read_bytes_max: 64 << 20,
            writes_max: 10_000,
            write_bytes_max: 32 << 20,
            page_max: 16_000,
        }
    }
}

impl Limits {
    /// The limits on what one event may cost a source.
    pub fn of_an_event() -> Self {
        Self {
            steps_max: 10_000,
            reads_max: 0,
            read_bytes_max: 0,
            writes_max: 0,
            write_bytes_max: 0,
            ..Self::default()
        }
    }
}

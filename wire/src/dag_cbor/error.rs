//! What can be wrong with bytes that claim to be DAG-CBOR.

/// The first deviation from DAG-CBOR, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct CborError {
    /// Byte offset in the input, from 0.
    pub offset: usize,
    /// What is wrong.
    pub kind: CborErrorKind,
}

/// The kinds of deviations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CborErrorKind {
    /// The bytes end inside a value.
    #[error("the value ends too early")]
    End,
    /// Something follows the value.
    #[error("something follows the value")]
    Trailing,
    /// A length, integer or tag not in its shortest form.
    #[error("integer or length not in its shortest form")]
    NotMinimal,
    /// An indefinite length, or the break that ends one.
    #[error("indefinite length")]
    Indefinite,
    /// Additional information 28 to 30.
    #[error("reserved additional information")]
    Reserved,
    /// A tag other than 42.
    #[error("tag {0}; only 42 is allowed")]
    Tag(u64),
    /// Tag 42 on something else than a string of bytes with a 0 and a binary CID.
    #[error("link without a valid CID")]
    Link,
    /// A map key that is not text.
    #[error("map key that is not text")]
    KeyType,
    /// A map key that belongs before its predecessor.
    #[error("map keys out of order")]
    KeyOrder,
    /// A map key for the second time.
    #[error("duplicate map key")]
    DuplicateKey,
    /// A float of 16 or 32 bits.
    #[error("float that does not have 64 bits")]
    FloatWidth,
    /// NaN or an infinity.
    #[error("float that is not finite")]
    NotFinite,
    /// `undefined` or another simple value.
    #[error("simple value other than false, true and null")]
    Simple,
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8")]
    Utf8,
    /// Nested deeper than [`DEPTH_MAX`](super::DEPTH_MAX).
    #[error("nested deeper than {max} levels", max = super::DEPTH_MAX)]
    Depth,
    /// A map was expected.
    #[error("not a map")]
    NotMap,
}

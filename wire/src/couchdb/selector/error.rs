//! What is wrong with a selector, in CouchDB's words.

/// Why a selector is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// Not a JSON object; how CouchDB shows what it is.
    #[error("Selector must be a JSON object, not: {0}")]
    NotAnObject(String),
    /// An operator that does not exist, or `$regex` and `$beginsWith` with something else than a string.
    #[error("Invalid operator: {0}")]
    InvalidOperator(String),
    /// An operator that CouchDB reserves.
    #[error("Unsupported operator: {0}")]
    Unsupported(&'static str),
    /// The argument of an operator.
    #[error("Bad argument for operator {operator}: {argument}")]
    BadArgument {
        /// The operator.
        operator: &'static str,
        /// Its argument, as CouchDB shows it.
        argument: String,
    },
    /// A condition on nothing.
    #[error("One or more conditions is missing a field name.")]
    MissingFieldName,
    /// `$text` on a field.
    #[error("Invalid field normalization on selector: {0}")]
    BadField(String),
    /// A path with an empty part.
    #[error("Invalid field name: {0}")]
    FieldName(String),
    /// `$mod` with the divisor 0. CouchDB finds out when it divides, and answers 500 then.
    #[error("badarith")]
    DivisionByZero,
    /// A regular expression with something only a backtracking engine can do.
    #[error("Unsupported regular expression for operator $regex: {0}")]
    Pattern(&'static str),
    /// A regular expression that would take too much memory.
    #[error("Regular expression for operator $regex is too large")]
    PatternTooLarge,
    /// More than the limit allows.
    #[error("Selector is larger than {bytes_max} bytes")]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// More than the limit allows.
    #[error("Selector has more than {nodes_max} conditions")]
    TooManyNodes {
        /// The limit.
        nodes_max: usize,
    },
    /// More than the limit allows.
    #[error("Selector has more than {patterns_max} regular expressions")]
    TooManyPatterns {
        /// The limit.
        patterns_max: usize,
    },
}

impl SelectorError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::DivisionByZero => 500,
            Self::TooLarge { .. } => 413,
            _ => 400,
        }
    }

    /// The name of the error as `_find` gives it. `_changes` says `bad_request` for all with status 400.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnObject(_) => "invalid_selector_json",
            Self::InvalidOperator(_) => "invalid_operator",
            Self::Unsupported(_) => "not_supported",
            Self::BadArgument { .. } | Self::Pattern(_) | Self::PatternTooLarge => "bad_arg",
            Self::MissingFieldName => "invalid_selector",
            Self::BadField(_) => "bad_field",
            Self::FieldName(_) => "invalid_field_name",
            Self::DivisionByZero => "unknown_error",
            Self::TooLarge { .. } => "too_large",
            Self::TooManyNodes { .. } | Self::TooManyPatterns { .. } => "bad_request",
        }
    }
}

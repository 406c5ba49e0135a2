//! Text search over assets and metadata, as users of the reference server's database know it.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `delimiters` | what stands between words |
//! | `stop_words` | words that are passed over |
//! | `words` | from a text to its terms: delimiters, stop words, stems, case, diacritics |
//! | `query` | what a search asks for |
//! | `document` | what is searched of a transaction, and how it is shown |
//!
//! The model is version 3 of that database's text index, in English: words are OR-ed, phrases must all be there, what is
//! excluded must not. It keeps nothing: what lies where is the server's index. Not taken over is a field `language` that
//! chooses another language for a document. Tests lie next to the code.

mod delimiters;
mod document;
mod query;
mod stop_words;
mod words;

pub use document::{Searchable, Table};
pub use query::{Search, SearchError, SearchQuery};
pub use words::{TERM_BYTES_MAX, Term};

//! What a database has that is not in its log: local documents, and settings.
//!
//! Neither is a change, so neither belongs into a feed that others read; and neither can be derived, so neither may be in an
//! index that is thrown away and built anew. Both are files in `documents/<uid of the feed>/` of the data directory, one for
//! the settings and one for each local document, replaced whole. They are few, and written seldom: a replication writes one
//! for every batch.
//!
//! | file | owns |
//! | --- | --- |
//! | [`local`] | documents that are never replicated |
//! | [`settings`] | `_security`, `_revs_limit` |

mod local;
mod settings;

pub(super) use self::settings::SettingsFile;
pub use self::{
    local::{LocalDoc, LocalDocs},
    settings::{SecurityText, Settings},
};

use std::path::{Path, PathBuf};

/// Where the files of a feed's database are.
pub(super) fn dir(data: &Path, feed_uid: u64) -> PathBuf {
    data.join("documents").join(format!("{feed_uid:016x}"))
}

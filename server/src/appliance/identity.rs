//! What a data directory is known by, for as long as it exists.
//!
//! Owns `identity.json`: a UUID that replications are told apart by, and a secret that sessions are signed with where the
//! configuration has none. It is written when the directory is new, readable to nobody else. Tests: below.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::StartError;

const NAME: &str = "identity.json";
/// Where it is until it is whole.
const UNFINISHED: &str = ".new-identity.json";

/// See the module.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// 32 hexadecimal digits.
    pub(crate) uuid: String,
    /// 64 hexadecimal digits.
    pub(crate) secret: String,
}

impl Identity {
    /// Reads it, or draws a new one. Blocks on the disk.
    pub(crate) fn open(data: &Path) -> Result<Self, StartError> {
        let path = data.join(NAME);
        let failed = |error: io::Error| StartError::Identity { path: path.clone(), error };
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| failed(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let identity = Self::draw();
                identity.write(data).map_err(failed)?;
                Ok(identity)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn draw() -> Self {
        let (uuid, secret): ([u8; 16], [u8; 32]) = (rand::random(), rand::random());
        Self { uuid: data_encoding::HEXLOWER.encode(&uuid), secret: data_encoding::HEXLOWER.encode(&secret) }
    }

    fn write(&self, data: &Path) -> io::Result<()> {
        let unfinished = data.join(UNFINISHED);
        // One that is left from before could be readable to others.
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&unfinished, data.join(NAME))?;
        File::open(data)?.sync_all()
    }
}

impl std::fmt::Debug for Identity {
    /// The secret is nobody's business.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("uuid", &self.uuid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_keeps_what_it_is_known_by() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(UNFINISHED), "half").unwrap();
        let first = Identity::open(dir.path()).unwrap();
        assert_eq!((first.uuid.len(), first.secret.len()), (32, 64));
        assert!(Identity::open(dir.path()).unwrap() == first);
        let mode = fs::metadata(dir.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        fs::write(dir.path().join(NAME), "{}").unwrap();
        let error = Identity::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("identity.json") && error.contains("missing field"), "{error}");
    }
}

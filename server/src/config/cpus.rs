//! Lists of processors: `0-3,8`, as the kernel and `taskset` write them.
//!
//! Owns the spelling and the question which processors this process may use. Pins nothing. Tested here.

use std::fmt;
use std::str::FromStr;

/// Highest processor number that is understood; the kernel's own limit is 8192 processors.
pub const CPU_MAX: u32 = 8_191;

/// A list of processors, ascending, each once, never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuList(Vec<u32>);

/// Why a text is no list of processors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpuListError {
    /// Neither a number nor a range.
    #[error("{0:?} is neither a processor number nor a range such as 0-3")]
    Piece(String),
    /// A range whose end lies before its start.
    #[error("the range {0:?} ends before it starts")]
    Backwards(String),
    /// A processor beyond [`CPU_MAX`].
    #[error("processor {0} is beyond the highest possible one, {CPU_MAX}")]
    TooHigh(u32),
}

impl CpuList {
    /// The processors the kernel lets this process run on (`Cpus_allowed_list` in `/proc/self/status`).
    ///
    /// # Errors
    /// When `/proc` is not mounted or does not say.
    pub fn allowed() -> std::io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        status
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
            .and_then(|list| list.trim().parse().ok())
            .ok_or_else(|| std::io::Error::other("/proc/self/status does not say which processors are allowed"))
    }

    /// The processors, ascending.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }
}

impl FromStr for CpuList {
    type Err = CpuListError;

    fn from_str(text: &str) -> Result<Self, CpuListError> {
        let mut cpus = Vec::new();
        for piece in text.split(',') {
            let (first, last) = range(piece.trim())?;
            cpus.extend(first..=last);
        }
        cpus.sort_unstable();
        cpus.dedup();
        Ok(Self(cpus))
    }
}

/// The two ends of `3` or `0-3`.
fn range(piece: &str) -> Result<(u32, u32), CpuListError> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().ok_or_else(|| CpuListError::Piece(piece.to_owned()))
    };
    let (first, last) = match piece.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(piece)?, number(piece)?),
    };
    match () {
        () if first > last => Err(CpuListError::Backwards(piece.to_owned())),
        () if last > CPU_MAX => Err(CpuListError::TooHigh(last)),
        () => Ok((first, last)),
    }
}

impl fmt::Display for CpuList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, run) in self.0.chunk_by(|a, b| a + 1 == *b).enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match run {
                [first, .., last] => write!(f, "{comma}{first}-{last}")?,
                _ => write!(f, "{comma}{}", run[0])?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists() {
        for (text, expected) in [
            ("0", Ok("0")),
            ("0-3,8", Ok("0-3,8")),
            ("8, 3,2,1 ,2", Ok("1-3,8")),
            ("5-5", Ok("5")),
            ("", Err(CpuListError::Piece(String::new()))),
            ("0,", Err(CpuListError::Piece(String::new()))),
            ("a-b", Err(CpuListError::Piece("a-b".to_owned()))),
            ("-1", Err(CpuListError::Piece("-1".to_owned()))),
            ("+1", Err(CpuListError::Piece("+1".to_owned()))),
            ("3-1", Err(CpuListError::Backwards("3-1".to_owned()))),
            ("0-4294967295", Err(CpuListError::TooHigh(u32::MAX))),
        ] {
            assert_eq!(text.parse::<CpuList>().map(|list| list.to_string()), expected.map(str::to_owned), "{text:?}");
        }
    }

    #[test]
    fn this_process_may_use_some_processor() {
        assert!(!CpuList::allowed().expect("/proc is mounted").as_slice().is_empty());
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(cpus in prop::collection::btree_set(0..=CPU_MAX, 1..40)) {
            let list = CpuList(cpus.into_iter().collect());
            prop_assert_eq!(list.to_string().parse(), Ok(list));
        }
    }
}

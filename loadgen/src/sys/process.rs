//! What the process may use and has used: descriptors, CPU time, randomness, wall-clock time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    rand::{GetRandomFlags, getrandom},
    time::{ClockId, clock_gettime},
};

use crate::error::Error;

/// Descriptors kept free for what the process opens besides connections.
const DESCRIPTORS_SPARE: u64 = 32;

/// CPU time, user and system, the calling thread has used.
///
/// Of the thread, not of the process: the engine may run inside a process that does other work.
pub(crate) fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Microseconds since the Unix epoch.
pub(crate) fn unix_us() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// `N` bytes nobody can predict (RFC 6455 asks that of keys and masks).
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom(&mut bytes[..], GetRandomFlags::empty())
        .expect("the kernel's generator answers requests of up to 256 bytes in full");
    bytes
}

/// Raises the soft descriptor limit to the hard one and checks that `connections` more descriptors fit.
pub(crate) fn reserve_descriptors(connections: usize) -> Result<(), Error> {
    let limit = getrlimit(Resource::Nofile);
    let Some(hard_limit) = limit.maximum else {
        return Ok(());
    };
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).map_err(|error| Error::io("raising the descriptor limit")(error.into()))?;
    }
    let needed = descriptors_open() + connections as u64 + DESCRIPTORS_SPARE;
    if needed > hard_limit {
        return Err(Error::Descriptors { connections, needed, hard_limit });
    }
    Ok(())
}

fn descriptors_open() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_connections_are_named() {
        let hard_limit = getrlimit(Resource::Nofile).maximum.unwrap();
        reserve_descriptors(1).unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);

        let asked = usize::try_from(hard_limit).unwrap();
        let error = reserve_descriptors(asked).unwrap_err();
        let Error::Descriptors { needed, .. } = error else {
            panic!("{error}");
        };
        assert!(needed > hard_limit);
        assert!(error.to_string().contains(&needed.to_string()));
    }
}

//! The store's background thread: builds frame logs, and closes files that would take long to close.
//!
//! Owns the thread and its queue; what a job does is the business of [`crate::frames::build`]. Jobs run one at a time, in order.
//! The thread ends when the last handle is gone.

use crate::frames::build::Build;
use crate::sys::SharedMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A mapping and a file that nobody needs any more. Unmapping and unlinking them can take milliseconds.
#[derive(Debug)]
pub(crate) struct Garbage {
    pub(crate) map: Option<SharedMap>,
    pub(crate) path: Option<PathBuf>,
}

impl Garbage {
    fn remove(self) {
        drop(self.map);
        if let Some(path) = self.path {
            // What cannot be removed now is removed with the whole folder when the store is opened next.
            fs::remove_file(path).ok();
        }
    }
}

/// What the thread does.
#[derive(Debug)]
pub(crate) enum Job {
    /// Build the frames of a segment.
    Build(Box<Build>),
    /// Get rid of files.
    Dispose(Garbage),
}

/// A handle to the background thread.
#[derive(Clone, Debug)]
pub(crate) struct Janitor {
    jobs: Sender<Job>,
}

impl Janitor {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Janitor> {
        let (jobs, queue) = channel();
        std::thread::Builder::new().name("tailwater-build".into()).spawn(move || work(queue))?;
        Ok(Janitor { jobs })
    }

    /// Builds frames in the background. When the thread is gone, the build is dropped and its waiters hear of it.
    pub(crate) fn build(&self, build: Box<Build>) {
        self.jobs.send(Job::Build(build)).ok();
    }

    /// Removes files in the background, or here when the thread is gone.
    pub(crate) fn dispose(&self, garbage: Garbage) {
        if let Err(refused) = self.jobs.send(Job::Dispose(garbage))
            && let Job::Dispose(garbage) = refused.0
        {
            garbage.remove();
        }
    }
}

fn work(queue: Receiver<Job>) {
    for job in queue {
        match job {
            Job::Build(build) => build.run(),
            Job::Dispose(garbage) => garbage.remove(),
        }
    }
}

//! A disk that fails on demand: errors at a chosen step, and power cuts with torn and lost writes. For tests.
//!
//! Owns a real directory, in which every step but a sync is carried out at once so that mappings work, and beside it a model of what a power
//! cut could leave of it. Steps are counted; each call of a [`Disk`] or [`DiskFile`] method that changes something
//! is one, creating a file is two (the name, the reserved space). Used by the crash tests of this crate and others; never by a
//! server. Tested in `tests/crash.rs` and at the
//! end of `model.rs`.

mod model;

use super::{Disk, DiskFile, RealDisk};
use model::{Model, NodeId};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The step returns this error and changes nothing; later steps work.
    Error(io::ErrorKind),
    /// The power goes off: the step may have been under way, it and all later steps return an error.
    PowerCut,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct FaultDisk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    model: Model,
    steps: u64,
    fault: Option<(u64, Fault)>,
    power_off: bool,
    free_bytes: u64,
}

impl FaultDisk {
    /// A disk that works, on an existing directory whose present content counts as durable.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<FaultDisk> {
        let root = root.into();
        let model = Model::of_directory(&root)?;
        let state = State { model, steps: 0, fault: None, power_off: false, free_bytes: u64::MAX };
        Ok(FaultDisk { shared: Arc::new(Shared { root, state: Mutex::new(state) }) })
    }

    /// Lets the step with this number, counted from 1, meet with a fault.
    pub fn fail_at(&self, step: u64, fault: Fault) {
        self.lock().fault = Some((step, fault));
    }

    /// Steps so far.
    pub fn steps(&self) -> u64 {
        self.lock().steps
    }

    /// What [`Disk::free_bytes`] answers from now on.
    pub fn set_free_bytes(&self, bytes: u64) {
        self.lock().free_bytes = bytes;
    }

    /// Writes into the directory `image` what a power cut at this moment could leave; which of the possibilities is up to `seed`.
    pub fn write_image(&self, seed: u64, image: &Path) -> io::Result<()> {
        self.lock().model.write_image(seed, image)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a step, carries it out, and tells the model; or meets with the fault that is due.
    fn step<T>(
        &self,
        act: impl FnOnce() -> io::Result<T>,
        note: impl FnOnce(&mut Model) -> io::Result<()>,
        syncs: bool,
    ) -> io::Result<T> {
        let mut state = self.lock();
        state.steps += 1;
        match state.fault {
            _ if state.power_off => return Err(power_is_off()),
            Some((step, Fault::Error(kind))) if step == state.steps => return Err(kind.into()),
            Some((step, Fault::PowerCut)) if step == state.steps => {
                state.power_off = true;
                if !syncs {
                    note(&mut state.model)?;
                }
                return Err(power_is_off());
            }
            _ => {}
        }
        let done = act()?;
        note(&mut state.model)?;
        Ok(done)
    }

    fn relative(&self, path: &Path) -> io::Result<PathBuf> {
        let within = path.strip_prefix(&self.shared.root);
        within
            .map(Path::to_owned)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "path lies outside the faulty disk"))
    }
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

impl Disk for FaultDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let name = self.relative(path)?;
        self.step(|| RealDisk.create_dir(path), |model| model.create_dir(&name), false)
    }

    fn create(&self, path: &Path, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let name = self.relative(path)?;
        self.step(|| RealDisk.create(path, 0).map(drop), |model| model.create_file(&name).map(drop), false)?;
        let real = RealDisk.open(path)?;
        let node = self.lock().model.find(&name)?;
        if bytes > 0 {
            self.step(|| RealDisk.create(path, bytes).map(drop), |model| model.reserve(node, bytes), false)?;
        }
        Ok(Arc::new(FaultFile { disk: self.clone(), real, node }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let node = self.lock().model.find(&self.relative(path)?)?;
        Ok(Arc::new(FaultFile { disk: self.clone(), real: RealDisk.open(path)?, node }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (old, new) = (self.relative(from)?, self.relative(to)?);
        self.step(|| RealDisk.rename(from, to), |model| model.rename(&old, &new), false)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let name = self.relative(path)?;
        self.step(|| RealDisk.remove_file(path), |model| model.remove(&name), false)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let name = self.relative(path)?;
        self.step(|| Ok(()), |model| model.sync_dir(&name), true)
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        Ok(self.lock().free_bytes)
    }
}

#[derive(Debug)]
struct FaultFile {
    disk: FaultDisk,
    real: Arc<dyn DiskFile>,
    node: NodeId,
}

impl DiskFile for FaultFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.step(|| self.real.write_at(bytes, offset), |model| model.write(self.node, bytes, offset), false)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.step(|| Ok(()), |model| model.sync(self.node), true)
    }
}

//! A stored attachment, and who holds it.
//!
//! Owns the count of holders. Whoever has a [`Blob`] may write an event that names it; while it is held it is not swept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How often each attachment is held.
#[derive(Debug, Default)]
pub(super) struct Pins {
    held: Mutex<HashMap<[u8; 16], usize>>,
}

/// An attachment that is stored, durably.
#[derive(Clone, Debug)]
pub struct Blob {
    pin: Arc<Pin>,
    stored_bytes: u64,
    encoding: Option<(&'static str, u64)>,
}

/// Keeps an attachment from being swept.
#[derive(Debug)]
pub(super) struct Pin {
    pins: Arc<Pins>,
    digest: [u8; 16],
}

impl Pins {
    pub(super) fn hold(self: &Arc<Self>, digest: [u8; 16]) -> Pin {
        *self.lock().entry(digest).or_default() += 1;
        Pin { pins: Arc::clone(self), digest }
    }

    /// Does something if nobody holds it, and nobody can meanwhile.
    pub(super) fn unless_held<T>(&self, digest: [u8; 16], act: impl FnOnce() -> T) -> Option<T> {
        let held = self.lock();
        (!held.contains_key(&digest)).then(act)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 16], usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut held = self.pins.lock();
        if let Some(holders) = held.get_mut(&self.digest) {
            *holders -= 1;
            if *holders == 0 {
                held.remove(&self.digest);
            }
        }
    }
}

impl Blob {
    pub(super) fn new(pin: Pin, stored_bytes: u64) -> Self {
        Self { pin: Arc::new(pin), stored_bytes, encoding: None }
    }

    /// Says that its bytes are encoded with gzip, and how many they are without.
    #[must_use]
    pub fn gzipped(self, length: u64) -> Self {
        Self { encoding: Some(("gzip", length)), ..self }
    }

    /// The MD5 of the bytes as stored.
    pub fn digest(&self) -> [u8; 16] {
        self.pin.digest
    }

    /// Bytes without an encoding.
    pub fn length(&self) -> u64 {
        self.encoding.map_or(self.stored_bytes, |(_, length)| length)
    }

    /// Bytes as stored.
    pub fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    /// How they are encoded.
    pub fn encoding(&self) -> Option<&'static str> {
        self.encoding.map(|(name, _)| name)
    }
}

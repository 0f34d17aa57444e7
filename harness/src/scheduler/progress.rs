//! Progress: what the terminal shows while a run goes on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Recent errors kept.
const ERRORS_KEPT: usize = 5;

/// Counts of a run so far, for reading at any time from anywhere.
#[derive(Debug, Default)]
pub struct Progress {
    pub(super) ok: AtomicU64,
    pub(super) fail: AtomicU64,
    pub(super) declined: AtomicU64,
    pub(super) info: AtomicU64,
    pub(super) open: AtomicUsize,
    pub(super) faults: AtomicU64,
    errors: Mutex<VecDeque<String>>,
    fault: Mutex<Option<String>>,
}

impl Progress {
    /// Client operations that happened.
    pub fn ok(&self) -> u64 {
        self.ok.load(Ordering::Relaxed)
    }

    /// Client operations that certainly did not happen.
    pub fn fail(&self) -> u64 {
        self.fail.load(Ordering::Relaxed)
    }

    /// Those of them that the database answered, and declined.
    pub fn declined(&self) -> u64 {
        self.declined.load(Ordering::Relaxed)
    }

    /// Client operations of which nobody knows.
    pub fn info(&self) -> u64 {
        self.info.load(Ordering::Relaxed)
    }

    /// Calls without an answer at the moment, the nemesis's among them.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Nemesis operations completed.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// The last few errors, oldest first.
    pub fn errors(&self) -> Vec<String> {
        lock(&self.errors).iter().cloned().collect()
    }

    /// The fault that is active at the moment, in words.
    pub fn fault(&self) -> Option<String> {
        lock(&self.fault).clone()
    }

    /// Says which fault is active; for who injects and heals them.
    pub fn set_fault(&self, fault: Option<String>) {
        *lock(&self.fault) = fault;
    }

    pub(super) fn push_error(&self, error: String) {
        let mut errors = lock(&self.errors);
        if errors.len() == ERRORS_KEPT {
            errors.pop_front();
        }
        errors.push_back(error);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Budgets: how much work an analysis may do before it must say `Unknown`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Limits on one check. The caller owns the clock: it sets `cancel` when time is up.
#[derive(Clone, Debug)]
pub struct Budget {
    /// The most states or nodes a checker may keep, over all keys. Bounds memory.
    pub max_states: usize,
    cancel: Arc<AtomicBool>,
}

impl Budget {
    /// No time limit, and `max_states` remembered states at the most.
    pub fn states(max_states: usize) -> Self {
        Self { max_states, cancel: Arc::new(AtomicBool::new(false)) }
    }

    /// Asks every check under this budget, and its clones, to stop soon.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// Whether time is up. Checkers ask this at least every few thousand steps.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

impl Default for Budget {
    /// Twenty million states: about two gigabytes for a register.
    fn default() -> Self {
        Self::states(20_000_000)
    }
}

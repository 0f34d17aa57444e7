//! `clock-lease`: the leader answers reads without asking anyone, while its lease lasts, and it
//! tells by the wall clock how long that is.
//!
//! Followers keep to a leader for half a second after they have heard from it, so a lease of less
//! is safe while all clocks go on evenly. A wall clock that is set back, that stands still, or that
//! was ahead when the lease was taken and is set right, makes it last as long as one likes: cut off
//! meanwhile, the old leader answers from a state that another one has changed.

use crate::command::Command;
use crate::node::{Node, Reply};
use perjury_clock::Clock;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Counted from when the question was sent that a majority has answered.
const LEASE: Duration = Duration::from_millis(400);

/// The term for which it was taken, and the wall clock's time at which it ends.
#[derive(Debug)]
pub(super) struct Lease {
    clock: Arc<Clock>,
    held: Mutex<Option<(u64, Duration)>>,
}

impl Lease {
    pub(super) fn new(clock: Arc<Clock>) -> Self {
        Self { clock, held: Mutex::default() }
    }

    fn holds(&self, term: u64, now: Duration) -> bool {
        let lease = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Here it should compare times of the monotonic clock.
        lease.is_some_and(|(taken_in, until)| taken_in == term && now < until)
    }

    fn take(&self, term: u64, asked: Duration) {
        let mut lease = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *lease = Some((term, asked + LEASE));
    }
}

pub(super) async fn read(lease: &Lease, node: &Node, command: &Command) -> Reply {
    let (term, asked) = (node.term(), lease.clock.now());
    if !lease.holds(term, asked) {
        node.reads.confirm().await?;
        lease.take(term, asked);
    }
    Ok(node.machine.read(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lasts_as_long_as_the_wall_clock_says() {
        let (lease, asked) = (Lease::new(Arc::new(Clock::from_env())), Duration::from_secs(1000));
        assert!(!lease.holds(1, asked));
        lease.take(1, asked);
        assert!(lease.holds(1, asked + LEASE / 2));
        assert!(!lease.holds(1, asked + LEASE));
        assert!(!lease.holds(2, asked));
        // Set back by a minute.
        assert!(lease.holds(1, asked + 20 * LEASE - Duration::from_secs(60)));
    }
}

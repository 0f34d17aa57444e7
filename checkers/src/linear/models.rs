//! The models that come with Perjury, a file each.

mod mutex;
mod priority_queue;
mod queues;
mod register;

pub use mutex::{Mutex, MutexCall};
pub use priority_queue::{PriorityCall, PriorityQueue, Ranked};
pub use queues::{FifoQueue, QueueCall, UnorderedQueue};
pub use register::{CasRegister, Register, RegisterCall};

#[cfg(test)]
mod queue_tests;

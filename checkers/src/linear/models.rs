//! The models that come with Perjury, a file each.

mod counter;
mod fenced_mutex;
mod id_source;
mod kv_map;
mod log;
mod multi_register;
mod mutex;
mod owned_mutex;
mod parse;
mod priority_queue;
mod queues;
mod reentrant_mutex;
mod register;
mod rope;
mod semaphore;
mod session_mutex;
mod set_object;
mod stack;

pub use counter::{CounterCall, CounterObject};
pub use fenced_mutex::{Fence, FencedCall, FencedMutex};
pub use id_source::{Generate, Given, IdSource};
pub(in crate::linear) use kv_map::Content;
pub use kv_map::{Entry, KvCall, KvMap};
pub use log::{Entries, Log, LogCall};
pub use multi_register::{Access, Accesses, MultiRegister, Registers};
pub use mutex::{Mutex, MutexCall};
pub use owned_mutex::{OwnedCall, OwnedMutex};
pub use reentrant_mutex::{Holds, ReentrantMutex};
pub use register::{CasRegister, Register, RegisterCall};
pub use rope::Rope;
pub use semaphore::{Held, Semaphore, SemaphoreCall};
pub use session_mutex::SessionMutex;

#[cfg(test)]
mod history_tests;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub use priority_queue::{PriorityCall, PriorityQueue, Ranked};
pub use queues::{FifoQueue, QueueCall, UnorderedQueue};

#[cfg(test)]
mod queue_tests;
pub use set_object::{SetCall, SetObject};
pub use stack::{Stack, StackCall};

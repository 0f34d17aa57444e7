//! The models that come with Perjury, a file each.

mod mutex;
mod register;
mod set_object;
mod stack;

pub use mutex::{Mutex, MutexCall};
pub use register::{CasRegister, Register, RegisterCall};
pub use set_object::{SetCall, SetObject};
pub use stack::{Stack, StackCall};

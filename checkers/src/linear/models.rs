//! The models that come with Perjury, a file each.

mod mutex;
mod register;

pub use mutex::{Mutex, MutexCall};
pub use register::{CasRegister, Register, RegisterCall};

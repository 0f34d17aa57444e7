//! What the driver can express, a file each.

mod bank;
mod counter;
mod lock;
mod queue;
mod register;
mod set;
mod transactions;

use crate::session::Conversation;
use crate::settings::Settings;
use perjury_harness::{Failure, Op};
use perjury_wire::Connection;
use serde_json::Value;

/// Names of workloads.
pub(crate) const NAMES: &[&str] =
    &["register", "list-append", "rw-register", "bank", "set", "counter", "queue", "lock"];

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workload {
    Register,
    ListAppend,
    RwRegister,
    Bank,
    Set,
    Counter,
    Queue,
    Lock,
}

impl Workload {
    /// By name; the error tells all names.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "register" => Self::Register,
            "list-append" => Self::ListAppend,
            "rw-register" => Self::RwRegister,
            "bank" => Self::Bank,
            "set" => Self::Set,
            "counter" => Self::Counter,
            "queue" => Self::Queue,
            "lock" => Self::Lock,
            other => {
                let known = NAMES.join(", ");
                return Err(format!("mysql has no workload `{other}`: it has {known}"));
            }
        })
    }

    /// One operation.
    pub(crate) async fn invoke(
        self,
        connection: &mut Connection<Conversation>,
        settings: &Settings,
        op: &Op,
    ) -> Result<Value, Failure> {
        match self {
            Self::Register => register::invoke(connection, op).await,
            Self::ListAppend | Self::RwRegister => {
                transactions::invoke(connection, self == Self::ListAppend, settings.reads, op).await
            }
            Self::Bank => bank::invoke(connection, settings.reads, op).await,
            Self::Set => set::invoke(connection, op).await,
            Self::Counter => counter::invoke(connection, op).await,
            Self::Queue => queue::invoke(connection, op).await,
            Self::Lock => lock::invoke(connection, settings.lock, op).await,
        }
    }
}

/// An operation that this client does not know was certainly not done.
fn unknown(op: &Op) -> Failure {
    Failure::Definite(format!("mysql's client has no operation `{}` of {}", op.f, op.value))
}

//! Registers that are read and written in transactions: SET and GET.

use crate::protocol::{Command, Reply, command};
use crate::route::Route;
use crate::transaction::{self, Steps};
use crate::values::{done, value};
use perjury_harness::{Failure, Op};
use serde_json::Value;

struct Registers;

impl Steps for Registers {
    const WRITE: &'static str = "w";

    fn write(name: &str, value: &Value) -> Command {
        command(&["SET", name, &value.to_string()])
    }

    fn read(name: &str) -> Command {
        command(&["GET", name])
    }

    fn written(reply: &Reply) -> Result<(), Failure> {
        done(reply)
    }

    fn found(reply: &Reply) -> Result<Value, Failure> {
        value(reply)
    }
}

/// `txn [["w", k, v], ["r", k, null], …]`.
pub(crate) async fn invoke(route: &mut Route, op: &Op) -> Result<Value, Failure> {
    transaction::invoke::<Registers>(route, op).await
}

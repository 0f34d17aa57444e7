//! Lists: RPUSH and LRANGE in transactions.

use crate::protocol::{Command, Reply, command};
use crate::route::Route;
use crate::transaction::{self, Steps};
use crate::values::{integer, values};
use perjury_harness::{Failure, Op};
use serde_json::Value;

struct Lists;

impl Steps for Lists {
    const WRITE: &'static str = "append";

    fn write(name: &str, value: &Value) -> Command {
        command(&["RPUSH", name, &value.to_string()])
    }

    fn read(name: &str) -> Command {
        command(&["LRANGE", name, "0", "-1"])
    }

    fn written(reply: &Reply) -> Result<(), Failure> {
        integer(reply).map(drop)
    }

    fn found(reply: &Reply) -> Result<Value, Failure> {
        values(reply).map(Value::Array)
    }
}

/// `txn [["append", k, v], ["r", k, null], …]`.
pub(crate) async fn invoke(route: &mut Route, op: &Op) -> Result<Value, Failure> {
    transaction::invoke::<Lists>(route, op).await
}

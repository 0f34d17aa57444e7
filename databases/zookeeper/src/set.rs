//! Sets: a child for each element; the list of children is the set.

use crate::api::{Zk, is};
use crate::client::unknown;
use crate::failure::{reading, writing};
use crate::protocol::Mode;
use perjury_harness::{Failure, Op};
use serde_json::Value;

pub(crate) const ROOT: &str = "/perjury/set";

/// `add v`, `read null`, answered with a sorted list.
pub(crate) async fn invoke(zk: &mut Zk, op: &Op) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(element)) => {
            let path = format!("{ROOT}/{element}");
            match zk.create(&path, b"", Mode::Persistent).await {
                // It is in the set, and that is what was asked for.
                Err(error) if is(&error, "NodeExists") => {}
                done => drop(done.map_err(writing)?),
            }
            Ok(op.value.clone())
        }
        ("read", _) => {
            zk.freshen(ROOT).await.map_err(reading)?;
            let names = zk.children(ROOT).await.map_err(reading)?;
            let parsed: Result<Vec<i64>, Failure> =
                names.iter().map(|name| element(name)).collect();
            let mut elements = parsed?;
            elements.sort_unstable();
            Ok(elements.into())
        }
        _ => Err(unknown(op)),
    }
}

fn element(name: &str) -> Result<i64, Failure> {
    let wrong = || Failure::Unexpected(format!("a child of {ROOT} is no element: {name:.100}"));
    name.parse().map_err(|_| wrong())
}

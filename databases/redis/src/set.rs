//! A set: one key; in a cluster a few, so that every master has some of it.

use crate::route::Route;
use crate::session::Request;
use crate::settings::Mode;
use crate::values::{integer, unknown, values};
use perjury_harness::{Failure, Op};
use perjury_wire::Effect;
use serde_json::{Value, json};

/// Keys in a cluster. They are read one after the other: each element has one place, so that
/// whether it is found does not depend on the others.
const PARTS: u64 = 6;

fn name(part: u64) -> String {
    format!("set:{part}")
}

/// `add v`, `read null`.
pub(crate) async fn invoke(route: &mut Route, op: &Op) -> Result<Value, Failure> {
    let parts = if route.settings().mode == Mode::Cluster { PARTS } else { 1 };
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(element)) => {
            let key = name(element.unsigned_abs() % parts);
            let words = ["SADD", &key, &element.to_string()];
            integer(&route.ask(&key, Request::one(Effect::Writes, &words)).await?)?;
            Ok(op.value.clone())
        }
        ("read", None) => {
            let mut elements = Vec::new();
            for part in 0..parts {
                let key = name(part);
                let request = Request::one(Effect::Nothing, &["SMEMBERS", &key]);
                elements.extend(values(&route.ask(&key, request).await?)?);
            }
            elements.sort_by_key(Value::as_i64);
            Ok(json!(elements))
        }
        _ => Err(unknown(op)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::key_slot;

    #[test]
    fn each_of_three_masters_has_a_part() {
        let masters: Vec<u16> = (0..PARTS).map(|part| key_slot(&name(part)) / 5462).collect();
        for master in 0..3 {
            assert!(masters.contains(&master), "{masters:?}");
        }
    }
}

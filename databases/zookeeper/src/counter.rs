//! A counter: one znode, added to by its version.

use crate::api::{Zk, is};
use crate::client::{decode_number, unknown};
use crate::failure::{reading, writing};
use perjury_harness::{Failure, Op};
use serde_json::Value;

pub(crate) const PATH: &str = "/perjury/counter";

/// Additions that meet are tried again so often. A version that is no longer the current one means
/// that nothing was written, so nothing is ever added twice.
const ATTEMPTS: usize = 8;

/// `add n`, `read null`.
pub(crate) async fn invoke(zk: &mut Zk, op: &Op) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(number)) => {
            add(zk, number).await?;
            Ok(op.value.clone())
        }
        ("read", _) => {
            zk.freshen(PATH).await.map_err(reading)?;
            Ok(read(zk).await?.0.into())
        }
        _ => Err(unknown(op)),
    }
}

/// Its value and version.
async fn read(zk: &mut Zk) -> Result<(i64, i32), Failure> {
    let znode = zk.get(PATH).await.map_err(reading)?;
    let znode = znode.ok_or_else(|| Failure::Definite("there is no counter".to_owned()))?;
    Ok((decode_number(&znode.data)?, znode.version))
}

async fn add(zk: &mut Zk, number: i64) -> Result<(), Failure> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            // A server that is behind would say the same again.
            zk.sync(PATH).await.map_err(reading)?;
        }
        let (value, version) = read(zk).await?;
        let Some(sum) = value.checked_add(number) else {
            return Err(Failure::Definite(format!("{value} + {number} is too much")));
        };
        match zk.set(PATH, sum.to_string().as_bytes(), version).await {
            Err(error) if is(&error, "BadVersion") => {}
            done => return done.map_err(writing),
        }
    }
    Err(Failure::Definite("conflict".to_owned()))
}

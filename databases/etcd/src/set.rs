//! Sets: a key for each element, read as a range in one request.

use crate::api::{Put, Range};
use crate::connection::Connection;
use crate::connector::{Reads, unknown};
use crate::failure::{Effect, classify};
use perjury_harness::{Failure, Op};
use serde_json::Value;

const PREFIX: &str = "s/";

/// `add v`, `read null`, answered with a sorted list.
pub(crate) async fn invoke(
    connection: &mut Connection,
    reads: Reads,
    op: &Op,
) -> Result<Value, Failure> {
    match (&*op.f, op.value.as_i64()) {
        ("add", Some(element)) => {
            let put = Put::new(&format!("{PREFIX}{element}"), "");
            connection.put(&put).await.map_err(|error| classify(&error, Effect::Writes))?;
            Ok(op.value.clone())
        }
        ("read", _) => {
            let range = Range::keys_below(PREFIX, reads.serializable());
            let found = connection.range(&range).await;
            let found = found.map_err(|error| classify(&error, Effect::Nothing))?;
            if found.more {
                return Err(Failure::Unexpected("etcd gave a part of the range only".to_owned()));
            }
            let mut elements = Vec::with_capacity(found.kvs.len());
            for kv in &found.kvs {
                elements.push(element(&kv.key.0)?);
            }
            elements.sort_unstable();
            Ok(elements.into())
        }
        _ => Err(unknown(op)),
    }
}

fn element(key: &[u8]) -> Result<i64, Failure> {
    std::str::from_utf8(key).ok().and_then(|key| key.strip_prefix(PREFIX)?.parse().ok()).ok_or_else(
        || {
            let shown = String::from_utf8_lossy(key);
            Failure::Unexpected(format!("a key below {PREFIX} is no element: {shown:.100}"))
        },
    )
}

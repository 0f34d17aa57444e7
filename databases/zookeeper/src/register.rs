//! Registers: a znode each; compare-and-set by the znode's version.

use crate::api::{Zk, is};
use crate::client::{decode, key_text, unknown};
use crate::failure::{reading, writing};
use crate::protocol::{ANY, Mode};
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};

pub(crate) const ROOT: &str = "/perjury/registers";

/// `read [k, null]`, `write [k, v]`, `cas [k, [old, new]]`.
pub(crate) async fn invoke(zk: &mut Zk, op: &Op) -> Result<Value, Failure> {
    let Some([key, argument]) = op.value.as_array().map(Vec::as_slice) else {
        return Err(unknown(op));
    };
    let path = format!("{ROOT}/{}", key_text(key).ok_or_else(|| unknown(op))?);
    match (&*op.f, argument.as_array().map(Vec::as_slice)) {
        ("read", _) => {
            zk.freshen(&path).await.map_err(reading)?;
            let value = match zk.get(&path).await.map_err(reading)? {
                None => Value::Null,
                Some(znode) => decode(&znode.data)?,
            };
            Ok(json!([key, value]))
        }
        ("write", _) => {
            write(zk, &path, argument.to_string().as_bytes()).await?;
            Ok(op.value.clone())
        }
        ("cas", Some([old, new])) => {
            compare_and_set(zk, &path, old, new).await?;
            Ok(op.value.clone())
        }
        _ => Err(unknown(op)),
    }
}

/// Nothing deletes registers, so one that another made in between is there to be set: two refusals,
/// neither of which did anything, and then the third request decides.
async fn write(zk: &mut Zk, path: &str, data: &[u8]) -> Result<(), Failure> {
    match zk.set(path, data, ANY).await {
        Err(error) if is(&error, "NoNode") => {}
        done => return done.map_err(writing),
    }
    match zk.create(path, data, Mode::Persistent).await {
        Err(error) if is(&error, "NodeExists") => {}
        done => return done.map(drop).map_err(writing),
    }
    zk.set(path, data, ANY).await.map_err(writing)
}

/// The value is read first, from this server's state; that it is still the current one when the
/// new one is written is for the version to tell. A failure of either kind wrote nothing.
async fn compare_and_set(zk: &mut Zk, path: &str, old: &Value, new: &Value) -> Result<(), Failure> {
    let differs = || Failure::Declined("the value differs".to_owned());
    let znode = zk.get(path).await.map_err(reading)?.ok_or_else(differs)?;
    if decode(&znode.data)? != *old {
        return Err(differs());
    }
    match zk.set(path, new.to_string().as_bytes(), znode.version).await {
        Err(error) if is(&error, "BadVersion") => {
            Err(Failure::Declined("the value changed meanwhile".to_owned()))
        }
        done => done.map_err(writing),
    }
}

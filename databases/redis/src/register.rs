//! Registers: a key each; compare-and-set as a script.

use crate::route::Route;
use crate::session::Request;
use crate::values::{done, integer, key_text, unknown, value};
use perjury_harness::{Failure, Op};
use perjury_wire::Effect;
use serde_json::{Value, json};

const CAS: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
                   redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0";

/// `read [k, null]`, `write [k, v]`, `cas [k, [old, new]]`.
pub(crate) async fn invoke(route: &mut Route, op: &Op) -> Result<Value, Failure> {
    let Some([key, argument]) = op.value.as_array().map(Vec::as_slice) else {
        return Err(unknown(op));
    };
    let name = format!("r:{}", key_text(key));
    match (&*op.f, argument.as_array().map(Vec::as_slice)) {
        ("read", _) => {
            let request = Request::one(Effect::Nothing, &["GET", &name]);
            Ok(json!([key, value(&route.ask(&name, request).await?)?]))
        }
        ("write", _) => {
            let request = Request::one(Effect::Writes, &["SET", &name, &argument.to_string()]);
            done(&route.ask(&name, request).await?)?;
            Ok(op.value.clone())
        }
        ("cas", Some([old, new])) => {
            let (old, new) = (old.to_string(), new.to_string());
            let words = ["EVAL", CAS, "1", &name, &old, &new];
            let answer = route.ask_and_tell(&name, Request::one(Effect::Writes, &words)).await?;
            match (integer(&answer.reply)?, answer.unconfirmed) {
                // Nothing was written, so there was nothing to confirm.
                (0, _) => Err(Failure::Declined("the value differs".to_owned())),
                (_, None) => Ok(op.value.clone()),
                (_, Some(why)) => Err(Failure::Indefinite(why)),
            }
        }
        _ => Err(unknown(op)),
    }
}

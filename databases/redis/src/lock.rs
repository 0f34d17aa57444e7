//! A lock: SET NX PX with a token of its own, released by a script that compares the token, as
//! Redis's documentation of SET describes it.

use crate::protocol::Reply;
use crate::route::Route;
use crate::session::Request;
use crate::values::{done, integer, unknown};
use perjury_harness::{Failure, Op};
use perjury_wire::Effect;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const KEY: &str = "lock";
const RELEASE: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
                       return redis.call('DEL', KEYS[1]) end return 0";

/// What a client has of the lock.
#[derive(Debug, Default)]
pub(crate) struct Holder {
    token: Option<String>,
}

/// `acquire null`, `release null`.
pub(crate) async fn invoke(
    route: &mut Route,
    holder: &mut Holder,
    op: &Op,
) -> Result<Value, Failure> {
    match &*op.f {
        "acquire" => acquire(route, holder).await,
        "release" => release(route, holder).await,
        _ => Err(unknown(op)),
    }
}

async fn acquire(route: &mut Route, holder: &mut Holder) -> Result<Value, Failure> {
    let (token, life) = (token(), route.settings().lock.as_millis().to_string());
    let words = ["SET", KEY, &token, "NX", "PX", &life];
    let answer = route.ask_and_tell(KEY, Request::one(Effect::Writes, &words)).await?;
    if answer.reply == Reply::Nil {
        return Err(Failure::Declined("held".to_owned()));
    }
    done(&answer.reply)?;
    if let Some(why) = answer.unconfirmed {
        return Err(Failure::Indefinite(why));
    }
    holder.token = Some(token);
    Ok(Value::Null)
}

/// The token is kept until an answer came, so that a release that was not sent can be tried again.
async fn release(route: &mut Route, holder: &mut Holder) -> Result<Value, Failure> {
    let Some(token) = holder.token.clone() else {
        return Err(Failure::NotAsked("not held".to_owned()));
    };
    let words = ["EVAL", RELEASE, "1", KEY, &token];
    let answer = route.ask_and_tell(KEY, Request::one(Effect::Writes, &words)).await?;
    holder.token = None;
    match (integer(&answer.reply)?, answer.unconfirmed) {
        (0, _) => Err(Failure::Declined("not held: it ran out, or was lost".to_owned())),
        (_, None) => Ok(Value::Null),
        (_, Some(why)) => Err(Failure::Indefinite(why)),
    }
}

/// A token that no other acquisition has, of this run or one before.
fn token() -> String {
    static TAKEN: AtomicU64 = AtomicU64::new(0);
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{}-{now}-{number}", std::process::id())
}

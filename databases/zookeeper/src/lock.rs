//! A lock: an ephemeral znode. It lasts as long as the session that made it, and no longer.

use crate::api::{Zk, is};
use crate::client::unknown;
use crate::failure::{reading, writing};
use perjury_harness::{Failure, Op};
use perjury_wire::WireError;
use serde_json::Value;
use std::time::{Duration, Instant};

const PATH: &str = "/perjury/lock";
/// How long somebody else may have it before `acquire` gives up.
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(25);

/// The lock, as the client that took it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    session: i64,
}

/// `acquire null`, answered with the number of the transaction that made the znode, which only
/// grows; `release null`.
pub(crate) async fn invoke(
    zk: &mut Zk,
    held: &mut Option<Held>,
    op: &Op,
) -> Result<Value, Failure> {
    match &*op.f {
        "acquire" if held.is_some() => Err(Failure::NotAsked("held by this client".to_owned())),
        "acquire" => {
            let (session, token) = acquire(zk).await?;
            *held = Some(Held { session });
            Ok(token.into())
        }
        "release" => {
            let Some(Held { session }) = held.take() else {
                return Err(Failure::NotAsked("not held".to_owned()));
            };
            match zk.delete_in(session, PATH).await {
                Ok(()) => Ok(Value::Null),
                Err(error) if is(&error, "NoNode") => {
                    Err(Failure::Declined("not held: the znode is gone".to_owned()))
                }
                // The session is over, or is left to end: so is the lock, if not at once.
                Err(WireError::NotSent(text)) => {
                    Err(Failure::Definite(format!("not held: {text}")))
                }
                Err(error) => Err(writing(error)),
            }
        }
        _ => Err(unknown(op)),
    }
}

async fn acquire(zk: &mut Zk) -> Result<(i64, i64), Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match zk.create_ephemeral(PATH).await {
            Err(error) if is(&error, "NodeExists") => {}
            done => return done.map_err(writing),
        }
        while zk.exists(PATH).await.map_err(reading)? {
            if Instant::now() >= deadline {
                return Err(Failure::Declined("held".to_owned()));
            }
            tokio::time::sleep(PAUSE).await;
        }
        if Instant::now() >= deadline {
            return Err(Failure::Declined("held".to_owned()));
        }
    }
}

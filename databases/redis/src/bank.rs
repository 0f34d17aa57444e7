//! A bank: one hash, an account a field; transfers as scripts.

use crate::protocol::Reply;
use crate::route::Route;
use crate::session::Request;
use crate::values::{integer, key_text, surprise, unknown, value};
use perjury_harness::{Failure, Op, Options};
use perjury_wire::Effect;
use serde_json::{Map, Value};

const KEY: &str = "bank";
const TRANSFER: &str = "local held = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0') \
                        if held < tonumber(ARGV[3]) then return 0 end \
                        redis.call('HINCRBY', KEYS[1], ARGV[1], '-' .. ARGV[3]) \
                        redis.call('HINCRBY', KEYS[1], ARGV[2], ARGV[3]) return 1";
/// Balances that exist stay as they are.
const OPEN: &str = "for account = 0, ARGV[1] - 1 do \
                    redis.call('HSETNX', KEYS[1], account, ARGV[2]) end return 1";

/// With how much the bank begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    accounts: u32,
    balance: u32,
}

impl Opening {
    /// Options `accounts` and `balance`.
    pub(crate) fn from_options(options: &Options) -> Result<Self, String> {
        let number = |name: &str, default: u32| {
            let Some(text) = options.get(name) else { return Ok(default) };
            text.parse().map_err(|_| format!("--set {name}={text}: write a number, such as 8"))
        };
        Ok(Self { accounts: number("accounts", 8)?, balance: number("balance", 10)? })
    }
}

/// Makes the accounts that are not there yet.
pub(crate) async fn open(route: &mut Route, opening: &Opening) -> Result<(), Failure> {
    let (accounts, balance) = (opening.accounts.to_string(), opening.balance.to_string());
    let words = ["EVAL", OPEN, "1", KEY, &accounts, &balance];
    integer(&route.ask(KEY, Request::one(Effect::Writes, &words)).await?).map(drop)
}

/// `transfer {"from": a, "to": b, "amount": n}`, `read null`.
pub(crate) async fn invoke(route: &mut Route, op: &Op) -> Result<Value, Failure> {
    match &*op.f {
        "transfer" => transfer(route, op).await,
        "read" => {
            let request = Request::one(Effect::Nothing, &["HGETALL", KEY]);
            balances(&route.ask(KEY, request).await?)
        }
        _ => Err(unknown(op)),
    }
}

async fn transfer(route: &mut Route, op: &Op) -> Result<Value, Failure> {
    let Some(amount) = op.value["amount"].as_u64() else { return Err(unknown(op)) };
    let (from, to) = (&op.value["from"], &op.value["to"]);
    if from.is_null() || to.is_null() {
        return Err(unknown(op));
    }
    let (from, to, amount) = (key_text(from), key_text(to), amount.to_string());
    let words = ["EVAL", TRANSFER, "1", KEY, &from, &to, &amount];
    let answer = route.ask_and_tell(KEY, Request::one(Effect::Writes, &words)).await?;
    match (integer(&answer.reply)?, answer.unconfirmed) {
        // Nothing was written, so there was nothing to confirm.
        (0, _) => Err(Failure::Declined("the balance is too low".to_owned())),
        (_, None) => Ok(op.value.clone()),
        (_, Some(why)) => Err(Failure::Indefinite(why)),
    }
}

/// Fields and values in turn.
fn balances(reply: &Reply) -> Result<Value, Failure> {
    let Reply::Array(parts) = reply else { return Err(surprise("accounts", reply)) };
    let mut balances = Map::new();
    for pair in parts.chunks(2) {
        let [Reply::Bulk(account), balance] = pair else { return Err(surprise("accounts", reply)) };
        balances.insert(String::from_utf8_lossy(account).into_owned(), value(balance)?);
    }
    Ok(Value::Object(balances))
}

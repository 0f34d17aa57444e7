//! A bank: a row for each account, and transfers that read both balances before they write them.
//!
//! So applications do it, and it is what isolation is for: at `read committed` two transfers that
//! meet lose money.

use crate::client::unknown;
use crate::door::Door;
use crate::register::one;
use crate::session::PgSession;
use crate::transaction::{End, read, transact, understood};
use perjury_harness::{Failure, Op, Options};
use perjury_wire::{Effect, WireError};
use serde_json::{Map, Value};

const ACCOUNTS: i64 = 8;
const BALANCE: i64 = 10;

/// The table with its accounts, which options `accounts` and `balance` may change.
pub(crate) fn tables(options: &Options) -> Result<Vec<String>, String> {
    let number = |name: &str, default: i64| match options.get(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| format!("option {name}: `{text}` is no number")),
    };
    let accounts = number("accounts", ACCOUNTS)?;
    let balance = number("balance", BALANCE)?;
    if !(1..=10_000).contains(&accounts) {
        return Err(format!("option accounts: {accounts} is not between 1 and 10000"));
    }
    let rows: Vec<String> =
        (0..accounts).map(|account| format!("({account}, {balance})")).collect();
    Ok(vec![
        "CREATE TABLE IF NOT EXISTS perjury_bank (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)".into(),
        format!(
            "INSERT INTO perjury_bank (k, v) VALUES {} ON CONFLICT (k) DO NOTHING",
            rows.join(", ")
        ),
    ])
}

/// `transfer {"from": a, "to": b, "amount": n}`, `read null`.
pub(crate) async fn invoke(door: &mut Door, op: &Op) -> Result<Value, Failure> {
    match &*op.f {
        "read" => {
            let answer = read(door, "SELECT k, v FROM perjury_bank ORDER BY k".to_owned()).await?;
            let rows = understood(answer.numbers::<2>())?;
            let balances: Map<String, Value> =
                rows.into_iter().map(|[account, v]| (account.to_string(), v.into())).collect();
            Ok(Value::Object(balances))
        }
        "transfer" => {
            let number = |name: &str| op.value[name].as_i64().ok_or_else(|| unknown(op));
            let (from, to, amount) = (number("from")?, number("to")?, number("amount")?);
            transact(door, Effect::Writes, move |session| {
                Box::pin(async move { transfer(session, from, to, amount).await })
            })
            .await?;
            Ok(op.value.clone())
        }
        _ => Err(unknown(op)),
    }
}

async fn transfer(
    session: &mut PgSession,
    from: i64,
    to: i64,
    amount: i64,
) -> Result<End<()>, WireError> {
    let mut balances = Vec::new();
    for account in [from, to] {
        let sql = format!("SELECT v FROM perjury_bank WHERE k = {account}");
        match session.query(&sql).await?.number()? {
            Some(balance) => balances.push(balance),
            None => return Ok(End::Abort(format!("there is no account {account}"))),
        }
    }
    let (less, more) = (balances[0].checked_sub(amount), balances[1].checked_add(amount));
    let (Some(less), Some(more)) = (less, more) else {
        return Ok(End::Abort("the balance would be too large".to_owned()));
    };
    if less < 0 {
        return Ok(End::Abort(format!("account {from} has only {}", balances[0])));
    }
    // To itself, nothing moves.
    let rows = if from == to { vec![(from, balances[0])] } else { vec![(from, less), (to, more)] };
    for (account, balance) in rows {
        let sql = format!("UPDATE perjury_bank SET v = {balance} WHERE k = {account}");
        one(session.query(&sql).await?.touched("UPDATE"))?;
    }
    Ok(End::Commit(()))
}

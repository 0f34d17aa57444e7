//! Accounts: a row each. A transfer reads both balances and writes both anew, as applications do
//! that compute outside of the database.

use super::unknown;
use crate::failure;
use crate::session::Conversation;
use crate::settings::Reads;
use crate::transaction::{self, Stop};
use perjury_harness::{Failure, Op};
use perjury_wire::{Connection, Effect};
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug)]
struct Transfer {
    from: i64,
    to: i64,
    amount: i64,
}

/// `transfer {"from": a, "to": b, "amount": n}`, `read null`, answered with all balances.
pub(super) async fn invoke(
    connection: &mut Connection<Conversation>,
    reads: Reads,
    op: &Op,
) -> Result<Value, Failure> {
    match &*op.f {
        "transfer" => {
            let transfer = parse(&op.value).ok_or_else(|| unknown(op))?;
            let told = connection.exchange(move |session| {
                Box::pin(async move {
                    let outcome = run(session, reads, transfer).await;
                    transaction::finish(session, Effect::Writes, "", outcome).await
                })
            });
            failure::flat(told.await, Effect::Writes)?;
            Ok(op.value.clone())
        }
        "read" => read(connection).await,
        _ => Err(unknown(op)),
    }
}

fn parse(value: &Value) -> Option<Transfer> {
    let number = |name: &str| value.get(name)?.as_i64();
    let transfer = Transfer { from: number("from")?, to: number("to")?, amount: number("amount")? };
    (transfer.from != transfer.to).then_some(transfer)
}

async fn run(session: &mut Conversation, reads: Reads, transfer: Transfer) -> Result<(), Stop> {
    transaction::start(session).await?;
    let from = balance(session, reads, transfer.from).await?;
    let to = balance(session, reads, transfer.to).await?;
    let too_large =
        || Stop::Told(Failure::Definite("a balance that is no 64-bit number".to_owned()));
    let from = from.checked_sub(transfer.amount).ok_or_else(too_large)?;
    let to = to.checked_add(transfer.amount).ok_or_else(too_large)?;
    if from < 0 || to < 0 {
        return Err(Stop::Told(Failure::Declined("not enough money".to_owned())));
    }
    for (account, balance) in [(transfer.from, from), (transfer.to, to)] {
        let update = format!("UPDATE accounts SET balance = {balance} WHERE id = {account}");
        transaction::step(session, &update).await?.of_one_row("an account")?;
    }
    Ok(())
}

async fn balance(session: &mut Conversation, reads: Reads, account: i64) -> Result<i64, Stop> {
    if reads == Reads::Touch {
        let touch = format!("UPDATE accounts SET touched = touched + 1 WHERE id = {account}");
        transaction::step(session, &touch).await?;
    }
    let suffix = reads.suffix();
    let select = format!("SELECT balance FROM accounts WHERE id = {account}{suffix}");
    let answer = transaction::step(session, &select).await?;
    if answer.rows.is_empty() {
        return Err(Stop::Told(Failure::Definite(format!("there is no account {account}"))));
    }
    Ok(answer.number(0, 0)?)
}

async fn read(connection: &mut Connection<Conversation>) -> Result<Value, Failure> {
    let accounts = connection.exchange(|session| {
        Box::pin(async move {
            let answer = session.query("SELECT id, balance FROM accounts ORDER BY id").await?;
            let rows = 0..answer.rows.len();
            rows.map(|row| Ok((answer.number(row, 0)?.to_string(), answer.number(row, 1)?.into())))
                .collect::<Result<Map<String, Value>, _>>()
        })
    });
    accounts.await.map(Value::Object).map_err(|error| failure::of(&error, Effect::Nothing))
}

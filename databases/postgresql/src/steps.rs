//! Transactions of reads and writes, a statement for each step.

use crate::client::unknown;
use crate::door::Door;
use crate::session::{PgSession, number};
use crate::transaction::{End, transact};
use crate::{register, register::one};
use perjury_harness::{Failure, Op};
use perjury_wire::{Effect, WireError};
use serde_json::{Value, json};

/// What the rows hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Numbers with commas between: `append` and `r`.
    Lists,
    /// Numbers: `w` and `r`.
    Registers,
}

pub(crate) const LIST_TABLES: &[&str] =
    &["CREATE TABLE IF NOT EXISTS perjury_list (k BIGINT PRIMARY KEY, v TEXT NOT NULL)"];

pub(crate) const REGISTER_TABLES: &[&str] =
    &["CREATE TABLE IF NOT EXISTS perjury_rw (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)"];

/// One step; the numbers are key and value.
#[derive(Clone, Copy, Debug)]
enum Step {
    Read(i64),
    Write(i64, i64),
}

/// `txn [["append" | "w", k, v], ["r", k, null], …]`, answered with the reads filled in.
pub(crate) async fn invoke(door: &mut Door, kind: Kind, op: &Op) -> Result<Value, Failure> {
    let steps = parse(kind, op).ok_or_else(|| unknown(op))?;
    let effect = match only_reads(op) {
        true => Effect::Nothing,
        false => Effect::Writes,
    };
    transact(door, effect, move |session| {
        Box::pin(async move {
            let mut answer = Vec::with_capacity(steps.len());
            for step in steps {
                answer.push(done(session, kind, step).await?);
            }
            Ok(End::Commit(Value::Array(answer)))
        })
    })
    .await
}

/// Whether all steps of a transaction are reads.
pub(crate) fn only_reads(op: &Op) -> bool {
    op.value.as_array().is_some_and(|steps| steps.iter().all(|step| step[0] == "r"))
}

fn parse(kind: Kind, op: &Op) -> Option<Vec<Step>> {
    if &*op.f != "txn" {
        return None;
    }
    let write = write_name(kind);
    let steps = op.value.as_array()?.iter();
    steps
        .map(|step| match step.as_array()?.as_slice() {
            [f, key, value] if f == write => Some(Step::Write(key.as_i64()?, value.as_i64()?)),
            [f, key, _] if f == "r" => Some(Step::Read(key.as_i64()?)),
            _ => None,
        })
        .collect()
}

fn write_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Lists => "append",
        Kind::Registers => "w",
    }
}

async fn done(session: &mut PgSession, kind: Kind, step: Step) -> Result<Value, WireError> {
    match (step, kind) {
        (Step::Read(key), Kind::Lists) => {
            let sql = format!("SELECT v FROM perjury_list WHERE k = {key}");
            Ok(json!(["r", key, list(session.query(&sql).await?.value()?)?]))
        }
        (Step::Read(key), Kind::Registers) => {
            let sql = format!("SELECT v FROM perjury_rw WHERE k = {key}");
            Ok(json!(["r", key, session.query(&sql).await?.number()?]))
        }
        (Step::Write(key, value), _) => {
            let sql = match kind {
                Kind::Lists => append(key, value),
                Kind::Registers => register::upsert("perjury_rw", key, value),
            };
            one(session.query(&sql).await?.touched("INSERT"))?;
            Ok(json!([write_name(kind), key, value]))
        }
    }
}

fn append(key: i64, value: i64) -> String {
    format!(
        "INSERT INTO perjury_list (k, v) VALUES ({key}, '{value}') \
         ON CONFLICT (k) DO UPDATE SET v = perjury_list.v || ',' || excluded.v"
    )
}

/// No row is an empty list.
fn list(text: Option<&str>) -> Result<Vec<i64>, WireError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    text.split(',').map(number).collect()
}

//! A bank: a key for each account; a transfer writes two of them on condition of their revisions.

use crate::api::{Compare, Int64, KeyValue, Put, Txn, TxnOp};
use crate::connection::Connection;
use crate::connector::{Reads, unknown};
use crate::register::decode_number;
use crate::txn::{conditional, read_all};
use perjury_harness::{Failure, Op, Options};
use perjury_workloads::Opening;
use serde_json::{Map, Value};

/// A bank as it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bank(Opening);

impl Bank {
    /// Options `accounts` and `balance`.
    pub(crate) fn from_options(options: &Options) -> Result<Self, String> {
        let opening = Opening::of(options)?;
        let Opening { accounts, .. } = opening;
        // A read is one transaction, and etcd's have 128 parts at the most.
        if accounts > 128 {
            return Err(format!("--set accounts={accounts}: etcd's bank has 128 at the most"));
        }
        Ok(Self(opening))
    }

    fn names(self) -> Vec<String> {
        (0..u64::from(self.0.accounts)).map(name).collect()
    }

    /// Makes the accounts that are not there yet.
    pub(crate) async fn open_accounts(self, connection: &mut Connection) -> Result<(), Failure> {
        for name in self.names() {
            let put = TxnOp::Put(Put::new(&name, &self.0.balance.to_string()));
            let compare = vec![Compare::unchanged_since(&name, Int64(0))];
            // One that is there already is as good.
            conditional(connection, &Txn { compare, success: vec![put] }).await?;
        }
        Ok(())
    }

    /// `transfer {"from": a, "to": b, "amount": n}`, `read null`.
    pub(crate) async fn invoke(
        self,
        connection: &mut Connection,
        reads: Reads,
        op: &Op,
    ) -> Result<Value, Failure> {
        let field = |name: &str| op.value.get(name).and_then(Value::as_u64);
        match (&*op.f, field("from"), field("to"), field("amount")) {
            ("read", ..) => {
                let found = read_all(connection, &self.names(), reads.serializable()).await?;
                let mut balances = Map::new();
                for (account, kv) in found.into_iter().enumerate() {
                    balances.insert(account.to_string(), balance(kv)?.0.into());
                }
                Ok(Value::Object(balances))
            }
            ("transfer", Some(from), Some(to), Some(amount)) if from != to => {
                let amount = i64::try_from(amount).map_err(|_| unknown(op))?;
                transfer(connection, from, to, amount).await?;
                Ok(op.value.clone())
            }
            _ => Err(unknown(op)),
        }
    }
}

fn name(account: u64) -> String {
    format!("b/{account}")
}

/// What an account has, and its revision.
fn balance(kv: Option<KeyValue>) -> Result<(i64, Int64), Failure> {
    let kv = kv.ok_or_else(|| Failure::Definite("there is no such account".to_owned()))?;
    Ok((decode_number(&kv.value)?, kv.mod_revision))
}

async fn transfer(
    connection: &mut Connection,
    from: u64,
    to: u64,
    amount: i64,
) -> Result<(), Failure> {
    let names = [name(from), name(to)];
    let mut found = read_all(connection, &names, false).await?.into_iter();
    let (source, target) = (balance(found.next().flatten())?, balance(found.next().flatten())?);
    if source.0 < amount {
        return Err(Failure::Declined("the balance would be negative".to_owned()));
    }
    let put = |name: &str, balance: i64| TxnOp::Put(Put::new(name, &balance.to_string()));
    let txn = Txn {
        compare: vec![
            Compare::unchanged_since(&names[0], source.1),
            Compare::unchanged_since(&names[1], target.1),
        ],
        success: vec![
            put(&names[0], source.0.saturating_sub(amount)),
            put(&names[1], target.0.saturating_add(amount)),
        ],
    };
    if conditional(connection, &txn).await? {
        return Ok(());
    }
    Err(Failure::Definite("conflict".to_owned()))
}

//! A bank: a znode for each account; a transfer writes two of them at once, by their versions.

use crate::api::{Zk, is};
use crate::client::{decode_number, unknown};
use crate::failure::{reading, writing};
use crate::protocol::{Request, Znode};
use perjury_harness::{Failure, Op, Options};
use perjury_wire::WireError;
use perjury_workloads::Opening;
use serde_json::{Map, Value};

const ROOT: &str = "/perjury/bank";

/// A bank as it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bank(Opening);

impl Bank {
    /// Options `accounts` and `balance`.
    pub(crate) fn from_options(options: &Options) -> Result<Self, String> {
        Opening::of(options).map(Self)
    }

    /// Makes the accounts that are not there yet.
    pub(crate) async fn open_accounts(self, zk: &mut Zk) -> Result<(), WireError> {
        zk.ensure(ROOT, b"").await?;
        for account in 0..self.0.accounts {
            zk.ensure(&path(account.into()), self.0.balance.to_string().as_bytes()).await?;
        }
        Ok(())
    }

    /// `transfer {"from": a, "to": b, "amount": n}`, `read null`.
    pub(crate) async fn invoke(self, zk: &mut Zk, op: &Op) -> Result<Value, Failure> {
        let field = |name: &str| op.value.get(name).and_then(Value::as_u64);
        match (&*op.f, field("from"), field("to"), field("amount")) {
            ("read", ..) => self.read(zk).await,
            ("transfer", Some(from), Some(to), Some(amount)) if from != to => {
                let amount = i64::try_from(amount).map_err(|_| unknown(op))?;
                transfer(zk, from, to, amount).await?;
                Ok(op.value.clone())
            }
            _ => Err(unknown(op)),
        }
    }

    async fn read(self, zk: &mut Zk) -> Result<Value, Failure> {
        zk.freshen(ROOT).await.map_err(reading)?;
        let paths: Vec<String> = (0..self.0.accounts).map(|account| path(account.into())).collect();
        let znodes = zk.snapshot(&paths).await.map_err(reading)?;
        let mut balances = Map::new();
        for (account, znode) in znodes.into_iter().enumerate() {
            balances.insert(account.to_string(), balance(&path(account as u64), znode)?.0.into());
        }
        Ok(Value::Object(balances))
    }
}

fn path(account: u64) -> String {
    format!("{ROOT}/{account}")
}

/// What an account has, and its version.
fn balance(path: &str, znode: Option<Znode>) -> Result<(i64, i32), Failure> {
    let Some(znode) = znode else {
        return Err(Failure::Definite(format!("there is no account {path}")));
    };
    Ok((decode_number(&znode.data)?, znode.version))
}

async fn transfer(zk: &mut Zk, from: u64, to: u64, amount: i64) -> Result<(), Failure> {
    let paths = [path(from), path(to)];
    let mut znodes = zk.snapshot(&paths).await.map_err(reading)?.into_iter();
    let mut account = |path: &String| balance(path, znodes.next().flatten());
    let (source, target) = (account(&paths[0])?, account(&paths[1])?);
    if source.0 < amount {
        return Err(Failure::Declined("the balance would be negative".to_owned()));
    }
    let set = |path: &String, balance: i64, version: i32| {
        Request::set(path, balance.to_string().as_bytes(), version)
    };
    let parts = [
        set(&paths[0], source.0.saturating_sub(amount), source.1),
        set(&paths[1], target.0.saturating_add(amount), target.1),
    ];
    match zk.multi(&parts).await {
        Err(error) if is(&error, "BadVersion") => Err(Failure::Definite("conflict".to_owned())),
        done => done.map_err(writing),
    }
}

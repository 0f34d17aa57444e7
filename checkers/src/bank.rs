//! Banks: whether transfers between accounts keep the total.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::tally::{Tally, anomaly, step};
use crate::words::shortened;
use crate::{Budget, Checker, Finding, History, Operation};

/// Levels under which every read shows a whole state between transactions.
const RULED_OUT: &[&str] = &["snapshot-isolation", "serializable", "strict-serializable"];

/// Judges `transfer {from, to, amount}` and `read` of all accounts, an object of balances
/// (Jepsen's `bank`): every read must show the same accounts, the same total, and no balance
/// below zero unless that is allowed. Linear.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bank {
    /// The total that was there at the start; `None` takes that of the first read.
    pub total: Option<i64>,
    /// How many accounts there are; `None` takes that of the first read.
    pub accounts: Option<usize>,
    /// Whether accounts may be overdrawn.
    pub negative_allowed: bool,
}

impl Checker for Bank {
    fn name(&self) -> &str {
        "bank"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let mut tally = Tally::default();
        let mut first: Option<(i128, usize)> = None;
        let mut reads = 0u64;
        for operation in operations.iter().filter(|operation| operation.f == "read") {
            let Some(seen) = operation.output() else { continue };
            let Some(accounts) = balances(seen) else {
                let index = operation.index;
                let why = format!(
                    "operation {index} read {}, where an object of balances should be",
                    shortened(seen)
                );
                return Finding::unknown(self.name(), why);
            };
            reads += 1;
            let total: i128 = accounts.values().map(|balance| i128::from(*balance)).sum();
            let (expected, count) = *first.get_or_insert((
                self.total.map_or(total, i128::from),
                self.accounts.unwrap_or(accounts.len()),
            ));
            if accounts.len() != count {
                tally.add(|| wrong_accounts(operation, accounts.len(), count));
            } else if total != expected {
                tally.add(|| wrong_total(operation, total, expected));
            }
            let below = accounts.iter().find(|(_, balance)| **balance < 0);
            if let Some((account, balance)) = below
                && !self.negative_allowed
            {
                tally.add(|| negative(operation, account, *balance));
            }
        }
        let stats = json!({
            "reads": reads,
            "total": first.map(|(total, _)| total.to_string()),
            "accounts": first.map(|(_, accounts)| accounts),
        });
        let unknown = (reads == 0).then(|| {
            "the accounts were never read, so nothing can be judged; reads are part of this \
             workload"
                .to_owned()
        });
        tally.conclude(self.name(), unknown, stats)
    }
}

fn balances(seen: &Value) -> Option<BTreeMap<&str, i64>> {
    let accounts = seen.as_object()?;
    accounts.iter().map(|(name, balance)| Some((name.as_str(), balance.as_i64()?))).collect()
}

fn shows(read: &Operation<'_>) -> crate::Step {
    let seen = read.output().map(shortened).unwrap_or_default();
    step(read, &format!("read the accounts as {seen}"))
}

fn wrong_total(read: &Operation<'_>, total: i128, expected: i128) -> crate::Anomaly {
    let explanation = format!(
        "Transfers only move money, so all accounts together hold {expected} at any time; this \
         read shows {total}. It saw one side of a transfer without the other, or money was lost \
         or made."
    );
    let title = format!("Wrong total: {total} instead of {expected}");
    anomaly("wrong-total", title, explanation, vec![shows(read)], RULED_OUT)
}

fn wrong_accounts(read: &Operation<'_>, seen: usize, expected: usize) -> crate::Anomaly {
    let explanation =
        format!("There are {expected} accounts all the time, but this read shows {seen}.");
    let title = format!("{seen} accounts instead of {expected}");
    anomaly("wrong-accounts", title, explanation, vec![shows(read)], RULED_OUT)
}

fn negative(read: &Operation<'_>, account: &str, balance: i64) -> crate::Anomaly {
    let explanation = format!(
        "Account {account} holds {balance}, although a transfer that would overdraw an account \
         does nothing. Two transfers were decided on the same balance."
    );
    let title = format!("Account {account} is overdrawn");
    let models = &["repeatable-read", "serializable", "strict-serializable"];
    anomaly("negative-balance", title, explanation, vec![shows(read)], models)
}

#[cfg(test)]
mod tests;

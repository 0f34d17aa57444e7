//! Banks of registers: whether transactions that read all accounts see the same total.

use serde_json::json;

use super::TransactionChecker;
use super::explain::capital_introduction;
use super::transactions::{Action, Micro, Status, Transactions};
use crate::tally::{Tally, anomaly};
use crate::{Anomaly, Budget, Checker, Finding, History, Step};

const NAME: &str = "txn-bank";

/// Levels under which what a transaction reads is of one state between transactions.
const RULED_OUT: &[&str] = &["snapshot-isolation", "serializable", "strict-serializable"];

/// Judges transactions of `["r", account, null]` (answered with the balance) and
/// `["w", account, balance]`, where every transaction keeps the total. Balances repeat, so it is
/// not known who read from whom. But each committed transaction that reads all accounts, those
/// that it writes before it writes them, must see the total, and no balance below zero unless
/// that is allowed. The accounts are the keys of the history. Linear.
#[derive(Clone, Copy, Debug, Default)]
pub struct TxnBank {
    /// The total that was there at the start; `None` takes that of the first that read all.
    pub total: Option<i64>,
    pub negative_allowed: bool,
}

impl Checker for TxnBank {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        match Transactions::from_history(history, "w") {
            Ok(txns) => self.check_transactions(&txns, budget),
            Err(why) => Finding::unknown(NAME, why),
        }
    }
}

impl TransactionChecker for TxnBank {
    fn name(&self) -> &str {
        NAME
    }

    fn check_transactions(&self, txns: &Transactions, _budget: &Budget) -> Finding {
        self.judge(txns).unwrap_or_else(|why| Finding::unknown(NAME, why))
    }
}

impl TxnBank {
    fn judge(&self, txns: &Transactions) -> Result<Finding, String> {
        let mut tally = Tally::default();
        let mut expected: Option<i128> = self.total.map(i128::from);
        let mut whole = 0u64;
        // Per account the last transaction that met it.
        let mut met_by = vec![u32::MAX; txns.key_count()];
        for (number, txn) in (0u32..).zip(txns.all()) {
            if txn.status != Status::Committed {
                continue;
            }
            let (mut total, mut count) = (0i128, 0);
            for micro in txns.micros(number) {
                let balance = balance(txns, number, micro)?;
                let first = std::mem::replace(&mut met_by[micro.key as usize], number) != number;
                if micro.action == Action::Read {
                    if first {
                        total += balance;
                        count += 1;
                    }
                    if balance < 0 && !self.negative_allowed {
                        tally.add(|| negative(txns, number, micro, balance));
                    }
                }
            }
            if count == txns.key_count() && count > 0 {
                whole += 1;
                let expected = *expected.get_or_insert(total);
                if total != expected {
                    tally.add(|| wrong_total(txns, number, total, expected));
                }
            }
        }
        let stats = json!({
            "transactions": txns.len(),
            "accounts": txns.key_count(),
            "reads": whole,
            "total": expected.map(|total| total.to_string()),
        });
        let unknown = (whole == 0).then(|| {
            "no transaction that succeeded read all accounts, so nothing can be judged; such \
             reads are part of this workload"
                .to_owned()
        });
        Ok(tally.conclude(NAME, unknown, stats))
    }
}

fn balance(txns: &Transactions, number: u32, micro: &Micro) -> Result<i128, String> {
    if let Some(small) = micro.value.as_small().filter(|_| micro.action != Action::ReadList) {
        return Ok(small.into());
    }
    let value = match micro.action {
        Action::ReadList => txns.values(txns.list(micro)),
        _ => txns.value(micro.value),
    };
    value.as_i64().map(i128::from).ok_or_else(|| {
        format!(
            "operation {} has {value} in account {}, where a whole number should be",
            txns.txn(number).index,
            txns.key(micro.key)
        )
    })
}

fn step(txns: &Transactions, number: u32) -> Vec<Step> {
    let text = format!("{}.", capital_introduction(txns, number, "w"));
    vec![Step { text, operations: vec![txns.txn(number).index] }]
}

fn wrong_total(txns: &Transactions, number: u32, total: i128, expected: i128) -> Anomaly {
    let explanation = format!(
        "Transactions only move money, so all accounts together hold {expected} at any time; \
         this one read {total}. It saw one side of another without the other, or money was lost \
         or made."
    );
    let title = format!("Wrong total: {total} instead of {expected}");
    anomaly("wrong-total", title, explanation, step(txns, number), RULED_OUT)
}

fn negative(txns: &Transactions, number: u32, micro: &Micro, balance: i128) -> Anomaly {
    let account = txns.key(micro.key);
    let explanation = format!(
        "Account {account} holds {balance}, although a transaction that would overdraw an \
         account does nothing. Two were decided on the same balance."
    );
    let title = format!("Account {account} is overdrawn");
    let models = &["repeatable-read", "serializable", "strict-serializable"];
    anomaly("negative-balance", title, explanation, step(txns, number), models)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::Verdict;
    use crate::testing::Script;

    fn check(outputs: &[Value]) -> Finding {
        let mut script = Script::default();
        for output in outputs {
            script.whole(0, "txn", output.clone(), output.clone());
        }
        TxnBank::default().check(&script.history(), &Budget::default())
    }

    #[test]
    fn totals_are_compared_where_all_accounts_were_read() {
        let first = json!([["r", "a", 5], ["r", "b", 5]]);
        let moved = json!([["r", "a", 5], ["r", "b", 5], ["w", "a", 3], ["w", "b", 7]]);
        let part = json!([["r", "a", 3], ["w", "a", 4], ["w", "b", 6], ["r", "b", 6]]);
        let last = json!([["r", "b", 6], ["r", "a", 4]]);
        let good = [first.clone(), moved.clone(), part.clone(), last];
        assert_eq!(check(&good).verdict, Verdict::Valid);
        let skewed = json!([["r", "b", 6], ["r", "a", 3]]);
        let finding = check(&[first.clone(), moved, part, skewed]);
        assert_eq!(finding.verdict, Verdict::Invalid);
        assert_eq!(finding.anomalies[0].kind, "wrong-total");
        assert_eq!(finding.anomalies[0].operations, [6]);
        let finding = check(&[first, json!([["r", "a", -1], ["r", "b", 11]])]);
        assert_eq!(finding.anomalies[0].kind, "negative-balance");
    }

    #[test]
    fn what_cannot_be_judged_is_unknown() {
        let reason = |outputs: &[Value]| {
            let finding = check(outputs);
            assert_eq!(finding.verdict, Verdict::Unknown);
            finding.reason.expect("a reason")
        };
        assert!(reason(&[]).contains("read all accounts"));
        let part = json!([["r", "a", 5], ["w", "b", 5]]);
        assert!(reason(&[part]).contains("read all accounts"));
        assert!(reason(&[json!([["r", "a", "five"]])]).contains("whole number"));
        assert!(reason(&[json!([["r", "a", [5]]])]).contains("whole number"));
    }
}

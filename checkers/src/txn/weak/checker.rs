//! The checker of weak isolation: flaws of single reads, and cycles.

use serde_json::json;

use super::super::key_value::KeyValue;
use super::super::transactions::{Action, Transactions, Writes};
use super::explain::Teller;
use super::flaws::Flaws;
use super::{WeakLevel, WeakVerdict};
use crate::txn::{TransactionChecker, check_events};
use crate::{Anomaly, Budget, Checker, Finding, History};

/// Judges registers, or lists that are only appended to, whose values are written once each.
#[derive(Clone, Copy, Debug)]
pub struct WeakIsolation {
    pub level: WeakLevel,
}

/// Of registers; lists are judged in compact form only.
impl Checker for WeakIsolation {
    fn name(&self) -> &str {
        self.level.name()
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        check_events(self, "w", history, budget)
    }
}

impl TransactionChecker for WeakIsolation {
    fn name(&self) -> &str {
        self.level.name()
    }

    /// Values that are written twice are [`Verdict::Unknown`](crate::Verdict::Unknown), too.
    fn check_transactions(&self, txns: &Transactions, budget: &Budget) -> Finding {
        let writes = match Writes::new(txns) {
            Ok(writes) => writes,
            Err(duplicate) => return Finding::unknown(self.level.name(), duplicate.explain(txns)),
        };
        let lists = txns.all_micros().iter().any(|micro| micro.action == Action::ReadList);
        let kv = if lists {
            KeyValue::of_lists(txns, &writes)
        } else {
            KeyValue::of_registers(txns, &writes)
        };
        self.check(txns, &writes, &kv, lists, budget)
    }
}

impl WeakIsolation {
    fn check(
        &self,
        txns: &Transactions,
        writes: &Writes,
        kv: &KeyValue,
        lists: bool,
        budget: &Budget,
    ) -> Finding {
        let stats = json!({
            "transactions": kv.len(),
            "sessions": kv.session_count,
            "keys": kv.key_count,
            "reads-from": kv.all_reads().len(),
        });
        let teller = Teller { txns, kv, lists };
        let mut flaws = Flaws::default();
        if kv.flawed > 0 {
            flaws.find(&teller, writes, self.level);
        }
        let verdict = super::check(kv, self.level, budget);
        let (cycles, count) = match &verdict {
            WeakVerdict::Refuted(cycles, count) => (cycles.as_slice(), *count),
            WeakVerdict::Holds(_) | WeakVerdict::Unknown(_) => (&[][..], 0),
        };
        let count = count + flaws.count;
        let mut anomalies: Vec<Anomaly> = flaws.kept;
        anomalies.extend(cycles.iter().map(|cycle| teller.cycle(cycle)));
        anomalies.sort_by_key(|anomaly| std::cmp::Reverse(anomaly.rules_out.len()));
        if !anomalies.is_empty() {
            let mut finding = Finding::invalid(self.level.name(), anomalies, stats);
            finding.anomaly_count = count;
            return finding;
        }
        let seen = |action| matches!(action, Action::Read | Action::ReadList);
        let reason = if let WeakVerdict::Unknown(reason) = verdict {
            reason
        } else if txns.all_micros().iter().all(|micro| !seen(micro.action)) {
            "no transaction that succeeded read anything, so nothing can be judged; see in the \
             log why reads got no answer"
        } else {
            return Finding::valid(self.level.name(), stats);
        };
        Finding { stats, ..Finding::unknown(self.level.name(), reason) }
    }
}

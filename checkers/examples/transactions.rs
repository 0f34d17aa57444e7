//! Two clients of a bank whose rule holds for each of them, and not for both: write skew.
#![allow(clippy::print_stdout, reason = "an example prints its verdicts")]

use std::fmt::Write as _;

use perjury_checkers::Budget;
use perjury_checkers::txn::read::read_transactions;
use perjury_checkers::txn::{ConsistencyModel, ListAppend, TransactionChecker};

/// Each client saw the other's list empty, and appended to its own.
const HISTORY: &str = "
{:process 0, :type :invoke, :f :txn, :value [[:r :x nil] [:append :y 1]]}
{:process 1, :type :invoke, :f :txn, :value [[:r :y nil] [:append :x 1]]}
{:process 0, :type :ok, :f :txn, :value [[:r :x []] [:append :y 1]]}
{:process 1, :type :ok, :f :txn, :value [[:r :y []] [:append :x 1]]}
";

/// The verdict for two levels, and the proof.
pub fn report() -> Result<String, Box<dyn std::error::Error>> {
    let read = read_transactions(HISTORY.as_bytes(), "history.edn", "append")?;
    let mut report = String::new();
    for model in [ConsistencyModel::SnapshotIsolation, ConsistencyModel::Serializable] {
        let checker = ListAppend { model };
        let finding = checker.check_transactions(&read.transactions, &Budget::default());
        writeln!(report, "{model}: {:?}", finding.verdict)?;
        for anomaly in &finding.anomalies {
            writeln!(report, "  {}", anomaly.title)?;
            for step in &anomaly.steps {
                writeln!(report, "    {}", step.text)?;
            }
        }
    }
    Ok(report)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", report()?);
    Ok(())
}

//! `perjury check` for histories of transactions, which are read straight into compact form.

use super::args::CheckArgs;
use super::stored::{pictures, show, wrong};
use crate::analysis;
use crate::exit::{self, Stop};
use crate::report;
use indicatif::ProgressBar;
use perjury_checkers::finding::worst;
use perjury_checkers::txn::Transactions;
use perjury_checkers::txn::read::{TransactionsRead, read_transactions};
use perjury_checkers::workload::OfTransactions;
use perjury_checkers::{Anomaly, Operation};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Duration;

/// Reads transactions and lets each checker judge them.
pub fn check(
    args: &CheckArgs,
    bytes: &[u8],
    name: &str,
    of: OfTransactions,
) -> Result<ExitCode, Stop> {
    let OfTransactions { write, checkers } = of;
    let bar = spinner(args);
    bar.set_message("reading");
    let read = read_transactions(bytes, name, write).map_err(|error| wrong(&args.file, &error))?;
    let TransactionsRead { transactions, recovery, events, .. } = read;
    bar.set_message(format!("judging {} transactions", transactions.len()));
    let findings = analysis::check_transactions(checkers, &transactions, args.judge.check_limit.0);
    bar.finish_and_clear();
    if let Some(folder) = &args.pictures {
        pictures(folder, &findings, |anomaly| drawn(anomaly, &transactions, write))?;
    }
    let verdict = worst(findings.iter().map(|finding| finding.verdict));
    show(args, &findings, events, &recovery);
    Ok(ExitCode::from(exit::of_verdict(verdict)))
}

/// The picture of an anomaly with the transactions that it speaks of.
fn drawn(anomaly: &Anomaly, transactions: &Transactions, write: &str) -> String {
    let numbers = anomaly.operations.iter().filter_map(|index| transactions.by_index(*index));
    let texts: Vec<(u32, Value)> =
        numbers.map(|number| (number, transactions.text(number, write))).collect();
    let involved: Vec<Operation<'_>> =
        texts.iter().map(|(number, text)| transactions.operation(*number, text)).collect();
    report::picture_of(anomaly, &involved)
}

fn spinner(args: &CheckArgs) -> ProgressBar {
    if args.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

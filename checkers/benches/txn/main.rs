//! Transactions: time and memory to read and judge synthetic histories.
//! `cargo bench -p perjury-checkers --bench txn [-- [--large] [NAME ...]]`.
//!
//! Every row runs in a process of its own, so that its peak of memory is its own.

mod check;
#[path = "../shared/clock.rs"]
mod clock;
mod measure;
#[path = "../shared/memory.rs"]
mod memory;
mod parse;
mod strong;
mod weak;

use std::fmt::Write as _;
use std::process::Command;

use measure::{Measured, status};

/// A row of the table.
struct Row {
    name: &'static str,
    /// Whether it only runs with `--large`, or when it is named.
    large: bool,
    run: fn() -> Measured,
}

/// All rows, a module for each kind.
const ROWS: [&[Row]; 4] = [parse::ROWS, check::ROWS, weak::ROWS, strong::ROWS];

const HEAD: &str = "\
| what | transactions | seconds | of CPU | MB read | MB/s | MB in memory, without the file | result |
|---|---|---|---|---|---|---|---|
";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let large = arguments.iter().any(|argument| argument == "--large");
    let names: Vec<&String> =
        arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let rows = || ROWS.iter().copied().flatten();
    if let Ok(name) = std::env::var("TXN_ROW") {
        let row = rows().find(|row| row.name == name).expect("a row of this name");
        print(&line(row));
        return;
    }
    print(HEAD);
    let wanted = |row: &&Row| match names.is_empty() {
        true => large || !row.large,
        false => names.iter().any(|name| row.name.contains(name.as_str())),
    };
    for row in rows().filter(wanted) {
        let this = std::env::current_exe().expect("the benchmark itself");
        let ran = Command::new(this).env("TXN_ROW", row.name).output().expect("a process");
        print(&String::from_utf8_lossy(&ran.stdout));
        if !ran.status.success() {
            print(&String::from_utf8_lossy(&ran.stderr));
        }
    }
}

/// Runs a row, in this process, and tells it.
fn line(row: &Row) -> String {
    let Measured { transactions, took, bytes, result } = (row.run)();
    let peak = status("VmHWM:").saturating_sub(bytes);
    let read = bytes as f64 / 1e6;
    let mut line = String::new();
    let _ = writeln!(
        line,
        "| {} | {transactions} | {:.3} | {:.2} | {read:.0} | {:.0} | {:.0} | {result} |",
        row.name,
        took.wall,
        took.cpu,
        read / took.wall,
        peak as f64 / 1e6,
    );
    line
}

#[expect(clippy::print_stdout, reason = "a benchmark's table goes to standard output")]
fn print(text: &str) {
    use std::io::Write as _;
    print!("{text}");
    let _ = std::io::stdout().flush();
}

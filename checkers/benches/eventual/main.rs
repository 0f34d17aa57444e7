//! Sets, and replicas that answer alone: time and memory on a million operations.
//! `cargo bench -p perjury-checkers --bench eventual [-- NAME ...]`.
//!
//! Every row runs in a process of its own, so that its peak of memory is its own.

#[path = "../shared/clock.rs"]
mod clock;
mod loads;
#[path = "../shared/memory.rs"]
mod memory;

use clock::timed;
use memory::status;
use perjury_checkers::eventual::{CrdtCounter, EventualRegister, MvRegister, OrSet};
use perjury_checkers::set::SetFull;
use perjury_checkers::{Budget, Checker, History};
use std::process::Command;

struct Row {
    name: &'static str,
    history: fn() -> History,
    checker: fn() -> Box<dyn Checker>,
}

const ROWS: &[Row] = &[
    Row { name: "set-full-1M", history: loads::set, checker: || Box::new(SetFull::default()) },
    Row {
        name: "set-full-1M-10k-reads",
        history: loads::set_of_changes,
        checker: || Box::new(SetFull::default()),
    },
    Row {
        name: "eventual-1M",
        history: || loads::replicas(loads::Data::Register),
        checker: || Box::new(EventualRegister::default()),
    },
    Row {
        name: "crdt-counter-1M",
        history: || loads::replicas(loads::Data::Counter),
        checker: || Box::new(CrdtCounter::default()),
    },
    Row {
        name: "or-set-1M",
        history: || loads::replicas(loads::Data::Set),
        checker: || Box::new(OrSet::default()),
    },
    Row {
        name: "mv-register-1M",
        history: || loads::replicas(loads::Data::Siblings),
        checker: || Box::new(MvRegister::default()),
    },
];

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Ok(name) = std::env::var("EVENTUAL_ROW") {
        print(&line(ROWS.iter().find(|row| row.name == name).expect("a row of this name")));
        return;
    }
    print(
        "| history | operations | seconds | of CPU | MB of history | MB for the check | verdict |\n",
    );
    print("|---|---|---|---|---|---|---|\n");
    let wanted = |row: &&Row| {
        arguments.is_empty() || arguments.iter().any(|argument| row.name.contains(argument))
    };
    for row in ROWS.iter().filter(wanted) {
        let this = std::env::current_exe().expect("the benchmark itself");
        let ran = Command::new(this).env("EVENTUAL_ROW", row.name).output().expect("a process");
        print(&String::from_utf8_lossy(&ran.stdout));
        print(&String::from_utf8_lossy(&ran.stderr));
    }
}

fn line(row: &Row) -> String {
    let history = (row.history)();
    let operations = history.events().len() / 2;
    let before = status("VmRSS:");
    let (finding, took) = timed(|| (row.checker)().check(&history, &Budget::default()));
    let more = status("VmHWM:").saturating_sub(before);
    format!(
        "| {} | {operations} | {:.3} | {:.2} | {} | {} | {:?} |\n",
        row.name,
        took.wall,
        took.cpu,
        before / 1_000_000,
        more / 1_000_000,
        finding.verdict
    )
}

#[expect(clippy::print_stdout, reason = "a benchmark's table goes to standard output")]
fn print(text: &str) {
    use std::io::Write as _;
    print!("{text}");
    let _ = std::io::stdout().flush();
}

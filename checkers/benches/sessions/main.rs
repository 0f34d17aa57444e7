//! Sessions, real time and messages: time for checkers of whole histories of a million operations.
//! `cargo bench -p perjury-checkers --bench sessions [-- NAME ...]`.

#[path = "../shared/clock.rs"]
mod clock;
mod loads;

use clock::timed;
use loads::{LOADS, Load};
use perjury_checkers::Budget;

const OPERATIONS: usize = 1_000_000;

const HEAD: &str = "\
| history | operations | seconds | of CPU | of it pairing calls with answers | verdict |
|---|---|---|---|---|---|
";

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |load: &&Load| {
        arguments.is_empty() || arguments.iter().any(|argument| load.name.contains(argument))
    };
    print(HEAD);
    for load in LOADS.iter().filter(wanted) {
        let history = (load.history)(OPERATIONS);
        let (operations, pairing) = timed(|| history.operations().len());
        let checker = (load.checker)();
        let (finding, took) = timed(|| checker.check(&history, &Budget::default()));
        print(&format!(
            "| {} | {operations} | {:.3} | {:.2} | {:.2} | {:?} |\n",
            load.name, took.wall, took.cpu, pairing.cpu, finding.verdict
        ));
        if let Some(reason) = finding.reason {
            print(&format!("{reason}\n"));
        }
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's table goes to standard output")]
fn print(text: &str) {
    use std::io::Write as _;
    print!("{text}");
    let _ = std::io::stdout().flush();
}

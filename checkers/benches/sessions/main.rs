//! Sessions, real time and messages: time for checkers of whole histories of a million operations.
//! `cargo bench -p perjury-checkers --bench sessions [-- NAME ...]`.

mod loads;

use std::time::Instant;

use loads::{LOADS, Load};
use perjury_checkers::Budget;

const OPERATIONS: usize = 1_000_000;

const HEAD: &str = "\
| history | operations | seconds | of them pairing calls with answers | verdict |
|---|---|---|---|---|
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
        let begun = Instant::now();
        let operations = history.operations().len();
        let pairing = begun.elapsed().as_secs_f64();
        let checker = (load.checker)();
        let begun = Instant::now();
        let finding = checker.check(&history, &Budget::default());
        let seconds = begun.elapsed().as_secs_f64();
        print(&format!(
            "| {} | {operations} | {seconds:.3} | {pairing:.3} | {:?} |\n",
            load.name, finding.verdict
        ));
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's table goes to standard output")]
fn print(text: &str) {
    use std::io::Write as _;
    print!("{text}");
    let _ = std::io::stdout().flush();
}

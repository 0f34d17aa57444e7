//! Linearizability: time and memory on histories of the shapes on which Porcupine, Knossos and
//! PolyLin were measured. `cargo bench -p perjury-checkers --bench linear [-- NAME ...]`.
//!
//! Every row runs in a process of its own, so that its peak of memory is its own.

#[path = "../shared/clock.rs"]
mod clock;
mod loads;
mod measure;
#[path = "../shared/memory.rs"]
mod memory;
mod published;
mod rows;

use std::fmt::Write as _;
use std::process::Command;

use measure::status;
use rows::{Others, ROWS, Row};

const HEAD: &str = "\
| history | operations | seconds | of CPU | MB in all | MB for the check | verdict | others | \
times faster | of their memory |
|---|---|---|---|---|---|---|---|---|---|
";

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if let Ok(name) = std::env::var("LINEAR_ROW") {
        let row = ROWS.iter().find(|row| row.name == name).expect("a row of this name");
        print(&line(row));
        return;
    }
    print(HEAD);
    let wanted = |row: &&Row| {
        arguments.is_empty() || arguments.iter().any(|argument| row.name.contains(argument))
    };
    for row in ROWS.iter().filter(wanted) {
        if let Some(missing) = row.published.and_then(published::missing) {
            print(&format!("| {} | not measured: {missing} |\n", row.name));
            continue;
        }
        let this = std::env::current_exe().expect("the benchmark itself");
        let ran = Command::new(this).env("LINEAR_ROW", row.name).output().expect("a process");
        print(&String::from_utf8_lossy(&ran.stdout));
        if !ran.status.success() {
            print(&String::from_utf8_lossy(&ran.stderr));
        }
    }
}

/// Runs a row, in this process, and tells it.
fn line(row: &Row) -> String {
    let measured = (row.run)();
    let (peak, mb) = (status("VmHWM:"), |bytes: u64| bytes / 1_000_000);
    let (others, faster, smaller) = compared(&row.others, measured.took.wall, peak);
    let mut line = String::new();
    let _ = writeln!(
        line,
        "| {} | {} | {:.3} | {:.2} | {} | {} | {} | {others} | {faster} | {smaller} |",
        row.name,
        measured.operations,
        measured.took.wall,
        measured.took.cpu,
        mb(peak),
        mb(peak.saturating_sub(measured.before)),
        measured.verdict,
    );
    line
}

/// What others took; how many times longer that is; and which part of their memory is ours.
fn compared(others: &Others, seconds: f64, peak: u64) -> (String, String, String) {
    match *others {
        Others::Unmeasured => (String::new(), String::new(), String::new()),
        Others::Told(text) => (text.to_owned(), String::new(), String::new()),
        Others::Took { tool, seconds: theirs, mb } => {
            let faster = match theirs / seconds {
                times @ ..10.0 => format!("{times:.1}"),
                times => format!("{times:.0}"),
            };
            match mb {
                None => (format!("{tool} {theirs} s"), faster, String::new()),
                Some(mb) => {
                    let part = peak as f64 / 1e6 / f64::from(mb);
                    (format!("{tool} {theirs} s {mb} MB"), faster, format!("{part:.3}"))
                }
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's table goes to standard output")]
fn print(text: &str) {
    use std::io::Write as _;
    print!("{text}");
    let _ = std::io::stdout().flush();
}

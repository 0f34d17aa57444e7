//! The schedule: what the nemesis is going to be asked, told before the run and kept in its folder.

use crate::exit::Usage;
use crate::plan::Plan;
use crate::report::target_words;
use crate::{Op, Registry};
use std::fmt::Write;

/// The file in the run's folder.
pub const FILE: &str = "schedule.txt";
/// Lines shown before a run; the file has all.
const SHOWN: usize = 12;

/// A line for each operation that is planned: `  12.5 s  cut            halves: n1 n2 | n3`.
///
/// Times are as if faults and their mending took no time. They do, so a run is later by and by;
/// what is asked, and in which order for each fault, is the same.
pub fn lines(plan: &Plan, registry: &Registry) -> Result<Vec<String>, Usage> {
    Ok(plan.planned(registry)?.iter().map(|(time, op)| line(*time, op)).collect())
}

fn line(time_ns: u64, op: &Op) -> String {
    let words = target_words(&op.value);
    let line = format!("{:>8.1} s  {:<14} {words}", time_ns as f64 / 1e9, op.f);
    line.trim_end().to_owned()
}

/// The content of [`FILE`].
pub fn text(lines: &[String]) -> String {
    let mut text = "# What the nemesis is asked, from the beginning of the load.\n".to_owned();
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// The first lines, for the terminal.
pub fn digest(lines: &[String]) -> String {
    if lines.is_empty() {
        return "planned faults: none".to_owned();
    }
    let mut text = "planned faults:".to_owned();
    for line in lines.iter().take(SHOWN) {
        let _ = write!(text, "\n{line}");
    }
    if lines.len() > SHOWN {
        let _ = write!(text, "\n  and {} more, in {FILE}", lines.len() - SHOWN);
    }
    text
}

/// All lines as comments of a `plan.toml`.
pub fn commented(plan: &Plan, registry: &Registry) -> Result<String, Usage> {
    let lines = lines(plan, registry)?;
    Ok(text(&lines).lines().map(|line| format!("# {}\n", line.trim_start_matches("# "))).collect())
}

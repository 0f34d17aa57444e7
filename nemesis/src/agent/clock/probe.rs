//! Probes: programs of the agent's own that are given the database's clock, and asked the time.

use super::{LIBRARY, PRELOAD};
use crate::wire::clock::{Reach, WatchClock};
use perjury_clock::{Clock, PROBE_VARIABLE, Page, Sample, VARIABLE};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// Samples at a time, and how far apart.
pub(super) const SAMPLES_MAX: u32 = 100;
pub(super) const GAP_MS_MAX: u64 = 10_000;
/// How much what a probe printed may differ from what the library says that it told it: it asks
/// once, but may round.
const PRINTED: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;

/// The internal command `clock-probe N GAP_MS`: prints so many samples, a line of JSON each.
pub(crate) fn main(arguments: Vec<String>) -> ExitCode {
    use std::io::Write;
    let number = |at: usize| arguments.get(at).and_then(|word| word.parse::<u64>().ok());
    let (Some(samples), Some(gap_ms)) = (number(0), number(1)) else {
        return ExitCode::from(254);
    };
    let clock = Clock::from_env();
    let mut out = std::io::stdout().lock();
    for number in 0..samples {
        if number > 0 {
            std::thread::sleep(Duration::from_millis(gap_ms));
        }
        let Ok(line) = serde_json::to_string(&clock.sample()) else { return ExitCode::FAILURE };
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// As many samples as `watch` asks for.
pub(super) fn take(
    dir: &Path,
    page: &Page,
    reach: Reach,
    watch: WatchClock,
) -> Result<Vec<Sample>, String> {
    if !(1..=SAMPLES_MAX).contains(&watch.samples) || watch.gap_ms > GAP_MS_MAX {
        return Err(format!("at most {SAMPLES_MAX} samples, {GAP_MS_MAX} ms apart"));
    }
    match reach {
        Reach::BuiltIn => of_our_own(&dir.join("page"), watch),
        Reach::Preloaded | Reach::Kernel => preloaded(dir, page, watch),
    }
}

fn of_our_own(page: &Path, watch: WatchClock) -> Result<Vec<Sample>, String> {
    let mut command = own(watch)?;
    let text = run(command.env(VARIABLE, page))?;
    // A test's harness prints lines of its own, without an end.
    let lines = text.lines().filter_map(|line| line.find("{\"").map(|at| &line[at..]));
    lines
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}")))
        .collect()
}

/// This program again, as a probe.
#[cfg(not(test))]
fn own(watch: WatchClock) -> Result<Command, String> {
    let own = std::env::current_exe().map_err(|error| format!("cannot find itself: {error}"))?;
    let mut command = Command::new(own);
    command.args(["clock-probe", &watch.samples.to_string(), &watch.gap_ms.to_string()]);
    Ok(command)
}

#[cfg(test)]
fn own(watch: WatchClock) -> Result<Command, String> {
    let mut command = super::tests::probe_command();
    let arguments = format!("{} {}", watch.samples, watch.gap_ms);
    command.env(super::tests::PROBE_ARGUMENTS, arguments);
    Ok(command)
}

/// The machine's `date`, with the library preloaded. What it prints has to be what the library
/// says that it told it, which is exact, and has the truth beside it.
fn preloaded(dir: &Path, page: &Page, watch: WatchClock) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::new();
    for number in 0..watch.samples {
        if number > 0 {
            std::thread::sleep(Duration::from_millis(watch.gap_ms));
        }
        let mut command = Command::new("date");
        command.arg("+%s.%N").env(VARIABLE, dir.join("page")).env(PRELOAD, dir.join(LIBRARY));
        let before = page.probe().asked;
        let text = run(&mut command)?;
        let note = page.probe();
        let Some((_, sample)) = note.last.filter(|_| note.asked > before) else {
            return Err(
                "`date` does not use the preloaded clock: is it a static program?".to_owned()
            );
        };
        let (printed, slack) = read_date(text.trim()).ok_or_else(|| format!("`date`: {text}"))?;
        if (printed - sample.told_ns).abs() > slack {
            return Err(format!("`date` was told {} and printed {printed}", sample.told_ns));
        }
        samples.push(sample);
    }
    Ok(samples)
}

/// Nanoseconds, and how exact they are: some have a `date` that knows no fractions.
fn read_date(text: &str) -> Option<(i64, i64)> {
    let (seconds, fraction) = text.split_once('.')?;
    let seconds = seconds.parse::<i64>().ok()?.checked_mul(SECOND)?;
    match fraction.parse::<i64>() {
        Ok(fraction) if fraction < SECOND => Some((seconds + fraction, PRINTED)),
        _ => Some((seconds, SECOND)),
    }
}

fn run(command: &mut Command) -> Result<String, String> {
    let command = command.env(PROBE_VARIABLE, "1").stdin(Stdio::null());
    let failed = |error: &dyn std::fmt::Display| format!("the clock's probe: {error}");
    let output = command.output().map_err(|error| failed(&error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(failed(&format!("{}: {}", output.status, said.trim())));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(&error))
}

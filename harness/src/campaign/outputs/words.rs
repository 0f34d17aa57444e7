//! What every output says in the same words: outcomes, counts, the headline, dates, and paths.

use crate::campaign::record::{Attempt, Campaign, Cell, Expected, Outcome};
use crate::report::text;
use std::time::Duration;

/// How an outcome is shown: never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Class in the style sheet.
    pub(crate) class: &'static str,
    pub(crate) sign: &'static str,
    pub(crate) word: &'static str,
    /// What it means, for a legend.
    pub(crate) meaning: &'static str,
}

/// All outcomes, what has to be looked at first in front.
pub(super) const OUTCOMES: [Outcome; 9] = [
    Outcome::Bug,
    Outcome::Misconfigured,
    Outcome::Anomaly,
    Outcome::Infrastructure,
    Outcome::Vanished,
    Outcome::Unknown,
    Outcome::NotRun,
    Outcome::KnownAnomaly,
    Outcome::Passed,
];

impl Look {
    pub(crate) fn of(outcome: Outcome) -> Self {
        let (class, sign, word, meaning) = match outcome {
            Outcome::Passed => ("passed", "✓", "passed", "valid, as expected"),
            Outcome::KnownAnomaly => {
                ("known", "≈", "known anomaly", "an anomaly that was expected")
            }
            Outcome::NotRun => ("not-run", "–", "not run", "no time was left, or not yet its turn"),
            Outcome::Unknown => ("unknown", "?", "unknown", "it cannot be said"),
            Outcome::Vanished => {
                ("vanished", "∅", "vanished", "valid, where an anomaly was expected")
            }
            Outcome::Infrastructure => {
                ("infrastructure", "!", "infrastructure", "the test itself failed at every try")
            }
            Outcome::Anomaly => ("anomaly", "✗", "anomaly", "an anomaly that was not expected"),
            Outcome::Misconfigured => {
                ("misconfigured", "≠", "misconfigured", "its arguments are wrong")
            }
            Outcome::Bug => ("bug", "‼", "bug", "Perjury itself failed"),
        };
        Self { class, sign, word, meaning }
    }
}

/// How many cells came to each outcome that there is, worst first.
pub(super) fn counts(campaign: &Campaign) -> Vec<(Outcome, usize)> {
    let of = |outcome| campaign.cells.iter().filter(|cell| cell.outcome == outcome).count();
    let counts = OUTCOMES.into_iter().map(|outcome| (outcome, of(outcome)));
    counts.filter(|(_, count)| *count > 0).collect()
}

/// `2 anomalies, 2 not run, 30 passed`.
pub(crate) fn counts_words(campaign: &Campaign) -> String {
    let words = |(outcome, count): (Outcome, usize)| {
        let noun = match outcome {
            Outcome::Infrastructure => "infrastructure failure",
            Outcome::Anomaly | Outcome::KnownAnomaly | Outcome::Bug => Look::of(outcome).word,
            _ => return format!("{} {}", text::number(count as u64), Look::of(outcome).word),
        };
        text::count(count as u64, noun)
    };
    counts(campaign).into_iter().map(words).collect::<Vec<_>>().join(", ")
}

/// The campaign in one sentence.
pub(crate) fn headline(campaign: &Campaign) -> String {
    let all = text::count(campaign.cells.len() as u64, "cell");
    let Some((worst, count)) = counts(campaign).first().copied() else {
        return "Nothing was tested: this campaign has no cell.".to_owned();
    };
    if worst.is_good() {
        return match campaign.cells.len() {
            1 => "The only cell came out as expected.".to_owned(),
            _ => format!("All {all} came out as expected."),
        };
    }
    let of = format!("{} of {all}", text::number(count as u64));
    match worst {
        Outcome::Bug => format!("Perjury itself failed in {of}: please report it."),
        Outcome::Misconfigured => format!("{of} could not be run as they are written."),
        Outcome::Anomaly => format!("{of} showed an anomaly that nobody expected."),
        Outcome::Infrastructure => {
            format!("In {of} the test itself failed, however often it was tried.")
        }
        Outcome::Vanished => format!("{of} no longer showed the anomaly that was expected."),
        Outcome::Unknown => format!("{of} could not be judged."),
        _ => format!("{of} were not run."),
    }
}

/// What stands behind the headline.
pub(crate) fn support(campaign: &Campaign) -> String {
    let mut words = format!("{}.", counts_words(campaign));
    if campaign.ended.is_none() {
        words.push_str(" The campaign has not ended.");
    }
    if let Some(shard) = campaign.shard {
        words.push_str(&format!(" This is part {} of {} of the matrix.", shard.number, shard.of));
    }
    match retried(campaign).len() as u64 {
        0 => {}
        count => words.push_str(&format!(
            " {} had to be run again after an infrastructure failure.",
            text::count(count, "cell")
        )),
    }
    words
}

/// Cells that were run more than once.
pub(super) fn retried(campaign: &Campaign) -> Vec<&Cell> {
    campaign.cells.iter().filter(|cell| cell.attempts.len() > 1).collect()
}

/// Cells that somebody has to look at, those to look at first in front.
pub(super) fn not_good(campaign: &Campaign) -> Vec<&Cell> {
    let mut cells: Vec<&Cell> =
        campaign.cells.iter().filter(|cell| !cell.outcome.is_good()).collect();
    // By sort's stability in the order of the matrix within an outcome.
    cells.sort_by_key(|cell| OUTCOMES.iter().position(|outcome| *outcome == cell.outcome));
    cells
}

/// `stale-read 3, lost-append`.
pub(super) fn kinds(attempt: &Attempt) -> String {
    let kind = |(kind, count): (&String, &u64)| match count {
        1 => kind.clone(),
        _ => format!("{kind} {}", text::number(*count)),
    };
    attempt.anomalies.iter().map(kind).collect::<Vec<_>>().join(", ")
}

/// What the last attempt found and why, in a sentence; of a cell never run the outcome's meaning.
pub(crate) fn story(cell: &Cell) -> String {
    let Some(last) = cell.attempts.last() else {
        return Look::of(cell.outcome).meaning.to_owned();
    };
    let kinds = kinds(last);
    match (kinds.is_empty(), &last.reason) {
        (false, Some(reason)) => format!("{kinds}: {reason}"),
        (false, None) => kinds,
        (true, Some(reason)) => reason.clone(),
        (true, None) => Look::of(cell.outcome).meaning.to_owned(),
    }
}

/// `valid`, `any anomaly`, `stale-read or lost-append`.
pub(super) fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Valid => "valid".to_owned(),
        Expected::Anomaly(kinds) if kinds.is_empty() => "any anomaly".to_owned(),
        Expected::Anomaly(kinds) => text::list(kinds, 8).replace(" and ", " or "),
    }
}

/// One of the cell's axes; `-` where it does not have that one.
pub(super) fn axis<'a>(cell: &'a Cell, name: &str) -> &'a str {
    cell.axes.get(name).map_or("-", String::as_str)
}

/// Seconds of all attempts together.
pub(super) fn seconds(cell: &Cell) -> f64 {
    cell.attempts.iter().map(|attempt| positive(attempt.seconds)).sum()
}

/// A span of seconds as a duration; nonsense is none.
pub(super) fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(positive(seconds)).unwrap_or_default()
}

/// `12.3 s`, `2 min 5 s`.
pub(super) fn duration(seconds: f64) -> String {
    text::duration(u64::try_from(span(seconds).as_nanos()).unwrap_or(u64::MAX))
}

fn positive(seconds: f64) -> f64 {
    if seconds.is_finite() && seconds > 0.0 { seconds } else { 0.0 }
}

/// `2026-01-02`, in UTC.
pub(super) fn date(when: jiff::Timestamp) -> String {
    when.strftime("%Y-%m-%d").to_string()
}

/// `2026-01-02 03:04 UTC`.
pub(super) fn moment(when: jiff::Timestamp) -> String {
    when.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The folder of the last attempt's run, if it is a path that can stand in a link and in a
/// command as it is: inside of the campaign's folder, of harmless characters only.
pub(super) fn run(cell: &Cell) -> Option<&str> {
    let run = cell.attempts.last()?.run.as_deref()?;
    let is_harmless = |part: &str| {
        let harmless = |c: char| c.is_ascii_alphanumeric() || "._+=-".contains(c);
        !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(harmless)
    };
    (run.starts_with("cells/") && run.split('/').all(is_harmless)).then_some(run)
}

/// Where to read more: the last attempt's report, or its folder when it came to no verdict.
pub(super) fn link(cell: &Cell) -> Option<String> {
    let run = run(cell)?;
    let has_report = cell.attempts.last().is_some_and(|last| last.verdict.is_some());
    Some(format!("{run}/{}", if has_report { "report.html" } else { "" }))
}

/// The command that runs the cell alone again, from the campaign's folder.
pub(super) fn command(cell: &Cell) -> Option<String> {
    run(cell).map(|run| format!("perjury test --plan {run}/plan.toml"))
}

//! `summary.md`: the campaign as Markdown, for a job's summary page.

use super::Input;
use super::trend;
use super::words::{self, Look};
use crate::campaign::record::{Cell, Outcome};
use crate::report::summary::{code, safe};
use crate::report::text;
use std::fmt::Write as _;

/// Rows of cells that are not good.
const BAD_MAX: usize = 100;
/// Known anomalies, retried cells and trends, each.
const NOTES_MAX: usize = 30;
/// Rows of the table of everything: GitHub takes no more than 1 MiB.
const ALL_MAX: usize = 1000;

/// The bytes of `summary.md`.
pub(super) fn render(input: &Input<'_>) -> String {
    let campaign = input.campaign;
    let icon = match words::counts(campaign).first() {
        None => "❔",
        Some((Outcome::Passed | Outcome::KnownAnomaly, _)) => "✅",
        Some((Outcome::Anomaly, _)) => "❌",
        Some((Outcome::NotRun | Outcome::Unknown | Outcome::Vanished, _)) => "❔",
        Some(_) => "⚠️",
    };
    let name = safe(&campaign.name);
    let mut page = format!("## {icon} {name}: {}\n\n", safe(&words::headline(campaign)));
    let _ = writeln!(page, "{}\n", safe(&words::support(campaign)));
    let _ = writeln!(
        page,
        "Started {}, seed `{}`, exit code {}.\n",
        words::moment(campaign.started),
        campaign.seed,
        campaign.exit_code()
    );
    bad(&mut page, input);
    unreached(&mut page, input);
    known(&mut page, input);
    retried(&mut page, input);
    trends(&mut page, input);
    everything(&mut page, input);
    page
}

fn bad(page: &mut String, input: &Input<'_>) {
    let bad = words::not_good(input.campaign);
    if bad.is_empty() {
        return;
    }
    page.push_str("### To look at\n\n| Cell | Outcome | What | Since |\n|---|---|---|---|\n");
    for cell in bad.iter().take(BAD_MAX) {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} |",
            linked(cell),
            outcome(cell),
            safe(&text::elide(&words::story(cell), 300)),
            safe(&input.history.since_words(&cell.id))
        );
    }
    rest(page, bad.len(), BAD_MAX);
}

fn unreached(page: &mut String, input: &Input<'_>) {
    let unreached = input.campaign.unreached();
    if unreached.is_empty() {
        return;
    }
    page.push_str("### Never came about\n\nIn no run, so the campaign says nothing of it.\n\n");
    for name in unreached.iter().take(NOTES_MAX) {
        let _ = writeln!(page, "- {}", safe(name));
    }
    rest(page, unreached.len(), NOTES_MAX);
}

fn known(page: &mut String, input: &Input<'_>) {
    let is_known = |cell: &&Cell| cell.outcome == Outcome::KnownAnomaly;
    let known: Vec<&Cell> = input.campaign.cells.iter().filter(is_known).collect();
    if known.is_empty() {
        return;
    }
    page.push_str("### Known anomalies\n\n");
    for cell in known.iter().take(NOTES_MAX) {
        let kinds = cell.attempts.last().map(words::kinds).unwrap_or_default();
        let expected = safe(&words::expected(&cell.expected));
        let _ = writeln!(page, "- {}: {} (expected: {expected})", linked(cell), safe(&kinds));
    }
    rest(page, known.len(), NOTES_MAX);
}

fn retried(page: &mut String, input: &Input<'_>) {
    let retried = words::retried(input.campaign);
    if retried.is_empty() {
        return;
    }
    page.push_str("### Run again\n\n");
    for cell in retried.iter().take(NOTES_MAX) {
        let first = cell.attempts.first().and_then(|attempt| attempt.reason.as_deref());
        let times = text::times(cell.attempts.len() as u64);
        let reason = text::elide(first.unwrap_or("no reason was given"), 300);
        let _ = writeln!(page, "- {}: run {times}; at first: {}", linked(cell), safe(&reason));
    }
    rest(page, retried.len(), NOTES_MAX);
}

fn trends(page: &mut String, input: &Input<'_>) {
    let trends = trend::noticeable(input);
    if trends.is_empty() {
        return;
    }
    page.push_str("### Trends\n\n");
    for (id, trend) in trends.iter().take(NOTES_MAX) {
        let word = if trend.is_better() { "better" } else { "worse" };
        let words = trend.words().unwrap_or_default();
        let _ = writeln!(page, "- `{}` {word}: {}", code(id), safe(&words));
    }
    rest(page, trends.len(), NOTES_MAX);
}

fn everything(page: &mut String, input: &Input<'_>) {
    let cells = &input.campaign.cells;
    if cells.is_empty() {
        return;
    }
    let all = text::count(cells.len() as u64, "cell");
    let _ = writeln!(page, "<details><summary>All {all}</summary>\n");
    page.push_str(
        "| Cell | Outcome | ok a second | p99 | Time | Seed |\n|---|---|--:|--:|--:|--:|\n",
    );
    for cell in cells.iter().take(ALL_MAX) {
        let figures = cell.attempts.last().and_then(|last| last.figures);
        let (rate, p99) = figures.map_or(("–".to_owned(), "–".to_owned()), |figures| {
            let rate = trend::Figure::Throughput.shown(figures.ok_per_second);
            (rate, trend::Figure::Latency.shown(figures.p99_ms))
        });
        let time = match cell.attempts.is_empty() {
            true => "–".to_owned(),
            false => words::duration(words::seconds(cell)),
        };
        let seed = cell.seed;
        let _ = writeln!(
            page,
            "| {} | {} | {rate} | {p99} | {time} | {seed} |",
            linked(cell),
            outcome(cell)
        );
    }
    page.push_str("\n</details>\n");
    if cells.len() > ALL_MAX {
        rest(page, cells.len(), ALL_MAX);
    }
}

/// The cell's id, as a link to its report where there is one.
fn linked(cell: &Cell) -> String {
    let id = code(&cell.id);
    words::link(cell).map_or_else(|| format!("`{id}`"), |link| format!("[`{id}`]({link})"))
}

fn outcome(cell: &Cell) -> String {
    let look = Look::of(cell.outcome);
    format!("{} {}", safe(look.sign), look.word)
}

/// Ends a list or table of which at most `shown` rows are there.
fn rest(page: &mut String, all: usize, shown: usize) {
    if all > shown {
        let more = text::number((all - shown) as u64);
        let _ = writeln!(page, "\nAnd {more} more: see campaign.html.");
    }
    page.push('\n');
}

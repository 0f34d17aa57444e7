//! The summary at the end of a run in the terminal: the same story in at most thirty lines.

use super::headline::{self, Standing};
use super::results::Results;
use super::text;
use perjury_checkers::{Anomaly, Finding};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Lines in all; two more say where the report is, and how to have an anomaly explained.
const LINES_MAX: usize = 28;
/// Anomalies with an explanation.
const ANOMALIES_MAX: usize = 3;
/// Lines of one paragraph.
const PARAGRAPH_MAX: usize = 4;
/// Reasons besides the first.
const REASONS_MAX: usize = 4;
/// Width of the names at the left, with the space after them.
const NAMES: usize = 13;

/// Colours by what they mean; none when colour is off.
#[derive(Clone, Copy)]
struct Paint {
    on: bool,
}

impl Paint {
    fn with(self, codes: &str, words: &str) -> String {
        if self.on { format!("\u{1b}[{codes}m{words}\u{1b}[0m") } else { words.to_owned() }
    }

    fn standing(self, standing: Standing, words: &str) -> String {
        let codes = match standing {
            Standing::Valid => "1;32",
            Standing::Invalid => "1;31",
            Standing::Unknown => "1;33",
            Standing::Failed => "1;35",
        };
        self.with(codes, words)
    }

    fn dim(self, words: &str) -> String {
        self.with("2", words)
    }
}

/// The summary, each line ended, no line wider than `width` (at least 40) unless a single word
/// is. Text of others cannot command the terminal.
pub fn render(results: &Results, colour: bool, width: usize) -> String {
    let paint = Paint { on: colour };
    let width = width.max(40);
    let mut lines = opening(results, paint, width);
    lines.push(String::new());
    for (name, value) in facts(results) {
        lines.extend(row(name, &value, paint, width));
    }
    let anomalies = headline::anomalies(results);
    for (number, (_, anomaly)) in anomalies.iter().take(ANOMALIES_MAX).enumerate() {
        lines.push(String::new());
        lines.extend(section(number + 1, anomaly, paint, width));
    }
    let hidden = results.anomaly_count().saturating_sub(anomalies.len().min(ANOMALIES_MAX) as u64);
    if hidden > 0 {
        let more = format!("  and {}", text::count(hidden, "more anomaly"));
        lines.push(paint.dim(&more));
    }
    lines.truncate(LINES_MAX);
    let mut page = lines.join("\n");
    page.push('\n');
    page
}

fn opening(results: &Results, paint: Paint, width: usize) -> Vec<String> {
    let standing = Standing::of(results);
    let sign = format!("{} {}", standing.sign(), standing.word());
    let indent = sign.chars().count() + 2;
    let sentence =
        wrapped(&headline::sentence(results), width.saturating_sub(indent), PARAGRAPH_MAX);
    let mut lines = Vec::new();
    for (at, line) in sentence.iter().enumerate() {
        let head = if at == 0 { paint.standing(standing, &sign) } else { " ".repeat(indent - 2) };
        lines.push(format!("{head}  {}", paint.with("1", line)));
    }
    let support = wrapped(&headline::support(results), width - 2, PARAGRAPH_MAX);
    lines.extend(support.iter().map(|line| format!("  {line}")));
    for reason in results.reasons.iter().skip(1).take(REASONS_MAX) {
        for (at, line) in wrapped(&reason.text, width - 4, 2).iter().enumerate() {
            lines.push(format!("  {} {line}", if at == 0 { "-" } else { " " }));
        }
    }
    lines
}

fn facts(results: &Results) -> Vec<(&'static str, String)> {
    let subject = &results.subject;
    let tested = format!(
        "{}, workload {}, {}, seed {}",
        subject.database,
        subject.workload,
        text::count(subject.nodes.len() as u64, "node"),
        subject.seed
    );
    let mut facts = vec![("tested", tested), ("operations", operations(results))];
    if let Some(latency) = latency(results) {
        facts.push(("latency", latency));
    }
    if let Some(load) = &results.load {
        let warning = load.warning().map(|warning| format!("; {warning}")).unwrap_or_default();
        facts.push(("load", load.sentence() + &warning));
    }
    facts.push(("faults", faults(results)));
    facts.extend(service(results).map(|text| ("service", text)));
    if !results.ends.is_empty() {
        facts.push(("by itself", ends(results)));
    }
    // The sign needs no colour, which would make wrapping harder.
    let checker = |finding: &Finding| {
        format!("{} {}", Standing::of_verdict(finding.verdict).sign(), finding.checker)
    };
    let checkers: Vec<String> = results.findings.iter().map(checker).collect();
    if !checkers.is_empty() {
        facts.push(("checkers", checkers.join(", ")));
    }
    facts
}

/// `the database ended on n2 at 3.000 s (exit code 1)`.
fn ends(results: &Results) -> String {
    let ends = results.ends.iter();
    let ends =
        ends.map(|end| format!("{} at {} ({})", end.node, text::moment(end.at_ns), end.how()));
    format!("the database ended on {}", text::list(&ends.collect::<Vec<_>>(), 3))
}

/// `4,805 of 5,005 ok (cas 1,631, read 1,603, write 1,571), 166 failed (160 declined), 34 unknown`.
fn operations(results: &Results) -> String {
    let total = results.total();
    let by_function: Vec<String> = results
        .operations
        .iter()
        .map(|(f, counts)| format!("{} {}", text::elide(f, 20), text::number(counts.ok)))
        .collect();
    let functions = match by_function.len() {
        0 => String::new(),
        _ => format!(" ({})", text::list(&by_function, 6)),
    };
    format!(
        "{} of {} ok{functions}, {} failed{}, {} unknown",
        text::number(total.ok),
        text::number(total.invoked),
        text::number(total.fail),
        total.declined(),
        text::number(total.info)
    )
}

/// Of the slowest function, so that no slow one hides behind a fast one.
fn latency(results: &Results) -> Option<String> {
    let latencies = results.operations.iter().filter_map(|(f, counts)| Some((f, counts.latency?)));
    let (f, slowest) = latencies.max_by_key(|(_, latency)| latency.p99_ns)?;
    Some(format!(
        "{} p50, {} p99, {} max ({}, the slowest)",
        text::duration(slowest.p50_ns),
        text::duration(slowest.p99_ns),
        text::duration(slowest.max_ns),
        text::elide(f, 20)
    ))
}

/// `cut 3, kill 3, pause 4: 9 healed, 1 skipped`.
pub(super) fn faults(results: &Results) -> String {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut outcomes: BTreeMap<super::FaultOutcome, u64> = BTreeMap::new();
    for fault in &results.faults {
        *kinds.entry(&fault.f).or_default() += 1;
        *outcomes.entry(fault.outcome).or_default() += 1;
    }
    if kinds.is_empty() {
        return "none".to_owned();
    }
    let kinds: Vec<String> =
        kinds.iter().map(|(f, count)| format!("{} {count}", text::elide(f, 20))).collect();
    let outcomes: Vec<String> =
        outcomes.iter().map(|(outcome, count)| format!("{count} {}", outcome.word())).collect();
    format!("{}: {}", kinds.join(", "), outcomes.join(", "))
}

/// `71.2 % of calls served at worst (cut at 12.0 s), back after at most 1.3 s`.
fn service(results: &Results) -> Option<String> {
    let measured = || {
        let faults = results.faults.iter();
        faults.filter_map(|fault| Some((fault, fault.service.as_ref()?)))
    };
    let worst = measured()
        .filter_map(|(fault, service)| Some((service.availability()?, fault)))
        .min_by(|one, other| one.0.total_cmp(&other.0))?;
    let mut text = format!(
        "{:.0} % of calls served at worst ({} at {})",
        100.0 * worst.0,
        text::elide(&worst.1.f, 20),
        text::moment(worst.1.from_ns)
    );
    if let Some(slowest) = measured().filter_map(|(_, service)| service.recovery_ns).max() {
        let _ = write!(text, ", back at most {} after mending", text::duration(slowest));
    }
    Some(text)
}

fn section(number: usize, anomaly: &Anomaly, paint: Paint, width: usize) -> Vec<String> {
    let title = wrapped(&anomaly.title, width - 5, 1).concat();
    let mut lines = vec![format!("  {number}. {}", paint.with("1", &title))];
    let explanation = wrapped(&anomaly.explanation, width - 5, PARAGRAPH_MAX);
    lines.extend(explanation.iter().map(|line| format!("     {line}")));
    let operations: Vec<String> =
        anomaly.operations.iter().map(|index| format!("#{index}")).collect();
    let mut trail = text::printable(&anomaly.kind);
    if !operations.is_empty() {
        trail = format!("{trail}, operations {}", text::list(&operations, 6));
    }
    lines.push(format!("     {}", paint.dim(&wrapped(&trail, width - 5, 1).concat())));
    lines
}

fn row(name: &str, value: &str, paint: Paint, width: usize) -> Vec<String> {
    let lines = wrapped(value, width.saturating_sub(NAMES + 2), 2);
    let head = |at: usize| match at {
        0 => format!("  {}{}", paint.dim(name), " ".repeat(NAMES - name.len())),
        _ => " ".repeat(NAMES + 2),
    };
    lines.iter().enumerate().map(|(at, line)| format!("{}{line}", head(at))).collect()
}

/// Words in lines of at most `width` characters; after `max` lines the rest is left out.
fn wrapped(words: &str, width: usize, max: usize) -> Vec<String> {
    let clean = text::printable(words);
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in clean.split_whitespace() {
        let word = text::elide(word, width);
        let size = word.chars().count();
        if lines.is_empty() || length + 1 + size > width {
            if lines.len() == max {
                if let Some(last) = lines.last_mut() {
                    if length + 2 > width {
                        last.pop();
                    }
                    last.push('…');
                }
                return lines;
            }
            lines.push(word.into_owned());
            length = size;
        } else if let Some(last) = lines.last_mut() {
            last.push(' ');
            last.push_str(&word);
            length += 1 + size;
        }
    }
    lines
}

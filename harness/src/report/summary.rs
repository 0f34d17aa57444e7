//! `summary.md`: the report as a few lines of Markdown, for a job's summary page.

use super::ReportInput;
use super::headline::{self, Standing};
use super::results::Results;
use super::text;
use perjury_checkers::{Anomaly, Finding};
use std::fmt::Write as _;

/// Anomalies with their proof.
const ANOMALIES_MAX: usize = 5;
/// Steps of a proof.
const STEPS_MAX: usize = 15;
/// Reasons below the verdict.
const REASONS_MAX: usize = 10;
/// Characters of one text of others.
const TEXT_MAX: usize = 1500;

/// The bytes of `summary.md`.
pub fn render(input: &ReportInput<'_>) -> String {
    let results = input.results;
    let standing = Standing::of(results);
    let icon = match standing {
        Standing::Valid => "✅",
        Standing::Invalid => "❌",
        Standing::Unknown => "❔",
        Standing::Failed => "⚠️",
    };
    let mut page =
        format!("## {icon} {}: {}\n\n", standing.word(), safe(&headline::sentence(results)));
    let _ = writeln!(page, "{}\n", safe(&headline::support(results)));
    for reason in results.reasons.iter().skip(1).take(REASONS_MAX) {
        let _ = writeln!(page, "- `{}` {}", code(&reason.code), safe(&reason.text));
    }
    if results.reasons.len() > 1 {
        page.push('\n');
    }
    facts(&mut page, results);
    let anomalies = headline::anomalies(results);
    for (finding, anomaly) in anomalies.iter().take(ANOMALIES_MAX) {
        section(&mut page, finding, anomaly);
    }
    if !input.reproduce.is_empty() {
        let _ = writeln!(page, "See it again:\n\n{}", fenced(input.reproduce));
    }
    page
}

fn facts(page: &mut String, results: &Results) {
    let subject = &results.subject;
    let total = results.total();
    let operations = format!(
        "{} called, {} ok, {} failed{}, {} unknown",
        text::number(total.invoked),
        text::number(total.ok),
        text::number(total.fail),
        total.declined(),
        text::number(total.info)
    );
    let rows = [
        ("Database", subject.database.clone()),
        ("Workload", subject.workload.clone()),
        ("Nodes", text::list(&subject.nodes, 9)),
        ("Seed", subject.seed.to_string()),
        ("Duration", text::duration(results.duration_ns)),
        ("Operations", operations),
        ("Faults", super::terminal::faults(results)),
        ("Exit code", results.exit_code.to_string()),
    ];
    page.push_str("| | |\n|---|---|\n");
    for (name, value) in rows {
        let _ = writeln!(page, "| {name} | {} |", safe(&value));
    }
    for finding in &results.findings {
        let standing = Standing::of_verdict(finding.verdict);
        let word = format!("{} {}", standing.sign(), standing.word().to_lowercase());
        let _ = writeln!(page, "| Checker {} | {word} |", safe(&finding.checker));
    }
    page.push('\n');
}

fn section(page: &mut String, finding: &Finding, anomaly: &Anomaly) {
    let _ = writeln!(page, "### {}\n", safe(&anomaly.title));
    let _ = writeln!(page, "{}\n", safe(&anomaly.explanation));
    if !anomaly.steps.is_empty() {
        let _ = writeln!(page, "<details><summary>Proof</summary>\n");
        for (number, step) in anomaly.steps.iter().take(STEPS_MAX).enumerate() {
            let _ = writeln!(page, "{}. {}", number + 1, safe(&step.text));
        }
        page.push_str("\n</details>\n\n");
    }
    let kind = code(&anomaly.kind);
    let _ = write!(page, "`{kind}`, found by `{}`", code(&finding.checker));
    if !anomaly.rules_out.is_empty() {
        let _ = write!(page, ", rules out {}", safe(&text::list(&anomaly.rules_out, 8)));
    }
    page.push_str(".\n\n");
}

/// Text of others on one line, with everything that Markdown or HTML would act on made harmless.
pub(crate) fn safe(words: &str) -> String {
    let words = text::printable(words);
    let mut escaped = String::with_capacity(words.len());
    for c in text::elide(&words, TEXT_MAX).chars() {
        match c {
            '\n' | '\t' => escaped.push(' '),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' | '!' => {
                escaped.push('\\');
                escaped.push(c);
            }
            // A name after "@" would be told about it.
            '@' => escaped.push_str("&#64;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Text for between backticks.
pub(crate) fn code(words: &str) -> String {
    let words = text::printable(words).replace(['`', '\n', '|'], " ");
    text::elide(&words, 80).into_owned()
}

/// A block with a fence that the text cannot close.
fn fenced(words: &str) -> String {
    let words = text::printable(words);
    let mut fence = "```".to_owned();
    while words.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}sh\n{}\n{fence}\n", words.trim_end())
}

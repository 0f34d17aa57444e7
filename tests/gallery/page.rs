//! The page of all kinds: what each is, what it breaks, and an example in a picture and in words.

use crate::examples::Made;
use crate::service::Broken;
use perjury_checkers::Anomaly;
use perjury_checkers::finding::kinds::{self, Kind};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const OPENING: &str = "\
# Anomalies

Every kind of anomaly that Perjury's checkers can find, with an example of each. Transactions come first,
then single objects. `perjury anomalies` prints the same without the examples, and `perjury explain` tells of
one that was found.

This page is made by `cargo test --test gallery` out of the checkers' own table and of histories in which they
find each kind. The whole reports are in [tests/golden/reports](../tests/golden/reports), the histories in
[tests/golden/histories](../tests/golden/histories).

How to read the pictures: a box is a transaction, and an arrow leads from the one that must come first to the
one that must come after it, with the reason: `ww` overwrites, `wr` reads what was written, `rw` did not see
what was written, `process` and `realtime` ran first. A bar is a call from when it was sent to when it was
answered; the red one cannot be explained.

";

/// The page as Markdown.
pub fn render(made: &[Made], limits: &[Broken], without: &BTreeMap<String, String>) -> String {
    let mut page = OPENING.to_owned();
    for kind in kinds::all() {
        let made = made.iter().find(|one| one.example.kind == kind.name);
        section(&mut page, &kind, made, without.get(&kind.name));
        if let Some(limit) = limits.iter().find(|one| one.anomaly.kind == kind.name) {
            let Anomaly { title, explanation, .. } = &limit.anomaly;
            let _ = writeln!(page, "**{}.** {}\n", plain(title), plain(explanation));
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn section(page: &mut String, kind: &Kind, made: Option<&Made>, without: Option<&String>) {
    let Kind { name, about, breaks, source } = kind;
    let _ = writeln!(page, "## {name}\n\n{about}\n\nIt breaks {breaks}. *{source}.*\n");
    if let Some(why) = without {
        let _ = writeln!(page, "There is no example: {why}.\n");
    }
    let Some(Made { example, anomaly, .. }) = made else { return };
    let _ = writeln!(page, "![{}](anomalies/{name}.svg)\n", plain(&anomaly.title));
    let _ = writeln!(page, "**{}.** {}\n", plain(&anomaly.title), plain(&anomaly.explanation));
    for (at, step) in anomaly.steps.iter().enumerate() {
        let _ = writeln!(page, "{}. {}", at + 1, plain(&step.text));
    }
    let _ = writeln!(page, "\n```text\n{}\n```\n", example.command());
}

/// Text that Markdown takes for nothing else.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '*' | '_' | '[' | ']' | '<' | '>' | '`' | '\\') {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

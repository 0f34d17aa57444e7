//! What a campaign shows while it runs, and in the end: lines for people, or JSON for programs.

use super::super::args::{Colour, OutputArgs};
use super::super::output;
use crate::campaign::drive::Watch;
use crate::campaign::record::{Campaign, Cell, Outcome};
use crate::report::text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the moving line is drawn.
const REDRAW: Duration = Duration::from_millis(250);
/// Columns that names are padded to at most.
const NAME_WIDTH_MAX: usize = 60;

/// Characters of a reason; the whole is in `campaign.json`.
const REASON_MAX: usize = 160;

/// Where a campaign is shown.
pub struct Show {
    bar: ProgressBar,
    json: bool,
    coloured: bool,
    folder: PathBuf,
    width: usize,
}

impl Show {
    /// For the campaign in `folder`.
    pub fn new(
        args: &OutputArgs,
        campaign: &Campaign,
        folder: &Path,
        budget: Option<Duration>,
    ) -> Self {
        let moving = std::io::stderr().is_terminal() && !args.json;
        let target =
            if moving { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(campaign.cells.len() as u64), target);
        let limit = budget.map(|budget| format!(" of {} s", budget.as_secs())).unwrap_or_default();
        let template = format!("{{spinner}} {{elapsed:>4}}{limit} {{pos}}/{{len}}  {{wide_msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REDRAW);
        let longest = campaign.cells.iter().map(|cell| cell.id.len()).max().unwrap_or(0);
        Self {
            bar,
            json: args.json,
            coloured: output::coloured(args.colour),
            folder: folder.to_owned(),
            width: longest.min(NAME_WIDTH_MAX),
        }
    }

    /// The campaign begins, or goes on.
    pub fn start(&self, campaign: &Campaign) {
        let finished = campaign.cells.iter().filter(|cell| cell.outcome != Outcome::NotRun).count();
        if self.json {
            print_event("begin", begin(campaign, &self.folder));
            return;
        }
        let shard = campaign.shard.map(|shard| format!(", shard {shard}")).unwrap_or_default();
        let before = if finished > 0 { format!(", {finished} run before") } else { String::new() };
        self.line(&format!(
            "campaign {}: {} cells{shard}{before}, seed {}\n{}",
            campaign.name,
            campaign.cells.len(),
            campaign.seed,
            self.folder.display()
        ));
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| output::print(text));
    }

    /// Takes the moving line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Show {
    fn begins(&self, cell: &Cell, done: usize) {
        self.bar.set_position(done as u64);
        self.bar.set_message(cell.id.clone());
    }

    fn again(&self, cell: &Cell) {
        if !self.json {
            self.line(&format!("↻ {}  is tried again: {}", cell.id, cause(cell)));
        }
    }

    fn ends(&self, cell: &Cell) {
        if self.json {
            let mut event = serde_json::to_value(cell).unwrap_or_default();
            event["event"] = "cell".into();
            output::print(&event.to_string());
            return;
        }
        self.line(&cell_line(cell, self.width, self.coloured, &self.folder));
    }
}

fn begin(campaign: &Campaign, folder: &Path) -> Value {
    json!({
        "name": campaign.name,
        "seed": campaign.seed,
        "matrix": campaign.matrix,
        "shard": campaign.shard,
        "cells": campaign.cells.len(),
        "dir": folder,
    })
}

/// One JSON object on a line of its own.
pub fn print_event(event: &str, mut fields: Value) {
    fields["event"] = event.into();
    output::print(&fields.to_string());
}

fn paint(text: &str, outcome: Outcome, coloured: bool) -> String {
    let code = match outcome.mark() {
        "✓" => "32",
        "✗" => "31",
        _ => "33",
    };
    if coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

fn cell_line(cell: &Cell, width: usize, coloured: bool, folder: &Path) -> String {
    let mark = paint(cell.outcome.mark(), cell.outcome, coloured);
    let Some(last) = cell.attempts.last() else {
        return format!("{mark} {:width$}  {}", cell.id, cell.outcome.word());
    };
    let mut line =
        format!("{mark} {:width$}  {:14} {:>7.1} s", cell.id, cell.outcome.word(), last.seconds);
    if cell.attempts.len() > 1 {
        line += &format!("  {} attempts", cell.attempts.len());
    }
    if !last.anomalies.is_empty() {
        let kinds = last.anomalies.iter().map(|(kind, count)| format!("{kind} ×{count}"));
        line += &format!("  {}", kinds.collect::<Vec<_>>().join(", "));
    }
    let report = last.run.as_ref().map(|run| folder.join(run).join("report.html"));
    if let Some(report) = report.filter(|report| report.is_file()) {
        line += &format!("  {}", report.display());
    }
    line
}

/// Why the last attempt did not end well, short enough for a terminal.
fn cause(cell: &Cell) -> String {
    let last = cell.attempts.last();
    let reason = match last.and_then(|attempt| attempt.reason.as_deref()) {
        Some(reason) => reason.lines().next().unwrap_or_default(),
        None if last.is_some() => "see its report",
        None => "it was not begun",
    };
    text::elide(reason, REASON_MAX).into_owned()
}

/// The last words on a campaign.
pub fn closing(campaign: &Campaign, folder: &Path, json: bool, colour: Colour, why: Option<&str>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for cell in &campaign.cells {
        *counts.entry(cell.outcome.word()).or_default() += 1;
    }
    let code = campaign.exit_code();
    if json {
        let fields = json!({
            "exit_code": code,
            "counts": counts,
            "dir": folder,
            "reason": why,
            "unreached": campaign.unreached(),
        });
        print_event("end", fields);
        return;
    }
    let coloured = output::coloured(colour);
    output::print("");
    for cell in campaign.cells.iter().filter(|cell| !cell.outcome.is_good()) {
        let mark = paint(cell.outcome.mark(), cell.outcome, coloured);
        output::print(&format!("{mark} {}  {}: {}", cell.id, cell.outcome.word(), cause(cell)));
    }
    for name in campaign.unreached() {
        output::print(&format!("? it never came about in any run: {name}"));
    }
    for outcome in Outcome::ALL {
        if let Some(count) = counts.get(outcome.word()) {
            let word = paint(outcome.word(), outcome, coloured);
            output::print(&format!("{count:>5} {word}"));
        }
    }
    if let Some(why) = why {
        output::print(why);
    }
    output::print(&format!("exit code {code}: {}\n{}", meaning(code), folder.display()));
}

fn meaning(code: u8) -> &'static str {
    use crate::exit;
    match code {
        exit::VALID => "every cell came to what was expected",
        exit::ANOMALY => "an anomaly that was not expected",
        exit::UNKNOWN => "of some cells, or of what never came about, nothing can be said",
        exit::HARNESS => "infrastructure failed, as often as it was tried",
        exit::USAGE => "a cell is configured wrongly",
        _ => "a bug in Perjury",
    }
}

//! The lines of an explanation: headings, operations with their times, faults, logs.

use super::paint::wrapped;
use super::{InForce, Paint, Shown};
use crate::report::logs::LogLine;
use crate::report::text;

/// Lines of logs.
const LOG_LINES_MAX: usize = 20;
/// Room for the number, process, node and time of an operation in a list.
const COLUMNS: usize = 46;

/// A page that grows line by line.
pub(crate) struct Lines {
    paint: Paint,
    width: usize,
    timed: bool,
    lines: Vec<String>,
}

impl Lines {
    /// No line is wider than `width` characters, at least 60.
    pub(crate) fn new(paint: Paint, width: usize, timed: bool) -> Self {
        Self { paint, width: width.max(60), timed, lines: Vec::new() }
    }

    /// What the page is about.
    pub(crate) fn heading(&mut self, words: &str) {
        for line in wrapped(words, self.width) {
            self.lines.push(self.paint.strong(&line));
        }
    }

    /// A blank line and a title.
    pub(crate) fn section(&mut self, words: &str) {
        self.lines.push(String::new());
        self.heading(words);
    }

    /// Words at the left rim.
    pub(crate) fn text(&mut self, words: &str) {
        self.lines.extend(wrapped(words, self.width));
    }

    /// Words of a section.
    pub(crate) fn item(&mut self, words: &str) {
        self.indented(words, "  ", "  ");
    }

    /// The same, of which the first words mark the beginning of each item.
    pub(crate) fn numbered(&mut self, mark: &str, words: &str) {
        let head = format!("  {mark} ");
        let rest = " ".repeat(head.chars().count());
        self.indented(words, &head, &rest);
    }

    /// Words below an item.
    pub(crate) fn inner(&mut self, words: &str) {
        self.indented(words, "    ", "      ");
    }

    fn indented(&mut self, words: &str, head: &str, rest: &str) {
        let room = self.width.saturating_sub(rest.chars().count());
        for (at, line) in wrapped(words, room).into_iter().enumerate() {
            self.lines.push(format!("{}{line}", if at == 0 { head } else { rest }));
        }
    }

    /// What is wrong.
    pub(crate) fn bad(&mut self, words: &str) {
        for line in wrapped(words, self.width - 2) {
            self.lines.push(format!("  {}", self.paint.wrong(&line)));
        }
    }

    /// Something by the way.
    pub(crate) fn note(&mut self, words: &str) {
        for line in wrapped(words, self.width - 2) {
            self.lines.push(format!("  {}", self.paint.dim(&line)));
        }
    }

    /// Lines that are laid out already.
    pub(crate) fn drawn(&mut self, lines: Vec<String>) {
        self.lines.extend(lines);
    }

    /// Who ran an operation, where, when and for how long, and what went wrong with it.
    pub(crate) fn about(&mut self, shown: &Shown) {
        let via = shown.node.as_deref().map(|node| format!(" via {node}")).unwrap_or_default();
        let who = format!("process {}{via}", shown.process);
        if !self.timed {
            self.item(&format!("{who}; the history has no times"));
            return;
        }
        let ended = match (shown.returned_ns, shown.latency_ns) {
            (Some(returned), Some(took)) => {
                let at = text::moment(returned);
                format!("answered at {at} after {}", text::duration(took))
            }
            _ => "outcome unknown: it may have happened at any time after its call".to_owned(),
        };
        self.item(&format!("{who}, called at {}, {ended}", text::moment(shown.called_ns)));
        match shown.outcome {
            "failed" => self.item("it failed: it certainly did not happen"),
            "declined" => self.item("the database declined: it answered, and did not do it"),
            _ => {}
        }
        if let Some(error) = &shown.error {
            self.item(&format!("error: {error}"));
        }
    }

    /// Operations in a section of their own; nothing if there are none.
    pub(crate) fn operations(&mut self, title: &str, operations: &[Shown]) {
        if operations.is_empty() {
            return;
        }
        self.section(title);
        self.rows(operations);
    }

    /// Operations, a line each.
    pub(crate) fn rows(&mut self, operations: &[Shown]) {
        for shown in operations {
            let row = self.row(shown);
            self.lines.push(row);
        }
    }

    fn row(&self, shown: &Shown) -> String {
        let node = shown.node.as_deref().map(text::printable).unwrap_or_default();
        let who = format!("p{} {}", shown.process, text::elide(&node, 8));
        let index = format!("#{}", shown.index);
        let when = match (self.timed, shown.returned_ns, shown.latency_ns) {
            (false, ..) => String::new(),
            (_, Some(_), Some(took)) => {
                format!("{} +{}", text::moment(shown.called_ns), text::duration(took))
            }
            _ => format!("{} no answer", text::moment(shown.called_ns)),
        };
        let head = format!("  {index:<8} {who:<12} {when:<22}");
        let room = self.width.saturating_sub(COLUMNS.max(head.chars().count() + 1)).max(12);
        let words = text::elide(&shown.words, room).replace(['\n', '\t'], " ");
        let words = match shown.outcome {
            "unknown" => self.paint.doubtful(&words),
            "failed" | "declined" => self.paint.dim(&words),
            _ => words,
        };
        format!("{head} {words}")
    }

    /// What was broken.
    pub(crate) fn faults(&mut self, faults: &[InForce]) {
        if faults.is_empty() {
            return;
        }
        self.section("Faults that may have been in force");
        for fault in faults {
            let to = fault.to_ns.map_or("never seen healed".to_owned(), text::moment);
            let from = text::moment(fault.from_ns);
            let words = format!("{} {}, {from} to {to}", fault.f, fault.targets);
            for line in wrapped(&words, self.width - 2) {
                self.lines.push(format!("  {}", self.paint.doubtful(&line)));
            }
        }
    }

    /// Lines of logs as they are, but without what could command a terminal.
    pub(crate) fn logs(&mut self, logs: &[LogLine]) {
        if !logs.is_empty() {
            self.section("What the node wrote then, by the controller's clock");
        }
        for log in logs.iter().take(LOG_LINES_MAX) {
            let at = log.at_ns as f64 / 1e9;
            let line = format!("{at:9.3} s  {} {}: {}", log.node, log.file, log.text);
            let line = text::printable(&line);
            self.lines.push(format!("  {}", text::elide(&line, self.width - 2)));
        }
    }

    /// The command that does it again.
    pub(crate) fn again(&mut self, command: &str) {
        if command.is_empty() {
            return;
        }
        self.section("To see it again");
        self.lines.push(format!("  {}", text::printable(command)));
    }

    /// The page, each line ended.
    pub(crate) fn done(self) -> String {
        let mut page = self.lines.join("\n");
        page.push('\n');
        page
    }
}

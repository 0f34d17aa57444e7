//! Jepsen's logs of events: `history.txt`, `jepsen.log`, and Porcupine's etcd logs.
//!
//! An event is `PROCESS :type :f value`, between tabs, and perhaps an error after a fourth
//! tab. `history.txt` has nothing else. In a log, the name of Jepsen's logger stands in front.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::edn::value_of;
use super::foreign::{self, Actor, Assembled, Assembler, ForeignEvent};
use super::hints::{Format, Hints, Reading};
use super::place::{self, Fault};
use super::{History, Kind, Names, Process, ReadError, Recovery};

const FORMAT: &str = "Jepsen log";

/// What stands before an event: in logs of 2014, of which Porcupine's are, and in newer ones.
const LOGGERS: [&str; 2] = ["jepsen.util - ", "jepsen.util: "];

/// Lines looked at to tell what kind of a log it is. One of them may be damaged.
const FIRST_LINES: usize = 10;

/// Reads a log. Values are EDN. In a log of events alone every other line is an error; in a
/// `jepsen.log`, which begins with other messages, they are left out and counted. An answer
/// that holds a word such as `:timed-out` in place of the value has that as its error. Linear.
pub fn read(bytes: &[u8]) -> Result<(History, Recovery), ReadError> {
    Ok(reading(bytes)?.into())
}

pub(super) fn reading(bytes: &[u8]) -> Result<Reading, ReadError> {
    let text = place::utf8(FORMAT, bytes)?;
    let mut reader = Reader { style: style(text), ..Reader::default() };
    for (start, line) in place::lines(text) {
        reader.line(start, line).map_err(|fault| fault.after(start).of(FORMAT, bytes))?;
    }
    let Reader { style, events, evidence, others, .. } = reader;
    let Assembled { history, mut recovery, .. } =
        events.finish().map_err(|wrong| place::misplaced(bytes, wrong))?;
    recovery.other_lines = others;
    Ok(Reading { history, recovery, hints: evidence.hints(style) })
}

/// Whether a text is such a log, by its first lines or the name of the logger.
pub(super) fn is_log(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    style(&text) != Style::Messages || LOGGERS.iter().any(|logger| text.contains(logger))
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Style {
    /// Events alone.
    Plain,
    /// Events alone, the logger's name in front of each.
    Marked,
    /// Events among other messages.
    #[default]
    Messages,
}

fn style(text: &str) -> Style {
    let first = place::lines(text).filter(|(_, line)| !line.trim().is_empty()).take(FIRST_LINES);
    let (mut plain, mut marked) = (0, 0);
    for (_, line) in first {
        let old = line.starts_with("INFO");
        plain += u64::from(is_event(line));
        marked += u64::from(old && message(line).is_some_and(|at| is_event(&line[at..])));
    }
    match (plain, marked) {
        (0, 0) => Style::Messages,
        _ if plain > marked => Style::Plain,
        _ => Style::Marked,
    }
}

/// Where the message of Jepsen's logger begins.
fn message(line: &str) -> Option<usize> {
    LOGGERS.iter().filter_map(|logger| Some(line.find(logger)? + logger.len())).min()
}

/// Whether the first two cells are those of an event. What follows may be damaged.
fn is_event(message: &str) -> bool {
    has_process(message) && message.split('\t').nth(1).is_some_and(|cell| type_of(cell).is_some())
}

fn has_process(message: &str) -> bool {
    message.split_once('\t').is_some_and(|(cell, _)| {
        let cell = cell.trim();
        cell.starts_with(':') || cell.parse::<u32>().is_ok()
    })
}

fn type_of(cell: &str) -> Option<Kind> {
    foreign::kind(cell.trim().strip_prefix(':')?)
}

#[derive(Default)]
struct Reader {
    style: Style,
    names: Names,
    events: Assembler,
    /// The open call of each process, by its place among the events.
    open: FxHashMap<u32, usize>,
    evidence: Evidence,
    /// Lines that were left out.
    others: u64,
    /// Whether the last event has an error, whose text may go on in the lines below.
    after_error: bool,
}

impl Reader {
    fn line(&mut self, start: usize, line: &str) -> Result<(), Fault> {
        if line.trim().is_empty() {
            return Ok(());
        }
        let begin = match self.style {
            Style::Plain if self.after_error && !has_process(line) => None,
            Style::Plain => Some(0),
            Style::Marked => match message(line) {
                Some(begin) => Some(begin),
                None => {
                    let why = "an event should stand here: `jepsen.util - `, process, :type, :f \
                               and value";
                    return Err(Fault::new(0, why));
                }
            },
            Style::Messages => match message(line) {
                Some(begin) if line[begin..].contains('\t') => Some(begin),
                None if looks_torn(line) => {
                    let why = "an event without the name of its logger, `jepsen.util`";
                    return Err(Fault::new(0, why));
                }
                _ => None,
            },
        };
        match begin {
            None => self.others += 1,
            Some(begin) => self.event(start, line, begin)?,
        }
        Ok(())
    }

    fn event(&mut self, start: usize, line: &str, begin: usize) -> Result<(), Fault> {
        let mut offset = begin;
        let mut cells = line[begin..].splitn(5, '\t').map(|cell| {
            let at = offset;
            offset += cell.len() + 1;
            (at, cell)
        });
        let mut cell = || {
            cells.next().ok_or_else(|| {
                let why = "an event is process, :type, :f and value with a tab between each";
                Fault::new(line.len(), why)
            })
        };
        let (at, process) = cell()?;
        let value = value_of(process).map_err(|fault| fault.after(at))?;
        if value.is_null() {
            return Err(Fault::new(at, "an event needs a process"));
        }
        let actor = foreign::actor(&value).map_err(|why| Fault::new(at, why))?;
        let (at, word) = cell()?;
        let Some(kind) = type_of(word) else {
            let why = format!("{} is no type; there are :invoke :ok :fail :info", word.trim());
            return Err(Fault::new(at, why));
        };
        let (at, f) = cell()?;
        let f = match value_of(f).map_err(|fault| fault.after(at))? {
            Value::String(f) => self.names.get(&f),
            _ => return Err(Fault::new(at, format!("{f} is no function's name"))),
        };
        let (at, cell) = cell()?;
        let value = value_of(cell).map_err(|fault| fault.after(at))?;
        let error = cells.next().map(|(_, text)| self.names.get(text.trim()));
        self.after_error = error.is_some();
        let mut event = ForeignEvent {
            at: start,
            process: Some(actor),
            kind: Some(kind),
            f: Some(f),
            value,
            error,
            ..ForeignEvent::default()
        };
        if let Actor::Known(Process::Client(process)) = actor {
            self.of_client(process, kind, cell.trim().starts_with(':'), &mut event);
        }
        self.events.push(event, &mut self.names);
        Ok(())
    }

    /// Moves a word that stands for a value into the error, and looks for what the log tells.
    fn of_client(&mut self, process: u32, kind: Kind, word: bool, event: &mut ForeignEvent) {
        if kind == Kind::Invoke {
            self.open.insert(process, self.events.events().len());
        } else {
            let call = self.open.remove(&process).and_then(|call| self.events.events().get(call));
            let uncertain = matches!(kind, Kind::Fail | Kind::Info);
            let asked = call.map_or(&Value::Null, |call| &call.value);
            if word && uncertain && event.value != *asked {
                let word = std::mem::replace(&mut event.value, asked.clone());
                event.error = event.error.take().or(foreign::error_word(&word, &mut self.names));
            }
        }
        self.evidence.see(event);
    }
}

/// Whether a line of messages holds the middle of an event.
fn looks_torn(line: &str) -> bool {
    line.split('\t').skip(1).any(|cell| cell.starts_with(':') && type_of(cell).is_some())
}

/// What the events of a log say of its workload.
#[derive(Default)]
struct Evidence {
    cas: bool,
    /// Something beside read, write and cas is called.
    other: bool,
    /// Something beside a cas failed, or a cas for a reason of its own.
    failed_otherwise: bool,
    /// A read calls without a key.
    keyless: bool,
}

impl Evidence {
    fn see(&mut self, event: &ForeignEvent) {
        let f = event.f.as_deref().unwrap_or_default();
        self.cas |= f == "cas";
        self.other |= !matches!(f, "read" | "write" | "cas");
        self.keyless |= f == "read" && event.kind == Some(Kind::Invoke) && !event.value.is_array();
        self.failed_otherwise |=
            event.kind == Some(Kind::Fail) && (f != "cas" || event.error.is_some());
    }

    /// Porcupine's etcd logs are of one register without a value at first; whatever is not
    /// known is an `info` there, so that a `fail` is a comparison that did not hold. Other logs
    /// say nothing of that.
    fn hints(&self, style: Style) -> Hints {
        let mut hints = Hints::none(Format::Log);
        if self.cas && !self.other {
            hints.workload = Some("cas-register");
            hints.keyed = self.keyless.then_some(false);
            if style == Style::Marked && !self.failed_otherwise {
                hints.failed_cas_compares = true;
                hints.initial = Some(Value::Null);
            }
        }
        hints
    }
}

#[cfg(test)]
mod tests;

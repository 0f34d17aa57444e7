//! The tally: what the events so far amount to, in bounded memory.

use crate::report::stats::Counts;
use crate::report::text;
use perjury_checkers::{Event, Kind, Process};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};

/// Functions that are told apart.
const FUNCTIONS_MAX: usize = 100;
/// Errors that are told apart.
const ERRORS_MAX: usize = 500;
/// Characters that tell an error from others.
const ERROR_TEXT_MAX: usize = 200;
/// Events of the nemesis that are kept; later ones are not shown.
const NEMESIS_MAX: usize = 20_000;
/// Events that are kept to be judged, and how long their lines are together, in bytes. Lists of
/// numbers take ten times as much in memory.
const EVENTS_MAX: usize = 200_000;
const EVENTS_BYTES_MAX: usize = 16 << 20;
/// Seconds whose rates are kept.
const SECONDS: usize = 60;
/// Name of what is not told apart.
const OTHERS: &str = "others";

/// The events so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// `info` counts answers only: calls that are open are in flight.
    pub(super) functions: BTreeMap<String, Counts>,
    pub(super) nemesis: Vec<Event>,
    /// Whether events are kept at all.
    keeps: bool,
    kept_bytes: usize,
    /// The first events, for the checkers.
    pub(super) events: Vec<Event>,
    /// Calls among `events`.
    pub(super) kept_calls: u64,
    /// Whether there were more than are kept.
    pub(super) is_cut: bool,
    pub(super) last_ns: u64,
    /// Lines that are no events.
    pub(super) damaged: u64,
    errors: BTreeMap<(String, Kind, String), Seen>,
    seconds: VecDeque<(u64, Second)>,
}

/// An error and how often it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::serve) struct Seen {
    pub(in crate::serve) f: String,
    #[serde(rename = "type")]
    pub(in crate::serve) kind: Kind,
    pub(in crate::serve) error: String,
    pub(in crate::serve) count: u64,
    /// When it was seen last, in nanoseconds since the run began.
    pub(in crate::serve) last_ns: u64,
}

/// Answers within one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::serve) struct Second {
    pub(in crate::serve) ok: u64,
    pub(in crate::serve) fail: u64,
    pub(in crate::serve) info: u64,
}

impl Tally {
    /// Of no events yet; `keeps` the first of them if they are to be judged.
    pub(super) fn new(keeps: bool) -> Self {
        Self { keeps, ..Self::default() }
    }

    /// Takes a line of the history.
    pub(super) fn line(&mut self, line: &[u8]) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        match serde_json::from_slice::<Event>(line) {
            Ok(event) => self.event(event, line.len()),
            Err(_) => self.damaged += 1,
        }
    }

    fn event(&mut self, event: Event, bytes: usize) {
        self.last_ns = self.last_ns.max(event.time);
        match event.process {
            Process::Nemesis if self.nemesis.len() < NEMESIS_MAX => {
                self.nemesis.push(event.clone())
            }
            Process::Nemesis => {}
            Process::Client(_) => self.client(&event),
        }
        if !self.keeps || self.is_cut {
            return;
        }
        self.kept_bytes += bytes;
        // Once cut it stays so: a history with a gap would be another one.
        self.is_cut = self.events.len() >= EVENTS_MAX || self.kept_bytes > EVENTS_BYTES_MAX;
        if self.is_cut {
            return;
        }
        self.kept_calls += u64::from(event.kind == Kind::Invoke);
        self.events.push(event);
    }

    fn client(&mut self, event: &Event) {
        let name = text::elide(&event.f, ERROR_TEXT_MAX);
        let is_known = self.functions.contains_key(&*name);
        let name = if is_known || self.functions.len() < FUNCTIONS_MAX { &*name } else { OTHERS };
        let counts = self.functions.entry(name.to_owned()).or_default();
        match event.kind {
            Kind::Invoke => counts.invoked += 1,
            Kind::Ok => counts.ok += 1,
            Kind::Fail => {
                counts.fail += 1;
                counts.declined += u64::from(event.is_declined());
            }
            Kind::Info => counts.info += 1,
        }
        self.count_second(event);
        if let Some(error) = &event.error {
            self.error(event, error);
        }
    }

    fn count_second(&mut self, event: &Event) {
        let now = event.time / 1_000_000_000;
        if self.seconds.back().is_none_or(|(last, _)| *last < now) {
            self.seconds.push_back((now, Second::default()));
        }
        if self.seconds.len() > SECONDS {
            self.seconds.pop_front();
        }
        // Of a history whose times go back, what is late counts as now.
        let Some((_, second)) = self.seconds.back_mut() else { return };
        match event.kind {
            Kind::Invoke => {}
            Kind::Ok => second.ok += 1,
            Kind::Fail => second.fail += 1,
            Kind::Info => second.info += 1,
        }
    }

    fn error(&mut self, event: &Event, error: &str) {
        let (f, error) = (event.f.to_string(), text::elide(error, ERROR_TEXT_MAX).into_owned());
        let key = (f.clone(), event.kind, error.clone());
        if self.errors.len() >= ERRORS_MAX && !self.errors.contains_key(&key) {
            return;
        }
        let new = || Seen { f, kind: event.kind, error, count: 0, last_ns: 0 };
        let seen = self.errors.entry(key).or_insert_with(new);
        seen.count += 1;
        seen.last_ns = event.time;
    }

    /// All functions together.
    pub(super) fn total(&self) -> Counts {
        Counts::total(self.functions.values())
    }

    /// Answers in each of the last seconds, the oldest first; the second that goes on is left out.
    pub(super) fn rates(&self) -> Vec<Second> {
        let current = self.last_ns / 1_000_000_000;
        let first = current.saturating_sub(SECONDS as u64);
        let of = |second| {
            let found = self.seconds.iter().find(|(number, _)| *number == second);
            found.map_or(Second::default(), |(_, counts)| *counts)
        };
        (first..current).map(of).collect()
    }

    /// The errors that were seen last, the newest first.
    pub(super) fn recent_errors(&self, max: usize) -> Vec<Seen> {
        let mut errors: Vec<&Seen> = self.errors.values().collect();
        errors.sort_by_key(|seen| std::cmp::Reverse(seen.last_ns));
        errors.into_iter().take(max).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(index: usize, kind: &str, f: &str) -> String {
        let time = index * 1_000_000;
        format!(r#"{{"index":{index},"time":{time},"process":1,"type":"{kind}","f":"{f}"}}"#)
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_counted_is_not() {
        let mut tally = Tally::new(true);
        for index in 0..EVENTS_MAX + 10 {
            tally
                .line(line(index, if index % 2 == 0 { "invoke" } else { "ok" }, "read").as_bytes());
        }
        assert_eq!((tally.events.len(), tally.is_cut), (EVENTS_MAX, true));
        assert_eq!(tally.total().invoked, (EVENTS_MAX as u64 + 10) / 2);
        assert_eq!(tally.kept_calls, EVENTS_MAX as u64 / 2);
        assert_eq!(tally.rates().len(), SECONDS);
        assert_eq!(tally.rates()[SECONDS - 1].ok, 500);
    }

    #[test]
    fn strangers_cannot_fill_the_memory_with_names() {
        let mut tally = Tally::new(false);
        for index in 0..10_000 {
            let event = line(index, "info", &format!("f{index}"));
            let event = event.replace("}", &format!(r#","error":"e{index}"}}"#));
            tally.line(event.as_bytes());
        }
        assert_eq!(tally.functions.len(), FUNCTIONS_MAX + 1);
        assert_eq!(tally.functions[OTHERS].info, 10_000 - FUNCTIONS_MAX as u64);
        assert_eq!(tally.errors.len(), ERRORS_MAX);
        assert!(tally.events.is_empty() && tally.damaged == 0);
        tally.line(b"no event");
        tally.line(b"  ");
        assert_eq!(tally.damaged, 1);
    }
}

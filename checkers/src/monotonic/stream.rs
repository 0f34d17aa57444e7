//! The same one event after another.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use super::{Told, answer, nothing, raised_twice, raises, told};
use crate::history::brief::{Brief, Small};
use crate::history::{Name, Open};
use crate::streaming::{Found, Part, Streaming, Violation};
use crate::tally::Site;
use crate::unique_ids::seen::Runs;
use crate::{Kind, Process};

/// Judges what [`Monotonic`](super::Monotonic) judges. It remembers what each process that still
/// calls knows of each key and, if real time counts, the numbers that increments led to, which take
/// next to nothing where they follow one another.
#[derive(Debug, Default)]
pub struct MonotonicStream {
    globally: bool,
    open: Open<Called>,
    /// What processes know, by key.
    sessions: FxHashMap<u32, FxHashMap<Small, Told>>,
    /// What was known to all by the calls that are over.
    keys: FxHashMap<Small, Key>,
    calls: u64,
    raised: u64,
    within: u64,
    found: Found,
}

#[derive(Debug, Default)]
struct Key {
    greatest: Option<Told>,
    /// Where increments led to.
    raised: Runs,
}

#[derive(Clone, Debug)]
struct Called {
    site: Site,
    key: Option<Small>,
    /// The greatest number that was known of the key before.
    before: Option<Told>,
}

impl MonotonicStream {
    /// See [`Monotonic::globally`](super::Monotonic::globally).
    pub fn new(globally: bool) -> Self {
        Self { globally, ..Self::default() }
    }

    /// A call was answered with a number of a key.
    fn shown(&mut self, key: &Small, late: Told, before: Option<Told>, now: u64) {
        self.calls += 1;
        self.raised += u64::from(late.raises);
        let process = late.site.process;
        let session = self.sessions.entry(process).or_default();
        match session.get_mut(key) {
            None => {
                session.insert(key.clone(), late);
            }
            Some(known) => {
                if !fits(late, *known) {
                    self.within += 1;
                    let early = *known;
                    self.found
                        .add(late.site.index, now, || told(&key.to_value(), early, late, true));
                }
                if late.number > known.number {
                    *known = late;
                }
            }
        }
        let held = self.keys.entry(key.clone()).or_default();
        if !self.globally {
            return;
        }
        if let Some(early) = before.filter(|early| !fits(late, *early))
            && early.site.process != process
        {
            self.found.add(late.site.index, now, || told(&key.to_value(), early, late, false));
        }
        if held.greatest.is_none_or(|greatest| late.number > greatest.number) {
            held.greatest = Some(late);
        }
        if let Some(number) = late.number.filter(|_| late.raises)
            && !held.raised.add(i128::from(number))
        {
            self.found.add(late.site.index, now, || raised_twice(&key.to_value(), &[late]));
        }
    }
}

/// Whether this is possible after that.
fn fits(late: Told, early: Told) -> bool {
    if late.raises { late.number > early.number } else { late.number >= early.number }
}

impl Streaming for MonotonicStream {
    fn push(&mut self, brief: &Brief, names: &[Name]) -> Result<(), String> {
        let Process::Client(process) = brief.process else { return Ok(()) };
        if brief.kind == Kind::Invoke {
            let site = Site { index: brief.index, process, called: brief.time, returned: None };
            let key = brief.value.key().filter(|_| self.globally).cloned();
            let held = key.as_ref().and_then(|key| self.keys.get(key));
            let before = held.and_then(|held| held.greatest);
            self.open.insert(process, Called { site, key, before });
            return Ok(());
        }
        let Some(Called { site, key: asked, before }) = self.open.take(process) else {
            return Ok(());
        };
        let raises = raises(site.index, names.get(brief.f as usize).map_or("", |name| name))?;
        if brief.kind == Kind::Info {
            // Its process calls nothing any more.
            self.sessions.remove(&process);
        }
        if brief.kind != Kind::Ok {
            return Ok(());
        }
        let (key, number) = brief.value.with(|output: &Value| {
            let (key, number) = answer(site.index, raises, output)?;
            Ok::<_, String>((Small::from(key.clone()), number))
        })?;
        if self.globally && asked.as_ref() != Some(&key) {
            return Err(format!(
                "operation {} asked for one key and was answered about {}; where real time counts, \
                 such a history has to be seen whole",
                site.index,
                key.to_value()
            ));
        }
        let site = Site { returned: Some(brief.time), ..site };
        self.shown(&key, Told { site, raises, number }, before, brief.index);
        Ok(())
    }

    fn violations(&mut self) -> (Vec<Violation>, u64) {
        self.found.take()
    }

    fn finish(&mut self, _last: u64, _names: &[Name]) -> Part {
        let stats = json!({
            "keys": self.keys.len(),
            "increments": self.raised,
            "reads": self.calls - self.raised,
            "fallen_within_processes": self.within,
        });
        Part { stats, unknown: None, nothing: nothing(self.calls, self.raised) }
    }
}

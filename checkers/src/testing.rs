//! Helpers of the tests: small histories by hand, random ones valid by construction, and the
//! folder of histories with published verdicts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Event, History, Kind, Process};

pub(crate) use crate::linear::synthetic::Random;

/// Writes events one after another; indices and times count up by themselves.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) events: Vec<Event>,
}

impl Script {
    pub(crate) fn push(&mut self, process: u32, kind: Kind, f: &str, value: Value) -> &mut Self {
        let index = self.events.len() as u64;
        self.events.push(Event {
            index,
            time: index * 1_000_000,
            process: Process::Client(process),
            kind,
            f: f.into(),
            value,
            node: None,
            error: None,
            due: None,
        });
        self
    }

    pub(crate) fn call(&mut self, process: u32, f: &str, value: Value) -> &mut Self {
        self.push(process, Kind::Invoke, f, value)
    }

    pub(crate) fn ok(&mut self, process: u32, f: &str, value: Value) -> &mut Self {
        self.push(process, Kind::Ok, f, value)
    }

    /// A call and its answer with nothing in between.
    pub(crate) fn whole(
        &mut self,
        process: u32,
        f: &str,
        input: Value,
        output: Value,
    ) -> &mut Self {
        self.call(process, f, input).ok(process, f, output)
    }

    /// A call that certainly did not happen.
    pub(crate) fn failed(&mut self, process: u32, f: &str, input: Value) -> &mut Self {
        self.call(process, f, input.clone()).push(process, Kind::Fail, f, input)
    }

    pub(crate) fn history(&self) -> History {
        History::new(self.events.clone()).expect("the test's history is well-formed")
    }
}

/// What a simulated object answers: given a function and its input, the answer, or `None` to
/// fail the call.
pub(crate) type Object<'a> = dyn FnMut(&str, &Value) -> Option<Value> + 'a;

/// What a simulated client asks next.
pub(crate) type Asking<'a> = dyn FnMut(&mut Random) -> (&'static str, Value) + 'a;

/// A history of an object that really is atomic: every call takes effect at one moment between
/// its begin and its end. `unknown` percent of the calls get no answer.
pub(crate) fn atomic_history(
    random: &mut Random,
    calls: usize,
    processes: u32,
    unknown: u64,
    asking: &mut Asking<'_>,
    object: &mut Object<'_>,
) -> History {
    enum State {
        Idle,
        Called(&'static str, Value),
        Done(&'static str, Value, Option<Value>),
    }
    let mut script = Script::default();
    let mut clients: Vec<(u32, State)> = (0..processes).map(|p| (p, State::Idle)).collect();
    let (mut begun, mut fresh) = (0, processes);
    while begun < calls || clients.iter().any(|(_, state)| !matches!(state, State::Idle)) {
        let at = random.below(clients.len() as u64) as usize;
        let (process, state) = &mut clients[at];
        *state = match std::mem::replace(state, State::Idle) {
            State::Idle if begun < calls => {
                begun += 1;
                let (f, input) = asking(random);
                script.call(*process, f, input.clone());
                State::Called(f, input)
            }
            State::Idle => State::Idle,
            State::Called(f, input) if random.chance(unknown / 2) => {
                script.push(*process, Kind::Info, f, input);
                *process = fresh;
                fresh += 1;
                State::Idle
            }
            State::Called(f, input) => {
                let answer = object(f, &input);
                State::Done(f, input, answer)
            }
            State::Done(f, input, _) if random.chance(unknown.div_ceil(2)) => {
                script.push(*process, Kind::Info, f, input);
                *process = fresh;
                fresh += 1;
                State::Idle
            }
            State::Done(f, _, Some(answer)) => {
                script.ok(*process, f, answer);
                State::Idle
            }
            State::Done(f, input, None) => {
                script.push(*process, Kind::Fail, f, input);
                State::Idle
            }
        };
    }
    script.history()
}

/// A file of the folder with published verdicts. See `docs/checkers.md` for where it comes
/// from; a missing folder fails the test, for a comparison that did not happen proves nothing.
pub(crate) fn golden(file: &str) -> Vec<u8> {
    let folder = golden_folder();
    std::fs::read(folder.join(file)).unwrap_or_else(|error| {
        panic!(
            "{} cannot be read ({error}); set PERJURY_HISTORIES to the folder of histories with \
             known verdicts",
            folder.join(file).display()
        )
    })
}

/// The names in a subfolder that begin with `prefix`, sorted.
pub(crate) fn golden_names(subfolder: &str, prefix: &str) -> Vec<String> {
    let folder = golden_folder().join(subfolder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| {
        panic!(
            "{} cannot be listed ({error}); set PERJURY_HISTORIES to the folder of histories \
             with known verdicts",
            folder.display()
        )
    });
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("a readable entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no {prefix}* in {}", folder.display());
    names
}

fn golden_folder() -> PathBuf {
    std::env::var_os("PERJURY_HISTORIES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/histories")),
        PathBuf::from,
    )
}

/// All files of the folder, also of its subfolders, by their names in it.
pub(crate) fn golden_files() -> BTreeSet<String> {
    fn below(folder: &Path, inside: &str, into: &mut BTreeSet<String>) {
        let entries = std::fs::read_dir(folder).unwrap_or_else(|error| {
            panic!(
                "{} cannot be listed ({error}); set PERJURY_HISTORIES to the folder of histories \
                 with known verdicts",
                folder.display()
            )
        });
        for entry in entries {
            let entry = entry.expect("a readable entry");
            let name = format!("{inside}{}", entry.file_name().to_string_lossy());
            if entry.file_type().expect("a file type").is_dir() {
                below(&entry.path(), &format!("{name}/"), into);
            } else {
                into.insert(name);
            }
        }
    }
    let mut names = BTreeSet::new();
    below(&golden_folder(), "", &mut names);
    names
}

/// `INDEX.tsv` as (file, workload, model, verdict), the lines whose file begins with `prefix`.
pub(crate) fn golden_index(prefix: &str) -> Vec<[String; 4]> {
    let text = String::from_utf8(golden("INDEX.tsv")).expect("the index is UTF-8");
    let rows: Vec<[String; 4]> = text
        .lines()
        .filter(|line| line.starts_with(prefix))
        .map(|line| {
            let mut cells = line.split('\t').map(str::to_owned);
            std::array::from_fn(|_| cells.next().expect("four cells"))
        })
        .collect();
    assert!(!rows.is_empty(), "INDEX.tsv has no {prefix}");
    rows
}

#[cfg(test)]
mod golden_tests;

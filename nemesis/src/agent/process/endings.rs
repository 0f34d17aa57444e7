//! How processes ended, and which of them ended without having been told to.

use perjury_harness::agent::protocol::ProcessEnd;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Instant;

/// Endings that are remembered at a time.
const ENDINGS_MAX: usize = 64;

/// What became of the children of this agent.
#[derive(Debug, Default)]
pub(super) struct Endings {
    texts: BTreeMap<u32, String>,
    children: BTreeMap<u32, Known>,
    unasked: Vec<(ProcessEnd, Instant)>,
}

#[derive(Debug)]
struct Known {
    name: String,
    /// Told to end, by a signal or otherwise.
    told: bool,
}

impl Endings {
    /// A child was started.
    pub(super) fn born(&mut self, pid: u32, name: &str) {
        self.children.insert(pid, Known { name: name.to_owned(), told: false });
    }

    /// It is about to be told to end: however it ends now is no surprise.
    pub(super) fn told(&mut self, pid: u32) {
        if let Some(known) = self.children.get_mut(&pid) {
            known.told = true;
        }
    }

    /// It has ended.
    pub(super) fn ended(&mut self, pid: u32, status: ExitStatus) {
        let text = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "an unknown end".to_owned(),
        };
        let known = self.children.remove(&pid);
        if let Some(Known { name, told: false }) = known
            && self.unasked.len() < ENDINGS_MAX
        {
            let end = ProcessEnd {
                name,
                pid,
                code: status.code(),
                signal: status.signal(),
                core: status.core_dumped(),
                ago_ms: 0,
            };
            self.unasked.push((end, Instant::now()));
        }
        self.texts.insert(pid, text);
        if self.texts.len() > ENDINGS_MAX {
            self.texts.pop_first();
        }
    }

    /// How a process ended, if it was a child of this agent.
    pub(super) fn text(&self, pid: u32) -> Option<&str> {
        self.texts.get(&pid).map(String::as_str)
    }

    /// All that ended without having been told to, the first one first.
    pub(super) fn unasked(&self) -> Vec<ProcessEnd> {
        let aged = |(end, at): &(ProcessEnd, Instant)| {
            let ago_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
            ProcessEnd { ago_ms, ..end.clone() }
        };
        self.unasked.iter().map(aged).collect()
    }
}

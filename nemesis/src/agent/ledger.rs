//! The ledger: what the agent has to undo, written down on the node before it acts.
//!
//! One JSON line for each intention (`{"id":1,"era":"…","undo":{…}}`) and one when it is undone
//! (`{"id":1,"done":"…"}`), each flushed to the disk before the next step. What has no `done`
//! line is open. A torn last line was never acted upon, since acting waits for the flush.

use super::procfs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Above this the file is written anew once nothing is open.
const COMPACT_BYTES: u64 = 256 << 10;

/// A process as it was when it was noted: its id, and its start time to tell it from a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    pub pid: u32,
    pub start_ticks: u64,
}

/// How to undo one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Undo {
    /// Let these processes, stopped under the name of `name`, go on.
    Resume { name: String, processes: Vec<Seen> },
    /// Remove Perjury's own firewall table.
    Mend {},
    /// Run this in a shell: the undo of a user's own fault.
    Command { name: String, heal: String },
    /// Remove Perjury's own queues and its table of rules for single packets.
    Unshape {},
    /// Let the programs that this file steers be told the true time.
    Clock { page: PathBuf },
    /// Bring the machine's wall clock so far from its monotonic clock again.
    KernelClock { distance_ns: i64 },
    /// Take away the disk layer over this directory, which is steered through this socket.
    Layer { directory: String, socket: String },
    /// Put back what is still as this damage left it.
    File { damage: crate::wire::file::Damage },
}

#[derive(Serialize, Deserialize)]
struct Line {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    era: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    undo: Option<Undo>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    done: Option<String>,
}

/// The open ledger. Invariant: whatever the agent has done and not undone has an entry in `open`,
/// and that entry is on the disk.
pub(crate) struct Ledger {
    path: PathBuf,
    file: File,
    bytes: u64,
    next: u64,
    open: BTreeMap<u64, Undo>,
    /// Lines that could not be read, and entries that a reboot has undone.
    remarks: Vec<String>,
}

impl Ledger {
    /// Opens `DIR/ledger.jsonl`, or begins it.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join("ledger.jsonl");
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        File::open(dir)?.sync_all()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64)?;
            file.sync_all()?;
        }
        bytes.truncate(whole);
        let mut ledger = Self {
            path,
            file,
            bytes: whole as u64,
            next: 1,
            open: BTreeMap::new(),
            remarks: Vec::new(),
        };
        ledger.read(&bytes, &procfs::era());
        Ok(ledger)
    }

    fn read(&mut self, bytes: &[u8], era: &str) {
        let mut foreign = Vec::new();
        for (number, text) in bytes.split(|&byte| byte == b'\n').enumerate() {
            if text.is_empty() {
                continue;
            }
            let Ok(line) = serde_json::from_slice::<Line>(text) else {
                self.remarks.push(format!(
                    "line {} of {} cannot be read: check by hand what it was about",
                    number + 1,
                    self.path.display()
                ));
                continue;
            };
            self.next = self.next.max(line.id.saturating_add(1));
            if let Some(undo) = line.undo {
                if line.era.as_deref() == Some(era) {
                    self.open.insert(line.id, undo);
                } else {
                    foreign.push(line.id);
                }
            }
            if line.done.is_some() {
                self.open.remove(&line.id);
                foreign.retain(|&id| id != line.id);
            }
        }
        // Neither a stopped process nor a firewall table of ours outlives its kernel or namespace.
        for id in foreign {
            let text = format!("entry {id} is from before a restart, which has undone it");
            if self.done(id, &text).is_ok() {
                self.remarks.push(text);
            }
        }
    }

    /// What was odd when it was opened.
    pub(crate) fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// Notes an intention. Only when this has returned may it be acted upon.
    pub(crate) fn intend(&mut self, undo: Undo) -> Result<u64, String> {
        let id = self.next;
        self.append(&Line { id, era: Some(procfs::era()), undo: Some(undo.clone()), done: None })?;
        self.next += 1;
        self.open.insert(id, undo);
        Ok(id)
    }

    /// Notes that entry `id` was undone, with what was observed.
    pub(crate) fn done(&mut self, id: u64, observed: &str) -> Result<(), String> {
        self.append(&Line { id, era: None, undo: None, done: Some(observed.to_owned()) })?;
        self.open.remove(&id);
        if self.open.is_empty() && self.bytes > COMPACT_BYTES {
            self.file.set_len(0).map_err(|error| self.complain(&error))?;
            self.bytes = 0;
        }
        Ok(())
    }

    /// What is not undone yet, oldest first.
    pub(crate) fn pending(&self) -> Vec<(u64, Undo)> {
        self.open.iter().map(|(id, undo)| (*id, undo.clone())).collect()
    }

    fn append(&mut self, line: &Line) -> Result<(), String> {
        let mut text = serde_json::to_vec(line).map_err(|error| error.to_string())?;
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line would swallow the next one.
            let _ = self.file.set_len(self.bytes);
            return Err(self.complain(&error));
        }
        self.bytes += text.len() as u64;
        Ok(())
    }

    fn complain(&self, error: &io::Error) -> String {
        format!(
            "cannot write {}: {error}; nothing is broken that could not be written down first",
            self.path.display()
        )
    }
}

/// Writes `bytes` to `path` so that after a crash it holds either the old or the new.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

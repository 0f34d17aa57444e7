//! The index: every run of the store, of which only what is new or has changed is read.

use super::address::Address;
use super::entry::{Entry, Stamp};
use crate::store::{CAMPAIGNS, is_time_name};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Threads that read at a time what is new.
const READERS: usize = 4;

/// What was read before.
#[derive(Debug, Default)]
pub(super) struct Index {
    known: Mutex<HashMap<Address, (Stamp, Arc<Entry>)>>,
}

impl Index {
    /// All runs of the store but those of campaigns, newest first. Costs a look at each run's
    /// folder, and reading the results of those that changed.
    pub(super) fn runs(&self, root: &Path) -> Vec<Arc<Entry>> {
        // Nobody panics while holding it; what is in it would still be true.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        let mut current = HashMap::new();
        let mut changed = Vec::new();
        for (address, folder) in folders(root) {
            let stamp = Stamp::of(&folder, now);
            match known.remove(&address) {
                Some((before, entry)) if before == stamp => {
                    current.insert(address, (stamp, entry));
                }
                _ => changed.push((address, folder, stamp)),
            }
        }
        current.extend(read(changed));
        *known = current;
        let mut runs: Vec<Arc<Entry>> = known.values().map(|(_, entry)| entry.clone()).collect();
        drop(known);
        runs.sort_unstable_by(|one, other| age(other).cmp(&age(one)));
        runs
    }
}

fn age(run: &Entry) -> (Option<jiff::Timestamp>, &Address) {
    (run.started, &run.address)
}

/// Reads entries, several at a time: the first look at a large store is the longest.
fn read(changed: Vec<(Address, PathBuf, Stamp)>) -> Vec<(Address, (Stamp, Arc<Entry>))> {
    let part = changed.len().div_ceil(READERS).max(1);
    let one = |(address, folder, stamp): &(Address, PathBuf, Stamp)| {
        let entry = Entry::read(address.clone(), folder, *stamp);
        (address.clone(), (*stamp, Arc::new(entry)))
    };
    std::thread::scope(|scope| {
        let parts = changed.chunks(part);
        let readers: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()))
            .collect();
        readers.into_iter().filter_map(|reader| reader.join().ok()).flatten().collect()
    })
}

/// Folders of runs; what cannot be listed has none.
fn folders(root: &Path) -> Vec<(Address, PathBuf)> {
    let mut found = Vec::new();
    for (name, folder) in directories(root) {
        if name == CAMPAIGNS || !super::address::is_open(&name) {
            continue;
        }
        for (time, path) in directories(&folder) {
            if is_time_name(&time) {
                found.push((Address::listed(&name, &time), path));
            }
        }
    }
    found
}

/// Real folders inside of `path`, no links, in no order. None if it cannot be listed.
pub(super) fn directories(path: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let named =
        folders.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
    named.collect()
}

/// Moments at which the same test, cell or campaign was run, oldest first.
pub(super) fn times(folder: &Path) -> Vec<String> {
    let parent = folder.parent().unwrap_or(folder);
    let names = directories(parent).into_iter().map(|(name, _)| name);
    let mut times: Vec<String> = names.filter(|name| is_time_name(name)).collect();
    times.sort_unstable();
    times
}

//! Files: damaged in small places, with what was there in the ledger, and put back.
//!
//! The database goes on meanwhile. So only bytes that still are as the damage left them are put
//! back; what the database has written since is its own.

use super::ledger::Undo;
use super::process::{SharedLedger, lock};
use crate::wire::file::{Compared, Corrupt, Damage, Kind, Patch};
use perjury_harness::Seed;
use perjury_harness::generator::{below, pick};
use rand_chacha::ChaCha8Rng;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest piece that is cut off or copied.
const PIECE: u64 = 4096;
/// How old the snapshot is that is put back.
const AGE: Duration = Duration::from_secs(1);
/// How long ago a file that is in use was written at the most.
const RECENT: Duration = Duration::from_secs(3);
/// The longest file of which a snapshot is taken.
const SNAPSHOT: u64 = 64 << 20;
/// Most files that one is chosen from.
const FILES: usize = 10_000;

/// Damages files, and remembers how they were.
pub(crate) struct Files {
    ledger: SharedLedger,
}

impl Files {
    pub(crate) fn new(ledger: SharedLedger) -> Self {
        Self { ledger }
    }

    /// Notes what is there, then damages it.
    pub(crate) fn corrupt(&self, what: &Corrupt) -> Result<Damage, String> {
        let mut rng = Seed::root(what.seed).rng();
        let mut files = Vec::new();
        for directory in &what.directories {
            find(Path::new(directory), &mut files);
        }
        files.sort();
        if what.kind == Kind::Rollback {
            files = in_use(files);
        }
        let path = pick(&mut rng, &files)
            .ok_or_else(|| format!("no file with content is below {:?}", what.directories))?;
        let failed = |error: io::Error| format!("cannot damage {}: {error}", path.display());
        let file = File::options().read(true).write(true).open(path).map_err(failed)?;
        let damage = plan(path, &file, what.kind, &mut rng).map_err(failed)?;
        lock(&self.ledger).intend(Undo::File { damage: damage.clone() })?;
        for patch in &damage.patches {
            if patch.new.is_empty() {
                file.set_len(patch.offset).map_err(failed)?;
            } else {
                file.write_all_at(&bytes(&patch.new)?, patch.offset).map_err(failed)?;
            }
        }
        Ok(damage)
    }

    /// What is not restored.
    pub(crate) fn status(&self) -> Vec<Damage> {
        self.open().into_iter().map(|(_, damage)| damage).collect()
    }

    fn open(&self) -> Vec<(u64, Damage)> {
        let pending = lock(&self.ledger).pending().into_iter();
        pending
            .filter_map(|(id, undo)| match undo {
                Undo::File { damage } => Some((id, damage)),
                _ => None,
            })
            .collect()
    }

    /// Puts back everything, the newest first.
    pub(crate) fn restore(&self) -> Result<Vec<String>, String> {
        let mut lines = Vec::new();
        for (id, damage) in self.open().into_iter().rev() {
            let line = Self::undo(&damage)?;
            lock(&self.ledger).done(id, &line)?;
            lines.push(line);
        }
        Ok(lines)
    }

    /// Reads what is there now.
    pub(crate) fn compare(damages: &[Damage]) -> Result<Vec<Compared>, String> {
        damages.iter().map(compare).collect()
    }

    /// For the ledger: what still is as the damage left it is put back.
    pub(crate) fn undo(damage: &Damage) -> Result<String, String> {
        let path = &damage.path;
        let failed = |error: io::Error| format!("cannot restore {path}: {error}");
        let file = match File::options().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(format!("{path}: gone, nothing to restore"));
            }
            Err(error) => return Err(failed(error)),
        };
        let mut restored = 0;
        for patch in &damage.patches {
            let (old, new) = (bytes(&patch.old)?, bytes(&patch.new)?);
            let length = file.metadata().map_err(failed)?.len();
            if new.is_empty() && length == patch.offset {
                file.write_all_at(&old, patch.offset).map_err(failed)?;
                restored += old.len();
                continue;
            }
            // Who went on writing behind a cut has left zeros where it was.
            let new = if new.is_empty() { vec![0; old.len()] } else { new };
            for (at, (old, new)) in (patch.offset..).zip(old.iter().zip(&new)) {
                let mut now = [0];
                let read = file.read_at(&mut now, at).map_err(failed)?;
                if read == 1 && old != new && now[0] == *new {
                    file.write_all_at(&[*old], at).map_err(failed)?;
                    restored += 1;
                }
            }
        }
        Ok(format!("{path}: {restored} bytes put back"))
    }
}

/// All files with content below `directory`.
fn find(directory: &Path, files: &mut Vec<PathBuf>) {
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && files.len() < FILES => {
                    let ours = entry.file_name().to_string_lossy().starts_with(".perjury-");
                    if !ours && entry.metadata().is_ok_and(|metadata| metadata.len() > 0) {
                        files.push(entry.path());
                    }
                }
                _ => {}
            }
        }
    }
}

/// Those that were written just now; all of them if none was. Only what changes has a past to go
/// back to.
fn in_use(files: Vec<PathBuf>) -> Vec<PathBuf> {
    let fresh = |path: &&PathBuf| {
        let written = fs::metadata(path).and_then(|metadata| metadata.modified());
        written.is_ok_and(|time| time.elapsed().is_ok_and(|age| age < RECENT))
    };
    let used: Vec<PathBuf> = files.iter().filter(fresh).cloned().collect();
    if used.is_empty() { files } else { used }
}

/// What is to be changed. Changes nothing.
fn plan(path: &Path, file: &File, kind: Kind, rng: &mut ChaCha8Rng) -> io::Result<Damage> {
    let length = file.metadata()?.len();
    let read = |offset: u64, count: u64| -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; usize::try_from(count).map_err(io::Error::other)?];
        file.read_exact_at(&mut buffer, offset)?;
        Ok(buffer)
    };
    let mut patches = Vec::new();
    match kind {
        Kind::Truncate => {
            let cut = 1 + below(rng, length.min(PIECE));
            let old = read(length - cut, cut)?;
            patches.push(Patch { offset: length - cut, old: digits(&old), new: String::new() });
        }
        Kind::BitFlips => {
            for _ in 0..=below(rng, 8) {
                let offset = below(rng, length);
                // One flip a byte: a second would undo the first.
                if patches.iter().all(|patch: &Patch| patch.offset != offset) {
                    let old = read(offset, 1)?;
                    let new = [old[0] ^ (1 << below(rng, 8))];
                    patches.push(Patch { offset, old: digits(&old), new: digits(&new) });
                }
            }
        }
        Kind::ChunkCopy => {
            let size = 1 + below(rng, (length / 2).clamp(1, PIECE));
            let size = size.min(length);
            let places = length - size + 1;
            let (from, to) = (below(rng, places), below(rng, places));
            let (old, new) = (read(to, size)?, read(from, size)?);
            patches.push(Patch { offset: to, old: digits(&old), new: digits(&new) });
        }
        Kind::Rollback => {
            if length > SNAPSHOT {
                return Err(io::Error::other(format!(
                    "{length} bytes are too many for a snapshot"
                )));
            }
            let snapshot = read(0, length)?;
            std::thread::sleep(AGE);
            let now = read(0, file.metadata()?.len().min(SNAPSHOT))?;
            patches = back_to(&snapshot, &now);
            if patches.is_empty() {
                return Err(io::Error::other("it is as it was a second before"));
            }
        }
    }
    Ok(Damage { path: path.display().to_string(), kind, length, patches })
}

/// What makes the snapshot again out of what is there now.
fn back_to(snapshot: &[u8], now: &[u8]) -> Vec<Patch> {
    let both = snapshot.len().min(now.len());
    let mut patches = Vec::new();
    let mut at = 0;
    while at < both {
        let same = (at..both).take_while(|i| snapshot[*i] == now[*i]).count();
        let from = at + same;
        let other = (from..both).take_while(|i| snapshot[*i] != now[*i]).count();
        at = from + other;
        if other > 0 {
            let (old, new) = (digits(&now[from..at]), digits(&snapshot[from..at]));
            patches.push(Patch { offset: from as u64, old, new });
        }
    }
    if now.len() > both {
        let old = digits(&now[both..]);
        patches.push(Patch { offset: both as u64, old, new: String::new() });
    }
    patches
}

fn compare(damage: &Damage) -> Result<Compared, String> {
    let mut compared = Compared {
        path: damage.path.clone(),
        length: None,
        as_before: 0,
        damaged: 0,
        otherwise: 0,
    };
    let failed = |error: io::Error| format!("cannot read {}: {error}", damage.path);
    let file = match File::open(&damage.path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(compared),
        Err(error) => return Err(failed(error)),
    };
    let length = file.metadata().map_err(failed)?.len();
    compared.length = Some(length);
    for patch in &damage.patches {
        let (old, new) = (bytes(&patch.old)?, bytes(&patch.new)?);
        for (index, old) in old.iter().enumerate() {
            let mut now = [0];
            let read = file.read_at(&mut now, patch.offset + index as u64).map_err(failed)?;
            let (now, new) = ((read == 1).then_some(now[0]), new.get(index).copied());
            if new == Some(*old) {
                continue;
            }
            if now == Some(*old) {
                compared.as_before += 1;
            } else if now == new || (new.is_none() && now == Some(0)) {
                compared.damaged += 1;
            } else {
                compared.otherwise += 1;
            }
        }
    }
    Ok(compared)
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(digits: &str) -> Result<Vec<u8>, String> {
    let pairs = digits.as_bytes().chunks(2);
    let read = pairs.map(|pair| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    });
    read.collect::<Option<_>>().ok_or_else(|| format!("`{digits}` are no hexadecimal digits"))
}

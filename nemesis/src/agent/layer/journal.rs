//! What was done and is not synced yet: how to undo it, and to do a part of it again.
//!
//! Everything is done to the files below at once. What is kept here is what was there before, so
//! that a power loss can put it back. Changes of names are kept in one order for all directories, as
//! a journaling file system does: when one is synced, so are all before it.

use crate::wire::disk::{LayerCounts, PowerLoss, Survivors};
use nix::fcntl::{AT_FDCWD, AtFlags, RenameFlags, renameat, renameat2};
use nix::unistd::{UnlinkatFlags, unlinkat};
use perjury_harness::generator::below;
use rand_chacha::ChaCha8Rng;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

/// What disks write whole.
const SECTOR: u64 = 512;

/// Device and inode below: what a file is, whatever its names.
pub(super) type Key = (u64, u64);

/// A directory below.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) fd: Arc<OwnedFd>,
    pub(super) key: Key,
}

/// An unsynced change of a file's content.
#[derive(Debug)]
pub(super) enum Change {
    Write {
        offset: u64,
        old: Vec<u8>,
        new: Vec<u8>,
        length: u64,
    },
    /// `tail` is what was cut off.
    Resize {
        before: u64,
        after: u64,
        tail: Vec<u8>,
    },
}

impl Change {
    /// Bytes of memory that it takes, near enough.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Write { old, new, .. } => (old.len() + new.len() + 64) as u64,
            Self::Resize { tail, .. } => (tail.len() + 64) as u64,
        }
    }

    /// Bytes that were written.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Write { new, .. } => new.len() as u64,
            Self::Resize { .. } => 0,
        }
    }

    fn undo(&self, file: &File) -> io::Result<()> {
        match self {
            Self::Write { offset, old, new, length } => {
                if offset + new.len() as u64 > *length {
                    file.set_len(*length)?;
                }
                file.write_all_at(old, *offset)
            }
            Self::Resize { before, after, tail } => {
                file.set_len(*before)?;
                file.write_all_at(tail, *after)
            }
        }
    }

    fn redo(&self, file: &File) -> io::Result<()> {
        match self {
            Self::Write { offset, new, .. } => file.write_all_at(new, *offset),
            Self::Resize { after, .. } => file.set_len(*after),
        }
    }

    /// Does the first sectors again, at least one and not all; whether there are as many.
    fn redo_in_part(&self, file: &File, rng: &mut ChaCha8Rng) -> io::Result<bool> {
        let Self::Write { offset, new, .. } = self else { return Ok(false) };
        let end = offset + new.len() as u64;
        let first = (offset / SECTOR + 1) * SECTOR;
        if first >= end {
            return Ok(false);
        }
        let cuts = (end - 1 - first) / SECTOR + 1;
        let cut = first + below(rng, cuts) * SECTOR - offset;
        let part = usize::try_from(cut).map_err(io::Error::other)?;
        file.write_all_at(&new[..part], *offset)?;
        Ok(true)
    }
}

/// A power loss, as one file sees it: everything is undone, then some is there nevertheless.
pub(super) fn lose(
    file: &File,
    changes: &[Change],
    how: &PowerLoss,
    rng: &mut ChaCha8Rng,
    counts: &mut LayerCounts,
) -> io::Result<()> {
    for change in changes.iter().rev() {
        change.undo(file)?;
    }
    let count = changes.len() as u64;
    let prefix = if how.survivors == Survivors::Prefix { below(rng, count + 1) } else { 0 };
    for (index, change) in changes.iter().enumerate() {
        let index = index as u64;
        let survives = match how.survivors {
            Survivors::None => false,
            Survivors::Prefix => index < prefix,
            Survivors::Subset => below(rng, 2) == 0,
        };
        // In order, only the first that is lost can be there in part.
        let may_tear = how.torn && (how.survivors == Survivors::Subset || index == prefix);
        if survives {
            change.redo(file)?;
            counts.kept_writes += 1;
        } else if may_tear && below(rng, 2) == 0 && change.redo_in_part(file, rng)? {
            counts.torn_writes += 1;
        } else {
            counts.lost_writes += 1;
            counts.lost_bytes += change.bytes();
        }
    }
    Ok(())
}

/// An unsynced change of names.
#[derive(Debug)]
pub(super) enum Entry {
    Made {
        at: Place,
        name: OsString,
        object: Key,
        directory: bool,
    },
    /// What was removed waits in the bin under the name `kept`.
    Removed {
        at: Place,
        name: OsString,
        kept: String,
        directory: bool,
    },
    Renamed {
        from: (Place, OsString),
        to: (Place, OsString),
        object: Key,
        replaced: Option<(String, bool)>,
    },
}

impl Entry {
    /// Whether syncing this directory syncs the change.
    pub(super) fn is_in(&self, directory: Key) -> bool {
        match self {
            Self::Made { at, object, .. } => at.key == directory || *object == directory,
            Self::Removed { at, .. } => at.key == directory,
            Self::Renamed { from, to, .. } => from.0.key == directory || to.0.key == directory,
        }
    }

    /// Whether syncing this file syncs the change, as ext4, XFS and Btrfs do it.
    pub(super) fn is_about(&self, file: Key) -> bool {
        match self {
            Self::Made { object, .. } | Self::Renamed { object, .. } => *object == file,
            Self::Removed { .. } => false,
        }
    }

    /// It is on the disk: what it kept is of no use any more.
    fn settle(&self, bin: &OwnedFd) -> nix::Result<()> {
        match self {
            Self::Removed { kept, directory, .. }
            | Self::Renamed { replaced: Some((kept, directory)), .. } => {
                unlinkat(bin, kept.as_str(), flag(*directory))
            }
            Self::Made { .. } | Self::Renamed { replaced: None, .. } => Ok(()),
        }
    }

    fn undo(&self, bin: &OwnedFd) -> nix::Result<()> {
        match self {
            Self::Made { at, name, directory, .. } => {
                unlinkat(&*at.fd, name.as_os_str(), flag(*directory))
            }
            Self::Removed { at, name, kept, .. } => {
                renameat(bin, kept.as_str(), &*at.fd, name.as_os_str())
            }
            Self::Renamed { from, to, replaced, .. } => {
                renameat(&*to.0.fd, to.1.as_os_str(), &*from.0.fd, from.1.as_os_str())?;
                match replaced {
                    Some((kept, _)) => renameat(bin, kept.as_str(), &*to.0.fd, to.1.as_os_str()),
                    None => Ok(()),
                }
            }
        }
    }
}

fn flag(directory: bool) -> UnlinkatFlags {
    if directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir }
}

/// The changes of names, oldest first.
#[derive(Debug)]
pub(super) struct Names {
    bin: Arc<OwnedFd>,
    entries: Vec<(Instant, Entry)>,
    next_kept: u64,
}

impl Names {
    /// `bin` is a directory in which nothing else is.
    pub(super) fn new(bin: Arc<OwnedFd>) -> Self {
        Self { bin, entries: Vec::new(), next_kept: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push((Instant::now(), entry));
    }

    /// Moves what is called `name` into the bin.
    pub(super) fn keep(&mut self, at: &Place, name: &std::ffi::OsStr) -> nix::Result<String> {
        self.next_kept += 1;
        let kept = self.next_kept.to_string();
        renameat(&*at.fd, name, &*self.bin, kept.as_str())?;
        Ok(kept)
    }

    /// Takes it back out.
    pub(super) fn put_back(&self, kept: &str, at: &Place, name: &std::ffi::OsStr) {
        // Nothing can have taken its place: the layer is the only one that changes names there.
        let _ = renameat2(&*self.bin, kept, &*at.fd, name, RenameFlags::RENAME_NOREPLACE);
    }

    /// Syncs the last change that `which` picks, and all before it.
    pub(super) fn sync(&mut self, which: impl Fn(&Entry) -> bool, counts: &mut LayerCounts) {
        let last = self.entries.iter().rposition(|(_, entry)| which(entry));
        self.settle(last.map_or(0, |last| last + 1), counts);
    }

    /// Syncs what was done before `since`; how much that was.
    pub(super) fn expire(&mut self, since: Instant, counts: &mut LayerCounts) -> usize {
        let old = self.entries.iter().take_while(|(at, _)| *at < since).count();
        self.settle(old, counts);
        old
    }

    fn settle(&mut self, first: usize, counts: &mut LayerCounts) {
        for (_, entry) in self.entries.drain(..first) {
            counts.errors += u64::from(entry.settle(&self.bin).is_err());
        }
    }

    /// A power loss: the changes after the first few are undone, the newest first.
    pub(super) fn lose(&mut self, how: &PowerLoss, rng: &mut ChaCha8Rng, counts: &mut LayerCounts) {
        let kept = match how.survivors {
            Survivors::None => 0,
            Survivors::Prefix | Survivors::Subset => below(rng, self.entries.len() as u64 + 1),
        };
        self.settle(usize::try_from(kept).unwrap_or(usize::MAX), counts);
        for (_, entry) in self.entries.drain(..).rev() {
            counts.lost_names += 1;
            counts.errors += u64::from(entry.undo(&self.bin).is_err());
        }
    }
}

/// A second name for what `fd` is.
pub(super) fn link(fd: &OwnedFd, at: &Place, name: &std::ffi::OsStr) -> nix::Result<()> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    nix::unistd::linkat(AT_FDCWD, path.as_str(), &*at.fd, name, AtFlags::AT_SYMLINK_FOLLOW)
}

//! The layer without the kernel: files and directories by number, and what of them is not synced.

use super::journal::{self, Change, Entry, Key, Names, Place};
use crate::wire::disk::{LayerCounts, PowerLoss};
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat};
use nix::sys::stat::{FileStat, Mode, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use perjury_harness::Seed;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Number of the directory that the layer lies over.
pub(super) const ROOT: u64 = 1;
/// Where removed files wait until their removal is synced: in the directory, and shown to nobody.
pub(crate) const BIN: &str = ".perjury-removed";
/// The agent's probe; not listed.
pub(crate) const PROBE: &str = ".perjury-probe";
/// Memory for what is not synced. When more would be needed all is written back, as kernels do.
const UNSYNCED_MAX: u64 = 256 << 20;
/// Age at which names are written back, as ext4 does by default (`commit=5`).
const NAMES_EXPIRE: Duration = Duration::from_secs(5);
/// Age at which content is, as Linux does by default (`vm.dirty_expire_centisecs`).
const CONTENT_EXPIRE: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Inode {
    place: Place,
    /// How often the kernel was told of it and has not forgotten it.
    lookups: u64,
    changes: Vec<(Instant, Change)>,
}

/// See the file's page.
#[derive(Debug)]
pub(super) struct Core {
    inodes: BTreeMap<u64, Inode>,
    numbers: BTreeMap<Key, u64>,
    next: u64,
    names: Names,
    weight: u64,
    counts: LayerCounts,
    retired: bool,
}

/// What a name leads to.
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) stat: FileStat,
}

fn key(stat: &FileStat) -> Key {
    (stat.st_dev, stat.st_ino)
}

pub(super) fn is_directory(stat: &FileStat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFDIR
}

/// Leads to what a descriptor is open on, whatever its name is by now.
pub(super) fn by_descriptor(fd: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

fn pin(at: &OwnedFd, name: &OsStr) -> nix::Result<OwnedFd> {
    openat(at, name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
}

impl Core {
    /// Over `directory`. What an earlier layer left in its bin is thrown away: its removal was as
    /// good as synced.
    pub(super) fn new(directory: &Path) -> io::Result<Self> {
        let bin = directory.join(BIN);
        match std::fs::remove_dir_all(&bin) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir(&bin)?,
        }
        let open = |path: &Path| {
            let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            nix::fcntl::open(path, flags, Mode::empty())
        };
        let root = Arc::new(open(directory)?);
        let key = key(&fstat(&*root)?);
        let place = Place { fd: root, key };
        Ok(Self {
            inodes: [(ROOT, Inode { place, lookups: 1, changes: Vec::new() })].into(),
            numbers: [(key, ROOT)].into(),
            next: ROOT + 1,
            names: Names::new(Arc::new(open(&bin)?)),
            weight: 0,
            counts: LayerCounts::default(),
            retired: false,
        })
    }

    /// The counts, with what is unsynced now.
    pub(super) fn counts(&self) -> LayerCounts {
        let changes = || self.inodes.values().flat_map(|inode| &inode.changes);
        LayerCounts {
            unsynced_writes: changes().count() as u64,
            unsynced_bytes: changes().map(|(_, change)| change.bytes()).sum(),
            unsynced_names: self.names.len() as u64,
            ..self.counts.clone()
        }
    }

    pub(super) fn counts_mut(&mut self) -> &mut LayerCounts {
        &mut self.counts
    }

    fn inode(&self, number: u64) -> nix::Result<&Inode> {
        self.inodes.get(&number).ok_or(nix::errno::Errno::ESTALE)
    }

    fn place(&self, number: u64) -> nix::Result<Place> {
        Ok(self.inode(number)?.place.clone())
    }

    /// What `number` is pinned by.
    pub(super) fn pinned(&self, number: u64) -> nix::Result<Arc<OwnedFd>> {
        Ok(Arc::clone(&self.inode(number)?.place.fd))
    }

    pub(super) fn stat(&self, number: u64) -> nix::Result<FileStat> {
        fstat(&*self.inode(number)?.place.fd)
    }

    /// Looks a name up, and remembers that the kernel knows what it leads to.
    pub(super) fn lookup(&mut self, parent: u64, name: &OsStr) -> nix::Result<Found> {
        if parent == ROOT && name == BIN {
            return Err(nix::errno::Errno::ENOENT);
        }
        let fd = pin(&self.inode(parent)?.place.fd, name)?;
        let stat = fstat(&fd)?;
        let key = key(&stat);
        let number = *self.numbers.entry(key).or_insert(self.next);
        if number == self.next {
            self.next += 1;
            let place = Place { fd: Arc::new(fd), key };
            self.inodes.insert(number, Inode { place, lookups: 0, changes: Vec::new() });
        }
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.lookups += 1;
        }
        Ok(Found { number, stat })
    }

    /// The kernel has forgotten it `times` times.
    pub(super) fn forget(&mut self, number: u64, times: u64) {
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.lookups = inode.lookups.saturating_sub(times);
        }
        self.drop_unknown(number);
    }

    fn drop_unknown(&mut self, number: u64) {
        let idle = |inode: &Inode| inode.lookups == 0 && inode.changes.is_empty();
        if number != ROOT && self.inodes.get(&number).is_some_and(idle) {
            let gone = self.inodes.remove(&number);
            if let Some(inode) = gone {
                self.numbers.remove(&inode.place.key);
            }
        }
    }

    fn note(&mut self, entry: Entry) {
        self.names.push(entry);
        if self.retired {
            self.names.sync(|_| true, &mut self.counts);
        }
    }

    /// Notes that `name` was just made, and looks it up.
    fn made(&mut self, parent: u64, name: &OsStr) -> nix::Result<Found> {
        let found = self.lookup(parent, name)?;
        let at = self.place(parent)?;
        self.note(Entry::Made {
            at,
            name: name.to_owned(),
            object: key(&found.stat),
            directory: is_directory(&found.stat),
        });
        Ok(found)
    }

    /// A new file, or the one there is. The file is open for reading and writing.
    pub(super) fn create(
        &mut self,
        parent: u64,
        name: &OsStr,
        mode: u32,
        exclusive: bool,
    ) -> nix::Result<(Found, File)> {
        let at = self.place(parent)?;
        let flags = OFlag::O_RDWR | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let new = flags | OFlag::O_CREAT | OFlag::O_EXCL;
        match openat(&*at.fd, name, new, Mode::from_bits_truncate(mode)) {
            Ok(fd) => Ok((self.made(parent, name)?, File::from(fd))),
            Err(nix::errno::Errno::EEXIST) if !exclusive => {
                let file = File::from(openat(&*at.fd, name, flags, Mode::empty())?);
                Ok((self.lookup(parent, name)?, file))
            }
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn mkdir(&mut self, parent: u64, name: &OsStr, mode: u32) -> nix::Result<Found> {
        let at = self.place(parent)?;
        mkdirat(&*at.fd, name, Mode::from_bits_truncate(mode))?;
        self.made(parent, name)
    }

    pub(super) fn symlink(&mut self, parent: u64, name: &OsStr, to: &Path) -> nix::Result<Found> {
        let at = self.place(parent)?;
        nix::unistd::symlinkat(to, &*at.fd, name)?;
        self.made(parent, name)
    }

    pub(super) fn link(&mut self, what: u64, parent: u64, name: &OsStr) -> nix::Result<Found> {
        let at = self.place(parent)?;
        journal::link(&self.inode(what)?.place.fd, &at, name)?;
        self.made(parent, name)
    }

    /// Removes a file, or an empty directory.
    pub(super) fn remove(&mut self, parent: u64, name: &OsStr, directory: bool) -> nix::Result<()> {
        let at = self.place(parent)?;
        if parent == ROOT && name == BIN {
            return Err(nix::errno::Errno::ENOENT);
        }
        if self.retired {
            let flag =
                if directory { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
            return unlinkat(&*at.fd, name, flag);
        }
        let stat = fstatat(&*at.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        match (directory, is_directory(&stat)) {
            (true, false) => return Err(nix::errno::Errno::ENOTDIR),
            (false, true) => return Err(nix::errno::Errno::EISDIR),
            (true, true) if !is_empty(&pin(&at.fd, name)?) => {
                return Err(nix::errno::Errno::ENOTEMPTY);
            }
            _ => {}
        }
        let kept = self.names.keep(&at, name)?;
        self.note(Entry::Removed { at, name: name.to_owned(), kept, directory });
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        from: (u64, &OsStr),
        to: (u64, &OsStr),
        keep_target: bool,
    ) -> nix::Result<()> {
        let (source, target) = (self.place(from.0)?, self.place(to.0)?);
        let stat = fstatat(&*source.fd, from.1, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let there = fstatat(&*target.fd, to.1, AtFlags::AT_SYMLINK_NOFOLLOW);
        if self.retired && !keep_target {
            return renameat(&*source.fd, from.1, &*target.fd, to.1);
        }
        let replaced = match there {
            Ok(_) if keep_target => return Err(nix::errno::Errno::EEXIST),
            Ok(other) if key(&other) == key(&stat) => return Ok(()),
            Ok(other) if is_directory(&other) != is_directory(&stat) => {
                let wrong = is_directory(&other);
                let errno =
                    if wrong { nix::errno::Errno::EISDIR } else { nix::errno::Errno::ENOTDIR };
                return Err(errno);
            }
            Ok(other) => {
                let directory = is_directory(&other);
                if directory && !is_empty(&pin(&target.fd, to.1)?) {
                    return Err(nix::errno::Errno::ENOTEMPTY);
                }
                Some((self.names.keep(&target, to.1)?, directory))
            }
            Err(nix::errno::Errno::ENOENT) => None,
            Err(errno) => return Err(errno),
        };
        if let Err(errno) = renameat(&*source.fd, from.1, &*target.fd, to.1) {
            if let Some((kept, _)) = &replaced {
                self.names.put_back(kept, &target, to.1);
            }
            return Err(errno);
        }
        let (from, to) = ((source, from.1.to_owned()), (target, to.1.to_owned()));
        self.note(Entry::Renamed { from, to, object: key(&stat), replaced });
        Ok(())
    }

    /// Names in a directory, with what each is, `.` and `..` left out.
    pub(super) fn list(&self, number: u64) -> io::Result<Vec<(OsString, std::fs::FileType)>> {
        let mut list = Vec::new();
        for entry in std::fs::read_dir(by_descriptor(&self.inode(number)?.place.fd))? {
            let entry = entry?;
            let name = entry.file_name();
            if number != ROOT || (name != BIN && name != PROBE) {
                list.push((name, entry.file_type()?));
            }
        }
        Ok(list)
    }

    pub(super) fn write(
        &mut self,
        number: u64,
        file: &File,
        offset: u64,
        new: &[u8],
    ) -> io::Result<()> {
        let length = file.metadata()?.len();
        let overwritten = length.saturating_sub(offset).min(new.len() as u64);
        let mut old = vec![0; usize::try_from(overwritten).map_err(io::Error::other)?];
        file.read_exact_at(&mut old, offset)?;
        // Kept before it is done, so that a write that fails half-way is undone as well.
        self.change(number, Change::Write { offset, old, new: new.to_owned(), length });
        file.write_all_at(new, offset)?;
        self.counts.writes += 1;
        self.counts.written_bytes += new.len() as u64;
        self.settle(number);
        Ok(())
    }

    pub(super) fn resize(&mut self, number: u64, file: &File, after: u64) -> io::Result<()> {
        let before = file.metadata()?.len();
        let mut tail = vec![0; usize::try_from(before.saturating_sub(after)).unwrap_or(0)];
        file.read_exact_at(&mut tail, after.min(before))?;
        self.change(number, Change::Resize { before, after, tail });
        file.set_len(after)?;
        self.settle(number);
        Ok(())
    }

    fn change(&mut self, number: u64, change: Change) {
        self.weight += change.weight();
        if let Some(inode) = self.inodes.get_mut(&number) {
            inode.changes.push((Instant::now(), change));
        }
    }

    /// Writes back what there is too much of.
    fn settle(&mut self, number: u64) {
        if self.retired {
            self.forget_changes(number);
        } else if self.weight > UNSYNCED_MAX {
            self.write_back(Instant::now(), Instant::now());
        }
    }

    fn forget_changes(&mut self, number: u64) -> u64 {
        let Some(inode) = self.inodes.get_mut(&number) else { return 0 };
        let changes = std::mem::take(&mut inode.changes);
        self.weight -= changes.iter().map(|(_, change)| change.weight()).sum::<u64>();
        self.drop_unknown(number);
        changes.len() as u64
    }

    /// Content is on the disk, and the file's name.
    pub(super) fn sync_file(&mut self, number: u64) -> nix::Result<()> {
        let key = self.inode(number)?.place.key;
        self.forget_changes(number);
        self.names.sync(|entry| entry.is_about(key), &mut self.counts);
        self.counts.syncs += 1;
        Ok(())
    }

    /// Names in it are on the disk.
    pub(super) fn sync_directory(&mut self, number: u64) -> nix::Result<()> {
        let key = self.inode(number)?.place.key;
        self.names.sync(|entry| entry.is_in(key), &mut self.counts);
        self.counts.syncs += 1;
        Ok(())
    }

    /// What kernels do without being asked.
    pub(super) fn tick(&mut self) {
        let now = Instant::now();
        let ago = |age| now.checked_sub(age).unwrap_or(now);
        self.write_back(ago(NAMES_EXPIRE), ago(CONTENT_EXPIRE));
    }

    fn write_back(&mut self, names: Instant, content: Instant) {
        let old = |inode: &Inode| inode.changes.first().is_some_and(|(at, _)| *at < content);
        let numbers: Vec<u64> =
            self.inodes.iter().filter(|(_, inode)| old(inode)).map(|(number, _)| *number).collect();
        for number in numbers {
            self.counts.written_back += self.forget_changes(number);
        }
        self.counts.written_back += self.names.expire(names, &mut self.counts) as u64;
    }

    /// Everything is on the disk, and from now on at once.
    pub(super) fn retire(&mut self, directory: &OwnedFd) {
        self.retired = true;
        let numbers: Vec<u64> = self.inodes.keys().copied().collect();
        for number in numbers {
            self.forget_changes(number);
        }
        self.names.sync(|_| true, &mut self.counts);
        let _ = unlinkat(directory, BIN, UnlinkatFlags::RemoveDir);
    }

    /// Puts back what is not synced, but for what survives.
    pub(super) fn lose_power(&mut self, how: &PowerLoss) {
        let mut rng = Seed::root(how.seed).rng();
        let numbers: Vec<u64> = self.inodes.keys().copied().collect();
        for number in numbers {
            let Some(inode) = self.inodes.get_mut(&number) else { continue };
            let changes = std::mem::take(&mut inode.changes);
            if changes.is_empty() {
                continue;
            }
            self.weight -= changes.iter().map(|(_, change)| change.weight()).sum::<u64>();
            let changes: Vec<Change> = changes.into_iter().map(|(_, change)| change).collect();
            let path = by_descriptor(&inode.place.fd);
            let lost =
                File::options().read(true).write(true).open(path).and_then(|file| {
                    journal::lose(&file, &changes, how, &mut rng, &mut self.counts)
                });
            self.counts.errors += u64::from(lost.is_err());
            self.drop_unknown(number);
        }
        self.names.lose(how, &mut rng, &mut self.counts);
        self.counts.power_losses += 1;
    }
}

fn is_empty(directory: &OwnedFd) -> bool {
    std::fs::read_dir(by_descriptor(directory)).is_ok_and(|mut entries| entries.next().is_none())
}

/// Whether the layer can do such a rename.
pub(super) fn supports(flags: u32) -> bool {
    flags & !RenameFlags::RENAME_NOREPLACE.bits() == 0
}

//! The layer as the kernel sees it: a file system in user space (FUSE).
//!
//! Nothing is cached in the kernel beyond what is open, since a power loss changes files below it.

use super::attributes::{attributes, time_spec};
use super::core::{Core, Found, by_descriptor, is_directory, supports};
use crate::agent::process::lock;
use crate::wire::disk::Failure;
use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// The kernel asks each time.
const AT_ONCE: Duration = Duration::ZERO;

/// What an operation does to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Touch {
    Read,
    /// It takes room.
    Write,
    /// It frees room, or takes none.
    Names,
    Sync,
}

struct Opened {
    file: Arc<File>,
    /// Opened with `O_SYNC` or `O_DSYNC`: every write is synced.
    synced: bool,
}

/// What the file system and those who steer it share.
pub(super) struct Shared {
    pub(super) core: Mutex<Core>,
    pub(super) failure: Mutex<Option<Failure>>,
}

/// See the file's page.
pub(super) struct Layer {
    shared: Arc<Shared>,
    files: Mutex<(u64, BTreeMap<u64, Opened>)>,
    lists: Mutex<BTreeMap<u64, Vec<(OsString, fs::FileType)>>>,
}

impl Layer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, files: Mutex::default(), lists: Mutex::default() }
    }

    /// Fails, or takes its time, as was asked for.
    fn gate(&self, touch: Touch) -> io::Result<()> {
        let failure = *lock(&self.shared.failure);
        let fail = |errno| Err(io::Error::from_raw_os_error(errno));
        match failure {
            Some(Failure::Eio { read, write, sync }) => {
                let hit = match touch {
                    Touch::Read => read,
                    Touch::Write | Touch::Names => write,
                    Touch::Sync => sync,
                };
                if hit {
                    lock(&self.shared.core).counts_mut().eio += 1;
                    return fail(libc::EIO);
                }
            }
            Some(Failure::Enospc {}) if touch == Touch::Write => {
                lock(&self.shared.core).counts_mut().enospc += 1;
                return fail(libc::ENOSPC);
            }
            Some(Failure::Slow { delay_ms }) => {
                lock(&self.shared.core).counts_mut().slowed += 1;
                std::thread::sleep(Duration::from_millis(delay_ms));
            }
            Some(Failure::Enospc {}) | None => {}
        }
        Ok(())
    }

    fn open_file(&self, number: u64, write: bool) -> io::Result<File> {
        let pinned = lock(&self.shared.core).pinned(number)?;
        File::options().read(true).write(write).open(by_descriptor(&pinned))
    }

    fn opened(&self, file: File, flags: i32) -> FileHandle {
        let mut files = lock(&self.files);
        files.0 += 1;
        let handle = files.0;
        let synced = flags & (libc::O_SYNC | libc::O_DSYNC) != 0;
        files.1.insert(handle, Opened { file: Arc::new(file), synced });
        FileHandle(handle)
    }

    fn file(&self, handle: FileHandle) -> io::Result<(Arc<File>, bool)> {
        let files = lock(&self.files);
        let opened = files.1.get(&handle.0).ok_or(io::Error::from_raw_os_error(libc::EBADF))?;
        Ok((Arc::clone(&opened.file), opened.synced))
    }

    fn write_file(&self, ino: u64, handle: FileHandle, at: u64, data: &[u8]) -> io::Result<()> {
        self.gate(Touch::Write)?;
        let (file, synced) = self.file(handle)?;
        lock(&self.shared.core).write(ino, &file, at, data)?;
        if synced { self.sync(ino, &file, true) } else { Ok(()) }
    }

    fn sync(&self, ino: u64, file: &File, data_only: bool) -> io::Result<()> {
        self.gate(Touch::Sync)?;
        // Locked throughout: what is written meanwhile is not synced by this.
        let mut core = lock(&self.shared.core);
        if data_only {
            file.sync_data()?
        } else {
            file.sync_all()?
        }
        Ok(core.sync_file(ino)?)
    }

    fn resize(&self, ino: u64, handle: Option<FileHandle>, length: u64) -> io::Result<()> {
        self.gate(Touch::Write)?;
        let file = match handle {
            Some(handle) => self.file(handle)?.0,
            None => Arc::new(self.open_file(ino, true)?),
        };
        lock(&self.shared.core).resize(ino, &file, length)
    }

    /// Gives what was just made to who asked for it.
    fn give(&self, request: &Request, found: &mut Found) -> io::Result<()> {
        let core = lock(&self.shared.core);
        let owner = (request.uid(), request.gid());
        if (found.stat.st_uid, found.stat.st_gid) != owner {
            let pinned = core.pinned(found.number)?;
            chown(by_descriptor(&pinned), Some(owner.0), Some(owner.1))?;
            found.stat = core.stat(found.number)?;
        }
        Ok(())
    }

    fn make(
        &self,
        request: &Request,
        reply: ReplyEntry,
        make: impl FnOnce(&mut Core) -> nix::Result<Found>,
    ) {
        let made = self.gate(Touch::Write).and_then(|()| {
            let mut found = make(&mut lock(&self.shared.core))?;
            self.give(request, &mut found)?;
            Ok(found)
        });
        entry(made, reply);
    }

    fn change_names(&self, reply: ReplyEmpty, change: impl FnOnce(&mut Core) -> nix::Result<()>) {
        let changed =
            self.gate(Touch::Names).and_then(|()| Ok(change(&mut lock(&self.shared.core))?));
        empty(changed, reply);
    }

    fn attributes(&self, ino: u64) -> io::Result<FileAttr> {
        Ok(attributes(ino, &lock(&self.shared.core).stat(ino)?))
    }

    fn read_file(&self, handle: FileHandle, offset: u64, size: u32) -> io::Result<Vec<u8>> {
        self.gate(Touch::Read)?;
        let (file, _) = self.file(handle)?;
        let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
                0 => break,
                more => filled += more,
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn list(&self, ino: u64) -> io::Result<FileHandle> {
        let entries = lock(&self.shared.core).list(ino)?;
        let mut files = lock(&self.files);
        files.0 += 1;
        lock(&self.lists).insert(files.0, entries);
        Ok(FileHandle(files.0))
    }
}

fn entry(found: io::Result<Found>, reply: ReplyEntry) {
    match found {
        Ok(found) => {
            reply.entry(&AT_ONCE, &attributes(found.number, &found.stat), Generation(0));
        }
        Err(error) => reply.error(errno(error)),
    }
}

fn empty(done: io::Result<()>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(error)),
    }
}

fn errno(error: io::Error) -> Errno {
    Errno::from(error)
}

impl Filesystem for Layer {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(lock(&self.shared.core).lookup(parent.0, name).map_err(Into::into), reply);
    }

    fn forget(&self, _: &Request, ino: INodeNo, times: u64) {
        lock(&self.shared.core).forget(ino.0, times);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(ino.0) {
            Ok(attributes) => reply.attr(&AT_ONCE, &attributes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let set = || -> io::Result<FileAttr> {
            let pinned = lock(&self.shared.core).pinned(ino.0)?;
            let path = by_descriptor(&pinned);
            if let Some(mode) = mode {
                fs::set_permissions(&path, Permissions::from_mode(mode & 0o7777))?;
            }
            if uid.is_some() || gid.is_some() {
                chown(&path, uid, gid)?;
            }
            if let Some(size) = size {
                self.resize(ino.0, handle, size)?;
            }
            if atime.is_some() || mtime.is_some() {
                let (atime, mtime) = (time_spec(atime), time_spec(mtime));
                utimensat(AT_FDCWD, &path, &atime, &mtime, UtimensatFlags::FollowSymlink)?;
            }
            self.attributes(ino.0)
        };
        match set() {
            Ok(attributes) => reply.attr(&AT_ONCE, &attributes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        use std::os::unix::ffi::OsStrExt;
        let target = lock(&self.shared.core)
            .pinned(ino.0)
            .and_then(|pinned| nix::fcntl::readlinkat(&*pinned, ""));
        match target {
            Ok(target) => reply.data(target.as_bytes()),
            Err(errno) => reply.error(Errno::from_i32(errno as i32)),
        }
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        self.make(request, reply, |core| core.mkdir(parent.0, name, mode));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.change_names(reply, |core| core.remove(parent.0, name, false));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.change_names(reply, |core| core.remove(parent.0, name, true));
    }

    fn symlink(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        target: &Path,
        reply: ReplyEntry,
    ) {
        self.make(request, reply, |core| core.symlink(parent.0, name, target));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !supports(flags.bits()) {
            return reply.error(Errno::EINVAL);
        }
        let keep = !flags.is_empty();
        self.change_names(reply, |core| {
            core.rename((parent.0, name), (newparent.0, newname), keep)
        });
    }

    fn link(
        &self,
        _: &Request,
        ino: INodeNo,
        newparent: INodeNo,
        newname: &OsStr,
        reply: ReplyEntry,
    ) {
        let made = self
            .gate(Touch::Write)
            .and_then(|()| Ok(lock(&self.shared.core).link(ino.0, newparent.0, newname)?));
        entry(made, reply);
    }

    fn open(&self, _: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let write = flags.0 & libc::O_ACCMODE != libc::O_RDONLY;
        match self.open_file(ino.0, write) {
            Ok(file) => reply.opened(self.opened(file, flags.0), FopenFlags::empty()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let made = self.gate(Touch::Write).and_then(|()| {
            let exclusive = flags & libc::O_EXCL != 0;
            let made = lock(&self.shared.core).create(parent.0, name, mode, exclusive);
            let (mut found, file) = made?;
            self.give(request, &mut found)?;
            Ok((found, self.opened(file, flags)))
        });
        match made {
            Ok((found, handle)) => {
                let attributes = attributes(found.number, &found.stat);
                reply.created(&AT_ONCE, &attributes, Generation(0), handle, FopenFlags::empty());
            }
            Err(error) => reply.error(errno(error)),
        }
    }

    fn read(
        &self,
        _: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.read_file(handle, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.write_file(ino.0, handle, offset, data) {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn flush(
        &self,
        _: &Request,
        _ino: INodeNo,
        _handle: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        // Closing a file syncs nothing.
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        lock(&self.files).1.remove(&handle.0);
        reply.ok();
    }

    fn fsync(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        data_only: bool,
        reply: ReplyEmpty,
    ) {
        let file = self.file(handle);
        empty(file.and_then(|(file, _)| self.sync(ino.0, &file, data_only)), reply);
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.list(ino.0) {
            Ok(handle) => reply.opened(handle, FopenFlags::empty()),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let lists = lock(&self.lists);
        let entries = lists.get(&handle.0).map_or(&[][..], Vec::as_slice);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        for (index, (name, kind)) in entries.iter().enumerate().skip(from) {
            let kind = FileType::from_std(*kind).unwrap_or(FileType::RegularFile);
            // The number is only for the eyes: the kernel looks each name up.
            if reply.add(INodeNo(u64::MAX), index as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(
        &self,
        _: &Request,
        _ino: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        lock(&self.lists).remove(&handle.0);
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _handle: FileHandle,
        _data_only: bool,
        reply: ReplyEmpty,
    ) {
        let synced = self
            .gate(Touch::Sync)
            .and_then(|()| Ok(lock(&self.shared.core).sync_directory(ino.0)?));
        empty(synced, reply);
    }

    fn statfs(&self, _: &Request, ino: INodeNo, reply: ReplyStatfs) {
        let below = lock(&self.shared.core)
            .pinned(ino.0)
            .and_then(|pinned| nix::sys::statvfs::fstatvfs(&*pinned));
        let full = matches!(*lock(&self.shared.failure), Some(Failure::Enospc {}));
        match below {
            Ok(all) => {
                let free = |blocks| if full { 0 } else { blocks };
                reply.statfs(
                    all.blocks(),
                    free(all.blocks_free()),
                    free(all.blocks_available()),
                    all.files(),
                    all.files_free(),
                    u32::try_from(all.block_size()).unwrap_or(4096),
                    u32::try_from(all.name_max()).unwrap_or(255),
                    u32::try_from(all.fragment_size()).unwrap_or(4096),
                );
            }
            Err(errno) => reply.error(Errno::from_i32(errno as i32)),
        }
    }

    fn fallocate(
        &self,
        _: &Request,
        ino: INodeNo,
        handle: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        // Without a mode it lengthens the file; to keep the length there is nothing to do here.
        let done = match mode {
            0 => lock(&self.shared.core).stat(ino.0).map_err(Into::into).map(|stat| {
                let end = offset.saturating_add(length);
                let length = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
                (length < end && !is_directory(&stat)).then_some(end)
            }),
            libc::FALLOC_FL_KEEP_SIZE => Ok(None),
            _ => Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
        };
        let done = done.and_then(|end| match end {
            Some(end) => self.resize(ino.0, Some(handle), end),
            None => self.gate(Touch::Write),
        });
        empty(done, reply);
    }
}

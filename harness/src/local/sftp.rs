//! File transfer over a local node's SSH server: SFTP version 3, with OpenSSH's `posix-rename`.

use russh::Channel;
use russh::server::Msg;
use russh_sftp::protocol::{
    Attrs, Data, File as Entry, FileAttributes, Handle, Name, OpenFlags, Packet, Status,
    StatusCode, Version,
};
use russh_sftp::server::StatusReply;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The subsystem's name in SSH.
pub(super) const SUBSYSTEM: &str = "sftp";
/// Most files and directories open at a time.
const HANDLES: usize = 256;
/// Most bytes of one read.
const READ: usize = 256 << 10;
/// Most entries of one answer about a directory.
const ENTRIES: usize = 128;
const POSIX_RENAME: &str = "posix-rename@openssh.com";
const FSYNC: &str = "fsync@openssh.com";

/// Serves until the client closes the channel.
pub(super) async fn run(channel: Channel<Msg>) {
    russh_sftp::server::run(channel.into_stream(), Files::default()).await;
}

/// Something open.
enum Open {
    File {
        file: File,
        append: bool,
    },
    /// What has not been listed yet.
    Directory(Vec<Entry>),
}

#[derive(Default)]
struct Files {
    open: BTreeMap<String, Open>,
    next: u64,
}

type Answer<T> = Result<T, StatusReply>;

fn refused(error: &io::Error) -> StatusReply {
    let code = match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        _ => StatusCode::Failure,
    };
    code.with_message(error.to_string())
}

fn done(id: u32, result: io::Result<()>) -> Answer<Status> {
    result.map_err(|error| refused(&error))?;
    let language_tag = "en".into();
    Ok(Status { id, status_code: StatusCode::Ok, error_message: "Ok".into(), language_tag })
}

fn attributes(metadata: &Metadata) -> FileAttributes {
    let seconds = |time: i64| u32::try_from(time).unwrap_or(0);
    FileAttributes {
        size: Some(metadata.len()),
        uid: Some(metadata.uid()),
        gid: Some(metadata.gid()),
        permissions: Some(metadata.mode()),
        atime: Some(seconds(metadata.atime())),
        mtime: Some(seconds(metadata.mtime())),
        ..FileAttributes::empty()
    }
}

/// Changes what is given, of the file at `path`.
fn change(path: &Path, wanted: &FileAttributes) -> io::Result<()> {
    if let Some(size) = wanted.size {
        File::options().write(true).open(path)?.set_len(size)?;
    }
    if let Some(mode) = wanted.permissions {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o7777))?;
    }
    if wanted.uid.is_some() || wanted.gid.is_some() {
        std::os::unix::fs::chown(path, wanted.uid, wanted.gid)?;
    }
    if wanted.atime.is_some() || wanted.mtime.is_some() {
        let at = |seconds: u32| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
        let mut times = FileTimes::new();
        times = wanted.atime.map_or(times, |time| times.set_accessed(at(time)));
        times = wanted.mtime.map_or(times, |time| times.set_modified(at(time)));
        File::open(path)?.set_times(times)?;
    }
    Ok(())
}

fn list(path: &str) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // A file may go while it is being listed.
        let attrs =
            entry.metadata().map_or_else(|_| FileAttributes::empty(), |found| attributes(&found));
        entries.push(Entry::new(entry.file_name().to_string_lossy(), attrs));
    }
    for name in [".", ".."] {
        let found = fs::metadata(Path::new(path).join(name))?;
        entries.push(Entry::new(name, attributes(&found)));
    }
    Ok(entries)
}

impl Files {
    fn keep(&mut self, id: u32, open: Open) -> Answer<Handle> {
        if self.open.len() >= HANDLES {
            return Err(StatusCode::Failure.with_message("too many open files"));
        }
        self.next += 1;
        let handle = self.next.to_string();
        self.open.insert(handle.clone(), open);
        Ok(Handle { id, handle })
    }

    fn file(&self, handle: &str) -> Answer<(&File, bool)> {
        match self.open.get(handle) {
            Some(Open::File { file, append }) => Ok((file, *append)),
            _ => Err(StatusCode::Failure.with_message("no such open file")),
        }
    }

    fn open_file(path: &str, flags: OpenFlags, attrs: &FileAttributes) -> io::Result<Open> {
        let mut options = File::options();
        let append = flags.contains(OpenFlags::APPEND);
        let write = flags.contains(OpenFlags::WRITE);
        options.read(flags.contains(OpenFlags::READ)).write(write && !append).append(append);
        options.truncate(flags.contains(OpenFlags::TRUNCATE) && write && !append);
        if flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUDE) {
            options.create_new(true);
        } else {
            options.create(flags.contains(OpenFlags::CREATE) && (write || append));
        }
        options.mode(attrs.permissions.map_or(0o666, |mode| mode & 0o7777));
        Ok(Open::File { file: options.open(path)?, append })
    }
}

/// Splits the strings of an extended request: each after its length.
fn strings(mut data: &[u8]) -> Option<Vec<String>> {
    let mut strings = Vec::new();
    while !data.is_empty() {
        let (length, rest) = data.split_first_chunk::<4>()?;
        let (text, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        strings.push(String::from_utf8(text.to_vec()).ok()?);
        data = rest;
    }
    Some(strings)
}

impl russh_sftp::server::Handler for Files {
    type Error = StatusReply;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported.into()
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Answer<Version> {
        let mut version = Version::new();
        for name in [POSIX_RENAME, FSYNC] {
            version.extensions.insert(name.into(), "1".into());
        }
        Ok(version)
    }

    async fn open(
        &mut self,
        id: u32,
        path: String,
        flags: OpenFlags,
        attrs: FileAttributes,
    ) -> Answer<Handle> {
        let open = Self::open_file(&path, flags, &attrs).map_err(|error| refused(&error))?;
        self.keep(id, open)
    }

    async fn close(&mut self, id: u32, handle: String) -> Answer<Status> {
        let found = self.open.remove(&handle).ok_or(io::ErrorKind::NotFound.into());
        done(id, found.map(drop))
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, len: u32) -> Answer<Data> {
        let (file, _) = self.file(&handle)?;
        let mut data = vec![0; (len as usize).min(READ)];
        let count = file.read_at(&mut data, offset).map_err(|error| refused(&error))?;
        if count == 0 && len > 0 {
            return Err(StatusCode::Eof.into());
        }
        data.truncate(count);
        Ok(Data { id, data })
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Answer<Status> {
        let (mut file, append) = self.file(&handle)?;
        let written = if append {
            io::Write::write_all(&mut file, &data)
        } else {
            file.write_all_at(&data, offset)
        };
        done(id, written)
    }

    async fn lstat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        let found = fs::symlink_metadata(path).map_err(|error| refused(&error))?;
        Ok(Attrs { id, attrs: attributes(&found) })
    }

    async fn stat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        let found = fs::metadata(path).map_err(|error| refused(&error))?;
        Ok(Attrs { id, attrs: attributes(&found) })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Answer<Attrs> {
        let found = self.file(&handle)?.0.metadata().map_err(|error| refused(&error))?;
        Ok(Attrs { id, attrs: attributes(&found) })
    }

    async fn setstat(&mut self, id: u32, path: String, attrs: FileAttributes) -> Answer<Status> {
        done(id, change(Path::new(&path), &attrs))
    }

    async fn fsetstat(&mut self, id: u32, handle: String, attrs: FileAttributes) -> Answer<Status> {
        use std::os::fd::AsRawFd;
        // Through the open file, which may have no name any more.
        let path = format!("/proc/self/fd/{}", self.file(&handle)?.0.as_raw_fd());
        done(id, change(Path::new(&path), &attrs))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Answer<Handle> {
        let entries = list(&path).map_err(|error| refused(&error))?;
        self.keep(id, Open::Directory(entries))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Answer<Name> {
        match self.open.get_mut(&handle) {
            Some(Open::Directory(entries)) if entries.is_empty() => Err(StatusCode::Eof.into()),
            Some(Open::Directory(entries)) => {
                let from = entries.len().saturating_sub(ENTRIES);
                Ok(Name { id, files: entries.split_off(from) })
            }
            _ => Err(StatusCode::Failure.with_message("no such open directory")),
        }
    }

    async fn remove(&mut self, id: u32, path: String) -> Answer<Status> {
        done(id, fs::remove_file(path))
    }

    async fn mkdir(&mut self, id: u32, path: String, attrs: FileAttributes) -> Answer<Status> {
        use std::os::unix::fs::DirBuilderExt;
        let mode = attrs.permissions.map_or(0o777, |mode| mode & 0o7777);
        done(id, fs::DirBuilder::new().mode(mode).create(path))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Answer<Status> {
        done(id, fs::remove_dir(path))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Answer<Name> {
        // The node's server has its working directory in /root, as OpenSSH has it.
        let path = Path::new(".").join(path);
        // The last part need not exist, as OpenSSH has it.
        let real =
            fs::canonicalize(&path).or_else(|error| match (path.parent(), path.file_name()) {
                (Some(parent), Some(name)) => {
                    fs::canonicalize(parent).map(|parent| parent.join(name))
                }
                _ => Err(error),
            });
        let real = real.map_err(|error| refused(&error))?;
        Ok(Name { id, files: vec![Entry::dummy(real.to_string_lossy())] })
    }

    async fn rename(&mut self, id: u32, from: String, to: String) -> Answer<Status> {
        // Version 3 does not replace; `posix-rename` does.
        if fs::symlink_metadata(&to).is_ok() {
            return Err(StatusCode::Failure.with_message(format!("{to} exists")));
        }
        done(id, fs::rename(from, to))
    }

    async fn readlink(&mut self, id: u32, path: String) -> Answer<Name> {
        let target = fs::read_link(path).map_err(|error| refused(&error))?;
        Ok(Name { id, files: vec![Entry::dummy(target.to_string_lossy())] })
    }

    async fn symlink(&mut self, id: u32, link: String, target: String) -> Answer<Status> {
        // OpenSSH takes the two in the other order than the draft has them, and all clients follow.
        done(id, std::os::unix::fs::symlink(link, target))
    }

    async fn extended(&mut self, id: u32, request: String, data: Vec<u8>) -> Answer<Packet> {
        let arguments = strings(&data).ok_or(StatusReply::new(StatusCode::BadMessage))?;
        let status = match (request.as_str(), arguments.as_slice()) {
            (POSIX_RENAME, [from, to]) => done(id, fs::rename(from, to))?,
            (FSYNC, [handle]) => done(id, self.file(handle)?.0.sync_all())?,
            _ => return Err(StatusCode::OpUnsupported.into()),
        };
        Ok(Packet::Status(status))
    }
}

//! Files to and from a node: through SFTP, or through a root shell where the login user may not.

use super::session::{Claim, Session};
use super::{Command, ControlError, Exit};
use russh::client::Msg;
use russh::{Channel, ChannelMsg};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::time::timeout;

/// Bytes of one upload or download through SFTP.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// Bytes of one transfer through a shell, which is held in memory.
const MAX_SHELL_BYTES: u64 = 512 << 20;
/// Read and written at a time.
const BUFFER_BYTES: usize = 256 << 10;
/// A transfer may take this long, and a second more for every [`SLOWEST`] bytes.
const BASE_TIME: Duration = Duration::from_secs(30);
const SLOWEST: u64 = 256 << 10;

/// Puts `$2` (which is new) in the place of `$3` with mode `$1`.
const PLACE: &str = r#"
if [ -d "$3" ]; then echo "is a directory" >&2; rm -f -- "$2"; exit 1; fi
chmod "$1" "$2" && mv -f -- "$2" "$3" || { rm -f -- "$2"; exit 1; }
"#;

/// The same with the bytes from standard input.
const RECEIVE: &str = r#"
if [ -d "$3" ]; then echo "is a directory" >&2; exit 1; fi
umask 077
mkdir -p -m 755 -- "$(dirname -- "$3")" && cat > "$2" && chmod "$1" "$2" && mv -f -- "$2" "$3" ||
    { rm -f -- "$2"; exit 1; }
"#;

/// Why SFTP did not do it.
enum Problem {
    /// Another way may work: as root.
    Denied(String),
    /// The directory or the file is missing.
    Missing(String),
    /// The server has no SFTP.
    NoSftp(String),
    Other(Box<ControlError>),
}

/// Where an upload's bytes come from.
enum Source<'a> {
    Bytes(&'a [u8]),
    File(&'a Path, u64),
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        Self::Other(Box::new(error))
    }
}

impl Source<'_> {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(_, len) => *len,
        }
    }

    async fn open(&self) -> Result<Box<dyn AsyncRead + Send + Unpin + '_>, ControlError> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(*bytes),
            Self::File(path, _) => {
                Box::new(tokio::fs::File::open(path).await.map_err(|e| local_error(path, &e))?)
            }
        })
    }
}

pub(super) async fn upload(
    session: &Session,
    local: &Path,
    remote: &str,
    mode: u32,
) -> Result<(), ControlError> {
    let meta = tokio::fs::metadata(local).await.map_err(|error| local_error(local, &error))?;
    put(session, Source::File(local, meta.len()), remote, mode).await
}

pub(super) async fn upload_bytes(
    session: &Session,
    bytes: &[u8],
    remote: &str,
    mode: u32,
) -> Result<(), ControlError> {
    put(session, Source::Bytes(bytes), remote, mode).await
}

async fn put(
    session: &Session,
    source: Source<'_>,
    remote: &str,
    mode: u32,
) -> Result<(), ControlError> {
    check_size(session, remote, source.len(), MAX_FILE_BYTES)?;
    let temporary = format!("{remote}.{:016x}.part", rand::random::<u64>());
    let mut sent = sftp_put(session, &source, &temporary).await;
    if let Err(Problem::Missing(_)) = sent {
        let parent = Path::new(remote).parent().map_or(".".into(), Path::to_string_lossy);
        let made = session.exec(&Command::new(["mkdir", "-p", "--", &parent])).await?;
        sent = match made.success() {
            true => sftp_put(session, &source, &temporary).await,
            false => Err(Problem::Denied(made.error_text())),
        };
    }
    let is_root = session.target().user == "root";
    match sent {
        Ok(()) => {
            let mode = format!("{mode:o}");
            let argv = ["/bin/sh", "-c", PLACE, "place", &mode, &temporary, remote];
            finish(session, Command::new(argv), remote).await
        }
        Err(Problem::Denied(cause)) if is_root => Err(write_error(session, remote, cause)),
        Err(Problem::Missing(cause)) => Err(write_error(session, remote, cause)),
        Err(Problem::Denied(_)) => {
            shell_put(session, &source, &temporary, remote, mode, true).await
        }
        Err(Problem::NoSftp(cause)) => {
            tracing::debug!(node = session.target().name, remote, cause, "writing through a shell");
            shell_put(session, &source, &temporary, remote, mode, false).await
        }
        Err(Problem::Other(error)) => Err(*error),
    }
}

async fn shell_put(
    session: &Session,
    source: &Source<'_>,
    temporary: &str,
    remote: &str,
    mode: u32,
    root: bool,
) -> Result<(), ControlError> {
    check_size(session, remote, source.len(), MAX_SHELL_BYTES)?;
    let mut bytes = Vec::new();
    let mut reader = source.open().await?;
    reader.read_to_end(&mut bytes).await.map_err(|error| source_error(source, &error))?;
    let mode = format!("{mode:o}");
    let mut command = Command::new(["/bin/sh", "-c", RECEIVE, "receive", &mode, temporary, remote])
        .timeout(time_for(source.len()))
        .stdin(bytes);
    command.root = root;
    finish(session, command, remote).await
}

async fn finish(session: &Session, command: Command, remote: &str) -> Result<(), ControlError> {
    let output = session.exec_owned(command).await?;
    match &output.exit {
        Exit::Code(0) => Ok(()),
        Exit::Lost => {
            let cause = "the connection was lost: it may be there or not".to_owned();
            Err(write_error(session, remote, cause))
        }
        exit => Err(write_error(session, remote, format!("{exit}: {}", output.error_text()))),
    }
}

/// An SFTP session on a channel of its own.
async fn open_sftp(session: &Session) -> Result<(SftpSession, Claim), Problem> {
    let slot = session.shared().open_channel("a file transfer").await?;
    let connection = Arc::clone(&slot.connection);
    let (mut channel, claim) = slot.split();
    let refusal = match request_sftp(&mut channel).await {
        None => match SftpSession::new(channel.into_stream()).await {
            Ok(sftp) => return Ok((sftp, claim)),
            Err(error) => error.to_string(),
        },
        Some(refusal) => {
            // Dropping alone would leave it open on the server.
            if let Err(error) = channel.close().await {
                tracing::trace!(%error, "channel was closed already");
            }
            refusal
        }
    };
    if connection.handle.is_closed() {
        let lost = session.shared().disconnected("a file transfer", connection.cause());
        return Err(lost.into());
    }
    Err(Problem::NoSftp(refusal))
}

/// Why the server gives no SFTP on this channel. The answer is awaited, for an unanswered request
/// would only be noticed by SFTP's own time limit.
async fn request_sftp(channel: &mut Channel<Msg>) -> Option<String> {
    if let Err(error) = channel.request_subsystem(true, "sftp").await {
        return Some(error.to_string());
    }
    loop {
        match timeout(BASE_TIME, channel.wait()).await {
            Ok(Some(ChannelMsg::Success)) => return None,
            Ok(Some(ChannelMsg::WindowAdjusted { .. })) => {}
            Ok(Some(ChannelMsg::Failure)) => return Some("it has no such subsystem".to_owned()),
            Ok(other) => return Some(format!("unexpected answer {other:?}")),
            Err(_) => return Some("no answer".to_owned()),
        }
    }
}

async fn sftp_put(session: &Session, source: &Source<'_>, temporary: &str) -> Result<(), Problem> {
    let (sftp, _slot) = open_sftp(session).await?;
    let sending = async {
        let flags = OpenFlags::CREATE | OpenFlags::EXCLUDE | OpenFlags::WRITE;
        let mut private = FileAttributes::empty();
        private.permissions = Some(0o600);
        let opened = sftp.open_with_flags_and_attributes(temporary, flags, private).await;
        let mut file = opened.map_err(|error| problem(session, "write", temporary, error))?;
        let mut reader = source.open().await?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = reader.read(&mut buffer).await;
            let count = read.map_err(|error| source_error(source, &error))?;
            if count == 0 {
                break;
            }
            let written = file.write_all(&buffer[..count]).await;
            written.map_err(|error| broken(session, "write", temporary, &error))?;
        }
        // Flushing includes a sync: a node may lose its power any moment.
        file.flush().await.map_err(|error| broken(session, "write", temporary, &error))?;
        file.close().await.map_err(|error| broken(session, "write", temporary, &error))
    };
    let sent = timeout(time_for(source.len()), sending).await.unwrap_or_else(|_| {
        Err(write_error(session, temporary, "it takes too long".to_owned()).into())
    });
    if sent.is_err() && timeout(BASE_TIME, sftp.remove_file(temporary)).await.is_err() {
        tracing::debug!(temporary, "a torn upload could not be removed");
    }
    close(&sftp).await;
    sent
}

pub(super) async fn download(
    session: &Session,
    remote: &str,
    local: &Path,
    cap: u64,
) -> Result<u64, ControlError> {
    check_size(session, remote, cap.min(MAX_FILE_BYTES), MAX_FILE_BYTES)?;
    if let Some(parent) = local.parent() {
        tokio::fs::create_dir_all(parent).await.map_err(|error| local_error(parent, &error))?;
    }
    let mut part = local.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let fetched = fetch(session, remote, &part, cap.min(MAX_FILE_BYTES)).await;
    if fetched.is_err() {
        // It may not even exist; the first error is the one to tell.
        let _ = tokio::fs::remove_file(&part).await;
    }
    let bytes = fetched?;
    tokio::fs::rename(&part, local).await.map_err(|error| local_error(local, &error))?;
    Ok(bytes)
}

async fn fetch(
    session: &Session,
    remote: &str,
    part: &Path,
    cap: u64,
) -> Result<u64, ControlError> {
    match sftp_get(session, remote, part, cap).await {
        Ok(bytes) => Ok(bytes),
        Err(Problem::Missing(cause)) => Err(read_error(session, remote, cause)),
        Err(Problem::Denied(cause)) if session.target().user == "root" => {
            Err(read_error(session, remote, cause))
        }
        Err(Problem::Denied(_)) => shell_get(session, remote, part, cap, true).await,
        Err(Problem::NoSftp(_)) => shell_get(session, remote, part, cap, false).await,
        Err(Problem::Other(error)) => Err(*error),
    }
}

async fn sftp_get(session: &Session, remote: &str, part: &Path, cap: u64) -> Result<u64, Problem> {
    let (sftp, _slot) = open_sftp(session).await?;
    let fetching = async {
        let meta = sftp.metadata(remote).await;
        let meta = meta.map_err(|error| problem(session, "read", remote, error))?;
        if meta.is_dir() {
            let cause = "it is a directory".to_owned();
            return Err(read_error(session, remote, cause).into());
        }
        let opened = sftp.open(remote).await;
        let mut file = opened.map_err(|error| problem(session, "read", remote, error))?;
        let start = meta.size.unwrap_or(0).saturating_sub(cap);
        let sought = file.seek(SeekFrom::Start(start)).await;
        sought.map_err(|error| broken(session, "read", remote, &error))?;
        let write_failed = |error: std::io::Error| local_error(part, &error);
        let mut out = tokio::fs::File::create(part).await.map_err(write_failed)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut total = 0;
        // A log may grow meanwhile, so the end of the file is not the only end.
        while total < cap {
            let room = BUFFER_BYTES.min(usize::try_from(cap - total).unwrap_or(BUFFER_BYTES));
            let read = file.read(&mut buffer[..room]).await;
            let count = read.map_err(|error| broken(session, "read", remote, &error))?;
            if count == 0 {
                break;
            }
            out.write_all(&buffer[..count]).await.map_err(write_failed)?;
            total += count as u64;
        }
        out.flush().await.map_err(write_failed)?;
        Ok(total)
    };
    let fetched = timeout(time_for(cap), fetching).await.unwrap_or_else(|_| {
        Err(read_error(session, remote, "it takes too long".to_owned()).into())
    });
    close(&sftp).await;
    fetched
}

/// Through `tail`.
async fn shell_get(
    session: &Session,
    remote: &str,
    part: &Path,
    cap: u64,
    root: bool,
) -> Result<u64, ControlError> {
    let cap = cap.min(MAX_SHELL_BYTES);
    let mut command = Command::new(["tail", "-c", &cap.to_string(), "--", remote])
        .timeout(time_for(cap))
        .output_cap(usize::try_from(cap).unwrap_or(usize::MAX));
    command.root = root;
    let output = session.exec_owned(command).await?;
    if !output.success() {
        let cause = format!("{}: {}", output.exit, output.error_text());
        return Err(read_error(session, remote, cause));
    }
    tokio::fs::write(part, &output.stdout).await.map_err(|error| local_error(part, &error))?;
    Ok(output.stdout.len() as u64)
}

async fn close(sftp: &SftpSession) {
    if let Err(error) = sftp.close().await {
        tracing::trace!(%error, "SFTP session was closed already");
    }
}

fn time_for(bytes: u64) -> Duration {
    BASE_TIME + Duration::from_secs(bytes / SLOWEST)
}

fn check_size(session: &Session, path: &str, bytes: u64, limit: u64) -> Result<(), ControlError> {
    if bytes <= limit {
        return Ok(());
    }
    let (node, path) = (session.target().name.clone(), path.to_owned());
    Err(ControlError::TooLarge { node, path, bytes, limit })
}

fn problem(session: &Session, action: &'static str, path: &str, error: SftpError) -> Problem {
    match &error {
        SftpError::Status(status) if status.status_code == StatusCode::PermissionDenied => {
            Problem::Denied("permission denied".to_owned())
        }
        SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile => {
            Problem::Missing("no such file or directory".to_owned())
        }
        _ => broken(session, action, path, &error),
    }
}

fn broken(
    session: &Session,
    action: &'static str,
    path: &str,
    error: &dyn std::fmt::Display,
) -> Problem {
    let (node, path) = (session.target().name.clone(), path.to_owned());
    ControlError::File { node, action, path, cause: error.to_string() }.into()
}

fn write_error(session: &Session, path: &str, cause: String) -> ControlError {
    let node = session.target().name.clone();
    ControlError::File { node, action: "write", path: path.to_owned(), cause }
}

fn read_error(session: &Session, path: &str, cause: String) -> ControlError {
    let node = session.target().name.clone();
    ControlError::File { node, action: "read", path: path.to_owned(), cause }
}

fn local_error(path: &Path, error: &std::io::Error) -> ControlError {
    ControlError::LocalFile { path: path.to_owned(), cause: error.to_string() }
}

fn source_error(source: &Source<'_>, error: &std::io::Error) -> ControlError {
    match source {
        Source::Bytes(_) => local_error(Path::new("(memory)"), error),
        Source::File(path, _) => local_error(path, error),
    }
}

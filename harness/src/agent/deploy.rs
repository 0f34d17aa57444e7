//! Deployment: the agent's binary onto a node, once, and the agent started there.

use super::link::Link;
use crate::control::{Command, Session};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Where agents and their ledgers are on a node; owned by root.
const DIRECTORY: &str = "/var/tmp/perjury";
/// Hexadecimal digits of the hash in the binary's name.
const HASH_DIGITS: usize = 16;

/// Whether `$2` is already the program of `$3` bytes, in a directory `$1` that nobody else can
/// write to: root will run it. Exit code 12: it has to be uploaded.
const CHECK: &str = r#"
[ -d "$1" ] || mkdir -p -m 755 -- "$1" || exit 10
if [ -L "$1" ] || [ "$(stat -c %u -- "$1")" != "$(id -u)" ]; then
    echo "$1 does not belong to root: remove it" >&2
    exit 11
fi
[ -x "$2" ] && [ "$(stat -L -c %s -- "$2")" = "$3" ] && exit 0
exit 12
"#;
const MUST_UPLOAD: u32 = 12;

/// What to deploy and where.
#[derive(Clone, Debug)]
pub struct DeployOptions {
    /// The program here, on the controller.
    pub binary: PathBuf,
    /// The agent heals its node and exits when it hears nothing for this long.
    pub lease: Duration,
    /// The directory for the program on the node.
    pub directory: String,
    /// The agent's ledger on the node.
    pub state: String,
}

impl DeployOptions {
    /// The usual paths.
    pub fn new(binary: &Path, lease: Duration) -> Self {
        Self {
            binary: binary.to_owned(),
            lease,
            directory: DIRECTORY.to_owned(),
            state: format!("{DIRECTORY}/agent"),
        }
    }
}

/// Where [`super::Agent::deploy`] puts `binary` on every node: who places it there beforehand
/// saves the upload.
pub async fn remote_path(binary: &Path) -> std::io::Result<String> {
    let hash = hash_of(binary).await?;
    Ok(path_in(DIRECTORY, &hash))
}

fn path_in(directory: &str, hash: &str) -> String {
    format!("{directory}/perjury-{}", &hash[..HASH_DIGITS])
}

/// Uploads if need be, starts, and waits for the agent's first line.
pub(super) async fn deploy(session: &Session, options: &DeployOptions) -> Result<Link, String> {
    let binary = options.binary.display();
    match super::is_static(&options.binary) {
        Ok(true) => {}
        Ok(false) => tracing::warn!(
            %binary,
            "this program is not static: nodes with another C library will not run it"
        ),
        Err(error) => return Err(format!("{binary}: {error}")),
    }
    let hash = hash_of(&options.binary).await.map_err(|error| format!("{binary}: {error}"))?;
    let path = path_in(&options.directory, &hash);
    place(session, options, &path, &hash).await?;
    let lease = options.lease.as_millis().to_string();
    let argv = [&path, "agent", "--lease-ms", &lease, "--state", &options.state];
    let command = Command::new(argv).as_root().output_cap(64 << 10);
    let process = session.spawn(&command).await.map_err(|error| error.to_string())?;
    let (stdin, stdout, exit) = (process.stdin, process.stdout, Some(process.exit));
    Link::open(&session.target().name, stdin, stdout, exit, options.lease).await
}

async fn place(
    session: &Session,
    options: &DeployOptions,
    path: &str,
    hash: &str,
) -> Result<(), String> {
    let told = |error: crate::control::ControlError| error.to_string();
    let size = tokio::fs::metadata(&options.binary).await.map_err(|error| error.to_string())?.len();
    let argv = ["/bin/sh", "-c", CHECK, "check", &options.directory, path, &size.to_string()];
    let check = session.exec(&Command::new(argv).as_root()).await.map_err(told)?;
    match check.exit {
        crate::control::Exit::Code(0) => return Ok(()),
        crate::control::Exit::Code(MUST_UPLOAD) => {}
        _ => {
            return Err(format!(
                "no place for its program: {}: {}",
                check.exit,
                check.error_text()
            ));
        }
    }
    session.upload(&options.binary, path, 0o755).await.map_err(told)?;
    // Synced, since a node may lose its power.
    let argv = ["/bin/sh", "-c", "sync -- \"$1\"; sha256sum -- \"$1\"", "sum", path];
    let sum = Command::new(argv).as_root();
    let sum = session.exec(&sum).await.map_err(told)?;
    if !sum.success() {
        tracing::debug!(node = session.target().name, error = sum.error_text(), "no sha256sum");
    } else if !sum.text().starts_with(hash) {
        return Err(format!("{path} was damaged on its way: is the node's disk full or broken?"));
    }
    Ok(())
}

/// Hashes by path, length and time of change: a binary is read once, not once a node.
type Hashes = BTreeMap<(PathBuf, u64, SystemTime), String>;
static HASHES: Mutex<Hashes> = Mutex::const_new(BTreeMap::new());

/// SHA-256 of a file, in hexadecimal.
async fn hash_of(binary: &Path) -> std::io::Result<String> {
    let meta = tokio::fs::metadata(binary).await?;
    let key = (binary.to_owned(), meta.len(), meta.modified()?);
    // Held while reading, so that nodes that deploy at once wait for one result.
    let mut hashes = HASHES.lock().await;
    if let Some(hash) = hashes.get(&key) {
        return Ok(hash.clone());
    }
    let path = binary.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut file = std::fs::File::open(path)?;
        let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
        loop {
            match file.read(&mut buffer)? {
                0 => {
                    return Ok(hasher
                        .finalize()
                        .iter()
                        .map(|byte| format!("{byte:02x}"))
                        .collect());
                }
                count => hasher.update(&buffer[..count]),
            }
        }
    });
    let hash: std::io::Result<String> = read.await.map_err(std::io::Error::other)?;
    let hash = hash?;
    hashes.insert(key, hash.clone());
    Ok(hash)
}

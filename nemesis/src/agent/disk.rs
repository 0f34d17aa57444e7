//! Disks: the layers over a database's directories, mounted, steered, probed and taken away.

use super::layer::{BIN, MOUNT_SOURCE, PROBE};
use super::ledger::Undo;
use super::process::{SharedLedger, lock};
use super::sys;
use crate::wire::disk::{
    Directories, DiskProbed, DiskStatus, LayerAnswer, LayerRequest, LayerStatus,
};
use nix::mount::{MntFlags, umount2};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How long a layer may take over a request: a power loss puts back what there is.
const ANSWER: Duration = Duration::from_secs(20);
/// How long a layer's own log is shown in an error.
const EXCERPT: usize = 500;

/// The layers of one node: those that the ledger lists.
pub(crate) struct Disks {
    state: PathBuf,
    ledger: SharedLedger,
    /// Layers that this agent started, to be reaped.
    children: Mutex<Vec<Child>>,
}

impl Disks {
    pub(crate) fn new(state: &Path, ledger: SharedLedger) -> Self {
        Self { state: state.to_owned(), ledger, children: Mutex::default() }
    }

    /// Directories with a layer, and its socket.
    fn known(&self) -> Vec<(u64, String, String)> {
        let pending = lock(&self.ledger).pending();
        let layers = pending.into_iter().filter_map(|(id, undo)| match undo {
            Undo::Layer { directory, socket } => Some((id, directory, socket)),
            _ => None,
        });
        layers.collect()
    }

    /// Mounts what is not mounted yet.
    pub(crate) fn mount(&self, what: &Directories) -> Result<DiskStatus, String> {
        for directory in &what.directories {
            let known = self.known().into_iter().find(|(_, known, _)| known == directory);
            if let Some((id, _, socket)) = known {
                if is_mounted(directory)? && ask(&socket, &LayerRequest::Status).is_ok() {
                    continue;
                }
                let line = self.undo(directory, &socket)?;
                lock(&self.ledger).done(id, &line)?;
            }
            self.mount_one(directory)?;
        }
        Ok(self.status())
    }

    fn mount_one(&self, directory: &str) -> Result<(), String> {
        if let Some(problem) = problem() {
            return Err(problem);
        }
        let taken: Vec<String> = self.known().into_iter().map(|(.., socket)| socket).collect();
        let socket = (0..)
            .map(|number: u32| self.state.join(format!("disk-{number}.sock")))
            .map(|path| path.display().to_string())
            .find(|path| !taken.contains(path))
            .unwrap_or_default();
        let undo = Undo::Layer { directory: directory.to_owned(), socket: socket.clone() };
        let id = lock(&self.ledger).intend(undo)?;
        let started = self.start(directory, &socket);
        if started.is_err() {
            // Without `keep` it has ended, or will at once.
            lock(&self.ledger).done(id, "it was not mounted")?;
        }
        started
    }

    fn start(&self, directory: &str, socket: &str) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot start the disk layer: {error}");
        let log = self.state.join("disk-layer.log");
        let file = File::create(&log).map_err(failed)?;
        let mut command = layer_command(directory, socket).map_err(failed)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        sys::daemonize(&mut command, None);
        let mut child = command.spawn().map_err(failed)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        lock(&self.children).push(child);
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err("the disk layer has no pipes".to_owned());
        };
        for line in BufReader::new(stdout).lines() {
            // Only the end of the line counts: a test's harness prints before it.
            if line.map_err(failed)?.ends_with("mounted") {
                return stdin.write_all(b"keep\n").map_err(failed);
            }
        }
        let said: String =
            fs::read_to_string(&log).unwrap_or_default().chars().take(EXCERPT).collect();
        Err(format!("cannot mount the disk layer over {directory}: {}", said.trim()))
    }

    /// What the layers and the kernel say.
    pub(crate) fn status(&self) -> DiskStatus {
        self.reap();
        let layers = self.known().into_iter().map(|(_, directory, socket)| {
            let mounted = is_mounted(&directory).unwrap_or(false);
            let (answer, problem) = match ask(&socket, &LayerRequest::Status) {
                Ok(answer) => (Some(answer), None),
                Err(problem) => (None, Some(problem)),
            };
            LayerStatus {
                directory,
                mounted,
                problem,
                failure: answer.as_ref().and_then(|answer| answer.failure),
                counts: answer.map(|answer| answer.counts).unwrap_or_default(),
            }
        });
        DiskStatus { layers: layers.collect(), problem: problem() }
    }

    /// Asks the same of every layer.
    pub(crate) fn steer(&self, request: &LayerRequest) -> Result<DiskStatus, String> {
        let known = self.known();
        if known.is_empty() {
            return Err("there is no disk layer on this node".to_owned());
        }
        for (_, _, socket) in known {
            ask(&socket, request)?;
        }
        Ok(self.status())
    }

    /// Writes, syncs and reads a file through each directory.
    pub(crate) fn probe(what: &Directories) -> Vec<DiskProbed> {
        let probes = what.directories.iter().map(|directory| {
            let began = Instant::now();
            let path = Path::new(directory).join(PROBE);
            let tried = try_file(&path);
            let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let _ = fs::remove_file(&path);
            let error = tried.err().map(|error| match error.raw_os_error() {
                Some(libc::EIO) => "EIO".to_owned(),
                Some(libc::ENOSPC) => "ENOSPC".to_owned(),
                _ => error.to_string(),
            });
            DiskProbed { directory: directory.clone(), error, took_ms }
        });
        probes.collect()
    }

    /// For the ledger: everything is written, the mount is gone, and its process ends with it.
    pub(crate) fn undo(&self, directory: &str, socket: &str) -> Result<String, String> {
        let retired = ask(socket, &LayerRequest::Retire);
        let mut times = 0;
        while is_mounted(directory)? {
            if times == 16 {
                return Err(format!("{directory} is still mounted: umount -l {directory}"));
            }
            umount2(directory, MntFlags::MNT_DETACH)
                .map_err(|errno| format!("cannot unmount {directory}: {}", errno.desc()))?;
            times += 1;
        }
        let _ = fs::remove_dir_all(Path::new(directory).join(BIN));
        let _ = fs::remove_file(socket);
        self.reap();
        Ok(match (retired, times) {
            (_, 0) => format!("{directory}: no disk layer is mounted"),
            (Ok(_), _) => format!("{directory}: everything is written, the disk layer is gone"),
            (Err(_), _) => format!("{directory}: the disk layer had died, its mount is gone"),
        })
    }

    fn reap(&self) {
        lock(&self.children).retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
    }
}

fn try_file(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    file.write_all(&[0x70; 512])?;
    file.sync_all()?;
    drop(file);
    // Opened anew, so that it does not come out of the kernel's cache.
    fs::read(path).map(|_| ())
}

/// Why no layer can be mounted here.
fn problem() -> Option<String> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
    if let Err(error) = device {
        return Some(format!(
            "the disk layer needs /dev/fuse ({error}): modprobe fuse, and let a container have it \
             (--device /dev/fuse --cap-add SYS_ADMIN)"
        ));
    }
    let root = nix::unistd::geteuid().is_root();
    (!root).then(|| "the disk layer needs an agent that is root, to mount".to_owned())
}

/// Whether the kernel lists a layer of ours there.
fn is_mounted(directory: &str) -> Result<bool, String> {
    let text = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
    Ok(text.lines().any(|line| {
        // ... (5) mount point ... - type source options; spaces are written as \040.
        let point = line.split(' ').nth(4).map(|point| point.replace("\\040", " "));
        let source = line.split_once(" - ").and_then(|(_, rest)| rest.split(' ').nth(1));
        point.as_deref() == Some(directory.trim_end_matches('/')) && source == Some(MOUNT_SOURCE)
    }))
}

fn ask(socket: &str, request: &LayerRequest) -> Result<LayerAnswer, String> {
    let failed = |error: io::Error| format!("the disk layer does not answer: {error}");
    let mut stream = UnixStream::connect(socket).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWER)).map_err(failed)?;
    let mut text = serde_json::to_string(request).map_err(|error| error.to_string())?;
    text.push('\n');
    stream.write_all(text.as_bytes()).map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(failed)?;
    serde_json::from_str(&line).map_err(|error| format!("the disk layer answers oddly: {error}"))
}

#[cfg(not(test))]
fn layer_command(directory: &str, socket: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["disk-layer", directory, socket]);
    Ok(command)
}

/// The test binary is the only one there is.
#[cfg(test)]
fn layer_command(directory: &str, socket: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--exact", "agent::layer::tests::the_layer_itself", "--nocapture"])
        .env(super::layer::tests::ROLE, format!("{directory} {socket}"));
    Ok(command)
}

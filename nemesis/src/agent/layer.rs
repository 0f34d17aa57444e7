//! The disk layer: a file system over a database's data directory that forgets what was not synced.
//!
//! `perjury disk-layer DIR SOCKET` mounts itself over `DIR` and is steered through `SOCKET`. It prints
//! `mounted` and ends unless it then reads `keep`: an agent that dies in between leaves nothing.

mod attributes;
mod core;
mod fuse;
mod journal;

pub(crate) use self::core::{BIN, PROBE};

use self::core::Core;
use self::fuse::{Layer, Shared};
use super::process::lock;
use crate::wire::disk::{LayerAnswer, LayerRequest};
use fuser::{Config, MountOption, Session, SessionACL};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The source under which `/proc/self/mountinfo` lists it: nothing else is ever unmounted.
pub(crate) const MOUNT_SOURCE: &str = "perjury-disk-layer";
/// Requests at the same time: slow ones must not hold up the rest.
const THREADS: usize = 4;
/// Between two looks for what is to be written back.
const TICK: Duration = Duration::from_millis(500);

/// Runs a layer until it is unmounted. Ends with 254 on bad arguments, with 3 when it cannot be.
pub fn main(args: Vec<String>) -> ExitCode {
    let [directory, socket] = args.as_slice() else {
        return complain(254, "use DIR SOCKET");
    };
    match run(Path::new(directory), Path::new(socket)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(3, &error.to_string()),
    }
}

fn complain(code: u8, message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "perjury disk-layer: {message}");
    ExitCode::from(code)
}

fn run(directory: &Path, socket: &Path) -> io::Result<()> {
    let shared =
        Arc::new(Shared { core: Mutex::new(Core::new(directory)?), failure: Mutex::default() });
    // Opened before the mount hides it.
    let below = Arc::new(OwnedFd::from(File::open(directory)?));
    let _ = fs::remove_file(socket);
    let listener = UnixListener::bind(socket)?;
    let mut config = Config::default();
    config.mount_options =
        vec![MountOption::FSName(MOUNT_SOURCE.to_owned()), MountOption::DefaultPermissions];
    config.acl = SessionACL::All;
    config.n_threads = Some(THREADS);
    // What is made gets the mode that was asked for: the kernel has applied its maker's mask.
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    let session = Session::new(Layer::new(Arc::clone(&shared)), directory, &config)?;
    let session = session.spawn()?;
    writeln!(io::stdout(), "mounted")?;
    io::stdout().flush()?;
    let mut word = String::new();
    io::stdin().read_line(&mut word)?;
    if word.trim() != "keep" {
        return session.umount_and_join();
    }
    let ticking = Arc::clone(&shared);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(TICK);
            lock(&ticking.core).tick();
        }
    });
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (shared, below) = (Arc::clone(&shared), Arc::clone(&below));
            std::thread::spawn(move || steer(&stream, &shared, &below));
        }
    });
    let ended = session.join();
    let _ = fs::remove_file(socket);
    ended
}

/// Answers the requests of one connection.
fn steer(stream: &UnixStream, shared: &Shared, below: &OwnedFd) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    for line in BufReader::new(stream).lines() {
        let request: LayerRequest = serde_json::from_str(&line.ok()?).ok()?;
        match request {
            LayerRequest::Status => {}
            LayerRequest::Fail(failure) => *lock(&shared.failure) = failure,
            LayerRequest::PowerLoss(how) => lock(&shared.core).lose_power(&how),
            LayerRequest::Retire => {
                *lock(&shared.failure) = None;
                lock(&shared.core).retire(below);
            }
        }
        let answer =
            LayerAnswer { failure: *lock(&shared.failure), counts: lock(&shared.core).counts() };
        let mut text = serde_json::to_string(&answer).ok()?;
        text.push('\n');
        writer.write_all(text.as_bytes()).ok()?;
    }
    Some(())
}

#[cfg(test)]
pub(crate) mod tests;

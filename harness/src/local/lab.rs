//! The lab: namespaces that the controller of a local cluster moves into, and that vanish with it.
//!
//! Three processes, each the child of the one before:
//! - the *outer* process is what the user started. It makes the namespaces, passes signals on and
//!   waits. It stays in the user's own process group.
//! - the *init* process is number 1 of the lab's pid namespace. It reaps whatever is orphaned there,
//!   and the kernel kills all that is in the namespace when it ends.
//! - the *controller* is `/proc/self/exe` again, with the same arguments: it does the work.
//!
//! Init is killed by the kernel when the outer process dies, and ends when the controller does, so
//! nothing in the lab outlives either of them, however they end.

use super::doctor::{Problem, Step, explain};
use super::sys;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, getpgrp, getpid, pipe2, setpgid};
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// Set for the controller only: the link of the pid namespace it is the controller of.
const MARK: &str = "PERJURY_LAB";
/// What the outer process tells the controller.
const HANDOFF: &str = "PERJURY_HANDOFF";
/// The controller is the first process that init starts.
const CONTROLLER: i32 = 2;
/// A directory that is a fresh file system in memory inside the lab, whatever the machine has.
pub(super) const SCRATCH: &str = "/dev/shm";

/// Where a call of [`enter_lab`] returned.
#[derive(Debug)]
pub enum Entered {
    /// In the controller, inside the lab. Go on.
    Inside,
    /// In the outer process, after the controller has ended with this code. Return it from `main`.
    Left(ExitCode),
}

/// Why there is no lab.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The machine, or the user's rights on it, do not allow local clusters.
    #[error("{0}")]
    Refused(Problem),
    /// It should have worked.
    #[error("the lab for local clusters could not be entered: {0}")]
    Failed(#[from] io::Error),
}

/// Whether this process is the controller inside a lab.
pub fn is_inside() -> bool {
    getpid().as_raw() == CONTROLLER
        && std::env::var_os(MARK).is_some_and(|mark| Some(mark) == pid_namespace())
}

fn pid_namespace() -> Option<std::ffi::OsString> {
    std::fs::read_link("/proc/self/ns/pid").ok().map(Into::into)
}

/// What the outer process told the controller with [`enter_lab`]; `None` outside a lab.
pub fn handoff() -> Option<String> {
    if is_inside() { std::env::var(HANDOFF).ok() } else { None }
}

/// Moves the work into a lab. Call it first thing in `main`, before any thread exists: it starts
/// this program again inside, with the same arguments, and there returns [`Entered::Inside`].
/// There [`handoff`] returns `message`.
pub fn enter_lab(message: &str) -> Result<Entered, LabError> {
    if is_inside() {
        return Ok(Entered::Inside);
    }
    let terminal = owned_terminal();
    unshare_all().map_err(|(step, errno)| LabError::Refused(explain(step, errno)))?;
    // Blocked from here on, in init as well: both take them with `sigwait`.
    let signals = handled_signals();
    signals.thread_block().map_err(io::Error::from)?;
    let (alive_read, alive_write) =
        pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(io::Error::from)?;
    let (report_read, report_write) = pipe2(OFlag::O_CLOEXEC).map_err(io::Error::from)?;
    io::stdout().flush()?;
    match sys::fork()? {
        ForkResult::Child => {
            drop((alive_write, report_read));
            init(&alive_read, report_write, terminal, message)
        }
        ForkResult::Parent { child } => {
            drop((alive_read, report_write));
            let code = attend(child, report_read, &signals);
            if terminal {
                take_terminal();
            }
            drop(alive_write);
            code.map(Entered::Left)
        }
    }
}

/// The namespaces of the lab: as root without, otherwise with a user namespace in which the caller
/// is root.
pub(super) fn unshare_all() -> Result<(), (Step, Errno)> {
    let flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC;
    match unshare(flags) {
        Ok(()) => return Ok(()),
        Err(Errno::EPERM) => {}
        Err(errno) => return Err((Step::Namespaces, errno)),
    }
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    // Two calls, so that an error says which of the two kinds is refused.
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| (Step::UserNamespace, errno))?;
    let write = |file: &str, text: String| {
        std::fs::write(file, text).map_err(|error| {
            (Step::UserMap, Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
        })
    };
    write("/proc/self/setgroups", "deny".into())?;
    write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    unshare(flags).map_err(|errno| (Step::Namespaces, errno))
}

/// What the mount and network namespaces of the lab need to be usable.
pub(super) fn furnish() -> Result<(), (Step, Errno)> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
        .map_err(|errno| (Step::Private, errno))?;
    let safe = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("proc"), "/proc", Some("proc"), safe | MsFlags::MS_NOEXEC, none)
        .map_err(|errno| (Step::Proc, errno))?;
    mount(Some("tmpfs"), SCRATCH, Some("tmpfs"), safe, Some("mode=1777"))
        .map_err(|errno| (Step::Tmpfs, errno))?;
    sys::bring_up("lo").map_err(|error| {
        (Step::Loopback, Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
    })
}

fn handled_signals() -> SigSet {
    [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGCHLD]
        .into_iter()
        .collect()
}

/// Whether this process group is the foreground of a terminal that it reads from and writes to.
fn owned_terminal() -> bool {
    io::stdin().is_terminal()
        && io::stdout().is_terminal()
        && nix::unistd::tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}

fn take_terminal() {
    // A background group that does this is stopped by SIGTTOU unless that is blocked.
    let mut stop = SigSet::empty();
    stop.add(Signal::SIGTTOU);
    if stop.thread_block().is_ok() {
        let _ = nix::unistd::tcsetpgrp(io::stdin(), getpgrp());
    }
}

/// The outer process: waits for init, passes signals on to it.
fn attend(init: Pid, report: OwnedFd, signals: &SigSet) -> Result<ExitCode, LabError> {
    let mut refusal = Vec::new();
    // Ends when the controller's image has replaced init's child (close-on-exec), or with an error.
    std::fs::File::from(report).read_to_end(&mut refusal)?;
    loop {
        match waitpid(init, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => {
                return match parse_refusal(&refusal) {
                    None => Ok(ExitCode::from(code as u8)),
                    Some((step, errno)) => Err(LabError::Refused(explain(step, errno))),
                };
            }
            Ok(WaitStatus::Signaled(_, signal, _)) => {
                return Ok(ExitCode::from(128 + signal as u8));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(LabError::Failed(errno.into())),
        }
        match signals.wait() {
            Ok(Signal::SIGCHLD) => {}
            Ok(signal) => {
                let _ = kill(init, signal);
            }
            Err(errno) => return Err(LabError::Failed(errno.into())),
        }
    }
}

fn parse_refusal(bytes: &[u8]) -> Option<(Step, Errno)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (step, errno) = text.split_once(' ')?;
    Some((Step::from_number(step.parse().ok()?)?, Errno::from_raw(errno.parse().ok()?)))
}

/// Process 1 of the lab. Never returns.
fn init(alive: &OwnedFd, report: OwnedFd, terminal: bool, message: &str) -> ! {
    let mut report = std::fs::File::from(report);
    // A group of its own, so that a signal sent to the user's whole group (`timeout` does that)
    // arrives once, through the outer process.
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    bind_to_parent(alive);
    if let Err((step, errno)) = furnish() {
        let _ = write!(report, "{} {}", step as u8, errno as i32);
        std::process::exit(3);
    }
    match sys::fork() {
        Ok(ForkResult::Child) => {
            let error = become_controller(terminal, message);
            let _ = write!(
                report,
                "{} {}",
                Step::Start as u8,
                error.raw_os_error().unwrap_or(libc::EIO)
            );
            std::process::exit(3);
        }
        Ok(ForkResult::Parent { child }) => {
            drop(report);
            // Here too, so that it holds whichever of the two runs first.
            let _ = setpgid(child, child);
            reap(child, |signal| {
                let _ = killpg(child, signal);
            })
        }
        Err(error) => {
            let _ = write!(
                report,
                "{} {}",
                Step::Start as u8,
                error.raw_os_error().unwrap_or(libc::EIO)
            );
            std::process::exit(3);
        }
    }
}

/// Dies when the parent dies; at once if it already has, which the closed end of its pipe tells.
pub(super) fn bind_to_parent(alive: &OwnedFd) {
    let bound = nix::sys::prctl::set_pdeathsig(Signal::SIGKILL);
    let gone = nix::unistd::read(alive, &mut [0]) != Err(Errno::EAGAIN);
    if bound.is_err() || gone {
        std::process::exit(3);
    }
}

/// Process 1 of a pid namespace: reaps everything, hands signals to `forward`, and ends as `main`
/// does. Call with the signals of [`handled_signals`] blocked.
pub(super) fn reap(main: Pid, forward: impl Fn(Signal)) -> ! {
    let signals = handled_signals();
    loop {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == main => std::process::exit(code),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == main => {
                    std::process::exit(128 + signal as i32)
                }
                Ok(WaitStatus::StillAlive) | Err(_) => break,
                Ok(_) => {}
            }
        }
        match signals.wait() {
            Ok(Signal::SIGCHLD) => {}
            Ok(signal) => forward(signal),
            Err(_) => std::process::exit(3),
        }
    }
}

/// Blocks what [`reap`] waits for.
pub(super) fn block_handled_signals() -> nix::Result<()> {
    handled_signals().thread_block()
}

/// Makes this process the controller; returns only if that fails.
fn become_controller(terminal: bool, message: &str) -> io::Error {
    let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
    if terminal {
        take_terminal();
    }
    let Some(mark) = pid_namespace() else {
        return io::Error::from_raw_os_error(libc::ENOENT);
    };
    if let Err(errno) = SigSet::empty().thread_set_mask() {
        return errno.into();
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_else(|| "perjury".into());
    Command::new("/proc/self/exe")
        .arg0(name)
        .args(arguments)
        .env(MARK, mark)
        .env(HANDOFF, message)
        .exec()
}

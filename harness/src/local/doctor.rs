//! Whether this machine and user can run local clusters, found out by trying, and what mends it.

use super::lab;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::ForkResult;
use std::fmt;
use std::fs;
use std::process::{Command, ExitCode};

/// Something that keeps local clusters from running, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What does not work, with the kernel's reason.
    pub what: String,
    /// What the user can do.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.what, self.remedy)
    }
}

impl std::error::Error for Problem {}

/// A thing that a local cluster asks of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Step {
    UserNamespace = 1,
    UserMap,
    Namespaces,
    Private,
    Proc,
    Tmpfs,
    Loopback,
    Start,
    Overlay,
    Veth,
    PacketSocket,
}

impl Step {
    const ALL: [Self; 11] = [
        Self::UserNamespace,
        Self::UserMap,
        Self::Namespaces,
        Self::Private,
        Self::Proc,
        Self::Tmpfs,
        Self::Loopback,
        Self::Start,
        Self::Overlay,
        Self::Veth,
        Self::PacketSocket,
    ];

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step as u8 == number)
    }

    fn purpose(self) -> &'static str {
        match self {
            Self::UserNamespace => "create a user namespace",
            Self::UserMap => "map this user to root of a new user namespace",
            Self::Namespaces => "create mount, network, pid and ipc namespaces",
            Self::Private => "make the mounts of a new mount namespace private",
            Self::Proc => "mount /proc in a new pid namespace",
            Self::Tmpfs => "mount a file system in memory on /dev/shm",
            Self::Loopback => "bring up the loopback interface of a new network namespace",
            Self::Start => "start a process in a new pid namespace",
            Self::Overlay => "mount an overlay file system (copy-on-write view of a directory)",
            Self::Veth => "create a pair of virtual network interfaces (veth)",
            Self::PacketSocket => "open a packet socket (AF_PACKET)",
        }
    }
}

/// A kernel setting that stands in the way: its file under `/proc/sys`, the value that does, and the
/// setting that mends it.
const SETTINGS: [(&str, &str, &str); 4] = [
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    ("user/max_net_namespaces", "0", "user.max_net_namespaces=15000"),
];

/// Says what failed and what mends it.
pub(super) fn explain(step: Step, errno: Errno) -> Problem {
    let what = format!(
        "local clusters cannot run here: this user may not {} ({})",
        step.purpose(),
        errno.desc()
    );
    Problem { what, remedy: remedy(step, errno) }
}

fn remedy(step: Step, errno: Errno) -> String {
    if matches!(step, Step::UserNamespace | Step::UserMap | Step::Namespaces | Step::Proc) {
        let blocking: Vec<&str> = SETTINGS
            .iter()
            .filter(|(file, bad, _)| setting(file).as_deref() == Some(*bad))
            .map(|(_, _, mend)| *mend)
            .collect();
        if !blocking.is_empty() {
            return format!(
                "A kernel setting forbids it. As root run `sysctl -w {}` (and put it into /etc/sysctl.d to \
                 keep it), or run perjury as root, or use `--nodes` with hosts of your own",
                blocking.join(" ")
            );
        }
    }
    match (step, errno) {
        (Step::Namespaces | Step::UserNamespace, Errno::EINVAL) => {
            "The kernel was built without namespaces, or the program already has threads. Use a kernel with \
             CONFIG_USER_NS, CONFIG_NET_NS and CONFIG_PID_NS, or `--nodes` with hosts of your own"
                .into()
        }
        (Step::Namespaces | Step::UserNamespace, Errno::ENOSPC) => {
            "The limit on nested or concurrent namespaces is reached. Raise it as root with `sysctl -w \
             user.max_user_namespaces=15000 user.max_net_namespaces=15000 user.max_pid_namespaces=15000 \
             user.max_mnt_namespaces=15000`"
                .into()
        }
        (Step::Overlay, Errno::ENODEV) => {
            "The kernel has no overlay file system. As root run `modprobe overlay`".into()
        }
        (Step::Veth, Errno::EOPNOTSUPP) => {
            "The kernel has no veth interfaces. As root run `modprobe veth`".into()
        }
        (Step::PacketSocket, Errno::EAFNOSUPPORT) => {
            "The kernel has no packet sockets. As root run `modprobe af_packet`".into()
        }
        _ if in_container() => {
            "This looks like a container without the rights for namespaces: start it with `--privileged` \
             (Docker, Podman), or with `--cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt \
             seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`, \
             or use `--nodes` with hosts of your own"
                .into()
        }
        _ => {
            "Run perjury as root, or as root allow it to users with `sysctl -w \
             user.max_user_namespaces=15000` (Debian before 11 also: `kernel.unprivileged_userns_clone=1`; \
             Ubuntu since 24.04 also: `kernel.apparmor_restrict_unprivileged_userns=0`), or use `--nodes` \
             with hosts of your own"
                .into()
        }
    }
}

fn setting(file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/sys/{file}")).ok().map(|text| text.trim().to_owned())
}

/// Whether the signs of a container are there; only to choose the likelier advice.
fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|file| fs::exists(file).unwrap_or(false))
        || std::env::var_os("container").is_some()
}

/// Finds out, in a child process, whether local clusters can run. Empty: they can.
pub fn check() -> Vec<Problem> {
    let unknown = |what: String| Problem {
        what: format!("whether local clusters can run could not be found out: {what}"),
        remedy: "Try `perjury local up -- true` and look at its message".into(),
    };
    let output = match Command::new("/proc/self/exe").arg(PROBE).output() {
        Ok(output) => output,
        Err(error) => return vec![unknown(error.to_string())],
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let failed: Vec<Problem> =
        text.lines().filter_map(parse).map(|(step, errno)| explain(step, errno)).collect();
    if failed.is_empty() && !output.status.success() {
        return vec![unknown(format!("the probe ended with {}", output.status))];
    }
    failed
}

fn parse(line: &str) -> Option<(Step, Errno)> {
    let (step, errno) = line.split_once(' ')?;
    Some((Step::from_number(step.parse().ok()?)?, Errno::from_raw(errno.parse().ok()?)))
}

/// The hidden command that [`check`] runs.
pub const PROBE: &str = "local-probe";

/// Body of the hidden command: tries each step and writes `STEP ERRNO` for the first that fails.
pub fn probe_main(_arguments: Vec<String>) -> ExitCode {
    match probe() {
        Ok(()) => ExitCode::SUCCESS,
        Err((step, errno)) => {
            use std::io::Write;
            let _ = writeln!(std::io::stdout(), "{} {}", step as u8, errno as i32);
            ExitCode::from(3)
        }
    }
}

fn probe() -> Result<(), (Step, Errno)> {
    lab::unshare_all()?;
    let child = match super::sys::fork() {
        Ok(ForkResult::Parent { child }) => child,
        Ok(ForkResult::Child) => {
            let failed = probe_inside().err();
            // The exit code carries the answer: there are few steps, and errno is below 134.
            if let Some((step, errno)) = failed {
                use std::io::Write;
                let _ = writeln!(std::io::stdout(), "{} {}", step as u8, errno as i32);
            }
            std::process::exit(0);
        }
        Err(error) => return Err((Step::Start, raw(&error))),
    };
    match waitpid(child, None) {
        Ok(WaitStatus::Exited(_, 0)) => Ok(()),
        Ok(_) => Err((Step::Start, Errno::ECHILD)),
        Err(errno) => Err((Step::Start, errno)),
    }
}

fn raw(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

fn probe_inside() -> Result<(), (Step, Errno)> {
    lab::furnish()?;
    let at = |name: &str| format!("{}/{name}", lab::SCRATCH);
    for name in ["upper", "work", "merged"] {
        fs::create_dir(at(name)).map_err(|error| (Step::Tmpfs, raw(&error)))?;
    }
    let layers = format!("lowerdir=/usr,upperdir={},workdir={}", at("upper"), at("work"));
    let overlay = |options: &str| {
        mount(
            Some("overlay"),
            at("merged").as_str(),
            Some("overlay"),
            MsFlags::empty(),
            Some(options),
        )
    };
    overlay(&format!("{layers},userxattr"))
        .or_else(|_| overlay(&layers))
        .map_err(|errno| (Step::Overlay, errno))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| (Step::Start, raw(&error)))?;
    runtime.block_on(super::wire::try_pair()).map_err(|error| (Step::Veth, raw(&error)))?;
    super::sys::packet_socket("probe0").map_err(|error| (Step::PacketSocket, raw(&error)))?;
    Ok(())
}

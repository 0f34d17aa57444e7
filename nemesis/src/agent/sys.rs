//! The one system interface that needs `unsafe`: what a daemon does between fork and exec.

use super::user::User;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{setgid, setgroups, setsid, setuid, write};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes `command` start in a session and process group of its own, as `user` where given.
///
/// On the local nodes of an ordinary user there is only one user. There the process gets a user
/// namespace of its own, in which that one has the number of `user`: databases that refuse to be
/// root see that they are not.
pub(crate) fn daemonize(command: &mut Command, user: Option<User>) {
    let me = (nix::unistd::geteuid(), nix::unistd::getegid());
    let maps = user
        .as_ref()
        .map(|user| (format!("{} {} 1", user.uid, me.0), format!("{} {} 1", user.gid, me.1)));
    let prepare = move || {
        setsid()?;
        // The agent blocks the signals that it waits for; a database must hear its SIGTERM.
        SigSet::empty().thread_set_mask()?;
        umask(Mode::from_bits_truncate(0o022));
        let (Some(user), Some((uids, gids))) = (&user, &maps) else { return Ok(()) };
        // Groups first: afterwards the right to set them is gone.
        let become_user = || {
            setgroups(&user.groups)?;
            setgid(user.gid)?;
            setuid(user.uid)
        };
        match become_user() {
            Ok(()) => Ok(()),
            // There is no such user in this namespace, or groups cannot be set in it.
            Err(Errno::EINVAL | Errno::EPERM) => {
                unshare(CloneFlags::CLONE_NEWUSER)?;
                put(c"/proc/self/setgroups", b"deny")?;
                put(c"/proc/self/uid_map", uids.as_bytes())?;
                put(c"/proc/self/gid_map", gids.as_bytes())?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes
    // system calls and nothing else; `user` and `maps` were allocated beforehand and are only read.
    #[expect(unsafe_code, reason = "a session, groups and user of one's own need pre_exec")]
    unsafe {
        command.pre_exec(prepare);
    }
}

/// Writes a small file of the kernel's, without allocating.
fn put(path: &std::ffi::CStr, bytes: &[u8]) -> nix::Result<()> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(&file, bytes).map(|_| ())
}

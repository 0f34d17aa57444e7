//! The one system interface that needs `unsafe`: what a daemon does between fork and exec.

use super::user::User;
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{setgid, setgroups, setsid, setuid};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Makes `command` start in a session and process group of its own, as `user` where given.
pub(crate) fn daemonize(command: &mut Command, user: Option<User>) {
    let prepare = move || {
        setsid()?;
        // The agent blocks the signals that it waits for; a database must hear its SIGTERM.
        SigSet::empty().thread_set_mask()?;
        umask(Mode::from_bits_truncate(0o022));
        if let Some(user) = &user {
            // Groups first: afterwards the right to set them is gone.
            setgroups(&user.groups)?;
            setgid(user.gid)?;
            setuid(user.uid)?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes
    // system calls and nothing else; `user` was allocated beforehand and is only read.
    #[expect(unsafe_code, reason = "a session, groups and user of one's own need pre_exec")]
    unsafe {
        command.pre_exec(prepare);
    }
}

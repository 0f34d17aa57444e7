//! Control errors: what went wrong between us and a node, and what to do about it.

use std::path::PathBuf;
use std::time::Duration;

/// Why a node could not be controlled. Each message ends with what the user can do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ControlError {
    /// The host name means nothing here.
    #[error(
        "{node}: the host name `{host}` does not resolve ({cause}): correct it, or give the \
         address with `HostName` in the SSH configuration"
    )]
    Unresolved { node: String, host: String, cause: String },
    /// Nobody listens on the port.
    #[error(
        "{node}: {address} refused the connection: start an SSH server there (package \
         openssh-server), or correct the port"
    )]
    Refused { node: String, address: String },
    /// No route, or the network said no.
    #[error("{node}: {address} cannot be reached ({cause}): check address, route and firewall")]
    Unreachable { node: String, address: String, cause: String },
    /// No SSH session within the limit.
    #[error(
        "{node}: {address} did not finish connecting within {} s (while {during}): check that the \
         machine is up and that no firewall drops its packets", .after.as_secs_f64()
    )]
    ConnectTimeout { node: String, address: String, during: String, after: Duration },
    /// The local end of a `ProxyCommand`.
    #[error("{node}: the proxy command `{command}` failed ({cause}): run it by hand and mend it")]
    Proxy { node: String, command: String, cause: String },
    /// The host in between.
    #[error("{node}: its jump host is not usable: {cause}")]
    Jump { node: String, cause: Box<ControlError> },
    /// The server presents another key than the one recorded.
    #[error(
        "{node}: the host key of {host} has changed: it is now {fingerprint}, and {recorded} says \
         otherwise. Either the machine was reinstalled (then remove the old line with \
         `ssh-keygen -R '{host}'`) or somebody stands in between"
    )]
    HostKeyChanged { node: String, host: String, fingerprint: String, recorded: String },
    /// The server's key is not recorded anywhere.
    #[error(
        "{node}: the host key of {host} ({fingerprint}) is not in {file}: connect once with `ssh` \
         and confirm it, or set `StrictHostKeyChecking accept-new` for this host"
    )]
    HostKeyUnknown { node: String, host: String, fingerprint: String, file: String },
    /// The file with known host keys cannot be used.
    #[error("{node}: known hosts file {}: {cause}: correct it or name another", .file.display())]
    KnownHosts { node: String, file: PathBuf, cause: String },
    /// No key was taken.
    #[error(
        "{node}: the server does not let {user} in. Tried: {}. The server offers: {accepted}. {hint}",
        if .tried.is_empty() { "nothing, for there was no usable key".to_owned() }
        else { .tried.join("; ") }
    )]
    Authentication {
        node: String,
        user: String,
        tried: Vec<String>,
        accepted: String,
        hint: String,
    },
    /// A private key that was asked for cannot be used.
    #[error("{node}: the private key {what} cannot be used ({cause}): name another")]
    Key { node: String, what: String, cause: String },
    /// What answers is not an SSH server, or none that we can talk to.
    #[error(
        "{node}: no SSH session with {address} ({cause}): check that an OpenSSH 7 or newer \
         server listens there"
    )]
    Handshake { node: String, address: String, cause: String },
    /// The connection went before the request was sent; nothing was done on the node.
    #[error("{node}: the connection was lost before {what} ({cause}); nothing was done")]
    Disconnected { node: String, what: String, cause: String },
    /// [`super::Session::close`] was called before.
    #[error("{node}: the session was closed before; this is a bug in Perjury")]
    Closed { node: String },
    /// The server gives no channel although we use none.
    #[error(
        "{node}: the server opens no session channel ({cause}): raise `MaxSessions` in its \
         sshd_config to 10"
    )]
    NoChannel { node: String, cause: String },
    /// The server would not run it at all.
    #[error(
        "{node}: the server refuses to {what}: remove `ForceCommand` and restrictions on the key, \
         and give the user a shell"
    )]
    Rejected { node: String, what: String },
    /// The command is not one that can be sent.
    #[error("{node}: `{command}` cannot be run: {cause}")]
    BadCommand { node: String, command: String, cause: String },
    /// `sudo` did not let us.
    #[error(
        "{node}: {user} may not become root ({cause}): give it `NOPASSWD: ALL` in sudoers, or \
         connect as root"
    )]
    NotRoot { node: String, user: String, cause: String },
    /// The command was ended for taking too long.
    #[error(
        "{node}: `{command}` did not end within {} s and was killed; {}{}", .after.as_secs_f64(),
        if *.gone { "it is gone" } else { "whether it still runs is NOT known: look on the node" },
        excerpt(.stderr)
    )]
    CommandTimeout {
        node: String,
        command: String,
        after: Duration,
        /// Verified on the node after the kill.
        gone: bool,
        stdout: Vec<u8>,
        stderr: Vec<u8>,
    },
    /// A file on the node.
    #[error("{node}: {action} {path}: {cause}")]
    File { node: String, action: &'static str, path: String, cause: String },
    /// A file here.
    #[error("{}: {cause}", .path.display())]
    LocalFile { path: PathBuf, cause: String },
    /// More bytes than may be moved at once.
    #[error("{node}: {path} has {bytes} bytes, more than the {limit} that one transfer may have")]
    TooLarge { node: String, path: String, bytes: u64, limit: u64 },
}

impl ControlError {
    /// Whether a second try a little later may go better: nobody answered, or not in time.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::ConnectTimeout { .. }
            | Self::Handshake { .. }
            | Self::Disconnected { .. } => true,
            Self::Jump { cause, .. } => cause.is_transient(),
            _ => false,
        }
    }
}

/// The last line of what a command said, for an error message.
fn excerpt(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    match text.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => {
            let line: String = line.chars().take(200).collect();
            format!("; its last words: {line}")
        }
        None => String::new(),
    }
}

//! Targets: where a node's SSH server is and how to prove who we are.

use std::path::PathBuf;

/// One SSH server, with credentials of its own.
#[derive(Clone)]
pub struct SshTarget {
    /// The node's name, for messages.
    pub name: String,
    pub host: String,
    pub port: u16,
    pub user: String,
    /// Private key files, tried in order; those that do not exist are skipped.
    pub identity_files: Vec<PathBuf>,
    /// A private key in OpenSSH's format, held in memory only.
    pub identity: Option<String>,
    /// Also ask the agent at `SSH_AUTH_SOCK`.
    pub use_agent: bool,
    pub host_keys: HostKeys,
    /// Reached through this host.
    pub jump: Option<Box<SshTarget>>,
    /// Or through this command's standard input and output (`%h`, `%p`, `%r`, `%n` and `%%` are
    /// replaced).
    pub proxy_command: Option<String>,
    /// The name under which known hosts files have its key, whatever its address and port.
    pub host_key_alias: Option<String>,
}

/// Which server keys are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKeys {
    /// Exactly this public key, in OpenSSH's format.
    Pinned(String),
    /// Those in this file and no others.
    KnownHosts(PathBuf),
    /// Those in this file; a host that is not in it is added, a changed key is refused.
    AcceptNew(PathBuf),
    /// Any. For throwaway machines only.
    Insecure,
}

impl SshTarget {
    /// Under which host and port known hosts files have its key. An alias has no port, as with
    /// OpenSSH.
    pub(super) fn known_as(&self) -> (&str, u16) {
        match &self.host_key_alias {
            Some(alias) => (alias, 22),
            None => (&self.host, self.port),
        }
    }

    /// Host and port as they are written in messages and in known hosts files.
    pub fn address(&self) -> String {
        if self.port == 22 {
            self.host.clone()
        } else if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl std::fmt::Debug for SshTarget {
    // By hand, so that no private key reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}@{}:{})", self.name, self.user, self.host, self.port)
    }
}

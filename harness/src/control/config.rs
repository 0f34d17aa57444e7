//! Host configuration: what `ssh -G` says of a host is what counts.
//!
//! Parsers of `ssh_config` in libraries get `Match` blocks wrong and then log in as the wrong user
//! in silence, so the real program is asked. Without it, `user@host:port` works and a
//! configuration file is refused.

use super::{HostKeys, SshTarget};
use crate::BoxFuture;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// For one `ssh -G`, which may run a `Match exec`.
const SSH_TIMEOUT: Duration = Duration::from_secs(15);
/// Hosts on the way to a node.
const MAX_JUMPS: usize = 8;
/// What `ssh -G` may print.
const MAX_OUTPUT_BYTES: usize = 1 << 20;

/// What the command line says; it wins over the configuration, except for jump hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    pub user: Option<String>,
    pub port: Option<u16>,
    /// Tried instead of the configured files and of the agent's keys, if there are any.
    pub identity_files: Vec<PathBuf>,
    /// Also for jump hosts.
    pub host_keys: Option<HostKeys>,
}

/// Why there is no telling how to reach a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("`{host}` is not a host: write HOST, USER@HOST, HOST:PORT or [IPv6]:PORT")]
    BadHost { host: String },
    #[error("the SSH configuration {}: {cause}", .file.display())]
    BadFile { file: PathBuf, cause: String },
    #[error(
        "{} cannot be used, for there is no `ssh` program here to read it: install the package \
         openssh-client, or give hosts as USER@HOST:PORT", .file.display()
    )]
    NoSsh { file: PathBuf },
    #[error("`ssh -G {host}` failed: {cause}")]
    Ssh { host: String, cause: String },
    #[error("{host} lies behind more than {MAX_JUMPS} jump hosts: is there a circle in ProxyJump?")]
    TooManyJumps { host: String },
}

/// How to reach `host` (`HOST`, `USER@HOST`, `HOST:PORT`), by `ssh -G` with the file or, without
/// one, with the user's and the system's configuration.
///
/// The target's name is the host as given, without user and port. Of several known hosts files
/// the first one counts. `StrictHostKeyChecking ask` means here that an unknown host is refused,
/// for there is nobody to ask.
pub async fn resolve(
    host: &str,
    ssh_config: Option<&Path>,
    overrides: &Overrides,
) -> Result<SshTarget, ConfigError> {
    resolve_with("ssh", host, ssh_config, overrides).await
}

async fn resolve_with(
    ssh: &str,
    host: &str,
    ssh_config: Option<&Path>,
    overrides: &Overrides,
) -> Result<SshTarget, ConfigError> {
    if let Some(file) = ssh_config {
        let readable = tokio::fs::metadata(file).await;
        readable.map_err(|error| {
            let (file, cause) = (file.to_owned(), error.to_string());
            ConfigError::BadFile { file, cause }
        })?;
    }
    Resolver { ssh, ssh_config, overrides }.host(host, true, MAX_JUMPS).await
}

struct Resolver<'a> {
    ssh: &'a str,
    ssh_config: Option<&'a Path>,
    overrides: &'a Overrides,
}

impl<'a> Resolver<'a> {
    /// `last` tells the node itself from a jump host on the way.
    fn host<'b>(
        &'b self,
        host: &'b str,
        last: bool,
        depth: usize,
    ) -> BoxFuture<'b, Result<SshTarget, ConfigError>> {
        Box::pin(async move {
            let spec = Spec::parse(host)?;
            if depth == 0 {
                return Err(ConfigError::TooManyJumps { host: spec.host.to_owned() });
            }
            let Some(output) = self.ask(&spec, last).await? else {
                return Ok(self.plain(&spec, last));
            };
            let settings = Settings::parse(&output);
            let mut target = self.target(&spec, &settings, last)?;
            if let Some(jumps) = settings.one("proxyjump") {
                target.jump = self.jumps(jumps, depth - 1).await?.map(Box::new);
            }
            Ok(target)
        })
    }

    /// A chain `a,b`: through `a` to `b` and from there on.
    async fn jumps(&self, chain: &str, depth: usize) -> Result<Option<SshTarget>, ConfigError> {
        let hops: Vec<&str> = chain.split(',').map(str::trim).collect();
        if hops.len() > depth {
            let host = hops.last().map_or("", |host| host).to_owned();
            return Err(ConfigError::TooManyJumps { host });
        }
        let mut reached: Option<SshTarget> = None;
        for hop in hops {
            let hop = hop.strip_prefix("ssh://").unwrap_or(hop);
            let mut target = self.host(hop, false, depth).await?;
            // A hop in the middle of a chain is reached through the one before it, whatever its
            // own configuration says; the same rule as ssh's.
            if let Some(before) = reached.take() {
                target.jump = Some(Box::new(before));
            }
            reached = Some(target);
        }
        Ok(reached)
    }

    /// The output of `ssh -G`; none when there is no such program and no need for one.
    async fn ask(&self, spec: &Spec<'_>, last: bool) -> Result<Option<String>, ConfigError> {
        let failed = |cause: String| ConfigError::Ssh { host: spec.host.to_owned(), cause };
        let mut command = Command::new(self.ssh);
        command.arg("-G").stdin(Stdio::null()).kill_on_drop(true);
        if let Some(file) = self.ssh_config {
            command.arg("-F").arg(file);
        }
        let user = self.overrides.user.as_deref().filter(|_| last).or(spec.user);
        if let Some(user) = user {
            command.args(["-l", user]);
        }
        if let Some(port) = self.overrides.port.filter(|_| last).or(spec.port) {
            command.args(["-p", &port.to_string()]);
        }
        let output = match timeout(SSH_TIMEOUT, command.arg("--").arg(spec.host).output()).await {
            Err(_) => {
                return Err(failed("it takes too long; is there a slow `Match exec`?".into()));
            }
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                return match self.ssh_config {
                    Some(file) => Err(ConfigError::NoSsh { file: file.to_owned() }),
                    None => Ok(None),
                };
            }
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Ok(Ok(output)) => output,
        };
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(match self.ssh_config {
                Some(file) => ConfigError::BadFile { file: file.to_owned(), cause: text },
                None => failed(text),
            });
        }
        if output.stdout.len() > MAX_OUTPUT_BYTES {
            return Err(failed(format!("it prints more than {MAX_OUTPUT_BYTES} bytes")));
        }
        Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn target(
        &self,
        spec: &Spec<'_>,
        settings: &Settings<'_>,
        last: bool,
    ) -> Result<SshTarget, ConfigError> {
        let port = settings.one("port").unwrap_or("22");
        let port = port.parse().map_err(|_| ConfigError::Ssh {
            host: spec.host.to_owned(),
            cause: format!("port `{port}` is none"),
        })?;
        let given = self.overrides.identity_files.as_slice();
        let own_keys = last && !given.is_empty();
        Ok(SshTarget {
            name: spec.host.to_owned(),
            host: settings.one("hostname").unwrap_or(spec.host).to_owned(),
            port,
            user: settings.one("user").map_or_else(local_user, str::to_owned),
            identity_files: match own_keys {
                true => given.to_vec(),
                false => settings.all("identityfile").map(path_of).collect(),
            },
            identity: None,
            use_agent: !own_keys && settings.one("identitiesonly") != Some("yes"),
            host_keys: self.overrides.host_keys.clone().unwrap_or_else(|| settings.host_keys()),
            jump: None,
            proxy_command: settings.one("proxycommand").map(str::to_owned),
            host_key_alias: settings.one("hostkeyalias").map(str::to_owned),
        })
    }

    /// Without an `ssh` program: what OpenSSH does by default.
    fn plain(&self, spec: &Spec<'_>, last: bool) -> SshTarget {
        let given = self.overrides.identity_files.as_slice();
        let own_keys = last && !given.is_empty();
        let default = ["id_ed25519", "id_ecdsa", "id_rsa"];
        let default = default.map(|name| path_of(&format!("~/.ssh/{name}")));
        let known = HostKeys::KnownHosts(path_of("~/.ssh/known_hosts"));
        let user = self.overrides.user.as_deref().filter(|_| last).or(spec.user);
        SshTarget {
            name: spec.host.to_owned(),
            host: spec.host.to_owned(),
            port: self.overrides.port.filter(|_| last).or(spec.port).unwrap_or(22),
            user: user.map_or_else(local_user, str::to_owned),
            identity_files: if own_keys { given.to_vec() } else { default.to_vec() },
            identity: None,
            use_agent: !own_keys,
            host_keys: self.overrides.host_keys.clone().unwrap_or(known),
            jump: None,
            proxy_command: None,
            host_key_alias: None,
        }
    }
}

/// A host as people write it.
struct Spec<'a> {
    user: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Spec<'a> {
    fn parse(text: &'a str) -> Result<Self, ConfigError> {
        let bad = || ConfigError::BadHost { host: text.to_owned() };
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, after) = bracketed.split_once(']').ok_or_else(bad)?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(bad()),
            }
        } else {
            match rest.split_once(':') {
                // More than one colon: a bare IPv6 address.
                Some((_, port)) if port.contains(':') => (rest, None),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let port = port.map(|port| port.parse().map_err(|_| bad())).transpose()?;
        let hostile = |word: &str| {
            word.is_empty()
                || word.starts_with('-')
                || word.chars().any(|c| c.is_whitespace() || c.is_control())
        };
        if hostile(host) || user.is_some_and(hostile) || port == Some(0) {
            return Err(bad());
        }
        Ok(Self { user, host, port })
    }
}

/// The lines of `ssh -G`: a keyword in lower case, a space, the value.
struct Settings<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Settings<'a> {
    fn parse(output: &'a str) -> Self {
        Self(output.lines().filter_map(|line| line.split_once(' ')).collect())
    }

    fn all(&self, key: &'static str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| *name == key).map(|(_, value)| value.trim())
    }

    /// A keyword's value, unless it is `none`.
    fn one(&self, key: &'static str) -> Option<&'a str> {
        self.all(key).next().filter(|value| !value.eq_ignore_ascii_case("none"))
    }

    fn host_keys(&self) -> HostKeys {
        let files = self.one("userknownhostsfile").unwrap_or("~/.ssh/known_hosts");
        // A list separated by blanks, each perhaps in quotes.
        let first = shlex::split(files).and_then(|files| files.into_iter().next());
        let file = path_of(&first.unwrap_or_else(|| "~/.ssh/known_hosts".to_owned()));
        match self.one("stricthostkeychecking").unwrap_or("ask") {
            "no" | "off" | "false" => HostKeys::Insecure,
            "accept-new" => HostKeys::AcceptNew(file),
            _ => HostKeys::KnownHosts(file),
        }
    }
}

/// A path as OpenSSH writes it: perhaps quoted, perhaps below `~`.
fn path_of(text: &str) -> PathBuf {
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match (bare.strip_prefix("~/"), std::env::home_dir()) {
        (Some(below), Some(home)) => home.join(below),
        _ => PathBuf::from(bare),
    }
}

/// The name of the user that runs this. Not from the password database: a static program may not
/// be able to ask it.
fn local_user() -> String {
    let name = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    name("USER").or_else(|| name("LOGNAME")).unwrap_or_else(|| "root".to_owned())
}

#[cfg(test)]
mod tests;

//! Dialling: from a target to an authenticated connection, directly, through jump hosts or a
//! proxy command.

use super::{ControlError, SshTarget, auth, hostkey};
use crate::BoxFuture;
use russh::client::{self, DisconnectReason, Handle};
use russh::keys::PublicKeyOrCertificate;
use std::borrow::Cow;
use std::io::ErrorKind;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

/// For everything from the first packet to the end of authentication, each hop by itself.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// A server that answers nothing for [`KEEPALIVE_INTERVAL`] times one more than
/// [`KEEPALIVE_MAX`] is gone: 8 seconds.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2);
const KEEPALIVE_MAX: usize = 3;
/// The keepalive timer stands still while a full socket blocks a write (a stopped server in the
/// middle of an upload); this one does not. Answers to keepalives count as activity.
const INACTIVITY_TIMEOUT: Duration = Duration::from_secs(9);
/// Channels of one connection at a time. OpenSSH's `MaxSessions` is 10 by default.
const MAX_CHANNELS: usize = 8;
/// Hosts on the way to a node.
const MAX_JUMPS: usize = 8;

/// What a connection's transport is made of.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An authenticated SSH connection.
pub(super) struct Connection {
    pub(super) handle: Handle<Greeter>,
    /// One permit per open channel.
    pub(super) slots: Arc<Semaphore>,
    /// Permits that exist.
    limit: AtomicUsize,
    /// Why the connection ended, once it has.
    pub(super) cause: Cause,
    /// The connection to the jump host that carries this one.
    _carrier: Option<Box<Connection>>,
    /// The proxy command that carries this one; killed when dropped.
    _proxy: Option<tokio::process::Child>,
}

impl Connection {
    /// Whether the caller should forget its permit because the server gives fewer channels than
    /// there are permits; one always remains.
    pub(super) fn shrink(&self) -> bool {
        let fewer = |limit: usize| if limit > 1 { Some(limit - 1) } else { None };
        self.limit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok()
    }

    /// Why it ended, for messages.
    pub(super) fn cause(&self) -> String {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner);
        cause.clone().unwrap_or_else(|| "connection lost".to_owned())
    }
}

/// Filled in when a connection ends.
type Cause = Arc<Mutex<Option<String>>>;

/// Judges the server's key and notes why a connection ended.
pub(super) struct Greeter {
    target: SshTarget,
    cause: Cause,
}

/// What can go wrong inside of the SSH library's tasks.
#[derive(Debug)]
pub(super) enum GreetError {
    Ssh(russh::Error),
    HostKey(ControlError),
}

impl From<russh::Error> for GreetError {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl client::Handler for Greeter {
    type Error = GreetError;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, GreetError> {
        let verdict = match key.certificate() {
            Some(_) => Err(hostkey::unknown_certificate(&self.target, &key.public_key())),
            None => hostkey::verify(&self.target, &key.public_key()),
        };
        verdict.map(|()| true).map_err(GreetError::HostKey)
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<GreetError>,
    ) -> Result<(), GreetError> {
        let text = match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the server disconnected: {}", info.message)
            }
            DisconnectReason::Error(GreetError::Ssh(
                russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout,
            )) => "the server stopped answering".to_owned(),
            DisconnectReason::Error(GreetError::Ssh(error)) => error.to_string(),
            DisconnectReason::Error(GreetError::HostKey(error)) => error.to_string(),
        };
        tracing::debug!(node = self.target.name, cause = text, "SSH connection ended");
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        Ok(())
    }
}

/// Connects and authenticates; at most [`CONNECT_TIMEOUT`] per hop.
pub(super) async fn dial(target: &SshTarget) -> Result<Connection, ControlError> {
    dial_hop(target, MAX_JUMPS).await
}

fn dial_hop(target: &SshTarget, jumps: usize) -> BoxFuture<'_, Result<Connection, ControlError>> {
    Box::pin(async move {
        let carrier = match &target.jump {
            None => None,
            Some(_) if jumps == 0 => return Err(too_many_jumps(target)),
            Some(jump) => match dial_hop(jump, jumps - 1).await {
                Ok(carrier) => Some(Box::new(carrier)),
                Err(error) => {
                    let node = target.name.clone();
                    return Err(ControlError::Jump { node, cause: Box::new(error) });
                }
            },
        };
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        let (stream, proxy) = open_stream(target, carrier.as_deref(), deadline).await?;
        let (handle, cause) = handshake(target, stream, deadline).await?;
        let slots = Arc::new(Semaphore::new(MAX_CHANNELS));
        let limit = AtomicUsize::new(MAX_CHANNELS);
        Ok(Connection { handle, slots, limit, cause, _carrier: carrier, _proxy: proxy })
    })
}

/// The bytes' way to the server.
async fn open_stream(
    target: &SshTarget,
    carrier: Option<&Connection>,
    deadline: Instant,
) -> Result<(Box<dyn Stream>, Option<tokio::process::Child>), ControlError> {
    let during = "opening the connection";
    if let Some(carrier) = carrier {
        let open = carrier.handle.channel_open_direct_tcpip(
            target.host.clone(),
            u32::from(target.port),
            "127.0.0.1",
            0,
        );
        let channel = timeout_at(deadline, open)
            .await
            .map_err(|_| late(target, during))?
            .map_err(|error| unreachable(target, &format!("the jump host says: {error}")))?;
        return Ok((Box::new(channel.into_stream()), None));
    }
    if let Some(command) = &target.proxy_command {
        let (stream, child) = open_proxy(target, command)?;
        return Ok((stream, Some(child)));
    }
    let stream =
        timeout_at(deadline, connect_tcp(target)).await.map_err(|_| late(target, during))??;
    // Without this, every small packet waits 40 ms for an acknowledgement.
    stream.set_nodelay(true).map_err(|error| unreachable(target, &error.to_string()))?;
    Ok((Box::new(stream), None))
}

async fn connect_tcp(target: &SshTarget) -> Result<TcpStream, ControlError> {
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    let addresses = found.map_err(|error| ControlError::Unresolved {
        node: target.name.clone(),
        host: target.host.clone(),
        cause: error.to_string(),
    })?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(match last {
        Some(error) if error.kind() == ErrorKind::ConnectionRefused => {
            ControlError::Refused { node: target.name.clone(), address: target.address() }
        }
        Some(error) => unreachable(target, &error.to_string()),
        None => unreachable(target, "its name has no address"),
    })
}

/// Starts the proxy command; its standard error goes to the log.
fn open_proxy(
    target: &SshTarget,
    template: &str,
) -> Result<(Box<dyn Stream>, tokio::process::Child), ControlError> {
    let failed = |cause: String| ControlError::Proxy {
        node: target.name.clone(),
        command: template.to_owned(),
        cause,
    };
    let command = expand(target, template).map_err(failed)?;
    let mut child = tokio::process::Command::new("/bin/sh")
        .args(["-c", &format!("exec {command}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed("it has no pipes".to_owned()));
    };
    if let Some(mut stderr) = child.stderr.take() {
        let node = target.name.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
                let text = String::from_utf8_lossy(&buffer[..count]).trim_end().to_owned();
                tracing::info!(node, text, "proxy command");
            }
        });
    }
    Ok((Box::new(tokio::io::join(stdout, stdin)), child))
}

/// Replaces `%h`, `%n`, `%p`, `%r` and `%%`. Names that a shell would not take as one plain word
/// are refused, for whoever wrote the template may have left out the quotes.
fn expand(target: &SshTarget, template: &str) -> Result<String, String> {
    let plain = |word: &str| {
        !word.starts_with('-')
            && word.chars().all(|c| c.is_alphanumeric() || "._-:@+[]".contains(c))
    };
    let mut command = String::new();
    let mut chars = template.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            command.push(c);
            continue;
        }
        let value = match chars.next() {
            Some('h') => target.host.clone(),
            Some('n') => target.name.clone(),
            Some('p') => target.port.to_string(),
            Some('r') => target.user.clone(),
            Some('%') => {
                command.push('%');
                continue;
            }
            other => {
                let token = other.map_or("%".to_owned(), |c| format!("%{c}"));
                return Err(format!("`{token}` is not one of %h %n %p %r %%"));
            }
        };
        if !plain(&value) {
            return Err(format!("`{value}` has characters that a shell would interpret"));
        }
        command += &value;
    }
    Ok(command)
}

/// Key exchange, host key and authentication.
async fn handshake(
    target: &SshTarget,
    stream: Box<dyn Stream>,
    deadline: Instant,
) -> Result<(Handle<Greeter>, Cause), ControlError> {
    let cause = Cause::default();
    let greeter = Greeter { target: target.clone(), cause: Arc::clone(&cause) };
    let connecting = client::connect_stream(config(target), stream, greeter);
    let connected = timeout_at(deadline, connecting)
        .await
        .map_err(|_| late(target, "waiting for the server's greeting and keys"))?;
    let mut handle = match connected {
        Ok(handle) => handle,
        Err(GreetError::HostKey(error)) => return Err(error),
        Err(GreetError::Ssh(error)) => {
            return Err(ControlError::Handshake {
                node: target.name.clone(),
                address: target.address(),
                cause: match error {
                    russh::Error::Disconnect | russh::Error::HUP => "it hung up at once".to_owned(),
                    other => other.to_string(),
                },
            });
        }
    };
    timeout_at(deadline, auth::authenticate(target, &mut handle))
        .await
        .map_err(|_| late(target, "authenticating"))??;
    Ok((handle, cause))
}

fn config(target: &SshTarget) -> Arc<client::Config> {
    Arc::new(client::Config {
        client_id: russh::SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-perjury_",
            env!("CARGO_PKG_VERSION")
        ))),
        nodelay: true,
        keepalive_interval: Some(KEEPALIVE_INTERVAL),
        keepalive_max: KEEPALIVE_MAX,
        inactivity_timeout: Some(INACTIVITY_TIMEOUT),
        preferred: russh::Preferred { key: hostkey::preferred(target), ..Default::default() },
        ..Default::default()
    })
}

fn late(target: &SshTarget, during: &str) -> ControlError {
    ControlError::ConnectTimeout {
        node: target.name.clone(),
        address: target.address(),
        during: during.to_owned(),
        after: CONNECT_TIMEOUT,
    }
}

fn unreachable(target: &SshTarget, cause: &str) -> ControlError {
    ControlError::Unreachable {
        node: target.name.clone(),
        address: target.address(),
        cause: cause.to_owned(),
    }
}

fn too_many_jumps(target: &SshTarget) -> ControlError {
    unreachable(target, &format!("it lies behind more than {MAX_JUMPS} jump hosts"))
}

/// Says goodbye; the server needs no answer to give.
pub(super) async fn hang_up(connection: &Connection) {
    let goodbye = connection.handle.disconnect(russh::Disconnect::ByApplication, "", "en");
    if timeout(Duration::from_secs(1), goodbye).await.is_err() {
        tracing::debug!("no time to say goodbye");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::HostKeys;

    #[test]
    fn proxy_commands_are_expanded_and_hostile_names_refused() {
        let mut target = SshTarget {
            name: "n1".into(),
            host: "db1.example".into(),
            port: 2222,
            user: "bob".into(),
            identity_files: Vec::new(),
            identity: None,
            use_agent: false,
            host_keys: HostKeys::Insecure,
            jump: None,
            proxy_command: None,
            host_key_alias: None,
        };
        let command = expand(&target, "nc -X %n %h %p as %r 100%%").unwrap();
        assert_eq!(command, "nc -X n1 db1.example 2222 as bob 100%");
        assert!(expand(&target, "nc %z").unwrap_err().contains("%z"));
        target.host = "a;rm".into();
        assert!(expand(&target, "nc %h").unwrap_err().contains("shell"));
    }
}

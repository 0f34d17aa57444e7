//! A local node's SSH server: one key may log in; commands, file transfer and forwarded connections.

use super::{exec, sftp};
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Msg, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, ChannelOpenFailure, Disconnect, MethodKind, MethodSet, Pty};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Most connections at a time.
const CONNECTIONS: usize = 64;
/// Most channels at a time on one connection.
const CHANNELS: usize = 64;
/// Most bytes of a command or of the environment.
const TEXT: usize = 1 << 20;

/// What the server knows.
pub(super) struct Server {
    config: Arc<Config>,
    authorized: Arc<PublicKey>,
}

impl Server {
    /// Both keys in OpenSSH's format.
    pub(super) fn new(host_key: &str, authorized_key: &str) -> io::Result<Self> {
        let host_key = PrivateKey::from_openssh(host_key).map_err(io::Error::other)?;
        let authorized = PublicKey::from_openssh(authorized_key).map_err(io::Error::other)?;
        let config = Config {
            keys: vec![host_key],
            methods: MethodSet::from(&[MethodKind::PublicKey][..]),
            // Without it small messages wait 40 ms for each other.
            nodelay: true,
            // Connections are idle for as long as the test wants.
            inactivity_timeout: None,
            auth_rejection_time: Duration::from_millis(100),
            auth_rejection_time_initial: Some(Duration::ZERO),
            channel_buffer_size: 1024,
            ..Config::default()
        };
        Ok(Self { config: Arc::new(config), authorized: Arc::new(authorized) })
    }

    /// Serves until the process ends.
    pub(super) async fn run(&self, listener: TcpListener) -> io::Result<()> {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            let Ok((socket, _)) = listener.accept().await else {
                // Out of descriptors, most likely: those in use will be given back.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let _ = socket.set_nodelay(true);
            let connection = Connection {
                authorized: Arc::clone(&self.authorized),
                places: Arc::new(Semaphore::new(CHANNELS)),
            };
            let config = Arc::clone(&self.config);
            tokio::spawn(async move {
                if let Ok(session) = run_stream(config, socket, connection).await {
                    let _ = session.await;
                }
                drop(place);
            });
        }
    }
}

struct Connection {
    authorized: Arc<PublicKey>,
    places: Arc<Semaphore>,
}

impl russh::server::Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let known = key.public_key.key_data() == self.authorized.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        };
        reply.accept().await;
        let handle = session.handle();
        tokio::spawn(async move {
            serve(channel, handle).await;
            drop(place);
        });
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator_address: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let target = u16::try_from(port).map(|port| (host.to_owned(), port));
        tokio::spawn(async move {
            let Ok(target) = target else {
                return reply.reject(ChannelOpenFailure::ConnectFailed).await;
            };
            match TcpStream::connect(target).await {
                Ok(mut socket) => {
                    reply.accept().await;
                    let mut stream = channel.into_stream();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut socket).await;
                }
                Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
            }
        });
        Ok(())
    }

    // The channel's task hears of each request as well and acts on it; here they are only answered.

    async fn env_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        _value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if name == sftp::SUBSYSTEM {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}

/// Waits for what a session channel is to be, and is it.
async fn serve(mut channel: Channel<Msg>, handle: russh::server::Handle) {
    let mut environment = BTreeMap::new();
    let mut length = 0;
    while let Some(message) = channel.wait().await {
        match message {
            russh::ChannelMsg::SetEnv { variable_name, variable_value, .. } => {
                length += variable_name.len() + variable_value.len();
                environment.insert(variable_name, variable_value);
            }
            russh::ChannelMsg::Exec { command, .. } => {
                length += command.len();
                if length > TEXT {
                    break;
                }
                return exec::run(channel, handle, Some(command), environment).await;
            }
            russh::ChannelMsg::RequestShell { .. } => {
                return exec::run(channel, handle, None, environment).await;
            }
            russh::ChannelMsg::RequestSubsystem { name, .. } if name == sftp::SUBSYSTEM => {
                return sftp::run(channel).await;
            }
            russh::ChannelMsg::Close | russh::ChannelMsg::Eof => break,
            _ => {}
        }
        if length > TEXT {
            break;
        }
    }
    let reason = "this session asked for nothing, or for too much".to_owned();
    if length > TEXT {
        let _ = handle.disconnect(Disconnect::ProtocolError, reason, String::new()).await;
    } else {
        let _ = handle.close(channel.id()).await;
    }
}

//! Whom a client asks: its node, the master that its Sentinel names, or whom a cluster names.
//!
//! A server that did not answer is not asked again for the same operation, nor is another one:
//! only where a cluster said that it did nothing and who would, that one is asked, once.

use crate::failure::classify;
use crate::protocol::{Reply, command};
use crate::session::{Answer, Login, Request, Resp};
use crate::settings::{Mode, Settings};
use crate::slot::key_slot;
use perjury_harness::Failure;
use perjury_wire::{Connection, Effect, WireError};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Connections of one client: at most one to a server, each used by one request at a time.
#[derive(Debug)]
pub(crate) struct Route {
    settings: Arc<Settings>,
    /// Its node's server.
    home: SocketAddr,
    sentinel: Option<Connection<Resp>>,
    servers: BTreeMap<SocketAddr, Connection<Resp>>,
    /// Who a cluster said has a slot. Others are asked for at home.
    slots: BTreeMap<u16, SocketAddr>,
}

impl Route {
    /// A client of the node at `node`, with nothing connected yet.
    pub(crate) fn new(settings: Arc<Settings>, node: IpAddr) -> Self {
        let home = SocketAddr::new(node, settings.port);
        let (servers, slots) = (BTreeMap::new(), BTreeMap::new());
        Self { settings, home, sentinel: None, servers, slots }
    }

    /// Connects to whom it would ask first.
    pub(crate) async fn connect(&mut self) -> Result<(), WireError> {
        let first = self.first("").await?;
        let connection = self.open(first).await?;
        self.servers.insert(first, connection);
        Ok(())
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A request about `key`, and any other key of its slot. What replicas did not confirm is
    /// indefinite.
    pub(crate) async fn ask(&mut self, key: &str, request: Request) -> Result<Reply, Failure> {
        let effect = request.effect;
        let answer = self.ask_and_tell(key, request).await?;
        match answer.unconfirmed {
            None => Ok(answer.reply),
            Some(why) if effect == Effect::Nothing => Err(Failure::Definite(why)),
            Some(why) => Err(Failure::Indefinite(why)),
        }
    }

    /// The same, with an answer also where replicas did not confirm it.
    pub(crate) async fn ask_and_tell(
        &mut self,
        key: &str,
        mut request: Request,
    ) -> Result<Answer, Failure> {
        let effect = request.effect;
        let confirms = effect == Effect::Nothing && self.settings.confirm_reads;
        let alone = !request.transaction;
        if effect == Effect::Writes || confirms {
            request.wait = self.settings.wait;
        }
        if confirms {
            // A WAIT is about what this session wrote, so it has to write something.
            request.commands.insert(0, command(&["INCR", &beside(key)]));
            request.transaction = true;
        }
        let answer = self.dispatch(key, &request).await;
        let mut answer = answer.map_err(|error| classify(&error, effect))?;
        if confirms && let Reply::Array(parts) = &mut answer.reply {
            parts.remove(0);
            if alone && let Some(only) = parts.pop() {
                answer.reply = only;
            }
        }
        Ok(answer)
    }

    async fn dispatch(&mut self, key: &str, request: &Request) -> Result<Answer, WireError> {
        let first = self.first(key).await?;
        let answer = self.talk(first, request, false).await;
        if self.settings.mode != Mode::Cluster {
            return answer;
        }
        let slot = key_slot(key);
        let last = match &answer {
            Err(WireError::Refused { code, text }) if code == "MOVED" => {
                let target = target(text, first)?;
                self.slots.insert(slot, target);
                self.talk(target, request, false).await
            }
            Err(WireError::Refused { code, text }) if code == "ASK" => {
                self.talk(target(text, first)?, request, true).await
            }
            _ => answer,
        };
        if last.is_err() {
            // Whoever was asked is not to be trusted with it: the node itself is asked next.
            self.slots.remove(&slot);
        }
        last
    }

    /// Whom to ask about `key`. Errors mean that nothing was asked.
    async fn first(&mut self, key: &str) -> Result<SocketAddr, WireError> {
        match self.settings.mode {
            Mode::Direct => Ok(self.home),
            Mode::Cluster => Ok(self.slots.get(&key_slot(key)).copied().unwrap_or(self.home)),
            Mode::Sentinel => {
                let master = self.master().await.map_err(|error| match error {
                    error @ WireError::NotSent(_) => error,
                    error => WireError::NotSent(format!("asking Sentinel: {error}")),
                })?;
                self.servers.retain(|server, _| *server == master);
                Ok(master)
            }
        }
    }

    /// Whom the node's Sentinel says to be the master at this moment.
    async fn master(&mut self) -> Result<SocketAddr, WireError> {
        let mut sentinel = match self.sentinel.take() {
            Some(sentinel) => sentinel,
            None => {
                let address = SocketAddr::new(self.home.ip(), self.settings.sentinel);
                let sentinel = Connection::open(address, Login::default()).await?;
                sentinel.with_limit(self.settings.limit)
            }
        };
        let asked =
            command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.settings.master.as_str()]);
        let answer = sentinel
            .exchange(|session| Box::pin(async move { session.single(&asked).await }))
            .await?;
        self.sentinel = Some(sentinel);
        match answer {
            Reply::Nil => {
                let name = &self.settings.master;
                Err(WireError::NotSent(format!("Sentinel knows no master called `{name}`")))
            }
            Reply::Array(parts) => match parts.as_slice() {
                [Reply::Bulk(host), Reply::Bulk(port)] => address(host, port),
                _ => None,
            }
            .ok_or_else(|| WireError::Garbled("a master without an address".to_owned())),
            other => Err(WireError::Garbled(format!("a master was said to be {other:?}"))),
        }
    }

    async fn open(&self, server: SocketAddr) -> Result<Connection<Resp>, WireError> {
        let login = Login {
            password: self.settings.password.clone(),
            master: self.settings.mode == Mode::Sentinel,
        };
        Ok(Connection::open(server, login).await?.with_limit(self.settings.limit))
    }

    /// One exchange with one server. The connection is gone while it is in use, and stays gone
    /// when it fails by anything but a refusal.
    async fn talk(
        &mut self,
        server: SocketAddr,
        request: &Request,
        asking: bool,
    ) -> Result<Answer, WireError> {
        let mut connection = match self.servers.remove(&server) {
            Some(connection) => connection,
            None => self.open(server).await?,
        };
        let request = request.clone();
        let answer = connection
            .exchange(move |session| Box::pin(async move { session.run(&request, asking).await }))
            .await;
        if matches!(answer, Ok(_) | Err(WireError::Refused { .. })) {
            self.servers.insert(server, connection);
        }
        answer
    }
}

/// A key in the same slot as `key`, for the writes that confirm reads.
fn beside(key: &str) -> String {
    if key.contains('{') { format!("confirm:{key}") } else { format!("confirm:{{{key}}}") }
}

/// Where a redirection points to: the last word of `3999 127.0.0.1:6381`. Without a host it is
/// another port of the server that was asked.
fn target(text: &str, asked: SocketAddr) -> Result<SocketAddr, WireError> {
    let place = text.rsplit(' ').next().unwrap_or_default();
    let found = place.rsplit_once(':').and_then(|(host, port)| match host {
        "" => Some(SocketAddr::new(asked.ip(), port.parse().ok()?)),
        host => address(host.as_bytes(), port.as_bytes()),
    });
    // The redirection itself says that nothing was done.
    found.ok_or_else(|| WireError::NotSent(format!("a redirection to nowhere: {text:.100}")))
}

fn address(host: &[u8], port: &[u8]) -> Option<SocketAddr> {
    let host = std::str::from_utf8(host).ok()?.trim_matches(['[', ']']);
    let port = std::str::from_utf8(port).ok()?;
    Some(SocketAddr::new(host.parse().ok()?, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_point_to_an_address_or_to_another_port() {
        let asked: SocketAddr = "10.0.0.7:6379".parse().unwrap();
        let to = |text: &str| target(text, asked).map(|found| found.to_string()).ok();
        assert_eq!(to("3999 127.0.0.1:6381").as_deref(), Some("127.0.0.1:6381"));
        assert_eq!(to("3999 fd00::2:6381").as_deref(), Some("[fd00::2]:6381"));
        assert_eq!(to("3999 :6381").as_deref(), Some("10.0.0.7:6381"));
        for text in ["", "3999", "3999 ?:6381", "3999 127.0.0.1:port"] {
            assert!(matches!(target(text, asked), Err(WireError::NotSent(_))), "{text}");
        }
    }

    #[test]
    fn what_confirms_a_read_is_in_the_slot_of_what_is_read() {
        for key in ["r:7", "{all}:list:3", "set:{4}"] {
            assert_eq!(key_slot(&beside(key)), key_slot(key), "{key}");
            assert_ne!(beside(key), key);
        }
    }
}

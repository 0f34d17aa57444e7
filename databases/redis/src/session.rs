//! One conversation with a server: logging in, one command or one transaction at a time, and the
//! WAIT that belongs to it.

use crate::protocol::{Command, Decoder, Reply, command, encode};
use crate::settings::Wait;
use perjury_wire::{Effect, Link, Session, WireError};

/// How to log in, and as whom the server has to show itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    pub(crate) password: Option<String>,
    /// Refuse a server that is no master. A Sentinel may name one that just was demoted, and a
    /// replica would answer reads.
    pub(crate) master: bool,
}

/// What is asked in one exchange.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) commands: Vec<Command>,
    /// Whether they are one transaction (MULTI, EXEC). Without it there is one command.
    pub(crate) transaction: bool,
    pub(crate) effect: Effect,
    /// What replicas have to confirm afterwards.
    pub(crate) wait: Option<Wait>,
}

impl Request {
    /// One command.
    pub(crate) fn one(effect: Effect, words: &[&str]) -> Self {
        Self { commands: vec![command(words)], transaction: false, effect, wait: None }
    }

    /// A transaction, answered with an array of as many answers.
    pub(crate) fn transaction(effect: Effect, commands: Vec<Command>) -> Self {
        Self { commands, transaction: true, effect, wait: None }
    }
}

/// A request's answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Never an error.
    pub(crate) reply: Reply,
    /// Why the replicas did not confirm it, if they were asked and did not.
    pub(crate) unconfirmed: Option<String>,
}

/// A session with one server.
#[derive(Debug)]
pub(crate) struct Resp {
    link: Link,
}

impl Session for Resp {
    type Login = Login;

    async fn open(link: Link, login: &Login) -> Result<Self, WireError> {
        let mut session = Self { link };
        if let Some(password) = &login.password {
            session.single(&command(&["AUTH", password])).await?;
        }
        if !login.master {
            session.single(&command(&["PING"])).await?;
            return Ok(session);
        }
        match role(&session.single(&command(&["ROLE"])).await?)? {
            "master" => Ok(session),
            other => Err(WireError::NotSent(format!("the server is no master but a {other}"))),
        }
    }

    fn is_usable(&mut self) -> bool {
        // Nothing was asked, so whatever came is no answer.
        self.link.still_open() && self.link.buffer.is_empty()
    }
}

/// The first word of the answer to ROLE: `master`, `slave` or `sentinel`.
pub(crate) fn role(reply: &Reply) -> Result<&str, WireError> {
    if let Reply::Array(parts) = reply
        && let Some(Reply::Bulk(word)) = parts.first()
        && let Ok(word) = std::str::from_utf8(word)
    {
        return Ok(word);
    }
    Err(WireError::Garbled(format!("ROLE was answered with {reply:?}")))
}

impl Resp {
    /// One command outside of the workloads.
    pub(crate) async fn single(&mut self, command: &Command) -> Result<Reply, WireError> {
        let mut replies = self.pipeline(std::slice::from_ref(command)).await?;
        accepted(replies.remove(0))
    }

    /// A request; `asking` when a cluster said that this server is to be asked exceptionally.
    pub(crate) async fn run(
        &mut self,
        request: &Request,
        asking: bool,
    ) -> Result<Answer, WireError> {
        let mut commands = Vec::new();
        if asking {
            commands.push(command(&["ASKING"]));
        }
        if request.transaction {
            commands.push(command(&["MULTI"]));
        }
        commands.extend(request.commands.iter().cloned());
        if request.transaction {
            commands.push(command(&["EXEC"]));
        }
        let mut replies = self.pipeline(&commands).await?;
        if asking {
            accepted(replies.remove(0))?;
        }
        let reply =
            if request.transaction { executed(replies)? } else { accepted(replies.remove(0))? };
        let unconfirmed = match request.wait {
            Some(wait) => self.wait(wait).await,
            None => None,
        };
        Ok(Answer { reply, unconfirmed })
    }

    /// Why replicas did not confirm what this session wrote, if they did not. Whatever goes wrong
    /// here, what was written stays written.
    async fn wait(&mut self, wait: Wait) -> Option<String> {
        let (replicas, milliseconds) = (wait.replicas, wait.milliseconds.to_string());
        let asked = command(&["WAIT", &replicas.to_string(), &milliseconds]);
        match self.single(&asked).await {
            Ok(Reply::Integer(count)) if count >= replicas => None,
            Ok(Reply::Integer(count)) => Some(format!(
                "WAIT: {count} of {replicas} replicas confirmed it within {milliseconds} ms"
            )),
            Ok(other) => Some(format!("WAIT was answered with {other:?}")),
            Err(error) => Some(format!("WAIT: {error}")),
        }
    }

    /// Sends all commands at once and hears as many answers.
    async fn pipeline(&mut self, commands: &[Command]) -> Result<Vec<Reply>, WireError> {
        let mut bytes = Vec::new();
        for command in commands {
            encode(command, &mut bytes);
        }
        self.link.write(&bytes).await?;
        let mut replies = Vec::with_capacity(commands.len());
        for _ in commands {
            let mut decoder = Decoder::default();
            replies.push(self.link.message(|buffer| decoder.decode(buffer)).await?);
        }
        Ok(replies)
    }
}

/// An answer that is no error.
fn accepted(reply: Reply) -> Result<Reply, WireError> {
    match reply {
        Reply::Error { code, text } => Err(WireError::Refused { code, text }),
        reply => Ok(reply),
    }
}

/// What a transaction did, from the answers to MULTI, each command and EXEC.
fn executed(mut replies: Vec<Reply>) -> Result<Reply, WireError> {
    let (Some(last), count) = (replies.pop(), replies.len().saturating_sub(1)) else {
        return Err(WireError::Garbled("a transaction without an answer".to_owned()));
    };
    let is_error = |reply: &Reply| matches!(reply, Reply::Error { .. });
    if is_error(&replies[0]) && !replies.iter().all(is_error) {
        // Without MULTI each command stands for itself, so some of them were carried out.
        let text = format!("it was refused ({:?}), and commands after it were not", replies[0]);
        return Err(WireError::Refused { code: "MULTI".to_owned(), text });
    }
    let refused = replies.into_iter().find(is_error);
    match (refused, last) {
        (Some(refused), Reply::Error { .. }) => accepted(refused),
        (None, last @ Reply::Error { .. }) => accepted(last),
        (Some(refused), _) => Err(WireError::Garbled(format!(
            "EXEC went on although a command was refused with {refused:?}"
        ))),
        (None, Reply::Array(parts)) if parts.len() == count => {
            match parts.iter().find(|part| is_error(part)) {
                // Redis goes on after a command that fails, so the others were done.
                Some(failed) => Err(WireError::Garbled(format!(
                    "a command of a transaction failed by itself: {failed:?}"
                ))),
                None => Ok(Reply::Array(parts)),
            }
        }
        (None, other) => {
            Err(WireError::Garbled(format!("EXEC of {count} was answered with {other:?}")))
        }
    }
}

//! The controller's end of the node agent: requests as JSON lines over an SSH channel.
//!
//! The agent itself is `perjury agent`, the same static binary, uploaded once under its hash.
//! What requests there are is the matter of whoever registers it (`nemesis`), but for starting
//! and stopping the database, which every cluster needs: see [`protocol`].
//!
//! Invariants: a request whose answer did not come is [`AgentError::Lost`] and never sent a second
//! time; one that was certainly not sent is [`AgentError::Unavailable`]. While the link lives, the
//! lease is renewed three times in its length; when the link ends, the agent is on its own and
//! heals its node as soon as the lease has lapsed.

mod deploy;
mod elf;
mod link;
pub mod protocol;
#[cfg(test)]
mod tests;

pub use deploy::{DeployOptions, remote_path};
pub use elf::is_static;

use crate::control::Session;
use link::{Link, Unanswered};
use protocol::{ClockRead, Hello, ProcessEnd, ProcessName, ProcessState, StartProcess};
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// For the agent to do one thing with a process; stopping one gently takes five seconds.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(30);
/// For undoing a whole ledger.
const UNDO_TIMEOUT: Duration = Duration::from_secs(60);
/// For the agent to exit after its standard input has ended.
const EXIT_TIMEOUT: Duration = Duration::from_secs(10);

/// A running agent on one node.
pub struct Agent {
    node: Arc<str>,
    /// How to start it again; an agent that somebody else started is not.
    origin: Option<(Arc<Session>, DeployOptions)>,
    state: tokio::sync::Mutex<State>,
    /// What agents undid when they started, oldest first.
    healed: Mutex<Vec<String>>,
}

enum State {
    Linked(Arc<Link>),
    /// The last attempt to start it again failed at this time, for this reason.
    Down(Instant, String),
    /// [`Agent::shutdown`] was called.
    Shut,
}

/// Why the agent gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AgentError {
    /// The agent did the request and it went wrong, or it refused.
    #[error("the agent on {node} refused `{verb}`: {message}")]
    Refused { node: String, verb: String, message: String },
    /// Whether the request was carried out is unknown.
    #[error("the agent on {node} gave no answer to `{verb}`: {message}")]
    Lost { node: String, verb: String, message: String },
    /// There is no agent; nothing was done.
    #[error("there is no agent on {node}: {message}")]
    Unavailable { node: String, message: String },
}

impl Agent {
    /// Puts `binary` on the node if it is not there and starts it as root, with the usual paths.
    ///
    /// When its connection is lost later, the next [`Agent::call`] starts it again, once.
    pub async fn deploy(
        session: &Arc<Session>,
        binary: &Path,
        lease: Duration,
    ) -> Result<Arc<Self>, AgentError> {
        Self::deploy_with(session, DeployOptions::new(binary, lease)).await
    }

    /// [`Agent::deploy`] with other paths.
    pub async fn deploy_with(
        session: &Arc<Session>,
        options: DeployOptions,
    ) -> Result<Arc<Self>, AgentError> {
        let node: Arc<str> = session.target().name.as_str().into();
        let link = deploy::deploy(session, &options)
            .await
            .map_err(|message| AgentError::Unavailable { node: node.to_string(), message })?;
        Ok(Arc::new(Self::linked(node, Some((Arc::clone(session), options)), link)))
    }

    /// Speaks with an agent that was started by other means, a child process for example. It
    /// cannot be started again.
    pub async fn attach(
        node: &str,
        stdin: impl AsyncWrite + Send + Unpin + 'static,
        stdout: impl AsyncRead + Send + Unpin + 'static,
        lease: Duration,
    ) -> Result<Arc<Self>, AgentError> {
        let link = Link::open(node, Box::new(stdin), Box::new(stdout), None, lease).await;
        let link =
            link.map_err(|message| AgentError::Unavailable { node: node.to_owned(), message })?;
        Ok(Arc::new(Self::linked(node.into(), None, link)))
    }

    fn linked(node: Arc<str>, origin: Option<(Arc<Session>, DeployOptions)>, link: Link) -> Self {
        let healed = Mutex::new(link.hello().healed.clone());
        let state = tokio::sync::Mutex::new(State::Linked(Arc::new(link)));
        Self { node, origin, state, healed }
    }

    /// Asks the agent to do `verb` and waits for its answer, `timeout` at the most. Several calls
    /// may be under way at once.
    pub async fn call(
        &self,
        verb: &str,
        with: Value,
        timeout: Duration,
    ) -> Result<Value, AgentError> {
        let link = self.link().await?;
        let (node, verb_name) = (self.node.to_string(), verb.to_owned());
        link.call(verb, with, timeout).await.map_err(|unanswered| match unanswered {
            Unanswered::Refused(message) => AgentError::Refused { node, verb: verb_name, message },
            Unanswered::Lost(message) => AgentError::Lost { node, verb: verb_name, message },
            Unanswered::NotSent(message) => AgentError::Unavailable { node, message },
        })
    }

    /// What the node's clocks say, from an agent that is there: one that is not is not started
    /// again for this. `None` when no answer came within `limit`.
    pub async fn read_clock(&self, limit: Duration) -> Option<ClockRead> {
        let link = match &*self.state.try_lock().ok()? {
            State::Linked(link) if link.ended().is_none() => Arc::clone(link),
            _ => return None,
        };
        let answer = link.call(protocol::CLOCK_READ, Value::Null, limit).await.ok()?;
        serde_json::from_value(answer).ok()
    }

    /// Starts a process by [`protocol::PROCESS_START`].
    pub async fn start_process(&self, start: &StartProcess) -> Result<ProcessState, AgentError> {
        self.typed(protocol::PROCESS_START, start, PROCESS_TIMEOUT).await
    }

    /// What `/proc` says of a process.
    pub async fn process_status(&self, name: &str) -> Result<ProcessState, AgentError> {
        self.process(protocol::PROCESS_STATUS, name).await
    }

    /// What ended without having been told to; nothing is known while the agent does not answer.
    pub async fn process_ends(&self) -> Result<Vec<ProcessEnd>, AgentError> {
        self.typed(protocol::PROCESS_ENDS, &Value::Null, PROCESS_TIMEOUT).await
    }

    /// SIGTERM, then SIGKILL after five seconds.
    pub async fn stop(&self, name: &str) -> Result<ProcessState, AgentError> {
        self.process(protocol::PROCESS_STOP, name).await
    }

    /// SIGKILL to a process and all its descendants.
    pub async fn kill(&self, name: &str) -> Result<ProcessState, AgentError> {
        self.process(protocol::PROCESS_KILL, name).await
    }

    /// SIGSTOP.
    pub async fn pause(&self, name: &str) -> Result<ProcessState, AgentError> {
        self.process(protocol::PROCESS_PAUSE, name).await
    }

    /// SIGCONT.
    pub async fn resume(&self, name: &str) -> Result<ProcessState, AgentError> {
        self.process(protocol::PROCESS_RESUME, name).await
    }

    /// Undoes the whole ledger; a line for each thing undone.
    pub async fn undo_all(&self) -> Result<Vec<String>, AgentError> {
        self.typed(protocol::UNDO_ALL, &Value::Null, UNDO_TIMEOUT).await
    }

    /// Undoes the whole ledger, ends the agent and waits until it has exited. An agent that was
    /// lost is started again for this, so that what it left is healed now and not by its lease.
    pub async fn shutdown(&self) -> Result<Vec<String>, AgentError> {
        let link = match self.link().await {
            Ok(link) => link,
            Err(error) => {
                *self.state.lock().await = State::Shut;
                return Err(error);
            }
        };
        let undone = self.undo_all().await;
        *self.state.lock().await = State::Shut;
        link.finish();
        if !link.wait_end(EXIT_TIMEOUT).await {
            tracing::warn!(node = &*self.node, "the agent did not exit; its lease will end it");
        }
        undone
    }

    /// What agents on this node undid when they started, left over from earlier ones.
    pub fn healed(&self) -> Vec<String> {
        self.healed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the agent that runs now said when it started; none while there is none.
    pub async fn hello(&self) -> Option<Hello> {
        match &*self.state.lock().await {
            State::Linked(link) => Some(link.hello().clone()),
            _ => None,
        }
    }

    async fn process(&self, verb: &str, name: &str) -> Result<ProcessState, AgentError> {
        self.typed(verb, &ProcessName { name: name.to_owned() }, PROCESS_TIMEOUT).await
    }

    async fn typed<T: serde::de::DeserializeOwned>(
        &self,
        verb: &str,
        with: &impl serde::Serialize,
        timeout: Duration,
    ) -> Result<T, AgentError> {
        let with = serde_json::to_value(with).map_err(|error| AgentError::Unavailable {
            node: self.node.to_string(),
            message: format!("`{verb}` cannot be sent: {error}"),
        })?;
        let answer = self.call(verb, with, timeout).await?;
        serde_json::from_value(answer).map_err(|error| AgentError::Lost {
            node: self.node.to_string(),
            verb: verb.to_owned(),
            message: format!("its answer is not understood ({error}); is it of another version?"),
        })
    }

    /// The link, after one attempt to restore a broken one.
    async fn link(&self) -> Result<Arc<Link>, AgentError> {
        let unavailable =
            |message: String| Err(AgentError::Unavailable { node: self.node.to_string(), message });
        let asked = Instant::now();
        let mut state = self.state.lock().await;
        let reason = match &*state {
            State::Shut => return unavailable("it was shut down".to_owned()),
            // Whoever waited while another tried in vain need not try the same again.
            State::Down(at, reason) if *at >= asked => return unavailable(reason.clone()),
            State::Down(_, reason) => reason.clone(),
            State::Linked(link) => match link.ended() {
                None => return Ok(Arc::clone(link)),
                Some(reason) => reason,
            },
        };
        let Some((session, options)) = &self.origin else { return unavailable(reason) };
        tracing::warn!(node = &*self.node, reason, "starting the agent again");
        match deploy::deploy(session, options).await {
            Ok(link) => {
                let mut healed = self.healed.lock().unwrap_or_else(PoisonError::into_inner);
                healed.extend(link.hello().healed.iter().cloned());
                let link = Arc::new(link);
                *state = State::Linked(Arc::clone(&link));
                Ok(link)
            }
            Err(message) => {
                let message =
                    format!("it was lost ({reason}) and cannot be started again: {message}");
                // The reason of the first failure stays readable, the chain does not grow.
                *state = State::Down(Instant::now(), reason);
                unavailable(message)
            }
        }
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Agent({})", self.node)
    }
}

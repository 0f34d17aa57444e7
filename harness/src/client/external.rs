//! Clients in any language: a child process for each client, spoken to in JSON lines.
//!
//! The conversation is in docs/client-protocol.md. Whatever goes wrong in it after an operation
//! was sent means that nobody knows whether the operation happened.

pub mod check;
mod child;
pub mod protocol;

use self::child::Child;
use self::protocol::{Answer, Asserted, Claim, Declared, Hello, NodeWords, Outcome, PROTOCOL};
use super::{Client, Connect, Failure};
use crate::assertion;
use crate::database::{NodeFacts, Scope, Template};
use crate::{Node, Op};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::time::timeout;

/// How long a program has to start and to say hello.
const HELLO_LIMIT: Duration = Duration::from_secs(10);
/// How long making tables and the like may take.
const PREPARE_LIMIT: Duration = Duration::from_secs(45);
/// How long it has to end once its input has ended.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// What is shown of an answer that cannot be understood, in characters.
const SHOWN: usize = 300;

/// Makes clients that are programs.
pub struct ExternalConnector {
    words: Words,
    asked: Asked,
    folder: Option<PathBuf>,
    nodes: OnceLock<Vec<NodeFacts>>,
}

/// How the program is called, and what its arguments are filled in with.
#[derive(Clone, Debug)]
pub struct Words {
    pub argv: Vec<Template>,
    pub ports: BTreeMap<String, u16>,
    /// Options of the definition, with defaults.
    pub options: BTreeMap<String, String>,
    /// By node.
    pub roles: Vec<String>,
}

/// What it will be asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub workload: String,
    /// All that was set, also for the workload.
    pub set: BTreeMap<String, String>,
}

/// A client that is a program.
pub struct ExternalClient {
    child: Child,
    last: u64,
    line: String,
}

impl ExternalConnector {
    /// Programs run in `folder`, or where this one runs.
    pub fn new(words: Words, asked: Asked, folder: Option<PathBuf>) -> Self {
        Self { words, asked, folder, nodes: OnceLock::new() }
    }

    fn facts(&self, node: &Node) -> NodeFacts {
        NodeFacts {
            name: node.name.to_string(),
            address: node.address,
            role: self.words.roles.get(node.index).cloned().unwrap_or_default(),
        }
    }

    async fn open(&self, node: &Node) -> Result<(ExternalClient, Hello), String> {
        let alone = [self.facts(node)];
        let nodes = self.nodes.get().map_or(&alone[..], Vec::as_slice);
        let here = if nodes.len() > node.index { node.index } else { 0 };
        let argv = self.words.argv(nodes, here)?;
        let hello = hello(&self.asked, nodes, here, &self.words.ports, &self.words.options);
        ExternalClient::open(&argv, self.folder.as_deref(), &hello).await
    }
}

impl Words {
    /// The program and its arguments for a client of node `here`.
    ///
    /// # Errors
    /// An option that has no value.
    pub fn argv(&self, nodes: &[NodeFacts], here: usize) -> Result<Vec<String>, String> {
        let scope =
            Scope { nodes, here, perjury: "perjury", ports: &self.ports, options: &self.options };
        self.argv.iter().map(|word| word.render(&scope)).collect()
    }
}

/// The first line that a client of node `here` is told. `options` are those of the definition.
pub fn hello(
    asked: &Asked,
    nodes: &[NodeFacts],
    here: usize,
    ports: &BTreeMap<String, u16>,
    options: &BTreeMap<String, String>,
) -> Value {
    let mut options = options.clone();
    options.extend(asked.set.clone());
    let words = |at: usize| NodeWords {
        name: nodes[at].name.clone(),
        address: nodes[at].address.to_string(),
        index: at,
        role: nodes[at].role.clone(),
    };
    json!({
        "type": "hello",
        "protocol": PROTOCOL,
        "workload": asked.workload,
        "node": words(here),
        "nodes": (0..nodes.len()).map(words).collect::<Vec<_>>(),
        "ports": ports,
        "options": options,
    })
}

impl ExternalClient {
    /// Starts the program and greets it.
    ///
    /// # Errors
    /// A sentence, with the last that the program said on its standard error.
    pub async fn open(
        argv: &[String],
        folder: Option<&std::path::Path>,
        hello: &Value,
    ) -> Result<(Self, Hello), String> {
        let child = Child::start(argv, folder)?;
        let mut client = Self { child, last: 0, line: String::new() };
        let shown = argv.join(" ");
        let greeting = async {
            client.child.say(hello).await?;
            client.child.hear(&mut client.line).await
        };
        match timeout(HELLO_LIMIT, greeting).await {
            Err(_) => {
                let limit = HELLO_LIMIT.as_secs();
                return Err(client
                    .child
                    .blame(&format!("`{shown}` did not say hello in {limit} s")));
            }
            Ok(Err(error)) => return Err(client.child.blame(&format!("`{shown}`: {error}"))),
            Ok(Ok(())) => {}
        }
        let hello = protocol::hello(&client.line)
            .map_err(|error| client.child.blame(&format!("`{shown}`: {error}")))?;
        Ok((client, hello))
    }

    /// Lets it make tables and the like.
    async fn prepare(&mut self) -> Result<(), String> {
        let preparing = async {
            self.child.say(&json!({"type": "prepare"})).await?;
            self.child.hear(&mut self.line).await
        };
        let heard = timeout(PREPARE_LIMIT, preparing).await;
        heard
            .map_err(|_| "preparing: no answer came".to_owned())?
            .map_err(|e| self.child.blame(&e))?;
        match protocol::prepared(&self.line) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.child.blame(&error)),
        }
    }

    /// Sends an operation and hears until its answer comes; late answers to others are skipped.
    ///
    /// # Errors
    /// What an answer that is missing or not understood means.
    pub async fn ask(&mut self, op: &Op) -> Result<Answer, Failure> {
        self.last += 1;
        let sent = self.child.say(&protocol::op(self.last, op)).await;
        sent.map_err(|error| Failure::Indefinite(self.child.blame(&error)))?;
        loop {
            let heard = self.child.hear(&mut self.line).await;
            heard.map_err(|error| Failure::Indefinite(self.child.blame(&error)))?;
            let answer = protocol::answer(&self.line).map_err(|error| {
                let shown: String = self.line.chars().take(SHOWN).collect();
                Failure::Unexpected(format!("{error} in the answer {shown}"))
            })?;
            if answer.id == self.last {
                answer.asserts.iter().for_each(|one| assert(one, op));
                return Ok(answer);
            }
            if answer.id > self.last {
                let text =
                    format!("an answer to operation {} came, which was not asked", answer.id);
                return Err(Failure::Unexpected(text));
            }
        }
    }
}

fn kind_of(claim: Claim) -> assertion::Kind {
    match claim {
        Claim::Always => assertion::Kind::Always,
        Claim::Sometimes => assertion::Kind::Sometimes,
    }
}

/// Takes down what a program asserts with its answer to `op`.
fn assert(one: &Asserted, op: &Op) {
    match one.kind {
        Claim::Sometimes => assertion::sometimes(&one.name, one.holds),
        Claim::Always => assertion::always(
            &one.name,
            one.holds,
            || json!({"f": op.f, "value": op.value, "details": one.details}),
        ),
    }
}

impl Connect for ExternalConnector {
    type Client = ExternalClient;

    async fn connect(&self, node: &Node) -> Result<ExternalClient, String> {
        let (client, hello) = self.open(node).await?;
        for Declared { kind, name } in &hello.assertions {
            assertion::declare(kind_of(*kind), name);
        }
        Ok(client)
    }

    async fn prepare(&self, nodes: &[Node]) -> Result<(), String> {
        let _ = self.nodes.set(nodes.iter().map(|node| self.facts(node)).collect());
        let Some(first) = nodes.first() else { return Ok(()) };
        let (mut client, hello) = self.open(first).await?;
        if hello.prepare {
            client.prepare().await?;
        }
        Client::close(client).await;
        Ok(())
    }
}

impl Client for ExternalClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        let answer = self.ask(op).await?;
        let error = answer.error.unwrap_or_default();
        match answer.outcome {
            Outcome::Ok => Ok(answer.value.unwrap_or_else(|| op.value.clone())),
            Outcome::Fail if answer.declined => Err(Failure::Declined(error)),
            Outcome::Fail if !answer.asked => Err(Failure::NotAsked(error)),
            Outcome::Fail => Err(Failure::Definite(error)),
            Outcome::Info if answer.unexpected => Err(Failure::Unexpected(error)),
            Outcome::Info => Err(Failure::Indefinite(error)),
        }
    }

    async fn close(self) {
        self.child.close(CLOSE_LIMIT).await;
    }
}

#[cfg(test)]
mod tests;

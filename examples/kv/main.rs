//! Perjury with a database and a client of one's own in Rust: `kv`, whose server is in Python.
//!
//! In a repository of its own this is `src/main.rs`, and `Cargo.toml` depends on `perjury-harness`,
//! `perjury-workloads`, `perjury-nemesis`, `serde_json` and `tokio`.

use perjury_harness::client::SharedConnect;
use perjury_harness::{Client, Connect, Database, Failure, Node, Op, Options, Registry, cli};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

fn main() -> ExitCode {
    let registry = perjury_workloads::register(Registry::default().database(Kv));
    cli::main(&perjury_nemesis::register(registry))
}

struct Kv;

impl Database for Kv {
    fn name(&self) -> &str {
        "kv"
    }

    fn about(&self) -> &str {
        "a small key-value server in Python, spoken to in Rust"
    }

    fn definition(&self) -> &str {
        include_str!("database.toml")
    }

    /// Where the server is that the definition installs.
    fn folder(&self) -> Option<PathBuf> {
        Some(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kv").into())
    }

    fn workloads(&self) -> &[&'static str] {
        &["register"]
    }

    fn connect(&self, _workload: &str, _options: &Options) -> Result<SharedConnect, String> {
        Ok(Arc::new(Connector))
    }
}

struct Connector;

impl Connect for Connector {
    type Client = KvClient;

    /// Nothing has been asked yet, so an error is only a text.
    async fn connect(&self, node: &Node) -> Result<KvClient, String> {
        const PORT: u16 = 7700;
        let connecting = TcpStream::connect((node.address, PORT));
        match tokio::time::timeout(Duration::from_secs(2), connecting).await {
            Ok(Ok(stream)) => Ok(KvClient { stream: BufReader::new(stream) }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no connection within 2 s".to_owned()),
        }
    }
}

/// One connection, one operation at a time. It is dropped after an error, and when its time is up.
struct KvClient {
    stream: BufReader<TcpStream>,
}

impl KvClient {
    /// `?` on an error means: nobody knows whether it happened.
    async fn ask(&mut self, question: &str) -> Result<String, Failure> {
        self.stream.get_mut().write_all(format!("{question}\n").as_bytes()).await?;
        let mut answer = String::new();
        if self.stream.read_line(&mut answer).await? == 0 || !answer.ends_with('\n') {
            return Err(Failure::Indefinite("the server closed the connection".to_owned()));
        }
        Ok(answer.trim_end().to_owned())
    }
}

impl Client for KvClient {
    async fn invoke(&mut self, op: &Op) -> Result<Value, Failure> {
        let (key, value) = (&op.value[0], &op.value[1]);
        let question = match &*op.f {
            "read" => format!("GET {key}"),
            "write" => format!("SET {key} {value}"),
            "cas" => format!("CAS {key} {} {}", value[0], value[1]),
            f => return Err(Failure::Definite(format!("there is no operation {f}"))),
        };
        let answer = self.ask(&question).await?;
        match (&*op.f, answer.split_once(' ').unwrap_or((&answer, ""))) {
            ("read", ("NONE", "")) => Ok(json!([key, null])),
            ("read", ("VALUE", found)) => match found.parse::<i64>() {
                Ok(found) => Ok(json!([key, found])),
                Err(_) => Err(Failure::Unexpected(format!("it said {answer}"))),
            },
            ("write" | "cas", ("OK", "")) => Ok(op.value.clone()),
            ("cas", ("DIFFERS", "")) => Err(Failure::Declined("it has another value".to_owned())),
            _ => Err(Failure::Unexpected(format!("it said {answer}"))),
        }
    }
}

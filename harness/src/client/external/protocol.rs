//! The words of the conversation with a client that is a program: one JSON object a line.

use crate::Op;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the conversation that this build speaks.
pub const PROTOCOL: u32 = 1;

/// What a program says first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Hello {
    pub protocol: u32,
    /// Whether it wants to be asked, once a run, to make tables and the like.
    #[serde(default)]
    pub prepare: bool,
    /// What it will assert with its answers.
    #[serde(default)]
    pub assertions: Vec<Declared>,
}

/// An assertion that a program will make.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Declared {
    pub kind: Claim,
    pub name: String,
}

/// What a program can assert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Claim {
    Always,
    Sometimes,
}

/// An assertion that comes with an answer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Asserted {
    pub kind: Claim,
    pub name: String,
    pub holds: bool,
    /// What to show if it does not hold.
    #[serde(default)]
    pub details: Value,
}

/// A node as a program is told of it.
#[derive(Clone, Debug, Serialize)]
pub struct NodeWords {
    pub name: String,
    pub address: String,
    /// From 0.
    pub index: usize,
    /// Empty in a database without roles.
    pub role: String,
}

/// An answer to an operation.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Answer {
    pub id: u64,
    #[serde(rename = "type")]
    pub outcome: Outcome,
    /// What came of it; the operation's own value when left out.
    #[serde(default, deserialize_with = "given")]
    pub value: Option<Value>,
    #[serde(default)]
    pub error: Option<String>,
    /// With `fail`: the database was there, and answered that it would not.
    #[serde(default)]
    pub declined: bool,
    /// With `fail`: false if the program knew better than to ask the database.
    #[serde(default = "yes")]
    pub asked: bool,
    /// With `info`: the database answered with something that cannot be understood.
    #[serde(default)]
    pub unexpected: bool,
    #[serde(default)]
    pub asserts: Vec<Asserted>,
}

fn yes() -> bool {
    true
}

/// A value that is null is given, too.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The three words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It certainly did not happen, and never will.
    Fail,
    /// It may have happened.
    Info,
}

/// What is sent for an operation.
pub(super) fn op(id: u64, op: &Op) -> impl Serialize + '_ {
    #[derive(Serialize)]
    struct Line<'a> {
        r#type: &'static str,
        id: u64,
        f: &'a str,
        value: &'a Value,
    }
    Line { r#type: "op", id, f: &op.f, value: &op.value }
}

/// Reads a program's hello; the error is a sentence.
pub(super) fn hello(line: &str) -> Result<Hello, String> {
    let value = object(line)?;
    if value["type"] != "hello" {
        return Err(format!(
            "it has to begin with {{\"type\":\"hello\",…}}, and said {}",
            brief(line)
        ));
    }
    let hello: Hello =
        serde_json::from_value(value).map_err(|error| format!("{error} in its hello"))?;
    if hello.protocol != PROTOCOL {
        return Err(format!(
            "it speaks version {} of the conversation, and this build speaks {PROTOCOL}",
            hello.protocol
        ));
    }
    Ok(hello)
}

/// Reads the answer to `prepare`.
pub(super) fn prepared(line: &str) -> Result<(), String> {
    let value = object(line)?;
    match value["type"].as_str() {
        Some("ok") => Ok(()),
        Some("fail" | "info") => Err(format!(
            "preparing failed: {}",
            value["error"].as_str().unwrap_or("it does not say why")
        )),
        _ => Err(format!("preparing: it said {}", brief(line))),
    }
}

/// Reads an answer to an operation; the error is a sentence.
pub(super) fn answer(line: &str) -> Result<Answer, String> {
    // Straight into an answer; what is none is read once more to say why.
    serde_json::from_str(line)
        .or_else(|_| serde_json::from_value(object(line)?).map_err(|error| error.to_string()))
}

fn object(line: &str) -> Result<Value, String> {
    match serde_json::from_str::<Value>(line) {
        Ok(value) if value.is_object() => Ok(value),
        Ok(_) => Err(format!("a line has to be a JSON object, and was {}", brief(line))),
        Err(error) => Err(format!("a line is no JSON ({error}): {}", brief(line))),
    }
}

/// The beginning of a line.
fn brief(line: &str) -> String {
    const SHOWN: usize = 120;
    let mut text: String = line.trim_end().chars().take(SHOWN).collect();
    if line.trim_end().chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}

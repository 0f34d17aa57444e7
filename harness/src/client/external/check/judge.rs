//! Judging single lines of a program's, and the advice for each mistake.

use super::super::protocol::Outcome;
use crate::Op;
use crate::database::nearest;
use serde_json::{Map, Value};

/// What a line amounts to.
pub(super) enum Judged {
    Ok(Value),
    /// With a reason, when one was given.
    Fail(Option<String>),
    Info(Option<String>),
    /// Ok, and what had to be filled in is not.
    Unfilled,
    Odd {
        rule: &'static str,
        what: String,
        instead: &'static str,
        /// Whether it was meant as the answer, so that no other comes.
        meant: bool,
    },
}

impl Judged {
    /// Whether the next line belongs to the next operation.
    pub(super) fn is_the_answer(&self) -> bool {
        !matches!(self, Self::Odd { meant: false, .. })
    }
}

fn odd(rule: &'static str, what: String, instead: &'static str, meant: bool) -> Judged {
    Judged::Odd { rule, what, instead, meant }
}

/// What `line` is as the answer to operation `id`.
pub(super) fn answer(line: &str, id: u64, op: &Op) -> Judged {
    let object = match serde_json::from_str::<Value>(line) {
        Err(error) => return no_json(line, &error),
        Ok(Value::Object(object)) => object,
        Ok(other) => {
            let what = format!("a line was {}, and is no JSON object", brief(&other.to_string()));
            return odd("not-json", what, NOT_JSON, false);
        }
    };
    if let Some(judged) = wrong_id(&object, id) {
        return judged;
    }
    let outcome = match object.get("type") {
        Some(Value::String(word)) => match word.as_str() {
            "ok" => Outcome::Ok,
            "fail" => Outcome::Fail,
            "info" => Outcome::Info,
            other => {
                let near = nearest(&other.to_lowercase(), ["ok", "fail", "info"]);
                let near =
                    near.map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
                let what = format!("the type of an answer was {other:?}{near}");
                return odd("type", what, TYPE, true);
            }
        },
        _ => {
            let what = format!("an answer has no \"type\": {}", brief(line));
            return odd("type", what, TYPE, true);
        }
    };
    let error = object.get("error").and_then(Value::as_str).map(str::to_owned);
    match outcome {
        Outcome::Fail => Judged::Fail(error),
        Outcome::Info => Judged::Info(error),
        Outcome::Ok => match object.get("value") {
            None if has_null(&op.value) && &*op.f != super::NONSENSE => Judged::Unfilled,
            None => Judged::Ok(op.value.clone()),
            Some(value) => filled(&op.value, value),
        },
    }
}

fn no_json(line: &str, error: &serde_json::Error) -> Judged {
    let trimmed = line.trim();
    let shown = brief(line);
    if trimmed.is_empty() {
        return odd("not-json", "an empty line came".to_owned(), NOT_JSON, false);
    }
    if error.is_eof() && trimmed.starts_with('{') {
        return odd(
            "many-lines",
            format!("a JSON object ends in the middle of a line: {shown}"),
            MANY_LINES,
            false,
        );
    }
    if trimmed.starts_with("{'") {
        let what = format!("a line has single quotes, and is no JSON: {shown}");
        return odd("not-json", what, SINGLE_QUOTES, true);
    }
    if trimmed.starts_with('{') {
        let what = format!("a line is no JSON ({error}): {shown}");
        return odd("not-json", what, NOT_JSON, true);
    }
    odd("not-json", format!("a line is no JSON: {shown}"), NOT_JSON, false)
}

/// What is wrong with the id, if anything is.
fn wrong_id(object: &Map<String, Value>, id: u64) -> Option<Judged> {
    let given = match object.get("id") {
        None if object.get("type").is_some_and(|word| word == "hello") => {
            let what = "it said hello again".to_owned();
            return Some(odd("said-too-much", what, SAID_TOO_MUCH, false));
        }
        None => {
            return Some(odd("no-id", format!("an answer to operation {id} has no id"), ID, true));
        }
        Some(given) => given,
    };
    match given.as_u64() {
        Some(given) if given == id => None,
        Some(given) if given < id && id - given < 100 => {
            let what = format!("operation {given} was answered again, when {id} was asked");
            Some(odd("answered-twice", what, TWICE, false))
        }
        Some(given) => {
            let what = format!("the answer to operation {id} has id {given}");
            Some(odd("wrong-id", what, ID, true))
        }
        None => {
            let what = format!("the id of the answer to operation {id} is {given}");
            Some(odd("wrong-id", what, ID_IS_NUMBER, true))
        }
    }
}

fn has_null(value: &Value) -> bool {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Null => return true,
            Value::Array(values) => open.extend(values),
            Value::Object(values) => open.extend(values.values()),
            _ => {}
        }
    }
    false
}

/// An answer has the shape of what was asked, with something in place of each null.
fn filled(asked: &Value, answered: &Value) -> Judged {
    let mut open = vec![(asked, answered)];
    let mismatch = || {
        let what = format!(
            "{} was answered with {}",
            brief(&asked.to_string()),
            brief(&answered.to_string())
        );
        odd("value", what, VALUE, true)
    };
    while let Some((asked, answered)) = open.pop() {
        match (asked, answered) {
            (Value::Null, answered) => {
                if let Some(text) = text_in(answered) {
                    let what =
                        format!("the value has the text {text:?}, where only numbers were written");
                    return odd("text", what, TEXT, true);
                }
            }
            (Value::Array(asked), Value::Array(answered)) if asked.len() == answered.len() => {
                open.extend(asked.iter().zip(answered));
            }
            (Value::Object(asked), Value::Object(answered)) if asked.len() == answered.len() => {
                for (key, asked) in asked {
                    let Some(answered) = answered.get(key) else { return mismatch() };
                    open.push((asked, answered));
                }
            }
            (asked, answered) if asked == answered => {}
            _ => return mismatch(),
        }
    }
    Judged::Ok(answered.clone())
}

fn text_in(value: &Value) -> Option<&str> {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) => return Some(text),
            Value::Array(values) => open.extend(values),
            Value::Object(values) => open.extend(values.values()),
            _ => {}
        }
    }
    None
}

/// Whether a line is a well-formed `fail` or `info`.
pub(super) fn says_no(line: &str) -> bool {
    let word = serde_json::from_str::<Value>(line).ok();
    word.is_some_and(|value| value["type"] == "fail" || value["type"] == "info")
}

/// The beginning of a line, in quotes.
pub(super) fn brief(line: &str) -> String {
    const SHOWN: usize = 120;
    let trimmed = line.trim_end();
    let mut text: String = trimmed.chars().take(SHOWN).collect();
    if trimmed.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}

/// Advice for a first line that is no hello.
pub(super) fn hello(line: &str) -> &'static str {
    match serde_json::from_str::<Value>(line) {
        Err(error) if error.is_eof() && line.trim_start().starts_with('{') => MANY_LINES,
        Err(_) if line.trim_start().starts_with("{'") => SINGLE_QUOTES,
        Err(_) => HELLO_NOT_JSON,
        Ok(_) => HELLO,
    }
}

pub(super) const START: &str = "name a program on PATH, or a path from that folder, and make it \
     executable; a script may also be given to its interpreter: python3 client.py";
pub(super) const NO_HELLO: &str = "read the first line, then write \
     {\"type\":\"hello\",\"protocol\":1} and flush standard output: print(..., flush=True) in \
     Python";
pub(super) const ENDED_AT_HELLO: &str = "say hello before anything that may fail, such as \
     connecting: what fails later is answered with fail or info";
pub(super) const DEAF: &str = "read the first line, which says where the database is";
pub(super) const HELLO: &str = "write {\"type\":\"hello\",\"protocol\":1} as the first line";
pub(super) const HELLO_NOT_JSON: &str = "the first line of standard output has to be \
     {\"type\":\"hello\",\"protocol\":1}; what you tell people goes to standard error";
pub(super) const PREPARE: &str = "answer {\"type\":\"prepare\"} with {\"type\":\"ok\"}, or with \
     {\"type\":\"fail\",\"error\":\"...\"}";
pub(super) const NOT_PREPARED: &str = "a run would end here; name a database that runs with \
     --node and --port";
pub(super) const NO_ANSWER: &str = "answer each operation with one line, and flush standard \
     output after it: print(..., flush=True) in Python; give the database a time limit of your \
     own and answer info past it";
pub(super) const ENDED: &str = "catch what goes wrong, and answer fail when the operation \
     certainly did not happen and never will, info when it may have";
pub(super) const NOTHING_OK: &str = "that is right when no database runs; name one that does \
     with --node and --port";
pub(super) const NONSENSE: &str = "answer an operation that you do not know with \
     {\"id\":...,\"type\":\"fail\",\"error\":\"no such operation\"}: nothing was done";
pub(super) const NO_ERROR: &str = "say why in \"error\": the report shows it";
pub(super) const NO_VALUE: &str = "put what was read in \"value\"; left out, it is the \
     operation's own value, so null was read";
pub(super) const SAID_TOO_MUCH: &str = "write one line for each operation and nothing else; what \
     you tell people goes to standard error";
pub(super) const DOES_NOT_END: &str = "end when standard input ends: `for line in sys.stdin` in \
     Python does, and `while read -r line` in a shell";
pub(super) const SLOW: &str = "after --operation-timeout (5 s) the answer is not waited for, and \
     the program is killed";
const NOT_JSON: &str = "write one JSON object a line for each operation and nothing else on \
     standard output; what you tell people goes to standard error";
const MANY_LINES: &str = "write each object on one line, without indentation";
const SINGLE_QUOTES: &str = "write JSON, with double quotes: json.dumps(...) in Python";
const ID: &str = "echo the operation's \"id\" in its answer";
const ID_IS_NUMBER: &str = "echo the operation's \"id\" as the number that it was";
const TWICE: &str = "write exactly one line for each operation";
const TYPE: &str = "say \"type\":\"ok\" when it happened, \"fail\" when it certainly did not and \
     never will, \"info\" when nobody knows";
const VALUE: &str = "answer with the operation's own value, in which null is replaced by what \
     was read; leave \"value\" out where nothing was read";
const TEXT: &str = "give a number as a number: int(...) in Python, Number(...) in JavaScript, no \
     quotes in a shell";

//! Writes events as Jepsen does, one map a line, for Jepsen, Knossos and Elle.

use std::io::{self, Write};

use serde_json::Value;

use crate::history::{Event, Kind, Process};

/// The functions of transactions' steps, which are keywords in Clojure.
const STEPS: [&str; 3] = ["r", "w", "append"];

/// Writes one event and a newline, with a single `write`.
///
/// JSON has neither keywords nor keys that are numbers, so these are guessed: functions, errors
/// and keys of maps become keywords where they look like one, keys that are integers become
/// numbers, and so do the functions of transactions' steps, `[:append 1 2]`. Other texts stay
/// texts. [`read`](super::read) gives back the same event. Linear, without recursion.
pub fn write_event(to: &mut impl Write, event: &Event) -> io::Result<()> {
    let mut line = String::from("{:process ");
    match event.process {
        Process::Client(process) => line.push_str(&process.to_string()),
        Process::Nemesis => line.push_str(":nemesis"),
    }
    line.push_str(match event.kind {
        Kind::Invoke => ", :type :invoke, :f ",
        Kind::Ok => ", :type :ok, :f ",
        Kind::Fail => ", :type :fail, :f ",
        Kind::Info => ", :type :info, :f ",
    });
    word(&mut line, &event.f);
    line.push_str(", :value ");
    value(&mut line, &event.value);
    line.push_str(&format!(", :time {}, :index {}", event.time, event.index));
    if let Some(node) = &event.node {
        line.push_str(", :node ");
        text(&mut line, node);
    }
    if let Some(error) = &event.error {
        line.push_str(", :error ");
        word(&mut line, error);
    }
    line.push_str("}\n");
    to.write_all(line.as_bytes())
}

/// A collection that is being written.
enum Frame<'a> {
    /// The rest of an array, and whether its elements are steps of a transaction.
    Array(std::slice::Iter<'a, Value>, bool),
    Map(serde_json::map::Iter<'a>),
}

fn value(line: &mut String, outermost: &Value) {
    let mut frames = Vec::new();
    open(line, &mut frames, outermost, false);
    while let Some(frame) = frames.last_mut() {
        let separate = if line.ends_with(['[', '{']) { "" } else { " " };
        match frame {
            Frame::Array(items, steps) => match items.next() {
                Some(item) => {
                    let step = *steps;
                    line.push_str(separate);
                    open(line, &mut frames, item, step);
                }
                None => {
                    line.push(']');
                    frames.pop();
                }
            },
            Frame::Map(entries) => match entries.next() {
                Some((key, item)) => {
                    line.push_str(if separate.is_empty() { "" } else { ", " });
                    map_key(line, key);
                    line.push(' ');
                    open(line, &mut frames, item, false);
                }
                None => {
                    line.push('}');
                    frames.pop();
                }
            },
        }
    }
}

/// Writes a scalar, or begins a collection. The first element of a `step` is a keyword.
fn open<'a>(line: &mut String, frames: &mut Vec<Frame<'a>>, value: &'a Value, step: bool) {
    match value {
        Value::Null => line.push_str("nil"),
        Value::Bool(truth) => line.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => {
            line.push_str(&number.to_string());
            if number.is_u64() && !number.is_i64() {
                line.push('N');
            }
        }
        Value::String(string) => text(line, string),
        Value::Array(items) => {
            line.push('[');
            let mut rest = items.iter();
            if step && let Some(function) = items.first().and_then(Value::as_str) {
                word(line, function);
                rest.next();
            }
            frames.push(Frame::Array(rest, are_steps(items)));
        }
        Value::Object(map) => {
            line.push('{');
            frames.push(Frame::Map(map.iter()));
        }
    }
}

/// Whether these are the steps of a transaction, each a function, a key and a value.
fn are_steps(items: &[Value]) -> bool {
    let step = |item: &Value| match item.as_array().map(Vec::as_slice) {
        Some([Value::String(function), _, _]) => STEPS.contains(&function.as_str()),
        _ => false,
    };
    !items.is_empty() && items.iter().all(step)
}

fn map_key(line: &mut String, key: &str) {
    match key.parse::<i64>() {
        Ok(number) if number.to_string() == key => line.push_str(key),
        _ => word(line, key),
    }
}

/// A keyword if it can be one, otherwise a text.
fn word(line: &mut String, word: &str) {
    let name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_?!*+.<>=".contains(&b))
    };
    let keyword = match word.split_once('/') {
        Some((space, rest)) => name(space) && name(rest),
        None => name(word),
    };
    if keyword {
        line.push(':');
        line.push_str(word);
    } else {
        text(line, word);
    }
}

fn text(line: &mut String, text: &str) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\t' => line.push_str("\\t"),
            '\r' => line.push_str("\\r"),
            c if c.is_control() => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod tests;

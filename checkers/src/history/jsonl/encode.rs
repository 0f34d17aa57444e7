//! Encoding: an event as its line. Every event of a run goes this way, so it is written out here for
//! what events are like; the rest is left to `serde_json`, and the bytes are the same.

use super::super::{Event, Kind, Process};
use serde_json::Value;

/// Lists in lists that are written here, and no deeper.
const DEPTH: usize = 4;

/// Appends an event as a line, with its line break.
///
/// # Errors
/// Never for a value that was made from JSON; then nothing was appended.
pub fn encode(line: &mut Vec<u8>, event: &Event) -> Result<(), serde_json::Error> {
    let before = line.len();
    let written = fields(line, event);
    match written {
        Ok(()) => line.extend_from_slice(b"}\n"),
        Err(_) => line.truncate(before),
    }
    written
}

fn fields(line: &mut Vec<u8>, event: &Event) -> Result<(), serde_json::Error> {
    line.extend_from_slice(b"{\"index\":");
    number(line, event.index);
    line.extend_from_slice(b",\"time\":");
    number(line, event.time);
    line.extend_from_slice(b",\"process\":");
    match event.process {
        Process::Client(process) => number(line, u64::from(process)),
        Process::Nemesis => line.extend_from_slice(b"\"nemesis\""),
    }
    line.extend_from_slice(match event.kind {
        Kind::Invoke => b",\"type\":\"invoke\",\"f\":".as_slice(),
        Kind::Ok => b",\"type\":\"ok\",\"f\":",
        Kind::Fail => b",\"type\":\"fail\",\"f\":",
        Kind::Info => b",\"type\":\"info\",\"f\":",
    });
    text(line, &event.f)?;
    line.extend_from_slice(b",\"value\":");
    value(line, &event.value, DEPTH)?;
    if let Some(node) = &event.node {
        line.extend_from_slice(b",\"node\":");
        text(line, node)?;
    }
    if let Some(error) = &event.error {
        line.extend_from_slice(b",\"error\":");
        text(line, error)?;
    }
    if let Some(due) = event.due {
        line.extend_from_slice(b",\"due\":");
        number(line, due);
    }
    Ok(())
}

fn number(line: &mut Vec<u8>, number: u64) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn text(line: &mut Vec<u8>, text: &str) -> Result<(), serde_json::Error> {
    if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        return serde_json::to_writer(line, text);
    }
    line.push(b'"');
    line.extend_from_slice(text.as_bytes());
    line.push(b'"');
    Ok(())
}

fn value(line: &mut Vec<u8>, value: &Value, depth: usize) -> Result<(), serde_json::Error> {
    match value {
        Value::Null => line.extend_from_slice(b"null"),
        Value::String(string) => return text(line, string),
        Value::Array(items) if depth > 0 => return list(line, items, depth - 1),
        Value::Number(any) => match any.as_u64() {
            Some(natural) => number(line, natural),
            None => return serde_json::to_writer(line, any),
        },
        other => return serde_json::to_writer(line, other),
    }
    Ok(())
}

fn list(line: &mut Vec<u8>, items: &[Value], depth: usize) -> Result<(), serde_json::Error> {
    line.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        value(line, item, depth)?;
    }
    line.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_bytes_are_those_of_serde() {
        let values = [
            json!(null),
            json!(true),
            json!(-7),
            json!(1.5),
            json!(u64::MAX),
            json!("a \"quoted\" word\n"),
            json!("plain, ä"),
            json!([1, null]),
            json!([3, [2, 5]]),
            json!([["append", 1, 2], ["r", "x", [1, 2, [[[[[6]]]]]]]]),
            json!({"from": 1, "to": [2]}),
            json!([]),
        ];
        let mut index = 0;
        for value in values {
            for kind in [Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info] {
                for (process, node, error, due) in [
                    (Process::Client(3), Some("n1"), None, None),
                    (Process::Nemesis, None, Some("it \\ broke"), None),
                    (Process::Client(u32::MAX), Some("\u{1}"), Some("timeout"), Some(17)),
                ] {
                    index += 1;
                    let (time, f, value) = (index * 1000, "read".into(), value.clone());
                    let (node, error) = (node.map(Into::into), error.map(Into::into));
                    let event = Event { index, time, process, kind, f, value, node, error, due };
                    let mut expected = serde_json::to_vec(&event).expect("JSON");
                    expected.push(b'\n');
                    let mut line = b"before".to_vec();
                    encode(&mut line, &event).expect("a line");
                    assert_eq!(line.strip_prefix(b"before"), Some(expected.as_slice()));
                }
            }
        }
    }
}

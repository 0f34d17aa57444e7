//! Tags: the structures of Fressian and Jepsen, and the values that they become.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Read, scalar};
use crate::history::edn;

/// The key under which a reference to another block is kept.
pub(in crate::history::test_jepsen) const BLOCK_REF: &str = "block-ref";

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tag {
    Map,
    Set,
    Word,
    Uuid,
    BigInteger,
    BigDecimal,
    Ratio,
    Character,
    Entry,
    Operation,
    BlockRef,
    Record,
    /// Anything else, by its name. Its values count, the tag is dropped, as in EDN.
    Other(Arc<str>),
}

impl Tag {
    /// The tags that have a code of their own, with the number of their values.
    pub(super) fn of_code(code: u8) -> Option<(Self, usize)> {
        Some(match code {
            0xc0 => (Self::Map, 1),
            0xc1 => (Self::Set, 1),
            0xc3 => (Self::Uuid, 1),
            0xc4 => (Self::Other("regex".into()), 1),
            0xc5 => (Self::Other("uri".into()), 1),
            0xc6 => (Self::BigInteger, 1),
            0xc7 => (Self::BigDecimal, 2),
            0xc8 => (Self::Other("inst".into()), 1),
            0xc9 | 0xca => (Self::Word, 2),
            _ => return None,
        })
    }

    pub(super) fn named(name: &str) -> Self {
        match name {
            "map" => Self::Map,
            "set" | "persistent-hash-set" | "persistent-sorted-set" => Self::Set,
            "key" | "sym" => Self::Word,
            "uuid" => Self::Uuid,
            "bigint" => Self::BigInteger,
            "bigdec" => Self::BigDecimal,
            "ratio" => Self::Ratio,
            "char" => Self::Character,
            "map-entry" => Self::Entry,
            "jepsen.history.Op" => Self::Operation,
            "block-ref" => Self::BlockRef,
            "record" => Self::Record,
            other => Self::Other(other.into()),
        }
    }

    /// Bytes of its name, if that may become a value.
    pub(super) fn length(&self) -> usize {
        if let Self::Other(name) = self { name.len() } else { 0 }
    }

    /// Whether this is a map, whose one value is a list of keys and values.
    pub(super) fn wants_entries_of_list(&self) -> bool {
        *self == Self::Map
    }

    /// The value that the parts make; `of` has their sizes. Parts that do not fit the tag are
    /// kept as they are.
    pub(super) fn read(&self, mut parts: Vec<Value>, of: Read) -> Result<Read, String> {
        let Read { entries, depth, weight, .. } = of;
        let plain = |value| Read { value, depth, weight, ..Read::default() };
        Ok(match (self, parts.as_mut_slice()) {
            (Self::Map, [Value::Array(list)]) => {
                let (map, keyed, written) = map(std::mem::take(list), entries)?;
                Read { keyed, written, ..plain(Value::Object(map)) }
            }
            (Self::Set, [Value::Null]) => Read { depth: 1, ..plain(Value::Array(Vec::new())) },
            (Self::Word, [Value::Null, Value::String(name)]) => {
                plain(Value::String(std::mem::take(name)))
            }
            (Self::Word, [Value::String(space), Value::String(name)]) => {
                plain(Value::from(format!("{space}/{name}")))
            }
            (Self::Uuid, [Value::String(hex)]) => plain(Value::String(uuid(hex))),
            (Self::BigInteger, [Value::String(hex)]) => plain(scalar::big_integer(hex)),
            (Self::BigDecimal, [Value::String(hex), Value::Number(scale)]) => {
                plain(scalar::big_decimal(hex, scale.as_i64().unwrap_or(0)))
            }
            (Self::Ratio, [above, below]) => {
                plain(Value::from(format!("{}/{}", digits(above), digits(below))))
            }
            (Self::Character, [Value::Number(code)]) => {
                let code = code.as_u64().and_then(|code| u32::try_from(code).ok());
                let character = code.and_then(char::from_u32);
                let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
                plain(Value::from(character.to_string()))
            }
            (Self::Entry, [_, _]) => {
                Read { entry: true, depth: depth + 1, ..plain(Value::Array(parts)) }
            }
            (Self::Operation, [_, _, _, _, _, _, _]) => Read {
                op: true,
                keyed: entries >> 5 & 1 == 1,
                depth: depth + 1,
                ..plain(Value::Array(parts))
            },
            (Self::BlockRef, [id]) => {
                let map = Map::from_iter([(BLOCK_REF.to_owned(), id.take())]);
                Read { depth: depth + 1, ..plain(Value::Object(map)) }
            }
            (Self::Record, [_, map]) => plain(map.take()),
            (Self::Other(name), []) => {
                Read { weight: weight + name.len(), ..plain(Value::from(&**name)) }
            }
            (_, [one]) => plain(one.take()),
            _ => Read { depth: depth + 1, ..plain(Value::Array(parts)) },
        })
    }
}

/// A map from a list of keys and values, whether the value under `value` is a map entry, and
/// how many bytes it took to write out keys that are collections.
fn map(list: Vec<Value>, entries: u64) -> Result<(Map<String, Value>, bool, usize), String> {
    if list.len() % 2 == 1 {
        return Err("a map whose last key has no value".to_owned());
    }
    let (mut map, mut keyed, mut written) = (Map::new(), false, 0);
    let mut list = list.into_iter().enumerate();
    while let (Some((_, key)), Some((position, value))) = (list.next(), list.next()) {
        let (key, length) = edn::key_text(key);
        written += length;
        if key == "value" {
            keyed = position < 64 && entries >> position & 1 == 1;
        }
        map.insert(key, value);
    }
    Ok((map, keyed, written))
}

/// An operation that is a value within another, as the map that it stands for.
pub(super) fn op_map(op: Value) -> Value {
    let Value::Array(parts) = op else { return op };
    let names = ["index", "time", "type", "process", "f", "value"];
    let mut parts = parts.into_iter();
    let mut map: Map<String, Value> =
        names.into_iter().map(str::to_owned).zip(parts.by_ref()).collect();
    if let Some(Value::Object(others)) = parts.next() {
        map.extend(others);
    }
    Value::Object(map)
}

fn digits(part: &Value) -> String {
    match part {
        Value::String(text) => text.trim_end_matches('N').to_owned(),
        other => other.to_string(),
    }
}

fn uuid(hex: &str) -> String {
    let mut text = String::with_capacity(36);
    for (position, digit) in hex.chars().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

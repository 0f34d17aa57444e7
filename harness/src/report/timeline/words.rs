//! What a timeline says of an operation: the keys that it touches, and a few words.

use crate::report::text;
use perjury_checkers::{Operation, Outcome};
use serde_json::Value;
use std::collections::HashMap;

/// Characters of a key's name, of a function's and a node's, and of an error.
const KEY_MAX: usize = 48;
const NAME_MAX: usize = 60;
const ERROR_MAX: usize = 160;
/// Keys of one operation that have it in their lane.
const KEYS_OF_ONE: usize = 16;
/// Keys with a lane of their own. A lane costs a name, and a browser shows no higher page.
const KEYS_MAX: usize = 300_000;
/// Different functions, nodes or errors.
const NAMES_MAX: usize = 2_000;

/// Words by number, in the order in which they first came. Number 0 is "none of them".
pub(super) struct Dictionary {
    numbers: HashMap<String, u32>,
    pub(super) names: Vec<String>,
    max: usize,
    name_max: usize,
}

impl Dictionary {
    fn new(max: usize, name_max: usize) -> Self {
        Self { numbers: HashMap::new(), names: Vec::new(), max, name_max }
    }

    pub(super) fn of_keys() -> Self {
        Self::new(KEYS_MAX, KEY_MAX)
    }

    pub(super) fn of_names() -> Self {
        Self::new(NAMES_MAX, NAME_MAX)
    }

    pub(super) fn of_errors() -> Self {
        Self::new(NAMES_MAX, ERROR_MAX)
    }

    /// The number of a word, from 1; 0 once there are too many.
    pub(super) fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        if self.names.len() >= self.max {
            return 0;
        }
        self.names.push(line(word, self.name_max));
        let number = self.names.len() as u32;
        self.numbers.insert(word.to_owned(), number);
        number
    }
}

/// Text of others on one line, as it can be shown, and not longer than `max` characters.
pub(super) fn line(words: &str, max: usize) -> String {
    if max == 0 {
        return String::new();
    }
    let flat = text::printable(words).replace(['\n', '\t'], " ");
    text::elide(&flat, max).into_owned()
}

/// Whether values have the shape `[key, value]` throughout, apart from transactions and calls
/// that say nothing. A single call of another shape shows that the first part is no key.
pub(super) fn keyed(operations: &[Operation<'_>]) -> bool {
    let mut speaking =
        operations.iter().filter(|operation| !text::is_transaction(operation.input)).peekable();
    speaking.peek().is_some() && speaking.all(|operation| pair(operation.input).is_some())
}

fn pair(value: &Value) -> Option<&Value> {
    match value.as_array().map(Vec::as_slice) {
        Some([key, _]) if is_scalar(key) => Some(key),
        _ => None,
    }
}

fn is_scalar(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

/// Which keys an operation touches, and how it is told.
pub(super) struct Told {
    /// Numbers in the dictionary of keys, each once.
    pub(super) keys: Vec<u32>,
    pub(super) asked: String,
    /// Empty when the outcome says it all.
    pub(super) answered: String,
}

/// Puts an operation in words of at most `max` characters each for the question and the answer.
pub(super) fn tell(
    operation: &Operation<'_>,
    keyed: bool,
    keys: &mut Dictionary,
    max: usize,
) -> Told {
    if text::is_transaction(operation.input) {
        let steps = transaction(operation);
        let numbers = numbers(steps.iter().filter_map(|step| step.get(1)), keys);
        let words: Vec<String> = match max {
            0 => Vec::new(),
            // More than that is cut anyway; a list of a thousand steps is not put in words.
            _ => steps.iter().take(max).map(text::micro_operation).collect(),
        };
        return Told {
            keys: numbers,
            asked: line(&words.join("; "), max),
            answered: String::new(),
        };
    }
    let key = if keyed { pair(operation.input) } else { None };
    let numbers = numbers(key.into_iter(), keys);
    if max == 0 {
        return Told { keys: numbers, asked: String::new(), answered: String::new() };
    }
    let answered = match operation.outcome {
        Outcome::Ok(_) => Some(text::answered(operation, key)).filter(|answer| answer != "ok"),
        Outcome::Failed | Outcome::Unknown => None,
    };
    Told {
        keys: numbers,
        asked: line(text::asked(operation, key).trim_start(), max),
        answered: line(&answered.unwrap_or_default(), max),
    }
}

/// The steps with their answers if there are any, otherwise as they were asked for.
fn transaction<'h>(operation: &Operation<'h>) -> &'h [Value] {
    let value = match operation.outcome {
        Outcome::Ok(output) if text::is_transaction(output) => output,
        _ => operation.input,
    };
    value.as_array().map_or(&[], Vec::as_slice)
}

fn numbers<'a>(of: impl Iterator<Item = &'a Value>, keys: &mut Dictionary) -> Vec<u32> {
    let mut numbers = Vec::new();
    for key in of.filter(|key| is_scalar(key)).take(KEYS_OF_ONE) {
        let number = match key {
            Value::String(word) => keys.number(word),
            other => keys.number(&other.to_string()),
        };
        if number != 0 && !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

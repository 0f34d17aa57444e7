//! Words for people: durations, counts, values and operations, short enough to be read.

use perjury_checkers::{Operation, Outcome};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;

/// How deep into a value its text goes.
const DEPTH_MAX: usize = 16;
/// How long a value's text may grow, in bytes, before the rest is left out.
const VALUE_MAX: usize = 4096;
/// How many items of a list its text has; of a longer one the middle is left out.
const ITEMS_MAX: usize = 60;

/// Leaves out the middle, so that at most `max` characters (at least 3) remain.
pub fn elide(text: &str, max: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    let max = max.max(3);
    if length <= max {
        return Cow::Borrowed(text);
    }
    let head = max / 2;
    let tail = max - head - 1;
    let mut short: String = text.chars().take(head).collect();
    short.push('…');
    short.extend(text.chars().skip(length - tail));
    Cow::Owned(short)
}

/// `0`, `850 ns`, `12.3 µs`, `4.21 ms`, `12.3 s`, `2 min 5 s`, `3 h 12 min`: three digits.
pub fn duration(nanoseconds: u64) -> String {
    let (value, unit) = match nanoseconds {
        0 => return "0".to_owned(),
        1..1_000 => return format!("{nanoseconds} ns"),
        1_000..1_000_000 => (nanoseconds as f64 / 1e3, "µs"),
        1_000_000..1_000_000_000 => (nanoseconds as f64 / 1e6, "ms"),
        1_000_000_000..60_000_000_000 => (nanoseconds as f64 / 1e9, "s"),
        _ => return long_duration(nanoseconds),
    };
    let text = match value {
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

fn long_duration(nanoseconds: u64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, seconds) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{minutes} min {seconds} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}

/// A moment of the run to the millisecond, `12.345 s`.
pub fn moment(nanoseconds: u64) -> String {
    format!("{:.3} s", nanoseconds as f64 / 1e9)
}

/// `12,345`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 anomaly`, `2 anomalies`, `1,200 faults`.
pub fn count(number_of: u64, noun: &str) -> String {
    let number_of_text = number(number_of);
    // "key" is "keys", "anomaly" is "anomalies".
    let stem = noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match (number_of, stem) {
        (1, _) => format!("{number_of_text} {noun}"),
        (_, Some(stem)) => format!("{number_of_text} {stem}ies"),
        (_, None) => format!("{number_of_text} {noun}s"),
    }
}

/// `once`, `twice`, `7 times`.
pub fn times(number_of: u64) -> String {
    match number_of {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{} times", number(number_of)),
    }
}

/// `a, b and c`; at most `max` of them are named.
pub fn list<S: AsRef<str>>(items: &[S], max: usize) -> String {
    let shown: Vec<&str> = items.iter().take(max).map(AsRef::as_ref).collect();
    let hidden = items.len() - shown.len();
    match (shown.split_last(), hidden) {
        (None, _) => String::new(),
        (Some(_), 1..) => format!("{} and {} more", shown.join(", "), number(hidden as u64)),
        (Some((last, [])), 0) => (*last).to_owned(),
        (Some((last, rest)), 0) => format!("{} and {last}", rest.join(", ")),
    }
}

/// A value without the noise of JSON: words stand without quotes, null is `nil`.
pub fn value(value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, value, 0);
    text
}

/// Recursion is bounded by `DEPTH_MAX`, length by `VALUE_MAX`.
fn write_value(text: &mut String, value: &Value, depth: usize) {
    if text.len() > VALUE_MAX || depth > DEPTH_MAX {
        if !text.ends_with('…') {
            text.push('…');
        }
        return;
    }
    match value {
        Value::Null => text.push_str("nil"),
        Value::Bool(_) | Value::Number(_) => {
            let _ = write!(text, "{value}");
        }
        Value::String(word) if is_word(word) => text.push_str(word),
        Value::String(word) => {
            let _ = write!(text, "{:?}", elide(word, VALUE_MAX));
        }
        Value::Array(items) => write_items(text, items, depth),
        Value::Object(fields) => {
            text.push('{');
            for (position, (name, field)) in fields.iter().enumerate() {
                let _ = write!(text, "{}{name}: ", if position > 0 { ", " } else { "" });
                write_value(text, field, depth + 1);
                if text.len() > VALUE_MAX {
                    break;
                }
            }
            text.push('}');
        }
    }
}

/// The beginning and the end of a list: a lost element is as often the last as the first.
fn write_items(text: &mut String, items: &[Value], depth: usize) {
    let left_out = items.len() > ITEMS_MAX;
    let tail_from = if left_out { items.len() - ITEMS_MAX / 2 } else { 0 };
    text.push('[');
    for (position, item) in items.iter().enumerate() {
        if left_out && (ITEMS_MAX / 2..tail_from).contains(&position) {
            text.push_str(if position + 1 == tail_from { ", …" } else { "" });
            continue;
        }
        text.push_str(if position > 0 { ", " } else { "" });
        write_value(text, item, depth + 1);
        if text.len() > VALUE_MAX {
            break;
        }
    }
    text.push(']');
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.:/@".contains(c))
}

/// `write 3 → ok`, `read → 2`, `cas 1 2 → ?`, and for a transaction its steps: `append 4 to 3; read
/// 5 → [1]`. With `key`, values of the shape `[key, value]` lose the key, which is said elsewhere.
pub fn operation(operation: &Operation<'_>, key: Option<&Value>) -> String {
    if is_transaction(operation.input) {
        return transaction(operation);
    }
    format!("{}{} → {}", operation.f, asked(operation, key), answered(operation, key))
}

/// What was asked for, after a space; empty when nothing but the function was.
pub(super) fn asked(operation: &Operation<'_>, key: Option<&Value>) -> String {
    let input = without_key(operation.input, key);
    match input {
        Value::Null => String::new(),
        Value::Array(items) if items.len() <= 3 => {
            let some = items.iter().filter(|item| !item.is_null());
            some.map(|item| format!(" {}", value(item))).collect()
        }
        _ => format!(" {}", value(input)),
    }
}

/// What was answered: `ok` when that says all, `failed` or `declined`, `?` when nobody knows.
pub(super) fn answered(operation: &Operation<'_>, key: Option<&Value>) -> String {
    match operation.outcome {
        Outcome::Ok(output) => answer(operation, output, key),
        Outcome::Failed if operation.declined => "declined".to_owned(),
        Outcome::Failed => "failed".to_owned(),
        Outcome::Unknown => "?".to_owned(),
    }
}

/// Functions whose answer is what counts, also when it says that there is nothing.
const ASKS: [&str; 11] = [
    "read", "r", "get", "contains", "peek", "dequeue", "poll", "take", "pop", "generate", "length",
];

/// `ok` where the answer only says that it was done.
fn answer(operation: &Operation<'_>, output: &Value, key: Option<&Value>) -> String {
    let asks = ASKS.contains(&operation.f);
    let seen = answer_value(output, operation.input, key);
    if asks {
        return value(seen);
    }
    let same = output == operation.input || seen == without_key(operation.input, key);
    if same || seen.is_null() { "ok".to_owned() } else { value(seen) }
}

/// What came back, or what was asked if nothing is known to have come back.
fn transaction(operation: &Operation<'_>) -> String {
    let (steps, ending) = match operation.outcome {
        Outcome::Ok(output) if is_transaction(output) => (output, ""),
        Outcome::Ok(_) => (operation.input, " → ok"),
        Outcome::Failed if operation.declined => (operation.input, " → declined"),
        Outcome::Failed => (operation.input, " → failed"),
        Outcome::Unknown => (operation.input, " → ?"),
    };
    let known = operation.is_ok();
    let mut text = String::new();
    for step in steps.as_array().into_iter().flatten() {
        let separator = if text.is_empty() { "" } else { "; " };
        let words = match step.as_array().map(Vec::as_slice) {
            // What it saw is not known.
            Some([Value::String(f), key, Value::Null])
                if !known && matches!(&**f, "r" | "read") =>
            {
                format!("read {}", value(key))
            }
            _ => micro_operation(step),
        };
        text.push_str(separator);
        text.push_str(&words);
        if text.len() > VALUE_MAX {
            text.push('…');
            break;
        }
    }
    text + ending
}

/// Without the key that the question has already named: `[3, nil]` answered with `[3, 7]` is 7.
fn answer_value<'a>(output: &'a Value, input: &Value, key: Option<&Value>) -> &'a Value {
    let stripped = without_key(output, key);
    match (input.as_array().map(Vec::as_slice), stripped.as_array().map(Vec::as_slice)) {
        (Some([asked, Value::Null]), Some([answered, answer])) if asked == answered => answer,
        (Some([asked, _]), Some([answered, answer @ Value::Null])) if asked == answered => answer,
        _ => stripped,
    }
}

fn without_key<'a>(value: &'a Value, key: Option<&Value>) -> &'a Value {
    match (value.as_array().map(Vec::as_slice), key) {
        (Some([first, rest]), Some(key)) if first == key => rest,
        _ => value,
    }
}

/// Whether a value is a list of micro-operations, `[["append", 3, 4], ["r", 5, null]]`.
pub fn is_transaction(value: &Value) -> bool {
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_micro_operation))
}

fn is_micro_operation(value: &Value) -> bool {
    value.as_array().is_some_and(|parts| (2..=4).contains(&parts.len()) && parts[0].is_string())
}

/// `append 4 to 3`, `write 4 to 3`, `read 3 → [1, 2]`.
pub fn micro_operation(micro: &Value) -> String {
    let Some(parts) = micro.as_array().map(Vec::as_slice) else { return value(micro) };
    match parts {
        [Value::String(f), key, rest] => match (f.as_str(), rest) {
            ("append", _) => format!("append {} to {}", value(rest), value(key)),
            ("w" | "write", _) => format!("write {} to {}", value(rest), value(key)),
            ("r" | "read", _) => format!("read {} → {}", value(key), value(rest)),
            ("rp", _) if *key == Value::Bool(true) => format!("select all → {}", value(rest)),
            ("rp", _) => format!("select where {} → {}", value(key), value(rest)),
            ("add" | "inc", _) => format!("add {} to {}", value(rest), value(key)),
            _ => format!("{f} {} {}", value(key), value(rest)),
        },
        _ => parts.iter().map(value).collect::<Vec<_>>().join(" "),
    }
}

/// Text of others as it can be shown: control characters and terminal colours taken out.
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\u{1b}' if characters.next_if_eq(&'[').is_some() => {
                // A control sequence ends with its first byte from '@' to '~'.
                while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            _ if is_visible(c) => clean.push(c),
            _ => {}
        }
    }
    clean
}

/// Whether a character does nothing but show itself, or ends a line.
pub(crate) fn is_visible(c: char) -> bool {
    matches!(c, '\n' | '\t') || !(c.is_control() || is_direction_mark(c))
}

/// Marks that make a line read differently from what it says.
fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(f: &str, input: &Value, outcome: Outcome<'_>, key: Option<Value>) -> String {
        super::operation(&operation(f, input, outcome), key.as_ref())
    }

    fn operation<'a>(f: &'a str, input: &'a Value, outcome: Outcome<'a>) -> Operation<'a> {
        Operation {
            index: 0,
            process: 0,
            declined: false,
            asked: true,
            f,
            input,
            outcome,
            called: 0,
            due: 0,
            returned: None,
            completion: None,
            node: None,
        }
    }

    #[test]
    fn what_the_database_declined_is_told_from_what_failed() {
        let pair = json!([1, 2]);
        let mut cas = operation("cas", &pair, Outcome::Failed);
        assert_eq!(super::operation(&cas, None), "cas 1 2 → failed");
        cas.declined = true;
        assert_eq!(super::operation(&cas, None), "cas 1 2 → declined");
        let input = json!([["r", "x", null]]);
        let txn = Operation { f: "txn", input: &input, ..cas };
        assert_eq!(super::operation(&txn, None), "read x → declined");
    }

    #[test]
    fn operations_in_few_words() {
        let x = || Some(json!("x"));
        assert_eq!(said("write", &json!(3), Outcome::Ok(&json!(3)), None), "write 3 → ok");
        assert_eq!(
            said("write", &json!(["x", 3]), Outcome::Ok(&json!(["x", 3])), x()),
            "write 3 → ok"
        );
        assert_eq!(
            said("append", &json!(["k", "b"]), Outcome::Ok(&json!(["k", null])), None),
            "append k b → ok"
        );
        assert_eq!(said("read", &Value::Null, Outcome::Ok(&Value::Null), None), "read → nil");
        let nothing = json!(["x", null]);
        assert_eq!(said("read", &json!(["x", null]), Outcome::Ok(&nothing), None), "read x → nil");
        assert_eq!(said("read", &json!(["x", null]), Outcome::Ok(&nothing), x()), "read → nil");
        assert_eq!(
            said("read", &json!(["x", null]), Outcome::Ok(&json!(["x", 5])), None),
            "read x → 5"
        );
        assert_eq!(said("read", &json!(5), Outcome::Ok(&json!(5)), None), "read 5 → 5");
        assert_eq!(said("dequeue", &Value::Null, Outcome::Ok(&Value::Null), None), "dequeue → nil");
        assert_eq!(said("acquire", &Value::Null, Outcome::Ok(&Value::Null), None), "acquire → ok");
        assert_eq!(said("acquire", &Value::Null, Outcome::Ok(&json!(7)), None), "acquire → 7");
        assert_eq!(said("cas", &json!([1, 2]), Outcome::Unknown, None), "cas 1 2 → ?");
    }

    #[test]
    fn transactions_by_their_steps() {
        let asked = json!([["r", "x", null], ["append", "y", 1]]);
        let got = json!([["r", "x", [2]], ["append", "y", 1]]);
        assert_eq!(said("txn", &asked, Outcome::Ok(&got), None), "read x → [2]; append 1 to y");
        assert_eq!(said("txn", &asked, Outcome::Unknown, None), "read x; append 1 to y → ?");
        assert_eq!(said("txn", &asked, Outcome::Failed, None), "read x; append 1 to y → failed");
        let selects = json!([["rp", true, {}], ["rp", [">", 1], {"a": 2}]]);
        let told = "select all → {}; select where [\">\", 1] → {a: 2}";
        assert_eq!(said("txn", &selects, Outcome::Ok(&selects), None), told);
    }
}

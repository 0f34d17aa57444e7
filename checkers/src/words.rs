//! Words: small pieces of the sentences that explain findings.

use serde_json::Value;

/// A time of the run: `12.304 s`.
pub(crate) fn seconds(nanoseconds: u64) -> String {
    format!("{}.{:03} s", nanoseconds / 1_000_000_000, nanoseconds / 1_000_000 % 1_000)
}

/// `3`, `3 or 4`, `3, 4 or 5`.
pub(crate) fn either(words: &[String]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A value as JSON; of long lists the middle is left out, and of a text that is still long.
pub(crate) fn shortened(value: &Value) -> String {
    const LONGEST: usize = 160;
    let text = elided(value);
    if text.chars().count() <= LONGEST {
        return text;
    }
    let head: String = text.chars().take(LONGEST / 2).collect();
    let tail: Vec<char> = text.chars().rev().take(LONGEST / 2).collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head} … {tail}")
}

/// A list keeps its first and last items, other values are as they are.
fn elided(value: &Value) -> String {
    /// A longer list is cut.
    const ITEMS: usize = 14;
    const FIRST: usize = 4;
    const LAST: usize = 5;
    let Value::Array(items) = value else { return value.to_string() };
    let plain = |items: &[Value]| items.iter().map(elided_once).collect::<Vec<_>>().join(",");
    if items.len() <= ITEMS {
        return format!("[{}]", plain(items));
    }
    format!("[{},…,{}]", plain(&items[..FIRST]), plain(&items[items.len() - LAST..]))
}

/// Lists inside of lists are cut, too; what is deeper is as it is.
fn elided_once(value: &Value) -> String {
    match value {
        Value::Array(items) if items.iter().any(Value::is_array) => value.to_string(),
        _ => elided(value),
    }
}

/// A transaction in words: `append 1 to "x"; read "y" as [1,2]`. What is no list of steps is as it
/// is.
pub(crate) fn transaction(value: &Value) -> String {
    const LONGEST: usize = 400;
    let Some(steps) = value.as_array().filter(|steps| steps.iter().all(Value::is_array)) else {
        return shortened(value);
    };
    let mut text = String::new();
    for (position, step) in steps.iter().enumerate() {
        if text.chars().count() > LONGEST {
            let more = steps.len() - position;
            return format!("({text}; and {more} more)");
        }
        let separator = if position > 0 { "; " } else { "" };
        text = format!("{text}{separator}{}", micro_operation(step));
    }
    format!("({text})")
}

fn micro_operation(step: &Value) -> String {
    match step.as_array().map(Vec::as_slice) {
        Some([Value::String(f), key, value]) => match (f.as_str(), value) {
            ("append", _) => format!("append {} to {key}", shortened(value)),
            ("w" | "write", _) => format!("write {} to {key}", shortened(value)),
            ("r" | "read", Value::Null) => format!("read {key}"),
            ("r" | "read", _) => format!("read {key} as {}", shortened(value)),
            _ => shortened(step),
        },
        _ => shortened(step),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn long_lists_lose_their_middle_and_short_ones_do_not() {
        let list = |to: u32| json!((1..=to).collect::<Vec<_>>());
        assert_eq!(shortened(&list(5)), "[1,2,3,4,5]");
        assert_eq!(shortened(&list(31)), "[1,2,3,4,…,27,28,29,30,31]");
        assert_eq!(shortened(&json!([3, list(31)])), "[3,[1,2,3,4,…,27,28,29,30,31]]");
        assert!(shortened(&json!("x".repeat(500))).chars().count() < 170);
    }

    #[test]
    fn a_transaction_is_told_step_by_step() {
        let told = transaction(&json!([["append", "x", 1], ["r", 3, [1, 2]], ["r", 4, null]]));
        assert_eq!(told, "(append 1 to \"x\"; read 3 as [1,2]; read 4)");
        assert_eq!(
            transaction(&json!([["w", 0, 5], ["other", 1]])),
            "(write 5 to 0; [\"other\",1])"
        );
        assert_eq!(transaction(&json!({"a": 1})), "{\"a\":1}");
        let long: Vec<_> = (0..200).map(|key| json!(["w", key, 1])).collect();
        let told = transaction(&json!(long));
        assert!(told.ends_with(" more)") && told.chars().count() < 500, "{told}");
    }
}

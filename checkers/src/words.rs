//! Words: small pieces of the sentences that explain findings.

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

/// A value as JSON, cut in the middle when it is long.
pub(crate) fn shortened(value: &serde_json::Value) -> String {
    const LONGEST: usize = 160;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    let head: String = text.chars().take(LONGEST / 2).collect();
    let tail: Vec<char> = text.chars().rev().take(LONGEST / 2).collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head} … {tail}")
}

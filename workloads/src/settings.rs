//! Settings: what `--set NAME=VALUE` says to a workload.

use perjury_harness::Options;
use std::str::FromStr;

/// A whole number; `default` when nothing is said. The error says what to write.
pub(crate) fn number<T: FromStr>(options: &Options, name: &str, default: T) -> Result<T, String> {
    let Some(text) = options.get(name) else { return Ok(default) };
    text.parse()
        .map_err(|_| format!("--set {name}={text}: write a whole number, such as --set {name}=2"))
}

/// Whether a flag is set; `None` when nothing is said.
pub(crate) fn flag(options: &Options, name: &str) -> Result<Option<bool>, String> {
    match options.get(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(other) => Err(format!("--set {name}={other}: write {name}=true or {name}=false")),
    }
}

#[cfg(test)]
mod tests {
    use super::{flag, number};
    use crate::testing::with;

    #[test]
    fn what_is_not_said_is_the_default_and_what_is_wrong_is_told() {
        let options = with(&[("accounts", "3"), ("amount", "few"), ("odd", "yes"), ("on", "true")]);
        assert_eq!(number(&options, "accounts", 8), Ok(3));
        assert_eq!(number(&options, "balance", 10), Ok(10));
        let wrong = number(&options, "amount", 1).unwrap_err();
        assert!(wrong.contains("--set amount=2"), "{wrong}");
        assert_eq!(flag(&options, "on"), Ok(Some(true)));
        assert_eq!(flag(&options, "off"), Ok(None));
        assert!(flag(&options, "odd").unwrap_err().contains("odd=true or odd=false"));
    }
}

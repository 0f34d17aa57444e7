//! Secrets: passwords and the like among the options, which nobody finds in the store afterwards.
//!
//! An option whose name says so (`password`, `token`, ...) is written to `plan.toml` as the name of
//! an environment variable, from which it is read when the plan is run again. Its value is masked
//! in everything that is written to the store: the history, reports, `perjury.log`, and logs of
//! nodes. Any option may be given as `env:NAME`, too.

use crate::exit::Usage;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// What names of secret options contain.
const NAMES: [&str; 8] =
    ["password", "passwd", "passphrase", "secret", "token", "credential", "api-key", "private-key"];
/// A value that begins so is the name of an environment variable.
pub const REFERENCE: &str = "env:";
/// Shorter values are not looked for: they would be found in anything.
const SHORTEST: usize = 6;
/// What stands for a secret.
const MASK: &[u8] = b"***";

/// By variable: what was given as it is.
type Vault = BTreeMap<String, String>;

static VAULT: Mutex<Vault> = Mutex::new(BTreeMap::new());

/// What is masked from now on: raw, and as a part of a JSON string.
static MASKED: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

/// Whether an option of this name is a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    NAMES.iter().any(|secret| name.contains(secret))
}

/// Puts secrets that were given as they are into the vault, and the names of their variables in
/// their place. A plan that went through this may be shown to anybody.
pub fn stow(set: &mut BTreeMap<String, String>) {
    for (name, value) in set {
        if is_secret(name) && !value.starts_with(REFERENCE) {
            let variable = variable(name);
            let reference = format!("{REFERENCE}{variable}");
            vault().insert(variable, std::mem::replace(value, reference));
        }
    }
}

/// `PERJURY_SECRET_PASSWORD`.
fn variable(name: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("PERJURY_SECRET_{}", name.chars().map(upper).collect::<String>())
}

fn vault() -> MutexGuard<'static, Vault> {
    VAULT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All that was stowed, for another process of the same run.
pub fn carry() -> Vault {
    vault().clone()
}

/// What another process of the same run carried here.
pub fn unpack(carried: &Vault) {
    vault().extend(carried.clone());
}

/// The value that an option stands for; `None` when its variable is not set.
fn value_of(value: &str) -> Option<String> {
    match value.strip_prefix(REFERENCE) {
        None => Some(value.to_owned()),
        Some(variable) => {
            let stowed = vault().get(variable).cloned();
            stowed.or_else(|| std::env::var(variable).ok())
        }
    }
}

/// Options with the values of the variables that they name, as far as those are set.
pub fn filled(set: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let fill = |value: &String| value_of(value).unwrap_or_else(|| value.clone());
    set.iter().map(|(name, value)| (name.clone(), fill(value))).collect()
}

/// Whether all variables that options name are set.
///
/// # Errors
/// When one is not; the text says which.
pub fn check(set: &BTreeMap<String, String>) -> Result<(), Usage> {
    match set.iter().find(|(_, value)| value_of(value).is_none()) {
        None => Ok(()),
        Some((name, value)) => Err(Usage(format!(
            "--set {name}={value}: that environment variable is not set; set it to the value of \
             `{name}`"
        ))),
    }
}

/// Masks what these options name in all that this process writes to the store from now on. The
/// first call counts.
pub fn mask(set: &BTreeMap<String, String>) {
    let mut masked = Vec::new();
    for (name, value) in set.iter().filter(|(_, value)| value.starts_with(REFERENCE)) {
        let Some(value) = value_of(value) else { continue };
        if value.len() < SHORTEST {
            tracing::warn!(
                "the option {name} is shorter than {SHORTEST} characters, too short to be found \
                 and masked in logs and answers"
            );
            continue;
        }
        masked.extend(forms(&value));
    }
    // Of two that overlap the longer one is looked for first.
    masked.sort_by_key(|form| std::cmp::Reverse(form.len()));
    let _ = MASKED.set(masked);
}

/// A value as it may stand in a file.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let quoted = serde_json::Value::from(value).to_string();
    let inside = quoted.trim_matches('"').as_bytes().to_vec();
    let raw = value.as_bytes().to_vec();
    if inside == raw { vec![raw] } else { vec![raw, inside] }
}

/// Text for the store, with secrets masked.
pub fn masked(bytes: &[u8]) -> Cow<'_, [u8]> {
    masked_by(MASKED.get().map_or(&[], Vec::as_slice), bytes)
}

/// The same for what was added to a buffer from `start` on.
pub fn mask_from(buffer: &mut Vec<u8>, start: usize) {
    if MASKED.get().is_none_or(Vec::is_empty) {
        return;
    }
    if let Cow::Owned(clean) = masked(&buffer[start..]) {
        buffer.truncate(start);
        buffer.extend(clean);
    }
}

/// Whether anything is masked at all.
pub fn is_masking() -> bool {
    MASKED.get().is_some_and(|masked| !masked.is_empty())
}

fn masked_by<'a>(secrets: &[Vec<u8>], bytes: &'a [u8]) -> Cow<'a, [u8]> {
    let mut text = Cow::Borrowed(bytes);
    for secret in secrets {
        let finder = memchr::memmem::Finder::new(secret);
        let mut clean = Vec::new();
        let mut copied = 0;
        for at in finder.find_iter(&text) {
            clean.extend_from_slice(&text[copied..at]);
            clean.extend_from_slice(MASK);
            copied = at + secret.len();
        }
        if copied > 0 {
            clean.extend_from_slice(&text[copied..]);
            text = Cow::Owned(clean);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn secrets_are_told_by_their_names_and_kept_as_variables() {
        let mut kept = set(&[("db-password", "hunter2"), ("keys", "5"), ("API_KEY", "env:MINE")]);
        stow(&mut kept);
        assert_eq!(kept["db-password"], "env:PERJURY_SECRET_DB_PASSWORD");
        assert_eq!((kept["keys"].as_str(), kept["API_KEY"].as_str()), ("5", "env:MINE"));
        assert_eq!(filled(&kept)["db-password"], "hunter2");
        let error = check(&kept).expect_err("not set").0;
        assert!(error.contains("MINE") && error.contains("API_KEY"), "{error}");
        unpack(&Vault::from([("MINE".to_owned(), "a b".to_owned())]));
        assert_eq!(filled(&kept)["API_KEY"], "a b");
        check(&kept).expect("set");
    }

    #[test]
    fn a_secret_is_masked_raw_and_inside_of_json_and_nothing_else_is() {
        let secrets = forms("a\"b\\c\u{e9}");
        assert_eq!(secrets.len(), 2);
        let json = serde_json::json!({ "error": "no a\"b\\c\u{e9} here" }).to_string();
        let clean = masked_by(&secrets, json.as_bytes()).into_owned();
        assert_eq!(String::from_utf8(clean).unwrap(), "{\"error\":\"no *** here\"}");
        let raw = masked_by(&secrets, "a\"b\\c\u{e9}a\"b\\c\u{e9}.".as_bytes()).into_owned();
        assert_eq!(raw, b"******.");
        assert!(matches!(masked_by(&secrets, b"a\"b\\d"), Cow::Borrowed(_)));
    }
}

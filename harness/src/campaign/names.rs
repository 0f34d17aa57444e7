//! Names of cells: what sets a cell apart, as the name of a folder.

use super::matrix::{REPEAT, USUAL};
use crate::exit::Usage;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Bytes of a name; what is longer is cut, and told apart by a hash.
const NAME_MAX: usize = 84;
/// Bytes of one value in a name.
const VALUE_MAX: usize = 32;

/// The names of all cells, in their order: `etcd-register-kill+partition-read=serializable-1`.
///
/// A name depends on the cell's own axes alone, so that other cells can come and go. Only where
/// two cells would share a name is there a hash in both.
pub fn ids(cells: &[BTreeMap<String, String>]) -> Result<Vec<String>, Usage> {
    let mut seen = BTreeSet::new();
    for axes in cells {
        if !seen.insert(axes) {
            return Err(Usage(format!(
                "the cell {} is there twice: use `repeat = 2`, or tell the two apart",
                plain(axes)
            )));
        }
    }
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    let plain: Vec<String> = cells.iter().map(plain).collect();
    for name in &plain {
        *count.entry(name.to_ascii_lowercase()).or_default() += 1;
    }
    let unique = |(name, axes): (String, &BTreeMap<String, String>)| {
        if count.get(&name.to_ascii_lowercase()) == Some(&1) {
            return name;
        }
        let (body, repeat) = name.rsplit_once('-').unwrap_or((&name, ""));
        let words: Vec<String> =
            axes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{body}-{}-{repeat}", hash(&words.join("\n")))
    };
    Ok(plain.into_iter().zip(cells).map(unique).collect())
}

/// A cell's name as far as its own axes decide it.
pub fn plain(axes: &BTreeMap<String, String>) -> String {
    let usual = USUAL.iter().filter_map(|name| axes.get(*name)).map(|value| safe(value));
    let is_other = |name: &str| !USUAL.contains(&name) && name != REPEAT;
    let others = axes.iter().filter(|(name, _)| is_other(name));
    let others = others.map(|(name, value)| format!("{}={}", safe(name), safe(value)));
    let parts: Vec<String> = usual.chain(others).collect();
    let repeat = axes.get(REPEAT).map_or("1", String::as_str);
    let mut body = parts.join("-");
    if body.len() > NAME_MAX {
        let digest = hash(&body);
        body.truncate(NAME_MAX - digest.len() - 1);
        body = format!("{body}+{digest}");
    }
    if body.starts_with(['.', '-', '+', '=']) || body.is_empty() {
        body.insert_str(0, "cell");
    }
    format!("{body}-{repeat}")
}

/// A value as a part of a folder's name. Where that loses something, a hash keeps it apart.
fn safe(value: &str) -> String {
    let lost = |c: char| !(c.is_ascii_alphanumeric() || "._+=-,".contains(c));
    let mut text: String = value.chars().map(|c| if lost(c) { '-' } else { c }).collect();
    text = text.replace(',', "+");
    if value.chars().any(lost) || text.len() > VALUE_MAX {
        let digest = hash(value);
        text.truncate(VALUE_MAX - digest.len() - 1);
        text = format!("{text}+{digest}");
    }
    text
}

/// Six hexadecimal digits of SHA-256.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(3).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

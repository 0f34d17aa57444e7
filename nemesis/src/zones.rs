//! Zones: groups of nodes that fail, or are far from the others, together.

use perjury_harness::Options;
use std::collections::BTreeSet;

/// Names the zones: `--set zones=east:n1+n2,west:n3`.
const OPTION: &str = "zones";

/// Some nodes under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(crate) name: String,
    pub(crate) nodes: Vec<String>,
}

/// The zones that the options name, in order; none when they name none. A node is in one zone at
/// most, and need not be in any.
///
/// # Errors
/// A sentence about the part that cannot be read.
pub(crate) fn of(options: &Options) -> Result<Vec<Zone>, String> {
    let Some(text) = options.get(OPTION) else { return Ok(Vec::new()) };
    let wrong = |problem: String| format!("`{OPTION}={text}`: {problem}");
    let mut zones = Vec::new();
    let mut seen = BTreeSet::new();
    for part in text.split(',') {
        let (name, nodes) = part.split_once(':').ok_or_else(|| {
            wrong(format!("`{part}` is no zone; write NAME:NODE+NODE, as in east:n1+n2"))
        })?;
        let nodes: Vec<String> = nodes.split('+').map(|node| node.trim().to_owned()).collect();
        for node in &nodes {
            if !options.nodes.contains(node) {
                let known = options.nodes.join(", ");
                return Err(wrong(format!("there is no node `{node}`; there are {known}")));
            }
            if !seen.insert(node.clone()) {
                return Err(wrong(format!("{node} is in two zones")));
            }
        }
        zones.push(Zone { name: name.trim().to_owned(), nodes });
    }
    Ok(zones)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::options;

    #[test]
    fn zones_are_read_and_mistakes_named() {
        let read = |text| of(&options(3, &[("zones", text)]));
        let zones = read("a:n1+n2, b:n3").unwrap();
        assert_eq!(zones[0].nodes, ["n1", "n2"]);
        assert_eq!(zones[1], Zone { name: "b".to_owned(), nodes: vec!["n3".to_owned()] });
        assert_eq!(of(&options(3, &[])).unwrap(), []);
        for (wrong, says) in [("a", "NAME:NODE"), ("a:n9", "no node `n9`"), ("a:n1,b:n1", "two")] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}

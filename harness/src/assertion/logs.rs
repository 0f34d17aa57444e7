//! Lines of the nodes' logs that match, with their places.

use super::claim::{Claim, Seen};
use crate::report::logs::files;
use crate::report::text;
use crate::store::{RunDir, StoreError};
use std::fs::File;
use std::io::{BufRead, BufReader};

/// Lines that are kept of what matches.
const KEPT: usize = 5;
/// Characters of a line that are kept.
const LINE_MAX: usize = 400;

/// What was found of one claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub count: u64,
    /// `n1 etcd.log:1234: text`, the first few.
    pub lines: Vec<String>,
}

/// Looks for each of `claims` in every log that came from `nodes`; in the order of the claims.
/// Claims that are not of logs find nothing.
pub(super) fn search(
    run: &RunDir,
    nodes: &[String],
    claims: &[&Claim],
) -> Result<Vec<Found>, StoreError> {
    let mut found = vec![Found::default(); claims.len()];
    if claims.iter().all(|claim| !matches!(claim.seen, Seen::Log { .. })) {
        return Ok(found);
    }
    for node in nodes {
        for (name, path) in files(&run.path().join(node))? {
            let failed = |source| StoreError::io("read", &path, source);
            let mut reader = BufReader::new(File::open(&path).map_err(failed)?);
            let (mut line, mut number) = (Vec::new(), 0u64);
            while reader.read_until(b'\n', &mut line).map_err(failed)? > 0 {
                number += 1;
                let text = String::from_utf8_lossy(&line);
                let text = text.trim_end_matches(['\n', '\r']);
                for (claim, found) in claims.iter().zip(&mut found) {
                    if matches(claim, text) {
                        found.take(&format!("{node} {name}:{number}"), text);
                    }
                }
                line.clear();
            }
        }
    }
    Ok(found)
}

fn matches(claim: &Claim, line: &str) -> bool {
    let Seen::Log { pattern, except } = &claim.seen else { return false };
    pattern.is_match(line) && !except.as_ref().is_some_and(|except| except.is_match(line))
}

impl Found {
    fn take(&mut self, place: &str, line: &str) {
        self.count += 1;
        if self.lines.len() < KEPT {
            let line = text::printable(line.trim_end());
            self.lines.push(format!("{place}: {}", text::elide(&line, LINE_MAX)));
        }
    }
}

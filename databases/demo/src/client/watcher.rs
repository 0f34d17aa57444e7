//! A watcher: where a client is in the changes of the watched map.

use crate::command::{Command, Outcome};
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};
use std::time::Duration;

/// Revisions that one answer is about, but for who wants to be up to date.
const MOST: u64 = 128;
/// How long an answer may take. A watch changes nothing, so one without an answer has failed for
/// certain, and the watcher goes on where it was.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// The watcher that a client is.
#[derive(Debug)]
pub(super) struct Watcher {
    /// The first revision of which it has not been told.
    next: u64,
}

impl Default for Watcher {
    fn default() -> Self {
        Self { next: 1 }
    }
}

impl Watcher {
    /// The command for an operation; `None` if there is none.
    pub(super) fn command(&self, op: &Op) -> Option<Command> {
        match &*op.f {
            "write" => {
                let pair = |change: &Value| match change.as_array()?.as_slice() {
                    [key, value] => Some((key.clone(), value.clone())),
                    _ => None,
                };
                let changes = op.value.as_array()?.iter().map(pair).collect::<Option<_>>()?;
                Some(Command::Change { changes })
            }
            "watch" => {
                let latest = op.value == "latest";
                let most = if latest { u64::MAX } else { MOST };
                Some(Command::Changes { from: self.next, most, latest })
            }
            _ => None,
        }
    }

    /// The operation's completed value, with which the watcher moves on.
    pub(super) fn completed(&mut self, op: &Op, outcome: Outcome) -> Result<Value, Failure> {
        match (&*op.f, outcome) {
            (_, Outcome::Declined(why)) => Err(Failure::Declined(why)),
            ("write", Outcome::Value(revision)) => Ok(json!([revision, op.value])),
            ("watch", Outcome::Value(mut found)) if found["revision"].is_u64() => {
                let from = std::mem::replace(&mut self.next, 1);
                self.next = found["revision"].as_u64().map_or(from, |to| from.max(to + 1));
                found["from"] = from.into();
                Ok(found)
            }
            (f, outcome) => {
                Err(Failure::Unexpected(format!("the outcome of {f} cannot be {outcome:?}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watcher_goes_on_where_it_was() {
        let mut watcher = Watcher::default();
        let watch = Op::new("watch", Value::Null);
        let latest = Op::new("watch", "latest");
        let asks = |watcher: &Watcher, op: &Op| match watcher.command(op) {
            Some(Command::Changes { from, most, latest }) => (from, most, latest),
            other => panic!("{other:?}"),
        };
        assert_eq!(asks(&watcher, &watch), (1, MOST, false));
        let found = json!({"events": [[1, "x", 7]], "revision": 1});
        assert_eq!(
            watcher.completed(&watch, Outcome::Value(found)),
            Ok(json!({"from": 1, "events": [[1, "x", 7]], "revision": 1}))
        );
        assert_eq!(asks(&watcher, &latest), (2, u64::MAX, true));
        // Not known there yet.
        let declined = watcher.completed(&latest, Outcome::Declined("no".to_owned()));
        assert!(matches!(declined, Err(Failure::Declined(_))));
        assert_eq!(asks(&watcher, &watch).0, 2);
        let odd = watcher.completed(&watch, Outcome::Done);
        assert!(matches!(odd, Err(Failure::Unexpected(_))));
    }

    #[test]
    fn a_write_is_answered_with_its_revision() {
        let mut watcher = Watcher::default();
        let write = Op::new("write", json!([["x", 1], ["y", 2]]));
        let changes = vec![(json!("x"), json!(1)), (json!("y"), json!(2))];
        assert_eq!(watcher.command(&write), Some(Command::Change { changes }));
        let answer = watcher.completed(&write, Outcome::Value(json!(5)));
        assert_eq!(answer, Ok(json!([5, [["x", 1], ["y", 2]]])));
        assert!(watcher.command(&Op::new("write", json!([["x"]]))).is_none());
        assert!(watcher.command(&Op::new("read", json!(null))).is_none());
    }
}

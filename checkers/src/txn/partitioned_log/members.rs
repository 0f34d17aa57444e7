//! Members of groups: which keys each was said to have, and in which generation of its group.

use rustc_hash::{FxHashMap, FxHashSet};

use super::read::{Logs, Mode};
use crate::Operation;
use crate::monotonic::falls::{Call, Fall, in_real_time, in_sessions};

/// What an answer to a poll says of who was given it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Membership {
    pub(super) operation: u32,
    /// In the list of consumers.
    pub(super) consumer: u32,
    /// The number of times that the members of the group had changed.
    pub(super) generation: i64,
    /// The first of its keys in the list of what members own, and how many these are.
    pub(super) first: u32,
    pub(super) count: u32,
}

/// Two members had one key in one generation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Double {
    pub(super) key: u32,
    pub(super) generation: i64,
    /// Operations.
    pub(super) one: u32,
    pub(super) other: u32,
}

impl Logs<'_> {
    fn group_of(&self, membership: &Membership) -> Option<u32> {
        match self.consumers[membership.consumer as usize] {
            Mode::Subscribed { group } => Some(group),
            Mode::Assigned { .. } | Mode::Unsaid => None,
        }
    }
}

/// The first time that a key of a group has two members in a generation, for each. A process that is gone
/// may have come back as another, with all that it had.
pub(super) fn doubled(logs: &Logs<'_>) -> Vec<Double> {
    let gone = ends_of_processes(logs.operations);
    let mut owners: FxHashMap<(u32, i64, u32), (u32, bool)> = FxHashMap::default();
    let mut found = Vec::new();
    for membership in &logs.memberships {
        let Some(group) = logs.group_of(membership) else { continue };
        let (operation, generation) = (membership.operation, membership.generation);
        let by = &logs.operations[operation as usize];
        let own = membership.first as usize..(membership.first + membership.count) as usize;
        for key in &logs.owned[own] {
            let (last, told) =
                owners.entry((group, generation, *key)).or_insert((operation, false));
            let process = logs.operations[*last as usize].process;
            let is_gone = gone.get(&process).is_some_and(|end| *end < by.index);
            if process != by.process && !is_gone && !*told {
                *told = true;
                found.push(Double { key: *key, generation, one: *last, other: operation });
            }
            *last = operation;
        }
    }
    found
}

/// How many generations of groups answers tell of.
pub(super) fn generations(logs: &Logs<'_>) -> usize {
    let known = logs.memberships.iter().map(|one| (logs.group_of(one), one.generation));
    known.collect::<FxHashSet<_>>().len()
}

/// Per process that is gone the index at which it was.
fn ends_of_processes(operations: &[Operation<'_>]) -> FxHashMap<u32, u64> {
    let unknown = operations.iter().filter(|operation| operation.is_unknown());
    unknown.filter_map(|operation| Some((operation.process, operation.completion?))).collect()
}

/// Answers of an earlier generation than the process had been told of before; if members are `fenced`, than
/// anybody of the group had.
pub(super) fn inverted(logs: &Logs<'_>, fenced: bool) -> Vec<Fall> {
    let call = |membership: &Membership| {
        let (number, operation) = (Some(membership.generation), membership.operation);
        Some(Call { key: logs.group_of(membership)?, number, raises: false, operation })
    };
    let calls: Vec<Call> = logs.memberships.iter().filter_map(call).collect();
    let mut falls = in_sessions(logs.operations, &calls);
    if fenced {
        falls.extend(in_real_time(logs.operations, &calls, logs.groups.len()));
    }
    falls
}

//! Groups of consumers: who is a member, who polls which log, and how far each log has been read.

use crate::command::{Key, Member};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Milliseconds after which a member that was not heard of is none any more. It is so short that
/// members come and go whenever there is no leader for a while.
const SESSION: u64 = 700;

/// All of them, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Groups(BTreeMap<Key, Group>);

/// One group. Each log belongs to one member until the members change; that is a generation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Group {
    generation: u64,
    members: BTreeMap<Key, Attendance>,
    /// Per log the offset of the next record.
    positions: BTreeMap<Key, u64>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Attendance {
    /// What it wants to poll.
    logs: BTreeSet<Key>,
    /// What it polls besides what is its own by the rules; only a bug puts anything here.
    kept: BTreeSet<Key>,
    /// When it was heard of, by the clock of whoever led.
    seen: u64,
}

impl Group {
    /// Whose a log is: the logs go round the members, beginning with another one in each generation.
    fn owns(&self, member: &Key, log: &Key) -> bool {
        let Some(attendance) = self.members.get(member) else { return false };
        let logs: BTreeSet<&Key> = self.members.values().flat_map(|one| &one.logs).collect();
        let turn = logs.iter().position(|one| *one == log);
        let first = self.generation as usize % self.members.len();
        let owner =
            turn.and_then(|turn| self.members.keys().nth((first + turn) % self.members.len()));
        attendance.kept.contains(log) || owner == Some(member)
    }

    fn own(&self, member: &Key) -> Vec<&Key> {
        let logs = self.members.get(member).map(|one| &one.logs);
        logs.into_iter().flatten().filter(|log| self.owns(member, log)).collect()
    }

    fn position(&self, log: &Key) -> u64 {
        self.positions.get(log).copied().unwrap_or(0)
    }
}

impl Groups {
    /// A member is there, at this time, to poll these logs. Others that were not heard of for too long
    /// are members no more. The answer has the generation and the member's own logs with the group's
    /// positions: `[generation, [[log, position], …]]`.
    ///
    /// One that comes back may claim the logs that it had. That counts for nothing, as others have
    /// them by now; only a bug is `trusting`.
    pub(super) fn attend(
        &mut self,
        member: &Member,
        logs: &[Key],
        trusting: bool,
        at: u64,
    ) -> Value {
        let group = self.0.entry(member.group.clone()).or_default();
        let before: Vec<Key> = group.members.keys().cloned().collect();
        // A clock that went back does not make anybody late.
        group
            .members
            .retain(|name, one| *name == member.name || at.saturating_sub(one.seen) < SESSION);
        let kept = || member.claims.iter().filter(|_| trusting).cloned().collect();
        let attendance = group.members.entry(member.name.clone()).or_insert_with(|| Attendance {
            logs: BTreeSet::new(),
            kept: kept(),
            seen: at,
        });
        attendance.seen = at.max(attendance.seen);
        let logs: BTreeSet<Key> = logs.iter().cloned().collect();
        let others = attendance.logs != logs;
        attendance.logs = logs;
        if others || !group.members.keys().eq(before.iter()) {
            group.generation += 1;
        }
        let own = group.own(&member.name).into_iter();
        let own: Vec<Value> = own.map(|log| json!([log.value(), group.position(log)])).collect();
        json!([group.generation, own])
    }

    pub(super) fn leave(&mut self, member: &Member) {
        if let Some(group) = self.0.get_mut(&member.group)
            && group.members.remove(&member.name).is_some()
        {
            group.generation += 1;
        }
    }

    /// The first offset that a member is given of a log, if that is its own: `from`, if it knew that in
    /// this generation, and else where the group has come to.
    pub(super) fn begin(&self, member: &Member, log: &Key, from: u64) -> Option<u64> {
        let group = self.0.get(&member.group)?;
        let known = member.generation == group.generation;
        let position = || if known { from } else { group.position(log) };
        group.owns(&member.name, log).then(position)
    }

    /// The group has come to this offset, if it was not further already. Who is not the owner in this
    /// generation has nothing to say of that.
    pub(super) fn commit(&mut self, member: &Member, log: &Key, position: u64) {
        let Some(group) = self.0.get_mut(&member.group) else { return };
        if group.generation == member.generation && group.owns(&member.name, log) {
            let held = group.positions.entry(log.clone()).or_default();
            *held = position.max(*held);
        }
    }
}

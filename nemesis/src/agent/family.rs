//! Families: a process that the agent started, with everything that it has started in turn.
//!
//! A member is found in any of three ways, so that neither a parent's death nor a daemon's double
//! fork hides it: it descends from a member, it is in the session that the first process leads, or
//! its environment carries the mark that the agent gave to the first process.

use super::ledger::Seen;
use super::procfs::{self, Stat};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The variable that marks the members of a family.
pub(crate) const MARK: &str = "PERJURY_PROCESS";

/// What the agent remembers of a process that it started, kept in `DIR/processes/NAME.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub name: String,
    /// Where ids mean anything: see [`procfs::era`].
    pub era: String,
    /// Value of [`MARK`] in its environment.
    pub mark: String,
    /// The first process; `None` between the decision to start it and its start.
    pub first: Option<Seen>,
    /// Every member was once seen to be gone: its ids may by now be another's.
    pub gone: bool,
}

/// The living members of the family of `record`, the first process first, the others by age.
pub(crate) fn members(record: &Record, era: &str) -> Vec<Stat> {
    if record.gone || record.era != era {
        return Vec::new();
    }
    // Reading `/proc` takes time. A member may have forked a child behind the reader's back, with a
    // lower id, and died ahead of it. Nobody left to fork, a second look misses nobody.
    let members = look(record);
    if members.is_empty() { look(record) } else { members }
}

fn look(record: &Record) -> Vec<Stat> {
    let all = procfs::snapshot();
    let mut family = choose(record, &all, |pid| {
        procfs::environment(pid, MARK).is_some_and(|mark| mark == record.mark)
    });
    let untouchable: BTreeSet<u32> =
        procfs::ancestry(std::process::id()).into_iter().chain([1]).collect();
    family.retain(|pid| !untouchable.contains(pid));
    let mut members: Vec<Stat> = all
        .into_iter()
        .filter(|stat| family.contains(&stat.pid))
        .filter(procfs::is_alive)
        .collect();
    let first = record.first.map(|seen| seen.pid);
    members.sort_by_key(|stat| (Some(stat.pid) != first, stat.start_ticks, stat.pid));
    members
}

fn choose(record: &Record, all: &[Stat], is_marked: impl Fn(u32) -> bool) -> BTreeSet<u32> {
    let mut family = BTreeSet::new();
    let since = record.first.map_or(0, |first| first.start_ticks);
    if let Some(first) = record.first {
        let namesake = all.iter().find(|stat| stat.pid == first.pid);
        if namesake.is_some_and(|stat| stat.start_ticks == first.start_ticks) {
            family.insert(first.pid);
        }
        // The kernel gives no id anew while a session is called by it. So when another process
        // has the id, that session is over, and one of the same number is not ours.
        if namesake.is_none_or(|stat| stat.start_ticks == first.start_ticks) {
            let session = all.iter().filter(|stat| stat.session == first.pid);
            family.extend(session.filter(|stat| stat.start_ticks >= since).map(|stat| stat.pid));
        }
    }
    descend(&mut family, all);
    for stat in all {
        if stat.start_ticks >= since && !family.contains(&stat.pid) && is_marked(stat.pid) {
            family.insert(stat.pid);
        }
    }
    descend(&mut family, all);
    family
}

/// Adds all descendants of `family`.
fn descend(family: &mut BTreeSet<u32>, all: &[Stat]) {
    loop {
        let before = family.len();
        for stat in all {
            if family.contains(&stat.ppid) {
                family.insert(stat.pid);
            }
        }
        if family.len() == before {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(pid: u32, ppid: u32, session: u32, start_ticks: u64) -> Stat {
        Stat { pid, comm: "x".to_owned(), state: 'S', ppid, session, start_ticks }
    }

    fn record(pid: u32, start_ticks: u64) -> Record {
        Record {
            name: "db".to_owned(),
            era: "era".to_owned(),
            mark: "db@/x".to_owned(),
            first: Some(Seen { pid, start_ticks }),
            gone: false,
        }
    }

    fn chosen(all: &[Stat], marked: &[u32]) -> Vec<u32> {
        choose(&record(10, 100), all, |pid| marked.contains(&pid)).into_iter().collect()
    }

    #[test]
    fn descendants_the_session_and_marked_ones_belong_to_it() {
        let all = [
            stat(1, 0, 1, 0),
            stat(9, 1, 9, 90), // a stranger
            stat(10, 9, 10, 100),
            stat(11, 10, 10, 101),
            stat(12, 11, 12, 102), // a grandchild with a session of its own
            stat(13, 1, 10, 103),  // orphaned, still in the session
            stat(14, 1, 14, 104),  // a daemon that left everything but its environment
            stat(15, 14, 15, 105), // and its child
            stat(16, 1, 16, 106),  // a stranger
        ];
        assert_eq!(chosen(&all, &[14]), [10, 11, 12, 13, 14, 15]);
    }

    #[test]
    fn ids_used_anew_are_strangers() {
        // 10 is another process now, leads a session of its own and has a child.
        let all = [stat(1, 0, 1, 0), stat(10, 1, 10, 500), stat(11, 10, 10, 501)];
        assert_eq!(chosen(&all, &[]), Vec::<u32>::new());
    }

    #[test]
    fn survivors_of_a_dead_first_process_are_found_by_their_session() {
        let all = [stat(1, 0, 1, 0), stat(11, 1, 10, 101)];
        assert_eq!(chosen(&all, &[]), [11]);
    }

    #[test]
    fn a_mark_older_than_the_process_is_not_its_own() {
        let all = [stat(10, 1, 10, 100), stat(8, 1, 8, 99)];
        assert_eq!(chosen(&all, &[8]), [10]);
    }

    #[test]
    fn what_is_gone_or_of_another_era_has_no_members() {
        let me = procfs::stat(std::process::id()).unwrap();
        let mut record = record(me.pid, me.start_ticks);
        assert!(members(&record, "another era").is_empty());
        record.gone = true;
        assert!(members(&record, "era").is_empty());
    }
}

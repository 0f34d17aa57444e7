//! Proofs: the few calls that bound crossing zones, and why they contradict each other.

use super::{Flaw, INITIAL, NONE, Register, Zone};
use crate::linear::model::Values;
use crate::linear::models::RegisterCall;
use crate::linear::special::Contradiction;
use crate::words::shortened;

pub(super) struct Proof<'p, 'c> {
    pub(super) register: &'p Register<'c>,
    pub(super) values: &'p Values,
}

/// A call with its place in a chain: `2 i` for what wrote the `i`th value, `2 i + 1` for its
/// reads. [`NONE`] stands for the beginning, which wrote the initial value.
#[derive(Clone, Copy, Debug)]
struct Member {
    call: u32,
    place: usize,
    start: i64,
    end: i64,
}

/// A chain in full.
struct Chain {
    /// In the order in which the register held them.
    values: Vec<u32>,
    /// By place, then by start.
    members: Vec<Member>,
}

impl Chain {
    /// The two members, one of each sort, between which there are the fewest values.
    fn nearest(
        &self,
        one: impl Fn(&Member) -> bool,
        other: impl Fn(&Member) -> bool,
    ) -> Option<[Member; 2]> {
        let mut best: Option<[Member; 2]> = None;
        let (mut last_one, mut last_other) = (None, None);
        let distance = |[a, b]: [Member; 2]| (a.place / 2).abs_diff(b.place / 2);
        for member in &self.members {
            // Of several in one cluster the first is kept: it is the write, if that will do.
            let keep = |last: &mut Option<Member>| {
                if last.is_none_or(|last| last.place / 2 < member.place / 2) {
                    *last = Some(*member);
                }
            };
            if one(member) {
                keep(&mut last_one);
            }
            if other(member) {
                keep(&mut last_other);
            }
            if let (Some(a), Some(b)) = (last_one, last_other)
                && best.is_none_or(|best| distance([a, b]) < distance(best))
            {
                best = Some([a, b]);
            }
        }
        best
    }

    /// The values from one member's to the other's.
    fn between(&self, [a, b]: [Member; 2]) -> &[u32] {
        let (low, high) = (a.place.min(b.place) / 2, a.place.max(b.place) / 2);
        &self.values[low..=high]
    }
}

impl Proof<'_, '_> {
    pub(super) fn explain(&self, flaw: Flaw) -> Contradiction {
        let mut contradiction = match flaw {
            Flaw::Phantom { value } => self.phantom(value),
            Flaw::Rivals { calls } => self.rivals(calls),
            Flaw::Inverted { root, call } => self.inverted(root, call),
            Flaw::Circle { value } => self.circle(value),
            Flaw::Crossed { zones } => self.crossed(zones),
            Flaw::Missed { call } => self.missed(call),
        };
        self.complete(&mut contradiction.calls);
        contradiction
    }

    /// Adds, for each call of unknown outcome, one by which it is known to have happened, and
    /// puts all in the order of their starts.
    fn complete(&self, calls: &mut Vec<usize>) {
        let register = self.register;
        let mut at = 0;
        while let Some(number) = calls.get(at).map(|number| *number as u32) {
            at += 1;
            let Some(left) = register.left(number).filter(|_| register.is_unknown(number)) else {
                continue;
            };
            let cluster = register.clusters[left as usize];
            let shows =
                |n: &usize| *n != number as usize && register.found(*n as u32) == Some(left);
            if !calls.iter().any(shows) && cluster.is_seen() {
                let reader = cluster.first_read;
                calls.push(if reader != NONE { reader } else { cluster.taker } as usize);
            }
        }
        calls.sort_unstable();
        calls.dedup();
    }

    fn value(&self, value: u32) -> String {
        shortened(self.values.get(value))
    }

    fn call(&self, number: u32) -> RegisterCall {
        self.register.calls[number as usize].call
    }

    /// The call as a noun: "the write of 3".
    fn noun(&self, number: u32) -> String {
        if number == NONE {
            return "the beginning".to_owned();
        }
        match self.call(number) {
            RegisterCall::Read(value) => format!("the read of {}", self.value(value)),
            RegisterCall::Write(value) => format!("the write of {}", self.value(value)),
            RegisterCall::Cas(old, new) => {
                format!("the compare-and-set of {} to {}", self.value(old), self.value(new))
            }
            RegisterCall::CasMiss(old) => {
                format!("the compare-and-set that did not find {}", self.value(old))
            }
        }
    }

    fn phantom(&self, value: u32) -> Contradiction {
        let cluster = self.register.clusters[value as usize];
        let reader = cluster.first_read;
        let seen = if reader != NONE { reader } else { cluster.taker };
        Contradiction {
            kind: "phantom-read",
            title: "Read of a value that nobody wrote".to_owned(),
            calls: vec![seen as usize],
            why: format!(
                "{} needs the value {}, but no call ever wrote that, nor tried to.",
                capital(&self.noun(seen)),
                self.value(value)
            ),
        }
    }

    fn rivals(&self, [one, other]: [u32; 2]) -> Contradiction {
        let taken = self.register.found(one).unwrap_or(INITIAL);
        let writer = self.register.clusters[taken as usize].writer;
        let calls = [writer, one, other].into_iter().filter(|number| *number != NONE);
        let once = if taken == INITIAL {
            "was there at first, and never written"
        } else {
            "was written once"
        };
        Contradiction {
            kind: "lost-update",
            title: "Lost update".to_owned(),
            calls: calls.map(|number| number as usize).collect(),
            why: format!(
                "{} and {} both took the value {}, which {once}: the first of them replaced it, \
                 so the other cannot have found it.",
                capital(&self.noun(one)),
                self.noun(other),
                self.value(taken)
            ),
        }
    }

    fn inverted(&self, root: u32, late: u32) -> Contradiction {
        let chain = self.chain(root);
        let at = chain.members.iter().find(|member| member.call == late).copied();
        let before = at.and_then(|at| {
            let earlier = |m: &&Member| m.place < at.place && m.start > at.end;
            Some([chain.members.iter().rev().find(earlier).copied()?, at])
        });
        let Some(pair @ [early, late]) = before else {
            return self.unexplained(vec![late]);
        };
        let (first, second) = (self.noun(early.call), self.noun(late.call));
        let complete = format!("{} was complete before {first} began", capital(&second));
        let stale = self.register.left(early.call).is_none();
        let kind = match stale {
            true if self.is_lost(late.call) => "lost-write",
            true => "stale-read",
            false => "future-read",
        };
        let values = chain.between(pair);
        let (old, new) = (self.value(values[0]), self.value(values[values.len() - 1]));
        let why = match (stale, values) {
            (true, _) => format!(
                "{complete}, and so {old} was no longer there; nobody wrote it a second time."
            ),
            (false, [_]) => format!("{complete}, and nobody else wrote {old}."),
            (false, _) => format!(
                "{complete}; but {new} can only have followed {old}, by compare-and-sets that \
                 lead from one to the other, and nobody else wrote these values."
            ),
        };
        Contradiction { kind, title: title(kind), calls: self.link(&chain, pair), why }
    }

    fn circle(&self, start: u32) -> Contradiction {
        let register = self.register;
        let mut circle = Vec::new();
        let mut value = start;
        for _ in 0..register.clusters.len() {
            let writer = register.clusters[value as usize].writer;
            circle.push(writer);
            value = register.found(writer).unwrap_or(start);
            if value == start {
                break;
            }
        }
        // Each needs what the next one wrote.
        let later = circle.iter().zip(circle.iter().cycle().skip(1));
        for (taker, writer) in later {
            if register.end(*taker) < register.start(*writer) {
                return Contradiction {
                    kind: "future-read",
                    title: title("future-read"),
                    calls: vec![*taker as usize, *writer as usize],
                    why: format!(
                        "{} was complete before {} began, and nobody else wrote what it found.",
                        capital(&self.noun(*taker)),
                        self.noun(*writer)
                    ),
                };
            }
        }
        // If the outcome of all of them is unknown, somebody else saw one of the values.
        if circle.iter().all(|number| register.is_unknown(*number)) {
            let left = |number: &u32| register.left(*number).map(|left| left as usize);
            let mut reads =
                circle.iter().filter_map(left).map(|left| register.clusters[left].first_read);
            circle.extend(reads.find(|read| *read != NONE));
        }
        Contradiction {
            kind: "lost-update",
            title: "Compare-and-sets in a circle".to_owned(),
            calls: circle.iter().map(|number| *number as usize).collect(),
            why: format!(
                "Only a compare-and-set wrote {}, and the value that it found can only have come \
                 from {0} by other compare-and-sets, so none of them can have been the first.",
                self.value(start)
            ),
        }
    }

    fn crossed(&self, [one, other]: [Zone; 2]) -> Contradiction {
        let chains = [self.chain(one.root), self.chain(other.root)];
        let a = chains[0].nearest(|m| m.end < other.last_start, |m| m.start > other.first_end);
        let b = a
            .and_then(|[a, after]| chains[1].nearest(|m| m.end < after.start, |m| m.start > a.end));
        let (Some(a), Some(b)) = (a, b) else {
            return self.unexplained(vec![one.first, one.last, other.first, other.last]);
        };
        // Whichever began last shows that something is wrong.
        let (late, other) = if a[1].start > b[1].start { (a, b) } else { (b, a) };
        let alone = Some(other[0].call).filter(|call| *call == other[1].call && *call != NONE);
        let kind = match self.register.left(late[1].call) {
            Some(_) => "lost-update",
            None if alone.is_some_and(|write| self.is_lost(write)) => "lost-write",
            None => "stale-read",
        };
        let names = [self.span(&chains[0], a), self.span(&chains[1], b)];
        let after = |x: Member, y: Member, former: &str, latter: &str| {
            if x.call == NONE {
                return format!("{former} was there before any call began, so before {latter}");
            }
            format!(
                "{} was complete before {} began, so {former} was there before {latter}",
                self.noun(x.call),
                self.noun(y.call)
            )
        };
        let mut why = format!(
            "{}; {}. ",
            capital(&after(a[0], b[1], &names[0], &names[1])),
            after(b[0], a[1], &names[1], &names[0])
        );
        why.push_str("No value was written twice, so it cannot be both.");
        let linked = [(&chains[0], a), (&chains[1], b)];
        for (chain, pair) in linked.iter().filter(|(chain, pair)| chain.between(*pair).len() > 1) {
            let values = chain.between(*pair);
            why.push_str(&format!(
                " Compare-and-sets lead from {} to {} with nothing in between.",
                self.value(values[0]),
                self.value(values[values.len() - 1])
            ));
        }
        let calls = linked.iter().flat_map(|(chain, pair)| self.link(chain, *pair)).collect();
        Contradiction { kind, title: title(kind), calls, why }
    }

    fn missed(&self, miss: u32) -> Contradiction {
        let register = self.register;
        let RegisterCall::CasMiss(value) = self.call(miss) else {
            return self.unexplained(vec![miss]);
        };
        let cluster = register.clusters[value as usize];
        let seen = [cluster.writer, cluster.first_read, cluster.taker, cluster.last_read];
        let seen = || seen.into_iter().filter(|number| *number != NONE);
        let before = seen().find(|number| register.end(*number) < register.start(miss));
        let after = seen().find(|number| register.start(*number) > register.end(miss));
        let first = before.unwrap_or(NONE);
        let Some(last) = after else { return self.unexplained(vec![miss]) };
        let calls = [cluster.writer, first, miss, last].into_iter().filter(|n| *n != NONE);
        Contradiction {
            kind: "stale-read",
            title: title("stale-read"),
            calls: calls.map(|number| number as usize).collect(),
            why: format!(
                "The register held {} without a break from {} to {}, but a compare-and-set in \
                 between did not find it.",
                self.value(value),
                self.noun(first),
                self.noun(last)
            ),
        }
    }

    /// What cannot happen, told as far as it is known rather than not at all.
    fn unexplained(&self, calls: Vec<u32>) -> Contradiction {
        let calls = calls.into_iter().filter(|number| *number != NONE);
        Contradiction {
            kind: "nonlinearizable",
            title: "Not linearizable".to_owned(),
            calls: calls.map(|number| number as usize).collect(),
            why: "These calls have no order that respects real time and explains each.".to_owned(),
        }
    }

    /// Whether an acknowledged change is gone: nobody ever saw it, and nobody began to change
    /// the value after it began.
    fn is_lost(&self, write: u32) -> bool {
        let register = self.register;
        let Some(left) = register.left(write).filter(|_| !register.is_unknown(write)) else {
            return false;
        };
        let later = write + 1..register.calls.len() as u32;
        !register.clusters[left as usize].is_seen()
            && later.into_iter().all(|number| register.left(number).is_none())
    }

    /// `3`, or `3 to 5` for a part of a chain.
    fn span(&self, chain: &Chain, pair: [Member; 2]) -> String {
        match chain.between(pair) {
            [first, .., last] => format!("{} to {}", self.value(*first), self.value(*last)),
            [only] => self.value(*only),
            [] => String::new(),
        }
    }

    /// Two members of a chain and all that links them.
    fn link(&self, chain: &Chain, pair: [Member; 2]) -> Vec<usize> {
        let writers =
            chain.between(pair).iter().map(|value| self.register.clusters[*value as usize].writer);
        let members = pair.iter().map(|member| member.call);
        writers.chain(members).filter(|n| *n != NONE).map(|n| n as usize).collect()
    }

    fn chain(&self, root: u32) -> Chain {
        let register = self.register;
        let mut index = vec![NONE; register.clusters.len()];
        let mut values = Vec::new();
        let mut value = Some(root);
        while let Some(next) = value {
            index[next as usize] = values.len() as u32;
            values.push(next);
            let taker = register.clusters[next as usize].taker;
            value = if taker == NONE { None } else { register.left(taker) };
        }
        let place = |number: u32| match register.left(number) {
            Some(left) => (index[left as usize], 0),
            None if register.is_unknown(number) => (NONE, 0),
            None => (register.found(number).map_or(NONE, |found| index[found as usize]), 1),
        };
        let mut members: Vec<Member> = (0..register.calls.len() as u32)
            .map(|call| (call, place(call)))
            .filter(|(_, (index, _))| *index != NONE)
            .map(|(call, (index, read))| Member {
                call,
                place: 2 * index as usize + read,
                start: register.start(call),
                end: register.end(call),
            })
            .collect();
        if root == INITIAL {
            members.push(Member { call: NONE, place: 0, start: -1, end: -1 });
        }
        members.sort_by_key(|member| (member.place, member.start));
        Chain { values, members }
    }
}

fn title(kind: &str) -> String {
    match kind {
        "lost-update" => "Lost update",
        "lost-write" => "Lost write",
        "future-read" => "Read from the future",
        _ => "Stale read",
    }
    .to_owned()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

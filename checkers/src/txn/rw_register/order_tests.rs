//! Orders of versions against their definition, and against stores that keep what is assumed.

use std::collections::{BTreeMap, BTreeSet};

use super::components::Components;
use super::orders::Registers;
use super::steps::{INITIAL, Steps};
use super::versions::Versions;
use super::*;
use crate::testing::Random;
use crate::txn::graph::Relation;
use crate::txn::transactions::{Atom, Builder, NEVER, NewTxn};

/// A value of a key; 0 is the initial null.
type Version = (u32, u32);

#[derive(Clone, Debug)]
struct Plan {
    process: u32,
    begin: u32,
    end: u32,
    status: Status,
    /// Whether it writes, and what.
    steps: Vec<(bool, Version)>,
}

impl Plan {
    /// The first read of a key before any write, and the last write.
    fn met(&self, key: u32) -> [Option<Version>; 2] {
        let mut of_key = self.steps.iter().filter(|(_, version)| version.0 == key);
        let first = of_key.clone().next().filter(|(writes, _)| !writes);
        let first = first.filter(|_| self.status == Status::Committed);
        let last = of_key.rfind(|(writes, _)| *writes);
        [first, last].map(|step| step.map(|(_, version)| *version))
    }
}

/// Transactions without steps: who runs when.
fn schedule(random: &mut Random, count: usize, processes: u64) -> Vec<Plan> {
    let mut plans: Vec<Plan> = Vec::new();
    let mut open: Vec<(u32, Option<usize>)> = (0..processes as u32).map(|p| (p, None)).collect();
    let (mut position, mut next) = (0, processes as u32);
    while plans.len() < count || open.iter().any(|(_, open)| open.is_some()) {
        let slot = random.below(processes) as usize;
        let (process, running) = open[slot];
        position += 1 + random.below(3) as u32;
        let Some(running) = running else {
            if plans.len() < count {
                open[slot].1 = Some(plans.len());
                let (begin, end, status) = (position, NEVER, Status::Unknown);
                plans.push(Plan { process, begin, end, status, steps: Vec::new() });
            }
            continue;
        };
        open[slot].1 = None;
        let plan = &mut plans[running];
        match random.below(12) {
            0 => {
                open[slot].0 = next;
                next += 1;
            }
            1 => (plan.status, plan.end) = (Status::Aborted, position),
            _ => (plan.status, plan.end) = (Status::Committed, position),
        }
    }
    plans
}

/// Gives steps to transactions: writes of new values, and reads that the caller decides later.
fn fill(random: &mut Random, plans: &mut [Plan], keys: u64, most: u64) {
    let mut fresh = vec![0; keys as usize];
    for plan in plans {
        for _ in 0..1 + random.below(most) {
            let key = random.below(keys) as u32;
            let writes = random.chance(50);
            fresh[key as usize] += u32::from(writes);
            let value = if writes { fresh[key as usize] } else { 0 };
            plan.steps.push((writes, (key, value)));
        }
    }
}

fn transactions(plans: &[Plan]) -> Transactions {
    let mut builder = Builder::new(true);
    for (index, plan) in (0u64..).zip(plans) {
        let Plan { process, begin, end, status, .. } = *plan;
        let (called, returned) = (u64::from(begin), u64::from(end));
        builder.begin(NewTxn { index, called, returned, process, begin, end, status });
        for (writes, (key, value)) in &plan.steps {
            let action = match (writes, status) {
                (true, _) => Action::Write,
                (false, Status::Committed) => Action::Read,
                (false, _) => Action::ReadUnknown,
            };
            let value = if *value == 0 { Atom::NIL } else { Atom(*value) };
            builder.micro(action, Atom(*key), value);
        }
    }
    builder.finish()
}

fn any_inference(random: &mut Random) -> Inference {
    let mut flag = || random.chance(50);
    Inference { wfr_keys: flag(), sequential_keys: flag(), linearizable_keys: flag() }
}

/// All that is known by definition: pairs of versions, the older first.
struct Definition<'p> {
    plans: Vec<(u32, &'p Plan)>,
    direct: BTreeSet<(Version, Version)>,
    before: BTreeSet<(Version, Version)>,
    writers: BTreeMap<Version, u32>,
}

impl<'p> Definition<'p> {
    fn new(plans: &'p [Plan], keys: u32, assumed: Inference) -> Self {
        let seen: BTreeSet<Version> = plans
            .iter()
            .filter(|plan| plan.status == Status::Committed)
            .flat_map(|plan| plan.steps.iter().filter(|step| !step.0).map(|step| step.1))
            .collect();
        let read = |plan: &Plan| plan.steps.iter().any(|step| step.0 && seen.contains(&step.1));
        let happened = |plan: &&Plan| match plan.status {
            Status::Committed => true,
            Status::Aborted => false,
            Status::Unknown => read(plan),
        };
        let plans = (0u32..).zip(plans).filter(|(_, plan)| happened(plan)).collect();
        let (direct, before, writers) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let mut all = Self { plans, direct, before, writers };
        for key in 0..keys {
            all.add(key, assumed);
        }
        all.before = closure(&all.direct);
        all
    }

    fn add(&mut self, key: u32, assumed: Inference) {
        let mut direct = Vec::new();
        for (number, plan) in &self.plans {
            let [read, wrote] = plan.met(key);
            direct.extend([read, wrote].map(|version| (Some((key, 0)), version)));
            if let Some(wrote) = wrote {
                self.writers.insert(wrote, *number);
            }
            if assumed.wfr_keys {
                direct.push((read, wrote));
            }
            for (_, later) in &self.plans {
                let follows = plan.end < later.begin;
                let session = assumed.sequential_keys && plan.process == later.process;
                if follows && (session || assumed.linearizable_keys) {
                    for before in plan.met(key) {
                        direct.extend(later.met(key).map(|after| (before, after)));
                    }
                }
            }
        }
        let direct = direct.into_iter().filter_map(|(a, b)| Some((a?, b?)));
        self.direct.extend(direct.filter(|(before, after)| before != after));
    }

    fn cyclic(&self) -> BTreeSet<u32> {
        self.before.iter().filter(|(a, b)| a == b).map(|(version, _)| version.0).collect()
    }
}

/// What follows from pairs of an order by transitivity.
fn closure<T: Copy + Ord>(direct: &BTreeSet<(T, T)>) -> BTreeSet<(T, T)> {
    let mut next: BTreeMap<T, Vec<T>> = BTreeMap::new();
    for (before, after) in direct {
        next.entry(*before).or_default().push(*after);
    }
    let mut all = BTreeSet::new();
    for start in next.keys() {
        let mut stack = vec![*start];
        while let Some(at) = stack.pop() {
            for after in next.get(&at).into_iter().flatten() {
                if all.insert((*start, *after)) {
                    stack.push(*after);
                }
            }
        }
    }
    all
}

/// The pairs of transactions that edges of a relation stand for.
fn expand(
    orders: &super::orders::Orders,
    transactions: u32,
    relation: Relation,
) -> BTreeSet<(u32, u32)> {
    let mut onward: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for arc in orders.arcs.iter().filter(|arc| arc.relation == Relation::Onward) {
        assert!(arc.from >= transactions && arc.from < orders.nodes && arc.to < orders.nodes);
        onward.entry(arc.from).or_default().push(arc.to);
    }
    let mut pairs = BTreeSet::new();
    for arc in orders.arcs.iter().filter(|arc| arc.relation == relation) {
        assert!(arc.from < transactions);
        let mut stack = vec![arc.to];
        while let Some(node) = stack.pop() {
            if node < transactions {
                pairs.insert((arc.from, node));
            }
            stack.extend(onward.get(&node).into_iter().flatten());
        }
    }
    pairs
}

/// Compares orders and dependencies with their definition.
fn compare(plans: &[Plan], keys: u32, assumed: Inference) {
    let definition = Definition::new(plans, keys, assumed);
    let txns = transactions(plans);
    let writes = Writes::new(&txns).expect("new values");
    let steps = Steps::new(&txns, &writes).expect("registers");
    let registers = Registers { txns: &txns, writes: &writes, steps: &steps };
    let cyclic = definition.cyclic();
    let mut versions = Versions::default();
    for key in 0..txns.key_count() as u32 {
        versions.load(&txns, &writes, &steps, key, assumed);
        let name = txns.key(key).as_u64().expect("a number") as u32;
        let components = Components::default().find(&versions);
        assert_eq!(!components.is_empty(), cyclic.contains(&name), "{plans:?} {assumed:?}");
        let value = |version| {
            let atom = steps.value(&writes, key, version);
            (name, atom.as_small().unwrap_or(0))
        };
        if components.is_empty() {
            same_order(&versions, &definition, &value);
        }
    }
    let orders = registers.orders(assumed, &Budget::default()).expect("time");
    let named: BTreeSet<u32> =
        orders.cyclic.iter().filter_map(|c| Some(txns.key(c.key).as_u64()? as u32)).collect();
    assert_eq!(named.is_empty(), cyclic.is_empty(), "{plans:?} {assumed:?}");
    for cyclic in &orders.cyclic {
        let proof = registers.steps(cyclic);
        assert_eq!(proof.len(), cyclic.cycle.len() + 1);
        assert!(cyclic.cycle.len() > 1);
        assert!(proof.iter().rev().skip(1).all(|step| step.text.contains(", as ")), "{proof:?}");
    }
    if cyclic.is_empty() {
        assert_eq!(orders.used, assumed);
        same_dependencies(plans, &registers, &orders, &definition);
    }
}

fn same_order(versions: &Versions, definition: &Definition<'_>, value: &dyn Fn(u32) -> Version) {
    let mut edges = BTreeSet::new();
    for node in 0..versions.nodes() {
        edges.extend(versions.out(node).iter().map(|next| (node, *next)));
    }
    let found = closure(&edges);
    let found: BTreeSet<(Version, Version)> = found
        .into_iter()
        .filter(|(a, b)| a.max(b) < &versions.count)
        .map(|(a, b)| (value(a), value(b)))
        .collect();
    let initial = value(INITIAL);
    let named = |pair: &&(Version, Version)| pair.0.0 == initial.0 && pair.0 != initial;
    let expected: BTreeSet<_> = definition.before.iter().filter(named).copied().collect();
    let others: BTreeSet<_> = found.iter().filter(named).copied().collect();
    assert_eq!(others, expected);
    if !versions.readers(INITIAL).is_empty() {
        for written in definition.writers.keys().filter(|written| written.0 == initial.0) {
            assert!(found.contains(&(initial, *written)), "{written:?}");
        }
    }
}

fn same_dependencies(
    plans: &[Plan],
    registers: &Registers<'_>,
    orders: &super::orders::Orders,
    definition: &Definition<'_>,
) {
    let count = registers.txns.len() as u32;
    let ww = expand(orders, count, Relation::Ww);
    let rw = expand(orders, count, Relation::Rw);
    let wr = expand(orders, count, Relation::Wr);
    let writer = |version: &Version| definition.writers.get(version).copied();
    let reads = |version: Version| {
        let read = move |plan: &&(u32, &Plan)| plan.1.met(version.0)[0] == Some(version);
        definition.plans.iter().filter(read).map(|(number, _)| *number)
    };
    let mut expected: [BTreeSet<(u32, u32)>; 2] = Default::default();
    for (before, after) in &definition.before {
        let Some(after) = writer(after) else { continue };
        expected[0].extend(writer(before).map(|before| (before, after)));
        expected[1].extend(reads(*before).map(|before| (before, after)));
    }
    expected.iter_mut().for_each(|pairs| pairs.retain(|(from, to)| from != to));
    let read_from: BTreeSet<(u32, u32)> = (definition.writers.iter())
        .flat_map(|(version, writer)| reads(*version).map(|reader| (*writer, reader)))
        .filter(|(writer, reader)| writer != reader)
        .collect();
    assert_eq!(wr, read_from);
    assert!(ww.is_subset(&expected[0]), "{ww:?} {:?}", expected[0]);
    assert!(rw.is_subset(&expected[1]), "{rw:?} {:?}", expected[1]);
    // All that is known directly is implied.
    let paths = closure(&ww);
    for (before, after) in &definition.direct {
        let Some(after) = writer(after) else { continue };
        if let Some(before) = writer(before) {
            assert!(before == after || paths.contains(&(before, after)));
        }
        // Past versions that were not written, only those are led who wrote no other.
        let unwritten = definition.before.iter().any(|(version, _)| {
            version.0 == before.0 && version.1 > 0 && writer(version).is_none()
        });
        let wrote = |reader: u32| plans[reader as usize].met(before.0)[1].is_some();
        for reader in reads(*before).filter(|reader| *reader != after) {
            if unwritten && wrote(reader) {
                continue;
            }
            let implied = paths.contains(&(reader, after))
                || rw.contains(&(reader, after))
                || rw.iter().any(|(r, w)| *r == reader && paths.contains(&(*w, after)));
            assert!(implied, "{reader} {after}");
        }
    }
    explained(registers, orders, count);
}

/// Every dependency between two transactions has its reason.
fn explained(registers: &Registers<'_>, orders: &super::orders::Orders, count: u32) {
    for arc in orders.arcs.iter().filter(|arc| arc.from < count && arc.to < count) {
        let why = registers.why(orders.used, arc, "A", "B");
        assert!(why.is_some_and(|why| why.contains("A ")), "{arc:?}");
    }
}

#[test]
fn orders_are_those_of_the_definition() {
    for seed in 0..40_000 {
        let mut random = Random(seed);
        let count = 1 + random.below(7) as usize;
        let processes = 1 + random.below(4);
        let mut plans = schedule(&mut random, count, processes);
        let keys = 1 + random.below(2);
        fill(&mut random, &mut plans, keys, 3);
        anything_read(&mut random, &mut plans);
        compare(&plans, keys as u32, any_inference(&mut random));
    }
}

/// Reads show anything: earlier, later, aborted or intermediate writes, and values of nobody.
fn anything_read(random: &mut Random, plans: &mut [Plan]) {
    let most = plans.iter().flat_map(|plan| &plan.steps).map(|step| step.1.1).max().unwrap_or(0);
    for step in plans.iter_mut().flat_map(|plan| &mut plan.steps).filter(|step| !step.0) {
        step.1.1 = random.below(u64::from(most) + 2) as u32;
    }
}

/// Runs transactions on a store that keeps one version of each key, each step at a moment of
/// its own. `moment` gives the moments.
fn run(plans: &mut [Plan], mut moment: impl FnMut(usize, &Plan, u32) -> Vec<u64>) {
    let mut moments: Vec<(u64, usize, usize)> = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        let mut keys: Vec<u32> = plan.steps.iter().map(|step| step.1.0).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let at = (0..plan.steps.len()).filter(|at| plan.steps[*at].1.0 == key);
            let times = moment(number, plan, key);
            moments.extend(at.zip(times).map(|(at, time)| (time, number, at)));
        }
    }
    moments.sort_unstable();
    let mut store: BTreeMap<u32, u32> = BTreeMap::new();
    for (_, number, at) in moments {
        let plan = &mut plans[number];
        let (writes, version) = &mut plan.steps[at];
        if !*writes {
            version.1 = store.get(&version.0).copied().unwrap_or(0);
        } else if plan.status != Status::Aborted {
            store.insert(version.0, version.1);
        }
    }
}

/// Nothing is concluded that is not so in the true order of versions.
fn sound(plans: &[Plan], keys: u32, order: &BTreeMap<Version, usize>, assumed: Inference) {
    let txns = transactions(plans);
    let writes = Writes::new(&txns).expect("new values");
    let steps = Steps::new(&txns, &writes).expect("registers");
    let registers = Registers { txns: &txns, writes: &writes, steps: &steps };
    let orders = registers.orders(assumed, &Budget::default()).expect("time");
    assert_eq!(orders.cyclic, [], "{plans:?} {assumed:?}");
    let definition = Definition::new(plans, keys, assumed);
    for (before, after) in &definition.before {
        // A write of unknown outcome may never have happened, and has no place then.
        if let (Some(before), Some(after)) = (order.get(before), order.get(after)) {
            assert!(before < after, "{plans:?} {assumed:?}");
        }
    }
}

#[test]
fn orders_are_true_of_linearizable_keys() {
    for seed in 0..30_000 {
        let mut random = Random(seed);
        let count = 1 + random.below(9) as usize;
        let processes = 1 + random.below(4);
        let mut plans = schedule(&mut random, count, processes);
        let keys = 1 + random.below(2);
        fill(&mut random, &mut plans, keys, 4);
        let mut order = BTreeMap::new();
        run(&mut plans, |number, plan, key| {
            let end = if plan.end == NEVER { 200 } else { plan.end };
            let steps = plan.steps.iter().filter(|step| step.1.0 == key);
            let mut times: Vec<u64> = steps
                .clone()
                .map(|_| {
                    1000 * u64::from(plan.begin) + random.below(1000 * u64::from(end - plan.begin))
                })
                .collect();
            // No two steps at the same moment.
            times.iter_mut().for_each(|time| *time = 16 * *time + number as u64);
            times.sort_unstable();
            for (time, step) in times.iter().zip(steps).filter(|(_, step)| step.0) {
                order.insert(step.1, *time as usize);
            }
            times
        });
        order.extend((0..keys as u32).map(|key| ((key, 0), 0)));
        let assumed = Inference { linearizable_keys: true, ..any_inference(&mut random) };
        sound(&plans, keys as u32, &order, assumed);
    }
}

#[test]
fn orders_are_true_of_sequential_keys() {
    for seed in 0..30_000 {
        let mut random = Random(seed);
        let count = 1 + random.below(9) as usize;
        let processes = 1 + random.below(4);
        let mut plans = schedule(&mut random, count, processes);
        let keys = 1 + random.below(2);
        fill(&mut random, &mut plans, keys, 4);
        let mut order = BTreeMap::new();
        // Per key, the clocks of processes have nothing to do with each other.
        let mut clocks: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        run(&mut plans, |number, plan, key| {
            let clock = clocks.entry((plan.process, key)).or_default();
            let steps = plan.steps.iter().filter(|step| step.1.0 == key);
            let mut times = Vec::new();
            for step in steps {
                *clock += 1000 * (1 + random.below(6));
                let time = *clock + number as u64;
                times.push(time);
                if step.0 {
                    order.insert(step.1, time as usize);
                }
            }
            times
        });
        order.extend((0..keys as u32).map(|key| ((key, 0), 0)));
        let assumed = Inference { linearizable_keys: false, ..any_inference(&mut random) };
        sound(&plans, keys as u32, &order, Inference { sequential_keys: true, ..assumed });
    }
}

#[test]
fn orders_are_true_where_writes_follow_reads() {
    for seed in 0..20_000 {
        let mut random = Random(seed);
        let count = 1 + random.below(9) as usize;
        let mut plans = schedule(&mut random, count, 3);
        let keys = 1 + random.below(2);
        fill(&mut random, &mut plans, keys, 4);
        // Reads of any version, however stale; later writes make newer versions.
        let mut installed: Vec<Vec<u32>> = vec![vec![0]; keys as usize];
        let mut order = BTreeMap::new();
        let mut when: Vec<usize> = (0..plans.len()).collect();
        when.sort_by_key(|_| random.below(1000));
        for number in when {
            for (writes, version) in &mut plans[number].steps {
                let installed = &mut installed[version.0 as usize];
                if *writes {
                    installed.push(version.1);
                    order.insert(*version, installed.len());
                } else {
                    version.1 = installed[random.below(installed.len() as u64) as usize];
                }
            }
        }
        order.extend((0..keys as u32).map(|key| ((key, 0), 0)));
        let assumed = Inference { wfr_keys: true, ..Inference::default() };
        sound(&plans, keys as u32, &order, assumed);
    }
}

#[test]
fn crowds_meet_in_helper_nodes() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let processes = 2 + random.below(40);
        let mut plans = schedule(&mut random, 60, processes);
        fill(&mut random, &mut plans, 1, 2);
        // Nearly true, so that there are few cycles, but many who read the same version.
        let mut store = 0;
        let mut stale = 0;
        for (writes, version) in plans.iter_mut().flat_map(|plan| &mut plan.steps) {
            if *writes {
                store = version.1;
            } else {
                version.1 = stale;
            }
            if random.chance(10) {
                stale = store;
            }
        }
        compare(&plans, 1, any_inference(&mut random));
        let time = Inference { linearizable_keys: true, ..Inference::default() };
        plans.iter_mut().for_each(|plan| plan.steps.retain(|step| step.0 || seed % 2 == 0));
        compare(&plans, 1, time);
    }
}

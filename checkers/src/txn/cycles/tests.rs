//! Kinds of cycles against all simple cycles of small random graphs.

use super::super::graph::Arc;
use super::super::isolation::ConsistencyModel;
use super::*;
use crate::testing::Random;

const RELATIONS: [Relation; 5] =
    [Relation::Ww, Relation::Wr, Relation::Rw, Relation::Process, Relation::Realtime];

fn random_arcs(random: &mut Random, nodes: u32) -> Vec<Arc> {
    let few = [3, 4, 5][random.below(3) as usize];
    let arcs = (0..random.below(14)).map(|_| {
        let mut node = || random.below(u64::from(nodes)) as u32;
        let (mut from, mut to) = (node(), node());
        let relation = RELATIONS[random.below(few) as usize];
        // Session and real-time order have no cycles of their own.
        if matches!(relation, Relation::Process | Relation::Realtime) && from > to {
            (from, to) = (to, from);
        }
        Arc { from, to, relation, key: 0 }
    });
    arcs.filter(|arc| arc.from != arc.to).collect()
}

/// The kinds of all simple cycles.
fn all_kinds(arcs: &[Arc], nodes: u32) -> BTreeSet<&'static str> {
    let mut kinds = BTreeSet::new();
    for start in 0..nodes {
        let mut path: Vec<Link> = Vec::new();
        extend(arcs, start, start, &mut path, &mut kinds);
    }
    kinds
}

fn extend(
    arcs: &[Arc],
    start: u32,
    node: u32,
    path: &mut Vec<Link>,
    kinds: &mut BTreeSet<&'static str>,
) {
    for arc in arcs.iter().filter(|arc| arc.from == node && arc.to >= start) {
        let visited = path.iter().any(|link| link.from == arc.to);
        path.push(Link { from: node, to: arc.to, relation: arc.relation, key: 0 });
        let has = |relation| path.iter().any(|link| link.relation == relation);
        // A cycle is named for one order; those that mix them are named for real time.
        if arc.to == start {
            if !(has(Relation::Process) && has(Relation::Realtime)) {
                kinds.insert(kind(path));
            }
        } else if !visited {
            extend(arcs, start, arc.to, path, kinds);
        }
        path.pop();
    }
}

fn found(arcs: &[Arc], nodes: u32) -> BTreeSet<&'static str> {
    let graph = Graph::new(nodes, nodes, arcs);
    let component = Component { graph, numbers: (0..nodes).collect() };
    let cycles = find(&[component], &Budget::default());
    for (kind_found, examples) in &cycles.examples {
        for cycle in examples {
            assert_eq!(kind(&cycle.links), *kind_found);
            for (at, link) in cycle.links.iter().enumerate() {
                assert_eq!(link.to, cycle.links[(at + 1) % cycle.links.len()].from);
                let known = |arc: &Arc| {
                    (arc.from, arc.to, arc.relation) == (link.from, link.to, link.relation)
                };
                assert!(arcs.iter().any(known), "{link:?}");
            }
        }
    }
    cycles.counts.keys().copied().collect()
}

#[test]
fn kinds_agree_with_all_simple_cycles() {
    let (mut cyclic, mut missed) = (0, 0);
    for seed in 0..100_000 {
        let mut random = Random(seed);
        let nodes = 2 + random.below(5) as u32;
        let arcs = random_arcs(&mut random, nodes);
        let (all, found) = (all_kinds(&arcs, nodes), found(&arcs, nodes));
        assert!(found.is_subset(&all), "seed {seed}: found {found:?} of {all:?}");
        for model in ConsistencyModel::all() {
            let forbids = |kinds: &BTreeSet<&'static str>| kinds.iter().any(|k| model.forbids(k));
            assert_eq!(forbids(&found), forbids(&all), "seed {seed} {model}: {found:?} {all:?}");
        }
        cyclic += usize::from(!all.is_empty());
        missed += usize::from(found != all);
    }
    assert!(cyclic > 30_000, "{cyclic}");
    // What a component holds besides the worst is searched for with bounded work.
    assert!(missed * 100 < cyclic, "{missed} of {cyclic}");
}

#[test]
fn one_component_of_very_many_transactions() {
    let check = || {
        let nodes = 300_000u32;
        let next = |from: u32, relation| Arc { from, to: (from + 1) % nodes, relation, key: 0 };
        // One anti-dependency closes the ring.
        let mut arcs: Vec<Arc> = (0..nodes - 1).map(|node| next(node, Relation::Wr)).collect();
        arcs.push(next(nodes - 1, Relation::Rw));
        assert_eq!(found_kinds(&arcs, nodes), ["G-single"]);
        // Anti-dependencies everywhere: no cycle but the whole ring.
        let arcs: Vec<Arc> = (0..nodes).map(|node| next(node, Relation::Rw)).collect();
        assert_eq!(found_kinds(&arcs, nodes), ["G2-item"]);
    };
    let small = std::thread::Builder::new().stack_size(256 << 10);
    small.spawn(check).expect("a thread").join().expect("no overflow");
}

fn found_kinds(arcs: &[Arc], nodes: u32) -> Vec<&'static str> {
    let component =
        Component { graph: Graph::new(nodes, nodes, arcs), numbers: (0..nodes).collect() };
    find(&[component], &Budget::default()).counts.keys().copied().collect()
}

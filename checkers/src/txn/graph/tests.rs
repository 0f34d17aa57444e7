//! Components against petgraph's, and on paths too long for any recursion.

use petgraph::graph::{DiGraph, NodeIndex};

use super::*;
use crate::testing::Random;

fn arc(from: u32, to: u32, relation: Relation) -> Arc {
    Arc { from, to, relation, key: 0 }
}

fn groups(component: &[u32]) -> Vec<Vec<u32>> {
    let mut groups: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
    for (node, number) in (0u32..).zip(component) {
        groups.entry(*number).or_default().push(node);
    }
    let mut groups: Vec<Vec<u32>> = groups.into_values().collect();
    groups.sort();
    groups
}

#[test]
fn components_agree_with_petgraph() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let nodes = 1 + random.below(30) as u32;
        let relations = [Relation::Ww, Relation::Rw, Relation::Realtime];
        let arcs: Vec<Arc> = (0..random.below(60))
            .map(|_| {
                let mut node = || random.below(u64::from(nodes)) as u32;
                let (from, to) = (node(), node());
                arc(from, to, relations[random.below(3) as usize])
            })
            .filter(|arc| arc.from != arc.to)
            .collect();
        let graph = Graph::new(nodes, nodes, &arcs);
        for mask in [Relation::Ww as Mask, 5, Mask::MAX] {
            let mut oracle: DiGraph<(), ()> = DiGraph::new();
            for _ in 0..nodes {
                oracle.add_node(());
            }
            for arc in arcs.iter().filter(|arc| arc.relation as Mask & mask != 0) {
                oracle.add_edge(
                    NodeIndex::new(arc.from as usize),
                    NodeIndex::new(arc.to as usize),
                    (),
                );
            }
            let mut expected: Vec<Vec<u32>> = petgraph::algo::kosaraju_scc(&oracle)
                .into_iter()
                .map(|group| {
                    let mut group: Vec<u32> = group.into_iter().map(|n| n.index() as u32).collect();
                    group.sort_unstable();
                    group
                })
                .collect();
            expected.sort();
            let view = View { graph: &graph, mask, doubled: false };
            assert_eq!(groups(&view.components()), expected, "seed {seed}");
            let cyclic: Vec<Vec<u32>> = expected.into_iter().filter(|g| g.len() > 1).collect();
            let mut found = view.cyclic_components();
            found.sort();
            assert_eq!(found, cyclic, "seed {seed}");
        }
    }
}

#[test]
fn a_doubled_view_forbids_two_anti_dependencies_in_a_row() {
    let skew = [arc(0, 1, Relation::Rw), arc(1, 0, Relation::Rw)];
    let single = [arc(0, 1, Relation::Rw), arc(1, 0, Relation::Wr)];
    let apart = [
        arc(0, 1, Relation::Rw),
        arc(1, 2, Relation::Wr),
        arc(2, 3, Relation::Rw),
        arc(3, 0, Relation::Wr),
    ];
    let cyclic = |arcs: &[Arc]| {
        let graph = Graph::new(4, 4, arcs);
        !View { graph: &graph, mask: 7, doubled: true }.cyclic_components().is_empty()
    };
    assert!(!cyclic(&skew));
    assert!(cyclic(&single));
    assert!(cyclic(&apart));
}

#[test]
fn a_million_deep_on_a_small_stack() {
    const DEEP: u32 = 1_000_000;
    let run = || {
        let mut arcs: Vec<Arc> = (1..DEEP).map(|n| arc(n - 1, n, Relation::Ww)).collect();
        let path = Graph::new(DEEP, DEEP, &arcs);
        let view = View { graph: &path, mask: Mask::MAX, doubled: false };
        assert!(view.cyclic_components().is_empty());
        arcs.push(arc(DEEP - 1, 0, Relation::Ww));
        let ring = Graph::new(DEEP, DEEP, &arcs);
        let view = View { graph: &ring, mask: Mask::MAX, doubled: false };
        let cyclic = view.cyclic_components();
        assert_eq!((cyclic.len(), cyclic[0].len()), (1, DEEP as usize));
    };
    let small = std::thread::Builder::new().stack_size(256 * 1024);
    small.spawn(run).expect("a thread").join().expect("no overflow");
}

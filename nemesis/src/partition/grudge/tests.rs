//! Properties of grudges, for any number of nodes and any seed.

use super::*;
use perjury_harness::Seed;
use proptest::prelude::*;

/// Whom each node hears, itself included.
fn hearing(grudge: &Grudge, n: usize) -> Vec<BTreeSet<usize>> {
    (0..n).map(|to| (0..n).filter(|&from| !grudge.contains(&Link { from, to })).collect()).collect()
}

fn is_symmetric(grudge: &Grudge) -> bool {
    grudge.iter().all(|link| grudge.contains(&Link { from: link.to, to: link.from }))
}

/// Sets of nodes that hear each other, directly or through others.
fn components(grudge: &Grudge, n: usize) -> Vec<BTreeSet<usize>> {
    let hears = hearing(grudge, n);
    let mut left: BTreeSet<usize> = (0..n).collect();
    let mut found = Vec::new();
    while let Some(start) = left.pop_first() {
        let mut component = BTreeSet::from([start]);
        let mut agenda = vec![start];
        while let Some(node) = agenda.pop() {
            for &next in &hears[node] {
                if component.insert(next) {
                    left.remove(&next);
                    agenda.push(next);
                }
            }
        }
        found.push(component);
    }
    found
}

proptest! {
    #[test]
    fn every_shape_cuts_something_between_existing_nodes(n in 2_usize..24, seed: u64) {
        for shape in Shape::USUAL.into_iter().filter(|shape| shape.needs() <= n) {
            let grudge = shape.draw(n, &mut Seed::root(seed).rng());
            prop_assert!(!grudge.is_empty(), "{shape:?}");
            for link in &grudge {
                prop_assert!(link.from < n && link.to < n && link.from != link.to, "{shape:?}");
            }
            let again = shape.draw(n, &mut Seed::root(seed).rng());
            prop_assert_eq!(grudge, again, "the seed alone decides");
        }
    }

    #[test]
    fn halves_are_two_sides_of_nearly_one_size(n in 2_usize..24, seed: u64) {
        for shape in [Shape::Halves, Shape::RandomHalves] {
            let grudge = shape.draw(n, &mut Seed::root(seed).rng());
            prop_assert!(is_symmetric(&grudge));
            let mut sizes: Vec<usize> = components(&grudge, n).iter().map(BTreeSet::len).collect();
            sizes.sort_unstable();
            prop_assert_eq!(sizes, vec![n / 2, n - n / 2]);
        }
    }

    #[test]
    fn one_node_alone_and_the_others_whole(n in 2_usize..24, seed: u64) {
        let grudge = Shape::IsolateOne.draw(n, &mut Seed::root(seed).rng());
        prop_assert!(is_symmetric(&grudge));
        prop_assert_eq!(grudge.len(), 2 * (n - 1));
        let mut sizes: Vec<usize> = components(&grudge, n).iter().map(BTreeSet::len).collect();
        sizes.sort_unstable();
        prop_assert_eq!(sizes, vec![1, n - 1]);
    }

    #[test]
    fn several_outcasts_are_alone_each(n in 2_usize..24, count in 1_usize..24) {
        let outcasts: Vec<usize> = (0..count.min(n)).collect();
        let hears = hearing(&isolate(&outcasts, n), n);
        for (node, heard) in hears.iter().enumerate() {
            let expected = if outcasts.contains(&node) { 1 } else { n - outcasts.len() };
            prop_assert_eq!(heard.len(), expected);
        }
    }

    #[test]
    fn in_a_ring_everyone_hears_a_majority_and_no_two_the_same(n in 3_usize..24, seed: u64) {
        let grudge = Shape::MajoritiesRing.draw(n, &mut Seed::root(seed).rng());
        let hears = hearing(&grudge, n);
        for heard in &hears {
            prop_assert!(heard.len() * 2 > n, "{hears:?}");
        }
        prop_assert_eq!(hears.iter().collect::<BTreeSet<_>>().len(), n, "{:?}", hears);
        prop_assert_eq!(components(&grudge, n).len(), 1);
        if n <= EVEN_RING_MAX {
            prop_assert!(hears.iter().all(|heard| heard.len() == n / 2 + 1));
        } else {
            prop_assert!(is_symmetric(&grudge));
        }
    }

    #[test]
    fn a_bridge_is_the_only_way_across(n in 3_usize..24, seed: u64) {
        let grudge = Shape::Bridge.draw(n, &mut Seed::root(seed).rng());
        prop_assert!(is_symmetric(&grudge));
        let hears = hearing(&grudge, n);
        let bridges: Vec<usize> = (0..n).filter(|&node| hears[node].len() == n).collect();
        prop_assert_eq!(bridges.len(), 1);
        prop_assert_eq!(components(&grudge, n).len(), 1, "whole with the bridge");
        let without: Grudge =
            grudge.union(&isolate(&bridges, n)).copied().collect();
        let mut sizes: Vec<usize> = components(&without, n).iter().map(BTreeSet::len).collect();
        sizes.sort_unstable();
        let mut expected = vec![1, n / 2, n - n / 2 - 1];
        expected.sort_unstable();
        prop_assert_eq!(sizes, expected);
    }

    #[test]
    fn one_way_is_never_both_ways(n in 2_usize..24, seed: u64) {
        let grudge = Shape::OneWay.draw(n, &mut Seed::root(seed).rng());
        for link in &grudge {
            let back = Link { from: link.to, to: link.from };
            prop_assert!(!grudge.contains(&back));
        }
        // Two sides: who is not heard hears everyone, and the other way round.
        let deaf: BTreeSet<usize> = grudge.iter().map(|link| link.to).collect();
        let unheard: BTreeSet<usize> = grudge.iter().map(|link| link.from).collect();
        prop_assert!(deaf.is_disjoint(&unheard));
        prop_assert_eq!(grudge.len(), deaf.len() * unheard.len());
        prop_assert_eq!(deaf.len() + unheard.len(), n);
    }
}

#[test]
fn a_ring_of_five_is_a_ring() {
    for seed in 0..50 {
        let grudge = Shape::MajoritiesRing.draw(5, &mut Seed::root(seed).rng());
        assert!(is_symmetric(&grudge));
        assert_eq!(grudge.len(), 10, "each is cut off from the two opposite");
    }
}

#[test]
fn different_seeds_draw_different_cuts() {
    for shape in [Shape::RandomHalves, Shape::MajoritiesRing, Shape::Bridge, Shape::OneWay] {
        let draws: BTreeSet<Grudge> =
            (0..50).map(|seed| shape.draw(5, &mut Seed::root(seed).rng())).collect();
        assert!(draws.len() > 5, "{shape:?}: {}", draws.len());
    }
}

#[test]
fn one_node_has_nobody_to_be_cut_off_from() {
    for shape in Shape::USUAL {
        assert!(shape.draw(1, &mut Seed::root(1).rng()).is_empty(), "{shape:?}");
    }
}

//! Grudges: which links of the network a partition cuts. Pure: positions in, links out.
//!
//! A *grudge* is Jepsen's word for what a node holds against others. Here it is a set of one-way
//! [`Link`]s: a link in the set carries nothing. Every function works for any number of nodes and
//! makes its choices from the random stream it is given and from nothing else.

use perjury_harness::cluster::Link;
use perjury_harness::generator::{below, pick, shuffle};
use perjury_harness::local::CONTROLLER;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

/// Links that carry nothing.
pub(crate) type Grudge = BTreeSet<Link>;

/// Up to this size a ring of majorities is laid out evenly; above, it is drawn.
const EVEN_RING_MAX: usize = 5;
/// Draws of a ring until all majorities differ. One nearly always does.
const RING_TRIES: usize = 64;

/// The forms a partition has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// The first half of the nodes against the rest.
    Halves,
    /// Any half against the rest.
    RandomHalves,
    /// Every node sees a majority, and no two the same one.
    MajoritiesRing,
    /// Two halves that see each other only through the node in between.
    Bridge,
    /// One node against the rest.
    IsolateOne,
    /// Each node that leads against everyone else, found out when it is done.
    Primaries,
    /// One side does not hear the other, while the other hears it.
    OneWay,
    /// A third of the nodes against the rest.
    MinorityThird,
    /// Clients do not reach one node, and other nodes do.
    Client,
    /// Only packets to one port are dropped, between two halves.
    OnePort,
    /// Halves that are cut and mended several times before they stay cut.
    Flapping,
}

impl Shape {
    /// Those of a run that names none.
    pub(crate) const USUAL: [Self; 8] = [
        Self::Halves,
        Self::RandomHalves,
        Self::MajoritiesRing,
        Self::Bridge,
        Self::IsolateOne,
        Self::Primaries,
        Self::OneWay,
        Self::MinorityThird,
    ];

    pub(crate) const ALL: [Self; 11] = [
        Self::Halves,
        Self::RandomHalves,
        Self::MajoritiesRing,
        Self::Bridge,
        Self::IsolateOne,
        Self::Primaries,
        Self::OneWay,
        Self::MinorityThird,
        Self::Client,
        Self::OnePort,
        Self::Flapping,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Halves => "halves",
            Self::RandomHalves => "random-halves",
            Self::MajoritiesRing => "majorities-ring",
            Self::Bridge => "bridge",
            Self::IsolateOne => "isolate-one",
            Self::Primaries => "primaries",
            Self::OneWay => "one-way",
            Self::MinorityThird => "minority-third",
            Self::Client => "client",
            Self::OnePort => "one-port",
            Self::Flapping => "flapping",
        }
    }

    /// How many nodes it needs to cut anything.
    pub(crate) fn needs(self) -> usize {
        match self {
            Self::MajoritiesRing | Self::Bridge => 3,
            Self::Client => 1,
            _ => 2,
        }
    }

    /// The links that it cuts among nodes `0..n`. For [`Shape::Primaries`], whom it cuts off when
    /// nobody is known to lead.
    pub(crate) fn draw(self, n: usize, rng: &mut ChaCha8Rng) -> Grudge {
        let mut nodes: Vec<usize> = (0..n).collect();
        match self {
            Self::Halves => complete(&[&nodes[..n / 2], &nodes[n / 2..]]),
            Self::MinorityThird => {
                shuffle(rng, &mut nodes);
                let (third, rest) = nodes.split_at((n / 3).max(1).min(n));
                complete(&[third, rest])
            }
            Self::Client => {
                let node = pick_one(n, rng);
                complete(&[&node, &[CONTROLLER]])
            }
            Self::RandomHalves | Self::OnePort | Self::Flapping => {
                shuffle(rng, &mut nodes);
                complete(&[&nodes[..n / 2], &nodes[n / 2..]])
            }
            Self::MajoritiesRing => majorities_ring(n, rng),
            Self::Bridge => {
                shuffle(rng, &mut nodes);
                bridge(&nodes)
            }
            Self::IsolateOne | Self::Primaries => isolate(&pick_one(n, rng), n),
            Self::OneWay => {
                shuffle(rng, &mut nodes);
                let size = 1 + below(rng, (n.saturating_sub(1)) as u64) as usize;
                let (deaf, heard) = nodes.split_at(size.min(n));
                one_way(heard, deaf)
            }
        }
    }
}

fn pick_one(n: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let nodes: Vec<usize> = (0..n).collect();
    pick(rng, &nodes).copied().into_iter().collect()
}

/// Nobody of one side hears or is heard by anyone of another.
pub(crate) fn complete(sides: &[&[usize]]) -> Grudge {
    let mut grudge = Grudge::new();
    for (number, side) in sides.iter().enumerate() {
        for other in sides.iter().enumerate().filter(|(other, _)| *other != number) {
            grudge.extend(one_way(side, other.1));
        }
    }
    grudge
}

/// Nothing gets from `from` to `to`.
fn one_way(from: &[usize], to: &[usize]) -> Grudge {
    from.iter().flat_map(|&from| to.iter().map(move |&to| Link { from, to })).collect()
}

/// Each of `outcasts` alone, the others of `0..n` together.
pub(crate) fn isolate(outcasts: &[usize], n: usize) -> Grudge {
    let rest: Vec<usize> = (0..n).filter(|node| !outcasts.contains(node)).collect();
    let alone: Vec<[usize; 1]> = outcasts.iter().map(|&node| [node]).collect();
    let mut sides: Vec<&[usize]> = alone.iter().map(|side| &side[..]).collect();
    sides.push(&rest);
    complete(&sides)
}

/// Halves around the node in the middle of `nodes`, which sees everyone.
fn bridge(nodes: &[usize]) -> Grudge {
    let middle = nodes.len() / 2;
    match nodes.get(middle) {
        Some(_) => complete(&[&nodes[..middle], &nodes[middle + 1..]]),
        None => Grudge::new(),
    }
}

/// Every node hears a majority (itself counted), and no two the same one.
///
/// Up to five nodes they stand in a ring in random order, and each hears the arc of the size of a
/// majority around it. Above, links are drawn, always both ways, between nodes that hear too few,
/// until all hear a majority: as in Jepsen, whose ring is stochastic above five as well.
fn majorities_ring(n: usize, rng: &mut ChaCha8Rng) -> Grudge {
    if n > EVEN_RING_MAX {
        for _ in 0..RING_TRIES {
            let hears = draw_ring(n, rng);
            if hears.iter().collect::<BTreeSet<_>>().len() == n {
                return from_hearing(&hears);
            }
        }
    }
    let mut ring: Vec<usize> = (0..n).collect();
    shuffle(rng, &mut ring);
    let majority = n / 2 + 1;
    let mut hears = vec![BTreeSet::new(); n];
    for start in 0..n {
        let arc: BTreeSet<usize> = (start..start + majority).map(|at| ring[at % n]).collect();
        hears[ring[(start + majority / 2) % n]] = arc;
    }
    from_hearing(&hears)
}

/// For each of `0..n` whom it hears. O(n³): each of at most n² links takes a look at all nodes.
fn draw_ring(n: usize, rng: &mut ChaCha8Rng) -> Vec<BTreeSet<usize>> {
    let majority = n / 2 + 1;
    let mut hears: Vec<BTreeSet<usize>> = (0..n).map(|node| BTreeSet::from([node])).collect();
    loop {
        let everyone: Vec<usize> = (0..n).collect();
        let poorest = poorest(&hears, &everyone, rng);
        if n == 0 || hears[poorest].len() >= majority {
            return hears;
        }
        let strangers: Vec<usize> =
            everyone.into_iter().filter(|node| !hears[poorest].contains(node)).collect();
        let friend = self::poorest(&hears, &strangers, rng);
        hears[poorest].insert(friend);
        hears[friend].insert(poorest);
    }
}

/// One of those among `candidates` that hear the fewest, at random.
fn poorest(hears: &[BTreeSet<usize>], candidates: &[usize], rng: &mut ChaCha8Rng) -> usize {
    let least = candidates.iter().map(|&node| hears[node].len()).min().unwrap_or(0);
    let equals: Vec<usize> =
        candidates.iter().copied().filter(|&node| hears[node].len() == least).collect();
    pick(rng, &equals).copied().unwrap_or(0)
}

fn from_hearing(hears: &[BTreeSet<usize>]) -> Grudge {
    let n = hears.len();
    let mut grudge = Grudge::new();
    for (to, heard) in hears.iter().enumerate() {
        let unheard = (0..n).filter(|from| !heard.contains(from));
        grudge.extend(unheard.map(|from| Link { from, to }));
    }
    grudge
}

#[cfg(test)]
mod tests;

//! Combinators as methods: `reads().stagger(seed, mean).time_limit(limit).on_clients()`.

use super::bounds::{Limit, ProcessLimit, TimeLimit, UntilOk};
use super::leaf::nanos;
use super::pace::{Interval, Pace};
use super::sequence::Cycle;
use super::transform::{Filter, Map};
use super::{BoxGenerator, concat, on_clients, on_nemesis, synchronize};
use crate::{Op, Seed};
use perjury_checkers::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Combinators of a single generator.
pub trait GeneratorExt: Sized {
    /// At most `count` operations.
    fn limit(self, count: u64) -> BoxGenerator;

    /// The first operation only.
    fn once(self) -> BoxGenerator {
        self.limit(1)
    }

    /// Again and again from the beginning, each time with the same random choices. For choices
    /// that differ from round to round, see [`unfold`](super::unfold).
    fn cycle(self) -> BoxGenerator;

    /// As [`cycle`](Self::cycle), this many times in all.
    fn rounds(self, count: u64) -> BoxGenerator;

    /// Operations that begin within `limit` of when this is first asked. Those that are open then
    /// still end.
    fn time_limit(self, limit: Duration) -> BoxGenerator;

    /// As long as at most `count` processes were there to be used: bounds how many operations
    /// of unknown outcome there can be.
    fn process_limit(self, count: usize) -> BoxGenerator;

    /// Until one of its operations is `ok`. Others may still be open then.
    fn until_ok(self) -> BoxGenerator;

    /// Intervals between operations drawn uniformly from 0 to twice `mean`. A total rate, over all
    /// workers together.
    fn stagger(self, seed: Seed, mean: Duration) -> BoxGenerator;

    /// Intervals between operations drawn from the exponential distribution: a Poisson process.
    fn poisson(self, seed: Seed, mean: Duration) -> BoxGenerator;

    /// The same interval between all operations.
    fn delay(self, interval: Duration) -> BoxGenerator;

    /// Each operation changed by a pure function.
    fn map(self, change: impl Fn(Op) -> Op + Send + Sync + 'static) -> BoxGenerator;

    /// Functions renamed: `f_map([("start", "start-kill")])`. Others stay as they are.
    fn f_map<const N: usize>(self, names: [(&str, &str); N]) -> BoxGenerator;

    /// Only operations that a pure function accepts.
    fn filter(self, accept: impl Fn(&Op) -> bool + Send + Sync + 'static) -> BoxGenerator;

    /// Afterwards, once everyone is free, `next`.
    fn then(self, next: BoxGenerator) -> BoxGenerator;

    /// Only on clients.
    fn on_clients(self) -> BoxGenerator;

    /// Only on the nemesis.
    fn on_nemesis(self) -> BoxGenerator;
}

impl GeneratorExt for BoxGenerator {
    fn limit(self, count: u64) -> BoxGenerator {
        Box::new(Limit { generator: self, left: count })
    }

    fn cycle(self) -> BoxGenerator {
        Box::new(Cycle::new(self, None))
    }

    fn rounds(self, count: u64) -> BoxGenerator {
        Box::new(Cycle::new(self, Some(count)))
    }

    fn time_limit(self, limit: Duration) -> BoxGenerator {
        Box::new(TimeLimit { generator: self, nanos: nanos(limit), cutoff: None })
    }

    fn process_limit(self, count: usize) -> BoxGenerator {
        Box::new(ProcessLimit { generator: self, limit: count, seen: BTreeSet::new() })
    }

    fn until_ok(self) -> BoxGenerator {
        Box::new(UntilOk { generator: self, open: BTreeSet::new(), ok: false })
    }

    fn stagger(self, seed: Seed, mean: Duration) -> BoxGenerator {
        let rng = seed.derive("generator.stagger").rng();
        pace(self, Interval::Uniform(nanos(mean), rng))
    }

    fn poisson(self, seed: Seed, mean: Duration) -> BoxGenerator {
        let rng = seed.derive("generator.poisson").rng();
        pace(self, Interval::Exponential(nanos(mean), rng))
    }

    fn delay(self, interval: Duration) -> BoxGenerator {
        pace(self, Interval::Fixed(nanos(interval)))
    }

    fn map(self, change: impl Fn(Op) -> Op + Send + Sync + 'static) -> BoxGenerator {
        Box::new(Map { generator: self, change: Arc::new(change) })
    }

    fn f_map<const N: usize>(self, names: [(&str, &str); N]) -> BoxGenerator {
        let names: BTreeMap<Name, Name> =
            names.into_iter().map(|(from, to)| (from.into(), to.into())).collect();
        self.map(move |op| Op { f: names.get(&op.f).cloned().unwrap_or(op.f), value: op.value })
    }

    fn filter(self, accept: impl Fn(&Op) -> bool + Send + Sync + 'static) -> BoxGenerator {
        Box::new(Filter { generator: self, accept: Arc::new(accept), done: false })
    }

    fn then(self, next: BoxGenerator) -> BoxGenerator {
        concat(vec![self, synchronize(next)])
    }

    fn on_clients(self) -> BoxGenerator {
        on_clients(self)
    }

    fn on_nemesis(self) -> BoxGenerator {
        on_nemesis(self)
    }
}

fn pace(generator: BoxGenerator, interval: Interval) -> BoxGenerator {
    Box::new(Pace { generator, interval, due: None })
}

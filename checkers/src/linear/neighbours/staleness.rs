//! Staleness: how old the values were that reads saw, in versions and in time.
//!
//! Golab, Li & Shah, *Analyzing consistency properties for fun and profit* (PODC 2011): a
//! history is *k-atomic* if its calls can be ordered, respecting real time, so that each read
//! sees one of the last k writes before it, and *Delta-atomic* if it is atomic once every read
//! is taken to have begun Delta earlier. Both ask that every value be written once. Here:
//!
//! | measure | how exact |
//! |---|---|
//! | per read, versions and time | lower bounds: writes that surely came between |
//! | Delta | exact, see `shift.rs` |
//! | k | exact for 1 (zones) and 2 (see `two_atomic.rs`), else between two bounds |
//!
//! A compare-and-set counts as a write; whether it found what it found is not judged here.
//! Neither measure is local in general, but both are, per key, what a client of that key meets;
//! of several keys the worst counts.

mod core;
mod measure;
mod shift;
mod tell;
mod two_atomic;

use serde_json::{Value, json};

use self::measure::{Bounds, Measure, Stale};
use super::Options;
use super::reading::{Register, registers, sane_reads, versions};
use super::versions::Versions;
use crate::tally::Tally;
use crate::{Budget, Checker, Finding, History};

/// How many of the stalest reads are named.
const WORST: usize = 8;
/// How many of the stalest reads are kept, for plots.
const KEPT: usize = 2000;
const RULED_OUT: &[&str] = &["linearizable"];

/// The greatest of some measures, and their quantiles: half, nine in ten, and so on were at
/// most so much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// A read that surely saw an old value.
#[derive(Clone, Debug, PartialEq)]
pub struct StaleRead {
    /// The index of its invocation.
    pub operation: u64,
    pub key: Option<Value>,
    pub value: Value,
    /// How many other writes were surely made after that value and before the read began.
    pub versions: u32,
    /// How long before the read began the value was surely no longer there.
    pub nanoseconds: u64,
}

/// How stale the reads of a history were.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Staleness {
    /// Reads judged; those that nothing explains are not among them.
    pub reads: usize,
    /// Those that surely saw an old value.
    pub stale: usize,
    /// Over all reads, at the least.
    pub versions: Quantiles,
    /// Over all reads, at the least.
    pub nanoseconds: Quantiles,
    /// Whether nothing is stale at all: each read can have seen the latest write.
    pub atomic: bool,
    /// The history is k-atomic for no k below the first of these, and for the second one.
    pub k: (u32, u32),
    /// The smallest Delta for which it is Delta-atomic, in nanoseconds; exact.
    pub delta: u64,
    /// The stalest reads in time, worst first; at most 2,000.
    pub worst: Vec<StaleRead>,
}

/// Measures how stale reads are, and judges it if it is said how stale they may be.
///
/// Invalid if a read is surely staler than allowed, or if reads saw what nobody can have
/// written; unknown if that depends on more than is known (three or more versions), or if
/// values repeat. Costs `n log n`; see `two_atomic.rs` for more at the worst.
#[derive(Clone, Debug, Default)]
pub struct StalenessChecker {
    pub options: Options,
}

/// What is known of one register.
struct Judged<'p, 'h> {
    register: &'p Register<'h>,
    versions: &'p Versions<'p>,
    reads: Vec<u32>,
    measure: Measure,
}

impl Checker for StalenessChecker {
    fn name(&self) -> &str {
        "staleness"
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        let options = &self.options;
        let read = registers(history, &options.register, options.keyed);
        let registers = match read {
            Ok(registers) => registers,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let versions = match versions(&registers) {
            Ok(versions) => versions,
            Err(why) => return Finding::unknown(self.name(), why),
        };
        let mut tally = Tally::default();
        let mut judged = Vec::with_capacity(registers.len());
        for (register, versions) in registers.iter().zip(&versions) {
            if budget.is_cancelled() {
                let why = "time was up before all keys were measured; give the analysis more";
                return Finding::unknown(self.name(), why);
            }
            let (reads, wrong) = sane_reads(register, versions, &options.register, RULED_OUT);
            tally = tally.and(wrong);
            let time = |position: i64| time(history, position);
            let measure = measure::measure(versions, &time, &reads);
            judged.push(Judged { register, versions, reads, measure });
        }
        let impossible = tally.count();
        let mut undecided = None;
        for one in &judged {
            tally = tally.and(self.exceeded(one, &mut undecided));
        }
        let staleness = Staleness::of(&judged);
        let no_read = (staleness.reads == 0 && impossible == 0).then(|| {
            "no read has an answer, so nothing can be stale; reads are part of this workload"
                .to_owned()
        });
        tally.conclude(self.name(), no_read.or(undecided), staleness.stats(impossible))
    }
}

impl StalenessChecker {
    /// What of one register is staler than allowed.
    fn exceeded(&self, judged: &Judged<'_, '_>, undecided: &mut Option<String>) -> Tally {
        let mut tally = Tally::default();
        let teller = tell::Teller { model: &self.options.register, judged };
        let measure = &judged.measure;
        let Bounds { least, most } = measure.bounds;
        let (versions, time) = (self.options.allowed_versions, self.options.allowed_nanoseconds);
        let too_many = |stale: &Stale| versions.is_some_and(|allowed| stale.versions > allowed);
        let too_long = |stale: &Stale| time.is_some_and(|allowed| stale.nanoseconds > allowed);
        for stale in measure.stale.iter().filter(|stale| too_many(stale) || too_long(stale)) {
            tally.add(|| teller.stale(stale));
        }
        if tally.count() > 0 {
            return tally;
        }
        let allowed = versions.map_or(u32::MAX, |allowed| allowed.saturating_add(1));
        if least > allowed {
            match measure.crossing {
                Some(crossing) if allowed == 1 => tally.add(|| teller.crossing(crossing)),
                _ => tally.add(|| teller.not_two_atomic()),
            }
        } else if most > allowed {
            undecided.get_or_insert_with(|| {
                format!(
                    "reads may have to be {} versions old, or only {}; which of the two, and so \
                     whether that is more than the {} allowed, was not decided",
                    most - 1,
                    least - 1,
                    allowed - 1
                )
            });
        }
        if let (Some(crossing), Some(allowed)) = (measure.crossing, time)
            && (crossing.shift as u64 > allowed || allowed == 0)
        {
            tally.add(|| teller.crossing(crossing));
        }
        tally
    }
}

impl Staleness {
    /// Measures a history; the error says why that cannot be done.
    pub fn of_history(history: &History, options: &Options) -> Result<Self, String> {
        let registers = registers(history, &options.register, options.keyed)?;
        let versions = versions(&registers)?;
        let time = |position: i64| time(history, position);
        let judged = |(register, versions)| {
            let (reads, _) = sane_reads(register, versions, &options.register, RULED_OUT);
            let measure = measure::measure(versions, &time, &reads);
            Judged { register, versions, reads, measure }
        };
        Ok(Self::of(&registers.iter().zip(&versions).map(judged).collect::<Vec<_>>()))
    }

    fn of(judged: &[Judged<'_, '_>]) -> Self {
        let reads = judged.iter().map(|one| one.reads.len()).sum();
        let stale =
            || judged.iter().flat_map(|one| one.measure.stale.iter().map(move |s| (one, s)));
        let crossings = || judged.iter().filter_map(|one| one.measure.crossing);
        let bounds = || judged.iter().map(|one| one.measure.bounds);
        let mut worst: Vec<_> = stale().collect();
        worst.sort_by_key(|(_, stale)| std::cmp::Reverse((stale.nanoseconds, stale.versions)));
        let told = |(one, stale): &(&Judged<'_, '_>, &Stale)| StaleRead {
            operation: one.register.operation(stale.read as usize).index,
            key: one.register.key.cloned(),
            value: one.value(stale.read),
            versions: stale.versions,
            nanoseconds: stale.nanoseconds,
        };
        Self {
            reads,
            stale: worst.len(),
            versions: quantiles(stale().map(|(_, stale)| stale.versions.into()), reads),
            nanoseconds: quantiles(stale().map(|(_, stale)| stale.nanoseconds), reads),
            atomic: crossings().next().is_none(),
            k: (
                bounds().map(|bounds| bounds.least).max().unwrap_or(1),
                bounds().map(|bounds| bounds.most).max().unwrap_or(1),
            ),
            delta: crossings().map(|crossing| crossing.shift as u64).max().unwrap_or(0),
            worst: worst.iter().take(KEPT).map(told).collect(),
        }
    }

    fn stats(&self, impossible: u64) -> Value {
        let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        let time = self.nanoseconds;
        let worst = |read: &StaleRead| {
            json!({
                "operation": read.operation,
                "key": read.key,
                "value": read.value,
                "versions": read.versions,
                "milliseconds": milliseconds(read.nanoseconds),
            })
        };
        // Many of them: without what the history tells anyway.
        let brief = |read: &StaleRead| {
            json!({
                "operation": read.operation,
                "key": read.key,
                "versions": read.versions,
                "nanoseconds": read.nanoseconds,
            })
        };
        json!({
            "reads": self.reads,
            "stale": self.stale,
            "inexplicable": impossible,
            "atomic": self.atomic,
            "k": {"least": self.k.0, "most": self.k.1},
            "delta_milliseconds": milliseconds(self.delta),
            "versions": {
                "p50": self.versions.p50,
                "p90": self.versions.p90,
                "p99": self.versions.p99,
                "p999": self.versions.p999,
                "max": self.versions.max,
            },
            "milliseconds": {
                "p50": milliseconds(time.p50),
                "p90": milliseconds(time.p90),
                "p99": milliseconds(time.p99),
                "p999": milliseconds(time.p999),
                "max": milliseconds(time.max),
            },
            "worst": self.worst.iter().take(WORST).map(worst).collect::<Vec<_>>(),
            "stale_reads": self.worst.iter().map(brief).collect::<Vec<_>>(),
        })
    }
}

impl Judged<'_, '_> {
    /// The value that a read saw.
    fn value(&self, read: u32) -> Value {
        let value = self.versions.found(read);
        value.map_or(Value::Null, |value| self.register.values.get(value).clone())
    }
}

/// Quantiles of these measures and as many zeros as make `count` in all.
fn quantiles(measures: impl Iterator<Item = u64>, count: usize) -> Quantiles {
    let mut measures: Vec<u64> = measures.collect();
    measures.sort_unstable();
    let zeros = count.saturating_sub(measures.len());
    // The least measure that is not below the share of all, in thousandths.
    let at = |share: usize| {
        let rank = (count * share).div_ceil(1000).max(1) - 1;
        rank.checked_sub(zeros).and_then(|rank| measures.get(rank)).copied().unwrap_or(0)
    };
    Quantiles { p50: at(500), p90: at(900), p99: at(990), p999: at(999), max: at(1000) }
}

/// The time of a position, in nanoseconds since the run began.
fn time(history: &History, position: i64) -> i64 {
    let event = usize::try_from(position / 2).ok().and_then(|at| history.events().get(at));
    event.map_or(i64::MAX, |event| i64::try_from(event.time).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;

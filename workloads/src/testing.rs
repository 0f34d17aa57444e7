//! What the tests of all workloads share: options, and a database in memory that tells the truth.

mod honest;

pub(crate) use honest::Honest;

use perjury_checkers::history::CRASH;
use perjury_checkers::{Event, Kind};
use perjury_harness::generator::{BoxGenerator, Completion, Simulation, invocations, simulate};
use perjury_harness::{Op, Options, Seed, Workload};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) fn options(keys: usize, ops_per_key: usize) -> Options {
    Options {
        set: BTreeMap::new(),
        nodes: vec!["n1".to_owned(), "n2".to_owned(), "n3".to_owned()],
        concurrency: 6,
        keys,
        key_choice: None,
        ops_per_key,
        time_limit: Duration::from_secs(60),
        nemesis_interval: Duration::from_secs(5),
    }
}

/// Options with these settings.
pub(crate) fn with(settings: &[(&str, &str)]) -> Options {
    let mut options = options(4, 50);
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    options.set.extend(settings.iter().map(own));
    options
}

/// The first `count` operations of a workload when each takes what `latency` says of its index.
pub(crate) fn operations(
    workload: &dyn Workload,
    options: &Options,
    seed: u64,
    count: usize,
    latency: impl Fn(u64) -> u64,
) -> Vec<Op> {
    let generator = workload.generator(options, Seed::root(seed));
    let simulation = Simulation { max_operations: count, ..Simulation::new(6, 3) };
    let answer = |event: &Event| Completion {
        latency: latency(event.index),
        // Failures and crashes must not change what is asked either.
        kind: [Kind::Ok, Kind::Fail, Kind::Info][(latency(event.index) % 3) as usize],
        value: None,
    };
    let events = simulate(generator, &simulation, answer);
    invocations(&events).into_iter().map(|(_, op)| op).collect()
}

/// Panics unless the operations depend on the seed, and on nothing else.
pub(crate) fn assert_seeded(workload: &dyn Workload) {
    let options = options(4, 50);
    let slow = operations(workload, &options, 7, 3000, |_| 3_000_000);
    let uneven = operations(workload, &options, 7, 3000, |index| index.wrapping_mul(7919) % 90_001);
    assert_eq!(slow.len(), 3000);
    assert_eq!(slow, uneven, "timing changed what was asked");
    let other = operations(workload, &options, 8, 3000, |_| 3_000_000);
    assert_ne!(slow, other, "the seed changed nothing");
}

/// The process, function and value of a client's event.
fn operation_of(event: &Event) -> (u32, &str, &Value) {
    (event.process.client().unwrap(), &event.f, &event.value)
}

/// Plays `generator` against an honest database, with other latencies for each call.
pub(crate) fn play(generator: BoxGenerator, database: &mut Honest, count: usize) -> Vec<Event> {
    let simulation = Simulation { max_operations: count, ..Simulation::new(6, 3) };
    let mut events = simulate(generator, &simulation, |event| {
        let answer = database.ask(event);
        Completion {
            latency: 1_000 + event.index.wrapping_mul(7919) % 90_001,
            kind: match answer {
                _ if &*event.f == CRASH => Kind::Info,
                Some(_) => Kind::Ok,
                None => Kind::Fail,
            },
            value: answer,
        }
    });
    // As in a run, where three nodes have two workers each.
    for event in &mut events {
        let node = event.process.client().map(|process| format!("n{}", 1 + process % 3));
        event.node = node.map(|node| node.as_str().into());
        if (&*event.f, event.kind) == ("acquire", Kind::Fail) {
            event.error = Some("held".into());
        }
    }
    events
}

/// The main load and then the final reads.
pub(crate) fn whole_run(workload: &dyn Workload, options: &Options, count: usize) -> Vec<Event> {
    use perjury_harness::generator::{GeneratorExt, nothing, phases};
    let main = workload.generator(options, Seed::root(7)).limit(count as u64);
    let last = workload.final_generator(options, Seed::root(8)).unwrap_or_else(nothing);
    play(phases(vec![main, last]), &mut Honest::of(workload.name()), 1_000_000)
}

/// Panics unless the worst verdict of the workload's checkers is `wanted`.
pub(crate) fn assert_verdict(
    workload: &dyn Workload,
    events: &[Event],
    wanted: perjury_checkers::Verdict,
) {
    assert_verdict_with(workload, &options(4, 50), events, wanted);
}

/// The same, with other options.
pub(crate) fn assert_verdict_with(
    workload: &dyn Workload,
    options: &Options,
    events: &[Event],
    wanted: perjury_checkers::Verdict,
) {
    let history = perjury_checkers::History::new(events.to_vec()).unwrap();
    let checkers = workload.checkers(options);
    let budget = perjury_checkers::Budget::default();
    let findings: Vec<_> =
        checkers.iter().map(|checker| checker.check(&history, &budget)).collect();
    let worst = perjury_checkers::finding::worst(findings.iter().map(|finding| finding.verdict));
    assert_eq!(worst, wanted, "{findings:#?}");
    // What judges a history as it grows has to say the same.
    if let Some(streams) = workload.streams(options) {
        let mut judge = perjury_checkers::streaming::Judge::of(streams);
        judge.push_events(events).unwrap();
        let (finding, _) = judge.finish().unwrap();
        assert_eq!(
            finding.verdict, wanted,
            "{finding:#?} as it grows, and {findings:#?} as a whole"
        );
    }
}

/// Panics unless the workload says that anomalies show early, and finds none in any beginning of
/// a history that has none.
pub(crate) fn assert_beginnings_valid(workload: &dyn Workload, options: &Options) {
    assert!(workload.shows_anomalies_early(options));
    let events = whole_run(workload, options, 1000);
    // Nothing has been answered before that, and nothing can be said.
    for cut in (50..events.len()).step_by(events.len() / 40 + 1) {
        assert_verdict_with(workload, options, &events[..cut], perjury_checkers::Verdict::Valid);
    }
}

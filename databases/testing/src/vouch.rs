//! A workload against a real database that nothing disturbs, judged by its own checkers.

use crate::play;
use perjury_checkers::history::CRASH;
use perjury_checkers::{Budget, Verdict};
use perjury_harness::generator::{GeneratorExt, phases};
use perjury_harness::{Client, Op, Options, Seed, Workload};

/// Operations of the main load.
const OPERATIONS: u64 = 600;

/// There is one client for each worker, and no other in its place: instead of ending, whoever has the
/// lock gives it back.
fn alive(op: Op) -> Op {
    if &*op.f == CRASH { Op::new("release", op.value) } else { op }
}

/// Plays the main load and the final reads with a worker for each of `clients`, on so many nodes:
/// more than `least` operations have to be done, and all checkers have to find them valid.
pub async fn vouch<C: Client>(
    workload: &dyn Workload,
    options: &Options,
    clients: Vec<C>,
    nodes: usize,
    least: usize,
) {
    let main = workload.generator(options, Seed::root(7)).limit(OPERATIONS);
    let last = workload.final_generator(options, Seed::root(8));
    let load = phases(std::iter::once(main).chain(last).collect()).map(alive);
    let history = play(load, clients, nodes).await;
    let operations = history.operations();
    let ok = operations.iter().filter(|operation| operation.is_ok()).count();
    assert!(ok > least, "{}: only {ok} of {} are ok", workload.name(), operations.len());
    for checker in workload.checkers(options) {
        let finding = checker.check(&history, &Budget::default());
        assert_eq!(finding.verdict, Verdict::Valid, "{}: {finding:#?}", workload.name());
    }
}

//! Plays a workload's generator against a real database, without faults, and keeps the history.

use perjury_checkers::{Event, History, Kind, Name, Process};
use perjury_harness::generator::{BoxGenerator, Context, Generator, Next, Worker};
use perjury_harness::{Client, Failure, Op};
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Long, since it only ends what hangs: databases are slow beside compilers.
const CALL_LIMIT: Duration = Duration::from_secs(60);

type Answer<C> = (Worker, C, Op, Result<Value, Failure>);

struct Player<C> {
    began: Instant,
    context: Context,
    generator: BoxGenerator,
    /// Idle clients by worker.
    clients: Vec<Option<C>>,
    calls: JoinSet<Answer<C>>,
    events: Vec<Event>,
}

/// Plays `generator` to its end with a worker for each of `clients`, on so many nodes. A call of
/// unknown outcome fails the test: nothing was broken.
pub async fn play<C: Client>(generator: BoxGenerator, clients: Vec<C>, nodes: usize) -> History {
    let mut player = Player {
        began: Instant::now(),
        context: Context::new(clients.len(), nodes),
        generator,
        clients: clients.into_iter().map(Some).collect(),
        calls: JoinSet::new(),
        events: Vec::new(),
    };
    player.run().await;
    History::new(player.events).expect("well-formed by construction")
}

impl<C: Client> Player<C> {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    async fn run(&mut self) {
        loop {
            self.context.time = self.now();
            match self.generator.next(&self.context) {
                Next::Emit { at, process, op } if at <= self.context.time => {
                    self.begin(process, op);
                }
                Next::Done if self.calls.is_empty() => return,
                Next::Emit { at, .. } => self.wait(Some(at)).await,
                Next::Pending { until } => self.wait(until).await,
                Next::Done => self.wait(None).await,
            }
        }
    }

    fn begin(&mut self, process: Process, op: Op) {
        let worker = self.context.worker(process);
        let Worker::Client(number) = worker else { panic!("nothing to break here") };
        self.generator.took(&self.context, self.context.time, process);
        self.context.occupy(worker);
        self.record(process, Kind::Invoke, op.f.clone(), op.value.clone());
        let mut client = self.clients[number].take().expect("an idle client");
        self.calls.spawn(async move {
            let answer = tokio::time::timeout(CALL_LIMIT, client.invoke(&op)).await;
            (worker, client, op, answer.expect("an answer in time"))
        });
    }

    /// Waits for an answer, until `until` at the most.
    async fn wait(&mut self, until: Option<u64>) {
        let nanos = until.map_or(60_000_000_000, |until| until.saturating_sub(self.now()));
        let answer = tokio::time::timeout(Duration::from_nanos(nanos), self.calls.join_next());
        let Ok(Some(answer)) = answer.await else {
            assert!(until.is_some(), "the generator waits, and for nothing");
            return tokio::time::sleep(Duration::from_millis(1)).await;
        };
        let (worker, client, op, result) = answer.expect("no panic");
        let Worker::Client(number) = worker else { panic!("the nemesis has no calls") };
        self.clients[number] = Some(client);
        let process = self.context.process(worker);
        self.context.time = self.now();
        self.context.release(worker);
        match result {
            Ok(value) => self.record(process, Kind::Ok, op.f, value),
            Err(Failure::Definite(_) | Failure::Declined(_) | Failure::NotAsked(_)) => {
                self.record(process, Kind::Fail, op.f, op.value)
            }
            Err(failure) => panic!("{} {}: {failure:?}", op.f, op.value),
        }
    }

    fn record(&mut self, process: Process, kind: Kind, f: Name, value: Value) {
        let (index, time) = (self.events.len() as u64, self.context.time);
        let event =
            Event { index, time, process, kind, f, value, node: None, error: None, due: None };
        self.generator.update(&self.context, &event);
        self.events.push(event);
    }
}

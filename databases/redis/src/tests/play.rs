//! Plays a workload's generator against a real server, without faults, and keeps the history.

use crate::connector::{RedisClient, RedisConnector};
use perjury_checkers::{Event, History, Kind, Name, Process};
use perjury_harness::generator::{BoxGenerator, Context, Generator, Next, Worker};
use perjury_harness::{Client, Failure, Op};

use serde_json::Value;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CALL_LIMIT: Duration = Duration::from_secs(10);

type Answer = (Worker, RedisClient, Op, Result<Value, Failure>);

struct Player {
    began: Instant,
    context: Context,
    generator: BoxGenerator,
    /// Idle clients by worker.
    clients: Vec<Option<RedisClient>>,
    calls: JoinSet<Answer>,
    events: Vec<Event>,
}

/// Plays `generator` to its end with `concurrency` clients. A call of
/// unknown outcome fails the test: nothing was broken.
pub(super) async fn play(
    generator: BoxGenerator,
    connector: &RedisConnector,
    server: IpAddr,
    concurrency: usize,
) -> History {
    let mut clients = Vec::new();
    for _ in 0..concurrency {
        clients.push(Some(connector.open(server).await.unwrap()));
    }
    let mut player = Player {
        began: Instant::now(),
        context: Context::new(concurrency, 1),
        generator,
        clients,
        calls: JoinSet::new(),
        events: Vec::new(),
    };
    player.run().await;
    History::new(player.events).unwrap()
}

impl Player {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap()
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
        let mut client = self.clients[number].take().unwrap();
        self.calls.spawn(async move {
            let answer = tokio::time::timeout(CALL_LIMIT, client.invoke(&op)).await;
            (worker, client, op, answer.unwrap())
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
        let (worker, client, op, result) = answer.unwrap();
        let Worker::Client(number) = worker else { panic!("the nemesis has no calls") };
        self.clients[number] = Some(client);
        let process = self.context.process(worker);
        self.context.time = self.now();
        self.context.release(worker);
        match result {
            Ok(value) => self.record(process, Kind::Ok, op.f, value),
            Err(Failure::Definite(_)) => self.record(process, Kind::Fail, op.f, op.value),
            Err(failure) => panic!("{} {}: {failure:?}", op.f, op.value),
        }
    }

    fn record(&mut self, process: Process, kind: Kind, f: Name, value: Value) {
        let (index, time) = (self.events.len() as u64, self.context.time);
        let event = Event { index, time, process, kind, f, value, node: None, error: None };
        self.generator.update(&self.context, &event);
        self.events.push(event);
    }
}

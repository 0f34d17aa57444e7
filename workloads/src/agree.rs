//! The last questions to replicas: all keys on every node, round after round, until all agree.
//!
//! One worker of each node asks, as the answers of a node are what counts. The last round begins when
//! replicas may no longer differ, also if they agree before: what is missing everywhere, too, is gone
//! only then. A limit ends it; what still differs is what the checkers want to see.

use perjury_checkers::{Event, Kind, Process};
use perjury_harness::generator::{Context, Generator, Next, Worker, on_clients};
use perjury_harness::{BoxGenerator, Op};
use serde_json::{Value, json};

/// Keys that are read in a round at the most.
const MAX_KEYS: u64 = 5_000;
/// Keys past the last one in use that may be empty although later ones are not.
const SLACK: u64 = 8;
/// Answers in a row that a node may fail to give.
const MAX_FAILURES: u32 = 20;
/// Nanoseconds from a question without an answer, or a round, to the next.
const PAUSE: u64 = 200_000_000;
/// Nanoseconds after which it ends in any case: the harness waits for a minute.
const LONGEST: u64 = 50_000_000_000;

/// How keys are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking {
    /// How many keys are in use at a time; none for the single object of a workload without keys.
    pub(crate) window: Option<usize>,
    /// Whether a digest is asked for at the end of a round.
    pub(crate) digest: bool,
    /// How long replicas may differ, in nanoseconds.
    pub(crate) converge_within: u64,
}

/// Asks until all nodes answer the same after they have to, or for half as long again.
pub(crate) fn agree(asking: Asking) -> BoxGenerator {
    let longest = asking.converge_within.saturating_mul(3) / 2 + 2_000_000_000;
    on_clients(Box::new(Agree {
        asking,
        longest: longest.min(LONGEST),
        nodes: Vec::new(),
        began: None,
        round_from: 0,
        disturbed: false,
        over: false,
    }))
}

/// The questions to one node in this round.
#[derive(Clone, Debug)]
struct OfNode {
    worker: usize,
    /// The next key.
    position: u64,
    /// Keys before it without anything in them.
    empty_run: u64,
    asks_digest: bool,
    finished: bool,
    open: bool,
    failures: u32,
    not_before: u64,
    answers: Vec<String>,
}

#[derive(Clone)]
struct Agree {
    asking: Asking,
    longest: u64,
    /// By position of the node.
    nodes: Vec<Option<OfNode>>,
    began: Option<u64>,
    /// When this round could begin.
    round_from: u64,
    /// A call from before has ended in this round, which may have changed what others answered.
    disturbed: bool,
    over: bool,
}

impl OfNode {
    fn new(worker: usize) -> Self {
        Self {
            worker,
            position: 0,
            empty_run: 0,
            asks_digest: false,
            finished: false,
            open: false,
            failures: 0,
            not_before: 0,
            answers: Vec::new(),
        }
    }

    fn op(&self, asking: Asking) -> Op {
        match asking.window {
            _ if self.asks_digest => Op::new("digest", Value::Null),
            None => Op::new("read", Value::Null),
            Some(_) => Op::new("read", json!([self.position, null])),
        }
    }

    fn answered(&mut self, asking: Asking, value: &Value) {
        self.failures = 0;
        if self.asks_digest {
            self.answers.push(value.get("digest").unwrap_or(value).to_string());
            self.finished = true;
            return;
        }
        let Some(window) = asking.window else {
            self.answers.push(plain(value));
            self.finished = true;
            return;
        };
        let found = value.get(1).unwrap_or(&Value::Null);
        let empty = found.is_null() || *found == json!(0) || *found == json!([]);
        self.empty_run = if empty { self.empty_run + 1 } else { 0 };
        self.answers.push(plain(found));
        self.position += 1;
        if self.empty_run > window as u64 + SLACK || self.position >= MAX_KEYS {
            // Nodes that came to the end at different places agree if there is nothing between them.
            let used = self.answers.len() - self.empty_run as usize;
            self.answers.truncate(used);
            self.asks_digest = asking.digest;
            self.finished = !asking.digest;
        }
    }
}

/// A value in one text, whatever the order of a list.
fn plain(value: &Value) -> String {
    let Value::Array(items) = value else { return value.to_string() };
    let mut texts: Vec<String> = items.iter().map(Value::to_string).collect();
    texts.sort_unstable();
    texts.join(",")
}

impl Agree {
    fn prepare(&mut self, context: &Context) {
        if self.began.is_some() {
            return;
        }
        self.began = Some(context.time);
        for worker in context.all.client_numbers() {
            let Some(node) = context.node(Worker::Client(worker)) else { continue };
            if self.nodes.len() <= node {
                self.nodes.resize(node + 1, None);
            }
            self.nodes[node].get_or_insert_with(|| OfNode::new(worker));
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &OfNode> {
        self.nodes.iter().flatten()
    }

    /// Ends it, or begins the next round.
    fn round(&mut self, context: &Context) {
        let same = |one: &OfNode| self.nodes().all(|other| other.answers == one.answers);
        let alive = self.nodes().all(|node| node.failures < MAX_FAILURES);
        let agreed = alive && !self.disturbed && self.nodes().next().is_none_or(same);
        let late = context.time.saturating_sub(self.began.unwrap_or(0)) > self.longest;
        let due = self.began.unwrap_or(0).saturating_add(self.asking.converge_within);
        self.over = (agreed && self.round_from > due) || late || !alive;
        self.disturbed = false;
        let wait = if agreed { due.max(context.time) } else { context.time };
        self.round_from = wait + PAUSE;
        for node in self.nodes.iter_mut().flatten() {
            *node = OfNode { not_before: self.round_from, ..OfNode::new(node.worker) };
        }
    }
}

impl Generator for Agree {
    fn next(&mut self, context: &Context) -> Next {
        self.prepare(context);
        if !self.over && self.nodes().all(|node| node.finished) {
            self.round(context);
        }
        if self.over {
            return Next::Done;
        }
        let asking = self.asking;
        let ready = self.nodes().filter(|node| {
            !node.finished && !node.open && context.free.contains(Worker::Client(node.worker))
        });
        match ready.min_by_key(|node| node.not_before) {
            Some(node) => {
                let process = context.process(Worker::Client(node.worker));
                let at = context.time.max(node.not_before);
                Next::Emit { at, process, op: node.op(asking) }
            }
            None => Next::PENDING,
        }
    }

    fn took(&mut self, context: &Context, _: u64, process: Process) {
        let worker = context.worker(process);
        for node in self.nodes.iter_mut().flatten() {
            node.open |= Worker::Client(node.worker) == worker;
        }
    }

    fn update(&mut self, context: &Context, event: &Event) {
        if event.kind == Kind::Invoke || event.process == Process::Nemesis {
            return;
        }
        let (worker, asking) = (context.worker(event.process), self.asking);
        let mut nodes = self.nodes.iter_mut().flatten();
        let Some(node) = nodes.find(|node| node.open && Worker::Client(node.worker) == worker)
        else {
            self.disturbed = true;
            return;
        };
        node.open = false;
        if event.kind == Kind::Ok {
            node.answered(asking, &event.value);
            return;
        }
        node.failures += 1;
        node.not_before = context.time + PAUSE;
        node.finished |= node.failures >= MAX_FAILURES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perjury_harness::generator::{Completion, Simulation, simulate};
    use std::collections::BTreeMap;

    /// What three nodes were asked; `answer` gets the node, the key and how often it was asked there.
    fn played(
        digest: bool,
        answer: impl Fn(u32, u64, usize) -> Option<Value>,
    ) -> BTreeMap<(u32, String), usize> {
        let mut asked: BTreeMap<(u32, String), usize> = BTreeMap::new();
        let asking = Asking { window: Some(1), digest, converge_within: 1_000_000_000 };
        simulate(agree(asking), &Simulation::new(6, 3), |event: &Event| {
            let node = event.process.client().unwrap() % 3;
            let key = event.value[0].as_u64();
            let times = asked.entry((node, format!("{} {key:?}", event.f))).or_default();
            *times += 1;
            let value = match key {
                Some(key) => answer(node, key, *times).map(|value| json!([key, value])),
                None => Some(json!({"digest": 1})),
            };
            let kind = if value.is_some() { Kind::Ok } else { Kind::Fail };
            Completion { latency: 1000, kind, value }
        });
        asked
    }

    fn times(asked: &BTreeMap<(u32, String), usize>, node: u32, key: u64) -> usize {
        asked.get(&(node, format!("read Some({key})"))).copied().unwrap_or(0)
    }

    #[test]
    fn it_ends_when_all_nodes_agree_once_they_have_to() {
        let asked = played(true, |node, key, times| match (node, key) {
            // Node 2 catches up at last.
            (2, 1) if times < 3 => Some(json!(null)),
            (_, 0..=3) => Some(json!(key + 1)),
            _ => Some(json!(null)),
        });
        for node in 0..3 {
            // Twice they did not, once they did, and once more at the end.
            assert_eq!(times(&asked, node, 1), 4, "{asked:?}");
            assert_eq!(asked[&(node, "digest None".to_owned())], 4);
        }
    }

    #[test]
    fn it_ends_when_they_never_do_and_when_a_node_is_gone() {
        let asked = played(false, |node, key, _| Some(json!(if key == 0 { node + 1 } else { 0 })));
        assert!((10..40).contains(&times(&asked, 0, 0)), "{asked:?}");
        let asked = played(false, |node, key, _| (node < 2).then(|| json!(u64::from(key == 0))));
        assert_eq!((times(&asked, 2, 0), times(&asked, 0, 0)), (20, 1));
    }
}

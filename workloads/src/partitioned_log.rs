//! Logs in the style of Kafka: records sent to partitions and polled by consumers, alone and in
//! transactions, and read from the beginning at the end.
//!
//! After Jepsen's `kafka`, with its vocabulary.

mod absences;
mod catch_up;

use crate::settings;
use perjury_checkers::Checker;
use perjury_checkers::txn::{ConsistencyModel, PartitionedLog as Judge};
use perjury_harness::generator::{below, chance, from_fn};
use perjury_harness::{BoxGenerator, Op, Options, Seed, Workload};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Steps of one transaction at most.
const MAX_STEPS: u64 = 4;
/// Logs, without `--set partitions`.
const PARTITIONS: u64 = 4;

/// The judge that the settings ask for; the error says what is wrong with them.
fn judge(options: &Options) -> Result<Judge, String> {
    let flag = |name: &str| settings::flag(options, name);
    let usual = Judge::default();
    let model = options.get("consistency-model").map(str::parse::<ConsistencyModel>);
    Ok(Judge {
        model: model.transpose()?.unwrap_or(usual.model),
        gaps_allowed: flag("gaps-allowed")?.unwrap_or(usual.gaps_allowed),
        duplicates_allowed: flag("duplicates-allowed")?.unwrap_or(usual.duplicates_allowed),
        contiguous: flag("contiguous")?.unwrap_or(usual.contiguous),
        own_sends_visible: flag("own-sends-visible")?.unwrap_or(usual.own_sends_visible),
        groups_may_miss: flag("groups-may-miss")?.unwrap_or(usual.groups_may_miss),
        members_fenced: flag("members-fenced")?.unwrap_or(usual.members_fenced),
    })
}

fn partitions(options: &Options) -> Result<u64, String> {
    match settings::number(options, "partitions", PARTITIONS)? {
        number @ 1..=32 => Ok(number),
        number => Err(format!("--set partitions={number}: there can be 1 to 32 of them")),
    }
}

/// Sends, polls, transactions of both, and consumers that take partitions or join the group.
pub struct PartitionedLog;

impl Workload for PartitionedLog {
    fn name(&self) -> &'static str {
        "partitioned-log"
    }

    fn about(&self) -> &'static str {
        "sends records to partitions, polls them as single consumers and as a group, also in \
         transactions, and reads everything at the end; each acknowledged record is at one offset \
         for all, polled in order and never lost (--set partitions=4, and what a system promises: \
         consistency-model, gaps-allowed, duplicates-allowed, contiguous, own-sends-visible, \
         groups-may-miss, members-fenced)"
    }

    fn finds(&self) -> &'static [&'static str] {
        &[
            "lost-record",
            "unseen-record",
            "duplicate-record",
            "poll-skip",
            "nonmonotonic-poll",
            "nonmonotonic-send",
            "send-skip",
            "offset-gap",
            "precommitted-read",
            "group-skip",
            "double-assignment",
            "generation-inversion",
            "inconsistent-offset",
            "G0",
            "G1a",
            "G1c",
            "G-single",
            "G-nonadjacent",
            "G2-item",
            "phantom-read",
            "future-read",
        ]
    }

    fn vocabulary(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("send", "[[\"send\", partition, value]], answered with [offset, value] for the value"),
            (
                "poll",
                "[[\"poll\"]], answered with [[\"poll\", {partition: [[offset, value], …], …}]]; an \
                 empty list means that there is nothing more",
            ),
            ("txn", "a list of both, all at once: polls see what was committed before"),
            (
                "assign",
                "[partition, …], polled from their ends on, or {\"keys\": [partition, …], \
                 \"from\": \"beginning\"}",
            ),
            (
                "subscribe",
                "[partition, …], polled from where the one group of all has come to. Polls of its members \
                 may be answered with [\"poll\", {…}, {\"generation\": number, \"keys\": [partition, …]}]: \
                 what is theirs alone until the members change",
            ),
            ("crash", "null: the client ends, without a word to the database"),
        ]
    }

    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let partitions = partitions(options).unwrap_or(PARTITIONS);
        let mut load = Load { partitions, sent: 0 };
        let load = from_fn(seed.derive("partitioned-log"), move |rng| load.next(rng));
        absences::with_absences(load)
    }

    /// Every worker polls everything, from the beginning.
    fn final_generator(&self, options: &Options, _: Seed) -> Option<BoxGenerator> {
        Some(catch_up::from_beginning(partitions(options).unwrap_or(PARTITIONS)))
    }

    fn validate(&self, options: &Options) -> Result<(), String> {
        partitions(options)?;
        judge(options).map(|_| ())
    }

    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>> {
        vec![Box::new(judge(options).unwrap_or_default())]
    }
}

#[derive(Clone)]
struct Load {
    partitions: u64,
    sent: u64,
}

impl Load {
    fn next(&mut self, rng: &mut ChaCha8Rng) -> Op {
        // Consumers come and go seldom, for a group in which they always do gets nothing done.
        match below(rng, 128) {
            0..=1 => Op::new("assign", self.some(rng)),
            2..=5 => Op::new("subscribe", (0..self.partitions).collect::<Vec<u64>>()),
            6 => Op::crash(),
            7..=38 => Op::new("send", vec![self.send(rng)]),
            39..=82 => Op::new("poll", json!([["poll"]])),
            _ => {
                let steps = 1 + below(rng, MAX_STEPS);
                let steps: Vec<Value> = (0..steps).map(|_| self.step(rng)).collect();
                Op::new("txn", steps)
            }
        }
    }

    /// Some of the partitions, one at least.
    fn some(&self, rng: &mut ChaCha8Rng) -> Vec<u64> {
        let all: Vec<u64> = (0..self.partitions).collect();
        let mut some: Vec<u64> = all.iter().copied().filter(|_| chance(rng, 1, 2)).collect();
        if some.is_empty() {
            some = all;
        }
        some
    }

    fn step(&mut self, rng: &mut ChaCha8Rng) -> Value {
        if chance(rng, 1, 2) { json!(["poll"]) } else { self.send(rng) }
    }

    fn send(&mut self, rng: &mut ChaCha8Rng) -> Value {
        self.sent += 1;
        json!(["send", below(rng, self.partitions), self.sent])
    }
}

#[cfg(test)]
mod tests;

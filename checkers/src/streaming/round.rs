//! Rounds: some blocks of lines, and which part of a stream each event is for.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use crate::history::brief::{Brief, Shown, Small};
use crate::history::lines::{Block, Order};
use crate::history::{Open, ReadError};
use crate::{Kind, Process};

/// Events that were read and put in order.
#[derive(Default)]
pub(super) struct Round {
    pub(super) blocks: Vec<Block>,
    /// For each part its events, by block and place there, in the order of the history.
    pub(super) ways: Vec<Vec<(u16, u16)>>,
    pub(super) events: u64,
    /// The index of the last event.
    pub(super) last: Option<u64>,
}

impl Round {
    /// Puts blocks in order. With an error, the round has the events before it.
    pub(super) fn of(
        blocks: Vec<Block>,
        order: &mut Order,
        router: &mut Router,
    ) -> (Self, Option<ReadError>) {
        let mut round = Self { ways: vec![Vec::new(); router.parts], ..Self::default() };
        for mut block in blocks {
            let admitted = order.admit(&mut block);
            // A block is some thousand lines, and a round some blocks.
            let number = round.blocks.len() as u16;
            for (at, brief) in block.briefs.iter().enumerate() {
                if let Some(part) = router.part(brief) {
                    round.ways[part].push((number, at as u16));
                }
            }
            round.events += block.briefs.len() as u64;
            round.last = block.briefs.last().map_or(round.last, |brief| Some(brief.index));
            round.blocks.push(block);
            if let Err(error) = admitted {
                return (round, Some(error));
            }
        }
        (round, None)
    }
}

/// Says which part an event is for: that of its key, and an answer goes where its call went.
pub(super) struct Router {
    parts: usize,
    keyed: bool,
    open: Open<u8>,
}

impl Router {
    pub(super) fn new(parts: usize, keyed: bool) -> Self {
        // Parts are counted in bytes.
        Self { parts: parts.clamp(1, 256), keyed, open: Open::default() }
    }

    /// `None` for an event that is no client's.
    fn part(&mut self, brief: &Brief) -> Option<usize> {
        let Process::Client(process) = brief.process else { return None };
        if self.parts == 1 {
            return Some(0);
        }
        if brief.kind != Kind::Invoke {
            return Some(self.open.take(process).map_or(0, usize::from));
        }
        let part = match &brief.value {
            Shown::Pair(key, _) if self.keyed => self.of_key(key),
            // Without a key it is an error, whoever sees it.
            _ => 0,
        };
        self.open.insert(process, part as u8);
        Some(part)
    }

    fn of_key(&self, key: &Small) -> usize {
        (FxBuildHasher.hash_one(key) >> 32) as usize % self.parts
    }
}

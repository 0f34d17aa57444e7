//! 2-atomicity: whether every read can have seen one of the last two writes before it.
//!
//! Golab, Hurwitz & Li, *On the k-atomicity-verification problem* (ICDCS 2013), section 3, the
//! algorithm that they call LBT, for limited backtracking. The order is made from its end. Any
//! write may be the last of those not yet placed if none of them begins after its end. Reads
//! that begin after its end come after it, so they have to see it or the write just before it:
//! if they see two others, this write cannot be the last; if they see one, that one has to be
//! the next; if none, everything before is free again. Such a forced sequence that came to an
//! end need never be taken back, for what remains is a part of the history, and any order of
//! it will do. So only the first write of a sequence is ever chosen.

/// A write that surely happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) start: i64,
    /// By when it was acknowledged or seen.
    pub(super) end: i64,
}

/// A read, by the number of the write that it saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) start: i64,
    pub(super) write: u32,
}

const REMAINING: u32 = 0;
const PLACED: u32 = u32::MAX;

struct Search<'h> {
    writes: &'h [Written],
    /// By start.
    reads: &'h [Seen],
    by_start: Vec<u32>,
    by_end: Vec<u32>,
    /// Per write [`REMAINING`], [`PLACED`], or the attempt that placed it last.
    state: Vec<u32>,
    /// The attempt going on, or [`REMAINING`].
    attempt: u32,
    attempts: u32,
}

/// How far a search has come: all writes and reads at or after these are dealt with.
#[derive(Clone, Copy)]
struct Reached {
    writes: usize,
    reads: usize,
}

enum Tried {
    /// The sequence came to an end, here.
    Done(Reached, Vec<u32>),
    Impossible,
    TooLong,
}

/// Decides exactly. Reads are ordered by start; no read ends before its write begins. Costs
/// `n log n`, and `n` times the number of writes at the same time at the worst.
pub(super) fn is_two_atomic(writes: &[Written], reads: &[Seen]) -> bool {
    let mut by_start: Vec<u32> = (0..writes.len() as u32).collect();
    let mut by_end = by_start.clone();
    by_start.sort_unstable_by_key(|n| writes[*n as usize].start);
    by_end.sort_unstable_by_key(|n| writes[*n as usize].end);
    let state = vec![REMAINING; writes.len()];
    let mut search =
        Search { writes, reads, by_start, by_end, state, attempt: REMAINING, attempts: 0 };
    let mut reached = Reached { writes: writes.len(), reads: reads.len() };
    let mut ends = writes.len();
    loop {
        while ends > 0 && search.is_gone(search.by_end[ends - 1]) {
            ends -= 1;
        }
        if ends == 0 {
            return true;
        }
        let Some(next) = search.sequence(reached, ends) else { return false };
        reached = next;
    }
}

impl Search<'_> {
    fn is_gone(&self, write: u32) -> bool {
        let state = self.state[write as usize];
        state == PLACED || state != REMAINING && state == self.attempt
    }

    /// Places one sequence, whichever is possible; `None` if none is.
    fn sequence(&mut self, reached: Reached, ends: usize) -> Option<Reached> {
        self.attempt = REMAINING;
        let last = self.last_start(reached);
        let mut candidates: Vec<u32> = Vec::new();
        for write in self.by_end[..ends].iter().rev() {
            if self.writes[*write as usize].end < last {
                break;
            }
            if !self.is_gone(*write) {
                candidates.push(*write);
            }
        }
        // All a little way first: a dead end may be long, and a way out short.
        let mut limit = 16;
        while !candidates.is_empty() {
            let mut long = Vec::new();
            for write in candidates {
                match self.attempt(write, reached, limit) {
                    Tried::Done(next, placed) => {
                        for write in placed {
                            self.state[write as usize] = PLACED;
                        }
                        return Some(next);
                    }
                    Tried::Impossible => {}
                    Tried::TooLong => long.push(write),
                }
            }
            candidates = long;
            limit *= 2;
        }
        None
    }

    /// When the last write that remains begins.
    fn last_start(&self, reached: Reached) -> i64 {
        let remaining = self.by_start[..reached.writes].iter().rev();
        let mut remaining = remaining.filter(|write| !self.is_gone(**write));
        remaining.next().map_or(i64::MIN, |write| self.writes[*write as usize].start)
    }

    /// Follows what is forced when `write` is the last.
    fn attempt(&mut self, write: u32, mut reached: Reached, limit: usize) -> Tried {
        self.attempts = self.attempts % (PLACED - 1) + 1;
        self.attempt = self.attempts;
        let mut placed = Vec::new();
        let mut write = write;
        while placed.len() < limit {
            self.state[write as usize] = self.attempt;
            placed.push(write);
            let end = self.writes[write as usize].end;
            while reached.writes > 0 && self.is_gone(self.by_start[reached.writes - 1]) {
                reached.writes -= 1;
            }
            if self.last_start(reached) > end {
                return Tried::Impossible;
            }
            let mut next = None;
            while let Some(read) = reached.reads.checked_sub(1).map(|at| self.reads[at])
                && read.start > end
            {
                reached.reads -= 1;
                if self.is_gone(read.write) || next == Some(read.write) {
                    continue;
                }
                if next.replace(read.write).is_some() {
                    return Tried::Impossible;
                }
            }
            match next {
                Some(next) => write = next,
                None => return Tried::Done(reached, placed),
            }
        }
        Tried::TooLong
    }
}

//! Pops of unknown outcome, and the values that they may have removed.
//!
//! Each such pop may have removed one value that nobody is known to have popped, at any time
//! after it began. So it is a matter of which of these values had to go, until when, and
//! whether enough pops had begun by then.
//!
//! A first pass lets values go for free, but only those that have to go in every order, and
//! notes for each a time before which it must have gone. That never assumes more than is
//! certain, so what is wrong in it is wrong; and by Hall's theorem (*On representatives of
//! subsets*, 1935) so is a time before which more values had to go than pops had begun. A
//! second pass gives the pops to these values, earliest deadline first, and judges what then
//! is a history of known outcomes. It nearly always is in order; if it is not, there may be
//! another way, and nothing is decided.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::peel::Peel;
use super::proof::Proof;
use super::spans::{Span, Timeline, bare_times};
use super::{Calls, Contradiction, Flaw, Reading, flaw};
use crate::linear::model::NEVER;

/// Decides; `None` if that cannot be.
pub(super) fn judge(reading: &Reading, proof: &Proof<'_>) -> Option<Option<Contradiction>> {
    let time = Timeline::new(&reading.spans);
    let gone = match Gone::find(&time, reading, proof.calls) {
        Ok(gone) => gone,
        Err(stuck) => return why_stuck(&time, reading, proof, &stuck).map(Some),
    };
    let pops = || reading.unknown.iter().chain(std::iter::repeat(&NEVER));
    let late = gone.iter().zip(pops()).position(|(gone, pop)| *pop > gone.deadline);
    if let Some(late) = late {
        let in_the_way = time.spans[gone[late].rank as usize];
        let certain = certain(reading, Some(in_the_way.push));
        let certain = Timeline::new(&certain);
        let flaw = flaw(&certain, &reading.empties, proof.calls)?;
        let contradiction = proof.of(&certain, flaw);
        return Some(Some(proof.in_spite_of_unknown(contradiction, late)));
    }
    let mut removed = vec![NEVER; time.spans.len()];
    for (gone, pop) in gone.iter().zip(pops()) {
        removed[gone.rank as usize] = *pop;
    }
    let spans: Vec<Span> = time
        .by_push_start
        .iter()
        .filter_map(|rank| {
            let span = time.spans[*rank as usize];
            let pop_start = span.pop_start.min(removed[*rank as usize]);
            let span = Span { pop_start, ..span };
            (!span.may_be_brief()).then_some(span)
        })
        .collect();
    let time = Timeline::new(&spans);
    flaw(&time, &reading.empties, proof.calls).is_none().then_some(None)
}

fn why_stuck(
    time: &Timeline,
    reading: &Reading,
    proof: &Proof<'_>,
    stuck: &Stuck,
) -> Option<Contradiction> {
    let certain = Timeline::new(&certain(reading, None));
    let Stuck::Empty(number) = *stuck else {
        return Some(proof.of(&certain, flaw(&certain, &[], proof.calls)?));
    };
    if let Some(flaw) = flaw(&certain, &[number], proof.calls) {
        return Some(proof.of(&certain, flaw));
    }
    let end = proof.calls[number as usize].end;
    let pops = reading.unknown.partition_point(|start| *start < end);
    let contradiction = proof.of(time, Flaw::Empty(number));
    Some(proof.in_spite_of_unknown(contradiction, pops))
}

/// The spans that certainly were popped, and one more that was not.
fn certain(reading: &Reading, and: Option<u32>) -> Vec<Span> {
    let certain = |span: &&Span| !span.stays() || Some(span.push) == and;
    reading.spans.iter().filter(certain).copied().collect()
}

/// The times at which nothing that was popped, and no more of what stays than pops of unknown
/// outcome had begun, is certainly on the stack; as open intervals.
fn free_times(time: &Timeline, unknown: &[u32]) -> Vec<(u32, u32)> {
    let stays = time.spans.iter().filter(|span| span.stays()).map(|span| (span.push_end, -1));
    let mut changes: Vec<(u32, i64)> = stays.chain(unknown.iter().map(|pop| (*pop, 1))).collect();
    changes.sort_unstable();
    let mut enough = Vec::new();
    let (mut balance, mut since) = (0, Some(0));
    for (at, change) in changes {
        balance += change;
        match since {
            Some(from) if balance < 0 => {
                enough.push((from, at));
                since = None;
            }
            None if balance >= 0 => since = Some(at),
            _ => {}
        }
    }
    enough.extend(since.map(|from| (from, NEVER)));
    let popped = time.spans.iter().filter(|span| !span.stays());
    let mut free = Vec::new();
    let mut at = 0;
    for (from, until) in bare_times(popped) {
        while let Some(&(since, end)) = enough.get(at) {
            if from.max(since) < until.min(end) {
                free.push((from.max(since), until.min(end)));
            }
            if end > until {
                break;
            }
            at += 1;
        }
    }
    free
}

/// A value that has to go.
struct Gone {
    rank: u32,
    /// It has to go before this.
    deadline: u32,
}

/// Why there is no order even if values go for free.
enum Stuck {
    /// The number of a pop that found nothing though there was something.
    Empty(u32),
    Bottomless,
}

impl Gone {
    /// All values that have to go, by their deadlines.
    fn find(time: &Timeline, reading: &Reading, calls: Calls<'_>) -> Result<Vec<Self>, Stuck> {
        let mut pass = Pass::new(time);
        pass.make_room(reading, calls).map_err(Stuck::Empty)?;
        pass.run()?;
        let mut gone = pass.gone;
        gone.sort_by_key(|gone| (gone.deadline, gone.rank));
        Ok(gone)
    }
}

/// The first pass.
struct Pass<'t> {
    time: &'t Timeline,
    peel: Peel<'t>,
    /// Spans that stay, by the ends of their pushes.
    staying: Vec<u32>,
    gone: Vec<Gone>,
    /// Those of `gone` that may lie inside a component yet to come, by start of the push.
    unsettled: BinaryHeap<Reverse<(u32, u32)>>,
    /// The components that we are in, from the outside in: when each ends, and the latest time
    /// at which all around can end.
    around: Vec<(u32, u32)>,
}

impl<'t> Pass<'t> {
    fn new(time: &'t Timeline) -> Self {
        let ranks = (0u32..).zip(&time.spans);
        Self {
            time,
            peel: Peel::new(time),
            staying: ranks.filter(|(_, span)| span.stays()).map(|(rank, _)| rank).collect(),
            gone: Vec::new(),
            unsettled: BinaryHeap::new(),
            around: Vec::new(),
        }
    }

    /// Lets those go that are in the way of every moment at which a pop may have found nothing.
    /// The error is the number of a pop for which there is no such moment.
    fn make_room(&mut self, reading: &Reading, calls: Calls<'_>) -> Result<(), u32> {
        let free = free_times(self.time, &reading.unknown);
        // Per pop, the first and the last moment; the first ones are ascending.
        let mut moments: Vec<(u32, u32)> = Vec::with_capacity(reading.empties.len());
        for number in &reading.empties {
            let timed = &calls[*number as usize];
            let first = free.partition_point(|(_, until)| *until < timed.start);
            let last = free.partition_point(|(since, _)| *since < timed.end);
            if first >= last {
                return Err(*number);
            }
            moments.push((free[first].0.max(timed.start), free[last - 1].1.min(timed.end)));
        }
        let mut deadline = NEVER;
        for (_, last) in moments.iter_mut().rev() {
            deadline = deadline.min(*last);
            *last = deadline;
        }
        for rank in self.staying.clone() {
            let pushed = self.time.spans[rank as usize].push_end;
            let next = moments.partition_point(|(first, _)| *first < pushed);
            let Some((_, deadline)) = moments.get(next) else { break };
            self.let_go(rank, *deadline);
        }
        Ok(())
    }

    fn let_go(&mut self, rank: u32, deadline: u32) {
        self.peel.remove(rank);
        let start = self.time.spans[rank as usize].push_start;
        self.unsettled.push(Reverse((start, self.gone.len() as u32)));
        self.gone.push(Gone { rank, deadline });
    }

    fn run(&mut self) -> Result<(), Stuck> {
        let mut staying = self.staying.clone().into_iter().peekable();
        while let Some(component) = self.peel.component() {
            let start = self.time.spans[component.first as usize].push_end;
            self.settle(start);
            while self.around.pop_if(|(end, _)| *end < start).is_some() {}
            let latest = self.peel.latest(&component);
            if let Some(bottom) = self.peel.bottom(&component) {
                let around = self.around.last().map_or(NEVER, |(_, latest)| *latest);
                self.around.push((component.end, latest.min(around)));
                self.peel.remove(bottom);
                continue;
            }
            // The first of those that stay was certainly pushed onto whatever is the bottom of
            // this component, so it has to go before that does.
            while staying.next_if(|rank| self.peel.is_removed(*rank)).is_some() {}
            match staying.next() {
                Some(rank) if component.end == NEVER => self.let_go(rank, latest),
                _ => return Err(Stuck::Bottomless),
            }
        }
        self.settle(NEVER);
        Ok(())
    }

    /// Values whose push began before `start` can lie below all that is still to come; what is
    /// around them now is all that is.
    fn settle(&mut self, start: u32) {
        while let Some(&Reverse((begun, number))) = self.unsettled.peek()
            && begun < start
        {
            self.unsettled.pop();
            let gone = &mut self.gone[number as usize];
            let pushed = self.time.spans[gone.rank as usize].push_end;
            let inside = self.around.partition_point(|(end, _)| *end > pushed);
            if let Some((_, latest)) = self.around[..inside].last() {
                gone.deadline = gone.deadline.min(*latest);
            }
        }
    }
}

//! Settling: calls in the order of the history, each shown when its outcome is known.
//!
//! A judge of whole histories knows at the begin of a call how it will end. So does one that is
//! shown events by this: it lags behind by as much as the slowest call that is open.

use std::collections::VecDeque;

use crate::history::brief::{Brief, Small};
use crate::history::{Name, Open};
use crate::tally::Site;
use crate::{Kind, Process};

/// A call whose outcome is known; what it says was read by the one who judges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled<C> {
    pub(crate) call: C,
    pub(crate) site: Site,
    /// Index of the event at which it happened; `None` if nobody knows whether it did.
    pub(crate) end: Option<u64>,
}

/// What is next in the history.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment<C> {
    Begin(Settled<C>),
    /// Only for a call that happened.
    End(Settled<C>),
}

/// What a call says, read when its outcome is known.
pub(crate) struct Said<'a> {
    pub(crate) index: u64,
    pub(crate) f: &'a str,
    pub(crate) input: &'a Small,
    /// The answer of a call that happened.
    pub(crate) output: Option<&'a Small>,
}

#[derive(Debug)]
struct Held<C> {
    site: Site,
    f: u32,
    input: Small,
    /// `Some(None)` for a call that failed.
    settled: Option<Option<Settled<C>>>,
    done: bool,
}

/// Calls that are not yet settled, and what comes after them.
#[derive(Debug)]
pub(crate) struct Settling<C> {
    calls: VecDeque<Held<C>>,
    /// The number of the first of them.
    first: u64,
    /// Begins and ends, by number of the call.
    moments: VecDeque<(bool, u64)>,
    open: Open<u64>,
}

impl<C> Default for Settling<C> {
    fn default() -> Self {
        let (calls, moments) = (VecDeque::new(), VecDeque::new());
        Self { calls, first: 0, moments, open: Open::default() }
    }
}

impl<C: Copy> Settling<C> {
    /// Takes an event. `read` reads a call whose outcome is now known.
    pub(crate) fn push(
        &mut self,
        brief: &Brief,
        names: &[Name],
        read: impl Fn(Said<'_>) -> Result<C, String>,
    ) -> Result<(), String> {
        let Process::Client(process) = brief.process else { return Ok(()) };
        if brief.kind == Kind::Invoke {
            let number = self.first + self.calls.len() as u64;
            let site = Site { index: brief.index, process, called: brief.time, returned: None };
            let input = brief.value.clone().into();
            self.calls.push_back(Held { site, f: brief.f, input, settled: None, done: false });
            self.moments.push_back((true, number));
            return match self.open.insert(process, number) {
                Some(earlier) => self.settle(earlier, None, names, read),
                None => Ok(()),
            };
        }
        match self.open.take(process) {
            Some(number) => self.settle(number, Some(brief), names, read),
            None => Err(format!("event {} completes what nobody called", brief.index)),
        }
    }

    /// No more events come: what is open stays unknown.
    pub(crate) fn finish(
        &mut self,
        names: &[Name],
        read: impl Fn(Said<'_>) -> Result<C, String>,
    ) -> Result<(), String> {
        let mut left: Vec<u64> = std::mem::take(&mut self.open).left().collect();
        left.sort_unstable();
        left.into_iter().try_for_each(|number| self.settle(number, None, names, &read))
    }

    fn settle(
        &mut self,
        number: u64,
        completion: Option<&Brief>,
        names: &[Name],
        read: impl Fn(Said<'_>) -> Result<C, String>,
    ) -> Result<(), String> {
        let held = &mut self.calls[(number - self.first) as usize];
        let f = names.get(held.f as usize).map_or("", |name| name);
        let happened = completion.filter(|brief| brief.kind == Kind::Ok);
        let output: Option<Small> = happened.map(|brief| brief.value.clone().into());
        let said = Said { index: held.site.index, f, input: &held.input, output: output.as_ref() };
        let call = read(said)?;
        held.site.returned = happened.map(|brief| brief.time);
        held.input = Small::Null;
        let (site, end) = (held.site, happened.map(|brief| brief.index));
        let failed = completion.is_some_and(|brief| brief.kind == Kind::Fail);
        held.settled = Some((!failed).then_some(Settled { call, site, end }));
        if end.is_some() {
            self.moments.push_back((false, number));
        }
        Ok(())
    }
}

/// What is settled, in the order of the history.
impl<C: Copy> Iterator for Settling<C> {
    type Item = Moment<C>;

    fn next(&mut self) -> Option<Moment<C>> {
        loop {
            let (begins, number) = *self.moments.front()?;
            let held = &mut self.calls[(number - self.first) as usize];
            let settled = held.settled?;
            self.moments.pop_front();
            held.done = !begins || settled.is_none_or(|settled| settled.end.is_none());
            while self.calls.front().is_some_and(|held| held.done) {
                self.calls.pop_front();
                self.first += 1;
            }
            match settled {
                Some(settled) if begins => return Some(Moment::Begin(settled)),
                Some(settled) => return Some(Moment::End(settled)),
                None => {}
            }
        }
    }
}

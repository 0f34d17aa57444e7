//! Reading transactions: what a single read shows, judged without any other.

use rustc_hash::FxHashMap;

use super::super::transactions::{Action, Atom, Micro, NEVER, Transactions, Writes};
use super::INITIAL;

/// What is wrong with a single read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// It contradicts what its own transaction had written.
    Internal,
    /// Nobody wrote the value.
    Phantom,
    /// An aborted transaction wrote it.
    Aborted,
    /// Its writer wrote the key again later.
    Intermediate,
    /// Its own transaction wrote it only later.
    Future,
}

/// Transactions of which the longer ones are looked up in a map.
const SHORT: usize = 32;

pub struct Reader<'r> {
    pub txns: &'r Transactions,
    pub writes: &'r Writes,
    /// Per transaction its number in the [`KeyValue`](super::KeyValue), or [`NEVER`].
    pub here: &'r [u32],
    /// Whether keys hold lists.
    pub lists: bool,
}

impl Reader<'_> {
    /// Tells of each read of a transaction whom it is from: nobody but the transaction itself,
    /// a transaction that happened, or [`INITIAL`].
    pub fn sources(&self, number: u32, mut tell: impl FnMut(&Micro, Result<Option<u32>, Flaw>)) {
        let micros = self.txns.micros(number);
        if micros.len() <= SHORT {
            for (at, micro) in micros.iter().enumerate() {
                let mine = |m: &&Micro| m.action == Action::Write && m.key == micro.key;
                let own = || {
                    let written = micros[..at].iter().filter(mine);
                    written.fold((0, None), |(count, _), m| (count + 1, Some(m.value)))
                };
                self.step(number, micro, own, &mut tell);
            }
            return;
        }
        let mut owns: FxHashMap<u32, (usize, Option<Atom>)> = FxHashMap::default();
        for micro in micros {
            if micro.action == Action::Write {
                let own = owns.entry(micro.key).or_default();
                *own = (own.0 + 1, Some(micro.value));
            }
            let own = || owns.get(&micro.key).copied().unwrap_or_default();
            self.step(number, micro, own, &mut tell);
        }
    }

    fn step(
        &self,
        number: u32,
        micro: &Micro,
        own: impl Fn() -> (usize, Option<Atom>),
        tell: &mut impl FnMut(&Micro, Result<Option<u32>, Flaw>),
    ) {
        match micro.action {
            Action::Read if !self.lists => match own().1 {
                Some(own) if own == micro.value => tell(micro, Ok(None)),
                Some(_) => tell(micro, Err(Flaw::Internal)),
                None => tell(micro, self.source(number, micro.key, micro.value).map(Some)),
            },
            Action::ReadList => tell(micro, self.list(number, micro, own())),
            // A null is how some clients show a list that is not there yet.
            Action::Read if micro.value == Atom::NIL => tell(
                micro,
                match own().0 {
                    0 => Ok(Some(INITIAL)),
                    _ => Err(Flaw::Internal),
                },
            ),
            Action::Read => tell(micro, Err(Flaw::Phantom)),
            Action::Write | Action::ReadUnknown => {}
        }
    }

    /// Who left a list, given what the transaction itself had appended: how many and which last.
    fn list(
        &self,
        number: u32,
        micro: &Micro,
        (count, last): (usize, Option<Atom>),
    ) -> Result<Option<u32>, Flaw> {
        let list = self.txns.list(micro);
        let mine = |value: u32| {
            let write = self.writes.find(micro.key, Atom(value));
            write.is_some_and(|write| self.writes.writer(write) == number)
        };
        let Some(others) = list.len().checked_sub(count) else { return Err(Flaw::Internal) };
        let (others, own) = list.split_at(others);
        if last.is_some_and(|last| own.last() != Some(&last.0)) || !own.iter().all(|v| mine(*v)) {
            return Err(Flaw::Internal);
        }
        match others.last() {
            None => Ok(Some(INITIAL)),
            Some(value) => self.source(number, micro.key, Atom(*value)).map(Some),
        }
    }

    /// Who wrote what was read, if that can be true.
    fn source(&self, reader: u32, key: u32, value: Atom) -> Result<u32, Flaw> {
        let Some(write) = self.writes.find(key, value) else {
            return if value == Atom::NIL { Ok(INITIAL) } else { Err(Flaw::Phantom) };
        };
        let writer = self.writes.writer(write);
        // What was read of an unknown outcome did happen, so this is aborted otherwise.
        let here = self.here[writer as usize];
        if writer == reader {
            Err(Flaw::Future)
        } else if here == NEVER {
            Err(Flaw::Aborted)
        } else if self.writes.is_intermediate(write) {
            Err(Flaw::Intermediate)
        } else {
            Ok(here)
        }
    }
}

//! Entries of maps whose strings are put together from pieces, none of which comes twice.
//!
//! If no piece is the beginning of a longer one, and none that somebody got comes twice, a
//! string can be cut into the pieces that it was made of in one way only. Each append that is seen
//! in it took place on the one string that stands before its piece, and left the one that ends
//! with it: it is a compare-and-set between two values that never come again. An append that
//! nobody saw left a string that nobody got, until the next put: it is a write of a value that
//! nobody reads. So the entry is a register whose values are written once, and `zones.rs`
//! decides about it.
//!
//! Costs the length of all strings, and a sort of the pieces.

use super::{Contradiction, Special, zones};
use crate::linear::RegisterCall;
use crate::linear::model::{NEVER, Timed, Values};
use crate::linear::models::{Content, Entry, KvCall};

const NOBODY: u32 = u32::MAX;
/// The number of what the entry has at first.
const FIRST: u32 = 0;

/// Decides, if no call deletes, no piece is the beginning of a longer one, and nobody got one
/// that several calls may have brought.
pub(crate) fn decide(calls: &[Timed<KvCall>], missing: &Entry) -> Option<Special> {
    let pieces = Pieces::new(calls, missing)?;
    let mut reader = Reader::new(&pieces);
    let mut register: Vec<Timed<RegisterCall>> = Vec::with_capacity(calls.len());
    for (number, Timed { call, start, end }) in calls.iter().enumerate() {
        let read = match call {
            KvCall::Get(_) if *end == NEVER => RegisterCall::Read(FIRST),
            KvCall::Get(entry) => match reader.read(entry, number as u32) {
                Ok(value) => RegisterCall::Read(value),
                Err(proof) => return proof.map(|proof| Special::contradiction("texts", proof)),
            },
            // What these do is known when all gets are read.
            KvCall::Put(_) | KvCall::Append(_) | KvCall::Delete => RegisterCall::Read(FIRST),
        };
        register.push(Timed { call: read, start: *start, end: *end });
    }
    for (at, (piece, before)) in pieces.all.iter().zip(&reader.before).enumerate() {
        let value = at as u32 + 1;
        if let Some(timed) = register.get_mut(piece.call as usize) {
            timed.call = match *before {
                NOBODY => RegisterCall::Write(value),
                before => RegisterCall::Cas(before, value),
            };
        }
    }
    let mut decided = zones::decide(&register, &Values::default())?;
    decided.engine = "texts";
    decided.contradiction =
        decided.contradiction.map(|proof| in_words(proof, &pieces, &reader, calls));
    Some(decided)
}

/// What a string may be made of.
struct Piece {
    text: Vec<u8>,
    /// The call that brings it; [`NOBODY`] for what was there at first.
    call: u32,
    /// Whether a string begins with it: what is put, with its form as long as nothing follows.
    begins: Option<Content>,
    /// Another call brings the same.
    is_shared: bool,
}

struct Pieces {
    /// By text.
    all: Vec<Piece>,
    /// Per call, its piece.
    of_call: Vec<u32>,
    missing: Entry,
    /// Whether a call puts, or appends, what was there at first.
    first_is_shared: bool,
}

impl Pieces {
    fn new(calls: &[Timed<KvCall>], missing: &Entry) -> Option<Self> {
        let mut all = Vec::new();
        if !missing.text().is_empty() {
            let begins = Some(missing.content());
            let text = missing.text().bytes();
            all.push(Piece { text, call: NOBODY, begins, is_shared: false });
        }
        for (number, timed) in (0u32..).zip(calls) {
            let (text, begins) = match &timed.call {
                KvCall::Get(_) => continue,
                KvCall::Put(entry) => (entry.text().bytes(), Some(entry.content())),
                KvCall::Append(piece) => (piece.to_vec(), None),
                KvCall::Delete => return None,
            };
            all.push(Piece { text, call: number, begins, is_shared: false });
        }
        all.sort_by(|one, other| one.text.cmp(&other.text));
        if all.first().is_some_and(|first| first.text.is_empty()) {
            return None;
        }
        for at in 1..all.len() {
            // The beginning of one stands right before the first that begins with it.
            if all[at].text == all[at - 1].text {
                (all[at].is_shared, all[at - 1].is_shared) = (true, true);
            } else if all[at].text.starts_with(&all[at - 1].text) {
                return None;
            }
        }
        let mut of_call = vec![NOBODY; calls.len()];
        for (at, piece) in (0u32..).zip(&all) {
            if let Some(of_call) = of_call.get_mut(piece.call as usize) {
                *of_call = at;
            }
        }
        let first_is_shared = all.iter().any(|piece| piece.call == NOBODY && piece.is_shared);
        Some(Self { all, of_call, missing: missing.clone(), first_is_shared })
    }

    /// The piece that stands at the beginning of `rest`.
    fn first_of(&self, rest: &[u8]) -> Option<u32> {
        let at = self.all.partition_point(|piece| piece.text.as_slice() <= rest).checked_sub(1)?;
        rest.starts_with(&self.all[at].text).then_some(at as u32)
    }

    /// The value that a string has when it ends with this piece.
    fn value(&self, piece: u32) -> u32 {
        if self.all[piece as usize].call == NOBODY { FIRST } else { piece + 1 }
    }
}

/// Cuts strings into pieces, and learns from each what its pieces were appended to.
struct Reader<'p> {
    pieces: &'p Pieces,
    /// Per piece, the value that it was appended to, and a get that shows it.
    before: Vec<u32>,
    shown_by: Vec<u32>,
    /// The last string, and where each of its pieces ends.
    last: Vec<u8>,
    cuts: Vec<(usize, u32)>,
}

impl<'p> Reader<'p> {
    fn new(pieces: &'p Pieces) -> Self {
        let before = vec![NOBODY; pieces.all.len()];
        let shown_by = before.clone();
        Self { pieces, before, shown_by, last: Vec::new(), cuts: Vec::new() }
    }

    /// The value that call `get` got, or why there is no such value; not even a reason if that
    /// cannot be told.
    fn read(&mut self, entry: &Entry, get: u32) -> Result<u32, Option<Contradiction>> {
        if *entry == self.pieces.missing {
            return if self.pieces.first_is_shared { Err(None) } else { Ok(FIRST) };
        }
        let text = entry.text().bytes();
        // What the last string began with as well has been read.
        let same = text.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        self.cuts.truncate(self.cuts.partition_point(|(end, _)| *end <= same));
        self.last = text;
        let mut end = self.cuts.last().map_or(0, |(end, _)| *end);
        while end < self.last.len() {
            let first = self.pieces.first_of(&self.last[end..]);
            let Some(piece) = first else { return Err(Some(phantom(get))) };
            if self.pieces.all[piece as usize].is_shared {
                return Err(None);
            }
            self.follow(piece, get)?;
            end += self.pieces.all[piece as usize].text.len();
            self.cuts.push((end, piece));
        }
        let Some((_, piece)) = self.cuts.last().copied() else { return Err(Some(phantom(get))) };
        // Whatever is appended to is a string from then on.
        let begins = self.pieces.all[piece as usize].begins;
        if begins.unwrap_or(Content::String) != entry.content() {
            return Err(Some(phantom(get)));
        }
        Ok(self.pieces.value(piece))
    }

    /// Notes that `piece` comes after all cuts so far.
    fn follow(&mut self, piece: u32, get: u32) -> Result<(), Contradiction> {
        let begins = self.pieces.all[piece as usize].begins.is_some();
        let before = match self.cuts.last() {
            Some((_, last)) => self.pieces.value(*last),
            None => FIRST,
        };
        // A string begins with what was put, or was there at first, and goes on with appends.
        let first = self.cuts.is_empty();
        let fits = if begins { first } else { !first || self.pieces.missing.text().is_empty() };
        if !fits {
            return Err(phantom(get));
        }
        if begins {
            return Ok(());
        }
        let place = &mut self.before[piece as usize];
        if *place == NOBODY {
            *place = before;
            self.shown_by[piece as usize] = get;
        } else if *place != before {
            let append = self.pieces.all[piece as usize].call;
            return Err(twice(append, self.shown_by[piece as usize], get));
        }
        Ok(())
    }
}

/// A piece that was appended once, seen in two places.
fn twice(append: u32, first: u32, second: u32) -> Contradiction {
    let mut calls = vec![append as usize, first as usize, second as usize];
    calls.dedup();
    let (kind, title, why) = match calls.len() {
        2 => (
            "duplicate-append",
            "One append twice in a value",
            "The piece was appended once, but the value has it twice.",
        ),
        _ => (
            "incompatible-order",
            "One append in two places",
            "The two gets show different text before the same piece, which was appended once.",
        ),
    };
    Contradiction { kind, title: title.to_owned(), calls, why: why.to_owned() }
}

fn phantom(get: u32) -> Contradiction {
    Contradiction {
        kind: "phantom-read",
        title: "A value that nobody made".to_owned(),
        calls: vec![get as usize],
        why: "No order of the puts and appends, whether they succeeded or not, makes this value."
            .to_owned(),
    }
}

/// Says it of puts, appends and gets; adds the gets that show what the appends were made to.
fn in_words(
    proof: Contradiction,
    pieces: &Pieces,
    reader: &Reader<'_>,
    calls: &[Timed<KvCall>],
) -> Contradiction {
    let Contradiction { kind, title, calls: mut named, .. } = proof;
    for at in 0..named.len() {
        let piece = pieces.of_call[named[at]];
        let get = reader.shown_by.get(piece as usize).map_or(NOBODY, |get| *get);
        if get != NOBODY && !named.contains(&(get as usize)) {
            named.push(get as usize);
        }
    }
    named.sort_by_key(|number| calls[*number].start);
    let why = match kind {
        "phantom-read" => "No put or append made the value that was got.",
        "lost-update" => {
            "No piece comes twice, so the gets show what each append was made to: not all of \
             these can have happened, and an acknowledged change is missing."
        }
        _ => {
            "No piece comes twice, so the gets show in which order the values came. That \
             contradicts the order in time."
        }
    };
    Contradiction { kind, title, calls: named, why: why.to_owned() }
}

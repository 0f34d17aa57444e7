//! Patterns: what a closed walk of each of Adya's kinds is made of, as small automata.

use super::super::graph::{Mask, Relation};

/// A kind of cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// G0.
    Writes,
    /// G1c.
    Information,
    /// G-single.
    Single,
    /// G-nonadjacent.
    Nonadjacent,
    /// G2-item.
    AntiPair,
}

/// What is known of a walk so far: a set of three bits.
pub(super) type State = u8;

/// How many states there are.
pub(super) const STATES: usize = 8;

/// An edge of session or real-time order was used.
const ORDER: State = 1;
/// [`Pattern::Information`]: a wr was used.
const READ: State = 2;
/// The last edge was an rw.
const LAST: State = 2;
/// [`Pattern::Nonadjacent`]: two rw were used. [`Pattern::AntiPair`]: two in a row were.
const TWO: State = 4;

const WW: Mask = Relation::Ww as Mask;
const WR: Mask = Relation::Wr as Mask;
const ANTI: Mask = Relation::ANTI;

impl Pattern {
    /// Which data dependencies it may use.
    pub(super) fn mask(self) -> Mask {
        match self {
            Self::Writes => WW,
            Self::Information | Self::Single => WW | WR,
            Self::Nonadjacent | Self::AntiPair => WW | WR | ANTI,
        }
    }

    /// Relations of which every cycle of it has one.
    pub(super) fn new_relations(self) -> Mask {
        match self {
            Self::Writes => WW,
            Self::Information => WR,
            Self::Single | Self::Nonadjacent | Self::AntiPair => ANTI,
        }
    }

    /// The state after the first edge.
    pub(super) fn start(self, relation: Relation) -> State {
        match relation {
            Relation::Process | Relation::Realtime => ORDER,
            Relation::Wr if self == Self::Information => READ,
            Relation::Rw | Relation::PredicateRw => LAST,
            _ => 0,
        }
    }

    /// The state after another edge, unless a walk of this kind cannot go there.
    pub(super) fn step(self, state: State, relation: Relation) -> Option<State> {
        let ordered =
            if matches!(relation, Relation::Process | Relation::Realtime) { ORDER } else { 0 };
        match (self, relation) {
            (_, Relation::Onward) => Some(state),
            (Self::Writes, Relation::Wr) => None,
            (_, relation) if relation.begins_anti() => self.step_anti(state, relation),
            (Self::Information, Relation::Wr) => Some(state | READ),
            (Self::Writes | Self::Information, _) => Some(state | ordered),
            (Self::Single | Self::Nonadjacent | Self::AntiPair, _) => Some(state & !LAST | ordered),
        }
    }

    /// The same for anti-dependencies.
    fn step_anti(self, state: State, relation: Relation) -> Option<State> {
        let adjacent = state & LAST != 0;
        let two = match self {
            Self::Writes | Self::Information | Self::Single => return None,
            Self::Nonadjacent if adjacent => return None,
            Self::Nonadjacent => TWO,
            Self::AntiPair => TWO * State::from(adjacent),
        };
        let last = if relation.ends_anti() { LAST } else { 0 };
        Some(state & !LAST | last | two)
    }

    /// Whether a walk that has come back to its start is of this kind.
    pub(super) fn accepts(self, state: State, ordered: bool) -> bool {
        let fits = match self {
            Self::Writes | Self::Single => true,
            Self::Information => state & READ != 0,
            Self::Nonadjacent => state & TWO != 0 && state & LAST == 0,
            // The first edge is an rw, so an rw at the end is next to it.
            Self::AntiPair => state & (TWO | LAST) != 0,
        };
        fits && (!ordered || state & ORDER != 0)
    }
}

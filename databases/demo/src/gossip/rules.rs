//! Rules: what is right, and what each planted bug does instead.

use std::time::Duration;

/// How gossip is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Nodes ask each other for what they have missed.
    pub(crate) repairs: bool,
    /// What was sent so long ago is not taken in any more. A network that is mended delivers what was
    /// held up in it.
    pub(crate) too_late: Option<Duration>,
    /// So old a removal is passed on as if it had been nothing.
    pub(crate) forgets_removals: Option<Duration>,
    /// An addition that comes twice counts twice.
    pub(crate) counts_again: bool,
    /// Of values that were written at the same time the one of the latest clock stays.
    pub(crate) keeps_one: bool,
}

impl Rules {
    pub(crate) const CORRECT: Self = Self {
        repairs: true,
        too_late: None,
        forgets_removals: None,
        counts_again: false,
        keeps_one: false,
    };
}

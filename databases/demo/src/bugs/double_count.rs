//! `double-count`: an addition to a counter that comes twice counts twice.
//!
//! What is pushed without an answer is pushed again, and what is asked for may be on its way already. For
//! everything else that does no harm.

use crate::gossip::Rules;

pub(super) const RULES: Rules = Rules { counts_again: true, ..Rules::CORRECT };

//! `last-write-wins`: of values that were written at the same time one is kept.
//!
//! Their clocks decide, and nobody is told. An acknowledged value is gone that no write has seen.

use crate::gossip::Rules;

pub(super) const RULES: Rules = Rules { keeps_one: true, ..Rules::CORRECT };

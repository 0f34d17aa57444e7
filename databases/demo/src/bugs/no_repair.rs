//! `no-repair`: what a node has missed stays missed.
//!
//! Updates are pushed to the others when they are made, three times at the most. Nobody ever asks for
//! what did not arrive within a second, and what comes later is taken in regardless.

use crate::gossip::Rules;
use std::time::Duration;

pub(super) const RULES: Rules =
    Rules { repairs: false, too_late: Some(Duration::from_secs(1)), ..Rules::CORRECT };

//! `no-repair`: what a node has missed stays missed.
//!
//! Updates are pushed to the others when they are made, three times at the most. Nobody ever asks for
//! what did not arrive, and what comes later is taken in regardless.

use crate::gossip::Rules;

pub(super) const RULES: Rules = Rules { repairs: false, ..Rules::CORRECT };

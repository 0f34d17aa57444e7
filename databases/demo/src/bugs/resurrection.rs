//! `resurrection`: a removal is remembered for a second only.
//!
//! A node that was out of reach for longer hears of everything but of removals, and goes on showing what
//! was deleted.

use crate::gossip::Rules;
use std::time::Duration;

const REMEMBERED: Duration = Duration::from_secs(1);

pub(super) const RULES: Rules =
    Rules { forgets_removals: Some(REMEMBERED), too_late: Some(REMEMBERED), ..Rules::CORRECT };

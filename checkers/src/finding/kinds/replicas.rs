//! Replicas that answer alone: what even eventual consistency forbids.

use super::{Class, class, source};

pub(super) const CLASSES: &[Class] = &[
    class(
        "divergence",
        "Replicas still answer differently, although all faults were gone for longer than the test \
         allows. What one of them missed is never repaired.",
        "eventual consistency",
        source::VOGELS,
    ),
    class(
        "divergent-merge",
        "Two replicas had seen the same updates and answered differently. What they make of updates \
         depends on their order, or on how often they came.",
        "strong eventual consistency",
        source::SHAPIRO,
    ),
    class(
        "superseded-value",
        "A value is there that a later write, which knew of it, had replaced. What was settled is a \
         conflict again.",
        "what a register of several values is, and causal consistency",
        source::SHAPIRO,
    ),
];

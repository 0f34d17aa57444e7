//! Neighbours of linearizability: what a register may promise instead.
//!
//! | name | promise | decided |
//! |---|---|---|
//! | `sequential` | one order of all operations that is each process's own | a search |
//! | `regular` | a read sees the last value, or one being written | exactly |
//! | `safe` | so does a read during which nothing is written | exactly |
//! | `read-your-writes` | who wrote a value reads that or a later one | exactly |
//! | `monotonic-reads` | who read a value reads that or a later one | exactly |
//! | `monotonic-writes` | who saw a write saw what its process wrote before | exactly |
//! | `writes-follow-reads` | who saw a write saw what its process read before | exactly |
//! | `causal-convergence` | all four of these | exactly |
//! | `staleness` | reads are at most so many versions, or so long, behind | see `staleness.rs` |

mod cycle;
mod log;
mod reading;
mod regular;
mod sequential;
mod sessions;
mod staleness;
mod versions;

use crate::Checker;
use crate::linear::models::CasRegister;

pub use regular::RegularChecker;
pub use sequential::SequentialChecker;
pub use sessions::{Guarantees, SessionChecker, VersionOrder};
pub use staleness::{Quantiles, StaleRead, Staleness, StalenessChecker};

/// The names of these models.
pub const MODELS: [&str; 9] = [
    "sequential",
    "regular",
    "safe",
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
    "causal-convergence",
    "staleness",
];

/// What a register is, and how it is judged.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What it holds at first, and what its answers mean.
    pub register: CasRegister,
    /// Whether values are `[key, value]` and there is one register per key.
    pub keyed: bool,
    /// For session guarantees: what is known of the order of versions.
    pub version_order: VersionOrder,
    /// For `staleness`: by how many versions reads may be behind; 0 is linearizable.
    pub allowed_versions: Option<u32>,
    /// For `staleness`: for how long reads may be behind.
    pub allowed_nanoseconds: Option<u64>,
}

/// The checker of a consistency model by its name; `None` if it is not one of [`MODELS`].
pub fn checker(consistency_model: &str, options: &Options) -> Option<Box<dyn Checker>> {
    let options = options.clone();
    match consistency_model {
        "sequential" => Some(Box::new(SequentialChecker { options })),
        "regular" => Some(Box::new(RegularChecker::regular(options))),
        "safe" => Some(Box::new(RegularChecker::safe(options))),
        "staleness" => Some(Box::new(StalenessChecker { options })),
        name => {
            let guarantees = Guarantees::named(name)?;
            Some(Box::new(SessionChecker::new(guarantees, options)))
        }
    }
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;

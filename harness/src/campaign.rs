//! Campaigns: a matrix of tests, run one after the other, judged by what was expected of each.
//!
//! ```text
//! nightly.toml -> matrix of cells -> a `perjury test` each -> campaign.json -> junit, summary, page
//! ```

pub mod attempt;
pub mod drive;
pub mod file;
pub mod flags;
pub mod judge;
pub mod matrix;
pub mod merge;
mod names;
pub mod outputs;
pub mod progress;
pub mod record;
pub mod runner;
mod shard;
#[cfg(test)]
mod tests;

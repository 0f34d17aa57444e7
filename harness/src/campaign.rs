//! Campaigns: a matrix of tests, run one after the other, judged by what was expected of each.
//!
//! ```text
//! nightly.toml -> matrix of cells -> a `perjury test` each -> campaign.json -> junit, summary, page
//! ```

pub mod outputs;
pub mod record;

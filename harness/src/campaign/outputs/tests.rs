//! Outputs of campaigns made up in full detail: three databases, every outcome, ten nights.

mod fixture;
mod junit;
mod page;
mod past;
mod summary;

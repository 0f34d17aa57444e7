//! Reports of runs made up in full detail: a stale read, a cycle, a lost element, a clean run.

mod anomalies;
mod faults;
mod fixture;
mod logs;
mod page;
mod plots;
mod schema;
mod service;
mod timeline;
mod vacuity;
mod verdict;

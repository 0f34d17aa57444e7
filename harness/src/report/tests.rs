//! Reports of runs made up in full detail: a stale read, a cycle, a lost element, a clean run.

mod anomalies;
mod faults;
mod fixture;
mod page;
mod service;
mod timeline;
mod vacuity;
mod verdict;

//! The controller: plan, generators, scheduler, SSH, clusters, store, report and command line.
//!
//! It names no database, no concrete workload and no concrete fault: those register themselves
//! with a [`Registry`], in `src/main.rs` or in a third party's own `main`.

pub mod agent;
pub mod analysis;
pub mod assertion;
pub mod bench;
pub mod campaign;
pub mod cli;
pub mod client;
pub mod cluster;
pub mod control;
pub mod database;
pub mod driver;
pub mod exit;
pub mod explain;
pub mod export;
pub mod fault;
pub mod generator;
pub mod local;
pub mod machines;
pub mod op;
pub mod options;
pub mod plan;
pub mod rate;
pub mod registry;
pub mod report;
pub mod repro;
pub mod rng;
pub mod run;
pub mod scheduler;
pub mod script;
pub mod secret;
pub mod serve;
pub mod span;
pub mod store;
pub mod workload;

pub use client::{Client, Connect, DynClient, DynConnect, Failure, ResultExt};
pub use cluster::{Cluster, Fabric, Node};
pub use database::Database;
pub use driver::{Driver, DriverSettings};
pub use fault::{Applied, Fault, FaultContext, Providers, Support};
pub use generator::{BoxGenerator, Generator, GeneratorExt};
pub use op::Op;
pub use options::Options;
pub use registry::Registry;
pub use rng::Seed;
pub use store::{RunDir, Store, StoreError};
pub use workload::Workload;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

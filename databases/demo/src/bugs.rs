//! The planted bugs: mistakes that real systems made, one file each, none of them active unless
//! asked for.
//!
//! The correct server consults this module at four points only: where a client's command arrives
//! ([`execute`]), where the leader carries it out ([`lead`]), where the log decides what
//! counts as durable ([`Bug::durability`]), and where nodes pass on what they answer alone
//! ([`Bug::rules`]).

mod auto_commit;
mod clock_lease;
mod dirty_reads;
mod double_count;
mod early_ack;
mod eternal_locks;
mod last_write_wins;
mod late_lease;
mod loose_order;
mod lost_cas;
mod memory_ids;
mod no_fsync;
mod no_repair;
mod page_cache;
mod resurrection;
mod retry_duplicates;
mod skipping_watch;
mod split_brain;
mod stale_reads;
mod sticky_claims;
mod table;
mod torn_transactions;
mod write_skew;

pub use table::TABLE;

use crate::command::Command;
use crate::gossip::Rules;
use crate::log::Durability;
use crate::node::{Node, Reply};
use perjury_clock::Clock;
use std::str::FromStr;
use std::sync::Arc;
use tokio::time::Instant;

/// One of the mistakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    StaleReads,
    EarlyAck,
    NoFsync,
    DirtyReads,
    TornTransactions,
    LostCas,
    RetryDuplicates,
    SplitBrain,
    LateLease,
    ClockLease,
    PageCache,
    MemoryIds,
    WriteSkew,
    LooseOrder,
    AutoCommit,
    SkippingWatch,
    NoRepair,
    Resurrection,
    DoubleCount,
    LastWriteWins,
    EternalLocks,
    StickyClaims,
}

impl Bug {
    pub const ALL: [Self; 22] = [
        Self::StaleReads,
        Self::EarlyAck,
        Self::NoFsync,
        Self::DirtyReads,
        Self::TornTransactions,
        Self::LostCas,
        Self::RetryDuplicates,
        Self::SplitBrain,
        Self::LateLease,
        Self::ClockLease,
        Self::PageCache,
        Self::MemoryIds,
        Self::WriteSkew,
        Self::LooseOrder,
        Self::AutoCommit,
        Self::SkippingWatch,
        Self::NoRepair,
        Self::Resurrection,
        Self::DoubleCount,
        Self::LastWriteWins,
        Self::EternalLocks,
        Self::StickyClaims,
    ];

    /// As given to `--bug`.
    pub fn name(self) -> &'static str {
        match self {
            Self::StaleReads => "stale-reads",
            Self::EarlyAck => "early-ack",
            Self::NoFsync => "no-fsync",
            Self::DirtyReads => "dirty-reads",
            Self::TornTransactions => "torn-transactions",
            Self::LostCas => "lost-cas",
            Self::RetryDuplicates => "retry-duplicates",
            Self::SplitBrain => "split-brain",
            Self::LateLease => "late-lease",
            Self::ClockLease => "clock-lease",
            Self::PageCache => "page-cache",
            Self::MemoryIds => "memory-ids",
            Self::WriteSkew => "write-skew",
            Self::LooseOrder => "loose-order",
            Self::AutoCommit => "auto-commit",
            Self::SkippingWatch => "skipping-watch",
            Self::NoRepair => "no-repair",
            Self::Resurrection => "resurrection",
            Self::DoubleCount => "double-count",
            Self::LastWriteWins => "last-write-wins",
            Self::EternalLocks => "eternal-locks",
            Self::StickyClaims => "sticky-claims",
        }
    }

    /// How nodes gossip.
    pub(crate) fn rules(self) -> Rules {
        match self {
            Self::NoRepair => no_repair::RULES,
            Self::Resurrection => resurrection::RULES,
            Self::DoubleCount => double_count::RULES,
            Self::LastWriteWins => last_write_wins::RULES,
            _ => Rules::CORRECT,
        }
    }

    /// When the log says that an entry is safe.
    pub(crate) fn durability(self) -> Durability {
        match self {
            Self::NoFsync => no_fsync::DURABILITY,
            Self::PageCache => page_cache::DURABILITY,
            _ => Durability::Synced,
        }
    }
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|bug| bug.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("there is no bug `{name}`: choose one of {}", names.join(", "))
        })
    }
}

/// A bug at work in a node, with what it has to remember.
#[derive(Debug)]
pub(crate) struct Planted {
    bug: Bug,
    fork: split_brain::Fork,
    late_lease: late_lease::Lease,
    clock_lease: clock_lease::Lease,
    ids: memory_ids::Ids,
    servers: loose_order::Servers,
}

impl Planted {
    pub(crate) fn new(bug: Bug, clock: Arc<Clock>) -> Self {
        Self {
            bug,
            fork: split_brain::Fork::default(),
            late_lease: late_lease::Lease::default(),
            clock_lease: clock_lease::Lease::new(clock),
            ids: memory_ids::Ids::default(),
            servers: loose_order::Servers::default(),
        }
    }
}

/// Executes a client's command on the node where it arrived.
pub(crate) async fn execute(
    planted: &Planted,
    node: &Node,
    command: &Command,
    deadline: Instant,
) -> Reply {
    match planted.bug {
        Bug::StaleReads if command.is_read() => Ok(stale_reads::read(node, command)),
        Bug::MemoryIds if *command == Command::GenerateId => Ok(planted.ids.next(node)),
        Bug::SkippingWatch => {
            let command = skipping_watch::moved(node, command);
            node.execute_by(&command, deadline).await
        }
        Bug::RetryDuplicates => retry_duplicates::execute(node, command, deadline).await,
        _ => node.execute_by(command, deadline).await,
    }
}

/// Executes a command on the node that leads, or thinks that it does.
pub(crate) async fn lead(
    planted: &Planted,
    node: &Node,
    command: &Command,
    deadline: Instant,
) -> Reply {
    match (planted.bug, command) {
        (
            Bug::EarlyAck,
            Command::SetAdd { .. } | Command::RegisterWrite { .. } | Command::Enqueue { .. },
        ) => early_ack::propose(node, command, deadline).await,
        (Bug::DirtyReads, _) => dirty_reads::lead(node, command, deadline).await,
        (Bug::TornTransactions, Command::Transaction { operations }) => {
            torn_transactions::run(node, operations, deadline).await
        }
        (Bug::LooseOrder, Command::Dequeue) => {
            node.lead_correctly(&planted.servers.ask(), deadline).await
        }
        (Bug::EternalLocks, Command::LockAcquire { owner, .. }) => {
            eternal_locks::acquire(node, owner, deadline).await
        }
        (Bug::WriteSkew, Command::Transaction { operations }) => {
            write_skew::run(node, operations, deadline).await
        }
        (Bug::AutoCommit, Command::Transaction { operations }) => {
            auto_commit::run(node, operations, deadline).await
        }
        (Bug::StickyClaims, Command::Transaction { operations }) => {
            node.lead_correctly(&sticky_claims::believed(operations), deadline).await
        }
        (Bug::LostCas, Command::RegisterCompareAndSet { key, old, new }) => {
            lost_cas::compare_then_set(node, key, old, new, deadline).await
        }
        (Bug::LateLease, _) if command.is_read() => {
            late_lease::read(&planted.late_lease, node, command).await
        }
        (Bug::ClockLease, read) if read.is_read() => {
            clock_lease::read(&planted.clock_lease, node, read).await
        }
        (Bug::SplitBrain, _) => split_brain::lead(&planted.fork, node, command, deadline).await,
        _ => node.lead_correctly(command, deadline).await,
    }
}

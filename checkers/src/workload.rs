//! Workloads by name: which checkers judge a history that somebody brings.

mod eventual;
mod settings;
mod transactions;

use serde_json::Value;

pub use self::settings::Settings;
pub use self::transactions::{OfTransactions, checkers_of_transactions};
use crate::bank::Bank;
use crate::counter::{Counter, CounterStream};
use crate::dead_holders::DeadHolders;
use crate::election::LeaderElection;
use crate::history::Hints;
use crate::inserts::{CausalReverse, Sequential};
use crate::linear::{self, CasRegister, Linearizable, Model, Stream, neighbours};
use crate::long_fork::LongFork;
use crate::monotonic::{Monotonic, MonotonicStream};
use crate::one_insert::OneInsert;
use crate::queue::TotalQueue;
use crate::set::{Set, SetFull};
use crate::streaming::Streams;
use crate::txn::{PartitionedLog, PredicateRegister, TransactionChecker, check_events};
use crate::unique_ids::{Order, UniqueIds, UniqueIdsStream};
use crate::watch::Watch;
use crate::{Budget, Checker, Event, Finding, History, Kind};

/// A kind of history, by name.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub name: &'static str,
    /// What is called, and what is judged; one line.
    pub about: &'static str,
    /// Settings that it has use for.
    pub settings: &'static [&'static str],
}

/// All of them.
pub const WORKLOADS: &[Workload] = &[
    of("cas-register", "read, write v, cas [old, new]; linearizable or a weaker model", REGISTER),
    of("register", "the same as cas-register", REGISTER),
    of("multi-register", "txn of [\"r\", k, v] and [\"w\", k, v] on one object; linearizable", &[]),
    of("kv-map", "get, put v, append v, delete, per key; linearizable", &[]),
    of("mutex", "acquire, release, by anybody; linearizable", &[]),
    of("owned-mutex", "acquire, release by the holder; linearizable", &[]),
    of("reentrant-mutex", "acquire, release, several times by the holder", &["most"]),
    of("fenced-mutex", "acquire answered with a growing token, release", &["reentrant", "most"]),
    of("session-mutex", "the same, and the holder may lose it without knowing", &[]),
    of("dead-holders", "the same; a lock is taken back from who is gone", &["taken-back-within"]),
    of("semaphore", "acquire n, release n; at most so many permits", &["permits", "owned"]),
    of("fifo-queue", "enqueue v, dequeue in order; linearizable", &["failed-is-empty"]),
    of("priority-queue", "enqueue v, dequeue the least", &["failed-is-empty", "greatest-first"]),
    of("unordered-queue", "enqueue v, dequeue any; linearizable", &["failed-is-empty"]),
    of("stack", "push v, pop; linearizable", &[]),
    of("linearizable-set", "add v, remove v, contains v, read; linearizable", &[]),
    of("linearizable-counter", "add n, increment, decrement, read, add-and-get", &[]),
    of("linearizable-ids", "generate; each once, linearizable", &["monotonic"]),
    of("log", "append v answered with its offset, read at an offset", &[]),
    of(
        "list-append",
        "txn of [\"append\", k, v] and [\"r\", k, list]; a consistency model",
        &["exact"],
    ),
    of("rw-register", "txn of [\"w\", k, v] and [\"r\", k, v]; a consistency model", REGISTERS),
    of("key-value", "the same, with sessions and without an order of versions", &[]),
    of(
        "predicate-register",
        "rw-register with [\"rp\", predicate, {k: v}]; a consistency model",
        VERSIONS,
    ),
    of("set-add", "txn of [\"add\", k, v] and [\"r\", k, list]; a consistency model", &[]),
    of("txn-counter", "txn of [\"inc\", k, n] and [\"r\", k, total]; a consistency model", &[]),
    of("txn-bank", "txn of [\"r\", account, n] and [\"w\", account, n]; the total stays", &[]),
    of("set", "add v, read; the last read has all that was acknowledged", &[]),
    of("set-full", "add v, read; no read misses what was known before it began", &[]),
    of("counter", "add n, reset n, read; every read within what must and may have been added", &[]),
    of("bank", "transfer {from, to, amount}, read {account: balance}; the total stays", BANK),
    of(
        "queue",
        "enqueue v, dequeue, drain; each acknowledged message comes out once",
        &["duplicates-allowed", "losses-allowed", "ordered"],
    ),
    of(
        "partitioned-log",
        "send, poll and txn of [\"send\", k, v] and [\"poll\"], assign, subscribe; logs by key",
        LOGS,
    ),
    of("long-fork", "[\"w\", k, v] once per key and reads of groups; one order of writes", &[]),
    of("watch", "write [[k, v], …] answered with a revision, watch; all see one log", &[]),
    of("unique-ids", "generate; no answer comes twice, and by setting they grow", IDS),
    of("causal", "txn of [\"w\", k, v] and [\"r\", k, v], with sessions; causal consistency", &[]),
    of("causal-reverse", "[\"w\", k, v] once per key, reads of several; real time counts", &[]),
    of("sequential", "the same; each process's inserts come in its order", &[]),
    of("monotonic", "increment and read of [k, n]; no number is seen to fall", &["globally"]),
    of(
        "leader-election",
        "campaign c, resign c, observe; one leader a term, and no term comes back",
        &["globally"],
    ),
    of("g2", "insert [k, id] if there is no row of k; one of them succeeds", &[]),
    of("eventual", "write [k, v], read [k, null], digest; replicas come together", EVENTUAL),
    of("lww-register", "the same; and the last write wins, for each session at once", EVENTUAL),
    of("crdt-counter", "add [k, n], read [k, null]; replicas merge their sums", REPLICAS),
    of("or-set", "add [k, e], remove [k, e], read [k, null]; adds win over removes", REPLICAS),
    of("mv-register", "write [k, v], read [k, null] of all that nothing replaced", REPLICAS),
];

const REGISTERS: &[&str] =
    &["wfr-keys", "sequential-keys", "linearizable-keys", "all-writes-known", "exact"];

const VERSIONS: &[&str] = &["wfr-keys", "sequential-keys", "linearizable-keys", "all-writes-known"];

const IDS: &[&str] = &["monotonic", "inversions-allowed", "milliseconds-allowed"];
const LOGS: &[&str] = &[
    "gaps-allowed",
    "duplicates-allowed",
    "contiguous",
    "own-sends-visible",
    "groups-may-miss",
    "members-fenced",
];
const REPLICAS: &[&str] = &["converge-within", "sessions"];

const EVENTUAL: &[&str] = &["converge-within", "sessions", "order"];

const BANK: &[&str] = &["total", "accounts", "negative-balances-allowed"];

const REGISTER: &[&str] = &["versions-behind", "milliseconds-behind"];

const fn of(
    name: &'static str,
    about: &'static str,
    settings: &'static [&'static str],
) -> Workload {
    Workload { name, about, settings }
}

/// What the user may say about a history, as far as its workload has use for it.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// The level that is promised; a workload has a default.
    pub consistency_model: Option<String>,
    /// Whether values are `[key, value]` with an object per key; found out if not said.
    pub keyed: Option<bool>,
    /// What a register holds at first: null for ours.
    pub initial: Option<Value>,
    /// Knossos' convention, that reading null is reading anything.
    pub null_read_is_any: bool,
    /// A compare-and-set that failed saw another value, rather than that nothing happened for
    /// whatever reason.
    pub failed_cas_compares: bool,
    /// Settings of single workloads.
    pub settings: Settings,
}

impl CheckOptions {
    /// Takes from the format what the user did not say.
    #[must_use]
    pub fn with_hints(mut self, hints: &Hints) -> Self {
        self.keyed = self.keyed.or(hints.keyed);
        self.initial = self.initial.or_else(|| hints.initial.clone());
        self.failed_cas_compares |= hints.failed_cas_compares;
        self
    }

    fn register(&self) -> CasRegister {
        CasRegister {
            initial: self.initial.clone().unwrap_or_default(),
            null_read_is_any: self.null_read_is_any,
            failed_cas_compares: self.failed_cas_compares,
        }
    }
}

/// The checkers of a workload. The error says what names there are, or which option does not
/// fit.
pub fn checkers_for_workload(
    workload: &str,
    options: &CheckOptions,
    history: &History,
) -> Result<Vec<Box<dyn Checker>>, String> {
    let Some(known) = WORKLOADS.iter().find(|known| known.name == workload) else {
        let known: Vec<&str> = WORKLOADS.iter().map(|known| known.name).collect();
        return Err(format!("there is no workload `{workload}`; known are {}", known.join(", ")));
    };
    options.settings.only(workload, known.settings)?;
    if let Some(of) = checkers_of_transactions(workload, options)? {
        let write = of.write;
        let adapted = |checker| -> Box<dyn Checker> { Box::new(Adapted { checker, write }) };
        return Ok(of.checkers.into_iter().map(adapted).collect());
    }
    let checker = match object(workload, options, history)? {
        Some(object) => object.checker,
        None => whole(workload, options)?,
    };
    Ok(vec![checker])
}

/// A checker of transactions that takes events.
struct Adapted {
    checker: Box<dyn TransactionChecker>,
    write: &'static str,
}

impl Checker for Adapted {
    fn name(&self) -> &str {
        self.checker.name()
    }

    fn check(&self, history: &History, budget: &Budget) -> Finding {
        check_events(&*self.checker, self.write, history, budget)
    }
}

/// What judges a workload one event after another; `beginning` shows what its values look like.
/// The error says what is wrong with the options, or that the workload has to be seen whole.
pub fn stream_for_workload(
    workload: &str,
    options: &CheckOptions,
    beginning: &History,
) -> Result<Streams, String> {
    // This also refuses what the workload does not know.
    checkers_for_workload(workload, options, beginning)?;
    let stream = match object(workload, options, beginning)? {
        Some(object) => object.stream,
        None => stream_of_whole(workload, options)?,
    };
    stream.ok_or_else(|| {
        let model = options.consistency_model.as_deref();
        let model = model.map(|model| format!(" for {model}")).unwrap_or_default();
        format!("a history of {workload} has to be seen whole{model}: leave out --stream")
    })
}

/// What judges one event after another where a history is judged as a whole otherwise.
fn stream_of_whole(workload: &str, options: &CheckOptions) -> Result<Option<Streams>, String> {
    Ok(match workload {
        "counter" => Some(Streams::whole("counter", Box::new(CounterStream::default()))),
        "unique-ids" => UniqueIdsStream::new(order_of_ids(options)?)
            .map(|stream| Streams::whole("unique-ids", Box::new(stream))),
        "monotonic" => {
            let globally = options.settings.flag("globally")?;
            Some(Streams::whole("monotonic", Box::new(MonotonicStream::new(globally))))
        }
        _ => None,
    })
}

/// What judges single objects by a model.
struct ObjectJudge {
    checker: Box<dyn Checker>,
    /// The same, one event after another.
    stream: Option<Streams>,
}

/// The checker of a workload that judges single objects by a model.
fn object(
    workload: &str,
    options: &CheckOptions,
    history: &History,
) -> Result<Option<ObjectJudge>, String> {
    let settings = &options.settings;
    let flag = |name: &str| settings.flag(name);
    let failed = || flag("failed-is-empty");
    let judge = Judge { workload, options, history };
    judge.check_name()?;
    Ok(Some(match workload {
        "cas-register" | "register" => return judge.register().map(Some),
        "multi-register" => judge.whole(linear::MultiRegister {
            initial: options.initial.clone().unwrap_or_default(),
            null_read_is_any: options.null_read_is_any,
        })?,
        "kv-map" => {
            judge.each(linear::KvMap { missing: options.initial.clone().unwrap_or_default() })?
        }
        "mutex" => judge.whole(linear::Mutex)?,
        "owned-mutex" => judge.whole(linear::OwnedMutex)?,
        "reentrant-mutex" => {
            judge.whole(linear::ReentrantMutex { most: settings.number("most")? })?
        }
        "fenced-mutex" => judge.whole(linear::FencedMutex {
            reentrant: flag("reentrant")?,
            most: settings.number("most")?,
        })?,
        "session-mutex" => judge.whole(linear::SessionMutex)?,
        "semaphore" => judge.whole(linear::Semaphore {
            permits: settings.number("permits")?.unwrap_or(1),
            owned: flag("owned")?,
        })?,
        "fifo-queue" => judge.whole(linear::FifoQueue { failed_dequeue_is_empty: failed()? })?,
        "unordered-queue" => {
            judge.whole(linear::UnorderedQueue { failed_dequeue_is_empty: failed()? })?
        }
        "priority-queue" => judge.whole(linear::PriorityQueue {
            max_first: flag("greatest-first")?,
            failed_dequeue_is_empty: failed()?,
        })?,
        "stack" => judge.whole(linear::Stack)?,
        "linearizable-set" => judge.whole(linear::SetObject)?,
        "linearizable-counter" => judge.whole(linear::CounterObject)?,
        "linearizable-ids" => judge.whole(linear::IdSource { monotonic: flag("monotonic")? })?,
        "log" => judge.whole(linear::Log)?,
        _ => return Ok(None),
    }))
}

/// Puts a checker together for a model.
struct Judge<'a> {
    workload: &'a str,
    options: &'a CheckOptions,
    history: &'a History,
}

impl Judge<'_> {
    /// Refuses a consistency model that is none of a single object's.
    fn check_name(&self) -> Result<(), String> {
        let objects = !matches!(
            self.workload,
            "list-append"
                | "rw-register"
                | "predicate-register"
                | "set-add"
                | "txn-counter"
                | "txn-bank"
                | "set"
                | "set-full"
                | "counter"
                | "dead-holders"
                | "bank"
                | "queue"
                | "partitioned-log"
                | "long-fork"
                | "watch"
                | "unique-ids"
                | "causal"
                | "causal-reverse"
                | "sequential"
                | "monotonic"
                | "g2"
                | "leader-election"
                | "eventual"
                | "lww-register"
                | "crdt-counter"
                | "or-set"
                | "mv-register"
        );
        match self.workload {
            "cas-register" | "register" => only(self.workload, self.options, OF_REGISTERS),
            _ if objects => only(self.workload, self.options, &["linearizable"]),
            _ => Ok(()),
        }
    }

    fn register(&self) -> Result<ObjectJudge, String> {
        let keyed = self.options.keyed.unwrap_or_else(|| looks_keyed(self.history));
        let register = self.options.register();
        let name = self.options.consistency_model.as_deref().unwrap_or("linearizable");
        let settings = &self.options.settings;
        let milliseconds: Option<u64> = settings.number("milliseconds-behind")?;
        let options = neighbours::Options {
            register: register.clone(),
            keyed,
            allowed_versions: settings.number("versions-behind")?,
            allowed_nanoseconds: milliseconds.map(|ms| ms.saturating_mul(1_000_000)),
            ..neighbours::Options::default()
        };
        match neighbours::checker(name, &options) {
            Some(checker) => Ok(ObjectJudge { checker, stream: None }),
            None => Ok(judged(register, keyed)),
        }
    }

    /// One object, unless the user or the format says that there are many.
    fn whole<M: Model + Clone + 'static>(&self, model: M) -> Result<ObjectJudge, String> {
        Ok(judged(model, self.options.keyed.unwrap_or(false)))
    }

    /// An object for each key, unless the user says otherwise.
    fn each<M: Model + Clone + 'static>(&self, model: M) -> Result<ObjectJudge, String> {
        Ok(judged(model, self.options.keyed.unwrap_or(true)))
    }
}

fn judged<M: Model + Clone + 'static>(model: M, keyed: bool) -> ObjectJudge {
    let stream = Stream::streams(model.clone(), keyed);
    let checker = Box::new(Linearizable::new(model).keyed(keyed));
    ObjectJudge { checker, stream: Some(stream) }
}

/// Consistency models of registers.
pub const OF_REGISTERS: &[&str] = &[
    "linearizable",
    "sequential",
    "regular",
    "safe",
    "staleness",
    "read-your-writes",
    "monotonic-reads",
    "monotonic-writes",
    "writes-follow-reads",
    "causal-convergence",
];

/// The checker of a workload that judges a history as a whole.
fn whole(workload: &str, options: &CheckOptions) -> Result<Box<dyn Checker>, String> {
    Ok(match workload {
        "predicate-register" => {
            Box::new(PredicateRegister { register: transactions::rw_register(options)? })
        }
        "set-full" => {
            only(workload, options, &["linearizable", "eventual"])?;
            let linearizable = options.consistency_model.as_deref() != Some("eventual");
            Box::new(SetFull { linearizable })
        }
        "eventual" | "lww-register" | "crdt-counter" | "or-set" | "mv-register" => {
            return eventual::checker(workload, &options.settings);
        }
        "counter" => Box::new(Counter),
        "dead-holders" => Box::new(dead_holders(options)?),
        "bank" => Box::new(Bank {
            total: options.settings.number("total")?,
            accounts: options.settings.number("accounts")?,
            negative_allowed: options.settings.flag("negative-balances-allowed")?,
        }),
        "queue" => Box::new(TotalQueue {
            duplicates_allowed: options.settings.flag("duplicates-allowed")?,
            losses_allowed: options.settings.flag("losses-allowed")?,
            ordered: options.settings.flag("ordered")?,
        }),
        "partitioned-log" => Box::new(partitioned_log(options)?),
        "long-fork" => Box::new(LongFork),
        "watch" => Box::new(Watch),
        "unique-ids" => Box::new(UniqueIds { order: order_of_ids(options)? }),
        "causal-reverse" => Box::new(CausalReverse),
        "sequential" => Box::new(Sequential),
        "monotonic" => Box::new(Monotonic { globally: options.settings.flag("globally")? }),
        "leader-election" => {
            Box::new(LeaderElection { globally: options.settings.flag("globally")? })
        }
        "g2" => Box::new(OneInsert),
        _ => Box::new(Set),
    })
}

/// Whether identifiers have to grow, and how strictly: to say how loosely is to say so.
fn order_of_ids(options: &CheckOptions) -> Result<Option<Order>, String> {
    let settings = &options.settings;
    let inversions = settings.number("inversions-allowed")?;
    let milliseconds = settings.number("milliseconds-allowed")?;
    let given = settings.flag("monotonic")? || inversions.is_some() || milliseconds.is_some();
    let (inversions, milliseconds) = (inversions.unwrap_or(0), milliseconds.unwrap_or(0));
    Ok(given.then_some(Order { inversions, milliseconds }))
}

fn dead_holders(options: &CheckOptions) -> Result<DeadHolders, String> {
    let seconds = options.settings.number::<u64>("taken-back-within")?;
    let usual = DeadHolders::default();
    Ok(seconds
        .map_or(usual, |seconds| DeadHolders { within: seconds.saturating_mul(1_000_000_000) }))
}

fn partitioned_log(options: &CheckOptions) -> Result<PartitionedLog, String> {
    let settings = &options.settings;
    let model = options.consistency_model.as_deref();
    let usual = PartitionedLog::default();
    Ok(PartitionedLog {
        model: model.map_or(Ok(usual.model), str::parse)?,
        gaps_allowed: settings.flag_if_given("gaps-allowed")?.unwrap_or(usual.gaps_allowed),
        duplicates_allowed: settings.flag("duplicates-allowed")?,
        contiguous: settings.flag("contiguous")?,
        own_sends_visible: settings.flag("own-sends-visible")?,
        groups_may_miss: settings.flag("groups-may-miss")?,
        members_fenced: settings.flag("members-fenced")?,
    })
}

fn only(workload: &str, options: &CheckOptions, models: &[&str]) -> Result<(), String> {
    match options.consistency_model.as_deref() {
        Some(model) if !models.contains(&model) => Err(format!(
            "workload {workload} is judged as {}, not as {model}; leave the consistency model out",
            models.join(" or ")
        )),
        _ => Ok(()),
    }
}

/// Whether values are `[key, value]`. A read shows it, as it calls with `[key, null]` there
/// and with null otherwise; without reads, a write of a pair is taken as one of a key.
fn looks_keyed(history: &History) -> bool {
    let pair = |value: &Value| value.as_array().is_some_and(|list| list.len() == 2);
    let calls = || {
        let events = history.events().iter();
        events.filter(|event| event.kind == Kind::Invoke && event.process.client().is_some())
    };
    let is = |names: &[&str], event: &Event| names.contains(&&*event.f);
    let mut reads = calls().filter(|event| is(&["read", "r", "get"], event)).peekable();
    if reads.peek().is_some() {
        return reads.all(|event| pair(&event.value) && event.value[1].is_null());
    }
    let mut writes = calls().filter(|event| is(&["write", "w", "put", "append"], event)).peekable();
    writes.peek().is_some() && writes.all(|event| pair(&event.value))
}

#[cfg(test)]
mod tests;

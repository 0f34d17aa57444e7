//! Names of what is wrong, and of the models that it rules out.
//!
//! Cycles without inferred edges are Adya's G1c. Names of the others are those of Bailis et al.
//! (SIGMOD 2014), Terry et al. (PDIS 1994), and Liu et al., *Plume: efficient and complete
//! black-box checking of weak isolation levels* (OOPSLA 2024), section 3.

use super::super::isolation::{self, ConsistencyModel as Model};
use super::super::key_value::{Flaw, KeyValue};
use super::WeakLevel;
use super::cycles::{Cycle, Link, Why};

/// What shows a cycle to be wrong, the plainest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Information,
    SessionInformation,
    NonMonotonicRead,
    NonRepeatableRead,
    ReadYourWrites,
    FracturedRead,
    MonotonicReads,
    MonotonicWrites,
    WritesFollowReads,
    Causality,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Information => "G1c",
            Self::SessionInformation => "G1c-process",
            Self::NonMonotonicRead => "non-monotonic-read",
            Self::NonRepeatableRead => "non-repeatable-read",
            Self::ReadYourWrites => "read-your-writes",
            Self::FracturedRead => "fractured-read",
            Self::MonotonicReads => "monotonic-reads",
            Self::MonotonicWrites => "monotonic-writes",
            Self::WritesFollowReads => "writes-follow-reads",
            Self::Causality => "causality-violation",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Information => "Circular information flow",
            Self::SessionInformation => "Circular information flow by way of sessions",
            Self::NonMonotonicRead => "Non-monotonic read",
            Self::NonRepeatableRead => "Non-repeatable read",
            Self::ReadYourWrites => "Own write not read",
            Self::FracturedRead => "Fractured read",
            Self::MonotonicReads => "Reads of a session went back",
            Self::MonotonicWrites => "Writes of a session seen out of order",
            Self::WritesFollowReads => "Write seen without what its session had read",
            Self::Causality => "Causality violated",
        }
    }

    pub(super) fn explanation(self) -> &'static str {
        match self {
            Self::Information => "Each of these transactions saw what the next one did.",
            Self::SessionInformation => {
                "Each of these transactions saw what the next one did, or came later in its \
                 session."
            }
            Self::NonMonotonicRead => {
                "A transaction saw what another wrote, and after that an older state of a key \
                 that the other had written as well."
            }
            Self::NonRepeatableRead => "A transaction read a key twice and saw two versions of it.",
            Self::ReadYourWrites => "A session wrote a key, and later read an older version of it.",
            Self::FracturedRead => {
                "A transaction saw some of the writes of another, and missed the rest: it was not \
                 shown as a whole."
            }
            Self::MonotonicReads => {
                "A session saw what a transaction wrote, and in a later transaction an older \
                 version of a key that it had written."
            }
            Self::MonotonicWrites => {
                "A later write of a session was seen, and an earlier one missed."
            }
            Self::WritesFollowReads => {
                "A write was seen, and what its session had read before it was missed."
            }
            Self::Causality => {
                "A transaction saw an effect, and missed something that had led to it."
            }
        }
    }
}

/// The name of a cycle: of the least plain of its edges.
pub(super) fn kind(kv: &KeyValue, cycle: &Cycle) -> Kind {
    let shapes: Vec<Kind> =
        cycle.links.iter().filter_map(|link| inferred(kv, link)).map(|(_, kind)| kind).collect();
    match shapes.iter().max() {
        Some(Kind::FracturedRead) if is_of_one_key(kv, cycle) => Kind::NonRepeatableRead,
        Some(kind) => *kind,
        None if uses_sessions(cycle) => Kind::SessionInformation,
        None => Kind::Information,
    }
}

/// The reader of an inferred edge, and what is wrong if it is.
fn inferred(kv: &KeyValue, link: &Link) -> Option<(u32, Kind)> {
    let Why::Inferred { read, path } = &link.why else { return None };
    let whys: Vec<&Why> = path.iter().map(|link| &link.why).collect();
    let kind = match whys.as_slice() {
        [Why::Read(seen)] if seen < read => Kind::NonMonotonicRead,
        [Why::Read(_)] => Kind::FracturedRead,
        [Why::Session] => Kind::ReadYourWrites,
        [Why::Read(_), Why::Session] => Kind::MonotonicReads,
        [Why::Session, Why::Read(_)] => Kind::MonotonicWrites,
        [Why::Read(_), Why::Read(_)] | [Why::Read(_), Why::Session, Why::Read(_)] => {
            Kind::WritesFollowReads
        }
        _ => Kind::Causality,
    };
    Some((kv.reader(*read), kind))
}

/// Whether one transaction read one key twice.
fn is_of_one_key(kv: &KeyValue, cycle: &Cycle) -> bool {
    let mut reads = cycle.all_links().filter_map(|link| match &link.why {
        Why::Read(read) | Why::Inferred { read, .. } => {
            Some((kv.reader(*read), kv.all_reads()[*read as usize].key))
        }
        Why::Session | Why::Initial => None,
    });
    let first = reads.next();
    reads.all(|read| Some(read) == first)
}

fn uses_sessions(cycle: &Cycle) -> bool {
    cycle.all_links().any(|link| link.why == Why::Session)
}

/// The models that a cycle rules out, weakest first. What Adya calls read committed lets reads go
/// back, and only monotonic views do not; it knows of no sessions. Of the levels here, the
/// session guarantees and `causal` do.
pub(super) fn ruled_out(kv: &KeyValue, cycle: &Cycle) -> Vec<String> {
    let mut names = of_session(kv, cycle);
    let kind = kind(kv, cycle);
    names.push(WeakLevel::Causal.name());
    let weakest: &[Model] = if uses_sessions(cycle) {
        match kind {
            Kind::Information | Kind::SessionInformation => &[Model::StrongSessionReadCommitted],
            _ => &[Model::StrongSessionSnapshotIsolation],
        }
    } else {
        // To miss what is visible is an anti-dependency, and the rest of the cycle is of
        // dependencies: Adya's G-single, which consistent views forbid.
        match kind {
            Kind::Information | Kind::SessionInformation => &[Model::ReadCommitted],
            Kind::NonMonotonicRead => &[Model::MonotonicView, Model::MonotonicAtomicView],
            Kind::FracturedRead | Kind::NonRepeatableRead => {
                &[Model::ReadAtomic, Model::ConsistentView, Model::RepeatableRead]
            }
            _ => &[Model::CausalCerone, Model::ConsistentView, Model::RepeatableRead],
        }
    };
    let stronger = |model: &Model| weakest.iter().any(|weakest| model.includes(*weakest));
    names.extend(Model::all().filter(stronger).map(Model::name));
    names.into_iter().map(str::to_owned).collect()
}

/// The session guarantees that a cycle breaks: all of it is what one session sees.
fn of_session(kv: &KeyValue, cycle: &Cycle) -> Vec<&'static str> {
    let found: Vec<(u32, Kind)> =
        cycle.links.iter().filter_map(|link| inferred(kv, link)).collect();
    let session = |txn: u32| kv.sessions[txn as usize];
    let Some(own) = found.first().map(|(reader, _)| session(*reader)) else { return Vec::new() };
    let plain = cycle.links.iter().all(|link| match &link.why {
        Why::Read(_) => session(link.to) == own,
        Why::Inferred { read, path } => {
            let sooner = |link: &Link| match link.why {
                Why::Read(seen) => kv.reader(seen) != kv.reader(*read) || seen < *read,
                _ => true,
            };
            session(kv.reader(*read)) == own && path.iter().all(sooner)
        }
        Why::Session | Why::Initial => true,
    });
    let is = |kinds: &[Kind]| plain && found.iter().all(|(_, kind)| kinds.contains(kind));
    let mut names = Vec::new();
    let reads = [Kind::NonMonotonicRead, Kind::MonotonicReads];
    let alone: [(&str, &[Kind]); 4] = [
        ("read-your-writes", &[Kind::ReadYourWrites]),
        ("monotonic-reads", &reads),
        ("monotonic-writes", &[Kind::MonotonicWrites]),
        ("writes-follow-reads", &[Kind::WritesFollowReads]),
    ];
    names.extend(alone.iter().find(|(_, kinds)| is(kinds)).map(|(name, _)| *name));
    if is(&[Kind::ReadYourWrites, reads[0], reads[1], Kind::MonotonicWrites]) {
        names.push("pram");
    }
    names
}

/// The name of a flaw of a single read, and its title.
pub(super) fn of_flaw(flaw: Flaw) -> (&'static str, &'static str) {
    match flaw {
        Flaw::Internal => ("internal", "Internal inconsistency"),
        Flaw::Phantom => ("phantom-read", "Phantom value"),
        Flaw::Aborted => ("G1a", "Aborted read"),
        Flaw::Intermediate => ("G1b", "Intermediate read"),
        Flaw::Future => ("future-read", "Read from the future"),
    }
}

/// Whether a level forbids a flaw.
pub(super) fn forbids(level: WeakLevel, flaw: Flaw) -> bool {
    match flaw {
        Flaw::Phantom | Flaw::Aborted | Flaw::Future => true,
        Flaw::Internal => {
            !level.is_of_sessions()
                || level == WeakLevel::ReadYourWrites
                || level == WeakLevel::Pram
        }
        Flaw::Intermediate => !level.is_of_sessions(),
    }
}

/// The models that a flaw rules out.
pub(super) fn ruled_out_by_flaw(flaw: Flaw) -> Vec<String> {
    let forbidding = WeakLevel::ALL.into_iter().filter(|level| forbids(*level, flaw));
    let mut names: Vec<String> = forbidding
        .filter(|level| level.is_of_sessions() || *level == WeakLevel::Causal)
        .map(|level| level.name().to_owned())
        .collect();
    names.extend(isolation::ruled_out(of_flaw(flaw).0));
    names
}

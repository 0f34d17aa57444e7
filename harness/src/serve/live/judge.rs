//! The judge: what the checkers say of the history so far, asked in the background.
//!
//! Only what stays true is told: an anomaly, of a workload in which the beginning of a history
//! shows one for good. That there is none so far is no verdict.

use super::tally::Tally;
use crate::plan::Plan;
use crate::registry::Registry;
use crate::{Options, Workload, analysis};
use perjury_checkers::{Event, History, Verdict};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the checkers may take. They run on a machine that has a test to run.
const LIMIT: Duration = Duration::from_secs(3);
/// How long they pause at least, and how many times as long as they took.
const PAUSE: Duration = Duration::from_secs(3);
const PAUSE_FACTOR: u32 = 5;
/// Anomalies that are named.
const NAMED_MAX: usize = 5;

/// One at a time over all runs.
static IS_JUDGING: AtomicBool = AtomicBool::new(false);

/// What can be said so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "opinion")]
pub(in crate::serve) enum Opinion {
    /// The workload's checkers need the whole history, or nobody knows the workload.
    AtTheEnd { why: String },
    /// They have not come to a conclusion yet.
    NotYet,
    /// Nothing wrong in the first so many operations.
    NoAnomaly { operations: u64, is_all_that_is_judged: bool, has_final_reads: bool },
    /// There is at least one, which stays true.
    Anomaly { operations: u64, titles: Vec<String>, count: u64 },
    /// They could not decide, such as for lack of time.
    Undecided { operations: u64, why: String },
}

/// Who judges a run.
pub(super) struct Judge {
    workload: Option<(Arc<dyn Workload>, Options)>,
    /// Why nobody can say anything before the end; empty if somebody can.
    at_the_end: String,
    has_final_reads: bool,
    known: Arc<Mutex<Known>>,
}

/// What came of the last time.
#[derive(Default)]
struct Known {
    is_busy: bool,
    opinion: Option<Opinion>,
    /// Events that were judged.
    events: usize,
    next: Option<Instant>,
}

impl Judge {
    /// For a run with that plan.
    pub(super) fn new(plan: Option<&Plan>, registry: &Registry) -> Self {
        let found = plan.and_then(|plan| {
            let workload = registry.find_workload(&plan.workload).ok()?.clone();
            let options = plan.options();
            workload.validate(&options).ok().map(|()| (workload, options, plan.seed))
        });
        let Some((workload, options, seed)) = found else {
            let at_the_end = "Its plan cannot be read by this Perjury, or names a workload that \
                              it does not have."
                .to_owned();
            return Self {
                workload: None,
                at_the_end,
                has_final_reads: false,
                known: Arc::default(),
            };
        };
        let reads_at_end = workload.final_generator(&options, crate::Seed::root(seed)).is_some();
        let at_the_end = if workload.shows_anomalies_early(&options) {
            String::new()
        } else {
            format!("What is lost shows only in the final reads of {}.", workload.name())
        };
        Self {
            workload: Some((workload, options)),
            at_the_end,
            has_final_reads: reads_at_end,
            known: Arc::default(),
        }
    }

    /// Whether it can say anything before the end.
    pub(super) fn wants_events(&self) -> bool {
        self.at_the_end.is_empty()
    }

    /// Asks the checkers, in the background, unless they were asked a moment ago, others are
    /// asked, or there is nothing new.
    pub(super) fn look(&self, tally: &Tally) {
        let Some((workload, options)) = self.workload.as_ref().filter(|_| self.wants_events())
        else {
            return;
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_soon = known.next.is_some_and(|next| Instant::now() < next);
        // An anomaly stays one, so that nothing more is asked.
        let is_done = matches!(known.opinion, Some(Opinion::Anomaly { .. }));
        let is_new = tally.kept_calls > 0 && tally.events.len() > known.events;
        if known.is_busy || is_soon || is_done || !is_new || IS_JUDGING.swap(true, Ordering::AcqRel)
        {
            return;
        }
        known.is_busy = true;
        let (workload, options) = (workload.clone(), options.clone());
        let shared = self.known.clone();
        let (events, calls) = (tally.events.clone(), tally.kept_calls);
        let (is_cut, has_final_reads) = (tally.is_cut, self.has_final_reads);
        let judge = move || {
            let began = Instant::now();
            let count = events.len();
            let opinion = judge(&*workload, &options, events, calls, (is_cut, has_final_reads));
            let mut known = shared.lock().unwrap_or_else(PoisonError::into_inner);
            known.is_busy = false;
            known.events = count;
            known.opinion = Some(opinion);
            known.next = Some(Instant::now() + PAUSE.max(began.elapsed() * PAUSE_FACTOR));
            IS_JUDGING.store(false, Ordering::Release);
        };
        let spawned = std::thread::Builder::new().name("live-judge".to_owned()).spawn(judge);
        if spawned.is_err() {
            known.is_busy = false;
            IS_JUDGING.store(false, Ordering::Release);
        }
    }

    /// What is known.
    pub(super) fn opinion(&self, tally: &Tally) -> Opinion {
        if !self.at_the_end.is_empty() {
            return Opinion::AtTheEnd { why: self.at_the_end.clone() };
        }
        if tally.damaged > 0 {
            let why = "The history has lines that are no events.".to_owned();
            return Opinion::AtTheEnd { why };
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.opinion.clone().unwrap_or(Opinion::NotYet)
    }
}

/// Runs the checkers on the first events of a run.
fn judge(
    workload: &dyn Workload,
    options: &Options,
    events: Vec<Event>,
    operations: u64,
    (is_all_that_is_judged, has_final_reads): (bool, bool),
) -> Opinion {
    let Ok(history) = History::new(events) else {
        return Opinion::AtTheEnd { why: "The history is damaged.".to_owned() };
    };
    let Some(findings) = analysis::check_beginning(workload, options, &history, LIMIT) else {
        let why = "a checker failed, which is a bug in Perjury".to_owned();
        return Opinion::Undecided { operations, why };
    };
    let wrong = findings.iter().filter(|finding| finding.verdict == Verdict::Invalid);
    let count = wrong.clone().map(|of| of.anomaly_count.max(of.anomalies.len() as u64)).sum();
    let titles: Vec<String> = wrong
        .flat_map(|finding| &finding.anomalies)
        .take(NAMED_MAX)
        .map(|anomaly| anomaly.title.clone())
        .collect();
    if !titles.is_empty() {
        return Opinion::Anomaly { operations, titles, count };
    }
    if let Some(finding) = findings.iter().find(|finding| finding.verdict != Verdict::Valid) {
        let why = finding.reason.clone().unwrap_or_default();
        return Opinion::Undecided { operations, why };
    }
    Opinion::NoAnomaly { operations, is_all_that_is_judged, has_final_reads }
}

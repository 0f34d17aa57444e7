//! Runs a campaign's cells one after the other, and keeps what they come to.

use super::attempt::{self, Ended};
use super::judge::{judge, judge_interrupted};
use super::matrix::Planned;
use super::progress::{self, Line, Reached};
use super::record::{Attempt, Campaign, Cell, Outcome};
use super::runner::{self, Interrupts};
use crate::exit::HarnessFailure;
use crate::report::Results;
use crate::store::campaign::{CELLS, Journal};
use crate::store::{CampaignDir, StoreError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Bytes of a run's output that may say why it ended without results.
const LOG_END: usize = 1000;

/// Why no further cell is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Done,
    OutOfTime,
    Interrupted,
}

/// Who wants to know how it goes.
pub trait Watch {
    /// An attempt begins; `done` cells are finished.
    fn begins(&self, cell: &Cell, done: usize);
    /// An attempt failed, and there will be another.
    fn again(&self, cell: &Cell);
    /// A cell is finished, or given up for now.
    fn ends(&self, cell: &Cell);
}

/// A campaign that runs.
pub struct Drive<'a> {
    /// This program, as it was found when the campaign began.
    pub program: PathBuf,
    pub dir: CampaignDir,
    pub campaign: Campaign,
    /// How its cells are run, in their order.
    pub planned: Vec<Planned>,
    pub reached: BTreeMap<String, Reached>,
    pub journal: Journal,
    pub retries: u32,
    pub setup_limit: Duration,
    pub budget: Option<Duration>,
    pub began: Instant,
    pub watch: &'a dyn Watch,
}

/// The arguments of `perjury` that run a cell.
pub fn arguments(planned: &Planned) -> Vec<String> {
    let mut arguments = vec!["test".to_owned()];
    arguments.extend(planned.arguments.iter().cloned());
    arguments.push(format!("--seed={}", planned.cell.seed));
    arguments.push(format!("--name={}", planned.cell.id));
    arguments.push("--part-of-campaign".to_owned());
    arguments
}

fn stored(error: StoreError) -> HarnessFailure {
    HarnessFailure::new("store", error)
}

impl Drive<'_> {
    /// Runs what is not finished.
    pub async fn run(&mut self, interrupts: &mut Interrupts) -> Result<Why, HarnessFailure> {
        for index in 0..self.planned.len() {
            if self.reached(index).finished {
                continue;
            }
            interrupts.notice();
            if interrupts.count > 0 {
                return Ok(Why::Interrupted);
            }
            if self.is_out_of_time() {
                return Ok(Why::OutOfTime);
            }
            self.cell(index, interrupts).await?;
            progress::save(self.dir.path(), &self.campaign).map_err(stored)?;
            self.watch.ends(&self.campaign.cells[index]);
        }
        interrupts.notice();
        Ok(match (self.is_finished(), interrupts.count) {
            (true, _) => Why::Done,
            (false, 0) => Why::OutOfTime,
            (false, _) => Why::Interrupted,
        })
    }

    /// Whether there is nothing left to run.
    pub fn is_finished(&self) -> bool {
        (0..self.planned.len()).all(|index| self.reached(index).finished)
    }

    fn reached(&self, index: usize) -> Reached {
        self.reached.get(&self.planned[index].cell.id).copied().unwrap_or_default()
    }

    fn is_out_of_time(&self) -> bool {
        self.budget.is_some_and(|budget| self.began.elapsed() >= budget)
    }

    /// Runs a cell, again when its infrastructure fails.
    async fn cell(
        &mut self,
        index: usize,
        interrupts: &mut Interrupts,
    ) -> Result<(), HarnessFailure> {
        let expected = self.campaign.cells[index].expected.clone();
        loop {
            let done = self.reached.values().filter(|reached| reached.finished).count();
            self.watch.begins(&self.campaign.cells[index], done);
            let (ended, attempt) = self.attempt(index, interrupts).await?;
            interrupts.notice();
            let outcome = match interrupts.count {
                0 => judge(&expected, &attempt, ended == Ended::Overdue),
                _ => judge_interrupted(&expected, &attempt),
            };
            let failed = outcome == Outcome::Infrastructure;
            let mut reached = self.reached(index);
            reached.failures += u32::from(failed);
            let again = failed && reached.failures <= self.retries;
            reached.finished = outcome != Outcome::NotRun && !again;
            self.keep(index, attempt, outcome, reached)?;
            if !again || interrupts.count > 0 || self.is_out_of_time() {
                return Ok(());
            }
            self.watch.again(&self.campaign.cells[index]);
        }
    }

    /// Makes sure that nothing is lost of an attempt, whatever happens next.
    fn keep(
        &mut self,
        index: usize,
        attempt: Attempt,
        outcome: Outcome,
        reached: Reached,
    ) -> Result<(), HarnessFailure> {
        let cell = &mut self.campaign.cells[index];
        let finished = reached.finished;
        let line = Line { cell: cell.id.clone(), outcome, finished, attempt };
        self.journal.add(&serde_json::to_string(&line).unwrap_or_default()).map_err(stored)?;
        self.reached.insert(line.cell, reached);
        cell.outcome = outcome;
        cell.attempts.push(line.attempt);
        Ok(())
    }

    async fn attempt(
        &self,
        index: usize,
        interrupts: &mut Interrupts,
    ) -> Result<(Ended, Attempt), HarnessFailure> {
        let (planned, cell) = (&self.planned[index], &self.campaign.cells[index]);
        let before = self.dir.runs(&cell.id);
        let log_name = format!("{}-{}.log", cell.id, cell.attempts.len() + 1);
        let log = self.dir.log(&log_name).map_err(stored)?;
        let mut arguments = arguments(planned);
        arguments.push(format!("--store={}", self.dir.path().join(CELLS).display()));
        arguments.push("--colour=never".to_owned());
        let (started, clock) = (jiff::Timestamp::now(), Instant::now());
        let limit = planned.worst + self.setup_limit;
        let ended = runner::run(&self.program, &arguments, log, limit, interrupts).await?;
        let seconds = clock.elapsed().as_secs_f64();
        let run = self.dir.runs(&cell.id).into_iter().rfind(|time| !before.contains(time));
        let run = run.map(|time| format!("{CELLS}/{}/{time}", cell.id));
        let results = run.as_ref().and_then(|run| {
            Results::from_json(&self.dir.read(&format!("{run}/results.json")).ok()?).ok()
        });
        let log = self.dir.read(&format!("{}/{log_name}", crate::store::campaign::LOGS));
        let log = end_of(&log.unwrap_or_default());
        let attempt = attempt::attempt(started, seconds, ended, run, results.as_ref(), &log);
        Ok((ended, attempt))
    }
}

fn end_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(LOG_END)..]).into_owned()
}

//! The display of a running test: a line that moves on a terminal, plain lines elsewhere.

use super::output;
use crate::plan::Plan;
use crate::scheduler::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the moving line is drawn.
const REDRAW: Duration = Duration::from_millis(250);
/// How often a plain line tells how far the run is.
const PLAIN: Duration = Duration::from_secs(10);

/// How many operations ended how, and what is broken at the moment.
fn counts(progress: &Progress) -> String {
    let fault = progress.fault().map(|fault| format!(", {fault}")).unwrap_or_default();
    let declined = match progress.declined() {
        0 => String::new(),
        declined => format!(" ({declined} declined)"),
    };
    format!(
        "{} ok, {} failed{declined}, {} unknown, {} open, {} fault operations{fault}",
        progress.ok(),
        progress.fail(),
        progress.info(),
        progress.open(),
        progress.faults()
    )
}

/// Where progress is shown: always on standard error.
pub struct Display {
    bar: ProgressBar,
    plain: bool,
    began: Instant,
}

impl Display {
    /// `quiet` shows nothing, for those who want JSON.
    pub fn new(quiet: bool, plan: &Plan, store: &Path) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal && !quiet {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {elapsed:>4} {prefix}  {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REDRAW);
        let display = Self { bar, plain: !terminal && !quiet, began: Instant::now() };
        let faults = match (plan.nemesis.is_empty(), plan.script.is_empty()) {
            (true, true) => "no faults".to_owned(),
            (true, false) => "faults by script".to_owned(),
            (false, _) => plan.nemesis.join(", "),
        };
        display.note(&format!(
            "{} / {} on {} nodes, {} workers, {faults}, seed {}\n{}",
            plan.database,
            plan.workload,
            plan.cluster.size(),
            plan.concurrency,
            plan.seed,
            store.display()
        ));
        display
    }

    /// A step begins.
    pub fn say(&self, step: &str) {
        tracing::info!("{step}");
        self.bar.set_prefix(step.to_owned());
        self.bar.set_message("");
        if self.plain {
            output::complain(&format!("[{:>5.1} s] {step}", self.began.elapsed().as_secs_f64()));
        }
    }

    /// What the nemesis is going to do.
    pub fn plan(&self, lines: &str) {
        self.note(lines);
    }

    fn note(&self, line: &str) {
        if self.plain {
            output::complain(line);
        } else {
            self.bar.println(line);
        }
    }

    /// Shows counts of operations until the task is aborted.
    pub fn follow(&self, progress: Arc<Progress>) -> tokio::task::JoinHandle<()> {
        let (bar, plain, began) = (self.bar.clone(), self.plain, self.began);
        tokio::spawn(async move {
            let mut shown = Instant::now();
            loop {
                tokio::time::sleep(REDRAW).await;
                let line = counts(&progress);
                if !plain {
                    bar.set_message(line);
                } else if shown.elapsed() >= PLAIN {
                    shown = Instant::now();
                    output::complain(&format!("[{:>5.1} s] {line}", began.elapsed().as_secs_f64()));
                }
            }
        })
    }

    /// Takes the moving line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

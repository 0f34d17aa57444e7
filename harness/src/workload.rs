//! Workloads: what clients ask, and which checkers judge the answers.

use crate::{BoxGenerator, Options, Seed};
use perjury_checkers::Checker;
use perjury_checkers::streaming::Streams;

/// A vocabulary of operations with a generator and checkers.
pub trait Workload: Send + Sync {
    /// As given to `--workload`: `register`.
    fn name(&self) -> &'static str;

    /// One line for `perjury workloads`.
    fn about(&self) -> &'static str;

    /// The kinds of anomalies that its checkers can find, for the help. Those of cycles stand also for
    /// the same in the order of sessions and of real time (`G1c-process`, `G1c-realtime`).
    fn finds(&self) -> &'static [&'static str] {
        &[]
    }

    /// The functions that it calls and the shape of their values, a line each, for the help.
    fn vocabulary(&self) -> &'static [(&'static str, &'static str)];

    /// The main load, endless: the plan limits its time and rate. The sequence of operations
    /// depends on `seed` alone, never on timing.
    fn generator(&self, options: &Options, seed: Seed) -> BoxGenerator;

    /// Whether it has keys that are chosen as often as [`Options::key_choice`] says; where it has not,
    /// `--key-choice` is refused.
    fn chooses_keys(&self) -> bool {
        false
    }

    /// What is asked after everything is healed, such as final reads. Ends by itself.
    fn final_generator(&self, options: &Options, seed: Seed) -> Option<BoxGenerator> {
        let _ = (options, seed);
        None
    }

    /// Whether the beginning of a history can show an anomaly that stays one, whatever follows. Not
    /// so where what is missing now may still be read later, at the latest in the final reads.
    fn shows_anomalies_early(&self, options: &Options) -> bool {
        self.final_generator(options, Seed::root(0)).is_none()
    }

    /// Whether the options make sense to it; the error is a sentence.
    fn validate(&self, options: &Options) -> Result<(), String> {
        let _ = options;
        Ok(())
    }

    /// What judges a history as it grows and lets go of what is settled, if the checkers can do without
    /// the whole: together they say the same. Only asked with options that are valid.
    fn streams(&self, options: &Options) -> Option<Streams> {
        let _ = options;
        None
    }

    /// The judges. Only asked with options that are valid.
    fn checkers(&self, options: &Options) -> Vec<Box<dyn Checker>>;
}

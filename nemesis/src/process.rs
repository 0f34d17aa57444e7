//! Faults on the database's processes: `kill`, `stop`, `crash-loop` and `pause`.

mod crash;
pub(crate) mod kill;
mod pause;

use crate::ground::{Ground, Tally};
use crate::schedule;
use crate::targets::{self, Bag, Spec};
use perjury_harness::generator::below;
use perjury_harness::{Applied, BoxFuture, BoxGenerator, Fault, FaultContext, Op, Options, Seed};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// One of the faults. Each has an option that pins whom it hits: `kill-targets`, a list of words
/// as [`Spec::parse`] reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcessFault {
    Kill,
    Stop,
    CrashLoop,
    Pause,
}

impl ProcessFault {
    fn breaks(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::CrashLoop => "crash-loop",
            Self::Pause => "pause",
        }
    }

    fn specs(self, options: &Options) -> Result<Vec<Spec>, String> {
        targets::specs(&format!("{}-targets", self.breaks()), options)
    }

    fn op(self, spec: &Spec, options: &Options, rng: &mut ChaCha8Rng) -> Op {
        let mut value = spec.choose(&options.nodes, rng);
        if self == Self::CrashLoop {
            value["times"] = json!(2 + below(rng, 4));
            value["pause_ms"] = json!(50 + below(rng, 451));
        }
        Op::new(self.breaks(), value)
    }

    async fn apply(self, ground: &dyn Ground, op: &Op) -> Applied {
        match (self, &*op.f) {
            (Self::Kill, "kill") => kill::end(ground, &op.value, kill::Way::Kill).await,
            (Self::Stop, "stop") => kill::end(ground, &op.value, kill::Way::Stop).await,
            (Self::CrashLoop, "crash-loop") => crash::repeat(ground, &op.value).await,
            (Self::Pause, "pause") => pause::pause(ground, &op.value).await,
            _ if *op.f == *self.functions()[1] => self.mend(ground).await.mended(),
            _ => Applied::Skipped(format!("`{}` does not know `{}`", self.name(), op.f)),
        }
    }

    async fn mend(self, ground: &dyn Ground) -> Tally {
        match self {
            Self::Pause => pause::resume(ground).await,
            Self::Kill | Self::Stop | Self::CrashLoop => kill::start(ground).await,
        }
    }

    async fn heal(self, ground: &dyn Ground) -> Result<Value, String> {
        self.mend(ground).await.healed()
    }
}

impl Fault for ProcessFault {
    fn name(&self) -> &'static str {
        self.breaks()
    }

    fn about(&self) -> &'static str {
        match self {
            Self::Kill => "kills the database's processes with SIGKILL and starts them again",
            Self::Stop => {
                "stops the database politely (SIGTERM) and starts it again, as an upgrade does"
            }
            Self::CrashLoop => "kills and starts the database several times in quick succession",
            Self::Pause => {
                "stops the database's processes with SIGSTOP for a while, as a long garbage \
                 collection does"
            }
        }
    }

    fn functions(&self) -> &'static [&'static str] {
        match self {
            Self::Kill => &["kill", "start"],
            Self::Stop => &["stop", "restart"],
            Self::CrashLoop => &["crash-loop", "end-crash-loop"],
            Self::Pause => &["pause", "resume"],
        }
    }

    fn by_default(&self) -> bool {
        matches!(self, Self::Kill | Self::Pause)
    }

    fn refuse(&self, context: &FaultContext) -> Option<String> {
        self.specs(&context.options).err()
    }

    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator {
        let fault = *self;
        let mut bag = Bag::new(self.specs(options).unwrap_or_else(|_| Spec::ALL.to_vec()));
        let own = options.clone();
        schedule::break_and_mend(
            options.nemesis_interval,
            seed,
            move |rng| fault.op(&bag.draw(rng), &own, rng),
            Op::new(self.functions()[1], Value::Null),
        )
    }

    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        Ok(self.op(&Spec::parse(words, options)?, options, &mut seed.rng()))
    }

    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(ProcessFault::apply(*self, context, op))
    }

    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(ProcessFault::heal(*self, context))
    }
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod kill_tests;
#[cfg(test)]
mod pause_tests;

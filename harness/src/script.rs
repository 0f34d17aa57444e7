//! Fault scripts: which fault when, word for word.
//!
//! ```text
//! at 10s cut n1|n2,n3 for 5s
//! at 20s kill n2 for 3s
//! at 30s mend
//! every 20s pause one for 4s
//! ```
//! A line is `at` a time since the load began, or `every` so often; then a fault, by its own name
//! or that of one of its operations; then the words that the fault understands; then, with `for`,
//! how long until the operation that mends it. Lines may overlap in time; each operation is done
//! when its time has come and the one before is finished. A mending operation mends all that its
//! fault has broken.

use crate::exit::Usage;
use crate::generator::{BoxGenerator, GeneratorExt, concat, op, sleep, unfold};
use crate::registry::unknown;
use crate::span::Span;
use crate::{Fault, Op, Options, Registry, Seed};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// A line that was understood.
#[derive(Clone)]
pub struct Step {
    fault: Arc<dyn Fault>,
    /// When, from the beginning of the load, or with which period.
    time: Duration,
    repeats: bool,
    /// What the fault understands; `None` to mend.
    words: Option<String>,
    /// How long until the mending operation.
    hold: Option<Duration>,
    options: Options,
    seed: Seed,
}

/// Reads a script. Empty lines and those that begin with `#` are left out.
///
/// # Errors
/// The first line that cannot be read, and why.
pub fn parse(
    lines: &[String],
    options: &Options,
    registry: &Registry,
    seed: Seed,
) -> Result<Vec<Step>, Usage> {
    let meaningful = lines.iter().map(|line| line.trim()).enumerate();
    meaningful
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            let seed = seed.derive("script").derive(&number.to_string());
            read(line, options, registry, seed)
                .map_err(|problem| Usage(format!("script, `{line}`: {problem}")))
        })
        .collect()
}

fn read(line: &str, options: &Options, registry: &Registry, seed: Seed) -> Result<Step, String> {
    const FORM: &str = "write `at 10s FAULT WORDS for 5s`, or `every 20s FAULT WORDS for 5s`";
    let (head, rest) = line.split_once(char::is_whitespace).ok_or(FORM)?;
    let (time, rest) = rest.trim_start().split_once(char::is_whitespace).ok_or(FORM)?;
    let repeats = match head {
        "at" => false,
        "every" => true,
        _ => return Err(FORM.to_owned()),
    };
    let time = time.parse::<Span>()?.0;
    let rest = rest.trim();
    let (verb, words) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let fault = find(registry, verb)?;
    let mending = fault.functions().get(1).copied();
    let (words, hold) = match words.rsplit_once("for ") {
        Some((words, span)) => (words.trim(), Some(span.parse::<Span>()?.0)),
        None => (words.trim(), None),
    };
    if hold.is_some() && mending.is_none_or(|mending| mending == verb) {
        return Err(format!("nothing ends `{verb}`: leave `for` out"));
    }
    if repeats && hold.unwrap_or_default() >= time {
        return Err("it would begin again before it has ended".to_owned());
    }
    let words = (mending != Some(verb)).then(|| words.to_owned());
    let step =
        Step { fault: fault.clone(), time, repeats, words, hold, options: options.clone(), seed };
    step.breaking(0)?;
    Ok(step)
}

/// The fault that has this name, or an operation of this name.
fn find<'r>(registry: &'r Registry, verb: &str) -> Result<&'r Arc<dyn Fault>, String> {
    let faults = || registry.faults.iter();
    let named = faults().find(|fault| fault.name() == verb);
    named.or_else(|| faults().find(|fault| fault.functions().contains(&verb))).ok_or_else(|| {
        let all = faults().flat_map(|fault| fault.functions().iter().copied());
        unknown("the script", "fault", verb, all).0
    })
}

/// Generators that ask for these steps, each at its time.
pub fn generators(steps: Vec<Step>) -> Vec<BoxGenerator> {
    steps.into_iter().flat_map(Step::generators).collect()
}

impl Step {
    /// The name of its fault.
    pub fn fault(&self) -> &'static str {
        self.fault.name()
    }

    /// The operation of a round: what the words leave open is drawn anew in each.
    fn breaking(&self, round: u64) -> Result<Op, String> {
        match &self.words {
            None => Ok(self.mending()),
            Some(words) => {
                self.fault.script(words, &self.options, self.seed.derive(&round.to_string()))
            }
        }
    }

    fn mending(&self) -> Op {
        Op::new(self.fault.functions().get(1).copied().unwrap_or_default(), Value::Null)
    }

    fn generators(self) -> Vec<BoxGenerator> {
        if !self.repeats {
            let Ok(breaking) = self.breaking(0) else { return Vec::new() };
            let mut all = vec![concat(vec![sleep(self.time), op(breaking)]).on_nemesis()];
            if let Some(hold) = self.hold {
                let mend = concat(vec![sleep(self.time + hold), op(self.mending())]);
                all.push(mend.on_nemesis());
            }
            return all;
        }
        let mut round = 0;
        let rounds = unfold(self.seed, move |_| {
            let hold = self.hold.unwrap_or_default();
            let mut parts = vec![sleep(self.time - hold), op(self.breaking(round).ok()?)];
            round += 1;
            if self.hold.is_some() {
                parts.extend([sleep(hold), op(self.mending())]);
            }
            Some(concat(parts))
        });
        vec![rounds.on_nemesis()]
    }
}

#[cfg(test)]
mod tests;

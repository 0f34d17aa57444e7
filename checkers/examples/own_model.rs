//! A model of one's own: a register that may lose what is written to it, and never says so.
#![allow(clippy::print_stdout, reason = "an example prints its verdicts")]

use std::fmt::Write as _;

use perjury_checkers::history::read_any;
use perjury_checkers::linear::{Answer, Asked, Leaves, Linearizable, Model, Needs, Values};
use perjury_checkers::{Budget, Checker};

/// A register that takes each write or ignores it. What is overwritten never comes back.
struct LossyRegister;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Call {
    Read(u32),
    Write(u32),
}

impl Model for LossyRegister {
    /// The number of the value that it holds; `Values` gives equal values equal numbers.
    type State = u32;
    type Call = Call;

    fn noun(&self) -> &'static str {
        "lossy register"
    }

    fn initial(&self, values: &mut Values) -> u32 {
        values.intern(&serde_json::Value::Null)
    }

    /// A read counts with its answer, a write with its argument; what certainly did not happen
    /// does not count, nor does a read that nobody saw the answer of.
    fn call(&self, asked: Asked<'_>, values: &mut Values) -> Result<Option<Call>, String> {
        match (asked.f, asked.answer) {
            ("read", Answer::Ok(value)) => Ok(Some(Call::Read(values.intern(value)))),
            ("read", _) | ("write", Answer::Failed) => Ok(None),
            ("write", _) => Ok(Some(Call::Write(values.intern(asked.input)))),
            (f, _) => Err(format!("a lossy register has no `{f}`, only read and write")),
        }
    }

    /// One state that may follow. `steps` has all of them.
    fn step(&self, held: &u32, call: &Call) -> Option<u32> {
        match *call {
            Call::Read(value) => (value == *held).then_some(*held),
            Call::Write(value) => Some(value),
        }
    }

    /// A write leaves a choice: it is taken, or lost.
    fn steps(&self, held: &u32, call: &Call, each: &mut dyn FnMut(u32)) {
        if let Some(next) = self.step(held, call) {
            each(next);
        }
        if let Call::Write(_) = call {
            each(*held);
        }
    }

    /// A hint, which may be left out: a read is possible in one state only.
    fn needs(&self, call: &Call) -> Needs<u32> {
        match *call {
            Call::Read(value) => Needs::State(value),
            Call::Write(_) => Needs::Nothing,
        }
    }

    /// Another hint: reads change nothing. What a write leaves cannot be said.
    fn leaves(&self, call: &Call) -> Leaves<u32> {
        match call {
            Call::Read(_) => Leaves::Unchanged,
            Call::Write(_) => Leaves::Unclear,
        }
    }

    fn describe(&self, call: &Call, values: &Values) -> String {
        match *call {
            Call::Read(value) => format!("read {}", values.get(value)),
            Call::Write(value) => format!("wrote {}", values.get(value)),
        }
    }

    fn describe_state(&self, held: &u32, values: &Values) -> String {
        values.get(*held).to_string()
    }
}

/// The write of 2 is lost.
const LOST: &str = r#"
{"index":0,"time":0,"process":0,"type":"invoke","f":"write","value":1}
{"index":1,"time":1,"process":0,"type":"ok","f":"write","value":1}
{"index":2,"time":2,"process":0,"type":"invoke","f":"write","value":2}
{"index":3,"time":3,"process":0,"type":"ok","f":"write","value":2}
{"index":4,"time":4,"process":1,"type":"invoke","f":"read","value":null}
{"index":5,"time":5,"process":1,"type":"ok","f":"read","value":1}
"#;

/// The write of 2 is seen, and then 1 comes back.
const BACK: &str = r#"
{"index":6,"time":6,"process":0,"type":"invoke","f":"write","value":3}
{"index":7,"time":7,"process":1,"type":"invoke","f":"read","value":null}
{"index":8,"time":8,"process":1,"type":"ok","f":"read","value":2}
{"index":9,"time":9,"process":0,"type":"ok","f":"write","value":3}
{"index":10,"time":10,"process":1,"type":"invoke","f":"read","value":null}
{"index":11,"time":11,"process":1,"type":"ok","f":"read","value":1}
"#;

/// Judges both histories, and says what came out.
pub fn report() -> Result<String, Box<dyn std::error::Error>> {
    let lost = LOST.to_owned();
    let back = LOST.replace(r#""ok","f":"read","value":1"#, r#""ok","f":"read","value":2"#) + BACK;
    let mut report = String::new();
    for text in [lost, back] {
        let (history, _) = read_any(text.trim().as_bytes(), "history.jsonl")?;
        let finding = Linearizable::new(LossyRegister).check(&history, &Budget::default());
        writeln!(report, "{:?}", finding.verdict)?;
        for anomaly in &finding.anomalies {
            writeln!(report, "{}: {}", anomaly.kind, anomaly.explanation)?;
            for step in &anomaly.steps {
                writeln!(report, "- {}", step.text)?;
            }
        }
    }
    Ok(report)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    print!("{}", report()?);
    Ok(())
}

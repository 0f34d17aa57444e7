//! Database processes that ended without having been told to.

use super::Crashes;
use crate::report::FaultRecord;
use crate::report::text;
use perjury_checkers::{Anomaly, Finding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

const CHECKER: &str = "crashes";
/// After a fault was mended, how long its consequences may take, in nanoseconds.
const AFTERMATH: u64 = 10_000_000_000;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct End {
    pub node: String,
    /// Nanoseconds since the run began; 0 if it was before.
    pub at_ns: u64,
    /// Its exit code, unless a signal ended it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signal: Option<i32>,
    /// Whether the kernel wrote its memory to a file.
    #[serde(default)]
    pub core: bool,
}

impl End {
    /// `signal SIGSEGV (core dumped)`, `exit code 1`.
    pub fn how(&self) -> String {
        let core = if self.core { " (core dumped)" } else { "" };
        match (self.signal, self.code) {
            (Some(signal), _) => {
                let name = nix::sys::signal::Signal::try_from(signal);
                let name = name.map_or_else(|_| signal.to_string(), |name| name.to_string());
                format!("signal {name}{core}")
            }
            (None, Some(code)) => format!("exit code {code}"),
            (None, None) => "an unknown end".to_owned(),
        }
    }

    /// Whether the program itself did what no program may do, rather than give up or be killed.
    fn is_crash(&self) -> bool {
        use nix::libc;
        const SIGNALS: [i32; 7] = [
            libc::SIGSEGV,
            libc::SIGABRT,
            libc::SIGBUS,
            libc::SIGILL,
            libc::SIGFPE,
            libc::SIGSYS,
            libc::SIGTRAP,
        ];
        self.core || self.signal.is_some_and(|signal| SIGNALS.contains(&signal))
    }

    /// Whether nothing was broken then, nor just before.
    fn is_undisturbed(&self, faults: &[FaultRecord]) -> bool {
        let spans = faults.iter().filter_map(FaultRecord::span);
        !spans
            .into_iter()
            .any(|(from, to)| (from..=to.saturating_add(AFTERMATH)).contains(&self.at_ns))
    }
}

/// The finding of `ends`, if there are any.
pub fn judge(ends: &[End], faults: &[FaultRecord], crashes: Crashes) -> Option<Finding> {
    if ends.is_empty() {
        return None;
    }
    let is_anomaly = |end: &&End| match crashes {
        Crashes::Never => true,
        Crashes::Undisturbed => end.is_crash() && end.is_undisturbed(faults),
        Crashes::Told => false,
    };
    let anomalies: Vec<Anomaly> =
        ends.iter().filter(is_anomaly).map(|end| anomaly(end, faults)).collect();
    let stats = json!({ "ended": ends.len(), "anomalies": anomalies.len() });
    Some(match anomalies.is_empty() {
        true => Finding::valid(CHECKER, stats),
        false => Finding::invalid(CHECKER, anomalies, stats),
    })
}

fn anomaly(end: &End, faults: &[FaultRecord]) -> Anomaly {
    let calm = if end.is_undisturbed(faults) { " Nothing was broken at that time." } else { "" };
    Anomaly {
        kind: "crash".to_owned(),
        title: format!("The database on {} ended with {}", end.node, end.how()),
        explanation: format!(
            "At {} its process ended with {}, and nobody had told it to.{calm} Its log, in the \
             folder {} of the run, may say why.",
            text::moment(end.at_ns),
            end.how(),
            end.node
        ),
        ..Anomaly::default()
    }
}

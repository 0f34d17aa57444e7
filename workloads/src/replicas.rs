//! Workloads of replicas that answer alone: what they can be told, and how their last reads go.

use crate::agree::{Asking, agree};
use crate::settings;
use perjury_checkers::eventual::Promise;
use perjury_harness::{BoxGenerator, Options};

/// `--set converge-within=SECONDS`: how long after everything is healed replicas may differ.
const WITHIN: &str = "converge-within";
/// `--set sessions=false`: sessions are promised nothing.
const SESSIONS: &str = "sessions";
/// The harness waits for a minute for last reads, which take longer than what they have to wait for.
const LONGEST: u64 = 30;

/// What replicas promise; `sessions` unless the user says otherwise.
pub(crate) fn promise(options: &Options, sessions: bool) -> Result<Promise, String> {
    let usual = Promise::CONVERGE_WITHIN / 1_000_000_000;
    let seconds: u64 = settings::number(options, WITHIN, usual)?;
    if !(1..=LONGEST).contains(&seconds) {
        return Err(format!("--set {WITHIN}={seconds}: write 1 to {LONGEST}, in seconds"));
    }
    let sessions = settings::flag(options, SESSIONS)?.unwrap_or(sessions);
    Ok(Promise { converge_within: seconds * 1_000_000_000, sessions })
}

/// Reads of everything on each node until all agree.
pub(crate) fn last_reads(options: &Options, keyed: bool, digest: bool) -> BoxGenerator {
    let converge_within = promise(options, true).unwrap_or_default().converge_within;
    let window = keyed.then(|| options.keys.max(1));
    agree(Asking { window, digest, converge_within })
}

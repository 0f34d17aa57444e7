//! Who may have had the lock, from when to when, and who was refused it.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::history::CRASH;
use crate::tally::Site;
use crate::{Event, History, Kind, Process};

/// How an attempt at the lock may have given it to somebody, and until when at the latest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    /// The `acquire`.
    pub(super) grant: Site,
    /// It was answered. Else nobody knows.
    pub(super) known: bool,
    pub(super) end: End,
}

/// What is known of the end of a hold; times in nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// The history ends sooner.
    Open,
    /// It was refused.
    Never,
    /// It was over by then: released, or the database answered that its process does not have it.
    Over { by: u64, release: Site },
    /// Its process's client knew by then that it does not have it, without asking: the session that had
    /// it is over, which the database may not have seen yet.
    Lost { at: u64, release: Site },
    /// The process is gone since then; the index of its last call.
    Gone { at: u64, call: u64 },
}

/// An `acquire` that failed since the lock was held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal(pub(super) Site);

/// All of a history's holds and refusals.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// By the begin of their `acquire`.
    pub(super) holds: Vec<Hold>,
    /// For each of them the latest that it or any before may have been held.
    until: Vec<u64>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) granted: u64,
    /// When everything that was broken had been healed, nanoseconds; `u64::MAX` if that is not known.
    pub(super) healed: u64,
}

impl Hold {
    /// The last moment at which it may have been held.
    pub(super) fn until(&self, lease: u64) -> u64 {
        match self.end {
            End::Open => u64::MAX,
            End::Never => 0,
            End::Over { by, .. } => by,
            End::Gone { at, .. } | End::Lost { at, .. } => at.saturating_add(lease),
        }
    }

    /// Since when nobody has it who could release it, nanoseconds, if it was not released.
    fn orphaned(&self) -> Option<u64> {
        match self.end {
            End::Gone { at, .. } | End::Lost { at, .. } => Some(at),
            End::Open | End::Never | End::Over { .. } => None,
        }
    }
}

/// Why a history cannot be judged.
const NAMES: &str = "locks or owners have names here, and one lock without names is what is judged";
const NO_CALL: &str =
    "there are answers here to calls that are not, so who may have had the lock is not known";

impl Traces {
    /// The error is a sentence on why this history cannot be judged.
    pub(super) fn of(history: &History, lease: u64) -> Result<Self, &'static str> {
        let mut reading = Reading::default();
        for event in history.events() {
            match event.process {
                Process::Nemesis => reading.mending.take(event),
                Process::Client(process) => reading.client(process, event)?,
            }
        }
        let Reading { mut traces, mending, .. } = reading;
        traces.healed = mending.healed();
        let mut latest = 0;
        traces.until = traces
            .holds
            .iter()
            .map(|hold| {
                latest = hold.until(lease).max(latest);
                latest
            })
            .collect();
        Ok(traces)
    }

    /// How many holds had begun by then.
    fn begun(&self, by: u64) -> usize {
        self.holds.partition_point(|hold| hold.grant.called <= by)
    }

    /// Whether somebody may have had the lock at some moment of the call.
    pub(super) fn may_be_held(&self, refusal: &Refusal) -> bool {
        let begun = self.begun(refusal.0.returned.unwrap_or(u64::MAX));
        begun > 0 && self.until[begun - 1] >= refusal.0.called
    }

    /// Who had the lock before a refusal, as far as that is known: the last that was granted it, or one
    /// that is gone and may have been granted it since.
    pub(super) fn last_before(&self, refusal: &Refusal) -> Option<&Hold> {
        let begun = &self.holds[..self.begun(refusal.0.called)];
        begun.iter().rfind(|hold| !matches!(hold.end, End::Never))
    }

    /// Grants to processes that died without a release.
    pub(super) fn died_holding(&self) -> usize {
        self.holds.iter().filter(|hold| hold.known && hold.orphaned().is_some()).count()
    }

    /// Per grant to a process that died, nanoseconds from its death to the next grant's answer.
    pub(super) fn taken_back(&self) -> Vec<u64> {
        let granted: Vec<&Hold> = self.holds.iter().filter(|hold| hold.known).collect();
        let next = granted
            .windows(2)
            .filter_map(|pair| Some(pair[1].grant.returned?.saturating_sub(pair[0].orphaned()?)));
        next.collect()
    }
}

/// What is open while a history is read.
#[derive(Default)]
struct Reading<'h> {
    traces: Traces,
    /// Per process the event that began its open call.
    calls: FxHashMap<u32, Call>,
    /// Per process its last hold, if that may not be over.
    held: FxHashMap<u32, usize>,
    mending: Mending<'h>,
}

#[derive(Clone, Copy)]
struct Call {
    site: Site,
    /// Of an `acquire`, which is a hold unless it fails.
    hold: Option<usize>,
}

impl Reading<'_> {
    fn client(&mut self, process: u32, event: &Event) -> Result<(), &'static str> {
        if event.kind == Kind::Invoke {
            return self.begin(process, event);
        }
        let mut call = self.calls.remove(&process).ok_or(NO_CALL)?;
        if event.kind != Kind::Info {
            call.site.returned = Some(event.time);
        }
        match (&*event.f, event.kind) {
            (_, Kind::Info) => {
                for hold in [call.hold, self.held.remove(&process)].into_iter().flatten() {
                    let end = End::Gone { at: event.time, call: call.site.index };
                    self.traces.holds[hold].end = end;
                }
            }
            ("acquire", Kind::Ok) => self.granted(process, call, event.time),
            ("acquire", Kind::Fail) => self.refused(call, event),
            ("release", kind) if kind == Kind::Ok || is_not_held(event.error.as_deref()) => {
                self.over(process, call, event);
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, process: u32, event: &Event) -> Result<(), &'static str> {
        let site = Site { index: event.index, process, called: event.time, returned: None };
        let mut call = Call { site, hold: None };
        match &*event.f {
            "acquire" if event.value.is_null() => {
                call.hold = Some(self.traces.holds.len());
                self.traces.holds.push(Hold { grant: site, known: false, end: End::Open });
            }
            "release" if event.value.is_null() => {}
            CRASH => {}
            _ => return Err(NAMES),
        }
        self.calls.insert(process, call);
        Ok(())
    }

    fn granted(&mut self, process: u32, call: Call, time: u64) {
        self.traces.granted += 1;
        let Some(hold) = call.hold else { return };
        (self.traces.holds[hold].known, self.traces.holds[hold].grant) = (true, call.site);
        if let Some(earlier) = self.held.insert(process, hold) {
            // It cannot have been granted what it had.
            self.traces.holds[earlier].end = End::Over { by: time, release: call.site };
        }
    }

    /// The process has no lock, whether it had one or not.
    fn over(&mut self, process: u32, call: Call, event: &Event) {
        let Some(hold) = self.held.remove(&process) else { return };
        let (time, release) = (event.time, call.site);
        // Otherwise the client said so by itself.
        let is_answer = event.kind == Kind::Ok || event.is_declined();
        self.traces.holds[hold].end = match is_answer {
            true => End::Over { by: time, release },
            false => End::Lost { at: time, release },
        };
    }

    fn refused(&mut self, call: Call, event: &Event) {
        if let Some(hold) = call.hold {
            self.traces.holds[hold].end = End::Never;
        }
        if is_held(event.error.as_deref()) {
            self.traces.refusals.push(Refusal(call.site));
        }
    }
}

/// The error of an `acquire` says that somebody has the lock.
fn is_held(error: Option<&str>) -> bool {
    error.is_some_and(|error| error.ends_with("held") && !is_not_held(Some(error)))
}

/// Whether the error of a `release` says that the process does not have the lock.
pub fn is_not_held(error: Option<&str>) -> bool {
    error.is_some_and(|error| error.contains("not held"))
}

/// Whether what the nemesis broke has been healed.
///
/// The history names no faults. But each has one function that breaks and one that heals, and both are
/// told of twice, before and after. So all is healed once, after the last break, as many functions have
/// healed as have ever broken anything, and none is under way.
#[derive(Default)]
struct Mending<'h> {
    under_way: FxHashSet<&'h str>,
    /// Functions that have, or may have, broken something.
    broke: FxHashSet<&'h str>,
    /// Functions that have ever healed something.
    heal: FxHashSet<&'h str>,
    /// Those of them that were done since the last break, also if there was nothing to heal.
    healed: FxHashSet<&'h str>,
    last: u64,
}

impl<'h> Mending<'h> {
    fn take(&mut self, event: &'h Event) {
        let f: &str = &event.f;
        self.last = event.time;
        match event.value["outcome"].as_str() {
            None => {
                self.under_way.insert(f);
                return;
            }
            Some("healed") => {
                self.heal.insert(f);
                self.healed.insert(f);
            }
            Some("skipped") if self.heal.contains(f) => drop(self.healed.insert(f)),
            Some("skipped") => {}
            Some(_) => {
                self.broke.insert(f);
                self.healed.clear();
            }
        }
        self.under_way.remove(f);
    }

    fn healed(&self) -> u64 {
        let healed = self.under_way.is_empty() && self.healed.len() >= self.broke.len();
        if healed { self.last } else { u64::MAX }
    }
}

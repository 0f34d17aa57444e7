//! Random histories of several registers, for the tests of their neighbours.

use serde_json::{Value, json};

use crate::linear::distinct::Calls;
use crate::linear::model::{NEVER, Timed};
use crate::linear::models::RegisterCall;
use crate::linear::synthetic::Random;
use crate::{Event, History, Kind, Process};

/// Calls on several registers, by register, with who made each.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) calls: Vec<Calls>,
    pub(super) processes: Vec<Vec<u32>>,
}

/// At most so many calls of so many processes on one or two registers, each value written
/// once. A read sees any value that somebody had asked for by its end: often the latest.
pub(super) fn made(random: &mut Random, most: u64, processes: u32) -> Made {
    let keys = 1 + random.below(2) as usize;
    let mut made = Made { calls: vec![Vec::new(); keys], processes: vec![Vec::new(); keys] };
    let count = 2 + random.below(most - 1);
    let latest = random.below(100);
    // Per process its open call; per register what was asked for.
    let mut open: Vec<Option<(usize, usize)>> =
        vec![None; 1 + random.below(processes.into()) as usize];
    let mut asked: Vec<Vec<u32>> = vec![vec![0]; keys];
    let (mut begun, mut position) = (0, 0);
    while begun < count || open.iter().any(Option::is_some) {
        let process = random.below(open.len() as u64) as usize;
        position += 1;
        if let Some((key, call)) = open[process].take() {
            let timed = &mut made.calls[key][call];
            timed.end = position;
            let seen = |random: &mut Random| {
                let values = &asked[key];
                let back =
                    if random.chance(latest) { 0 } else { random.below(values.len() as u64) };
                values[values.len() - 1 - back as usize]
            };
            match &mut timed.call {
                RegisterCall::Read(value) => *value = seen(random),
                RegisterCall::Cas(old, new) => {
                    // Not what it writes itself.
                    *old = seen(random);
                    if old == new {
                        *old = 0;
                    }
                }
                _ => {}
            }
            if random.chance(5) && !matches!(timed.call, RegisterCall::Read(_)) {
                timed.end = NEVER;
            }
        } else if begun < count {
            begun += 1;
            let key = random.below(keys as u64) as usize;
            let fresh = asked[key].len() as u32;
            let call = match random.below(20) {
                0..10 => RegisterCall::Read(0),
                10..19 => RegisterCall::Write(fresh),
                _ => RegisterCall::Cas(0, fresh),
            };
            if !matches!(call, RegisterCall::Read(_)) {
                asked[key].push(fresh);
            }
            open[process] = Some((key, made.calls[key].len()));
            made.calls[key].push(Timed { call, start: position, end: NEVER });
            made.processes[key].push(process as u32);
        }
    }
    made
}

impl Made {
    /// These calls as a keyed history, begun and answered at their moments.
    pub(super) fn history(&self) -> History {
        let mut moments = Vec::new();
        for (key, calls) in self.calls.iter().enumerate() {
            for (number, timed) in calls.iter().enumerate() {
                moments.push((timed.start, key, number, Kind::Invoke));
                if timed.end != NEVER {
                    moments.push((timed.end, key, number, Kind::Ok));
                }
            }
        }
        moments.sort_unstable_by_key(|(position, ..)| *position);
        let event = |(position, key, number, kind): (u32, usize, usize, Kind)| {
            let asks = kind == Kind::Invoke;
            let value = |value: u32| if value == 0 { Value::Null } else { json!(value) };
            let (f, value) = match self.calls[key][number].call {
                RegisterCall::Read(seen) => ("read", if asks { Value::Null } else { value(seen) }),
                RegisterCall::Write(new) => ("write", value(new)),
                RegisterCall::Cas(old, new) => ("cas", json!([value(old), value(new)])),
                RegisterCall::CasMiss(old) => ("cas", json!([value(old), Value::Null])),
            };
            Event {
                index: position.into(),
                time: position.into(),
                process: Process::Client(self.processes[key][number]),
                kind,
                f: f.into(),
                value: json!([key, value]),
                node: None,
                error: None,
                due: None,
            }
        };
        History::new_lenient(moments.into_iter().map(event).collect()).expect("well-formed")
    }

    /// Those of these calls that begin at one of these moments.
    pub(super) fn only(&self, starts: &[u64]) -> Self {
        let mut made = Self::default();
        for (calls, processes) in self.calls.iter().zip(&self.processes) {
            let numbered = calls.iter().zip(processes);
            let some = numbered.filter(|(timed, _)| starts.contains(&timed.start.into()));
            let (calls, processes) = some.map(|(timed, process)| (*timed, *process)).unzip();
            made.calls.push(calls);
            made.processes.push(processes);
        }
        made
    }
}

/// A few hundred calls of processes that each look at a copy of all registers which is behind
/// by some writes, but never goes back, and has what the process itself wrote. So the history
/// is sequentially consistent, in the real-time order of writes, and rarely linearizable.
pub(super) fn lagging(seed: u64) -> Made {
    let mut random = Random(seed);
    let (keys, count) = (1 + random.below(4) as usize, 100 + random.below(300));
    let processes = 1 + random.below(12) as usize;
    let mut made = Made { calls: vec![Vec::new(); keys], processes: vec![Vec::new(); keys] };
    // All writes in their order; per process how many of them its copy has.
    let mut log: Vec<(usize, u32)> = Vec::new();
    let mut copies = vec![0usize; processes];
    let mut open: Vec<Option<(usize, usize, bool)>> = vec![None; processes];
    let mut asked = vec![0u32; keys];
    let (mut begun, mut position) = (0, 0);
    while begun < count || open.iter().any(Option::is_some) {
        let process = random.below(processes as u64) as usize;
        position += 1;
        match open[process] {
            Some((key, call, true)) => {
                made.calls[key][call].end = position;
                open[process] = None;
            }
            Some((key, call, false)) => {
                open[process] = Some((key, call, true));
                match &mut made.calls[key][call].call {
                    RegisterCall::Read(value) => {
                        let behind = log.len() - copies[process];
                        copies[process] += random.below(behind as u64 + 1) as usize;
                        let mut seen = log[..copies[process]].iter().rev();
                        *value = seen.find(|(other, _)| *other == key).map_or(0, |(_, v)| *v);
                    }
                    RegisterCall::Write(value) => {
                        log.push((key, *value));
                        copies[process] = log.len();
                    }
                    _ => {}
                }
            }
            None if begun < count => {
                begun += 1;
                let key = random.below(keys as u64) as usize;
                let read = random.chance(60);
                asked[key] += u32::from(!read);
                let call =
                    if read { RegisterCall::Read(0) } else { RegisterCall::Write(asked[key]) };
                open[process] = Some((key, made.calls[key].len(), false));
                made.calls[key].push(Timed { call, start: position, end: NEVER });
                made.processes[key].push(process as u32);
            }
            None => {}
        }
    }
    made
}

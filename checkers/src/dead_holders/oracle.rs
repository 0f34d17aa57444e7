//! The definition, taken literally: each refusal is held against all that its history tells.

use crate::{Event, History, Kind, Process};

/// Indices of the refused calls that nobody alive explains, when nothing was ever broken.
pub(super) fn unexplained(history: &History, within: u64) -> Vec<u64> {
    let events = history.events();
    let of = |event: &&Event, process: Process| event.process == process;
    let mut found = Vec::new();
    for (at, refusal) in events.iter().enumerate() {
        let is = (&*refusal.f, refusal.kind, refusal.error.as_deref());
        if is != ("acquire", Kind::Fail, Some("held")) {
            continue;
        }
        let own = events[..at].iter().rev().find(|event| of(event, refusal.process));
        let call = own.expect("its call");
        // What every process says of every moment of the call.
        let explained = events.iter().enumerate().any(|(begun, event)| {
            if (&*event.f, event.kind) != ("acquire", Kind::Invoke) {
                return false;
            }
            let later = events[begun + 1..].iter().filter(|later| of(later, event.process));
            let later: Vec<&Event> = later.collect();
            let until = match later.first().map(|end| end.kind) {
                Some(Kind::Fail) => return false,
                None => u64::MAX,
                _ => over(&later, within),
            };
            event.time <= refusal.time && until >= call.time
        });
        if !explained && call.time >= within {
            found.push(call.index);
        }
    }
    found
}

/// Until when one may have the lock of whom these are the events from the answer of its `acquire` on.
fn over(later: &[&Event], within: u64) -> u64 {
    for (at, event) in later.iter().enumerate() {
        match (&*event.f, event.kind, event.error.as_deref()) {
            (_, Kind::Info, _) | ("release", Kind::Fail, Some("not held")) => {
                return event.time.saturating_add(within);
            }
            ("release", Kind::Ok, _) | ("release", Kind::Fail, Some("declined: not held")) => {
                return event.time;
            }
            ("acquire", Kind::Ok, _) if at > 0 => return event.time,
            _ => {}
        }
    }
    u64::MAX
}

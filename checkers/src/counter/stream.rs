//! The same one event after another: what a read can have shown is known when the adds are that had
//! begun by its end.

use super::{Bounds, Call, read_call};
use crate::history::{Name, brief::Brief};
use crate::streaming::settled::{Moment, Said, Settling};
use crate::streaming::{Found, Part, Streaming, Violation};

/// Judges what [`Counter`](super::Counter) judges, with the same words, in memory for the calls that
/// are open and the resets that may have been the last.
#[derive(Debug, Default)]
pub struct CounterStream {
    settling: Settling<Call>,
    bounds: Bounds,
    found: Found,
}

fn read(said: Said<'_>) -> Result<Call, String> {
    let Said { index, f, input, output } = said;
    input.with(|input| match output {
        Some(output) => output.with(|output| read_call(index, f, input, Some(output))),
        None => read_call(index, f, input, None),
    })
}

impl CounterStream {
    fn judge(&mut self, now: u64) {
        for moment in self.settling.by_ref() {
            match moment {
                Moment::Begin(one) => self.bounds.begins(one.call, one.site, one.end),
                Moment::End(one) => {
                    let end = one.end.unwrap_or(now);
                    if let Some(wrong) = self.bounds.ends(one.call, one.site, end) {
                        self.found.add(one.site.index, now, || wrong.told());
                    }
                }
            }
        }
    }
}

impl Streaming for CounterStream {
    fn push(&mut self, brief: &Brief, names: &[Name]) -> Result<(), String> {
        self.settling.push(brief, names, read)?;
        self.judge(brief.index);
        Ok(())
    }

    fn violations(&mut self) -> (Vec<Violation>, u64) {
        self.found.take()
    }

    fn finish(&mut self, last: u64, names: &[Name]) -> Part {
        let unread = self.settling.finish(names, read).err();
        self.judge(last);
        let (stats, nothing) = self.bounds.summary();
        Part { stats, unknown: unread.map(|why| (0, why)), nothing }
    }
}

//! Synthetic histories as Jepsen's EDN.

use std::io::{self, Write};

use super::store::{Client, Store};
use super::{Kind, Load, Moment};
use crate::txn::transactions::Status;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 16;

/// Writes an operation a line.
pub(super) struct Sink<W> {
    kind: Kind,
    to: W,
    line: Vec<u8>,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(load: &Load, to: W) -> Self {
        Self { kind: load.kind, to, line: Vec::with_capacity(2 * BUFFER) }
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.to.write_all(&self.line)?;
        self.to.flush()
    }

    fn operation(
        &mut self,
        kind: &str,
        store: &Store,
        client: &Client,
        moment: Moment,
    ) -> io::Result<()> {
        let Self { line, .. } = self;
        line.extend_from_slice(b"{:index ");
        number(line, moment.index);
        line.extend_from_slice(b", :time ");
        number(line, moment.time);
        line.extend_from_slice(b", :type :");
        line.extend_from_slice(kind.as_bytes());
        line.extend_from_slice(b", :process ");
        number(line, u64::from(client.process));
        line.extend_from_slice(b", :f :txn, :value [");
        let write: &[u8] = if self.kind == Kind::ListAppend { b"[:append " } else { b"[:w " };
        for (place, step) in client.steps.iter().enumerate() {
            if place > 0 {
                line.push(b' ');
            }
            line.extend_from_slice(if step.write { write } else { b"[:r " });
            number(line, u64::from(step.key));
            line.push(b' ');
            match (step.write, self.kind) {
                (true, _) => number(line, u64::from(step.value)),
                _ if kind != "ok" || step.value == 0 => line.extend_from_slice(b"nil"),
                (_, Kind::RwRegister) => number(line, u64::from(step.value)),
                (_, Kind::ListAppend) => {
                    line.push(b'[');
                    for (place, value) in store.list(step).iter().enumerate() {
                        if place > 0 {
                            line.push(b' ');
                        }
                        number(line, u64::from(*value));
                    }
                    line.push(b']');
                }
            }
            line.push(b']');
        }
        line.extend_from_slice(b"]}\n");
        if line.len() >= BUFFER {
            self.to.write_all(line)?;
            line.clear();
        }
        Ok(())
    }
}

impl<W: Write> super::Sink for Sink<W> {
    fn called(&mut self, store: &Store, client: &Client, moment: Moment) -> io::Result<()> {
        self.operation("invoke", store, client, moment)
    }

    fn answered(&mut self, store: &Store, client: &Client, moment: Moment) -> io::Result<()> {
        let kind = match client.status {
            Status::Committed => "ok",
            Status::Aborted => "fail",
            Status::Unknown => "info",
        };
        self.operation(kind, store, client, moment)
    }
}

fn number(line: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}

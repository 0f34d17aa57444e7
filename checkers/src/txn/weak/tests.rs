//! Tests of weak isolation: definitions, simulated stores, published verdicts, long chains.

mod golden;
mod oracle;
mod stores;
mod told;

use crate::txn::key_value::KeyValue;
use crate::txn::transactions::{Action, Atom, Builder, Status, Transactions, Writes};

/// A step: key, and the value written or read; `None` is the initial null.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Write(u32, u32),
    Read(u32, Option<u32>),
}

/// Sessions of committed transactions.
pub(super) fn sessions(sessions: &[&[&[Op]]]) -> Transactions {
    let mut builder = Builder::new(false);
    for (session, txns) in (0..).zip(sessions) {
        for txn in *txns {
            builder.begin_in_session(session, Status::Committed);
            add(&mut builder, txn);
        }
    }
    builder.finish()
}

pub(super) fn add(builder: &mut Builder, txn: &[Op]) {
    for op in txn {
        match *op {
            Op::Write(key, value) => builder.micro(Action::Write, Atom(key), Atom(value)),
            Op::Read(key, value) => {
                builder.micro(Action::Read, Atom(key), value.map_or(Atom::NIL, Atom));
            }
        }
    }
}

pub(super) fn key_value(txns: &Transactions) -> KeyValue {
    let writes = Writes::new(txns).expect("values of tests are written once");
    KeyValue::of_registers(txns, &writes)
}

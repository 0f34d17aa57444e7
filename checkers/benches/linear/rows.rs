//! The rows of the table, and what other tools took on histories of the same shape.

use crate::loads::{
    counter, fifo_queue, keys, keys_of_events, keys_streamed, log, mutex, priority_queue, register,
    set, shape, stack, unique_register, unknown, unordered_queue,
};
use crate::measure::Measured;
use crate::published::published;

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    pub others: Others,
    pub run: fn() -> Measured,
    /// The file or folder that it needs, among the published histories.
    pub published: Option<&'static str>,
}

/// What other tools did with a history of the same shape.
pub enum Others {
    Unmeasured,
    Took {
        tool: &'static str,
        seconds: f64,
        /// The most memory, in megabytes.
        mb: Option<u32>,
    },
    /// What cannot be compared by numbers: another size, or no answer.
    Told(&'static str),
}

const MILLION: usize = 1_000_000;

pub const ROWS: &[Row] = &[
    row("register-10k", porcupine(0.89, 294), || register(shape(10_000, 10), false)),
    row("register-50k", porcupine(11.8, 6600), || register(shape(50_000, 10), false)),
    row("register-100k", Others::Told("Porcupine: out of memory at 21 GB"), || {
        register(shape(100_000, 10), false)
    }),
    row("register-1M", NONE, || register(shape(MILLION, 10), false)),
    row("register-2M", NONE, || register(shape(2 * MILLION, 10), false)),
    row("register-10k-violated", porcupine(25.0, 5700), || register(shape(10_000, 10), true)),
    row("register-100k-violated", NONE, || register(shape(100_000, 10), true)),
    row("register-1k-30-clients", Others::Told("Porcupine: none in 100 s, 6600 MB"), || {
        register(shape(1_000, 30), false)
    }),
    row("register-10k-30-clients", NONE, || register(shape(10_000, 30), false)),
    row("register-10k-30-clients-violated", NONE, || register(shape(10_000, 30), true)),
    row("register-10k-1%-unknown", porcupine(1.6, 352), || register(unknown(10_000), false)),
    row("register-10k-30%-unknown", NONE, || register(unknown(300_000), false)),
    row("register-10k-1%-unknown-violated", NONE, || register(unknown(10_000), true)),
    row("register-10k-30%-unknown-violated", NONE, || register(unknown(300_000), true)),
    row("register-unique-1M", NONE, || unique_register(MILLION)),
    row("register-unique-2M", NONE, || unique_register(2 * MILLION)),
    row("keys-1000-1M", porcupine(2.6, 943), || keys(MILLION)),
    row("keys-1000-1M-events", porcupine(2.6, 943), || keys_of_events(MILLION)),
    row("keys-1000-1M-streamed", porcupine(2.6, 943), || keys_streamed(MILLION)),
    row("fifo-queue-1M", polylin(3.2, 648), || fifo_queue(MILLION, false)),
    row("fifo-queue-2M", NONE, || fifo_queue(2 * MILLION, false)),
    row("fifo-queue-1M-violated", NONE, || fifo_queue(MILLION, true)),
    row("unordered-queue-1M", NONE, || unordered_queue(MILLION)),
    row("priority-queue-1M", polylin(10.5, 615), || priority_queue(MILLION)),
    row("priority-queue-2M", NONE, || priority_queue(2 * MILLION)),
    row("stack-1M", polylin(5.5, 640), || stack(MILLION, false)),
    row("stack-2M", NONE, || stack(2 * MILLION, false)),
    row("stack-1M-violated", NONE, || stack(MILLION, true)),
    row("linearizable-set-1M", polylin(0.74, 200), || set(MILLION, false)),
    row("linearizable-set-2M", NONE, || set(2 * MILLION, false)),
    row("linearizable-set-1M-violated", NONE, || set(MILLION, true)),
    row("mutex-1M", NONE, || mutex(5_500_000)),
    row("counter-1M", NONE, || counter(MILLION)),
    row("log-1M", NONE, || log(MILLION)),
    Row {
        published: Some("porcupine-etcd"),
        ..row("porcupine-etcd", Others::Told("Porcupine 0.95 s for all 103"), || {
            published("porcupine-etcd", "cas-register")
        })
    },
    Row {
        published: Some("porcupine-kv/c10-ok.txt"),
        ..row("porcupine-kv-c10-ok", NONE, || published("porcupine-kv/c10-ok.txt", "kv-map"))
    },
    Row {
        published: Some("porcupine-kv/c10-bad.txt"),
        ..row("porcupine-kv-c10-bad", NONE, || published("porcupine-kv/c10-bad.txt", "kv-map"))
    },
    Row {
        published: Some("porcupine-kv/c50-ok.txt"),
        ..row("porcupine-kv-c50-ok", porcupine(0.274, 122), || {
            published("porcupine-kv/c50-ok.txt", "kv-map")
        })
    },
    Row {
        published: Some("porcupine-kv/c50-bad.txt"),
        ..row("porcupine-kv-c50-bad", took("Porcupine", 0.036, None), || {
            published("porcupine-kv/c50-bad.txt", "kv-map")
        })
    },
];

const NONE: Others = Others::Unmeasured;

const fn row(name: &'static str, others: Others, run: fn() -> Measured) -> Row {
    Row { name, others, run, published: None }
}

const fn porcupine(seconds: f64, mb: u32) -> Others {
    took("Porcupine", seconds, Some(mb))
}

const fn polylin(seconds: f64, mb: u32) -> Others {
    took("PolyLin", seconds, Some(mb))
}

const fn took(tool: &'static str, seconds: f64, mb: Option<u32>) -> Others {
    Others::Took { tool, seconds, mb }
}

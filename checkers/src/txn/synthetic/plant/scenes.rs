//! The anomalies that can be planted, each as a scene for a few transactions.

use super::super::atomic::Kind;
use crate::txn::transactions::Status;

/// What a few transactions do, in a line of text.
///
/// Transactions are divided by `;`. Each has a name, in lower case if it is only a witness; then `!`
/// if it failed; then `@P FROM-TO`, if it matters who ran it, and when; then its steps: `p+1` writes
/// 1 to `p`, and `p=1,2` reads a list of 1 and 2, or a register that holds 2. Without a time, it
/// runs at the same time as all others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) kinds: &'static [&'static str],
    on: On,
    text: &'static str,
}

/// Where it can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Lists,
    Registers,
    Both,
}

#[derive(Clone, Debug)]
pub(super) struct Actor {
    /// Without it there would be no anomaly.
    pub(super) is_guilty: bool,
    pub(super) process: u32,
    pub(super) begin: u32,
    pub(super) end: u32,
    pub(super) status: Status,
    pub(super) steps: Vec<Act>,
}

#[derive(Clone, Debug)]
pub(super) struct Act {
    /// 0 is `p`, 1 is `q`.
    pub(super) key: u64,
    /// What is written.
    pub(super) value: u32,
    /// What is seen, if it is a read.
    pub(super) read: Option<Vec<u32>>,
}

const fn scene(
    name: &'static str,
    kinds: &'static [&'static str],
    on: On,
    text: &'static str,
) -> Scene {
    Scene { name, kinds, on, text }
}

/// All of them. Those with `-process` and `-realtime` differ only in who ran what.
pub(super) const SCENES: &[Scene] = &[
    scene("G0", &["G0"], On::Lists, "A p+1 q+1; B p+2 q+2; c p=1,2 q=2,1"),
    scene("G0-process", &["G0-process"], On::Lists, "c p=2,1; A @1 1-2 p+1; B @1 3-4 p+2"),
    scene("G0-realtime", &["G0-realtime"], On::Lists, "c p=2,1; A @1 1-2 p+1; B @2 3-4 p+2"),
    scene("G1a", &["G1a"], On::Both, "A ! p+1; B p=1"),
    scene("G1b", &["G1b"], On::Both, "A p+1 p+2; B p=1"),
    scene("G1c", &["G1c"], On::Both, "A p+1 q=2; B q+2 p=1"),
    scene("G1c-process", &["G1c-process"], On::Both, "A @1 1-2 q=2; B @1 3-4 q+2"),
    scene("G1c-realtime", &["G1c-realtime"], On::Both, "A @1 1-2 q=2; B @2 3-4 q+2"),
    scene("G-single", &["G-single"], On::Both, "A p+1; C p=1 r+1; B r=1 p="),
    scene("G-single-process", &["G-single-process"], On::Both, "c p=1; A @1 1-2 p+1; B @1 3-4 p="),
    scene(
        "G-single-realtime",
        &["G-single-realtime"],
        On::Both,
        "c p=1; A @1 1-2 p+1; B @2 3-4 p=",
    ),
    scene(
        "G-nonadjacent",
        &["G-nonadjacent"],
        On::Both,
        "A p+1; B q+1; C p=1 r+1; D r=1 q=; E q=1 p=",
    ),
    scene(
        "G-nonadjacent-process",
        &["G-nonadjacent-process"],
        On::Both,
        "A p+1; B q+1; E q=1 p=; C @1 1-2 p=1; D @1 3-4 q=",
    ),
    scene(
        "G-nonadjacent-realtime",
        &["G-nonadjacent-realtime"],
        On::Both,
        "A p+1; B q+1; E q=1 p=; C @1 1-2 p=1; D @2 3-4 q=",
    ),
    scene("G2-item", &["G2-item"], On::Both, "A p= q+1; B q= r+1; C r= p+1; d p=1 q=1 r=1"),
    scene(
        "G2-item-process",
        &["G2-item-process"],
        On::Both,
        "B p+1 q=; d p=1 q=1; C @1 1-2 q+1; A @1 3-4 p=",
    ),
    scene(
        "G2-item-realtime",
        &["G2-item-realtime"],
        On::Both,
        "B p+1 q=; d p=1 q=1; C @1 1-2 q+1; A @2 3-4 p=",
    ),
    scene("lost-update", &["lost-update"], On::Both, "A p= p+1; B p= p+2; c p=1,2"),
    scene("write-skew", &["write-skew", "G2-item"], On::Both, "A p= q+1; B q= p+1; c p=1 q=1"),
    scene("fractured-read", &["fractured-read", "G-single"], On::Both, "A p+1 q+1; B p=1 q="),
    scene(
        "long-fork",
        &["long-fork", "G-nonadjacent"],
        On::Both,
        "A p+1; B q+1; C p=1 q=; D q=1 p=",
    ),
    scene(
        "non-monotonic-read",
        &["non-monotonic-read", "G-single-process"],
        On::Both,
        "a p+1; B p=1 p+2; C @1 1-2 p=1,2; D @1 3-4 p=1",
    ),
    scene("internal", &["internal"], On::Both, "A p+1 p="),
    scene("future-read", &["future-read"], On::Both, "A p=1 p+1"),
    scene("phantom-read", &["phantom-read"], On::Both, "A p=7"),
    scene(
        "incompatible-order",
        &["incompatible-order"],
        On::Lists,
        "a p+1; b p+2; C p=1,2; D p=2,1",
    ),
    scene("duplicate-elements", &["duplicate-elements"], On::Lists, "a p+1; B p=1,1"),
    scene("dirty-update", &["dirty-update"], On::Lists, "A ! p+1; B p+2; c p=1,2"),
    scene(
        "lost-append",
        &["lost-append", "G-single-realtime"],
        On::Lists,
        "A @1 1-2 p+1; B @2 3-4 p=",
    ),
    scene("cyclic-versions", &["cyclic-versions", "G1c"], On::Registers, "A p=2 p+1; B p=1 p+2"),
];

/// When a transaction without a time ends.
const LAST: u32 = 9;

impl Scene {
    pub(super) fn plays(&self, kind: Kind) -> bool {
        match self.on {
            On::Lists => kind == Kind::ListAppend,
            On::Registers => kind == Kind::RwRegister,
            On::Both => true,
        }
    }

    /// Whether there is nothing wrong with it if nobody knows when transactions ran.
    pub(super) fn needs_times(&self) -> bool {
        self.text.contains("@2")
    }

    /// The transactions, in the order in which they begin.
    pub(super) fn actors(&self) -> impl Iterator<Item = Actor> {
        let timed = self.text.split(';').filter(|line| line.contains('@'));
        let timed = timed.map(|line| (line, true));
        let others = self.text.split(';').filter(|line| !line.contains('@'));
        let others = others.map(|line| (line, false));
        others.chain(timed).enumerate().map(|(number, (line, timed))| {
            let mut actor = Actor {
                is_guilty: line.trim().starts_with(|letter: char| letter.is_uppercase()),
                process: 4 + number as u32,
                // All begin one after the other before any ends.
                begin: if timed { 0 } else { number as u32 },
                end: LAST + number as u32,
                status: Status::Committed,
                steps: Vec::new(),
            };
            line.split_whitespace().skip(1).for_each(|word| actor.read(word));
            actor
        })
    }
}

impl Actor {
    /// Takes a word of the line.
    fn read(&mut self, word: &str) {
        let number = |text: &str| text.parse::<u32>().unwrap_or_default();
        let (first, rest) = word.split_at(1);
        let key = match first {
            "q" => 1,
            "r" => 2,
            _ => 0,
        };
        match rest.chars().next() {
            None => self.status = Status::Aborted,
            Some('+') => {
                self.steps.push(Act { key, value: number(&rest[1..]), read: None });
            }
            Some('=') => {
                let values = rest[1..].split(',').filter(|text| !text.is_empty());
                let read = Some(values.map(number).collect());
                self.steps.push(Act { key, value: 0, read });
            }
            Some('-') => {
                // After those without a time have begun, and before they end.
                self.begin = 3 + number(first);
                self.end = 3 + number(&rest[1..]);
            }
            Some(_) => self.process = number(rest),
        }
    }
}

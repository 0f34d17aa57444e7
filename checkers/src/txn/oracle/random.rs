//! Random tiny histories, in which every level is often kept and often violated.

use super::Datatype;
use crate::linear::synthetic::Random;
use crate::txn::transactions::{Action, Atom, Builder, NEVER, NewTxn, Status, Transactions};

/// A history of two to five transactions on up to three keys, some aborted, some of unknown
/// outcome, side by side or one after the other, in real time or in sessions only.
///
/// Most reads are those of some store: a serial one, one with old snapshots, one whose reads are
/// of different times. Now and then they are wrong in other ways.
pub fn tiny_history(datatype: Datatype, seed: u64) -> Transactions {
    let mut random = Random(seed);
    let timed = random.chance(85);
    let mut plan = Plan::new(datatype, &mut random);
    plan.run(timed, &mut random);
    plan.effects(&mut random);
    plan.build(timed, &mut random)
}

#[derive(Clone, Debug)]
struct Planned {
    /// The key, and the value if it is a write.
    steps: Vec<(u32, Option<u32>)>,
    status: Status,
    process: u32,
    begin: u32,
    end: u32,
    /// Its place among all effects.
    effect: u32,
    /// How far back its snapshot is.
    age: u32,
}

/// How reads go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Serial,
    /// Each transaction reads from a snapshot of its own age.
    Snapshots,
    /// Each read is of an age of its own.
    Scattered,
    /// Now and then another transaction is not seen.
    Hidden,
}

#[derive(Debug)]
struct Plan {
    datatype: Datatype,
    mode: Mode,
    keys: u32,
    /// How many of a hundred reads are wrong in some other way.
    noise: u64,
    txns: Vec<Planned>,
    /// Per key what was written, in order: the writer, and the value.
    written: Vec<Vec<(usize, u32)>>,
}

impl Plan {
    fn new(datatype: Datatype, random: &mut Random) -> Self {
        let modes = [Mode::Serial, Mode::Snapshots, Mode::Scattered, Mode::Hidden];
        let mode = modes[random.below(4) as usize];
        let keys = [1, 2, 2, 2, 3][random.below(5) as usize];
        let noise = [0, 0, 0, 10][random.below(4) as usize];
        let count = [2, 3, 3, 3, 3, 3, 4, 4, 4, 5][random.below(10) as usize];
        let mut next = vec![0; keys as usize];
        let writes = 35 + random.below(30);
        let txns = (0..count).map(|_| {
            let steps = (0..=random.below(3)).map(|_| {
                let key = random.below(keys.into()) as u32;
                let value = random.chance(writes).then(|| {
                    next[key as usize] += 1;
                    next[key as usize]
                });
                (key, value)
            });
            Planned {
                steps: steps.collect(),
                status: [Status::Committed, Status::Aborted, Status::Unknown]
                    [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2][random.below(15) as usize]],
                process: 0,
                begin: 0,
                end: NEVER,
                effect: 0,
                age: random.below(3) as u32,
            }
        });
        let txns = txns.collect();
        Self { datatype, mode, keys, noise, txns, written: vec![Vec::new(); keys as usize] }
    }

    /// Lets them begin, take effect and end.
    fn run(&mut self, timed: bool, random: &mut Random) {
        let mut clients: Vec<(u32, Option<usize>)> =
            (0..1 + random.below(4) as u32).map(|process| (process, None)).collect();
        let mut free = clients.len() as u32;
        let (mut begun, mut moment) = (0, 0);
        while begun < self.txns.len() || clients.iter().any(|(_, running)| running.is_some()) {
            let at = random.below(clients.len() as u64) as usize;
            let (process, running) = &mut clients[at];
            moment += 1;
            match running {
                None if begun == self.txns.len() => {}
                None => {
                    *running = Some(begun);
                    let txn = &mut self.txns[begun];
                    (txn.process, txn.begin) = (*process, moment);
                    begun += 1;
                }
                Some(running) if self.txns[*running].effect == 0 => {
                    self.txns[*running].effect = moment;
                }
                Some(number) if self.txns[*number].status == Status::Unknown => {
                    *running = None;
                    if timed {
                        *process = free;
                        free += 1;
                    }
                }
                Some(number) => {
                    self.txns[*number].end = moment;
                    *running = None;
                }
            }
        }
    }

    /// Puts writes in order, now and then in a wrong one.
    fn effects(&mut self, random: &mut Random) {
        if random.chance(30) {
            let count = self.txns.len() as u64;
            let (a, b) = (random.below(count) as usize, random.below(count) as usize);
            let (first, second) = (self.txns[a].effect, self.txns[b].effect);
            (self.txns[a].effect, self.txns[b].effect) = (second, first);
        }
        let dirty = random.chance(15);
        let mut order: Vec<usize> = (0..self.txns.len()).collect();
        order.sort_by_key(|at| self.txns[*at].effect);
        for at in order {
            let happens = match self.txns[at].status {
                Status::Committed => true,
                Status::Aborted => dirty,
                Status::Unknown => random.chance(60),
            };
            for (key, value) in self.txns[at].steps.iter().filter(|_| happens) {
                if let Some(value) = value {
                    self.written[*key as usize].push((at, *value));
                }
            }
        }
        for written in self.written.iter_mut().filter(|written| written.len() > 1) {
            if random.chance(8) {
                let at = random.below(written.len() as u64 - 1) as usize;
                written.swap(at, at + 1);
            }
        }
    }

    fn build(&self, timed: bool, random: &mut Random) -> Transactions {
        let mut builder = Builder::new(timed);
        for (at, txn) in self.txns.iter().enumerate() {
            if timed {
                builder.begin(NewTxn {
                    index: txn.begin.into(),
                    called: txn.begin.into(),
                    returned: if txn.end == NEVER { u64::MAX } else { txn.end.into() },
                    process: txn.process,
                    begin: txn.begin,
                    end: txn.end,
                    status: txn.status,
                });
            } else {
                builder.begin_in_session(txn.process, txn.status);
            }
            for (position, (key, value)) in txn.steps.iter().enumerate() {
                let atom = |value: u32| Atom(value);
                match value {
                    Some(value) => builder.micro(Action::Write, Atom(*key), atom(*value)),
                    None if txn.status != Status::Committed => {
                        builder.micro(Action::ReadUnknown, Atom(*key), Atom::NIL);
                    }
                    None => self.read(&mut builder, (at, position), *key, random),
                }
            }
        }
        builder.finish()
    }

    fn read(
        &self,
        builder: &mut Builder,
        (at, position): (usize, usize),
        key: u32,
        random: &mut Random,
    ) {
        let seen = self.seen((at, position), key, random);
        match self.datatype {
            Datatype::ListAppend | Datatype::Set => {
                builder.read_list(Atom(key), seen.into_iter().map(Atom));
            }
            Datatype::RwRegister => {
                let last = seen.last().map_or(Atom::NIL, |value| Atom(*value));
                builder.micro(Action::Read, Atom(key), last);
            }
            Datatype::Counter => {
                builder.micro(Action::Read, Atom(key), Atom(seen.iter().sum()));
            }
        }
    }

    /// What a read shows.
    fn seen(&self, (at, position): (usize, usize), key: u32, random: &mut Random) -> Vec<u32> {
        let written = &self.written[key as usize];
        if random.chance(self.noise) {
            return self.wrong(key, random);
        }
        let me = &self.txns[at];
        let age = match self.mode {
            Mode::Serial | Mode::Hidden => 0,
            Mode::Snapshots => me.age,
            Mode::Scattered => random.below(3) as u32,
        };
        let mut earlier: Vec<u32> = self.txns.iter().map(|txn| txn.effect).collect();
        earlier.retain(|effect| *effect < me.effect);
        earlier.sort_unstable();
        earlier.truncate(earlier.len().saturating_sub(age as usize));
        let horizon = earlier.last().copied().unwrap_or(0);
        let hides = self.mode == Mode::Hidden;
        let own: Vec<u32> = me.steps[..position]
            .iter()
            .filter_map(|(k, value)| value.filter(|_| *k == key))
            .collect();
        let forgets = random.chance(2);
        let visible: Vec<bool> = written
            .iter()
            .map(|(writer, value)| {
                if *writer == at {
                    return own.contains(value) && !forgets;
                }
                self.txns[*writer].effect <= horizon && !(hides && random.chance(20))
            })
            .collect();
        if matches!(self.datatype, Datatype::Set | Datatype::Counter) {
            let shown = written.iter().zip(&visible).filter(|(_, visible)| **visible);
            return shown.map(|((_, value), _)| *value).collect();
        }
        let last = visible.iter().rposition(|visible| *visible).map_or(0, |last| last + 1);
        written[..last].iter().map(|(_, value)| *value).collect()
    }

    /// Something that no store should show, or only a very bad one.
    fn wrong(&self, key: u32, random: &mut Random) -> Vec<u32> {
        let written = &self.written[key as usize];
        let length = random.below(written.len() as u64 + 1) as usize;
        let mut seen: Vec<u32> = written[..length].iter().map(|(_, value)| *value).collect();
        match random.below(8) {
            0 if seen.len() > 1 => seen.swap(0, 1),
            1 if !seen.is_empty() => {
                seen.remove(0);
            }
            2 => seen.extend(seen.first().copied()),
            3 => seen.push(90 + self.keys),
            4 => {
                let all = self.txns.iter().flat_map(|txn| &txn.steps);
                let values = all.filter(|step| step.0 == key).filter_map(|step| step.1);
                seen.extend(values.filter(|_| random.chance(30)).take(1));
            }
            _ => {}
        }
        seen
    }
}

//! A client of a simulated store: one transaction after the other.

use super::keys::{NOBODY, Version};
use super::replicas::{Clock, REPLICAS};
use super::snapshots::{View, WINDOW};
use super::{Done, Kind, Running, Status, Store};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Running,
    Ended(Status),
}

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) process: u32,
    pub(super) phase: Phase,
    /// Its transaction.
    pub(super) number: usize,
    /// The keys of the steps to come, and whether they are writes; the next one last.
    plan: Vec<(u32, bool)>,
    pub(super) done: Vec<Done>,
    view: View,
    replica: usize,
    /// The last moment that the session knows of, in commits.
    passed: u32,
    /// What it has read, and how many versions there were.
    read: Vec<(u32, usize)>,
    written: Vec<(u32, u32)>,
}

impl Client {
    pub(super) fn new(process: u32) -> Self {
        Self {
            process,
            phase: Phase::Idle,
            number: 0,
            plan: Vec::new(),
            done: Vec::new(),
            view: View::Current,
            replica: process as usize % REPLICAS,
            passed: 0,
            read: Vec::new(),
            written: Vec::new(),
        }
    }

    fn has_written(&self, key: u32) -> bool {
        self.written.iter().any(|(written, _)| *written == key)
    }
}

impl Running {
    pub(super) fn begin(&mut self, client: &mut Client) {
        client.phase = Phase::Running;
        client.read.clear();
        client.written.clear();
        let steps = 1 + self.random.below(self.load.steps.max(1).into());
        let only_reads = self.random.chance(25);
        client.plan.clear();
        for _ in 0..steps {
            let key = self.keys.choose(&mut self.random);
            client.plan.push((key, !only_reads && self.random.chance(50)));
        }
        client.view = self.view(client, only_reads || client.plan.iter().all(|step| !step.1));
        if let View::At(commit) = client.view {
            client.passed = client.passed.max(commit);
        }
    }

    fn view(&mut self, client: &mut Client, only_reads: bool) -> View {
        let now = self.now;
        let keeps_session = self.load.sessions
            || matches!(self.load.store, Store::SessionSerializable | Store::SessionSnapshot);
        let oldest = if keeps_session { client.passed } else { 0 };
        let old = now - self.random.below(u64::from(WINDOW.min(now - oldest)) + 1) as u32;
        match self.load.store {
            Store::StrictSerializable | Store::StrongSnapshot => View::At(now),
            Store::SessionSerializable | Store::Serializable if !only_reads => View::At(now),
            Store::SessionSerializable
            | Store::Serializable
            | Store::SessionSnapshot
            | Store::Snapshot
            | Store::Prefix => View::At(old),
            Store::ParallelSnapshot | Store::Causal => {
                if !self.load.sessions {
                    client.replica = self.random.below(REPLICAS as u64) as usize;
                }
                View::Known(self.replicas.known[client.replica])
            }
            Store::UpdateAtomic | Store::ReadAtomic => {
                View::Gaps { last: now, seed: self.random.bits() }
            }
            Store::ReadCommitted => View::Lagging,
            Store::Locking
            | Store::CursorStability
            | Store::MonotonicAtomicView
            | Store::ReadUncommitted => View::Current,
        }
    }

    pub(super) fn step(&mut self, client: &mut Client) {
        let Some((key, write)) = client.plan.pop() else { return self.commit(client) };
        if !write {
            self.read(client, key);
        } else if self.may_write(client, key) {
            self.write(client, key);
        } else {
            self.abort(client);
        }
    }

    fn read(&mut self, client: &mut Client, number: u32) {
        let (load, me) = (self.load, client.number as u32);
        let own = client.has_written(number);
        if own && load.store.is_blind() && load.kind == Kind::ListAppend {
            // Where its element comes to stand will be known only at the end.
            return;
        }
        let key = &mut self.keys.all[number as usize];
        if load.store == Store::Locking {
            if key.writer != NOBODY && key.writer != me {
                return self.abort(client);
            }
            if !key.readers.contains(&me) {
                key.readers.push(me);
            }
        }
        let locked = load.store.locks() && own;
        let length = if locked {
            key.versions.len()
        } else {
            client.view.length(key, self.now, &mut self.random)
        };
        let mut seen: Vec<u32> = key.versions[..length].iter().map(|v| v.value).collect();
        if load.store != Store::ReadUncommitted {
            let own = client.written.iter().filter(|(written, _)| *written == number);
            seen.extend(own.map(|(_, value)| *value));
        }
        if load.kind == Kind::RwRegister {
            seen.drain(..seen.len().saturating_sub(1));
        }
        client.read.push((number, length));
        client.done.push(Done::Read { key: number, seen });
    }

    /// Locks the key, if the store does that and it can be done.
    fn may_write(&mut self, client: &Client, number: u32) -> bool {
        let me = client.number as u32;
        let key = &mut self.keys.all[number as usize];
        if !self.load.store.locks() {
            return true;
        }
        let free = (key.writer == NOBODY || key.writer == me)
            && key.readers.iter().all(|reader| *reader == me);
        let changed = self.load.store == Store::CursorStability
            && !client.has_written(number)
            && client.read.iter().any(|(k, length)| *k == number && *length < key.versions.len());
        if free && !changed {
            key.writer = me;
        }
        free && !changed
    }

    fn write(&mut self, client: &mut Client, number: u32) {
        let key = &mut self.keys.all[number as usize];
        let value = key.fresh();
        client.written.push((number, value));
        client.done.push(Done::Wrote { key: number, value });
        if self.load.store == Store::ReadUncommitted {
            key.versions.push(Version { value, commit: 0, origin: 0, count: 0 });
        }
    }

    fn commit(&mut self, client: &mut Client) {
        let lost = self.random.chance(self.load.unknown.into());
        let fails = self.random.chance(if lost { 50 } else { self.load.failed.into() });
        if fails || !self.may_commit(client) {
            self.abort(client);
        } else {
            self.install(client);
            self.release(client);
            client.phase = Phase::Ended(Status::Committed);
        }
        if lost {
            client.phase = Phase::Ended(Status::Unknown);
        }
    }

    fn may_commit(&mut self, client: &Client) -> bool {
        let writes = client.written.iter().map(|(key, _)| *key);
        match self.load.store {
            Store::StrictSerializable | Store::SessionSerializable | Store::Serializable => {
                let same = |(key, length): &(u32, usize)| {
                    *length == self.keys.all[*key as usize].versions.len()
                };
                client.written.is_empty() || client.read.iter().all(same)
            }
            Store::StrongSnapshot
            | Store::SessionSnapshot
            | Store::Snapshot
            | Store::UpdateAtomic
            | Store::ParallelSnapshot => {
                let (keys, now, random) = (&self.keys.all, self.now, &mut self.random);
                let mut writes = writes;
                match client.view {
                    // Those in the gaps may be before the last that is seen.
                    View::Gaps { .. } => writes.all(|key| {
                        let key = &keys[key as usize];
                        key.versions.iter().all(|version| client.view.sees(version))
                    }),
                    view => writes.all(|key| view.sees_last(&keys[key as usize], now, random)),
                }
            }
            _ => true,
        }
    }

    fn install(&mut self, client: &mut Client) {
        if client.written.is_empty() {
            return;
        }
        self.now += 1;
        client.passed = self.now;
        let knew: Clock = match client.view {
            View::Known(clock) => clock,
            _ => [0; REPLICAS],
        };
        let (origin, mut count) = (client.replica as u32, 0);
        if self.load.store.replicates() {
            count = self.replicas.commit(client.replica, knew);
        }
        let last = |at: usize, key: u32| client.written[at + 1..].iter().all(|(k, _)| *k != key);
        for (at, (key, value)) in client.written.iter().enumerate() {
            let installed = self.load.kind == Kind::ListAppend || last(at, *key);
            if installed && self.load.store != Store::ReadUncommitted {
                let version = Version { value: *value, commit: self.now, origin, count };
                self.keys.all[*key as usize].versions.push(version);
            }
        }
    }

    fn abort(&mut self, client: &mut Client) {
        if self.load.store == Store::ReadUncommitted {
            for (key, value) in &client.written {
                self.keys.all[*key as usize].versions.retain(|version| version.value != *value);
            }
        }
        // What was planned is part of the call.
        while let Some((key, write)) = client.plan.pop() {
            let value = if write { self.keys.all[key as usize].fresh() } else { 0 };
            client.done.push(match write {
                true => Done::Wrote { key, value },
                false => Done::Read { key, seen: Vec::new() },
            });
        }
        self.release(client);
        client.phase = Phase::Ended(Status::Aborted);
    }

    fn release(&mut self, client: &Client) {
        let me = client.number as u32;
        let keys = client.read.iter().map(|(key, _)| *key);
        for key in keys.chain(client.written.iter().map(|(key, _)| *key)) {
            let key = &mut self.keys.all[key as usize];
            key.readers.retain(|reader| *reader != me);
            if key.writer == me {
                key.writer = NOBODY;
            }
        }
    }
}

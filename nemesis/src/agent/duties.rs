//! What the agent can be asked to do: each verb, with the hands that do it.

use super::clock::Clocks;
use super::command::Commands;
use super::disk::Disks;
use super::echo::{self, Echoes};
use super::file::Files;
use super::firewall::Firewall;
use super::ledger::{Ledger, Undo};
use super::power;
use super::probe;
use super::process::{Kernel, Processes, SharedLedger, lock};
use super::shaping::Shapes;
use crate::wire::clock::{CLOCK_INSPECT, CLOCK_RESET, CLOCK_SET, CLOCK_STATUS};
use crate::wire::custom::{CUSTOM_HEAL, CUSTOM_INJECT, CUSTOM_OBSERVE};
use crate::wire::disk::{
    DISK_FAIL, DISK_MEND, DISK_MOUNT, DISK_POWER_LOSS, DISK_PROBE, DISK_STATUS, LayerRequest,
};
use crate::wire::file::{FILE_COMPARE, FILE_CORRUPT, FILE_RESTORE, FILE_STATUS};
use crate::wire::power::{POWER_BOOT, POWER_CUT};
use crate::wire::{MendPeers, NET_CUT, NET_MEND, NET_PROBE, NET_STATUS};
use crate::wire::{NET_ECHO, NET_HEARD, NET_MEASURE, NET_SHAPE, NET_SHAPING, NET_UNSHAPE};
use perjury_harness::agent::protocol as verbs;
use perjury_harness::agent::protocol::{ProcessName, ProcessState, StartProcess};
use perjury_harness::database::PROCESS;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Everything on a node that the agent may touch.
pub(crate) struct Duties {
    ledger: SharedLedger,
    processes: Processes,
    firewall: Firewall,
    commands: Commands,
    echoes: Echoes,
    shapes: Shapes,
    clocks: Clocks,
    disks: Disks,
    files: Files,
}

impl Duties {
    /// With what earlier agents left in `state`. Only who holds the state's lock may do this.
    pub(crate) fn new(state: &Path) -> Result<Self, String> {
        let ledger = Ledger::open(state)
            .map_err(|error| format!("cannot open the ledger in {}: {error}", state.display()))?;
        let ledger = Arc::new(Mutex::new(ledger));
        Ok(Self {
            processes: Processes::new(state, Arc::clone(&ledger), Box::new(Kernel))?,
            firewall: Firewall::new(Arc::clone(&ledger)),
            commands: Commands::new(Arc::clone(&ledger)),
            echoes: Echoes::default(),
            shapes: Shapes::new(Arc::clone(&ledger)),
            clocks: Clocks::new(state, Arc::clone(&ledger)),
            disks: Disks::new(state, Arc::clone(&ledger)),
            files: Files::new(Arc::clone(&ledger)),
            ledger,
        })
    }

    /// Carries out one request.
    pub(crate) fn perform(&self, verb: &str, with: Value) -> Result<Value, String> {
        let name = |with| read::<ProcessName>(verb, with).map(|with| with.name);
        match verb {
            verbs::PROCESS_START => write(self.start(read(verb, with)?)),
            verbs::PROCESS_STATUS => write(self.processes.status(&name(with)?)),
            verbs::PROCESS_ENDS => write(Ok(self.processes.ends())),
            verbs::PROCESS_STOP => write(self.processes.stop(&name(with)?)),
            verbs::PROCESS_KILL => write(self.processes.kill(&name(with)?)),
            verbs::PROCESS_PAUSE => write(self.processes.pause(&name(with)?)),
            verbs::PROCESS_RESUME => write(self.processes.resume(&name(with)?)),
            verbs::UNDO_ALL => write(self.undo_all()),
            NET_CUT => write(self.firewall.cut(&read(verb, with)?)),
            NET_MEND => write(self.firewall.mend(&read(verb, with)?)),
            NET_STATUS => write(self.firewall.status()),
            CUSTOM_INJECT => write(self.commands.inject(&read(verb, with)?)),
            CUSTOM_HEAL => write(self.commands.heal(&read(verb, with)?)),
            CUSTOM_OBSERVE => write(Commands::observe(&read(verb, with)?)),
            CLOCK_INSPECT => write(Clocks::inspect(&read(verb, with)?)),
            CLOCK_SET => write(self.clocks.set(read(verb, with)?)),
            CLOCK_RESET => write(self.clocks.reset(read(verb, with)?)),
            CLOCK_STATUS => {
                let database = self.processes.status(PROCESS)?;
                write(self.clocks.status(read(verb, with)?, &database))
            }
            DISK_MOUNT => write(self.disks.mount(&read(verb, with)?)),
            DISK_STATUS => write(Ok(self.disks.status())),
            DISK_POWER_LOSS => write(self.disks.steer(&LayerRequest::PowerLoss(read(verb, with)?))),
            DISK_FAIL => write(self.disks.steer(&LayerRequest::Fail(Some(read(verb, with)?)))),
            DISK_MEND => write(self.disks.steer(&LayerRequest::Fail(None))),
            DISK_PROBE => write(Ok(Disks::probe(&read(verb, with)?))),
            FILE_CORRUPT => write(self.files.corrupt(&read(verb, with)?)),
            FILE_RESTORE => write(self.files.restore()),
            FILE_STATUS => write(Ok(self.files.status())),
            FILE_COMPARE => write(Files::compare(&read::<Vec<_>>(verb, with)?)),
            POWER_BOOT => write(Ok(power::boot())),
            POWER_CUT => write(power::cut(&read(verb, with)?)),
            NET_PROBE => write(probe::run(&read(verb, with)?)),
            NET_ECHO => write(self.echoes.open()),
            NET_MEASURE => write(echo::measure(&read(verb, with)?)),
            NET_HEARD => write(self.echoes.heard(read(verb, with)?)),
            NET_SHAPE => write(self.shapes.shape(&read(verb, with)?)),
            NET_UNSHAPE => write(self.shapes.unshape()),
            NET_SHAPING => write(self.shapes.status(&read(verb, with)?)),
            _ => Err(format!(
                "the agent does not know `{verb}`: is it of the same version as the controller?"
            )),
        }
    }

    fn start(&self, mut what: StartProcess) -> Result<ProcessState, String> {
        self.clocks.furnish(&mut what)?;
        self.processes.start(&what)
    }

    /// What the clocks say now.
    pub(crate) fn read_clock(&self) -> verbs::ClockRead {
        self.clocks.read()
    }

    /// Whether anything is left to undo.
    pub(crate) fn pending(&self) -> bool {
        !lock(&self.ledger).pending().is_empty()
    }

    /// Undoes every open entry of the ledger, the newest first; a line for each.
    ///
    /// # Errors
    /// When any could not be undone; it stays open, and the others are undone all the same.
    pub(crate) fn undo_all(&self) -> Result<Vec<String>, String> {
        let mut lines = lock(&self.ledger).take_remarks();
        let mut problems = Vec::new();
        let pending = lock(&self.ledger).pending();
        for (id, undo) in pending.into_iter().rev() {
            let undone = match &undo {
                Undo::Resume { name, processes } => self.processes.undo_resume(name, processes),
                Undo::Unshape {} => {
                    self.shapes.unshape().map(|_| "network: packets are shaped no more".to_owned())
                }
                Undo::Mend {} => self
                    .firewall
                    .mend(&MendPeers::default())
                    .map(|_| "network: no packet is dropped any more".to_owned()),
                Undo::Clock { page } => Clocks::undo(page),
                Undo::KernelClock { distance_ns } => self.clocks.undo_kernel(*distance_ns),
                Undo::Command { name, heal } => Commands::undo(name, heal),
                Undo::File { damage } => Files::undo(damage),
                Undo::Layer { directory, socket } => self.disks.undo(directory, socket),
            };
            match undone.and_then(|line| {
                lock(&self.ledger).done(id, &line)?;
                Ok(line)
            }) {
                Ok(line) => lines.push(line),
                Err(problem) => problems.push(format!("not undone: {problem}")),
            }
        }
        if problems.is_empty() { Ok(lines) } else { Err(problems.join("; ")) }
    }

    /// Lets children that have ended vanish.
    pub(crate) fn reap(&self) {
        self.processes.reap();
    }
}

fn read<T: DeserializeOwned>(verb: &str, with: Value) -> Result<T, String> {
    serde_json::from_value(with).map_err(|error| format!("`{verb}` with something else: {error}"))
}

fn write(outcome: Result<impl Serialize, String>) -> Result<Value, String> {
    serde_json::to_value(outcome?).map_err(|error| error.to_string())
}

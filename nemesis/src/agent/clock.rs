//! The wall clocks of the database's processes: steered by a file that they have open.
//!
//! What is seen comes from two witnesses: what the database noted that it was told, and what a
//! probe was told, a program of the agent's own that is given the same clock.

mod inspect;
mod kernel;
mod probe;

use super::ledger::{Undo, write_atomically};
use super::process::{SharedLedger, lock};
use crate::wire::clock::{ClockStatus, Program, Reach, SetClock, Skew, WatchClock, WhichClock};
use perjury_clock::steer::{FROZEN, LINEAR, SMEAR, STROBE, Steering};
use perjury_clock::{Page, SHIM, VARIABLE, true_time};
use perjury_harness::agent::protocol::{ClockRead, ProcessState, RunState, StartProcess};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::KernelClock;
pub(crate) use probe::main as probe_main;

/// The variable by which the dynamic linker is told what to load first.
const PRELOAD: &str = "LD_PRELOAD";
const LIBRARY: &str = "perjury-clock.so";
const MS: i64 = 1_000_000;
/// No clock is put further off than a year.
const DELTA_MS_MAX: u64 = 366 * 86_400_000;
/// Nor made faster than four times, or to run backwards.
const RATE_PPM: std::ops::RangeInclusive<i64> = -1_000_000..=3_000_000;

/// Steers clocks, and remembers how to undo it.
pub(crate) struct Clocks {
    kernel: KernelClock,
    dir: PathBuf,
    ledger: SharedLedger,
}

impl Clocks {
    pub(crate) fn new(state: &Path, ledger: SharedLedger) -> Self {
        Self::on(std::sync::Arc::new(kernel::This), state, ledger)
    }

    fn on(
        machine: std::sync::Arc<dyn kernel::Machine>,
        state: &Path,
        ledger: SharedLedger,
    ) -> Self {
        Self { kernel: KernelClock::new(machine), dir: state.join("clock"), ledger }
    }

    fn page(&self) -> PathBuf {
        self.dir.join("page")
    }

    fn open(&self) -> Result<Page, String> {
        let path = self.page();
        Page::open(&path).map_err(|error| {
            format!(
                "the database was not started with a clock that can be steered: {}: {error}",
                path.display()
            )
        })
    }

    /// The machine's clock as the database is told it.
    pub(crate) fn read(&self) -> ClockRead {
        let steering = Page::open(&self.page()).map(|page| page.steering().1);
        let (monotonic, raw) = true_time();
        ClockRead { told_ns: steering.unwrap_or_default().told(monotonic, raw) }
    }

    /// How the program's clock can be reached.
    pub(crate) fn inspect(program: &Program) -> Result<Reach, String> {
        inspect::reach(program)
    }

    /// Gives the database that is about to start a clock that can be steered, where its
    /// environment asks for one. A clock that is off stays so when the database starts anew.
    pub(crate) fn furnish(&self, what: &mut StartProcess) -> Result<(), String> {
        if !what.env.contains_key(VARIABLE) {
            return Ok(());
        }
        let program = Program { argv: what.argv.clone(), user: what.user.clone() };
        let reach = inspect::reach(&program)?;
        let failed = |error| format!("cannot use {}: {error}", self.dir.display());
        fs::create_dir_all(&self.dir).map_err(failed)?;
        let open_to_all = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&self.dir, open_to_all.clone()).map_err(failed)?;
        Page::create(&self.page()).map_err(failed)?;
        if reach == Reach::Preloaded {
            self.preload(&mut what.env, open_to_all)?;
        }
        what.env.insert(VARIABLE.to_owned(), self.page().display().to_string());
        let word = serde_json::to_vec(&reach).map_err(|error| error.to_string())?;
        fs::write(self.dir.join("reach"), word).map_err(failed)
    }

    /// Puts the library beside the file, and asks the dynamic linker to load it first.
    fn preload(
        &self,
        env: &mut BTreeMap<String, String>,
        open_to_all: fs::Permissions,
    ) -> Result<(), String> {
        if SHIM.is_empty() {
            return Err("there is no clock to preload for this kind of processor".to_owned());
        }
        let path = self.dir.join(LIBRARY);
        let failed = |error| format!("cannot use {}: {error}", path.display());
        // Never in place: a running program may have it mapped.
        if fs::read(&path).ok().as_deref() != Some(SHIM) {
            write_atomically(&path, SHIM).map_err(failed)?;
        }
        fs::set_permissions(&path, open_to_all).map_err(failed)?;
        let mut list = path.display().to_string();
        if let Some(others) = env.get(PRELOAD).filter(|others| !others.is_empty()) {
            list = format!("{list}:{others}");
        }
        env.insert(PRELOAD.to_owned(), list);
        Ok(())
    }

    fn reach(&self) -> Reach {
        let word = fs::read(self.dir.join("reach")).ok();
        word.and_then(|word| serde_json::from_slice(&word).ok()).unwrap_or(Reach::BuiltIn)
    }

    /// Notes the undo, then steers.
    pub(crate) fn set(&self, what: SetClock) -> Result<(), String> {
        // What cannot be is refused before anything is noted.
        let steering = steering(what.skew)?;
        match what.clock {
            WhichClock::Program => {
                let page = self.open()?;
                self.intend(Undo::Clock { page: self.page() })?;
                page.steer(steering).map(|_| ()).map_err(|error| self.unwritable(&error))
            }
            WhichClock::Kernel => {
                let distance_ns = self.kernel.truth()?;
                self.intend(Undo::KernelClock { distance_ns })?;
                self.kernel.set(what.skew)
            }
        }
    }

    fn intend(&self, undo: Undo) -> Result<(), String> {
        let mut ledger = lock(&self.ledger);
        if ledger.pending().iter().all(|(_, open)| *open != undo) {
            ledger.intend(undo)?;
        }
        Ok(())
    }

    /// Back to the true time.
    pub(crate) fn reset(&self, clock: WhichClock) -> Result<(), String> {
        let pending = lock(&self.ledger).pending();
        for (id, undo) in pending {
            let line = match (&undo, clock) {
                (Undo::Clock { page }, WhichClock::Program) => Self::undo(page)?,
                (Undo::KernelClock { distance_ns }, WhichClock::Kernel) => {
                    self.undo_kernel(*distance_ns)?
                }
                _ => continue,
            };
            lock(&self.ledger).done(id, &line)?;
        }
        Ok(())
    }

    /// For the ledger.
    pub(crate) fn undo_kernel(&self, distance_ns: i64) -> Result<String, String> {
        self.kernel.undo(distance_ns)
    }

    /// For the ledger.
    pub(crate) fn undo(page: &Path) -> Result<String, String> {
        let failed = |error| format!("clock: cannot write {}: {error}", page.display());
        if !page.exists() {
            return Ok("clock: its steering file is gone".to_owned());
        }
        let page = Page::open(page).map_err(failed)?;
        page.steer(Steering::default()).map_err(|error| format!("clock: not reset: {error}"))?;
        match page.steering() {
            (_, steering) if steering == Steering::default() => Ok("clock: true again".to_owned()),
            (_, steering) => Err(format!("clock: still {steering:?}")),
        }
    }

    /// Only looks. `database` is what is known of its processes.
    pub(crate) fn status(
        &self,
        watch: WatchClock,
        database: &ProcessState,
    ) -> Result<ClockStatus, String> {
        if watch.clock == WhichClock::Kernel {
            return self.kernel_status(watch);
        }
        let (page, reach) = (self.open()?, self.reach());
        let probes = probe::take(&self.dir, &page, reach, watch)?;
        let note = page.program();
        let (generation, steering) = page.steering();
        let skewed = steering != Steering::default();
        let running =
            if database.state == RunState::Gone { Vec::new() } else { database.pids.clone() };
        let path = self.page();
        let attached = running.iter().copied().filter(|&pid| has_open(pid, &path)).collect();
        let told = note.last.filter(|(under, _)| *under == generation).map(|(_, sample)| sample);
        Ok(ClockStatus { reach, skewed, running, attached, asked: note.asked, told, probes })
    }

    fn kernel_status(&self, watch: WatchClock) -> Result<ClockStatus, String> {
        let mut probes = Vec::new();
        for number in 0..watch.samples.min(probe::SAMPLES_MAX) {
            if number > 0 {
                std::thread::sleep(Duration::from_millis(watch.gap_ms.min(probe::GAP_MS_MAX)));
            }
            probes.push(self.kernel.sample()?);
        }
        let pending = lock(&self.ledger).pending();
        Ok(ClockStatus {
            reach: Reach::Kernel,
            skewed: pending.iter().any(|(_, undo)| matches!(undo, Undo::KernelClock { .. })),
            running: Vec::new(),
            attached: Vec::new(),
            asked: 0,
            told: None,
            probes,
        })
    }

    fn unwritable(&self, error: &std::io::Error) -> String {
        format!("cannot write {}: {error}", self.page().display())
    }
}

/// Whether a process has the file open, or mapped.
fn has_open(pid: u32, path: &Path) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    if maps.lines().any(|line| line.ends_with(&path.display().to_string())) {
        return true;
    }
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    open.filter_map(Result::ok).any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to == path))
}

/// The parameters that bring this about from now on.
fn steering(skew: Skew) -> Result<Steering, String> {
    let (since_ns, raw_ns) = true_time();
    let far = |delta_ms: i64| delta_ms.unsigned_abs() > DELTA_MS_MAX;
    let none = Steering { since_ns, ..Steering::default() };
    let period = |ms: u64| i64::try_from(ms).ok().filter(|ms| (1..=86_400_000).contains(ms));
    match skew {
        Skew::Jump { delta_ms } | Skew::Strobe { delta_ms, .. } if far(delta_ms) => {
            Err(format!("delta_ms {delta_ms} is more than a year"))
        }
        Skew::Jump { delta_ms } => Ok(Steering { mode: LINEAR, offset_ns: delta_ms * MS, ..none }),
        Skew::Strobe { delta_ms, period_ms } => {
            let period = period(period_ms).ok_or("period_ms is from 1 to a day")?;
            let (offset_ns, period_ns) = (delta_ms * MS, period * MS);
            Ok(Steering { mode: STROBE, offset_ns, period_ns, ..none })
        }
        Skew::Drift { rate_ppm } if RATE_PPM.contains(&rate_ppm) => {
            Ok(Steering { mode: LINEAR, rate_ppb: rate_ppm * 1000, ..none })
        }
        Skew::Drift { rate_ppm } => Err(format!("rate_ppm {rate_ppm} is not in {RATE_PPM:?}")),
        Skew::Freeze {} => Ok(Steering { mode: FROZEN, frozen_ns: raw_ns, ..none }),
        Skew::Smear { delta_ms, over_ms } => {
            let over = period(over_ms).ok_or("over_ms is from 1 to a day")?;
            if delta_ms.unsigned_abs() > over_ms {
                return Err(format!("delta_ms {delta_ms} cannot be smeared over {over_ms} ms"));
            }
            let rate_ppb = delta_ms * 1_000_000_000 / over;
            Ok(Steering { mode: SMEAR, rate_ppb, period_ns: over * MS, ..none })
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;

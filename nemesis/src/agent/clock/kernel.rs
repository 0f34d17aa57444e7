//! The kernel's wall clock, on machines that have one of their own.
//!
//! It is set, once or again and again, and never slewed: a slewed kernel bends its monotonic clock
//! with it, by which the truth is kept. What is true is the wall clock's distance from the monotonic
//! one before anything was done; it is in the ledger, and brought back exactly.

use super::super::process::lock;
use super::steering;
use crate::wire::clock::Skew;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};
use perjury_clock::steer::Steering;
use perjury_clock::{Sample, true_time};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How near to the truth it has to be brought.
const NEAR_NS: i64 = 5_000_000;
/// How near it is meant to be set, and how often that is tried: the process may wait in between.
const FINE_NS: i64 = 100_000;
const TRIES: usize = 20;
/// Between two settings of a clock that drifts or stands still.
const STEP: Duration = Duration::from_millis(2);
/// Names of processes that set the clock, as `/proc` has them, and of their services.
const KEEPERS: [(&str, &str); 5] = [
    ("chronyd", "chrony"),
    ("ntpd", "ntp"),
    ("systemd-timesyn", "systemd-timesyncd"),
    ("VBoxService", "vboxadd-service"),
    ("phc2sys", "phc2sys"),
];

/// A machine's clocks.
pub(crate) trait Machine: Send + Sync {
    /// Why its clock may not be set.
    fn refuse(&self) -> Option<String>;
    /// The monotonic and the wall clock.
    fn read(&self) -> (i64, i64);
    /// Makes the wall clock this far from the monotonic one.
    fn set_distance(&self, ns: i64) -> Result<(), String>;
}

/// The one that the agent runs on.
pub(crate) struct This;

impl Machine for This {
    fn refuse(&self) -> Option<String> {
        if cfg!(test) {
            return Some("tests leave the machine's clock alone".to_owned());
        }
        // The kernel gives its first namespaces these numbers. Whoever is in others, as local nodes
        // and containers are, shares the clock with those outside.
        for (namespace, first) in [("pid", "pid:[4026531836]"), ("user", "user:[4026531837]")] {
            let own = fs::read_link(format!("/proc/self/ns/{namespace}")).unwrap_or_default();
            if own.as_os_str() != first {
                return Some(
                    "it is a container or a local node and shares its clock with the machine: \
                     use a virtual machine"
                        .to_owned(),
                );
            }
        }
        if !nix::unistd::geteuid().is_root() {
            return Some("setting the clock needs root: log in as root".to_owned());
        }
        let running = super::super::procfs::snapshot();
        let keeper = KEEPERS.iter().find(|(name, _)| running.iter().any(|one| one.comm == *name));
        keeper.map(|(name, service)| {
            format!(
                "{name} keeps the clock right, and would undo the fault: run \
                 `systemctl stop {service}` there, and start it again after the test"
            )
        })
    }

    fn read(&self) -> (i64, i64) {
        // The pair whose parts were read soonest after one another.
        let pair = || {
            let (monotonic, wall) = true_time();
            (true_time().0 - monotonic, (monotonic, wall))
        };
        let pairs = [pair(), pair(), pair(), pair()];
        pairs.into_iter().min_by_key(|(took, _)| *took).map_or_else(true_time, |(_, pair)| pair)
    }

    fn set_distance(&self, ns: i64) -> Result<(), String> {
        let wall = u64::try_from(true_time().0 + ns).map_err(|_| "before 1970".to_owned())?;
        let to = TimeSpec::from_duration(Duration::from_nanos(wall));
        clock_settime(ClockId::CLOCK_REALTIME, to)
            .map_err(|errno| format!("cannot set the clock: {}", errno.desc()))
    }
}

/// Steers the machine's clock. Invariant: unless `driver` runs or a jump was set, the clock is
/// `truth` away from the monotonic one, once that is known.
pub(crate) struct KernelClock {
    machine: Arc<dyn Machine>,
    /// The distance that is right.
    truth: Mutex<Option<i64>>,
    driver: Mutex<Option<Driver>>,
}

struct Driver {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl KernelClock {
    pub(crate) fn new(machine: Arc<dyn Machine>) -> Self {
        Self { machine, truth: Mutex::default(), driver: Mutex::default() }
    }

    /// The right distance: as it is now, when it is asked for the first time.
    pub(crate) fn truth(&self) -> Result<i64, String> {
        if let Some(reason) = self.machine.refuse() {
            return Err(reason);
        }
        Ok(*lock(&self.truth).get_or_insert_with(|| self.distance()))
    }

    fn distance(&self) -> i64 {
        let (monotonic, wall) = self.machine.read();
        wall - monotonic
    }

    /// Puts it wrong from now on. The undo is in the ledger already.
    pub(crate) fn set(&self, skew: Skew) -> Result<(), String> {
        let truth = self.truth()?;
        let mut steering = steering(skew)?;
        let (monotonic, _) = self.machine.read();
        steering.since_ns = monotonic;
        steering.frozen_ns = monotonic + truth;
        self.halt();
        set_finely(&*self.machine, truth, &steering)?;
        if matches!(skew, Skew::Jump { .. }) {
            return Ok(());
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (machine, stopped) = (Arc::clone(&self.machine), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                let (monotonic, _) = machine.read();
                let wanted = steering.told(monotonic, monotonic + truth) - monotonic;
                if let Err(problem) = machine.set_distance(wanted) {
                    tracing::warn!("{problem}");
                    return;
                }
                std::thread::sleep(STEP);
            }
        });
        *lock(&self.driver) = Some(Driver { stop, thread });
        Ok(())
    }

    fn halt(&self) {
        if let Some(driver) = lock(&self.driver).take() {
            driver.stop.store(true, Ordering::Release);
            if driver.thread.join().is_err() {
                tracing::warn!("the thread that set the clock has panicked");
            }
        }
    }

    /// Brings it back to `truth` from the monotonic clock, and looks.
    pub(crate) fn undo(&self, truth: i64) -> Result<String, String> {
        self.halt();
        *lock(&self.truth) = Some(truth);
        set_finely(&*self.machine, truth, &Steering::default())?;
        let off = self.distance() - truth;
        if off.abs() > NEAR_NS {
            return Err(format!("clock: still off by {} ms", off / 1_000_000));
        }
        Ok(format!("clock: true again, within {} microseconds", off.abs() / 1000 + 1))
    }

    /// What it shows, beside what is right.
    pub(crate) fn sample(&self) -> Result<Sample, String> {
        let truth = self.truth()?;
        let (monotonic_ns, told_ns) = self.machine.read();
        Ok(Sample { monotonic_ns, raw_ns: monotonic_ns + truth, told_ns })
    }
}

/// Sets it, again where the process had to wait in between.
fn set_finely(machine: &dyn Machine, truth: i64, steering: &Steering) -> Result<(), String> {
    for _ in 0..TRIES {
        let wanted = |at: i64| steering.told(at, at + truth) - at;
        machine.set_distance(wanted(machine.read().0))?;
        let (monotonic, wall) = machine.read();
        if (wall - monotonic - wanted(monotonic)).abs() <= FINE_NS {
            break;
        }
    }
    Ok(())
}

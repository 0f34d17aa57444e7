//! Tests of clocks with a program that has Perjury's clock built in: this test binary.

use super::*;
use crate::agent::tests::Client;
use crate::testing::Lab;
use perjury_clock::Clock;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const TELLER: &str = "PERJURY_TEST_TELLER";
const PROBE: &str = "PERJURY_TEST_PROBE";

/// Not a test: a program that asks for the time again and again.
#[test]
fn a_teller() {
    if std::env::var_os(TELLER).is_some() {
        let clock = Clock::from_env();
        loop {
            clock.now();
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Not a test: the probe, as the agent of a test starts it.
#[test]
fn a_probe() {
    if let Ok(arguments) = std::env::var(PROBE) {
        let code = probe_main(arguments.split(' ').map(str::to_owned).collect());
        assert_eq!(code, ExitCode::SUCCESS);
    }
}

fn teller(log: &Path) -> Value {
    let own = std::env::current_exe().unwrap();
    json!({
        "name": "db",
        "argv": [own, "--exact", "agent::clock::tests::a_teller"],
        "env": {"PERJURY_CLOCK": "", TELLER: "1"},
        "log": log,
    })
}

/// Starts a database that asks for the time, with a clock that can be steered.
pub(crate) fn start_teller(lab: &Lab, node: usize) {
    let log = lab.nodes[node].state.join("db.log");
    lab.call(node, "process.start", teller(&log)).unwrap();
    std::thread::sleep(Duration::from_millis(100));
}

fn shift(agent: &mut Client) -> (i64, Option<i64>) {
    let watch = json!({"clock": "program", "samples": 1, "gap_ms": 0});
    let status = agent.call("clock.status", watch).unwrap();
    let status: ClockStatus = serde_json::from_value(status).unwrap();
    assert_eq!(status.attached, status.running, "{status:?}");
    (status.probes[0].shift_ns(), status.told.map(|told| told.shift_ns()))
}

#[test]
fn a_clock_is_right_again_after_sigkill_of_the_agent_and_after_its_lease() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Client::start(dir.path(), 60_000);
    agent.call("process.start", teller(&dir.path().join("db.log"))).unwrap();
    let jump = json!({"clock": "program", "skew": {"kind": "jump", "delta_ms": 90_000}});
    agent.call("clock.set", jump.clone()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(shift(&mut agent), (90_000 * MS, Some(90_000 * MS)));
    agent.sigkill();
    let page = Page::open(&dir.path().join("clock/page")).unwrap();
    assert_ne!(page.steering().1, Steering::default());
    let mut next = Client::start(dir.path(), 300);
    assert!(next.hello.healed.iter().any(|line| line.contains("true again")), "{:?}", next.hello);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(shift(&mut next), (0, Some(0)));
    next.call("clock.set", jump).unwrap();
    std::thread::sleep(Duration::from_millis(1000));
    assert_eq!(page.steering().1, Steering::default(), "undone with the lease");
    Client::start(dir.path(), 60_000).call("process.kill", json!({"name": "db"})).unwrap();
}

#[test]
fn what_cannot_be_is_refused() {
    for skew in [
        Skew::Jump { delta_ms: i64::MAX },
        Skew::Strobe { delta_ms: 5, period_ms: 0 },
        Skew::Drift { rate_ppm: -1_000_001 },
        Skew::Smear { delta_ms: 1000, over_ms: 10 },
    ] {
        assert!(steering(skew).is_err(), "{skew:?}");
    }
}

pub(super) fn probe_command() -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "agent::clock::tests::a_probe", "--nocapture", "--test-threads=1"]);
    command
}

pub(super) const PROBE_ARGUMENTS: &str = PROBE;

fn preload_test(argv: &[&str]) -> Result<Client, String> {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Client::start(&dir.keep(), 60_000);
    let with =
        json!({"name": "db", "argv": argv, "env": {"PERJURY_CLOCK": ""}, "log": "/dev/null"});
    agent.call("process.start", with).map(|_| agent)
}

#[test]
fn a_program_of_somebody_elses_is_steered_by_the_preloaded_library() {
    let Ok(mut agent) = preload_test(&["/bin/sh", "-c", "while sleep 0.03; do date; done"]) else {
        panic!("sh is a linked program")
    };
    let mut look = |skew: Value, samples: u32, gap_ms: u64| {
        agent.call("clock.set", json!({"clock": "program", "skew": skew})).unwrap();
        std::thread::sleep(Duration::from_millis(150));
        let watch = json!({"clock": "program", "samples": samples, "gap_ms": gap_ms});
        let status = agent.call("clock.status", watch).unwrap();
        serde_json::from_value::<ClockStatus>(status).unwrap()
    };
    let status = look(json!({"kind": "jump", "delta_ms": -7000}), 2, 0);
    assert_eq!(status.reach, Reach::Preloaded);
    assert!(status.probes.iter().all(|probe| probe.shift_ns() == -7000 * MS), "{status:?}");
    assert_eq!(status.told.unwrap().shift_ns(), -7000 * MS, "what its `date` was told");
    assert!(!status.attached.is_empty(), "{status:?}");
    let status = look(json!({"kind": "drift", "rate_ppm": 1_000_000}), 2, 50);
    let [first, last] = status.probes[..] else { panic!("{status:?}") };
    let passed = last.monotonic_ns - first.monotonic_ns;
    assert!((last.shift_ns() - first.shift_ns() - passed).abs() < 10, "{status:?}");
    let status = look(json!({"kind": "freeze"}), 2, 20);
    assert_eq!(status.probes[0].told_ns, status.probes[1].told_ns);
    let status = look(json!({"kind": "strobe", "delta_ms": 500, "period_ms": 40}), 12, 9);
    let shifts: std::collections::BTreeSet<i64> =
        status.probes.iter().map(|probe| probe.shift_ns()).collect();
    assert_eq!(shifts.into_iter().collect::<Vec<_>>(), [0, 500 * MS]);
    agent.call("process.kill", json!({"name": "db"})).unwrap();
}

#[test]
fn programs_that_cannot_be_reached_are_refused_by_name() {
    // This one is static, but carries the clock.
    let own = std::env::current_exe().unwrap().display().to_string();
    let reach = |argv: &[&str]| {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        Clocks::inspect(&Program { argv, user: None })
    };
    assert_eq!(reach(&[&own]), Ok(Reach::BuiltIn));
    assert_eq!(reach(&["sleep", "1"]), Ok(Reach::Preloaded));
    assert!(reach(&["no-such-program"]).unwrap_err().contains("no-such-program"));
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let script = file("run", b"#!/usr/bin/env sh\n");
    assert_eq!(reach(&[&script]), Ok(Reach::Preloaded));
    assert!(reach(&[&file("text", b"text")]).unwrap_err().contains("ELF"));
    for (name, bytes, why) in [
        ("static", inspect::made_up(false, &[".text"]), "static"),
        ("go", inspect::made_up(true, &[".text", ".go.buildinfo"]), "Go"),
    ] {
        let error = reach(&[&file(name, &bytes)]).unwrap_err();
        assert!(error.contains(name) && error.contains(why), "{error}");
    }
    let set_uid = file("su", &fs::read("/bin/sleep").unwrap());
    fs::set_permissions(&set_uid, fs::Permissions::from_mode(0o4755)).unwrap();
    assert!(reach(&[&set_uid]).unwrap_err().contains("set-uid"));
    let marked = file("own", &inspect::made_up(false, &[perjury_clock::MARKER]));
    assert_eq!(reach(&[&marked]), Ok(Reach::BuiltIn));
}

/// A machine whose wall clock is a number here: how far it is from the monotonic clock.
#[derive(Default)]
struct Pretended {
    distance: Mutex<i64>,
    refuses: bool,
}

impl kernel::Machine for Pretended {
    fn refuse(&self) -> Option<String> {
        self.refuses.then(|| "chronyd keeps the clock right".to_owned())
    }

    fn read(&self) -> (i64, i64) {
        let monotonic = true_time().0;
        (monotonic, monotonic + *self.distance.lock().unwrap())
    }

    fn set_distance(&self, ns: i64) -> Result<(), String> {
        *self.distance.lock().unwrap() = ns;
        Ok(())
    }
}

fn ledger(dir: &Path) -> SharedLedger {
    Arc::new(Mutex::new(crate::agent::ledger::Ledger::open(dir).unwrap()))
}

#[test]
fn a_machines_clock_is_set_and_brought_back_also_by_the_next_agent() {
    const TRUTH: i64 = 1_700_000_000_000_000_000;
    let dir = tempfile::tempdir().unwrap();
    let machine = Arc::new(Pretended { distance: Mutex::new(TRUTH), refuses: false });
    let clocks = Clocks::on(machine.clone(), dir.path(), ledger(dir.path()));
    let gone = ProcessState {
        state: RunState::Gone,
        pid: None,
        start_ticks: None,
        pids: vec![],
        observed: String::new(),
    };
    let watch = WatchClock { clock: WhichClock::Kernel, samples: 2, gap_ms: 60 };
    let gained = |clocks: &Clocks, skew: Skew| {
        clocks.set(SetClock { clock: WhichClock::Kernel, skew }).unwrap();
        let probes = clocks.status(watch, &gone).unwrap().probes;
        (probes[0].shift_ns(), probes[1].shift_ns() - probes[0].shift_ns(), probes)
    };
    assert_eq!(gained(&clocks, Skew::Jump { delta_ms: 700 }).0, 700 * MS);
    let (_, by, probes) = gained(&clocks, Skew::Freeze {});
    assert!((by + probes[1].monotonic_ns - probes[0].monotonic_ns).abs() < 20 * MS, "{probes:?}");
    let (_, by, probes) = gained(&clocks, Skew::Drift { rate_ppm: 1_000_000 });
    assert!((by - (probes[1].monotonic_ns - probes[0].monotonic_ns)).abs() < 20 * MS, "{probes:?}");
    clocks.reset(WhichClock::Kernel).unwrap();
    assert_eq!(*machine.distance.lock().unwrap(), TRUTH);
    assert!(!clocks.status(watch, &gone).unwrap().skewed);
    clocks
        .set(SetClock { clock: WhichClock::Kernel, skew: Skew::Jump { delta_ms: 5000 } })
        .unwrap();
    // The agent is gone; its successor has nothing but the ledger.
    let next = Clocks::on(machine.clone(), dir.path(), ledger(dir.path()));
    let pending = lock(&next.ledger).pending();
    let [(_, Undo::KernelClock { distance_ns })] = pending[..] else { panic!("{pending:?}") };
    next.undo_kernel(distance_ns).unwrap();
    assert_eq!(*machine.distance.lock().unwrap(), TRUTH);
}

#[test]
fn a_machine_whose_clock_is_kept_right_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let machine = Arc::new(Pretended { refuses: true, ..Pretended::default() });
    let clocks = Clocks::on(machine.clone(), dir.path(), ledger(dir.path()));
    let set = SetClock { clock: WhichClock::Kernel, skew: Skew::Jump { delta_ms: 5000 } };
    assert!(clocks.set(set).unwrap_err().contains("chronyd"));
    assert!(lock(&clocks.ledger).pending().is_empty());
    assert_eq!(*machine.distance.lock().unwrap(), 0);
    // Nor does a test ever touch the real one.
    assert!(Clocks::new(dir.path(), ledger(dir.path())).set(set).is_err());
}

//! Tests of processes: real ones, and a signaller that only pretends.

use super::*;
use crate::agent::process::Kernel;

/// A state directory with its processes; what was started dies with it.
struct Bench {
    dir: tempfile::TempDir,
    ledger: SharedLedger,
    processes: Processes,
}

impl Bench {
    fn new() -> Self {
        Self::with(Box::new(Kernel))
    }

    fn with(signaller: Box<dyn Signaller>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Mutex::new(Ledger::open(dir.path()).unwrap()));
        let processes = Processes::new(dir.path(), Arc::clone(&ledger), signaller).unwrap();
        Self { dir, ledger, processes }
    }

    fn start(&self, script: &str) -> ProcessState {
        self.processes.start(&self.what(&["/bin/sh", "-c", script])).unwrap()
    }

    fn what(&self, argv: &[&str]) -> StartProcess {
        StartProcess {
            name: "db".to_owned(),
            argv: argv.iter().map(|&word| word.to_owned()).collect(),
            env: BTreeMap::new(),
            dir: None,
            log: self.dir.path().join("log/db.log").display().to_string(),
            user: None,
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log/db.log")).unwrap_or_default()
    }

    /// Starts [`TREE`] and waits until its helpers have ended.
    fn plant(&self) -> ProcessState {
        self.start(TREE);
        await_that(|| (self.log() == "planted\n").then_some(()));
        self.await_members(4)
    }

    fn await_members(&self, count: usize) -> ProcessState {
        await_that(|| {
            let state = self.processes.status("db").unwrap();
            (state.pids.len() == count).then_some(state)
        })
    }

    fn open_entries(&self) -> usize {
        lock(&self.ledger).pending().len()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Not through what is under test: its signaller may only pretend.
        let Ok(Some(record)) = self.processes.record("db") else { return };
        loop {
            let members = family::members(&record, &self.processes.era);
            if members.is_empty() {
                return;
            }
            for member in members {
                let _ = Kernel.send(seen(&member), Signal::SIGKILL);
            }
            self.processes.reap();
        }
    }
}

fn await_that<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not seen within 20 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn letter(pid: u32) -> Option<char> {
    procfs::stat(pid).map(|stat| stat.state)
}

/// A process that starts a child, an orphan, and a daemon in a session of its own.
const TREE: &str = "sleep 1000 & (sleep 1001 &) ; (setsid sleep 1002 &) ; echo planted; wait";

#[test]
fn it_starts_once_and_logs_to_its_file() {
    let bench = Bench::new();
    let first = bench.start("echo hello; echo $PWD $MARKED >&2; sleep 1000");
    assert_eq!(first.state, RunState::Running);
    let second = bench.start("echo twice; sleep 1000");
    assert_eq!((second.pid, second.start_ticks), (first.pid, first.start_ticks));
    await_that(|| (bench.log() == "hello\n/\n").then_some(()));
    let mine = nix::unistd::getsid(None).unwrap().as_raw() as u32;
    let its = procfs::stat(first.pid.unwrap()).unwrap().session;
    assert_eq!(Some(its), first.pid, "a session of its own");
    assert_ne!(its, mine);
}

#[test]
fn its_environment_is_what_was_asked_and_no_signal_is_blocked() {
    let bench = Bench::new();
    let mut what =
        bench.what(&["/bin/sh", "-c", "echo $A $CARGO $LANG; grep SigBlk /proc/self/status"]);
    what.env.insert("A".to_owned(), "b".to_owned());
    what.dir = Some("/tmp".to_owned());
    bench.processes.start(&what).unwrap();
    await_that(|| (bench.log() == "b C.UTF-8\nSigBlk:\t0000000000000000\n").then_some(()));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let bench = Bench::new();
    let error = bench.processes.start(&bench.what(&["/no/such/program"])).unwrap_err();
    assert!(error.contains("/no/such/program") && error.contains("No such file"), "{error}");
    let mut what = bench.what(&["/bin/true"]);
    what.user = Some("no-such-user".to_owned());
    assert!(bench.processes.start(&what).unwrap_err().contains("no-such-user"));
    what.user = None;
    what.name = "../db".to_owned();
    assert!(bench.processes.start(&what).is_err());
}

#[test]
fn as_root_it_runs_as_another_user() {
    if !nix::unistd::geteuid().is_root() || User::named("nobody").is_err() {
        return; // An ordinary user may become nobody else.
    }
    let bench = Bench::new();
    let mut what = bench.what(&["/bin/sh", "-c", "id -u; id -G; echo $USER; sleep 1000"]);
    what.user = Some("nobody".to_owned());
    let state = match bench.processes.start(&what) {
        Ok(state) => state,
        // Root of a user namespace that maps one user only.
        Err(error) if error.contains("Invalid argument") || error.contains("permitted") => return,
        Err(error) => panic!("{error}"),
    };
    let nobody = User::named("nobody").unwrap();
    let expected = format!("{}\n{}\nnobody\n", nobody.uid, nobody.gid);
    await_that(|| (bench.log() == expected).then_some(()));
    assert_eq!(state.state, RunState::Running);
}

#[test]
fn killing_takes_the_whole_tree_and_sees_it_gone() {
    let bench = Bench::new();
    let before = bench.plant();
    let after = bench.processes.kill("db").unwrap();
    assert_eq!(after.state, RunState::Gone);
    for pid in &before.pids {
        assert!(letter(*pid).is_none_or(|state| state == 'Z'), "pid {pid}");
        assert!(after.observed.contains(&pid.to_string()), "{}", after.observed);
    }
    assert_eq!(after.pid, before.pid);
    let again = bench.processes.kill("db").unwrap();
    assert_eq!(again.state, RunState::Gone);
}

#[test]
fn a_killed_process_starts_anew_with_another_identity() {
    let bench = Bench::new();
    let first = bench.start("sleep 1000");
    bench.processes.kill("db").unwrap();
    let second = bench.start("sleep 1000");
    assert_eq!(second.state, RunState::Running);
    assert_ne!((first.pid, first.start_ticks), (second.pid, second.start_ticks));
}

#[test]
fn a_process_that_ends_by_itself_is_gone_with_its_exit_code() {
    let bench = Bench::new();
    bench.start("exit 7");
    let state = await_that(|| {
        let state = bench.processes.status("db").unwrap();
        (state.state == RunState::Gone).then_some(state)
    });
    assert!(state.observed.contains("exit code 7"), "{}", state.observed);
    assert_eq!(letter(state.pid.unwrap()), None, "no zombie is left");
}

#[test]
fn pausing_stops_every_thread_of_the_tree_and_resuming_lets_it_go_on() {
    let bench = Bench::new();
    let before = bench.plant();
    let paused = bench.processes.pause("db").unwrap();
    assert_eq!(paused.state, RunState::Paused);
    assert_eq!(paused.pids, before.pids);
    assert!(before.pids.iter().all(|&pid| letter(pid) == Some('T')));
    assert_eq!(bench.open_entries(), 1, "the undo is written down");

    assert_eq!(bench.processes.pause("db").unwrap().state, RunState::Paused);
    assert_eq!(bench.open_entries(), 1, "once is enough");

    let resumed = bench.processes.resume("db").unwrap();
    assert_eq!(resumed.state, RunState::Running);
    assert!(before.pids.iter().all(|&pid| letter(pid) != Some('T')));
    assert_eq!(bench.open_entries(), 0);
}

/// Set in the child that stands for a database with threads.
const THREADS: &str = "PERJURY_TEST_THREADS";

/// Not a test: a program with threads, run by the next one.
#[test]
fn a_program_with_threads() {
    if std::env::var_os(THREADS).is_some() {
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(std::thread::park)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn every_thread_is_seen_to_stop() {
    let bench = Bench::new();
    let exe = std::env::current_exe().unwrap().display().to_string();
    let mut what = bench.what(&[&exe, "--exact", "agent::process::tests::a_program_with_threads"]);
    what.env.insert(THREADS.to_owned(), "1".to_owned());
    let pid = bench.processes.start(&what).unwrap().pid.unwrap();
    await_that(|| (procfs::thread_states(pid).len() > 8).then_some(()));
    assert_eq!(bench.processes.pause("db").unwrap().state, RunState::Paused);
    let states = procfs::thread_states(pid);
    assert!(states.len() > 8 && states.into_iter().all(|state| state == 'T'));
    assert_eq!(bench.processes.resume("db").unwrap().state, RunState::Running);
    assert!(!procfs::thread_states(pid).contains(&'T'));
}

#[test]
fn a_paused_process_can_be_killed_or_stopped() {
    for verb in [Processes::kill, Processes::stop] {
        let bench = Bench::new();
        bench.start("sleep 1000 & wait");
        bench.await_members(2);
        bench.processes.pause("db").unwrap();
        assert_eq!(verb(&bench.processes, "db").unwrap().state, RunState::Gone);
        assert_eq!(bench.open_entries(), 0);
    }
}

#[test]
fn stopping_asks_first_and_then_insists() {
    let bench = Bench::new();
    bench.start("trap 'echo asked; exit 0' TERM; while :; do sleep 0.05; done");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(bench.processes.stop("db").unwrap().state, RunState::Gone);
    assert_eq!(bench.log(), "asked\n");

    bench.start("trap 'echo never' TERM; while :; do sleep 0.05; done");
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    assert_eq!(bench.processes.stop("db").unwrap().state, RunState::Gone);
    assert!(began.elapsed() >= TERM_GRACE);
}

#[test]
fn what_was_never_started_is_gone() {
    let bench = Bench::new();
    let verbs =
        [Processes::status, Processes::kill, Processes::stop, Processes::pause, Processes::resume];
    for verb in verbs {
        let state = verb(&bench.processes, "db").unwrap();
        assert_eq!((state.state, state.pid), (RunState::Gone, None));
        assert!(state.observed.contains("never started"));
    }
}

#[test]
fn a_later_agent_finds_the_process() {
    let mut bench = Bench::new();
    let started = bench.start("sleep 1000");
    // As its successor would: the child is no longer its own.
    let leaked = std::mem::take(&mut *lock(&bench.processes.children));
    bench.processes =
        Processes::new(bench.dir.path(), Arc::clone(&bench.ledger), Box::new(Kernel)).unwrap();
    assert_eq!(bench.start("sleep 1000").pid, started.pid);
    // Nobody reaps it now, so it stays a zombie: that counts as gone.
    assert_eq!(bench.processes.kill("db").unwrap().state, RunState::Gone);
    assert_eq!(letter(started.pid.unwrap()), Some('Z'));
    for (_, mut child) in leaked {
        child.wait().unwrap();
    }
}

#[test]
fn an_agent_that_died_between_start_and_record_leaves_a_process_that_is_found() {
    let bench = Bench::new();
    let started = bench.start("sleep 1000");
    let mut record = bench.processes.record("db").unwrap().unwrap();
    record.first = None;
    bench.processes.write(&record).unwrap();
    assert_eq!(bench.start("sleep 1000").pid, started.pid);
    let adopted = bench.processes.record("db").unwrap().unwrap().first.unwrap();
    assert_eq!((Some(adopted.pid), Some(adopted.start_ticks)), (started.pid, started.start_ticks));
}

#[test]
fn another_process_with_the_id_is_left_alone() {
    let bench = Bench::new();
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let record = Record {
        name: "db".to_owned(),
        era: procfs::era(),
        mark: "db@elsewhere".to_owned(),
        first: Some(Seen { pid: stranger.id(), start_ticks: 1 }),
        gone: false,
    };
    bench.processes.write(&record).unwrap();
    assert_eq!(bench.processes.kill("db").unwrap().state, RunState::Gone);
    let wrong = Seen { pid: stranger.id(), start_ticks: 1 };
    Kernel.send(wrong, Signal::SIGKILL).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(stranger.try_wait().unwrap().is_none(), "it lives");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

/// Says that it sent the signal, and does not.
struct Saboteur;

impl Signaller for Saboteur {
    fn send(&self, _process: Seen, _signal: Signal) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn a_signal_that_was_not_sent_is_noticed() {
    let bench = Bench::with(Box::new(Saboteur));
    bench.start("sleep 1000");
    let killed = bench.processes.kill("db").unwrap_err();
    assert!(killed.contains("still alive"), "{killed}");
    let paused = bench.processes.pause("db").unwrap_err();
    assert!(paused.contains("not stopped"), "{paused}");
    assert_eq!(bench.open_entries(), 1, "it may yet stop: the entry stays");
    assert_eq!(bench.processes.status("db").unwrap().state, RunState::Running);
}

#[test]
fn a_resumption_that_was_not_sent_is_noticed() {
    let mut bench = Bench::new();
    bench.start("sleep 1000");
    bench.processes.pause("db").unwrap();
    bench.processes.signaller = Box::new(Saboteur);
    let resumed = bench.processes.resume("db").unwrap_err();
    assert!(resumed.contains("still stopped"), "{resumed}");
    assert_eq!(bench.open_entries(), 1);
}

#[test]
fn an_end_that_nobody_asked_for_is_told_and_no_other() {
    let bench = Bench::new();
    bench.start("sleep 1000");
    bench.processes.kill("db").unwrap();
    bench.start("sleep 1000");
    bench.processes.stop("db").unwrap();
    assert_eq!(bench.processes.ends(), []);
    bench.start("exit 7");
    let end = await_that(|| bench.processes.ends().pop());
    assert_eq!((&*end.name, end.code, end.signal, end.core), ("db", Some(7), None, false));
    // Killing what is gone already does not make it asked for.
    bench.processes.kill("db").unwrap();
    bench.start("kill -SEGV $$");
    await_that(|| (bench.processes.ends().len() == 2).then_some(()));
    let end = bench.processes.ends().pop().unwrap();
    assert_eq!((end.code, end.signal), (None, Some(Signal::SIGSEGV as i32)));
}

//! Tests of the whole agent as a process of its own, killed and left alone at bad moments.

use super::*;
use perjury_harness::agent::protocol::{Hello, ProcessState, Reply, RunState};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

/// Set in the child that is the agent, to its arguments.
const ROLE: &str = "PERJURY_TEST_AGENT";

/// Not a test: the program that [`Client::start`] runs. The test binary is the only one there is.
#[test]
fn the_agent_itself() {
    if let Ok(arguments) = std::env::var(ROLE) {
        let code = main(arguments.split(' ').map(str::to_owned).collect());
        assert_eq!(code, ExitCode::SUCCESS);
    }
}

/// An agent in a process of its own, spoken to over its pipes.
pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    pub(crate) hello: Hello,
    next: u64,
}

impl Client {
    pub(crate) fn start(state: &Path, lease_ms: u64) -> Self {
        Self::start_in(&mut Command::new(std::env::current_exe().unwrap()), state, lease_ms)
    }

    /// `command` runs this test binary, whatever it puts before it.
    pub(crate) fn start_in(command: &mut Command, state: &Path, lease_ms: u64) -> Self {
        let mut child = command
            .args(["--exact", "agent::tests::the_agent_itself", "--nocapture", "--test-threads=1"])
            .env(ROLE, format!("--lease-ms {lease_ms} --state {}", state.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let hello = loop {
            let mut line = String::new();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "the agent said no hello");
            // The test harness prints a heading of its own, without a line break at its end.
            if let Some(at) = line.find("{\"version\"") {
                break serde_json::from_str(&line[at..]).unwrap();
            }
        };
        Self { child, stdin, stdout, hello, next: 1 }
    }

    fn send(&mut self, verb: &str, with: Value) -> u64 {
        let id = self.next;
        self.next += 1;
        self.say(&json!({"id": id, "do": verb, "with": with}).to_string());
        id
    }

    fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    fn answer(&mut self) -> Reply {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    /// Like [`Client::call`], for where a panic would hide another.
    pub(crate) fn try_call(&mut self, verb: &str, with: Value) -> std::io::Result<()> {
        let line = json!({"id": self.next, "do": verb, "with": with});
        self.next += 1;
        if let Some(stdin) = &mut self.stdin {
            stdin.write_all(format!("{line}\n").as_bytes())?;
            self.stdout.read_line(&mut String::new())?;
        }
        Ok(())
    }

    pub(crate) fn call(&mut self, verb: &str, with: Value) -> Result<Value, String> {
        let id = self.send(verb, with);
        let reply = self.answer();
        assert_eq!(reply.id, id);
        match (reply.ok, reply.error) {
            (_, Some(error)) => Err(error),
            (ok, None) => Ok(ok.unwrap_or(Value::Null)),
        }
    }

    fn process(&mut self, verb: &str) -> ProcessState {
        let value = self.call(verb, json!({"name": "db"})).unwrap();
        serde_json::from_value(value).unwrap()
    }

    fn start_sleep(&mut self, state: &Path) -> ProcessState {
        let log = state.join("db.log");
        let with = json!({"name": "db", "argv": ["/bin/sleep", "1000"], "log": log});
        serde_json::from_value(self.call("process.start", with).unwrap()).unwrap()
    }

    pub(crate) fn sigkill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn await_end(mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Kills a process that a dead agent left. The state is its own directory, so the id is right.
fn clean_up(state: &Path) {
    let mut agent = Client::start(state, 10_000);
    assert_eq!(agent.process("process.kill").state, RunState::Gone);
}

fn letter(pid: Option<u32>) -> Option<char> {
    procfs::stat(pid.unwrap()).map(|stat| stat.state)
}

fn await_going_on(pid: Option<u32>) -> Duration {
    let began = Instant::now();
    while letter(pid) == Some('T') {
        assert!(began.elapsed() < Duration::from_secs(20), "state {:?}", letter(pid));
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

#[test]
fn it_starts_pauses_resumes_and_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Client::start(dir.path(), 10_000);
    assert_eq!(agent.hello.version, env!("CARGO_PKG_VERSION"));
    assert!(agent.hello.healed.is_empty());
    let started = agent.start_sleep(dir.path());
    assert_eq!(started.state, RunState::Running);
    assert_eq!(agent.process("process.pause").state, RunState::Paused);
    assert_eq!(letter(started.pid), Some('T'));
    assert_eq!(agent.process("process.resume").state, RunState::Running);
    agent.process("process.pause");
    let lines = agent.call("undo.all", Value::Null).unwrap();
    assert!(lines[0].as_str().unwrap().contains("goes on"), "{lines}");
    assert_eq!(agent.process("process.status").state, RunState::Running);
    assert_eq!(agent.process("process.kill").state, RunState::Gone);
    assert_eq!(letter(started.pid), None);
}

#[test]
fn what_a_killed_agent_left_its_successor_heals() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Client::start(dir.path(), 10_000);
    let started = agent.start_sleep(dir.path());
    agent.process("process.pause");
    agent.sigkill();
    assert_eq!(letter(started.pid), Some('T'), "nobody undid it");

    let mut agent = Client::start(dir.path(), 10_000);
    assert_eq!(agent.hello.healed.len(), 1, "{:?}", agent.hello.healed);
    assert!(agent.hello.healed[0].contains("db: goes on"), "{:?}", agent.hello.healed);
    assert_ne!(letter(started.pid), Some('T'));
    let found = agent.process("process.status");
    assert_eq!((found.pid, found.state), (started.pid, RunState::Running));
    assert_eq!(agent.process("process.kill").state, RunState::Gone);
}

#[test]
fn without_renewal_it_undoes_everything_and_ends() {
    let dir = tempfile::tempdir().unwrap();
    // Renewed for longer than the lease, which a busy machine has the time to keep.
    let mut agent = Client::start(dir.path(), 4000);
    let started = agent.start_sleep(dir.path());
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(800));
        assert_eq!(agent.call("lease.renew", Value::Null), Ok(Value::Null));
    }
    assert_eq!(agent.process("process.pause").state, RunState::Paused);
    let after = await_going_on(started.pid);
    assert!(after < Duration::from_secs(10), "{after:?}");
    assert!(agent.await_end());
    clean_up(dir.path());
}

#[test]
fn after_the_end_of_input_it_waits_for_the_lease() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Client::start(dir.path(), 4000);
    let started = agent.start_sleep(dir.path());
    agent.process("process.pause");
    agent.stdin = None;
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(letter(started.pid), Some('T'), "the lease still runs");
    await_going_on(started.pid);
    assert!(agent.await_end());
    clean_up(dir.path());
}

#[test]
fn a_newcomer_takes_over_from_a_living_agent() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = Client::start(dir.path(), 60_000);
    let started = first.start_sleep(dir.path());
    first.process("process.pause");
    let mut second = Client::start(dir.path(), 60_000);
    assert!(first.await_end(), "it finished by itself");
    assert_ne!(letter(started.pid), Some('T'), "and undid what it had done");
    assert!(second.hello.healed.is_empty());
    assert_eq!(second.process("process.kill").state, RunState::Gone);
}

#[test]
fn sigterm_makes_it_undo_everything() {
    let dir = tempfile::tempdir().unwrap();
    // The test harness's own main thread would not survive it; in `perjury agent` that is ours.
    let mut command = Command::new("env");
    command.arg("--block-signal=TERM").arg(std::env::current_exe().unwrap());
    let mut agent = Client::start_in(&mut command, dir.path(), 60_000);
    let started = agent.start_sleep(dir.path());
    agent.process("process.pause");
    let pid = nix::unistd::Pid::from_raw(agent.hello.pid.cast_signed());
    nix::sys::signal::kill(pid, Signal::SIGTERM).unwrap();
    assert!(agent.await_end());
    assert_ne!(letter(started.pid), Some('T'));
    clean_up(dir.path());
}

#[test]
fn a_slow_request_does_not_hold_up_the_lease() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Client::start(dir.path(), 4000);
    let log = dir.path().join("db.log");
    let script = "trap : TERM; while :; do sleep 0.1; done";
    let with = json!({"name": "db", "argv": ["/bin/sh", "-c", script], "log": log});
    agent.call("process.start", with).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let stop = agent.send("process.stop", json!({"name": "db"}));
    let mut renewals = 0;
    loop {
        let id = agent.send("lease.renew", Value::Null);
        let reply = agent.answer();
        if reply.id == stop {
            assert_eq!(reply.ok.unwrap()["state"], "gone");
            break;
        }
        assert_eq!(reply.id, id);
        renewals += 1;
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(renewals > 5, "{renewals}");
}

#[test]
fn nonsense_is_answered_and_survived() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Client::start(dir.path(), 10_000);
    agent.say("{{{");
    assert!(agent.answer().error.unwrap().contains("not a request"));
    agent.say(r#"{"id":9,"do":"process.kill","rest":1}"#);
    assert_eq!(agent.answer().id, 9);
    assert!(agent.call("no.such", Value::Null).unwrap_err().contains("`no.such`"));
    assert!(agent.call("process.kill", json!({"nam": "db"})).unwrap_err().contains("process.kill"));
    assert_eq!(agent.call("lease.renew", Value::Null), Ok(Value::Null));
}

#[test]
fn arguments_are_checked() {
    let words = |text: &str| parse(text.split_whitespace().map(str::to_owned).collect());
    assert!(words("--lease-ms 10000 --state /var/lib/x").is_ok());
    for bad in [
        "",
        "--lease-ms 10000",
        "--lease-ms 10000 --state relative",
        "--lease-ms x --state /x",
        "--lease-ms 1 --state /x",
        "--lease-ms 10000 --state",
        "--lease-ms 10000 --state /x --more 1",
    ] {
        assert!(words(bad).is_err(), "{bad}");
    }
}

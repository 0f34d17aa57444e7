//! Linearizability: time and memory on histories of the shapes on which Porcupine, Knossos and
//! PolyLin were measured. `cargo bench -p perjury-checkers --bench linear [-- NAME ...]`.
//!
//! Every row runs in a process of its own, so that its peak of memory is its own.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Instant;

use perjury_checkers::linear::synthetic::{Random, RegisterLoad, Shape, Subject, history};
use perjury_checkers::linear::{
    CasRegister, Linearizable, Model, NEVER, RegisterCall, Timed, Values, decide,
};
use perjury_checkers::{Budget, Checker, Event, History, Kind, Process};
use serde_json::{Value, json};

/// Seconds: by the clock on the wall, and of all processors together, which other work on the
/// machine disturbs less.
struct Clock {
    wall: f64,
    cpu: f64,
}

/// Runs something and says how long it took.
fn timed<T>(run: impl FnOnce() -> T) -> (T, Clock) {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let result = run();
    (result, Clock { wall: begun.elapsed().as_secs_f64(), cpu: cpu_seconds() - cpu })
}

/// User and system time of this process; Linux counts in hundredths.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// One line of the table.
struct Row {
    name: &'static str,
    /// What other tools took on the same shape: seconds and megabytes.
    others: &'static str,
    run: fn() -> Measured,
}

/// What a row took.
struct Measured {
    operations: usize,
    took: Clock,
    /// Bytes in memory before the check: the history.
    before: u64,
    verdict: String,
}

const ROWS: &[Row] = &[
    row("register-10k", "Porcupine 0.89 s 294 MB", || register(shape(10_000, 10), false)),
    row("register-50k", "Porcupine 11.8 s 6600 MB", || register(shape(50_000, 10), false)),
    row("register-100k", "Porcupine: out of memory at 21 GB", || {
        register(shape(100_000, 10), false)
    }),
    row("register-1M", "", || register(shape(1_000_000, 10), false)),
    row("register-2M", "", || register(shape(2_000_000, 10), false)),
    row("register-10k-violated", "Porcupine 25.0 s 5700 MB", || register(shape(10_000, 10), true)),
    row("register-100k-violated", "", || register(shape(100_000, 10), true)),
    row("register-1k-30-clients", "Porcupine: none in 100 s, 6600 MB", || {
        register(shape(1_000, 30), false)
    }),
    row("register-10k-30-clients", "", || register(shape(10_000, 30), false)),
    row("register-10k-30-clients-violated", "", || register(shape(10_000, 30), true)),
    row("register-10k-1%-unknown", "Porcupine 1.6 s 352 MB", || register(unknown(10_000), false)),
    row("register-10k-30%-unknown", "", || register(unknown(300_000), false)),
    row("register-10k-1%-unknown-violated", "", || register(unknown(10_000), true)),
    row("register-10k-30%-unknown-violated", "", || register(unknown(300_000), true)),
    row("keys-1000-1M", "Porcupine 2.6 s 943 MB", || keys(1_000_000)),
];

const fn row(name: &'static str, others: &'static str, run: fn() -> Measured) -> Row {
    Row { name, others, run }
}

fn shape(operations: usize, processes: u32) -> Shape {
    Shape { operations, processes, unknown_per_million: 0, seed: 1 }
}

fn unknown(per_million: u64) -> Shape {
    Shape { unknown_per_million: per_million, ..shape(10_000, 10) }
}

/// One register with five values.
fn register(shape: Shape, violated: bool) -> Measured {
    let mut load = RegisterLoad::new(5);
    let mut calls = history(&mut load, shape);
    if violated {
        plant(&mut calls);
    }
    calls_of(&CasRegister::default(), &0, &calls)
}

/// A write of 99 and one of 0 before everything else, and a read near the end that shows 99.
fn plant(calls: &mut Vec<Timed<RegisterCall>>) {
    for timed in calls.iter_mut() {
        timed.start += 4;
        timed.end = timed.end.saturating_add(4);
    }
    calls.insert(0, Timed { call: RegisterCall::Write(99), start: 0, end: 1 });
    calls.insert(1, Timed { call: RegisterCall::Write(0), start: 2, end: 3 });
    let read = |timed: &Timed<RegisterCall>| {
        matches!(timed.call, RegisterCall::Read(_)) && timed.end != NEVER
    };
    let late = calls.len() * 9 / 10;
    let at = late + calls[late..].iter().position(read).expect("a read");
    calls[at].call = RegisterCall::Read(99);
}

fn calls_of<M: Model>(model: &M, initial: &M::State, calls: &[Timed<M::Call>]) -> Measured {
    let before = resident();
    let (decision, took) =
        timed(|| decide(model, initial, calls, &Values::default(), &Budget::default()));
    let verdict = match decision.outcome.is_violation() {
        true => "violated".to_owned(),
        false => format!("{:?}", decision.outcome).split(' ').next().unwrap_or_default().to_owned(),
    };
    let verdict = format!("{verdict} ({})", decision.engine);
    Measured { operations: calls.len(), took, before, verdict }
}

/// A thousand registers behind twenty clients, as a history of events.
fn keys(operations: usize) -> Measured {
    let history = keyed_history(operations, 1_000, 20);
    let before = resident();
    let checker = Linearizable::new(CasRegister { initial: json!(0), ..CasRegister::default() });
    let (finding, took) = timed(|| checker.keyed(true).check(&history, &Budget::default()));
    Measured { operations, took, before, verdict: format!("{:?}", finding.verdict) }
}

fn keyed_history(operations: usize, keys: usize, processes: u32) -> History {
    struct Many(Vec<RegisterLoad>);
    impl Subject for Many {
        type Request = (usize, <RegisterLoad as Subject>::Request);
        type Call = (usize, RegisterCall);
        fn ask(&mut self, random: &mut Random, process: u32) -> Self::Request {
            let key = random.below(self.0.len() as u64) as usize;
            (key, self.0[key].ask(random, process))
        }
        fn apply(&mut self, (key, request): &Self::Request) -> Option<Self::Call> {
            self.0[*key].apply(request).map(|call| (*key, call))
        }
        fn unanswered(&self, (key, request): &Self::Request) -> Option<Self::Call> {
            self.0[*key].unanswered(request).map(|call| (*key, call))
        }
    }
    let mut many = Many(vec![RegisterLoad::new(5); keys]);
    let calls = history(&mut many, shape(operations, processes));
    let mut events: Vec<(u32, Event)> = Vec::with_capacity(2 * calls.len());
    let mut free: Vec<(u32, u32)> = Vec::new();
    let mut fresh = 0;
    for Timed { call: (key, call), start, end } in &calls {
        let process = match free.iter().position(|(_, until)| until < start) {
            Some(at) => free.swap_remove(at).0,
            None => {
                fresh += 1;
                fresh - 1
            }
        };
        free.push((process, *end));
        let (f, asked, answered) = match *call {
            RegisterCall::Read(value) => ("read", Value::Null, json!(value)),
            RegisterCall::Write(value) => ("write", json!(value), json!(value)),
            RegisterCall::Cas(old, new) => ("cas", json!([old, new]), json!([old, new])),
            RegisterCall::CasMiss(_) => continue,
        };
        let event = |position: u32, kind: Kind, value: Value| Event {
            index: u64::from(position),
            time: u64::from(position) * 1000,
            process: Process::Client(process),
            kind,
            f: f.into(),
            value: json!([key, value]),
            node: None,
            error: None,
        };
        events.push((*start, event(*start, Kind::Invoke, asked)));
        events.push((*end, event(*end, Kind::Ok, answered)));
    }
    events.sort_by_key(|(position, _)| *position);
    History::new(events.into_iter().map(|(_, event)| event).collect()).expect("well-formed")
}

/// Bytes of this process in memory now.
fn resident() -> u64 {
    status("VmRSS:")
}

fn status(field: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    if let Ok(name) = std::env::var("LINEAR_ROW") {
        let row = ROWS.iter().find(|row| row.name == name).expect("a row of this name");
        print(&one(row));
        return;
    }
    print(
        "| history | operations | seconds | of CPU | MB in all | MB for the check | verdict | others |\n|---|---|---|---|---|---|---|---|\n",
    );
    let wanted =
        |row: &&Row| arguments.is_empty() || arguments.iter().any(|a| row.name.contains(a));
    for row in ROWS.iter().filter(wanted) {
        let this = std::env::current_exe().expect("the benchmark itself");
        let ran = Command::new(this).env("LINEAR_ROW", row.name).output().expect("a process");
        print(&String::from_utf8_lossy(&ran.stdout));
        if !ran.status.success() {
            print(&String::from_utf8_lossy(&ran.stderr));
        }
    }
}

fn one(row: &Row) -> String {
    let measured = (row.run)();
    let (peak, mb) = (status("VmHWM:"), |bytes: u64| bytes / 1_000_000);
    let mut line = String::new();
    let _ = writeln!(
        line,
        "| {} | {} | {:.3} | {:.2} | {} | {} | {} | {} |",
        row.name,
        measured.operations,
        measured.took.wall,
        measured.took.cpu,
        mb(peak),
        mb(peak.saturating_sub(measured.before)),
        measured.verdict,
        row.others
    );
    line
}

#[expect(clippy::print_stdout, reason = "a benchmark's table goes to standard output")]
fn print(text: &str) {
    use std::io::Write as _;
    print!("{text}");
    let _ = std::io::stdout().flush();
}

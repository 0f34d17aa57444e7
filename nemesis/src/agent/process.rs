//! Processes under their names: started, stopped, killed, paused and resumed, each observed.
//!
//! No verb believes a signal: each looks into `/proc` until it sees what should have come of it,
//! or says that it did not see it.

mod endings;

use self::endings::Endings;
use super::family::{self, MARK, Record};
use super::ledger::{Ledger, Seen, Undo, write_atomically};
use super::procfs::{self, Stat};
use super::sys;
use super::user::User;
use nix::sys::signal::Signal;
use perjury_harness::agent::protocol::{ProcessEnd, ProcessState, RunState, StartProcess};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a process has to end after SIGTERM before it gets SIGKILL.
const TERM_GRACE: Duration = Duration::from_secs(5);
/// How long what a signal should bring about is looked for.
const OBSERVE: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Names known at a time.
const NAMES_MAX: usize = 64;

/// Sends signals. In tests one that only pretends.
pub(crate) trait Signaller: Send + Sync {
    /// Sends `signal` to a process that was just seen. That it is gone by now is no error.
    fn send(&self, process: Seen, signal: Signal) -> Result<(), String>;
}

/// Sends signals by kill(2).
pub(crate) struct Kernel;

impl Signaller for Kernel {
    fn send(&self, process: Seen, signal: Signal) -> Result<(), String> {
        // The id may have become another's since it was noted.
        if procfs::stat(process.pid).is_none_or(|stat| stat.start_ticks != process.start_ticks) {
            return Ok(());
        }
        let raw = i32::try_from(process.pid).map_err(|error| error.to_string())?;
        match nix::sys::signal::kill(nix::unistd::Pid::from_raw(raw), signal) {
            Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
            Err(errno) => Err(format!("cannot send {signal} to pid {raw}: {}", errno.desc())),
        }
    }
}

/// The ledger, shared by everything that has something to undo.
pub(crate) type SharedLedger = Arc<Mutex<Ledger>>;

/// Locks, whatever became of an earlier holder: what these mutexes guard is kept on disk.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The processes of one node. Invariant: a name's family is changed only by the thread that holds
/// the name's lock, and stopped only while an open ledger entry lists every stopped member.
pub(crate) struct Processes {
    dir: PathBuf,
    era: String,
    ledger: SharedLedger,
    signaller: Box<dyn Signaller>,
    names: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    /// Children of this very agent, to be reaped, and how each ended.
    children: Mutex<BTreeMap<u32, Child>>,
    endings: Mutex<Endings>,
}

impl Processes {
    /// Those noted in `state/processes`.
    pub(crate) fn new(
        state: &Path,
        ledger: SharedLedger,
        signaller: Box<dyn Signaller>,
    ) -> Result<Self, String> {
        let dir = state.join("processes");
        fs::create_dir_all(&dir)
            .map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
        Ok(Self {
            dir,
            era: procfs::era(),
            ledger,
            signaller,
            names: Mutex::default(),
            children: Mutex::default(),
            endings: Mutex::default(),
        })
    }

    /// Starts it, or finds it running (or paused) already.
    pub(crate) fn start(&self, what: &StartProcess) -> Result<ProcessState, String> {
        let name = self.name(&what.name)?;
        let _held = lock(&name);
        if let Some(mut record) = self.record(&what.name)? {
            let members = family::members(&record, &self.era);
            if let Some(first) = members.first() {
                if record.first.is_none() {
                    record.first = Some(seen(first));
                    self.write(&record)?;
                }
                return Ok(self.describe(&record, &members));
            }
        }
        let mut record = Record {
            name: what.name.clone(),
            era: self.era.clone(),
            mark: format!("{}@{}", what.name, self.dir.display()),
            first: None,
            gone: false,
        };
        // Written first: if the agent dies in between, its successor finds the process by its mark.
        self.write(&record)?;
        let child = command(what, &record.mark)?.spawn().map_err(|error| {
            let user =
                what.user.as_deref().map_or(String::new(), |user| format!(" as user {user}"));
            format!("cannot start {}{user}: {error}", what.argv[0])
        })?;
        let pid = child.id();
        // Not reaped yet, so the entry in /proc is there even if it has ended already.
        let start_ticks = procfs::stat(pid).map(|stat| stat.start_ticks);
        lock(&self.endings).born(pid, &what.name);
        lock(&self.children).insert(pid, child);
        let start_ticks = start_ticks.ok_or_else(|| {
            format!("pid {pid} cannot be seen in /proc: is it mounted with hidepid?")
        })?;
        record.first = Some(Seen { pid, start_ticks });
        self.write(&record)?;
        self.look(&mut record)
    }

    /// How it is.
    pub(crate) fn status(&self, name: &str) -> Result<ProcessState, String> {
        let held = self.name(name)?;
        let _held = lock(&held);
        match self.record(name)? {
            Some(mut record) => self.look(&mut record),
            None => Ok(never_started(name)),
        }
    }

    /// Asks it to end, and kills what is left after [`TERM_GRACE`].
    pub(crate) fn stop(&self, name: &str) -> Result<ProcessState, String> {
        let held = self.name(name)?;
        let _held = lock(&held);
        let Some(mut record) = self.record(name)? else { return Ok(never_started(name)) };
        // A stopped process sees no SIGTERM.
        self.wake(&mut record)?;
        self.foretell(&record);
        if let Some(first) = family::members(&record, &self.era).first() {
            self.signaller.send(seen(first), Signal::SIGTERM)?;
        }
        let deadline = Instant::now() + TERM_GRACE;
        while Instant::now() < deadline {
            self.reap();
            if family::members(&record, &self.era).is_empty() {
                return self.look(&mut record);
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.extinguish(&mut record)
    }

    /// SIGKILL to it and all that came of it.
    pub(crate) fn kill(&self, name: &str) -> Result<ProcessState, String> {
        let held = self.name(name)?;
        let _held = lock(&held);
        match self.record(name)? {
            Some(mut record) => self.extinguish(&mut record),
            None => Ok(never_started(name)),
        }
    }

    fn extinguish(&self, record: &mut Record) -> Result<ProcessState, String> {
        let mut killed = BTreeSet::new();
        self.foretell(record);
        let deadline = Instant::now() + OBSERVE;
        loop {
            self.reap();
            // Looked for anew each time: what forks while it is killed leaves children behind.
            let members = family::members(record, &self.era);
            if members.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                return Err(format!("still alive {OBSERVE:?} after SIGKILL: {}", list(&members)));
            }
            for member in &members {
                killed.insert(member.pid);
                self.signaller.send(seen(member), Signal::SIGKILL)?;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let mut state = self.look(record)?;
        if killed.len() > 1 {
            let ids: Vec<String> = killed.iter().map(u32::to_string).collect();
            state.observed = format!("pids {} are gone", ids.join(", "));
        }
        self.undo_entries(&record.name, &state.observed)?;
        Ok(state)
    }

    /// SIGSTOP to it and all that came of it. What is gone stays gone.
    pub(crate) fn pause(&self, name: &str) -> Result<ProcessState, String> {
        let held = self.name(name)?;
        let _held = lock(&held);
        let Some(mut record) = self.record(name)? else { return Ok(never_started(name)) };
        let deadline = Instant::now() + OBSERVE;
        let mut noted = self.noted(name);
        loop {
            self.reap();
            let members = family::members(&record, &self.era);
            self.note(name, &members, &mut noted)?;
            if members.iter().all(is_paused) {
                return self.look(&mut record);
            }
            if Instant::now() > deadline {
                return Err(format!("not stopped {OBSERVE:?} after SIGSTOP: {}", list(&members)));
            }
            for member in members.iter().filter(|member| !is_paused(member)) {
                self.signaller.send(seen(member), Signal::SIGSTOP)?;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// What open entries of the ledger list about `name`.
    fn noted(&self, name: &str) -> BTreeSet<Seen> {
        let entries = lock(&self.ledger).pending().into_iter().filter_map(|(_, undo)| match undo {
            Undo::Resume { name: whose, processes } if whose == name => Some(processes),
            _ => None,
        });
        entries.flatten().collect()
    }

    /// Writes to the ledger those of `members` that are not `noted` yet.
    fn note(&self, name: &str, members: &[Stat], noted: &mut BTreeSet<Seen>) -> Result<(), String> {
        let fresh: Vec<Seen> =
            members.iter().map(seen).filter(|seen| !noted.contains(seen)).collect();
        if !fresh.is_empty() {
            noted.extend(fresh.iter().copied());
            lock(&self.ledger).intend(Undo::Resume { name: name.to_owned(), processes: fresh })?;
        }
        Ok(())
    }

    /// SIGCONT to it and all that came of it.
    pub(crate) fn resume(&self, name: &str) -> Result<ProcessState, String> {
        let held = self.name(name)?;
        let _held = lock(&held);
        match self.record(name)? {
            Some(mut record) => {
                self.wake(&mut record)?;
                self.look(&mut record)
            }
            None => Ok(never_started(name)),
        }
    }

    fn wake(&self, record: &mut Record) -> Result<(), String> {
        let members = family::members(record, &self.era);
        let observed = self.go_on(members.iter().map(seen).collect())?;
        self.undo_entries(&record.name, &observed)
    }

    /// Undoes a ledger entry by the processes that it lists, whatever became of their record.
    pub(crate) fn undo_resume(&self, name: &str, processes: &[Seen]) -> Result<String, String> {
        let held = self.name(name)?;
        let _held = lock(&held);
        Ok(format!("{name}: {}", self.go_on(processes.to_vec())?))
    }

    /// SIGCONT, until none of `processes` is seen stopped.
    fn go_on(&self, processes: Vec<Seen>) -> Result<String, String> {
        let deadline = Instant::now() + OBSERVE;
        loop {
            self.reap();
            let alive: Vec<Stat> = processes
                .iter()
                .filter_map(|one| procfs::stat(one.pid).filter(|stat| seen(stat) == *one))
                .filter(procfs::is_alive)
                .collect();
            let stopped: Vec<&Stat> = alive
                .iter()
                .filter(|stat| procfs::thread_states(stat.pid).into_iter().any(procfs::is_stopped))
                .collect();
            if stopped.is_empty() {
                return Ok(if alive.is_empty() {
                    "gone, nothing to resume".to_owned()
                } else {
                    format!("goes on: {}", list(&alive))
                });
            }
            if Instant::now() > deadline {
                return Err(format!("still stopped {OBSERVE:?} after SIGCONT: {}", list(&alive)));
            }
            for stat in stopped {
                self.signaller.send(seen(stat), Signal::SIGCONT)?;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Undoes all open entries about `name`.
    fn undo_entries(&self, name: &str, observed: &str) -> Result<(), String> {
        let pending = lock(&self.ledger).pending();
        for (id, undo) in pending {
            if let Undo::Resume { name: whose, processes } = undo
                && whose == name
            {
                self.go_on(processes)?;
                lock(&self.ledger).done(id, observed)?;
            }
        }
        Ok(())
    }

    /// Takes note of children that have ended, so that they vanish from `/proc`.
    pub(crate) fn reap(&self) {
        let mut endings = lock(&self.endings);
        lock(&self.children).retain(|pid, child| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                endings.ended(*pid, status);
                false
            }
            Err(_) => false,
        });
    }

    /// What ended without having been told to.
    pub(crate) fn ends(&self) -> Vec<ProcessEnd> {
        self.reap();
        lock(&self.endings).unasked()
    }

    /// The first process of a family is about to be told to end. What had ended before, had not.
    fn foretell(&self, record: &Record) {
        self.reap();
        if let Some(first) = record.first {
            lock(&self.endings).told(first.pid);
        }
    }

    /// What can be seen now. Once all are gone, that is noted for good.
    fn look(&self, record: &mut Record) -> Result<ProcessState, String> {
        self.reap();
        let members = family::members(record, &self.era);
        if members.is_empty() && !record.gone {
            // It may have ended since, and how it ended is told only by reaping it.
            self.reap();
            record.gone = true;
            self.write(record)?;
        }
        Ok(self.describe(record, &members))
    }

    fn describe(&self, record: &Record, members: &[Stat]) -> ProcessState {
        let first = members.first().map(seen).or(record.first);
        let pid = first.map(|first| first.pid);
        let paused = !members.is_empty() && members.iter().all(is_paused);
        let state = match (members.is_empty(), paused) {
            (true, _) => RunState::Gone,
            (false, true) => RunState::Paused,
            (false, false) => RunState::Running,
        };
        let observed = match (state, pid) {
            (RunState::Gone, Some(pid)) => match lock(&self.endings).text(pid) {
                Some(ending) => format!("pid {pid} is gone ({ending})"),
                None => format!("pid {pid} is gone"),
            },
            (RunState::Gone, None) => format!("{} is not there", record.name),
            _ => list(members),
        };
        ProcessState {
            state,
            pid,
            start_ticks: first.map(|first| first.start_ticks),
            pids: members.iter().map(|member| member.pid).collect(),
            observed,
        }
    }

    fn name(&self, name: &str) -> Result<Arc<Mutex<()>>, String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(fits) {
            return Err(format!("`{name}` is no name: use 1 to 32 letters, digits, - and _"));
        }
        let mut names = lock(&self.names);
        if names.len() >= NAMES_MAX && !names.contains_key(name) {
            return Err(format!("more than {NAMES_MAX} process names"));
        }
        Ok(Arc::clone(names.entry(name.to_owned()).or_default()))
    }

    fn record(&self, name: &str) -> Result<Option<Record>, String> {
        let path = self.dir.join(format!("{name}.json"));
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            format!("{} is damaged ({error}): remove it once {name} does not run", path.display())
        })
    }

    fn write(&self, record: &Record) -> Result<(), String> {
        let path = self.dir.join(format!("{}.json", record.name));
        let bytes = serde_json::to_vec(record).map_err(|error| error.to_string())?;
        write_atomically(&path, &bytes)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

fn never_started(name: &str) -> ProcessState {
    ProcessState {
        state: RunState::Gone,
        pid: None,
        start_ticks: None,
        pids: Vec::new(),
        observed: format!("{name} was never started on this node"),
    }
}

fn seen(stat: &Stat) -> Seen {
    Seen { pid: stat.pid, start_ticks: stat.start_ticks }
}

/// Whether every thread of it is stopped.
fn is_paused(stat: &Stat) -> bool {
    let states = procfs::thread_states(stat.pid);
    !states.is_empty() && states.into_iter().all(procfs::is_stopped)
}

/// `pid 4711 state T`, or `pids 4711 (T), 4712 (T)`.
fn list(members: &[Stat]) -> String {
    let state = |stat: &Stat| procfs::stat(stat.pid).map_or('X', |now| now.state);
    if let [one] = members {
        return format!("pid {} state {}", one.pid, state(one));
    }
    let each: Vec<String> =
        members.iter().map(|stat| format!("{} ({})", stat.pid, state(stat))).collect();
    format!("pids {}", each.join(", "))
}

/// The command, with an environment that does not depend on how the agent was started.
fn command(what: &StartProcess, mark: &str) -> Result<Command, String> {
    let [program, arguments @ ..] = what.argv.as_slice() else {
        return Err(format!("`argv` of {} is empty: it names no program", what.name));
    };
    let user = what.user.as_deref().map(User::named).transpose()?;
    let me = nix::unistd::geteuid();
    let own = |variable: &str| std::env::var(variable).unwrap_or_default();
    let (home, login) = match &user {
        Some(user) => (user.home.clone(), user.name.clone()),
        None => (own("HOME"), own("USER")),
    };
    let path = Path::new(&what.log);
    let explain = |error| format!("cannot open the log file {}: {error}", what.log);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(explain)?;
    }
    let log = fs::OpenOptions::new().append(true).create(true).open(path).map_err(explain)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LANG", "C.UTF-8")
        .env("HOME", home)
        .env("USER", login)
        .envs(&what.env)
        .env(MARK, mark)
        .current_dir(what.dir.as_deref().unwrap_or("/"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(explain)?)
        .stderr(log);
    // An ordinary user's agent may become nobody else, and need not become itself.
    sys::daemonize(&mut command, user.filter(|user| user.uid != me));
    Ok(command)
}

#[cfg(test)]
mod tests;

//! Reads `/proc`: the only witness for what state a process is in.

use std::collections::BTreeSet;
use std::fs;

/// One line of `/proc/PID/stat`, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub pid: u32,
    pub comm: String,
    /// `R`, `S`, `D`, `T`, `Z`, ...: see proc(5).
    pub state: char,
    pub ppid: u32,
    pub session: u32,
    /// Start time in clock ticks since boot: tells a process from another with its id.
    pub start_ticks: u64,
}

impl Stat {
    /// Parses the file's text. The command's name may hold blanks and brackets, so fields are
    /// counted from the *last* closing bracket.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let open = text.find('(')?;
        let close = text.rfind(')')?;
        let pid = text.get(..open)?.trim().parse().ok()?;
        let comm = text.get(open + 1..close)?.to_owned();
        let fields: Vec<&str> = text.get(close + 1..)?.split_ascii_whitespace().collect();
        Some(Self {
            pid,
            comm,
            state: fields.first()?.chars().next()?,
            ppid: fields.get(1)?.parse().ok()?,
            session: fields.get(3)?.parse().ok()?,
            start_ticks: fields.get(19)?.parse().ok()?,
        })
    }

    /// Whether its first thread still does anything: a zombie has ended and waits for its parent.
    pub(crate) fn is_running(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Whether any thread of it still does anything.
pub(crate) fn is_alive(stat: &Stat) -> bool {
    stat.is_running() || !thread_states(stat.pid).is_empty()
}

/// The process `pid`, if there is one.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// All processes, by id. Those that end while it reads are left out.
pub(crate) fn snapshot() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut stats: Vec<Stat> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .collect();
    stats.sort_by_key(|stat| stat.pid);
    stats
}

/// The states of all threads of `pid`, ended ones left out. Empty means that it is gone.
///
/// A process whose first thread has ended shows `Z` while others run on, and one that is being
/// stopped shows `T` before its last thread has stopped: so every thread is asked.
pub(crate) fn thread_states(pid: u32) -> Vec<char> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|text| Stat::parse(&text))
        .filter(Stat::is_running)
        .map(|stat| stat.state)
        .collect()
}

/// Whether a state letter means stopped, by a signal or by a tracer.
pub(crate) fn is_stopped(state: char) -> bool {
    matches!(state, 'T' | 't')
}

/// The value of `variable` in the environment that `pid` was started with. `None` as well when
/// it may not be read.
pub(crate) fn environment(pid: u32, variable: &str) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    bytes.split(|&byte| byte == 0).find_map(|entry| {
        let (name, value) = std::str::from_utf8(entry).ok()?.split_once('=')?;
        (name == variable).then(|| value.to_owned())
    })
}

/// Names the time and place in which process ids have a meaning: the kernel's boot and the
/// namespace of process ids. An id noted in another era says nothing.
pub(crate) fn era() -> String {
    let boot = boot_id();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{boot} {}", namespace.display())
}

/// The kernel's random name for this boot; empty when it cannot be read.
pub(crate) fn boot_id() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

/// `pid`, its parent, its parent's parent and so on.
pub(crate) fn ancestry(pid: u32) -> Vec<u32> {
    let mut chain = Vec::new();
    let mut seen = BTreeSet::new();
    let mut current = pid;
    while current != 0 && seen.insert(current) {
        chain.push(current);
        current = stat(current).map_or(0, |stat| stat.ppid);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_and_blanks_are_understood() {
        let line = "42 (a) b (c)) S 7 42 41 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2";
        let stat = Stat::parse(line).unwrap();
        assert_eq!((stat.pid, stat.comm.as_str(), stat.state), (42, "a) b (c)", 'S'));
        assert_eq!((stat.ppid, stat.session, stat.start_ticks), (7, 41, 987_654));
    }

    #[test]
    fn torn_lines_are_nobody() {
        for line in ["", "42", "42 (x", "42 (x) S", "x (x) S 1 2 3", ")("] {
            assert_eq!(Stat::parse(line), None, "{line}");
        }
    }

    #[test]
    fn this_process_is_alive_and_in_the_snapshot() {
        let me = stat(std::process::id()).unwrap();
        assert!(is_alive(&me));
        assert!(
            snapshot().iter().any(|stat| stat.pid == me.pid && stat.start_ticks == me.start_ticks)
        );
        assert!(!thread_states(me.pid).is_empty());
        assert_eq!(ancestry(me.pid)[..2], [me.pid, me.ppid]);
    }
}

//! What the tests of local clusters share: users, scripts inside a lab, and the search for survivors.

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Who runs the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// Whoever runs the tests.
    Caller,
    /// Somebody without rights, for tests that run as root.
    Ordinary,
}

/// No account has this number; none is needed.
const ORDINARY: u32 = 64_123;

impl User {
    /// The caller, and an ordinary user if the caller is root.
    pub(crate) fn all() -> &'static [Self] {
        if nix::unistd::geteuid().is_root() {
            &[Self::Caller, Self::Ordinary]
        } else {
            &[Self::Caller]
        }
    }
}

/// Defined for every script: `on NODE COMMAND [SHELL]`, `serve NODE PORT` (a TCP server that answers
/// with its client's address), `say HOST PORT` (the matching client, as a command), `listen NODE`
/// (keeps UDP datagrams to port 7001 in /tmp/heard).
const PRELUDE: &str = r#"
on() { ssh -F "$PERJURY_SSH_CONFIG" "$1" "${3:+$3 -c '}$2${3:+'}"; }
serve() {
    ssh -F "$PERJURY_SSH_CONFIG" "$1" 'cat > /tmp/serve.pl' <<'X'
use IO::Socket::IP; $| = 1;
my $s = IO::Socket::IP->new(LocalHost => "::", LocalPort => $ARGV[0], Listen => 5, V6Only => 0) or die $@;
print "up\n";
while (my $c = $s->accept) { my $h = $c->peerhost; $h =~ s/^::ffff://; print $c "$h\n"; close $c; }
X
    on "$1" "nohup perl /tmp/serve.pl $2 >/tmp/serve.out 2>&1 </dev/null &
             until grep -q up /tmp/serve.out; do sleep 0.05; done"
}
say() {
    echo "perl -MIO::Socket::IP -e 'my \$s = IO::Socket::IP->new(PeerHost => \"$1\", PeerPort => $2, Timeout => 5)
          or die \$@; print \"heard \", <\$s>'"
}
listen() {
    ssh -F "$PERJURY_SSH_CONFIG" "$1" 'cat > /tmp/listen.pl' <<'X'
use IO::Socket::IP; $| = 1;
my $s = IO::Socket::IP->new(LocalHost => "::", LocalPort => 7001, Proto => "udp", V6Only => 0) or die $@;
open my $heard, ">", "/tmp/heard" or die; $heard->autoflush(1);
while (defined $s->recv(my $m, 1000)) { print $heard $m }
X
    on "$1" 'nohup perl /tmp/listen.pl >/dev/null 2>&1 </dev/null &
             until [ -e /tmp/heard ]; do sleep 0.05; done'
}
"#;

/// A place to run `perjury local up` as some user.
pub(crate) struct Lab {
    user: User,
    directory: tempfile::TempDir,
}

/// How a run ended, with both its output streams.
pub(crate) struct Output {
    pub code: i32,
    pub text: String,
}

impl Output {
    /// Fails unless the output has this text.
    pub(crate) fn has(&self, wanted: &str) {
        assert!(
            self.text.contains(wanted),
            "no {wanted:?} in (exit code {}):\n{}",
            self.code,
            self.text
        );
    }
}

impl Lab {
    pub(crate) fn new(user: User) -> Self {
        let directory = tempfile::Builder::new().prefix("perjury-test").tempdir_in("/tmp").unwrap();
        let lab = Self { user, directory };
        if user == User::Ordinary {
            // The build's own directory may be closed to others.
            fs::copy(env!("CARGO_BIN_EXE_perjury"), lab.home().join("perjury")).unwrap();
            std::os::unix::fs::chown(lab.home(), Some(ORDINARY), Some(ORDINARY)).unwrap();
        }
        lab
    }

    /// A directory that the user owns.
    pub(crate) fn home(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn uid(&self) -> u32 {
        match self.user {
            User::Caller => nix::unistd::geteuid().as_raw(),
            User::Ordinary => ORDINARY,
        }
    }

    fn binary(&self) -> PathBuf {
        match self.user {
            User::Caller => env!("CARGO_BIN_EXE_perjury").into(),
            User::Ordinary => self.home().join("perjury"),
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = match self.user {
            User::Caller => Command::new(program),
            User::Ordinary => {
                let mut command = Command::new("setpriv");
                let id = ORDINARY.to_string();
                command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]).arg(program);
                command
            }
        };
        command.current_dir(self.home()).env("HOME", self.home()).env_remove("XDG_CACHE_HOME");
        command.stdin(Stdio::null()).process_group(0);
        command
    }

    fn up(&self, options: &[&str], inside: &[&str]) -> Command {
        let mut command = self.command(&self.binary());
        command.args(["local", "up"]).args(options).arg("--").args(inside);
        command
    }

    /// Runs `perjury local up OPTIONS -- INSIDE`.
    pub(crate) fn run(&self, options: &[&str], inside: &[&str]) -> Output {
        self.run_with(&[], options, inside)
    }

    /// The same with environment variables.
    pub(crate) fn run_with(
        &self,
        environment: &[(&str, &Path)],
        options: &[&str],
        inside: &[&str],
    ) -> Output {
        finish(self.up(options, inside).envs(environment.iter().copied()))
    }

    /// Runs a script inside; it must succeed.
    pub(crate) fn script(&self, nodes: usize, options: &[&str], script: &str) -> Output {
        let count = nodes.to_string();
        let options = [&["--nodes", &count], options].concat();
        let output = self.run(&options, &["sh", "-c", &format!("{PRELUDE}\n{script}")]);
        assert_eq!(output.code, 0, "as {:?}:\n{}", self.user, output.text);
        output
    }

    /// Starts a script inside, and does not wait.
    pub(crate) fn start_script(&self, nodes: usize, script: &str) -> Running {
        let script = format!("{PRELUDE}\n{script}");
        let mut command = self.up(&["--nodes", &nodes.to_string()], &["sh", "-c", &script]);
        Running { child: command.stdout(Stdio::piped()).spawn().unwrap() }
    }

    /// Runs another command as the user, with the path of the binary as its last argument.
    pub(crate) fn wrapped(&self, words: &[&str]) -> Output {
        let mut command = self.command(Path::new(words[0]));
        finish(command.args(&words[1..]).arg(self.binary()))
    }

    /// What `--links links.json` wrote.
    pub(crate) fn links(&self) -> Links {
        let text = fs::read_to_string(self.home().join("links.json")).unwrap();
        Links(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// Builds a package with one program, and a repository on disk with only that package. What
    /// `APT_CONFIG` has to be for apt-get to use it.
    pub(crate) fn package_repository(&self, package: &str, program: &str, script: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let (tree, repository) = (self.home().join("tree"), self.home().join("repository"));
        for path in ["DEBIAN", "usr/bin", "var/lib/trial"] {
            fs::create_dir_all(tree.join(path)).unwrap();
        }
        fs::create_dir_all(&repository).unwrap();
        let control = format!(
            "Package: {package}\nVersion: 1.0-1\nArchitecture: all\nMaintainer: Nobody <nobody@invalid>\n\
             Description: a package for a test\n"
        );
        fs::write(tree.join("DEBIAN/control"), &control).unwrap();
        let path = tree.join("usr/bin").join(program);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(tree.join("var/lib/trial/state"), "").unwrap();
        let deb = repository.join(format!("{package}_1.0-1_all.deb"));
        let mut build = Command::new("dpkg-deb");
        build.args(["--build", "--root-owner-group"]).arg(&tree).arg(&deb);
        assert_eq!(finish(&mut build).code, 0);
        let hash = finish(Command::new("sha256sum").arg(&deb)).text;
        let (hash, size) = (&hash[..64], fs::metadata(&deb).unwrap().len());
        let entry =
            format!("{control}Filename: ./{package}_1.0-1_all.deb\nSize: {size}\nSHA256: {hash}\n");
        fs::write(repository.join("Packages"), entry).unwrap();
        let list = self.home().join("sources.list");
        fs::write(&list, format!("deb [trusted=yes] file:{} ./\n", repository.display())).unwrap();
        let config = self.home().join("apt.conf");
        let text = format!(
            "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"/dev/null\";\n",
            list.display()
        );
        fs::write(&config, text).unwrap();
        config
    }
}

fn finish(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    use std::os::unix::process::ExitStatusExt;
    let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap());
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    Output { code, text }
}

/// Counts per link.
#[derive(Debug)]
pub(crate) struct Links(Vec<serde_json::Value>);

impl Links {
    fn get(&self, from: &str, to: &str, what: &str) -> u64 {
        let link = self.0.iter().find(|link| link["from"] == from && link["to"] == to);
        link.unwrap()[what].as_u64().unwrap()
    }

    pub(crate) fn delivered(&self, from: &str, to: &str) -> u64 {
        self.get(from, to, "delivered")
    }

    pub(crate) fn dropped(&self, from: &str, to: &str) -> u64 {
        self.get(from, to, "dropped")
    }

    /// Neither by a cut nor for want of room.
    pub(crate) fn nothing_dropped(&self) -> bool {
        self.0.iter().all(|link| link["dropped"].as_u64().or(link["lost"].as_u64()) == Some(0))
    }
}

/// A `perjury local up` that runs.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Waits for the line `ready`, signals the process group, and waits for the end.
    pub(crate) fn signal_group_when_ready(mut self, signal: &str) -> Output {
        let mut output = BufReader::new(self.child.stdout.take().unwrap());
        let mut text = String::new();
        output.read_line(&mut text).unwrap();
        assert_eq!(text, "ready\n");
        killpg(self.pid(), Signal::from_str(&format!("SIG{signal}")).unwrap()).unwrap();
        output.read_to_string(&mut text).unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        Output { code, text }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Kills the outer process.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Kills the controller, if there is one yet, and waits for the outer process.
    pub(crate) fn kill_controller(&mut self) {
        let controller = children(self.pid()).into_iter().flat_map(children).next();
        match controller {
            Some(pid) => drop(kill(pid, Signal::SIGKILL)),
            None => self.child.kill().unwrap(),
        }
        self.child.wait().unwrap();
    }
}

fn children(of: Pid) -> Vec<Pid> {
    let file = format!("/proc/{of}/task/{of}/children");
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
}

/// The processes and namespaces that a running lab consists of.
pub(crate) struct Survivors {
    processes: BTreeSet<(i32, String)>,
    namespaces: BTreeSet<PathBuf>,
}

const KINDS: [&str; 4] = ["net", "mnt", "pid", "ipc"];

fn namespaces(pid: i32) -> impl Iterator<Item = PathBuf> {
    KINDS.into_iter().filter_map(move |kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok())
}

/// When a process started; with its number that names it for good.
fn start_time(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    // A zombie that waits for its parent to notice is not a survivor.
    (!rest.starts_with(" Z")).then(|| rest.split_whitespace().nth(19).map(str::to_owned))?
}

impl Survivors {
    /// Notes all descendants of a run, and the namespaces that they have and this process has not.
    pub(crate) fn watch(running: &Running) -> Self {
        let mut left = vec![running.pid()];
        let mut found = Self { processes: BTreeSet::new(), namespaces: BTreeSet::new() };
        while let Some(pid) = left.pop() {
            left.extend(children(pid));
            let pid = pid.as_raw();
            if let Some(start) = start_time(pid) {
                found.processes.insert((pid, start));
                found.namespaces.extend(namespaces(pid));
            }
        }
        let own: BTreeSet<PathBuf> = namespaces(std::process::id() as i32).collect();
        found.namespaces.retain(|namespace| !own.contains(namespace));
        found
    }

    fn remaining(&self) -> Vec<String> {
        let mut remaining = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let Some(start) = start_time(pid) else { continue };
            let known = self.processes.contains(&(pid, start));
            if known || namespaces(pid).any(|namespace| self.namespaces.contains(&namespace)) {
                let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                remaining.push(format!("{pid}: {}", String::from_utf8_lossy(&command)));
            }
        }
        remaining
    }

    /// How many processes are left.
    pub(crate) fn count(&self) -> usize {
        self.remaining().len()
    }

    /// Fails unless all of them vanish within seconds.
    pub(crate) fn must_be_gone(&self) {
        let started = Instant::now();
        loop {
            let remaining = self.remaining();
            if remaining.is_empty() {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(5), "survivors: {remaining:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

//! A real OpenSSH server of a test's own: port, keys and configuration in a temporary directory.

use crate::control::{HostKeys, Session, SshTarget};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A running server. Dropping it kills it and everything that was started through it, as far as
/// it has not left the family.
pub(crate) struct Sshd {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) port: u16,
    child: Child,
}

impl Sshd {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// With more lines of configuration, which come first and so win; `@` is the server's directory.
    pub(crate) fn start_with(extra: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        generate(&dir.path().join("host"), &["-t", "ed25519"]);
        generate(&dir.path().join("key"), &["-t", "ed25519"]);
        std::fs::copy(dir.path().join("key.pub"), dir.path().join("authorized")).unwrap();
        for _ in 0..5 {
            let port = free_port();
            write_config(dir.path(), port, extra);
            if let Some(child) = launch(dir.path(), port) {
                return Self { dir, port, child };
            }
        }
        panic!("sshd does not start: {}", log_of(dir.path()));
    }

    /// A path in the server's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// How to reach it, with the key that it knows.
    pub(crate) fn target(&self) -> SshTarget {
        SshTarget {
            name: "n1".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: user(),
            identity_files: vec![self.path("key")],
            identity: None,
            use_agent: false,
            host_keys: HostKeys::Pinned(std::fs::read_to_string(self.path("host.pub")).unwrap()),
            jump: None,
            proxy_command: None,
            host_key_alias: None,
        }
    }

    pub(crate) async fn session(&self) -> Arc<Session> {
        Session::connect(self.target()).await.unwrap()
    }

    /// A new key that the server accepts.
    pub(crate) fn add_key(&self, name: &str, options: &[&str]) -> PathBuf {
        let path = self.path(name);
        generate(&path, options);
        let mut keys = std::fs::read(self.path("authorized")).unwrap();
        keys.extend(std::fs::read(path.with_extension("pub")).unwrap());
        std::fs::write(self.path("authorized"), keys).unwrap();
        path
    }

    /// How many connections the server holds: it has a child for each.
    pub(crate) fn connections(&self) -> usize {
        children(self.child.id() as i32).len()
    }

    /// Signals everything of the server but the listener and the commands: depending on the user,
    /// more than one process shares a connection's socket.
    pub(crate) fn signal_connections(&self, signal: Signal) {
        for pid in family(self.child.id() as i32) {
            if comm(pid.as_raw()).starts_with("sshd") {
                // One may end with the other.
                let _ = kill(pid, signal);
            }
        }
    }

    /// Ends the listener, so that new connections are refused. Old ones live on.
    pub(crate) fn stop_listening(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Listens again on the same port.
    pub(crate) fn listen_again(&mut self) {
        self.child = launch(self.dir.path(), self.port).unwrap();
    }

    /// Gives the server another host key, as if the machine were another one.
    pub(crate) fn change_host_key(&mut self) {
        self.stop_listening();
        std::fs::remove_file(self.path("host")).unwrap();
        std::fs::remove_file(self.path("host.pub")).unwrap();
        generate(&self.path("host"), &["-t", "ed25519"]);
        self.listen_again();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        for pid in family(self.child.id() as i32) {
            // It may have ended meanwhile.
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The user who runs the tests.
pub(crate) fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes a key pair without a passphrase.
pub(crate) fn generate(path: &Path, options: &[&str]) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-N", "", "-f"])
        .arg(path)
        .args(options)
        .stdin(Stdio::null())
        .status()
        .expect("ssh-keygen is missing: install the package openssh-client");
    assert!(made.success());
}

/// A process with this id that is not a zombie.
pub(crate) fn is_running(pid: i32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

/// Waits until a file holds a number and a line break.
pub(crate) async fn read_pid(path: &Path) -> i32 {
    for _ in 0..200 {
        if let Ok(text) = std::fs::read_to_string(path)
            && text.ends_with('\n')
        {
            return text.trim().parse().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{} was not written", path.display());
}

/// State and parent of a process.
fn stat(pid: i32) -> Option<(char, i32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn children(parent: i32) -> Vec<Pid> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|&pid| stat(pid).is_some_and(|(_, of)| of == parent)).map(Pid::from_raw).collect()
}

/// All descendants.
fn family(ancestor: i32) -> Vec<Pid> {
    let mut found = children(ancestor);
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children(pid.as_raw()));
        next += 1;
    }
    found
}

/// The name of a process's program.
fn comm(pid: i32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn write_config(dir: &Path, port: u16, extra: &str) {
    let at = dir.display();
    let extra = extra.replace('@', &at.to_string());
    let text = format!(
        "{extra}\n\
         ListenAddress 127.0.0.1\n\
         Port {port}\n\
         HostKey {at}/host\n\
         PidFile none\n\
         AuthorizedKeysFile {at}/authorized\n\
         UsePAM no\n\
         StrictModes no\n\
         PermitRootLogin yes\n\
         PasswordAuthentication no\n\
         KbdInteractiveAuthentication no\n\
         UseDNS no\n\
         MaxStartups 100:30:200\n"
    );
    let sftp = if extra.contains("Subsystem") { "" } else { "Subsystem sftp internal-sftp\n" };
    let text = text + sftp;
    std::fs::write(dir.join("config"), text).unwrap();
}

/// Starts the server and waits until it listens; none when it ended instead.
fn launch(dir: &Path, port: u16) -> Option<Child> {
    let program = Path::new("/usr/sbin/sshd");
    assert!(program.exists(), "no /usr/sbin/sshd here: install the package openssh-server");
    if nix::unistd::geteuid().is_root() {
        // sshd gives up its rights in there; the package's service makes it at each start.
        std::fs::create_dir_all("/run/sshd").expect("sshd needs /run/sshd, which cannot be made");
    }
    let log = std::fs::File::options().append(true).create(true).open(dir.join("log")).unwrap();
    let mut child = Command::new(program)
        .args(["-D", "-e", "-f"])
        .arg(dir.join("config"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(20) {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

fn log_of(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}

//! PostgreSQL's own programs, started for a test, as a user that they let.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const READY_LIMIT: Duration = Duration::from_secs(60);

/// A server; killed when dropped.
pub(super) struct Server {
    programs: PathBuf,
    child: Child,
    pub(super) address: SocketAddr,
    _data: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its children see that it is gone and go too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where Debian keeps the newest of them.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found.pop()
}

/// The user as whom they are run: they refuse root.
fn user() -> Option<(u32, u32)> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    if uid.split_whitespace().next() != Some("0") {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let ids = users.lines().find_map(|line| {
        let rest = line.strip_prefix("nobody:")?;
        let fields: Vec<&str> = rest.split(':').collect();
        Some((fields[1].parse().ok()?, fields[2].parse().ok()?))
    });
    Some(ids.unwrap())
}

fn run(programs: &Path, program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(programs.join(program));
    command.args(arguments).current_dir("/").env("TZ", "UTC").env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some((uid, gid)) = user() {
        command.uid(uid).gid(gid);
    }
    command
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    if let Some((uid, gid)) = user() {
        chown(folder.path(), Some(uid), Some(gid)).unwrap();
    }
    folder
}

/// Starts a server that trusts everybody on loopback for whom none of `rules` comes first.
/// `None` where it is not installed, which continuous integration does not get away with.
pub(super) fn start(rules: &[&str]) -> Option<Server> {
    let Some(programs) = programs() else {
        assert!(std::env::var_os("CI").is_none(), "install postgresql for this test");
        let _ = writeln!(std::io::stderr(), "skipped: postgresql is not installed");
        return None;
    };
    let data = folder();
    let path = data.path().join("data");
    let path = path.to_str().unwrap();
    let initdb = ["-D", path, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"];
    assert!(run(&programs, "initdb", &initdb).status().unwrap().success());
    let hba = format!("{}\nhost all all 127.0.0.0/8 trust\n", rules.join("\n"));
    fs::write(data.path().join("data/pg_hba.conf"), hba).unwrap();
    Some(serve(programs, data))
}

fn serve(programs: PathBuf, data: tempfile::TempDir) -> Server {
    let address = free_address();
    let path = data.path().join("data");
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let child = run(&programs, "postgres", &["-D", path.to_str().unwrap(), "-h", &host])
        .args(["-p", &port, "-k", "", "-c", "fsync=off", "-c", "max_connections=50"])
        .args(["-c", "shared_buffers=16MB", "-c", "dynamic_shared_memory_type=mmap"])
        .spawn()
        .unwrap();
    let server = Server { programs, child, address, _data: data };
    let began = Instant::now();
    while !server.try_psql("SELECT 1") {
        assert!(began.elapsed() < READY_LIMIT, "no server after {READY_LIMIT:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

/// A port that was free a moment ago, on an address of this process's own: the whole of
/// 127.0.0.0/8 is loopback, so that no other test takes it meanwhile.
fn free_address() -> SocketAddr {
    let pid = std::process::id();
    let host = format!("127.{}.{}.{}:0", 1 + (pid >> 16) % 250, (pid >> 8) % 256, 1 + pid % 250);
    TcpListener::bind(&*host).unwrap().local_addr().unwrap()
}

impl Server {
    /// Runs `sql` by PostgreSQL's own client.
    pub(super) fn psql(&self, sql: &str) {
        assert!(self.try_psql(sql), "{sql}");
    }

    fn try_psql(&self, sql: &str) -> bool {
        if TcpStream::connect(self.address).is_err() {
            return false;
        }
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let arguments = ["-h", &host, "-p", &port, "-U", "postgres", "-X", "-c", sql];
        run(&self.programs, "psql", &arguments).status().unwrap().success()
    }

    /// Another server that follows this one.
    pub(super) fn replica(&self) -> Server {
        let data = folder();
        let path = data.path().join("data");
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let arguments = ["-D", path.to_str().unwrap(), "-h", &host, "-p", &port];
        let mut backup = run(&self.programs, "pg_basebackup", &arguments);
        backup.args(["-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"]);
        assert!(backup.status().unwrap().success());
        serve(self.programs.clone(), data)
    }

    /// Makes a replica a primary.
    pub(super) fn promote(&self) {
        self.psql("SELECT pg_promote()");
    }
}

//! What tests of `perjury serve` share: a store of real runs, the server, and a plain HTTP client.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use crate::common::{Bench, PERJURY};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

/// A store of a test's own, and a server of it that ends with the test.
pub struct Shop {
    pub dir: tempfile::TempDir,
    child: Child,
    /// `127.0.0.1:PORT`
    pub host: String,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The folder of a real run of a few seconds, made once.
pub fn real_run() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("serve-run");
        let _ = fs::remove_dir_all(&kept);
        let bench = Bench::beside_others();
        let flags = ["--time-limit", "3s", "--nemesis", "kill", "--nemesis-interval", "1s"];
        let flags = [&["test", "--node-count", "3", "--seed", "3"], &flags[..]].concat();
        let ran = bench.run(&flags);
        assert!(matches!(ran.code, Some(0..=2)), "{}\n{}", ran.stdout, ran.stderr);
        copy(&bench.latest(), &kept);
        kept
    })
}

/// Copies a folder; links are left out.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("a file");
        if kind.is_dir() {
            copy(&source, &target);
        } else if kind.is_file() {
            fs::copy(&source, &target).expect("a copy");
        }
    }
}

/// The folder of a run with this name and time, a copy of the real one.
pub fn shelve(store: &Path, name: &str, time: &str) -> PathBuf {
    let folder = store.join(name).join(time);
    copy(real_run(), &folder);
    folder
}

/// Changes the results of a run.
pub fn edit(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("results.json");
    let mut results = serde_json::from_slice(&fs::read(&path).expect("results")).expect("JSON");
    change(&mut results);
    fs::write(path, results.to_string()).expect("results");
}

impl Shop {
    /// Serves the store `store` in a new folder, after `fill` put something into it.
    pub fn open(fill: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = dir.path().join("store");
        fs::create_dir_all(&store).expect("a folder");
        fill(&store);
        let mut child = Command::new(PERJURY)
            .args(["serve", "--port", "0", "--json", "--store"])
            .arg(&store)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let told: Value = serde_json::from_str(&line).expect("one line of JSON");
        let address = told["address"].as_str().expect("the address");
        let host = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { dir, child, host }
    }

    pub fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    pub fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &self.host)
    }

    /// A page that has to be there.
    #[track_caller]
    pub fn page(&self, target: &str) -> String {
        let answer = self.get(target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.text()
    }

    pub fn json(&self, target: &str) -> Value {
        serde_json::from_str(&self.page(target)).expect("JSON")
    }

    /// One request with exactly this target and host.
    pub fn ask(&self, method: &str, target: &str, host: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.host).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        Answer::read(&bytes)
    }

    /// Sends it a signal and waits for its end.
    pub fn end(mut self, signal: nix::sys::signal::Signal) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"));
        nix::sys::signal::kill(pid, signal).expect("signalled");
        self.child.wait().expect("ended").code()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
        let head = String::from_utf8(bytes[..end].to_vec()).expect("a head of text");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let pair = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        let headers: Vec<(String, String)> = lines.map(pair).collect();
        let is_chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
        let body = &bytes[end + 4..];
        let body = if is_chunked { unchunked(body) } else { body.to_vec() };
        Self { status: status.parse().expect("a number"), headers, body }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let size = usize::from_str_radix(&size, 16).expect("the size of a chunk");
        whole.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
    whole
}

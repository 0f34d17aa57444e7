//! Chromium at the other end of a pipe, and the calls and events that go through it.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(120);

/// A running browser. It ends when this is dropped.
pub struct Pipe {
    child: Child,
    to: Option<ChildStdin>,
    messages: Receiver<Value>,
    /// The page's session; empty until there is one.
    session: String,
    last: u64,
    /// Events of the page so far, in order.
    pub events: Vec<(String, Value)>,
    pub profile: tempfile::TempDir,
}

impl Pipe {
    /// Starts the browser with an empty page.
    pub fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder");
        // Chromium reads calls from descriptor 3 and writes answers to 4. `--no-sandbox` is for
        // root, who tests here and opens nothing but pages of ours.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "chromium"])
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-sync"])
            .args(["--disable-extensions", "--disable-component-update", "--mute-audio"])
            .args(["--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell runs");
        let to = child.stdin.take();
        let mut from = BufReader::new(child.stdout.take().expect("its answers"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while from.read_until(0, &mut message).is_ok_and(|length| length > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                if sender.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let session = String::new();
        let mut pipe = Self { child, to, messages, session, last: 0, events: Vec::new(), profile };
        let target = pipe.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = pipe.call("Target.attachToTarget", attach);
        pipe.session = session["sessionId"].as_str().expect("a session").to_owned();
        pipe
    }

    /// Calls a method and waits for its result.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({"id": self.last, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let sent = self.to.as_mut().expect("it runs").write_all(&bytes);
        if sent.is_err() {
            self.gone(method);
        }
        let deadline = Instant::now() + ANSWER;
        loop {
            let message = self.next(deadline, method);
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
        }
    }

    /// Waits until an event has come.
    #[track_caller]
    pub fn wait(&mut self, event: &str, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !self.events.iter().any(|(method, _)| method == event) {
            self.next(deadline, event);
        }
    }

    #[track_caller]
    fn next(&mut self, deadline: Instant, what: &str) -> Value {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.messages.recv_timeout(left) {
            Ok(message) => {
                if let (Some(method), true) = (message["method"].as_str(), message["id"].is_null())
                {
                    self.events.push((method.to_owned(), message["params"].clone()));
                }
                message
            }
            Err(RecvTimeoutError::Timeout) => panic!("the browser does not answer: {what}"),
            Err(RecvTimeoutError::Disconnected) => self.gone(what),
        }
    }

    #[track_caller]
    fn gone(&mut self, what: &str) -> ! {
        let status = self.child.wait().expect("its end");
        assert!(
            status.code() != Some(127),
            "these tests want Chromium and npm; on Debian: apt-get install chromium npm"
        );
        panic!("the browser ended with {status} at {what}");
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // It ends when the pipe does, and takes its helpers along; it must not outlive the test.
        self.to = None;
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! The link to one agent process: requests out, replies matched by id, the lease renewed.

use super::protocol::{Hello, LEASE_RENEW, Reply, Request};
use crate::control::Exit;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, interval, timeout};

/// For the agent's first line: it heals leftovers before it says anything.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);
/// No request or reply is longer.
const MAX_LINE_BYTES: usize = 16 << 20;
/// Requests without an answer at a time.
const MAX_PENDING: usize = 256;
/// After the output's end, for the exit status.
const STATUS_TIMEOUT: Duration = Duration::from_secs(3);

type Stdin = Box<dyn AsyncWrite + Send + Unpin>;
type Stdout = BufReader<Box<dyn AsyncRead + Send + Unpin>>;
type Ending = Option<oneshot::Receiver<(Exit, Vec<u8>)>>;

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    Refused(String),
    Lost(String),
    NotSent(String),
}

/// A connected agent. Dropping it ends the agent's standard input.
pub(super) struct Link {
    hello: Hello,
    shared: Arc<Shared>,
    ended: watch::Receiver<bool>,
    renewing: tokio::task::AbortHandle,
}

struct Shared {
    /// None when standard input is to end.
    requests: Mutex<Option<mpsc::Sender<Vec<u8>>>>,
    next_id: AtomicU64,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    waiting: BTreeMap<u64, oneshot::Sender<Result<Value, Unanswered>>>,
    /// Why the agent is gone.
    ended: Option<String>,
}

impl Link {
    /// Reads the agent's first line and keeps its lease from then on.
    pub(super) async fn open(
        node: &str,
        stdin: Stdin,
        stdout: Box<dyn AsyncRead + Send + Unpin>,
        exit: Ending,
        lease: Duration,
    ) -> Result<Self, String> {
        let mut stdout = BufReader::new(stdout);
        let (hello, exit) = greet(&mut stdout, exit).await?;
        for line in &hello.healed {
            tracing::warn!(node, line, "healed what an earlier agent had left");
        }
        let (requests, queue) = mpsc::channel(16);
        let shared = Arc::new(Shared {
            requests: Mutex::new(Some(requests)),
            next_id: AtomicU64::new(1),
            pending: Mutex::default(),
        });
        let (ending, ended) = watch::channel(false);
        tokio::spawn(write(stdin, queue));
        tokio::spawn(read(node.to_owned(), stdout, exit, Arc::clone(&shared), ending));
        let renewing = tokio::spawn(renew(node.to_owned(), Arc::clone(&shared), lease));
        Ok(Self { hello, shared, ended, renewing: renewing.abort_handle() })
    }

    pub(super) fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Why the agent is gone, if it is.
    pub(super) fn ended(&self) -> Option<String> {
        self.shared.pending().ended.clone()
    }

    pub(super) async fn call(
        &self,
        verb: &str,
        with: Value,
        limit: Duration,
    ) -> Result<Value, Unanswered> {
        self.shared.call(verb, with, limit).await
    }

    /// Ends the agent's standard input.
    pub(super) fn finish(&self) {
        self.renewing.abort();
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Whether the agent is gone after `limit` at the latest.
    pub(super) async fn wait_end(&self, limit: Duration) -> bool {
        let mut ended = self.ended.clone();
        // An error means that the reading task itself is gone.
        timeout(limit, ended.wait_for(|ended| *ended)).await.is_ok()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, verb: &str, with: Value, limit: Duration) -> Result<Value, Unanswered> {
        let not_sent = |why: &str| Err(Unanswered::NotSent(why.to_owned()));
        let deadline = Instant::now() + limit;
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request { id, verb: verb.to_owned(), with };
        let mut line = match serde_json::to_vec(&request) {
            Ok(line) if line.len() < MAX_LINE_BYTES => line,
            Ok(_) => return not_sent("the request is too long"),
            Err(error) => return not_sent(&error.to_string()),
        };
        line.push(b'\n');
        let (sender, answer) = oneshot::channel();
        {
            let mut pending = self.pending();
            if let Some(reason) = &pending.ended {
                return not_sent(reason);
            }
            if pending.waiting.len() >= MAX_PENDING {
                return not_sent("too many requests have no answer yet; is it stuck?");
            }
            pending.waiting.insert(id, sender);
        }
        // Forgets the request however this future ends.
        let _forget = Forget { shared: self, id };
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(requests) = requests else { return not_sent("it is shutting down") };
        match tokio::time::timeout_at(deadline, requests.send(line)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return not_sent("its standard input is closed"),
            Err(_) => return not_sent("it does not read its standard input"),
        }
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Unanswered::Lost("the link was dropped".to_owned())),
            Err(_) => Err(Unanswered::Lost(format!("none within {} s", limit.as_secs_f64()))),
        }
    }

    /// Fails everything that still waits.
    fn end(&self, reason: String) {
        let mut pending = self.pending();
        for (_, sender) in std::mem::take(&mut pending.waiting) {
            // The caller may have given up.
            let _ = sender.send(Err(Unanswered::Lost(reason.clone())));
        }
        pending.ended = Some(reason);
    }
}

struct Forget<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.pending().waiting.remove(&self.id);
    }
}

/// The first line, or what came instead of it.
async fn greet(stdout: &mut Stdout, exit: Ending) -> Result<(Hello, Ending), String> {
    let mut line = Vec::new();
    match timeout(HELLO_TIMEOUT, read_line(stdout, &mut line)).await {
        Err(_) => {
            let start = excerpt(&line);
            return Err(format!(
                "it did not say hello within {} s{start}: is the node overloaded?",
                HELLO_TIMEOUT.as_secs()
            ));
        }
        Ok(Err(error)) => return Err(error),
        Ok(Ok(false)) => return Err(format!("it ended at once: {}", describe_end(exit).await)),
        Ok(Ok(true)) => {}
    }
    match serde_json::from_slice(&line) {
        Ok(hello) => Ok((hello, exit)),
        Err(_) => Err(format!(
            "its first line is not the agent's{}: does the login shell print something, or is \
             another program under its name?",
            excerpt(&line)
        )),
    }
}

/// The next line without its break; false at the end of the stream. A line that the end tears is
/// none.
async fn read_line(stdout: &mut Stdout, line: &mut Vec<u8>) -> Result<bool, String> {
    line.clear();
    let mut limited = stdout.take(MAX_LINE_BYTES as u64);
    match limited.read_until(b'\n', line).await {
        Err(error) => Err(format!("its output cannot be read: {error}")),
        Ok(0) => Ok(false),
        Ok(_) if line.ends_with(b"\n") => {
            line.pop();
            Ok(true)
        }
        Ok(count) if count < MAX_LINE_BYTES => Ok(false),
        Ok(_) => Err(format!("it wrote a line of more than {MAX_LINE_BYTES} bytes")),
    }
}

async fn read(
    node: String,
    mut stdout: Stdout,
    exit: Ending,
    shared: Arc<Shared>,
    ending: watch::Sender<bool>,
) {
    let mut line = Vec::new();
    let reason = loop {
        match read_line(&mut stdout, &mut line).await {
            Ok(true) => {}
            Ok(false) => break describe_end(exit).await,
            Err(reason) => break reason,
        }
        let reply: Reply = match serde_json::from_slice(&line) {
            Ok(reply) => reply,
            Err(error) => {
                tracing::warn!(node, %error, line = excerpt(&line), "not a reply from the agent");
                continue;
            }
        };
        let result = match reply.error {
            Some(message) => Err(Unanswered::Refused(message)),
            None => Ok(reply.ok.unwrap_or(Value::Null)),
        };
        let sender = shared.pending().waiting.remove(&reply.id);
        if sender.is_none_or(|sender| sender.send(result).is_err()) {
            tracing::debug!(node, id = reply.id, "nobody waits for this reply any more");
        }
    };
    tracing::debug!(node, reason, "the agent is gone");
    shared.end(reason);
    // Nobody may be waiting for the end.
    let _ = ending.send(true);
}

/// One writer, so that a caller that gives up never leaves half a line behind.
async fn write(mut stdin: Stdin, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = queue.recv().await {
        let written = async {
            stdin.write_all(&line).await?;
            stdin.flush().await
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, "the agent does not take requests any more");
            return;
        }
    }
    if let Err(error) = stdin.shutdown().await {
        tracing::trace!(%error, "standard input was closed already");
    }
}

async fn renew(node: String, shared: Arc<Shared>, lease: Duration) {
    let mut ticks = interval((lease / 3).max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match shared.call(LEASE_RENEW, Value::Null, lease).await {
            Ok(_) => {}
            Err(Unanswered::NotSent(reason)) if shared.pending().ended.is_some() => {
                tracing::debug!(node, reason, "no lease to renew any more");
                return;
            }
            Err(unanswered) => tracing::warn!(node, ?unanswered, "the lease was not renewed"),
        }
    }
}

/// How the agent's process ended, as far as that is known.
async fn describe_end(exit: Ending) -> String {
    let Some(exit) = exit else { return "its output ended".to_owned() };
    match timeout(STATUS_TIMEOUT, exit).await {
        Ok(Ok((exit, stderr))) => {
            let text = String::from_utf8_lossy(&stderr);
            match text.trim() {
                "" => exit.to_string(),
                text => format!("{exit}: {}", text.chars().take(500).collect::<String>()),
            }
        }
        _ => "its output ended".to_owned(),
    }
}

/// The beginning of a line, quoted for a message.
fn excerpt(line: &[u8]) -> String {
    if line.is_empty() {
        return String::new();
    }
    let text: String = String::from_utf8_lossy(line).chars().take(200).collect();
    format!(" (it says {text:?})")
}

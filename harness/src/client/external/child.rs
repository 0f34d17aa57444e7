//! The program itself: started, spoken to line by line, its complaints kept, and ended.

use serde::Serialize;
use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// The longest line that a program may answer with.
const LINE_LIMIT: u64 = 64 << 20;
/// Lines of its standard error that are kept to be shown.
const SAID_LINES: usize = 5;
/// Characters kept of one such line.
const SAID_WIDTH: usize = 300;

/// A running program. It is killed when this is dropped.
pub(super) struct Child {
    process: tokio::process::Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    said: Arc<Mutex<VecDeque<String>>>,
    listening: tokio::task::JoinHandle<()>,
    buffer: Vec<u8>,
}

/// How a program took its leave.
pub(super) struct Farewell {
    /// Its exit status; nothing when it had to be killed.
    pub(super) ended: Option<String>,
    /// Lines that nobody asked for.
    pub(super) said: Vec<String>,
}

impl Child {
    /// Starts `argv`, looked up in PATH, in `folder`.
    pub(super) fn start(argv: &[String], folder: Option<&Path>) -> Result<Self, String> {
        let [program, arguments @ ..] = argv else { return Err("no program is named".to_owned()) };
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        let mut command = match folder {
            // Else it would depend on the platform what `./client` is relative to.
            Some(folder) if program.contains('/') => Command::new(folder.join(program)),
            _ => Command::new(program),
        };
        command.args(arguments).kill_on_drop(true).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        let cannot =
            |error: &dyn std::fmt::Display| format!("`{program}` cannot be started: {error}");
        let mut process = command.spawn().map_err(|error| cannot(&error))?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(cannot(&"it has no pipes"));
        };
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let listening = tokio::spawn(listen(errors, program.clone(), said.clone()));
        let output = BufReader::new(output);
        Ok(Self { process, input, output, said, listening, buffer: Vec::new() })
    }

    /// Writes one line.
    pub(super) async fn say(&mut self, words: &impl Serialize) -> Result<(), String> {
        self.buffer.clear();
        serde_json::to_writer(&mut self.buffer, words).map_err(|error| error.to_string())?;
        self.buffer.push(b'\n');
        let written = self.input.write_all(&self.buffer).await;
        written.map_err(|error| format!("the program does not listen: {error}"))
    }

    /// Reads one line into `line`.
    pub(super) async fn hear(&mut self, line: &mut String) -> Result<(), String> {
        line.clear();
        let mut limited = (&mut self.output).take(LINE_LIMIT);
        match limited.read_line(line).await {
            Ok(0) => Err(self.ended().await),
            Ok(_) if line.ends_with('\n') => Ok(()),
            Ok(_) if line.len() as u64 >= LINE_LIMIT => {
                Err(format!("a line of over {} MB came", LINE_LIMIT >> 20))
            }
            Ok(_) => Err(self.ended().await),
            Err(error) => Err(format!("its answer cannot be read: {error}")),
        }
    }

    async fn ended(&mut self) -> String {
        const PATIENCE: Duration = Duration::from_millis(500);
        let waited = timeout(PATIENCE, self.process.wait()).await;
        // Its last words may come after its last answer.
        let _ = timeout(PATIENCE, &mut self.listening).await;
        match waited {
            Ok(Ok(status)) => format!("the program ended ({status})"),
            _ => "the program closed its output".to_owned(),
        }
    }

    /// `what`, with the last that the program said on its standard error.
    pub(super) fn blame(&self, what: &str) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_empty() {
            return what.to_owned();
        }
        let lines: Vec<&str> = said.iter().map(String::as_str).collect();
        format!("{what}; it said: {}", lines.join(" / "))
    }

    /// Ends its input, waits until it ends, and reads what it still says. It is killed when it does
    /// not end in time.
    pub(super) async fn farewell(mut self, limit: Duration) -> Farewell {
        drop(self.input);
        let ended = timeout(limit, self.process.wait()).await;
        let ended = ended.ok().and_then(Result::ok).map(|status| status.to_string());
        if ended.is_none() {
            let _ = self.process.kill().await;
        }
        let mut said = Vec::new();
        let mut lines = (&mut self.output).take(LINE_LIMIT).lines();
        while let Ok(Ok(Some(line))) = timeout(limit, lines.next_line()).await {
            said.push(line);
        }
        Farewell { ended, said }
    }

    /// Ends its input, which asks it to end, and kills it when it does not.
    pub(super) async fn close(mut self, limit: Duration) {
        drop(self.input);
        if timeout(limit, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
    }
}

/// Keeps the last lines of a program's standard error, and tells the log.
async fn listen(errors: ChildStderr, program: String, said: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(errors.take(LINE_LIMIT)).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line: String = String::from_utf8_lossy(&line).chars().take(SAID_WIDTH).collect();
        if line.trim().is_empty() {
            continue;
        }
        tracing::info!(client = %program, "{line}");
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == SAID_LINES {
            said.pop_front();
        }
        said.push_back(line);
    }
}

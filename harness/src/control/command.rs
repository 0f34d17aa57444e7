//! Commands: what to run on a node, and how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

/// A command for a node. Arguments are quoted once, centrally; nobody builds shell strings.
#[derive(Clone, Debug)]
pub struct Command {
    /// Program and arguments. The program is looked up in `PATH`, with the `sbin` directories added.
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// Working directory; the login directory when absent.
    pub dir: Option<String>,
    pub stdin: Vec<u8>,
    /// Through `sudo -n` when the login user is not root.
    pub root: bool,
    /// After this it is signalled, and whether it is gone is verified.
    pub timeout: Duration,
    /// Bytes kept of each output stream; what comes after is read and thrown away.
    pub output_cap: usize,
}

impl Command {
    /// A command with a minute to run and a megabyte of output.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            dir: None,
            stdin: Vec::new(),
            root: false,
            timeout: Duration::from_secs(60),
            output_cap: 1 << 20,
        }
    }

    /// A script for `/bin/sh -c`.
    pub fn shell(script: impl Into<String>) -> Self {
        Self::new(["/bin/sh".to_owned(), "-c".to_owned(), script.into()])
    }

    /// As root.
    pub fn as_root(mut self) -> Self {
        self.root = true;
        self
    }

    /// With another time limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With one more environment variable.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// In this directory.
    pub fn dir(mut self, dir: impl Into<String>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// With these bytes as its standard input, which then ends.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Keeping this many bytes of each output stream.
    pub fn output_cap(mut self, bytes: usize) -> Self {
        self.output_cap = bytes;
        self
    }

    /// Program and arguments for a message, not longer than a line.
    pub fn brief(&self) -> String {
        let mut text = self.argv.join(" ").replace(['\n', '\r'], " ");
        if text.chars().count() > 80 {
            text = text.chars().take(79).chain(['…']).collect();
        }
        text
    }
}

/// How a remote command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(u32),
    /// The signal's name without `SIG`: `KILL`.
    Signal(String),
    /// The connection went before an answer came: what it did is unknown. Never success.
    Lost,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(name) => write!(f, "killed by SIG{name}"),
            Self::Lost => f.write_str("connection lost, outcome unknown"),
        }
    }
}

/// What a remote command left.
#[derive(Clone, Debug)]
pub struct Output {
    pub exit: Exit,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Bytes thrown away past the cap, over both streams.
    pub discarded: u64,
}

impl Output {
    /// Exit code 0.
    pub fn success(&self) -> bool {
        self.exit == Exit::Code(0)
    }

    /// Standard error as text, without the last line break.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end().to_owned()
    }

    /// Standard output as text, without the last line break.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}

//! Commands: what to run on a node, and how it ended.

use std::collections::BTreeMap;
use std::time::Duration;

/// A command for a node. Arguments are quoted once, centrally; nobody builds shell strings.
#[derive(Clone, Debug)]
pub struct Command {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
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

    /// Standard output as text, without the last line break.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }
}

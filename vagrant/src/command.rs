//! Running `vagrant` in the folder of its Vagrantfile.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// For questions. Vagrant is slow to start, above all where processors are emulated next door.
const ASK_LIMIT: Duration = Duration::from_secs(120);
/// Lines of its output that an error shows.
const TAIL: usize = 6;

/// `vagrant`, in one folder.
#[derive(Clone, Debug)]
pub(crate) struct Vagrant {
    directory: PathBuf,
}

impl Vagrant {
    /// For the folder with a Vagrantfile.
    pub(crate) fn at(directory: &Path) -> Result<Self, String> {
        let there = directory.join("Vagrantfile").is_file();
        let name = std::env::var("VAGRANT_VAGRANTFILE").ok();
        if there || name.is_some_and(|name| directory.join(name).is_file()) {
            return Ok(Self { directory: directory.to_owned() });
        }
        Err(format!("{} has no Vagrantfile", directory.display()))
    }

    fn arguments<'a>(arguments: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        ["--no-color"].into_iter().chain(arguments.iter().copied())
    }

    /// Asks and waits for the answer, before there is a runtime.
    pub(crate) fn ask_now(&self, arguments: &[&str]) -> Result<String, String> {
        let output = std::process::Command::new("vagrant")
            .args(Self::arguments(arguments))
            .current_dir(&self.directory)
            .env("VAGRANT_CHECKPOINT_DISABLE", "1")
            .env_remove("VAGRANT_CWD")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| cannot_run(&error))?;
        self.answer(arguments, &output)
    }

    /// Asks and gives what it prints.
    pub(crate) async fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        let output = tokio::time::timeout(ASK_LIMIT, self.command(arguments).output()).await;
        let output = output.map_err(|_| self.late(arguments, ASK_LIMIT))?;
        self.answer(arguments, &output.map_err(|error| cannot_run(&error))?)
    }

    fn answer(&self, arguments: &[&str], output: &std::process::Output) -> Result<String, String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        // Asked for machine-readable answers, it tells its errors on standard output.
        let (told, also) = (text(&output.stderr), text(&output.stdout));
        let mut lines = told.lines().chain(also.lines()).filter(|line| !line.trim().is_empty());
        let tail: Vec<&str> = lines.by_ref().take(TAIL).collect();
        Err(self.failed(arguments, &tail.join("; ")))
    }

    /// Does something long; every line that it prints goes to `say`.
    pub(crate) async fn act(
        &self,
        arguments: &[&str],
        limit: Duration,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<(), String> {
        tracing::info!("vagrant {}", arguments.join(" "));
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| cannot_run(&error))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let done = tokio::time::timeout(limit, async {
            let (told, complained) = tokio::join!(follow(out, say), follow(err, say));
            (child.wait().await, told, complained)
        });
        let (status, told, complained) = done.await.map_err(|_| self.late(arguments, limit))?;
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => {
                let tail = if complained.is_empty() { told } else { complained };
                let tail: Vec<String> = tail.into();
                Err(self.failed(arguments, &tail.join("; ")))
            }
            Err(error) => Err(self.failed(arguments, &error.to_string())),
        }
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("vagrant");
        command
            .args(Self::arguments(arguments))
            .current_dir(&self.directory)
            .env("VAGRANT_CHECKPOINT_DISABLE", "1")
            // Where this is, is said by the folder.
            .env_remove("VAGRANT_CWD")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    fn failed(&self, arguments: &[&str], cause: &str) -> String {
        format!("`vagrant {}` in {}: {cause}", arguments.join(" "), self.directory.display())
    }

    fn late(&self, arguments: &[&str], limit: Duration) -> String {
        self.failed(arguments, &format!("it was not done in {} seconds", limit.as_secs()))
    }
}

fn cannot_run(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "there is no `vagrant` program here: install Vagrant, or name the machines with --nodes and \
             --ssh-config"
                .to_owned()
        }
        _ => format!("`vagrant` does not start: {error}"),
    }
}

/// Passes lines on and keeps the last ones.
async fn follow(
    stream: Option<impl AsyncRead + Unpin>,
    say: &(dyn Fn(&str) + Sync),
) -> VecDeque<String> {
    let mut last = VecDeque::new();
    let Some(stream) = stream else { return last };
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.trim().is_empty() {
            continue;
        }
        say(line.trim());
        if last.len() == TAIL {
            last.pop_front();
        }
        last.push_back(line.trim().to_owned());
    }
    last
}

//! Tools: the node's own programs for its network, found and run.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Non-interactive logins often lack the `sbin` directories in their `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"])
        .filter(|directory| directory.starts_with('/'))
        .map(|directory| Path::new(directory).join(program))
        .find(|program| program.is_file())
}

/// Runs a program with `script` as its input. Its output, or what it complains of.
pub(crate) fn run(program: &Path, arguments: &[&str], script: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("cannot run {}: {error}", program.display());
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // They read all of it before they write anything; a failure shows in the exit code.
        let _ = stdin.write_all(script.as_bytes());
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let remedy = if complaint.contains("not permitted") {
        ": the agent must run as root; let the login user use `sudo` without a password"
    } else {
        ""
    };
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    Err(format!("{name}: {complaint}{remedy}"))
}

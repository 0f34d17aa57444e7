//! Log files of a database: their last lines for errors, and copies for the store.

use super::run;
use crate::Node;
use crate::control::Command;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

const EXCERPT_LINES: usize = 15;
/// Characters kept of one line: some databases log whole stack traces as one JSON string.
const LINE_LIMIT: usize = 400;
const TAIL_LIMIT: Duration = Duration::from_secs(10);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(120);

/// The end of a log; nothing when it cannot be read, for this only adorns another error.
pub(super) async fn excerpt(node: &Node, log: &str) -> Option<String> {
    let lines = EXCERPT_LINES.to_string();
    let command = Command::new(["tail", "-n", &lines, "--", log]).as_root().timeout(TAIL_LIMIT);
    let output = run(node, &command).await.ok()?;
    let text = last_lines(&String::from_utf8_lossy(&output.stdout), EXCERPT_LINES);
    (output.success() && !text.is_empty()).then_some(text)
}

/// Copies the last `cap` bytes of each log into `into`.
pub(super) async fn fetch(
    node: &Node,
    logs: &[String],
    into: &Path,
    cap: u64,
) -> (Vec<PathBuf>, Vec<String>) {
    let mut came = Vec::new();
    let mut errors = Vec::new();
    for (log, name) in logs.iter().zip(local_names(logs)) {
        let local = into.join(name);
        match timeout(DOWNLOAD_LIMIT, node.session.download(log, &local, cap)).await {
            Ok(Ok(_)) => came.push(local),
            Ok(Err(error)) => errors.push(format!("{}: {log} did not come: {error}", node.name)),
            Err(_) => errors.push(format!(
                "{}: {log} did not come within {} s",
                node.name,
                DOWNLOAD_LIMIT.as_secs()
            )),
        }
    }
    (came, errors)
}

/// File names for copies: the logs' own, with the directory's name before it where two agree.
fn local_names(logs: &[String]) -> Vec<String> {
    let base = |log: &str| log.trim_end_matches('/').rsplit('/').next().unwrap_or("log").to_owned();
    logs.iter()
        .map(|log| {
            let twins = logs.iter().filter(|other| base(other) == base(log)).count();
            if twins > 1 { log.trim_matches('/').replace('/', "-") } else { base(log) }
        })
        .collect()
}

/// The last `count` lines that are not empty, long ones cut.
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let kept = &lines[lines.len().saturating_sub(count)..];
    kept.iter().map(|line| shortened(line)).collect::<Vec<_>>().join("\n")
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LINE_LIMIT) {
        None => line.to_owned(),
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_LIMIT, last_lines, local_names};

    #[test]
    fn last_lines_are_few_and_short() {
        assert_eq!(last_lines("a\n\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("", 2), "");
        let long = "ü".repeat(LINE_LIMIT + 1);
        assert_eq!(last_lines(&long, 1).chars().count(), LINE_LIMIT + 1);
        assert!(last_lines(&long, 1).ends_with('…'));
    }

    #[test]
    fn copies_of_logs_with_one_name_do_not_overwrite_each_other() {
        let logs = ["/var/log/a/x.log", "/var/log/b/x.log", "/var/log/y.log"].map(str::to_owned);
        assert_eq!(local_names(&logs), ["var-log-a-x.log", "var-log-b-x.log", "y.log"]);
    }
}

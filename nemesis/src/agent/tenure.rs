//! Tenure: at most one agent acts on a node, and a newcomer can ask for its turn.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two tries to get the lock.
const RETRY: Duration = Duration::from_millis(20);

/// The right to act, held until dropped. The kernel takes the lock back however the holder dies.
pub(crate) struct Tenure {
    wish: PathBuf,
    _lock: File,
}

impl Tenure {
    /// Gets the right to act on what `state` describes, and makes that directory.
    ///
    /// A living holder is asked to finish, which it does within a moment unless it hangs.
    ///
    /// # Errors
    /// When the holder has not finished after `patience`.
    pub(crate) fn begin(state: &Path, patience: Duration) -> Result<Self, String> {
        let failed = |what: &Path, error: std::io::Error| {
            format!("cannot use {} for the agent's state: {error}", what.display())
        };
        fs::create_dir_all(state).map_err(|error| failed(state, error))?;
        let path = state.join("agent.lock");
        let wish = state.join("finish");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| failed(&path, error))?;
        let deadline = Instant::now() + patience;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    fs::write(&wish, std::process::id().to_string())
                        .map_err(|error| failed(&wish, error))?;
                    std::thread::sleep(RETRY);
                }
                Err(TryLockError::WouldBlock) => {
                    let holder = fs::read_to_string(&path).unwrap_or_default();
                    return Err(format!(
                        "another agent (pid {}) acts on this node and has not finished within \
                         {patience:?}: end it with `kill -9 {}`, its successor mends what it left",
                        holder.trim(),
                        holder.trim()
                    ));
                }
                Err(TryLockError::Error(error)) => return Err(failed(&path, error)),
            }
        }
        let _ = fs::remove_file(&wish);
        lock.set_len(0).map_err(|error| failed(&path, error))?;
        writeln!(lock, "{}", std::process::id()).map_err(|error| failed(&path, error))?;
        Ok(Self { wish, _lock: lock })
    }

    /// Whether somebody else wants to act.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wish.exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_at_a_time_and_the_holder_learns_of_the_wish() {
        let dir = tempfile::tempdir().unwrap();
        let first = Tenure::begin(dir.path(), Duration::ZERO).unwrap();
        assert!(!first.is_wanted());
        let error = Tenure::begin(dir.path(), Duration::from_millis(50)).err().unwrap();
        assert!(error.contains(&format!("kill -9 {}", std::process::id())), "{error}");
        assert!(first.is_wanted());
        drop(first);
        let second = Tenure::begin(dir.path(), Duration::ZERO).unwrap();
        assert!(!second.is_wanted(), "an old wish says nothing to a new holder");
    }
}

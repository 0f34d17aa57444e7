//! The network namespace in which `vagrant/lab` keeps its machines.

use nix::sched::{CloneFlags, setns};
use serde::Deserialize;
use std::fs::File;
use std::path::Path;

/// What the lab writes, in the Vagrantfile's folder.
const FILE: &str = ".vagrant/perjury.json";

#[derive(Deserialize)]
struct Lab {
    network_namespace: String,
}

/// Moves this thread, and with it all that it will start, to where the machines can be reached. Without a
/// lab it stays where it is.
pub(crate) fn enter(directory: &Path) -> Result<(), String> {
    let path = directory.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let lab: Lab = serde_json::from_str(&text)
        .map_err(|error| format!("{} is not understood: {error}", path.display()))?;
    let name = &lab.network_namespace;
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(format!("{}: `{name}` is no namespace's name", path.display()));
    }
    let wrong = |what: String| {
        format!(
            "the machines are in the network namespace `{name}`, and {what}: run `vagrant/lab`, or remove \
             {} when there is no lab any more",
            path.display()
        )
    };
    let space = File::open(Path::new("/run/netns").join(name))
        .map_err(|error| wrong(format!("it cannot be opened ({error})")))?;
    setns(&space, CloneFlags::CLONE_NEWNET)
        .map_err(|errno| wrong(format!("entering it needs root ({})", errno.desc())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".vagrant")).unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        enter(folder.path())
    }

    #[test]
    fn without_a_lab_nothing_happens() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(enter(folder.path()), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert!(with("{").unwrap_err().contains("not understood"));
        assert!(
            with(r#"{"network_namespace":"../x"}"#).unwrap_err().contains("no namespace's name")
        );
        let gone = with(r#"{"network_namespace":"perjury-there-is-none"}"#).unwrap_err();
        assert!(gone.contains("run `vagrant/lab`"), "{gone}");
    }
}

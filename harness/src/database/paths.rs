//! Paths that Perjury may remove on a node: absolute, and deep enough to be a database's own.

/// Whole trees that no database keeps its data in.
const SYSTEM: &[&str] =
    &["bin", "boot", "dev", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "usr"];
/// Directories whose children are shared by many programs: `/var/lib`, `/home/someone`.
const SHARED: &[&str] = &["etc", "home", "root", "var"];

/// Whether `path` may be removed with all that is in it; the error says why not.
pub(super) fn ours(path: &str) -> Result<(), String> {
    if !path.starts_with('/') {
        return Err(format!("`{path}` has to be an absolute path"));
    }
    if path.len() > 1024 || path.contains(|char: char| char.is_control()) {
        return Err("this path is too long or has control characters".to_owned());
    }
    let components: Vec<&str> = path.trim_end_matches('/').split('/').skip(1).collect();
    if components.iter().any(|part| part.is_empty() || *part == "." || *part == "..") {
        return Err(format!("`{path}` has to be written without `.`, `..` and empty parts"));
    }
    let first = components.first().copied().unwrap_or_default();
    if SYSTEM.contains(&first) {
        return Err(format!("`{path}` belongs to the system: name a path of the database's own"));
    }
    let needed = if SHARED.contains(&first) { 3 } else { 2 };
    if components.len() < needed {
        return Err(format!(
            "`{path}` is not the database's own and would be removed before a run: \
             name a directory or file below it"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ours;

    #[test]
    fn a_database_s_own_paths_pass() {
        for path in [
            "/var/lib/perjury-etcd",
            "/var/lib/etcd/",
            "/var/log/etcd.log",
            "/srv/data",
            "/tmp/perjury-demo",
            "/data/a/b",
        ] {
            assert_eq!(ours(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn paths_of_others_are_refused() {
        for path in [
            "",
            "/",
            "//",
            "/var",
            "/var/",
            "/var/lib",
            "/var/lib/",
            "/etc/ssh",
            "/home/someone",
            "/srv",
            "/usr/share/etcd/data",
            "/proc/1/fd",
            "relative/path",
            "~/data",
            "/var/lib/../../etc",
            "/var/./lib",
            "/var//lib",
            "/srv/a\nb",
        ] {
            assert!(ours(path).is_err(), "{path:?} has to be refused");
        }
    }
}

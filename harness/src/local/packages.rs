//! Package layers: Debian packages unpacked into a cache, for nodes to have without installing.
//!
//! Everything is done with the user's own rights and private directories; the machine's package
//! database is only read. Runs in the outer process, which has a network, before any thread exists.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program that the nodes need, and the Debian package it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need<'a> {
    pub package: &'a str,
    /// A name to be found in the usual directories, or an absolute path.
    pub program: &'a str,
}

/// Why a package cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error("`{0}` is not a Debian package's name")]
    Name(String),
    #[error(
        "package {package} is needed for `{program}`, and this machine has no apt-get to fetch it with: \
         install {package} with the machine's own package manager and try again"
    )]
    NotDebian { package: String, program: String },
    #[error(
        "package {package} could not be fetched: `{command}` {outcome}{output}\n\
         Install it by hand (`apt-get install {package}` as root), or mend the network or /etc/apt and try \
         again"
    )]
    Fetch { package: String, command: String, outcome: String, output: String },
    #[error(
        "package {package} is installed on this machine, but `{program}` is not there: correct the program's \
         name, or install the package again"
    )]
    Lacking { package: String, program: String },
    #[error(
        "the package cache {directory} cannot be used: {source}. Set XDG_CACHE_HOME to a writable directory"
    )]
    Cache { directory: PathBuf, source: io::Error },
    #[error(
        "neither XDG_CACHE_HOME nor HOME is set: set one to a directory where packages can be kept"
    )]
    NoCache,
}

/// Where programs are looked for.
const PATHS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Time for one command; the download of a large package takes the longest.
const DEADLINE: Duration = Duration::from_secs(300);
/// Most packages fetched for one need.
const PACKAGES: usize = 64;
/// Bytes of a failed command's output that are shown.
const SHOWN: usize = 2000;

/// The user's package cache.
pub fn cache_dir() -> Result<PathBuf, PackageError> {
    let from =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")));
    base.filter(|base| base.is_absolute())
        .map(|base| base.join("perjury/packages"))
        .ok_or(PackageError::NoCache)
}

/// Layers for the needs that the machine does not meet itself, with all they depend on. What is in
/// the cache already is not fetched again.
pub fn ensure(needs: &[Need<'_>], cache: &Path) -> Result<Vec<PathBuf>, PackageError> {
    let mut layers = Vec::new();
    for need in needs.iter().filter(|need| !is_installed(need.program)) {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
        if need.package.len() < 2
            || !need.package.bytes().all(plain)
            || need.package.starts_with('-')
        {
            return Err(PackageError::Name(need.package.to_owned()));
        }
        let fetched = Fetcher { package: need.package, cache }.layers(need.program)?;
        for layer in fetched {
            if !layers.contains(&layer) {
                layers.push(layer);
            }
        }
    }
    Ok(layers)
}

fn is_installed(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    PATHS.iter().any(|directory| Path::new(directory).join(program).is_file())
}

struct Fetcher<'a> {
    package: &'a str,
    cache: &'a Path,
}

impl Fetcher<'_> {
    fn unusable(&self, source: io::Error) -> PackageError {
        PackageError::Cache { directory: self.cache.to_owned(), source }
    }

    /// Lists the layers of the package; written last, so whatever it lists is complete.
    fn index(&self) -> PathBuf {
        self.cache.join(format!("{}.layers", self.package))
    }

    fn layers(&self, program: &str) -> Result<Vec<PathBuf>, PackageError> {
        if let Some(layers) = self.cached() {
            return Ok(layers);
        }
        if !is_installed("apt-get") || !is_installed("dpkg-deb") {
            let (package, program) = (self.package.to_owned(), program.to_owned());
            return Err(PackageError::NotDebian { package, program });
        }
        fs::create_dir_all(self.cache).map_err(|error| self.unusable(error))?;
        // One at a time; another process may have fetched it while this one waited.
        let lock = File::create(self.cache.join("lock")).map_err(|error| self.unusable(error))?;
        lock.lock().map_err(|error| self.unusable(error))?;
        if let Some(layers) = self.cached() {
            return Ok(layers);
        }
        let work = self.cache.join("work");
        let _ = fs::remove_dir_all(&work);
        fs::create_dir_all(&work).map_err(|error| self.unusable(error))?;
        let layers = self.fetch(program, &work);
        let _ = fs::remove_dir_all(&work);
        layers
    }

    fn cached(&self) -> Option<Vec<PathBuf>> {
        let text = fs::read_to_string(self.index()).ok()?;
        let layers: Vec<PathBuf> = text.lines().map(|name| self.cache.join(name)).collect();
        (!layers.is_empty() && layers.iter().all(|layer| layer.is_dir())).then_some(layers)
    }

    fn fetch(&self, program: &str, work: &Path) -> Result<Vec<PathBuf>, PackageError> {
        tracing::info!("fetching the Debian package {} and what it depends on", self.package);
        for directory in ["state/lists/partial", "cache/archives/partial", "debs"] {
            fs::create_dir_all(work.join(directory)).map_err(|error| self.unusable(error))?;
        }
        self.run(self.apt_get(work).arg("update"), work)?;
        let mut plan = self.apt_get(work);
        plan.args(["--simulate", "--no-install-recommends", "install", self.package]);
        let wanted = planned(&self.run(&mut plan, work)?);
        if wanted.is_empty() {
            let (package, program) = (self.package.to_owned(), program.to_owned());
            return Err(PackageError::Lacking { package, program });
        }
        if wanted.len() > PACKAGES {
            let outcome = format!("names {} packages to install", wanted.len());
            return Err(self.failed(&plan, outcome, String::new()));
        }
        let mut download = self.apt_get(work);
        download.arg("download").current_dir(work.join("debs"));
        download.args(wanted.iter().map(|(name, version)| format!("{name}={version}")));
        self.run(&mut download, work)?;
        let mut names = Vec::new();
        let debs = fs::read_dir(work.join("debs")).map_err(|error| self.unusable(error))?;
        for deb in debs {
            let deb = deb.map_err(|error| self.unusable(error))?.path();
            names.push(self.unpack(&deb, work)?);
        }
        names.sort();
        let list = work.join("index");
        fs::write(&list, names.join("\n") + "\n").map_err(|error| self.unusable(error))?;
        fs::rename(&list, self.index()).map_err(|error| self.unusable(error))?;
        Ok(names.iter().map(|name| self.cache.join(name)).collect())
    }

    /// Unpacks a package into a layer; its name in the cache.
    fn unpack(&self, deb: &Path, work: &Path) -> Result<String, PackageError> {
        let name = deb.file_stem().unwrap_or_default().to_string_lossy().replace("%3a", ":");
        let (tree, layer) = (work.join("tree"), self.cache.join(&name));
        if layer.is_dir() {
            return Ok(name);
        }
        self.run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&tree), work)?;
        merge_usr(&tree, Path::new("/")).map_err(|error| self.unusable(error))?;
        fs::rename(&tree, &layer).map_err(|error| self.unusable(error))?;
        Ok(name)
    }

    /// `apt-get` with lists, cache and locks of its own, but the machine's sources and packages.
    fn apt_get(&self, work: &Path) -> Command {
        let mut command = Command::new("apt-get");
        let set = |command: &mut Command, option: String| {
            command.arg("-o").arg(option);
        };
        set(&mut command, format!("Dir::State={}", work.join("state").display()));
        set(&mut command, format!("Dir::Cache={}", work.join("cache").display()));
        for option in [
            "Dir::State::status=/var/lib/dpkg/status",
            "APT::Sandbox::User=root",
            "Acquire::Languages=none",
            "Acquire::Retries=2",
            "Acquire::http::Timeout=30",
            "Acquire::https::Timeout=30",
        ] {
            set(&mut command, option.to_owned());
        }
        command.args(["--quiet", "--assume-yes"]).env("LC_ALL", "C.UTF-8");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Runs a command to its end; its standard output.
    fn run(&self, command: &mut Command, work: &Path) -> Result<String, PackageError> {
        let (out, err) = (work.join("out"), work.join("err"));
        let open = |path: &Path| File::create(path).map_err(|error| self.unusable(error));
        command.stdin(Stdio::null()).stdout(open(&out)?).stderr(open(&err)?);
        let started = Instant::now();
        let mut child = command.spawn().map_err(|error| {
            self.failed(command, format!("could not be started: {error}"), String::new())
        })?;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if started.elapsed() < DEADLINE => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    let outcome = format!("did not end within {} s", DEADLINE.as_secs());
                    return Err(self.failed(command, outcome, String::new()));
                }
                Err(error) => return Err(self.failed(command, error.to_string(), String::new())),
            }
        };
        let text = |path: &Path| {
            fs::read(path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .unwrap_or_default()
        };
        if status.success() {
            return Ok(text(&out));
        }
        let said = text(&err);
        let from = said.len().saturating_sub(SHOWN);
        let from = (from..=said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
        Err(self.failed(
            command,
            format!("ended with {status}"),
            format!("\n{}", said[from..].trim()),
        ))
    }

    fn failed(&self, command: &Command, outcome: String, output: String) -> PackageError {
        let words: Vec<_> = std::iter::once(command.get_program())
            .chain(command.get_args().filter(|word| !word.to_string_lossy().contains("::")))
            .map(|word| word.to_string_lossy())
            .filter(|word| word != "-o")
            .collect();
        let (package, command) = (self.package.to_owned(), words.join(" "));
        PackageError::Fetch { package, command, outcome, output }
    }
}

/// Names and versions in what `apt-get --simulate install` says, in lines like
/// `Inst etcd-server (3.4.23+dfsg-4 Debian:12 [amd64])`.
fn planned(text: &str) -> Vec<(String, String)> {
    let parse = |line: &str| {
        let rest = line.strip_prefix("Inst ")?;
        let (name, rest) = rest.split_once(' ')?;
        let (_, rest) = rest.split_once('(')?;
        let version = rest.split([' ', ')']).next()?;
        Some((name.to_owned(), version.to_owned()))
    };
    text.lines().filter_map(parse).collect()
}

/// Moves `/bin`, `/lib` and so on of a package to where the machine's links of those names lead.
fn merge_usr(tree: &Path, machine: &Path) -> io::Result<()> {
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let (from, link) = (tree.join(name), machine.join(name));
        if !from.is_dir() || !link.is_symlink() {
            continue;
        }
        let target = fs::read_link(&link)?;
        move_into(&from, &tree.join(target.strip_prefix("/").unwrap_or(&target)))?;
    }
    Ok(())
}

fn move_into(from: &Path, to: &Path) -> io::Result<()> {
    // A list of what is left to do, as trees may be deep.
    let mut moves = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = moves.pop() {
        if from.is_dir() && !from.is_symlink() && to.is_dir() {
            for entry in fs::read_dir(&from)? {
                let entry = entry?;
                moves.push((entry.path(), to.join(entry.file_name())));
            }
        } else {
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::rename(&from, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! A node's file system: a copy-on-write view of the machine's, made of one overlay per directory.
//!
//! The new root is a file system in memory. Each top-level directory of the machine becomes an
//! overlay in it: below, package layers and the machine's directory, both read-only; above, a
//! directory in memory that takes every change. `/proc`, `/sys`, `/dev`, `/run` and `/tmp` are fresh.
//! Then the new root replaces the old one, which is out of reach from then on.
//!
//! In a user namespace the machine's files belong to nobody that the node knows, so that even its
//! root may not write to the directories they are in. There the upper directories of those that
//! databases need are made beforehand: an overlay shows the upper directory's owner. And there `/var`
//! is fresh as well: what is in it belongs to the machine's services, and most of it could be neither
//! read nor removed.

use super::lab::SCRATCH;
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Component, Path, PathBuf};

/// What a node's file system is to be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct RootSpec {
    /// Unpacked packages, each a tree of directories like `/`. The first wins.
    pub layers: Vec<PathBuf>,
    /// Directories that must be writable, absolute.
    pub writable: Vec<PathBuf>,
    /// Contents of `/etc/hosts`.
    pub hosts: String,
    /// Where this program is to be found in the node.
    pub executable: PathBuf,
}

/// Directories that get an owner of the node's own, so that databases can write there.
const WRITABLE: [&str; 16] = [
    "/etc",
    "/etc/default",
    "/home",
    "/opt",
    "/srv",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/etc",
    "/usr/local/lib",
    "/usr/local/sbin",
    "/usr/local/share",
    "/usr/sbin",
    "/usr/share",
];

/// Top-level directories that are made anew, or that no node needs.
const FRESH: [&str; 10] =
    ["boot", "dev", "lost+found", "media", "mnt", "proc", "run", "snap", "sys", "tmp"];

/// Top-level directories without which a node is of no use.
const VITAL: [&str; 3] = ["/etc", "/usr", "/var"];

/// Devices that a node has.
const DEVICES: [&str; 8] = ["null", "zero", "full", "random", "urandom", "tty", "fuse", "net/tun"];

/// Kinds of file systems that are not part of the machine's file tree proper.
const PSEUDO: [&str; 17] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "efivarfs",
    "fusectl",
    "hugetlbfs",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "sysfs",
];

/// `/etc/gai.conf`: names resolve to IPv4 first, as most databases' manuals take for granted.
pub(super) const RESOLVER: &str = "precedence ::ffff:0:0/96 100\n";

/// Most file systems of the machine that are followed into.
const MOUNTS: usize = 64;
/// Largest file that is copied where no overlay can be.
const COPIED: u64 = 1 << 20;

fn context(what: impl std::fmt::Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Furnishes this process's mount namespace, which must be its own, and changes into it.
pub(super) fn enter(name: &str, spec: &RootSpec) -> io::Result<()> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let builder = Builder::new(spec)?;
    builder.top_level()?;
    builder.fresh_directories()?;
    builder.identity(name)?;
    builder.place_executable()?;
    nix::unistd::chdir(&builder.root)?;
    // Stacks the old root on the new one, then takes it away from there.
    nix::unistd::pivot_root(".", ".").map_err(|errno| context("change the root")(errno.into()))?;
    umount2(".", MntFlags::MNT_DETACH)?;
    nix::unistd::chdir("/")?;
    Ok(())
}

/// Whether a map of user ids is that of the machine itself: everyone is who they are.
fn is_whole(uid_map: &str) -> bool {
    uid_map.split_whitespace().eq(["0", "0", "4294967295"])
}

struct Builder<'a> {
    spec: &'a RootSpec,
    /// Where the new root is mounted for now.
    root: PathBuf,
    /// Upper and work directories of the overlays.
    uppers: PathBuf,
    /// Mount points of the machine worth following.
    mounts: BTreeSet<PathBuf>,
    /// Whether the machine's files belong to somebody else.
    foreign: bool,
    /// Whether this is a user namespace: an ordinary user's, or root's inside a container.
    confined: bool,
}

impl<'a> Builder<'a> {
    fn new(spec: &'a RootSpec) -> io::Result<Self> {
        let base = Path::new(SCRATCH).join("node");
        fs::create_dir_all(&base)?;
        tmpfs(&base, "mode=0755")?;
        let (root, uppers) = (base.join("root"), base.join("upper"));
        directory(&root, 0o755)?;
        directory(&uppers, 0o755)?;
        tmpfs(&root, "mode=0755")?;
        let foreign = fs::metadata("/usr")?.uid() != nix::unistd::geteuid().as_raw();
        let mounts = submounts(&fs::read_to_string("/proc/self/mountinfo")?);
        let confined = !is_whole(&fs::read_to_string("/proc/self/uid_map")?);
        Ok(Self { spec, root, uppers, mounts, foreign, confined })
    }

    fn top_level(&self) -> io::Result<()> {
        for entry in fs::read_dir("/")? {
            let entry = entry?;
            let name = entry.file_name();
            if FRESH.iter().any(|fresh| name == *fresh) {
                continue;
            }
            let (path, target) = (Path::new("/").join(&name), self.root.join(&name));
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                symlink(fs::read_link(&path)?, &target)?;
            } else if kind.is_dir() && self.foreign && name == "var" {
                self.fresh_var()?;
            } else if kind.is_dir() {
                self.cover(&path, &target).map_err(context(path.display()))?;
            }
        }
        Ok(())
    }

    /// An empty `/var` with the usual directories, what the layers have in it, and the machine's
    /// list of packages.
    fn fresh_var(&self) -> io::Result<()> {
        let var = self.root.join("var");
        directory(&var, 0o755)?;
        for name in ["cache", "lib", "local", "log", "mail", "opt", "spool"] {
            directory(&var.join(name), 0o755)?;
        }
        directory(&var.join("tmp"), 0o1777)?;
        for entry in fs::read_dir("/var")? {
            let entry = entry?;
            if entry.file_type()?.is_symlink() {
                symlink(fs::read_link(entry.path())?, var.join(entry.file_name()))?;
            }
        }
        for layer in self.spec.layers.iter().rev() {
            copy_tree(&layer.join("var"), &var).map_err(context(layer.display()))?;
        }
        for wanted in self.spec.writable.iter().filter(|wanted| wanted.starts_with("/var")) {
            fs::create_dir_all(join(&self.root, wanted))?;
        }
        let packages = Path::new("/var/lib/dpkg");
        if packages.is_dir() {
            let target = join(&self.root, packages);
            fs::create_dir_all(&target)?;
            let none: Option<&str> = None;
            // For `dpkg -l` and the like; a node can do without.
            let _ = mount(Some(packages), &target, none, MsFlags::MS_BIND, none);
        }
        Ok(())
    }

    /// Shows the machine's directory `path` at `target`, which does not exist yet or is a directory.
    fn cover(&self, path: &Path, target: &Path) -> io::Result<()> {
        let mode = fs::metadata(path)?.mode() & 0o7777;
        directory(target, mode | 0o700)?;
        if fs::read_dir(path).is_err() {
            // Not for this user's eyes: an empty directory in its place.
            return Ok(());
        }
        let below: Vec<&PathBuf> =
            self.mounts.iter().filter(|mount| mount.starts_with(path) && *mount != path).collect();
        match self.overlay(path, target) {
            Ok(()) => {}
            // Mounts below it that a user namespace may not look behind.
            Err(Errno::EINVAL) if !below.is_empty() => return self.piece_together(path, target),
            Err(errno) if VITAL.iter().any(|vital| path == Path::new(vital)) => {
                return Err(context("mount an overlay")(errno.into()));
            }
            // Some file systems cannot be below an overlay.
            Err(_) => return self.show_read_only(path, target),
        }
        let mut covered: Option<&Path> = None;
        for mount in below {
            if covered.is_some_and(|above| mount.starts_with(above)) {
                continue;
            }
            covered = Some(mount);
            let relative = mount.strip_prefix(path).map_err(io::Error::other)?;
            if mount.is_dir() {
                self.cover(mount, &target.join(relative))?;
            }
        }
        Ok(())
    }

    /// Shows the machine's directory as it is; an empty one if even that cannot be.
    fn show_read_only(&self, path: &Path, target: &Path) -> io::Result<()> {
        let none: Option<&str> = None;
        if mount(Some(path), target, none, MsFlags::MS_BIND, none).is_ok() && !read_only(target) {
            // The node must not be able to change the machine.
            umount2(target, MntFlags::MNT_DETACH)?;
        }
        Ok(())
    }

    /// Covers each entry of a directory by itself.
    fn piece_together(&self, path: &Path, target: &Path) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let (from, to) = (entry.path(), target.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                symlink(fs::read_link(&from)?, &to)?;
            } else if kind.is_dir() {
                self.cover(&from, &to)?;
            } else if kind.is_file() && entry.metadata()?.len() <= COPIED {
                // What may not be read is left out.
                let _ = fs::copy(&from, &to);
            }
        }
        self.prepare(path, target)
    }

    fn overlay(&self, path: &Path, target: &Path) -> nix::Result<()> {
        let io = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        let name = path.to_string_lossy().replace('_', "__").replace('/', "_");
        let (upper, work) =
            (self.uppers.join(format!("{name}.up")), self.uppers.join(format!("{name}.work")));
        let mode = fs::metadata(path).map_err(io)?.mode() & 0o7777;
        directory(&upper, mode).map_err(io)?;
        directory(&work, 0o700).map_err(io)?;
        self.prepare(path, &upper).map_err(io)?;
        let mut lower: Vec<PathBuf> = self
            .spec
            .layers
            .iter()
            .map(|layer| join(layer, path))
            .filter(|directory| directory.is_dir())
            .collect();
        lower.push(path.to_owned());
        let lower: Vec<String> = lower.iter().map(|path| escape(path)).collect();
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            escape(&upper),
            escape(&work)
        );
        let attempt = |options: &str| {
            mount(Some("overlay"), target, Some("overlay"), MsFlags::empty(), Some(options))
        };
        if self.confined {
            // Without `userxattr` a user namespace cannot mark directories as opaque.
            attempt(&format!("{options},userxattr")).or_else(|_| attempt(&options))
        } else {
            attempt(&options)
        }
    }

    /// Makes, in the upper directory of `path`, those directories that must have an owner here.
    fn prepare(&self, path: &Path, upper: &Path) -> io::Result<()> {
        let fixed = WRITABLE.iter().map(Path::new).filter(|_| self.foreign);
        let asked = self.spec.writable.iter().map(PathBuf::as_path);
        let executable = self.spec.executable.parent();
        for wanted in fixed.chain(asked).chain(executable) {
            let Ok(relative) = wanted.strip_prefix(path) else { continue };
            let (mut real, mut made) = (path.to_owned(), upper.to_owned());
            for part in relative.components() {
                let Component::Normal(part) = part else {
                    return Err(io::Error::from(io::ErrorKind::InvalidInput));
                };
                real.push(part);
                made.push(part);
                // Stops at a link and at what the machine has not (unless it was asked for).
                match fs::symlink_metadata(&real) {
                    Ok(found) if found.is_dir() => {
                        directory(&made, found.mode() & 0o7777 | 0o700)?;
                        if !self.foreign {
                            chown(&made, Some(found.uid()), Some(found.gid()))?;
                        }
                    }
                    Ok(_) => break,
                    Err(_) if WRITABLE.iter().any(|fixed| wanted == Path::new(fixed)) => break,
                    Err(_) => directory(&made, 0o755)?,
                }
            }
        }
        Ok(())
    }

    fn fresh_directories(&self) -> io::Result<()> {
        let at = |name: &str| self.root.join(name);
        for (name, mode) in [("mnt", 0o755), ("media", 0o755), ("run", 0o755), ("tmp", 0o1777)] {
            directory(&at(name), mode)?;
        }
        for name in ["run/lock", "proc", "sys", "dev"] {
            directory(&at(name), if name == "run/lock" { 0o1777 } else { 0o755 })?;
        }
        if !at("root").exists() {
            directory(&at("root"), 0o700)?;
        }
        let none: Option<&str> = None;
        let safe = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("proc"), &at("proc"), Some("proc"), safe, none)
            .map_err(|errno| context("mount /proc")(errno.into()))?;
        let sys = mount(Some("sysfs"), &at("sys"), Some("sysfs"), safe | MsFlags::MS_RDONLY, none);
        if sys.is_err() {
            tracing::debug!("this node has no /sys");
        }
        self.devices()
    }

    fn devices(&self) -> io::Result<()> {
        let dev = self.root.join("dev");
        let none: Option<&str> = None;
        for name in DEVICES {
            let (from, to) = (Path::new("/dev").join(name), dev.join(name));
            if !from.exists() {
                continue;
            }
            fs::create_dir_all(to.parent().unwrap_or(&dev))?;
            fs::write(&to, "")?;
            mount(Some(&from), &to, none, MsFlags::MS_BIND, none)
                .map_err(|errno| context(format!("bind /dev/{name}"))(errno.into()))?;
        }
        directory(&dev.join("shm"), 0o1777)?;
        directory(&dev.join("pts"), 0o755)?;
        let options = Some("newinstance,ptmxmode=0666,mode=0620");
        let safe = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        if mount(Some("devpts"), &dev.join("pts"), Some("devpts"), safe, options).is_ok() {
            symlink("pts/ptmx", dev.join("ptmx"))?;
        }
        for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
            symlink(format!("/proc/self/fd{target}"), dev.join(name))?;
        }
        Ok(())
    }

    /// The files that say who this node is.
    fn identity(&self, name: &str) -> io::Result<()> {
        let etc = self.root.join("etc");
        let id = Sha256::digest(format!("perjury {name}"));
        let id: String = id[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        for (file, text) in [
            ("hosts", self.spec.hosts.clone()),
            ("hostname", format!("{name}\n")),
            // No name server is reachable; asking one would only cost time.
            ("resolv.conf", "# There is no name server here.\n".to_owned()),
            ("machine-id", format!("{id}\n")),
            ("gai.conf", RESOLVER.to_owned()),
        ] {
            let path = etc.join(file);
            // Often a link into /run, or owned by somebody else.
            let _ = fs::remove_file(&path);
            fs::write(&path, text).map_err(context(format!("write /etc/{file}")))?;
        }
        Ok(())
    }

    /// Shows this program, read-only, where the controller looks for it.
    fn place_executable(&self) -> io::Result<()> {
        let target = join(&self.root, &self.spec.executable);
        fs::create_dir_all(target.parent().unwrap_or(&self.root))?;
        let running = fs::metadata("/proc/self/exe")?;
        let path = fs::read_link("/proc/self/exe")?;
        let same = fs::metadata(&path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (running.dev(), running.ino()));
        if same {
            fs::write(&target, "")?;
            let none: Option<&str> = None;
            mount(Some(&path), &target, none, MsFlags::MS_BIND, none)
                .map_err(|errno| context("bind this program")(errno.into()))?;
            let _ = read_only(&target);
        } else {
            // Rebuilt since it was started: the file of that name is another one.
            fs::copy("/proc/self/exe", &target)?;
            fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
        }
        Ok(())
    }
}

/// Makes a bind mount read-only; whether that worked.
fn read_only(target: &Path) -> bool {
    let none: Option<&str> = None;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    let (nosuid, nodev, noexec) = (MsFlags::MS_NOSUID, MsFlags::MS_NODEV, MsFlags::MS_NOEXEC);
    // In a user namespace, flags that the machine's mount carries have to be kept.
    [MsFlags::empty(), nodev, nosuid | nodev, nosuid | nodev | noexec]
        .into_iter()
        .any(|kept| mount(none, target, none, flags | kept, none).is_ok())
}

/// `base` joined with an absolute path.
fn join(base: &Path, absolute: &Path) -> PathBuf {
    base.join(absolute.strip_prefix("/").unwrap_or(absolute))
}

/// Makes a directory with exactly this mode, or gives an existing one that mode.
fn directory(path: &Path, mode: u32) -> io::Result<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other.map_err(context(path.display()))?,
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn tmpfs(path: &Path, options: &str) -> io::Result<()> {
    let flags = MsFlags::MS_NODEV;
    mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(options))
        .map_err(|errno| context("mount a file system in memory")(errno.into()))
}

/// Copies directories, links and files into a tree, over what is there.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    // A list of what is left to do, as trees may be deep.
    let mut left = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = left.pop() {
        let Ok(found) = fs::symlink_metadata(&from) else { continue };
        if found.is_dir() {
            directory(&to, found.mode() & 0o7777 | 0o700)?;
            for entry in fs::read_dir(&from)? {
                let entry = entry?;
                left.push((entry.path(), to.join(entry.file_name())));
            }
        } else {
            let _ = fs::remove_file(&to);
            if found.is_symlink() {
                symlink(fs::read_link(&from)?, &to)?;
            } else if found.is_file() {
                fs::copy(&from, &to)?;
            }
        }
    }
    Ok(())
}

/// A path as it stands in an overlay's mount options.
fn escape(path: &Path) -> String {
    let mut text = String::new();
    for letter in path.to_string_lossy().chars() {
        if matches!(letter, '\\' | ':' | ',') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// Mount points, from the text of `/proc/self/mountinfo`, of file systems that belong to the
/// machine's file tree: no pseudo file systems, and no containers' roots.
fn submounts(mountinfo: &str) -> BTreeSet<PathBuf> {
    let parse = |line: &str| {
        let (mount, system) = line.split_once(" - ")?;
        let kind = system.split(' ').next()?;
        let point = unescape(mount.split(' ').nth(4)?);
        let fresh = FRESH.iter().any(|name| point.starts_with(Path::new("/").join(name)));
        let container = kind == "overlay" && point != Path::new("/");
        (!PSEUDO.contains(&kind) && !fresh && !container).then_some(point)
    };
    mountinfo.lines().filter_map(parse).take(MOUNTS).collect()
}

/// Undoes the octal escapes of the kernel's tables.
fn unescape(text: &str) -> PathBuf {
    let text = text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n");
    PathBuf::from(text.replace("\\134", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_those_of_the_machine() {
        let table = "\
            22 1 254:0 / / rw - ext4 /dev/vda rw\n\
            23 22 0:20 / /proc rw - proc proc rw\n\
            24 22 254:1 / /var/lib rw shared:3 - xfs /dev/vdb rw\n\
            25 22 254:2 / /home/a\\040b rw - ext4 /dev/vdc rw\n\
            26 22 0:30 / /tmp rw - tmpfs tmpfs rw\n\
            27 24 0:31 / /var/lib/docker/overlay2/1/merged rw - overlay overlay rw\n\
            28 22 0:32 / /etc/cgroups rw - cgroup2 none rw\n";
        let expected = ["/", "/home/a b", "/var/lib"].map(PathBuf::from);
        assert_eq!(submounts(table), BTreeSet::from(expected));
    }

    #[test]
    fn paths_in_mount_options_are_escaped() {
        assert_eq!(escape(Path::new("/a:b,c\\d")), "/a\\:b\\,c\\\\d");
    }
}

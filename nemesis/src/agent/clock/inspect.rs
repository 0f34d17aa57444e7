//! Inspection: from a program's file, whether its clock can be steered, and how.
//!
//! A preloaded library reaches a program that the dynamic linker starts and that asks the C library
//! for the time. Go asks the kernel's page itself; static programs have no linker; and for set-uid
//! programs the linker ignores what it is told to preload.

use crate::wire::clock::{Program, Reach};
use perjury_clock::MARKER;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const SEARCH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// Scripts that are interpreted by scripts.
const DEPTH: usize = 4;
const INTERPRETER: u32 = 3;

/// How the program's clock can be reached; else who cannot be and why, with the remedy.
pub(super) fn reach(program: &Program) -> Result<Reach, String> {
    let name = program.argv.first().ok_or("no program is named")?;
    let mut path = find(name).ok_or_else(|| format!("{name} is not on this node"))?;
    for _ in 0..DEPTH {
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        if let Some(next) = script_interpreter(&bytes) {
            path =
                find(&next).ok_or_else(|| format!("{next}, which {name} needs, is not there"))?;
            continue;
        }
        let mode = fs::metadata(&path).map_or(0, |data| data.mode());
        let facts = Facts::read(&bytes)
            .ok_or_else(|| format!("{} is no 64-bit ELF program", path.display()))?;
        return facts.reach(mode & 0o6000 != 0).map_err(|why| {
            format!(
                "{} {why}, so its clock cannot be set apart from the machine's: test it on virtual \
                 machines (--nodes), where the kernel's clock is set",
                path.display()
            )
        });
    }
    Err(format!("{name} is a script within a script, too deep"))
}

fn find(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Path::new(name).is_file().then(|| PathBuf::from(name));
    }
    SEARCH.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

/// The program that `#!` names; for `env`, the one that it looks for.
fn script_interpreter(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_prefix(b"#!")?;
    let line = rest.split(|&byte| byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    if first.ends_with("/env") {
        return words.find(|word| !word.starts_with('-')).map(str::to_owned);
    }
    Some(first.to_owned())
}

/// What matters of an ELF file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The dynamic linker starts it.
    pub(super) linked: bool,
    pub(super) go: bool,
    pub(super) marked: bool,
}

impl Facts {
    /// `None` for what is no 64-bit program of this machine's byte order.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(b"\x7fELF\x02") {
            return None;
        }
        let mut facts = Self::default();
        let (headers, size, count) = (long(bytes, 32)?, short(bytes, 54)?, short(bytes, 56)?);
        for number in 0..usize::from(count) {
            let at = headers.checked_add(number * usize::from(size))?;
            facts.linked |= word(bytes, at)? == INTERPRETER;
        }
        let (sections, size) = (long(bytes, 40)?, usize::from(short(bytes, 58)?));
        let (count, names) = (short(bytes, 60)?, usize::from(short(bytes, 62)?));
        let names = long(bytes, sections.checked_add(names * size)?.checked_add(24)?).unwrap_or(0);
        for number in 0..usize::from(count) {
            let at = sections.checked_add(number * size)?;
            let from = names.checked_add(word(bytes, at)? as usize)?;
            let name = bytes.get(from..)?.split(|&byte| byte == 0).next()?;
            facts.go |= name == b".go.buildinfo" || name == b".note.go.buildid";
            facts.marked |= name == MARKER.as_bytes();
        }
        Some(facts)
    }

    fn reach(&self, set_uid: bool) -> Result<Reach, &'static str> {
        match self {
            Self { marked: true, .. } => Ok(Reach::BuiltIn),
            Self { go: true, .. } => {
                Err("is a Go program, which asks the kernel for the time itself")
            }
            Self { linked: false, .. } => Err("is a static program, which loads no library"),
            _ if set_uid => Err("is a set-uid program, for which nothing is preloaded"),
            _ => Ok(Reach::Preloaded),
        }
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    field(bytes, at).map(u16::from_ne_bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    field(bytes, at).map(u32::from_ne_bytes)
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    field(bytes, at).map(u64::from_ne_bytes).and_then(|value| usize::try_from(value).ok())
}

/// An ELF file of headers alone, with these sections, and with or without an interpreter.
#[cfg(test)]
pub(super) fn made_up(linked: bool, sections: &[&str]) -> Vec<u8> {
    const HEADER: usize = 64;
    let mut names = Vec::new();
    let mut table = Vec::new();
    for name in sections {
        table.extend((names.len() as u32).to_ne_bytes());
        table.extend([0; 60]);
        names.extend(name.as_bytes());
        names.push(0);
    }
    // The last section holds the names.
    let names_at = (HEADER + 56 + table.len() + 64) as u64;
    table.extend([0; 24]);
    table.extend(names_at.to_ne_bytes());
    table.extend([0; 32]);
    let mut bytes = vec![0; HEADER + 56];
    bytes[..5].copy_from_slice(b"\x7fELF\x02");
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(32, &(HEADER as u64).to_ne_bytes());
    put(40, &((HEADER + 56) as u64).to_ne_bytes());
    put(54, &56_u16.to_ne_bytes());
    put(56, &1_u16.to_ne_bytes());
    put(58, &64_u16.to_ne_bytes());
    put(60, &(sections.len() as u16 + 1).to_ne_bytes());
    put(62, &(sections.len() as u16).to_ne_bytes());
    put(HEADER, &(if linked { INTERPRETER } else { 1 }).to_ne_bytes());
    bytes.extend(table);
    bytes.extend(names);
    bytes
}

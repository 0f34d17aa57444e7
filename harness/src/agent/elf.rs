//! ELF: whether a program needs anything from the node that runs it.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Program header type of the dynamic loader's path (System V ABI, chapter 5).
const PT_INTERP: u32 = 3;
/// No program has more headers.
const MAX_HEADERS: u64 = 1024;

/// Whether the file is an ELF program that names no dynamic loader, and so runs on any node of its
/// architecture, whatever C library is installed there.
pub fn is_static(binary: &Path) -> io::Result<bool> {
    let mut file = std::fs::File::open(binary)?;
    let mut header = [0; 64];
    if file.read_exact(&mut header).is_err() || header[..4] != *b"\x7fELF" {
        return Ok(false);
    }
    let wide = match header[4] {
        1 => false,
        2 => true,
        _ => return Ok(false),
    };
    let little = header[5] == 1;
    // Where the table of program headers is: fields e_phoff, e_phentsize, e_phnum.
    let (table, size, count) = if wide {
        (number(&header[32..40], little), &header[54..56], &header[56..58])
    } else {
        (number(&header[28..32], little), &header[42..44], &header[44..46])
    };
    let (size, count) = (number(size, little), number(count, little).min(MAX_HEADERS));
    for index in 0..count {
        let mut kind = [0; 4];
        file.seek(SeekFrom::Start(table.saturating_add(index * size)))?;
        file.read_exact(&mut kind)?;
        if number(&kind, little) == u64::from(PT_INTERP) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn number(bytes: &[u8], little: bool) -> u64 {
    let digit = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
    if little { bytes.iter().rev().fold(0, digit) } else { bytes.iter().fold(0, digit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_apart() {
        // This test is built as Perjury itself is.
        assert!(is_static(&std::env::current_exe().unwrap()).unwrap());
        assert!(!is_static(&std::fs::canonicalize("/bin/sh").unwrap()).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("script");
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        assert!(!is_static(&script).unwrap());
        assert!(is_static(&dir.path().join("missing")).is_err());
    }
}

//! The tail of a file that grows: each look reads what was added since the one before.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// Bytes read at one look: the rest comes with the next, so that no look takes long.
const LOOK_MAX: u64 = 64 << 20;
/// A longer line is left out.
const LINE_MAX: usize = 64 << 20;

/// How far a file was read.
#[derive(Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    /// Device and number of the file that was read.
    file: Option<(u64, u64)>,
    offset: u64,
    /// The beginning of a line whose end is not there yet.
    begun: Vec<u8>,
    /// The line that is being read is too long.
    skipping: bool,
}

impl Tail {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, offset: 0, begun: Vec::new(), skipping: false }
    }

    /// Gives each whole line that was added to `take`. Returns whether the file is another one
    /// than before, or shorter: then nothing was read, and the next look begins at its start. A
    /// file that is not there, or cannot be read, has no lines.
    pub(crate) fn read_on(&mut self, mut take: impl FnMut(&[u8])) -> bool {
        let is_file = self.path.symlink_metadata().is_ok_and(|data| data.is_file());
        if !is_file {
            return false;
        }
        let Ok(mut file) = File::open(&self.path) else { return false };
        let Ok(data) = file.metadata() else { return false };
        let id = (data.dev(), data.ino());
        let is_other = self.file.is_some_and(|before| before != id) || data.len() < self.offset;
        self.file = Some(id);
        if is_other {
            (self.offset, self.skipping) = (0, false);
            self.begun.clear();
            return true;
        }
        let length = (data.len() - self.offset).min(LOOK_MAX);
        // What cannot be read now is read at the next look.
        let _ = self.read(&mut file, length, &mut take);
        false
    }

    fn read(
        &mut self,
        file: &mut File,
        mut left: u64,
        take: &mut impl FnMut(&[u8]),
    ) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.offset))?;
        let mut chunk = vec![0; CHUNK];
        while left > 0 {
            let most = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let count = file.read(&mut chunk[..most])?;
            if count == 0 {
                break;
            }
            self.offset += count as u64;
            left -= count as u64;
            self.lines(&chunk[..count], take);
        }
        Ok(())
    }

    fn lines(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.skipping {
                self.skipping = false;
            } else if self.begun.is_empty() {
                take(line);
            } else {
                self.begun.extend_from_slice(line);
                take(&self.begun);
            }
            self.begun.clear();
            bytes = rest;
        }
        if self.skipping {
            return;
        }
        self.begun.extend_from_slice(bytes);
        if self.begun.len() > LINE_MAX {
            self.begun = Vec::new();
            self.skipping = true;
        }
    }
}

//! The steering file, read and written in whole words.

use crate::steer::{
    ASKED, GENERATION_AT, LAST, LAST_WORDS, LOCK, MAGIC, PAGE, PROBE_AT, PROGRAM_AT, STEERING_AT,
    STEERING_WORDS, Steering,
};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

/// How often a reader looks again while the file is being written.
const TRIES: usize = 1000;

/// What a program was told, and what was true. Nanoseconds; of 1970, except for `monotonic_ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    pub monotonic_ns: i64,
    pub raw_ns: i64,
    pub told_ns: i64,
}

impl Sample {
    /// By how much it was off.
    pub fn shift_ns(&self) -> i64 {
        self.told_ns - self.raw_ns
    }
}

/// What a program has noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// How often it asked for the time.
    pub asked: u64,
    /// The last answer, and the generation of the parameters that it followed.
    pub last: Option<(u64, Sample)>,
}

/// An open steering file. Reads and writes go to the same memory that the shim maps.
#[derive(Debug)]
pub struct Page {
    file: File,
}

impl Page {
    /// Makes the file, or opens the one that is there, which goes on as it is.
    pub fn create(path: &Path) -> io::Result<Self> {
        if let Ok(page) = Self::open(path) {
            return Ok(page);
        }
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(path)?;
        // The database may run as another user, and notes what it is told.
        file.set_permissions(Permissions::from_mode(0o666))?;
        file.set_len(PAGE as u64)?;
        let page = Self { file };
        page.write(0, &[MAGIC])?;
        Ok(page)
    }

    /// Opens a file that [`Page::create`] has made.
    pub fn open(path: &Path) -> io::Result<Self> {
        let page = Self { file: OpenOptions::new().read(true).write(true).open(path)? };
        match page.read::<1>(0)? {
            [MAGIC] => Ok(page),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a steering file")),
        }
    }

    /// Puts parameters in force; returns their generation. One writer at a time.
    pub fn steer(&self, steering: Steering) -> io::Result<u64> {
        let [before] = self.read::<1>(GENERATION_AT)?;
        let next = (before | 1).wrapping_add(1);
        self.write(GENERATION_AT, &[before | 1])?;
        self.write(STEERING_AT, &steering.to_words())?;
        self.write(GENERATION_AT, &[next])?;
        Ok(next)
    }

    /// What is in force, with its generation; nothing, when that cannot be read.
    pub fn steering(&self) -> (u64, Steering) {
        for _ in 0..TRIES {
            let Ok([generation]) = self.read::<1>(GENERATION_AT) else { break };
            let Ok(words) = self.read::<STEERING_WORDS>(STEERING_AT) else { break };
            let still = self.read::<1>(GENERATION_AT).is_ok_and(|[now]| now == generation);
            if generation % 2 == 0 && still {
                return (generation, Steering::from_words(words));
            }
            std::thread::yield_now();
        }
        (0, Steering::default())
    }

    /// What was noted by the program.
    pub fn program(&self) -> Note {
        self.note(PROGRAM_AT)
    }

    /// What was noted by the last probe.
    pub fn probe(&self) -> Note {
        self.note(PROBE_AT)
    }

    pub(crate) fn note(&self, at: usize) -> Note {
        let asked = self.read::<1>(at + ASKED).map_or(0, |[asked]| asked);
        let mut note = Note { asked, last: None };
        // The same odd lock all the time belongs to somebody who was killed.
        let (mut held, mut times) = (0, 0);
        for _ in 0..TRIES {
            let Ok([lock]) = self.read::<1>(at + LOCK) else { break };
            let Ok(last) = self.read::<LAST_WORDS>(at + LAST) else { break };
            let still = self.read::<1>(at + LOCK).is_ok_and(|[now]| now == lock);
            if lock % 2 == 0 && still {
                if lock > 0 {
                    let [monotonic, raw, told, generation] = last;
                    let sample = Sample {
                        monotonic_ns: monotonic as i64,
                        raw_ns: raw as i64,
                        told_ns: told as i64,
                    };
                    note.last = Some((generation, sample));
                }
                return note;
            }
            times = if held == lock { times + 1 } else { 1 };
            held = lock;
            std::thread::yield_now();
        }
        if held % 2 == 1 && times == TRIES {
            self.release(at, held);
        }
        note
    }

    /// Whoever was noting what it was told was killed meanwhile. What it left is half a note, so
    /// that is given a generation that never is.
    fn release(&self, at: usize, lock: u64) {
        let generation_at = at + LAST + 8 * (LAST_WORDS - 1);
        let _ = self
            .write(generation_at, &[u64::MAX])
            .and_then(|()| self.write(at + LOCK, &[lock.wrapping_add(1)]));
    }

    pub(crate) fn write_note(&self, at: usize, asked: u64, generation: u64, sample: Sample) {
        let last =
            [sample.monotonic_ns as u64, sample.raw_ns as u64, sample.told_ns as u64, generation];
        // Nobody to tell if it fails: then the agent sees that nothing was asked.
        let _ = self
            .write(at + LOCK, &[asked * 2 + 1])
            .and_then(|()| self.write(at + LAST, &last))
            .and_then(|()| self.write(at + ASKED, &[asked]))
            .and_then(|()| self.write(at + LOCK, &[asked * 2 + 2]));
    }

    fn read<const N: usize>(&self, at: usize) -> io::Result<[u64; N]> {
        let mut words = [0; N];
        let mut bytes = [0; 8 * STEERING_WORDS];
        let bytes = &mut bytes[..8 * N];
        self.file.read_exact_at(bytes, at as u64)?;
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        Ok(words)
    }

    fn write(&self, at: usize, words: &[u64]) -> io::Result<()> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        self.file.write_all_at(&bytes, at as u64)
    }
}

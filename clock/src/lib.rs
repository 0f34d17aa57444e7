//! A wall clock that Perjury's agent steers while a program runs, without touching the machine's.
//!
//! A program that asks [`Clock`] for the time can be told a wrong one: where the environment names
//! a steering file ([`VARIABLE`]), its parameters decide. Otherwise it is the machine's clock.
//! Programs of others are reached by [`SHIM`], a library to preload that does the same.

mod page;
pub mod steer;

pub use page::{Note, Page, Sample};

use nix::time::{ClockId, clock_gettime};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The environment variable that holds the steering file's path.
pub const VARIABLE: &str = "PERJURY_CLOCK";
/// Set in the environment of the agent's own probes, which note what they are told elsewhere.
pub const PROBE_VARIABLE: &str = "PERJURY_CLOCK_PROBE";
/// The section of a program's file that says that it has this clock built in.
pub const MARKER: &str = ".note.perjury.clock";

/// The library to preload, which steers programs of others in the same way: see `shim/`. Empty
/// where there is none for this kind of processor.
pub const SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/perjury-clock.so"));

/// An ELF note: owner, type 1, one word.
#[expect(unsafe_code, reason = "a name for a section counts as unsafe; nothing is run")]
#[used]
// SAFETY: the section holds notes, and this is a whole one, aligned as notes are.
#[unsafe(link_section = ".note.perjury.clock")]
static NOTE: Words<6> =
    Words([8, 4, 1, u32::from_le_bytes(*b"Perj"), u32::from_le_bytes(*b"ury\0"), 1]);

#[repr(C, align(4))]
struct Words<const N: usize>([u32; N]);

/// The wall clock as this program is told it.
#[derive(Debug)]
pub struct Clock {
    page: Option<Page>,
    asked: Mutex<u64>,
    note_at: usize,
}

impl Clock {
    /// Steered where the environment says so, and the file is there; else the machine's own.
    pub fn from_env() -> Self {
        let page = std::env::var_os(VARIABLE).and_then(|path| Page::open(Path::new(&path)).ok());
        let probe = std::env::var_os(PROBE_VARIABLE).is_some();
        Self::steered_by(page, if probe { steer::PROBE_AT } else { steer::PROGRAM_AT })
    }

    /// Steered by this file.
    ///
    /// # Errors
    /// When it is not there, or no steering file.
    pub fn steered(path: &Path) -> std::io::Result<Self> {
        Ok(Self::steered_by(Some(Page::open(path)?), steer::PROGRAM_AT))
    }

    fn steered_by(page: Option<Page>, note_at: usize) -> Self {
        let asked = page.as_ref().map_or(0, |page| page.note(note_at).asked);
        Self { page, asked: Mutex::new(asked), note_at }
    }

    /// Time since 1970, as told.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.sample().told_ns).unwrap_or(0))
    }

    /// The same with the truth beside it. The program's own use of the clock is noted in the file.
    pub fn sample(&self) -> Sample {
        // Held across both, so that notes are in the order of what was told.
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let (monotonic_ns, raw_ns) = true_time();
        let Some(page) = &self.page else {
            return Sample { monotonic_ns, raw_ns, told_ns: raw_ns };
        };
        let (generation, steering) = page.steering();
        let told_ns = steering.told(monotonic_ns, raw_ns);
        let sample = Sample { monotonic_ns, raw_ns, told_ns };
        *asked += 1;
        page.write_note(self.note_at, *asked, generation, sample);
        sample
    }
}

/// The monotonic clock and the machine's wall clock, in nanoseconds.
pub fn true_time() -> (i64, i64) {
    let read = |id| clock_gettime(id).map_or(0, |at| at.tv_sec() * 1_000_000_000 + at.tv_nsec());
    (read(ClockId::CLOCK_MONOTONIC), read(ClockId::CLOCK_REALTIME))
}

#[cfg(test)]
mod tests;

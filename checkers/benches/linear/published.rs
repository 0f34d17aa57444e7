//! Published histories, from the file to the verdict, as `perjury check` does it.

use std::path::{Path, PathBuf};

use perjury_checkers::history::read_with_hints;
use perjury_checkers::workload::{CheckOptions, checkers_for_workload};
use perjury_checkers::{Budget, Verdict};

use crate::measure::{Measured, resident, timed};

/// The folder named by `PERJURY_HISTORIES`, by default beside the checkout.
fn folder() -> PathBuf {
    std::env::var_os("PERJURY_HISTORIES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/histories")),
        PathBuf::from,
    )
}

/// What to say if a file or folder in there does not exist.
pub fn missing(name: &str) -> Option<String> {
    let path = folder().join(name);
    let why = || format!("no {}; set PERJURY_HISTORIES", path.display());
    (!path.exists()).then(why)
}

/// Judges a file, or all files of a folder one after another. Reading them counts.
pub fn published(name: &str, workload: &str) -> Measured {
    let path = folder().join(name);
    let mut files = vec![path.clone()];
    if path.is_dir() {
        let entries = std::fs::read_dir(&path).expect("a folder");
        files = entries.map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
    }
    let before = resident();
    let mut operations = 0;
    let mut verdicts: [(Verdict, usize); 3] =
        [Verdict::Valid, Verdict::Invalid, Verdict::Unknown].map(|verdict| (verdict, 0));
    let ((), took) = timed(|| {
        for file in &files {
            let (count, verdict) = judge(file, workload);
            operations += count;
            for (_, times) in verdicts.iter_mut().filter(|(other, _)| *other == verdict) {
                *times += 1;
            }
        }
    });
    let told: Vec<String> = verdicts
        .iter()
        .filter(|(_, times)| *times > 0)
        .map(|(verdict, times)| match files.len() {
            1 => format!("{verdict:?}"),
            _ => format!("{times} {verdict:?}"),
        })
        .collect();
    Measured { operations, took, before, verdict: told.join(", ") }
}

/// How many operations, and the verdict.
fn judge(file: &Path, workload: &str) -> (usize, Verdict) {
    let bytes = std::fs::read(file).expect("a readable file");
    let reading = read_with_hints(&bytes, &file.to_string_lossy()).expect("a readable history");
    let options = CheckOptions::default().with_hints(&reading.hints);
    let checkers = checkers_for_workload(workload, &options, &reading.history).expect("a checker");
    let finding = checkers[0].check(&reading.history, &Budget::default());
    (reading.history.operations().len(), finding.verdict)
}

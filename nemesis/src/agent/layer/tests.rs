//! Tests of what a power loss takes and what it leaves.

use super::core::ROOT;
use super::*;
use crate::wire::disk::{PowerLoss, Survivors};
use std::ffi::OsStr;
use std::path::PathBuf;

/// Set in the child that is the layer, to its directory and socket.
pub(crate) const ROLE: &str = "PERJURY_TEST_LAYER";

/// Not a test: the program that the agent's `disk.mount` runs in tests.
#[test]
fn the_layer_itself() {
    if let Ok(arguments) = std::env::var(ROLE) {
        let code = main(arguments.split(' ').map(str::to_owned).collect());
        assert_eq!(code, ExitCode::SUCCESS);
    }
}

struct Desk {
    core: Core,
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { core: Core::new(dir.path()).unwrap(), dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn read(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }

    fn create(&mut self, name: &str) -> (u64, File) {
        let (found, file) = self.core.create(ROOT, OsStr::new(name), 0o600, true).unwrap();
        (found.number, file)
    }

    /// With this content, synced in every respect.
    fn durable(&mut self, name: &str, text: &str) -> (u64, File) {
        let (number, file) = self.create(name);
        self.core.write(number, &file, 0, text.as_bytes()).unwrap();
        self.core.sync_file(number).unwrap();
        (number, file)
    }

    fn rename(&mut self, from: &str, to: &str) {
        self.core.rename((ROOT, OsStr::new(from)), (ROOT, OsStr::new(to)), false).unwrap();
    }

    fn lose(&mut self, survivors: Survivors, torn: bool, seed: u64) {
        self.core.lose_power(&PowerLoss { survivors, torn, seed });
        assert_eq!(self.core.counts().errors, 0);
        assert_eq!(self.core.counts().unsynced_writes + self.core.counts().unsynced_names, 0);
    }

    fn lose_all(&mut self) {
        self.lose(Survivors::None, false, 1);
    }
}

#[test]
fn a_write_that_is_not_synced_is_gone_and_a_synced_one_is_kept() {
    let mut desk = Desk::new();
    let (number, file) = desk.durable("log", "one");
    desk.core.write(number, &file, 3, b" two").unwrap();
    desk.core.write(number, &file, 0, b"ONE").unwrap();
    assert_eq!(desk.read("log").unwrap(), "ONE two", "it is there as long as the power is");
    assert_eq!(desk.core.counts().unsynced_bytes, 7);
    desk.lose_all();
    assert_eq!(desk.read("log").unwrap(), "one");
    let counts = desk.core.counts();
    assert_eq!((counts.lost_writes, counts.lost_bytes, counts.power_losses), (2, 7, 1));
}

#[test]
fn writes_beyond_the_end_leave_no_hole_behind() {
    let mut desk = Desk::new();
    let (number, file) = desk.durable("log", "abc");
    desk.core.write(number, &file, 10_000, b"far").unwrap();
    desk.core.write(number, &file, 1, b"near").unwrap();
    desk.lose_all();
    assert_eq!(desk.read("log").unwrap(), "abc");
}

#[test]
fn a_file_that_nobody_synced_was_never_there() {
    let mut desk = Desk::new();
    let (number, file) = desk.create("new");
    desk.core.write(number, &file, 0, b"text").unwrap();
    desk.lose_all();
    assert_eq!(desk.read("new"), None);
}

#[test]
fn a_synced_directory_keeps_names_and_not_content() {
    let mut desk = Desk::new();
    let (number, file) = desk.create("new");
    desk.core.write(number, &file, 0, b"text").unwrap();
    desk.core.sync_directory(ROOT).unwrap();
    desk.lose_all();
    assert_eq!(desk.read("new").unwrap(), "", "the name without what was in it");
}

#[test]
fn truncation_is_undone_with_what_was_cut_off() {
    let mut desk = Desk::new();
    let (number, file) = desk.durable("log", "abcdef");
    desk.core.resize(number, &file, 2).unwrap();
    desk.core.write(number, &file, 2, b"XY").unwrap();
    assert_eq!(desk.read("log").unwrap(), "abXY");
    desk.lose_all();
    assert_eq!(desk.read("log").unwrap(), "abcdef");
    desk.core.resize(number, &file, 9).unwrap();
    desk.lose_all();
    assert_eq!(desk.read("log").unwrap(), "abcdef");
}

#[test]
fn a_rename_lasts_once_its_directory_is_synced() {
    let mut desk = Desk::new();
    desk.durable("snapshot", "old");
    desk.durable("snapshot.tmp", "new");
    desk.rename("snapshot.tmp", "snapshot");
    assert_eq!(desk.read("snapshot").unwrap(), "new");
    desk.lose_all();
    assert_eq!(desk.read("snapshot").unwrap(), "old");
    assert_eq!(desk.read("snapshot.tmp").unwrap(), "new");
    desk.rename("snapshot.tmp", "snapshot");
    desk.core.sync_directory(ROOT).unwrap();
    desk.lose_all();
    assert_eq!(desk.read("snapshot").unwrap(), "new");
    assert_eq!(desk.read("snapshot.tmp"), None);
}

#[test]
fn a_rename_before_its_content_is_synced_leaves_an_empty_file() {
    let mut desk = Desk::new();
    desk.durable("config", "old");
    let (number, file) = desk.create("config.tmp");
    desk.core.write(number, &file, 0, b"new").unwrap();
    desk.rename("config.tmp", "config");
    desk.core.sync_directory(ROOT).unwrap();
    desk.lose_all();
    assert_eq!(desk.read("config").unwrap(), "");
}

#[test]
fn what_was_removed_comes_back_with_whole_directories() {
    let mut desk = Desk::new();
    desk.durable("old", "text");
    let folder = desk.core.mkdir(ROOT, OsStr::new("folder"), 0o700).unwrap().number;
    let (inner, _) = desk.core.create(folder, OsStr::new("inner"), 0o600, true).unwrap();
    desk.core.sync_file(inner.number).unwrap();
    desk.core.remove(ROOT, OsStr::new("old"), false).unwrap();
    let full = desk.core.remove(ROOT, OsStr::new("folder"), true);
    assert_eq!(full.unwrap_err(), nix::errno::Errno::ENOTEMPTY);
    desk.core.remove(folder, OsStr::new("inner"), false).unwrap();
    desk.core.remove(ROOT, OsStr::new("folder"), true).unwrap();
    assert!(!desk.path("folder").exists());
    desk.lose_all();
    assert_eq!(desk.read("old").unwrap(), "text");
    assert!(desk.path("folder").is_dir());
}

#[test]
fn the_bin_is_shown_to_nobody_and_emptied() {
    let mut desk = Desk::new();
    desk.durable("old", "text");
    desk.core.remove(ROOT, OsStr::new("old"), false).unwrap();
    assert!(desk.core.list(ROOT).unwrap().is_empty());
    assert!(desk.core.lookup(ROOT, OsStr::new(BIN)).is_err());
    assert_eq!(std::fs::read_dir(desk.path(BIN)).unwrap().count(), 1);
    desk.core.sync_directory(ROOT).unwrap();
    assert_eq!(std::fs::read_dir(desk.path(BIN)).unwrap().count(), 0);
}

#[test]
fn survivors_in_order_are_the_first_few_and_the_seed_decides() {
    let outcome = |seed| {
        let mut desk = Desk::new();
        let (number, file) = desk.durable("log", "");
        for (index, letter) in [b"a", b"b", b"c", b"d"].into_iter().enumerate() {
            desk.core.write(number, &file, index as u64, letter).unwrap();
        }
        desk.lose(Survivors::Prefix, false, seed);
        desk.read("log").unwrap()
    };
    let seen: std::collections::BTreeSet<String> = (0..60).map(outcome).collect();
    assert_eq!(Vec::from_iter(seen), ["", "a", "ab", "abc", "abcd"]);
    assert_eq!(outcome(7), outcome(7));
}

#[test]
fn any_writes_survive_when_order_is_not_kept() {
    let outcome = |seed| {
        let mut desk = Desk::new();
        let (number, file) = desk.durable("log", "..");
        desk.core.write(number, &file, 0, b"a").unwrap();
        desk.core.write(number, &file, 1, b"b").unwrap();
        desk.lose(Survivors::Subset, false, seed);
        desk.read("log").unwrap()
    };
    let seen: std::collections::BTreeSet<String> = (0..60).map(outcome).collect();
    assert_eq!(Vec::from_iter(seen), ["..", ".b", "a.", "ab"]);
}

#[test]
fn torn_writes_end_between_sectors() {
    let mut torn = 0;
    for seed in 0..40 {
        let mut desk = Desk::new();
        let (number, file) = desk.durable("log", &"o".repeat(100));
        desk.core.write(number, &file, 100, "n".repeat(2000).as_bytes()).unwrap();
        desk.lose(Survivors::None, true, seed);
        let length = desk.read("log").unwrap().len();
        if length != 100 {
            assert_eq!(length % 512, 0, "{length}");
            assert!((512..2100).contains(&length));
            torn += desk.core.counts().torn_writes;
        }
    }
    assert!(torn > 5, "{torn}");
}

#[test]
fn when_order_is_kept_only_the_first_that_is_lost_can_be_there_in_part() {
    for survivors in [Survivors::None, Survivors::Prefix] {
        for seed in 0..40 {
            let mut desk = Desk::new();
            let (number, file) = desk.durable("log", "");
            for index in 0..4 {
                let text = char::from(b'a' + index).to_string().repeat(1500);
                desk.core.write(number, &file, u64::from(index) * 1500, text.as_bytes()).unwrap();
            }
            desk.lose(survivors, true, seed);
            assert!(!desk.read("log").unwrap().contains('\0'), "a hole");
        }
    }
}

#[test]
fn what_is_retired_holds_nothing_back() {
    let mut desk = Desk::new();
    let (number, file) = desk.create("log");
    desk.core.write(number, &file, 0, b"one").unwrap();
    let below = OwnedFd::from(File::open(desk.dir.path()).unwrap());
    desk.core.retire(&below);
    desk.core.write(number, &file, 3, b"two").unwrap();
    desk.core.remove(ROOT, OsStr::new("log"), false).unwrap();
    assert!(!desk.path(BIN).exists());
    desk.lose_all();
    assert_eq!(desk.core.counts().lost_writes, 0);
    assert_eq!(desk.read("log"), None);
}

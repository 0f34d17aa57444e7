//! Tests of the clock that programs carry, and of the arithmetic.

use super::*;
use crate::steer::{FROZEN, LINEAR, SMEAR, STROBE, Steering};

const MS: i64 = 1_000_000;
const SECOND: i64 = 1000 * MS;

#[test]
fn each_way_of_being_wrong_is_as_described() {
    let (since_ns, raw) = (77 * SECOND, 1_000_000 * SECOND);
    let shift = |steering: Steering, ms: i64| {
        let steering = Steering { since_ns, ..steering };
        steering.told(since_ns + ms * MS, raw) - raw
    };
    let none = Steering::default();
    assert_eq!(shift(none, 5), 0);
    let jump = Steering { mode: LINEAR, offset_ns: -3 * SECOND, ..none };
    assert_eq!([shift(jump, 0), shift(jump, 60_000)], [-3 * SECOND; 2]);
    let drift = Steering { mode: LINEAR, rate_ppb: 200_000, ..none };
    // 17.28 seconds a day.
    assert_eq!(shift(drift, 86_400_000), 17_280 * MS);
    let double = Steering { mode: LINEAR, rate_ppb: 1_000_000_000, ..none };
    assert_eq!(shift(double, 1234), 1234 * MS);
    let strobe = Steering { mode: STROBE, offset_ns: 9 * MS, period_ns: 10 * MS, ..none };
    assert_eq!([0, 9, 10, 19, 20].map(|at| shift(strobe, at)), [9 * MS, 9 * MS, 0, 0, 9 * MS]);
    let smear = Steering { mode: SMEAR, rate_ppb: -100_000_000, period_ns: 10 * SECOND, ..none };
    assert_eq!(
        [0, 5_000, 10_000, 90_000].map(|at| shift(smear, at)),
        [0, -500 * MS, -SECOND, -SECOND]
    );
    let frozen = Steering { mode: FROZEN, frozen_ns: 42, ..none };
    assert_eq!(frozen.told(5, raw), 42);
    assert_eq!(Steering::from_words(smear.to_words()), smear);
}

#[test]
fn a_clock_is_steered_while_it_runs_and_notes_what_it_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clock");
    let page = Page::create(&path).unwrap();
    let clock = Clock::steered_by(Some(Page::open(&path).unwrap()), steer::PROGRAM_AT);
    assert_eq!(page.program().last, None);
    assert_eq!(clock.sample().shift_ns(), 0);
    let steering = Steering { mode: LINEAR, offset_ns: -5 * SECOND, ..Steering::default() };
    let generation = page.steer(steering).unwrap();
    let sample = clock.sample();
    assert_eq!(sample.shift_ns(), -5 * SECOND);
    assert_eq!(page.program(), Note { asked: 2, last: Some((generation, sample)) });
    assert_eq!(page.probe(), Note { asked: 0, last: None });
    assert_eq!(Page::create(&path).unwrap().steering(), (generation, steering));
    page.steer(Steering::default()).unwrap();
    assert_eq!(clock.sample().shift_ns(), 0);
}

#[test]
fn a_note_whose_writer_was_killed_is_given_up_and_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page");
    let page = Page::create(&path).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let word = |at: usize, word: u64| {
        std::os::unix::fs::FileExt::write_all_at(&file, &word.to_ne_bytes(), at as u64).unwrap();
    };
    // As the preloaded library leaves it when its process is killed between two words.
    word(steer::PROGRAM_AT + steer::LAST, 1);
    word(steer::PROGRAM_AT + steer::LOCK, 7);
    assert_eq!(page.program().last, None);
    // Free again, for whoever is told the time next; what was left belongs to no parameters.
    let (generation, _) = page.program().last.unwrap();
    assert_eq!(generation, u64::MAX);
}

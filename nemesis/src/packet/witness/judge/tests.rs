//! Judgement at its bounds.

use super::*;
use crate::wire::Heard;

const STYLE: Style = Style { count: 600, gap_us: 1000, size: 64, timeout_ms: 500, tcp: false };

fn view(least_ms: u64, mean_ms: u64, distinct: u32, counted: LinkCount) -> View {
    let measured = Measured {
        sent: 600,
        answered: distinct,
        least_us: least_ms * 1000,
        median_us: mean_ms * 1000,
        mean_us: mean_ms * 1000,
        most_us: mean_ms * 2000,
        ..Measured::default()
    };
    View { measured, heard: Heard { distinct, ..Heard::default() }, counted: Some(counted) }
}

fn plain_policy() -> LinkPolicy {
    LinkPolicy::default()
}

#[test]
fn a_delay_is_believed_when_no_packet_was_earlier() {
    let before = Measured { median_us: 1000, ..Measured::default() };
    let counted = LinkCount { delayed: 600, ..LinkCount::default() };
    let asked = LinkPolicy { delay_ms: 40.0, ..plain_policy() };
    let judge = |back: &LinkPolicy, view: &View| shaped(&asked, back, &before, view, &STYLE);
    assert!(judge(&plain_policy(), &view(40, 42, 600, counted)).is_ok());
    assert!(judge(&plain_policy(), &view(39, 42, 600, counted)).is_err());
    assert!(judge(&asked, &view(80, 82, 600, counted)).is_ok());
    assert!(judge(&asked, &view(41, 43, 600, counted)).is_err(), "only one way is slow");
    let uncounted = LinkCount::default();
    assert!(judge(&plain_policy(), &view(40, 42, 600, uncounted)).is_err());
}

#[test]
fn a_share_is_believed_within_chance() {
    let asked = LinkPolicy { loss_percent: 10.0, ..plain_policy() };
    let judge = |missing: u32, lost: u64| {
        let counted = LinkCount { lost, ..LinkCount::default() };
        let view = view(1, 1, 600 - missing, counted);
        shaped(&asked, &plain_policy(), &Measured::default(), &view, &STYLE)
    };
    assert!(judge(60, 60).is_ok() && judge(40, 40).is_ok());
    assert!(judge(10, 10).unwrap_err().contains("noticed 10"));
    assert!(judge(60, 3).unwrap_err().contains("only 3 were counted"));
    assert!(least(600, 5.0, 4.0) >= 1 && least(600, 100.0, 1.0) == 600);
}

#[test]
fn a_healed_link_is_as_before() {
    let before = Measured { median_us: 1000, ..Measured::default() };
    let none = LinkCount::default();
    assert!(plain(Some(&before), &view(1, 2, 600, none)).is_ok());
    assert!(plain(Some(&before), &view(1, 30, 600, none)).unwrap_err().contains("still takes 30"));
    assert!(plain(None, &view(1, 2, 500, none)).unwrap_err().contains("500 of 600"));
}

//! Judgement: whether what was measured on a link is what its policy asks for. Pure.

use super::{Style, View};
use crate::wire::Measured;
use perjury_harness::cluster::{Distribution, LinkCount, LinkPolicy};

/// Standard deviations that chance exceeds once in some ten thousand measurements.
const SIGMAS: f64 = 4.0;
/// By how much a round trip may be longer than before and still be as before, in microseconds:
/// what a busy machine adds.
const BUSY_US: u64 = 10_000;

/// What was counted between two looks.
pub(super) fn since(now: LinkCount, then: LinkCount) -> LinkCount {
    LinkCount {
        delivered: now.delivered - then.delivered,
        dropped: now.dropped - then.dropped,
        lost: now.lost - then.lost,
        duplicated: now.duplicated - then.duplicated,
        reordered: now.reordered - then.reordered,
        corrupted: now.corrupted - then.corrupted,
        delayed: now.delayed - then.delayed,
        reset: now.reset - then.reset,
        overflowed: now.overflowed - then.overflowed,
    }
}

/// The least number of `sent` packets that `percent` of them, in runs of `burst`, may come to.
fn least(sent: u32, percent: f64, burst: f64) -> u64 {
    let (n, p) = (f64::from(sent), percent / 100.0);
    let expected = n * p;
    let deviation = (expected * (1.0 - p) * (2.0 * burst.max(1.0) - 1.0)).sqrt();
    (expected - SIGMAS * deviation).max(1.0) as u64
}

/// Whether the link from the measuring node, with `back` on its way back, does what it should.
pub(super) fn shaped(
    policy: &LinkPolicy,
    back: &LinkPolicy,
    before: &Measured,
    view: &View,
    style: &Style,
) -> Result<(), String> {
    delay(policy, back, before, view)?;
    let (sent, heard) = (view.measured.sent, &view.heard);
    let counts = view.counted;
    let missing = u64::from(sent.saturating_sub(heard.distinct));
    let corrupted = if policy.corrupt_silently { heard.damaged } else { heard.checksum_errors };
    let seen = [
        ("lost", policy.loss_percent, missing, counts.map(|count| count.lost)),
        (
            "doubled",
            policy.duplicate_percent,
            u64::from(heard.duplicates),
            counts.map(|count| count.duplicated),
        ),
        ("damaged", policy.corrupt_percent, corrupted, counts.map(|count| count.corrupted)),
    ];
    for (what, percent, seen, counted) in seen.into_iter().filter(|(_, percent, ..)| *percent > 0.0)
    {
        let burst = if what == "lost" { policy.loss_burst } else { 1.0 };
        // Those that are lost are neither doubled nor damaged.
        let there = if what == "lost" { 1.0 } else { 1.0 - policy.loss_percent / 100.0 };
        let least = least(sent, percent * there, burst);
        let asked = format!("{percent} % of {sent} packets should be {what}");
        if seen < least {
            return Err(format!("{asked}, and the receiver noticed {seen}"));
        }
        if let Some(counted) = counted.filter(|&counted| counted < least) {
            return Err(format!("{asked}, and only {counted} were counted where it is done"));
        }
    }
    if policy.reorder_percent > 0.0 {
        // One that is held back while the next is lost or held back too overtakes nobody.
        let least = (least(sent, policy.reorder_percent / 2.0, 1.0) / 2).max(1);
        let counted = counts.map_or(least, |count| count.reordered);
        if u64::from(heard.overtaken) < least || counted < least {
            return Err(format!(
                "{} % of {sent} packets should be overtaken, and {} were ({counted} counted)",
                policy.reorder_percent, heard.overtaken
            ));
        }
    }
    let unnoticed = style.tcp && view.measured.resets == 0;
    if policy.reset_percent > 0.0 && (unnoticed || counts.is_some_and(|count| count.reset == 0)) {
        return Err(format!(
            "{} % of segments should reset their connection, and none did",
            policy.reset_percent
        ));
    }
    rate(policy, view, style)
}

/// The round trip is longer by what both ways ask for.
fn delay(
    policy: &LinkPolicy,
    back: &LinkPolicy,
    before: &Measured,
    view: &View,
) -> Result<(), String> {
    let asked_ms = policy.mean_delay_ms() + back.mean_delay_ms();
    if policy.mean_delay_ms() <= 0.0 {
        return Ok(());
    }
    let ms = |us: u64| us as f64 / 1000.0;
    if view.measured.answered == 0 {
        return Err("no packet came back, so its delay is unknown".to_owned());
    }
    let least: f64 = [policy, back]
        .iter()
        .map(|policy| match policy.distribution {
            Distribution::Constant | Distribution::Pareto => policy.delay_ms,
            Distribution::Uniform => policy.delay_ms - policy.jitter_ms,
            Distribution::Normal => policy.delay_ms - 5.0 * policy.jitter_ms,
        })
        .sum();
    let longer = ms(view.measured.mean_us) - ms(before.median_us);
    if ms(view.measured.least_us) < least || longer < 0.75 * asked_ms - 1.0 {
        return Err(format!(
            "round trips should take {asked_ms} ms more, and took {:.1} ms (least {:.1} ms) after \
             {:.1} ms before",
            ms(view.measured.mean_us),
            ms(view.measured.least_us),
            ms(before.median_us)
        ));
    }
    if view.counted.is_some_and(|count| count.delayed == 0) {
        return Err("packets took longer, but none was counted where that is done".to_owned());
    }
    Ok(())
}

/// No more gets through than the rate, what its bucket holds, and what may wait.
fn rate(policy: &LinkPolicy, view: &View, style: &Style) -> Result<(), String> {
    if policy.rate_kbit <= 0.0 {
        return Ok(());
    }
    let bits = f64::from(view.heard.distinct) * (style.size + 42) as f64 * 8.0;
    let offered_ms = style.gap_us as f64 / 1000.0 * f64::from(view.measured.sent);
    let room = policy.rate_kbit * (offered_ms * 1.5 + policy.queue_limit_ms()) + 100_000.0;
    let held = view.counted.is_none_or(|count| count.overflowed + count.delayed > 0);
    if bits > room || !held {
        return Err(format!(
            "{} kbit/s were asked for, and {:.0} kbit got through in {offered_ms:.0} ms",
            policy.rate_kbit,
            bits / 1000.0
        ));
    }
    Ok(())
}

/// Whether a link is as it was before it was shaped, or else as any that is not.
pub(super) fn plain(before: Option<&Measured>, view: &View) -> Result<(), String> {
    let View { measured, heard, .. } = view;
    if measured.answered < measured.sent - measured.sent / 50 {
        return Err(format!("{} of {} packets had an answer", measured.answered, measured.sent));
    }
    let odd = u64::from(heard.duplicates) + heard.damaged + heard.checksum_errors;
    if odd > 0 {
        return Err(format!("{odd} packets were still doubled or damaged"));
    }
    let usual = before.map_or(0, |before| before.median_us);
    if measured.median_us > usual + BUSY_US {
        return Err(format!("a round trip still takes {} ms", measured.median_us / 1000));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

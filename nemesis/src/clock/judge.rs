//! Judges whether a clock is wrong as asked, from what its witnesses were told.

use crate::wire::clock::{ClockStatus, Reach, Skew};
use perjury_clock::Sample;
use serde_json::{Value, json};

/// How far a clock may be from where it should be.
const NEAR_NS: i64 = 5_000_000;
const MS: i64 = 1_000_000;
/// How to look at a clock that should be right.
pub(super) const WATCH_TRUE: (u32, u64) = (2, 20);
/// How far a measured rate may be off, for the file's exact arithmetic: one in fifty, and this.
const RATE_SLACK_PPM: f64 = 2.0;

/// How many samples, and how far apart, show this.
pub(super) fn watch(skew: Skew) -> (u32, u64) {
    match skew {
        Skew::Jump { .. } => (2, 20),
        Skew::Drift { .. } | Skew::Freeze {} | Skew::Smear { .. } => (3, 150),
        // Not in step with it, and for longer than both halves: each shows.
        Skew::Strobe { period_ms, .. } => (9, (period_ms * 37 / 100).clamp(1, 400)),
    }
}

/// Whether the clock is wrong as asked, in the database and in a probe beside it.
///
/// # Errors
/// What was seen instead.
pub(super) fn skewed(
    skew: Skew,
    before: &ClockStatus,
    after: &ClockStatus,
) -> Result<Value, String> {
    attached(after)?;
    as_asked(skew, &after.probes, after.reach)?;
    if let Some(told) = &after.told {
        alone(skew, told).map_err(|problem| format!("the database was told: {problem}"))?;
    }
    Ok(evidence(Some(before), after))
}

/// Whether the clock is right.
pub(super) fn is_true(before: Option<&ClockStatus>, after: &ClockStatus) -> Result<Value, String> {
    let all = after.probes.iter().chain(&after.told);
    for sample in all {
        if sample.shift_ns().abs() > NEAR_NS {
            return Err(format!("still off by {} ms", ms(sample.shift_ns())));
        }
    }
    if after.probes.is_empty() {
        return Err("nobody was told the time".to_owned());
    }
    Ok(evidence(before, after))
}

/// Whether the database has the clock at all.
fn attached(after: &ClockStatus) -> Result<(), String> {
    let lacks = after.reach != Reach::Kernel
        && !after.running.is_empty()
        && after.attached.is_empty()
        && after.told.is_none();
    if lacks {
        return Err(format!("none of its processes {:?} has the clock", after.running));
    }
    Ok(())
}

fn evidence(before: Option<&ClockStatus>, after: &ClockStatus) -> Value {
    let shifts = |status: &ClockStatus| -> Vec<f64> {
        status.probes.iter().map(|sample| ms(sample.shift_ns())).collect()
    };
    let mut evidence = json!({ "by": after.reach, "offset_ms": shifts(after) });
    if let Some(before) = before {
        evidence["offset_ms_before"] = json!(shifts(before));
    }
    if after.reach != Reach::Kernel {
        evidence["database_asked"] = json!(after.asked);
        evidence["database"] = match &after.told {
            Some(told) => json!({ "offset_ms": ms(told.shift_ns()) }),
            None => json!("has not asked for the time since"),
        };
    }
    evidence
}

/// What one answer alone can show.
fn alone(skew: Skew, told: &Sample) -> Result<(), String> {
    let shift = told.shift_ns();
    match skew {
        Skew::Jump { delta_ms } => near(shift, delta_ms * MS),
        Skew::Strobe { delta_ms, .. } => near(shift, 0).or_else(|_| near(shift, delta_ms * MS)),
        Skew::Smear { delta_ms, .. } => {
            let far = delta_ms * MS;
            let between = (far.min(0) - NEAR_NS..=far.max(0) + NEAR_NS).contains(&shift);
            if between { Ok(()) } else { Err(format!("off by {} ms", ms(shift))) }
        }
        Skew::Drift { .. } | Skew::Freeze {} => Ok(()),
    }
}

/// What a series of answers shows.
fn as_asked(skew: Skew, told: &[Sample], reach: Reach) -> Result<(), String> {
    let (Some(first), Some(last)) = (told.first(), told.last()) else {
        return Err("nobody was told the time".to_owned());
    };
    for sample in told {
        alone(skew, sample).map_err(|problem| format!("a probe was told: {problem}"))?;
    }
    let passed = last.monotonic_ns - first.monotonic_ns;
    if told.len() < 2 || passed <= 0 {
        return Err("the probe was not asked twice".to_owned());
    }
    let gained = last.shift_ns() - first.shift_ns();
    match skew {
        Skew::Jump { .. } => near(gained, 0),
        Skew::Strobe { delta_ms, .. } => {
            let shows = |at: i64| told.iter().any(|sample| near(sample.shift_ns(), at).is_ok());
            if shows(0) && shows(delta_ms * MS) {
                return Ok(());
            }
            let seen: Vec<f64> = told.iter().map(|sample| ms(sample.shift_ns())).collect();
            Err(format!("it does not alternate: off by {seen:?} ms"))
        }
        Skew::Freeze {} => {
            let moved = last.told_ns - first.told_ns;
            near(moved, 0).map_err(|_| format!("it went on by {} ms", ms(moved)))
        }
        Skew::Drift { rate_ppm } => rate(rate_ppm as f64, gained, passed, reach),
        Skew::Smear { delta_ms, over_ms } => {
            let wanted = delta_ms as f64 * 1e6 / over_ms as f64;
            let far = |sample: &Sample| near(sample.shift_ns(), delta_ms * MS).is_ok();
            let over = told.iter().all(far);
            rate(wanted, gained, passed, reach).or_else(|problem| over.then_some(()).ok_or(problem))
        }
    }
}

/// Whether it gained `gained` in `passed` as it should.
fn rate(wanted_ppm: f64, gained: i64, passed: i64, reach: Reach) -> Result<(), String> {
    let measured = gained as f64 * 1e6 / passed as f64;
    // Two clocks of the kernel are read one after the other, and the process may wait in between.
    let slack = if reach == Reach::Kernel { 50.0 } else { RATE_SLACK_PPM };
    if (measured - wanted_ppm).abs() <= wanted_ppm.abs() / 50.0 + slack {
        return Ok(());
    }
    Err(format!("it gains {measured:.1} ppm, not {wanted_ppm}"))
}

fn near(is: i64, wanted: i64) -> Result<(), String> {
    if (is - wanted).abs() <= NEAR_NS {
        return Ok(());
    }
    Err(format!("off by {} ms, not {}", ms(is), ms(wanted)))
}

/// Milliseconds, to the microsecond.
fn ms(ns: i64) -> f64 {
    (ns as f64 / 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;

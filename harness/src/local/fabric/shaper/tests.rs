//! Statistics of what shapers decide.

use super::*;

const FRAMES: usize = 20_000;

fn fates(policy: &LinkPolicy, bytes: usize, gap: Duration) -> Vec<(Instant, Fate)> {
    let mut shaper = Shaper::new(policy.clone(), 3);
    let start = Instant::now();
    let times = (0..FRAMES as u32).map(|number| start + gap * number);
    times
        .map(|now| {
            let mut fate = Fate::new(now);
            shaper.decide(bytes, true, &mut fate);
            (now, fate)
        })
        .collect()
}

fn plain() -> LinkPolicy {
    LinkPolicy { seed: 42, ..LinkPolicy::default() }
}

/// Whether `count` of [`FRAMES`] is within three standard deviations of `percent`.
#[track_caller]
fn is_about(count: usize, percent: f64) {
    let (n, p) = (FRAMES as f64, percent / 100.0);
    let off = (count as f64 - n * p).abs();
    assert!(off <= 3.0 * (n * p * (1.0 - p)).sqrt(), "{count} of {n} for {percent} %");
}

fn delays_ms(policy: &LinkPolicy) -> Vec<f64> {
    let fates = fates(policy, 100, Duration::from_millis(1));
    fates.iter().map(|(now, fate)| (fate.at - *now).as_secs_f64() * 1000.0).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn shares_are_as_asked() {
    let policy = LinkPolicy {
        loss_percent: 7.0,
        duplicate_percent: 3.0,
        corrupt_percent: 2.0,
        reorder_percent: 10.0,
        reorder_ms: 5.0,
        ..plain()
    };
    let fates = fates(&policy, 100, Duration::from_millis(1));
    let count = |of: fn(&Fate) -> bool| fates.iter().filter(|(_, fate)| of(fate)).count();
    is_about(count(|fate| fate.lost), 7.0);
    is_about(count(|fate| fate.doubled), 3.0 * 0.93);
    is_about(count(|fate| fate.corrupt.is_some()), 2.0 * 0.93);
    is_about(count(|fate| fate.reordered), 10.0 * 0.93);
    is_about(count(|fate| fate.reset), 0.0);
}

#[test]
fn all_and_nothing_are_exact() {
    for (policy, lost) in [(plain(), 0), (LinkPolicy { loss_percent: 100.0, ..plain() }, FRAMES)] {
        let fates = fates(&policy, 100, Duration::ZERO);
        assert_eq!(fates.iter().filter(|(_, fate)| fate.lost).count(), lost);
    }
    let reset = LinkPolicy { reset_percent: 100.0, ..plain() };
    assert!(fates(&reset, 100, Duration::ZERO).iter().all(|(_, fate)| fate.reset));
}

#[test]
fn losses_come_in_bursts_of_the_length_asked() {
    let policy = LinkPolicy { loss_percent: 20.0, loss_burst: 8.0, ..plain() };
    let lost: Vec<bool> =
        fates(&policy, 100, Duration::ZERO).iter().map(|(_, fate)| fate.lost).collect();
    let total = lost.iter().filter(|lost| **lost).count() as f64;
    let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
    assert!((total / FRAMES as f64 - 0.2).abs() < 0.03, "{total}");
    assert!((total / bursts - 8.0).abs() < 1.0, "{}", total / bursts);
}

#[test]
fn delays_have_the_mean_and_spread_asked() {
    let with =
        |distribution| LinkPolicy { delay_ms: 50.0, jitter_ms: 8.0, distribution, ..plain() };
    assert!(delays_ms(&with(Distribution::Constant)).iter().all(|ms| (ms - 50.0).abs() < 1e-3));
    let uniform = delays_ms(&with(Distribution::Uniform));
    assert!(
        uniform.iter().all(|ms| (42.0..58.0).contains(ms)) && (mean(&uniform) - 50.0).abs() < 0.2
    );
    let normal = delays_ms(&with(Distribution::Normal));
    let squares: Vec<f64> = normal.iter().map(|ms| (ms - 50.0).powi(2)).collect();
    assert!((mean(&normal) - 50.0).abs() < 0.3 && (mean(&squares).sqrt() - 8.0).abs() < 0.3);
    let pareto = delays_ms(&with(Distribution::Pareto));
    assert!(pareto.iter().all(|ms| *ms >= 50.0 - 1e-3) && (mean(&pareto) - 58.0).abs() < 0.8);
    assert!(pareto.iter().any(|ms| *ms > 120.0), "a heavy tail");
}

#[test]
fn a_slow_link_passes_its_rate_and_drops_what_would_wait_too_long() {
    // 1 Mbit/s is 125 frames of 1000 bytes a second; 1000 come.
    let policy = LinkPolicy { rate_kbit: 1000.0, queue_ms: 100.0, ..plain() };
    let fates = fates(&policy, 1000, Duration::from_millis(1));
    let passed: Vec<_> = fates.iter().filter(|(_, fate)| !fate.overflowed).collect();
    let seconds = FRAMES as f64 / 1000.0;
    let expected = 125.0 * seconds + 12.5 + 6.0;
    assert!((passed.len() as f64 - expected).abs() < 4.0, "{} of {expected}", passed.len());
    assert!(passed.iter().all(|(now, fate)| fate.at - *now <= Duration::from_millis(100)));
    assert!(passed.windows(2).all(|pair| pair[0].1.at <= pair[1].1.at), "order is kept");
    let idle = LinkPolicy { rate_kbit: 8000.0, ..plain() };
    assert!(delays_ms(&idle).iter().all(|ms| *ms == 0.0), "no wait below the rate");
}

#[test]
fn the_seed_and_the_link_decide() {
    let policy = LinkPolicy { loss_percent: 50.0, ..plain() };
    let lost = |policy: &LinkPolicy, link| {
        let mut shaper = Shaper::new(policy.clone(), link);
        let now = Instant::now();
        let one = |_| {
            let mut fate = Fate::new(now);
            shaper.decide(100, false, &mut fate);
            fate.lost
        };
        (0..64).map(one).collect::<Vec<bool>>()
    };
    assert_eq!(lost(&policy, 1), lost(&policy, 1));
    assert_ne!(lost(&policy, 1), lost(&policy, 2));
    assert_ne!(lost(&policy, 1), lost(&LinkPolicy { seed: 43, ..policy.clone() }, 1));
}

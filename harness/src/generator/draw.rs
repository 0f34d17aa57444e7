//! Draws from a random stream whose results never change with a library's version.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// A uniform number in `0..bound`; 0 when `bound` is 0.
///
/// Multiplication with rejection (Lemire, "Fast Random Integer Generation in an Interval", 2019,
/// algorithm 5): unbiased, one draw almost always.
pub fn below(rng: &mut ChaCha8Rng, bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    let threshold = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if product as u64 >= threshold {
            return (product >> 64) as u64;
        }
    }
}

/// True with probability `numerator / denominator`.
pub fn chance(rng: &mut ChaCha8Rng, numerator: u64, denominator: u64) -> bool {
    below(rng, denominator) < numerator
}

/// One of `items`, each as likely; `None` when there are none.
pub fn pick<'a, T>(rng: &mut ChaCha8Rng, items: &'a [T]) -> Option<&'a T> {
    items.get(below(rng, items.len() as u64) as usize)
}

/// Puts `items` in a random order, each as likely (Fisher and Yates, as in Knuth, TAOCP 3.4.2,
/// algorithm P).
pub fn shuffle<T>(rng: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last as u64 + 1) as usize);
    }
}

/// A number in (0, 1].
pub(super) fn fraction(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64
}

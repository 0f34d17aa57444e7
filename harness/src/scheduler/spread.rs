//! Spreads: how spans of time are distributed, in memory that does not grow with their number.

/// Each power of two has this many buckets: a quantile is at most a sixteenth too high.
const FINE: usize = 16;
const FINE_BITS: u32 = FINE.ilog2();

/// Counts of spans by length, in nanoseconds. (Buckets as in Tene's HdrHistogram.)
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Empty until the first span.
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Spread {
    /// Adds one.
    pub fn add(&mut self, nanos: u64) {
        if self.buckets.is_empty() {
            self.buckets = vec![0; bucket(u64::MAX) + 1];
        }
        self.buckets[bucket(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// What at least this share of the spans, of 1, did not exceed.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let at = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        at.map_or(0, |at| greatest(at).min(self.max))
    }
}

/// The bucket of a span: the small ones have one each.
fn bucket(nanos: u64) -> usize {
    let power = nanos.max(1).ilog2();
    if power < FINE_BITS {
        return nanos as usize;
    }
    let within = (nanos >> (power - FINE_BITS)) as usize - FINE;
    (power - FINE_BITS + 1) as usize * FINE + within
}

/// The longest span of a bucket.
fn greatest(bucket: usize) -> u64 {
    if bucket < FINE {
        return bucket as u64;
    }
    let shift = (bucket / FINE - 1) as u32;
    let next = (FINE + bucket % FINE) as u128 + 1;
    u64::try_from((next << shift) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_is_in_the_bucket_that_ends_not_before_it() {
        let mut before = 0;
        for power in 0..64 {
            for nanos in [(1_u64 << power) - 1, 1 << power, (1 << power) + (1 << power) / 3] {
                let (at, end) = (bucket(nanos), greatest(bucket(nanos)));
                assert!(at >= before && end >= nanos, "{nanos}: {at} {end}");
                assert!(end - nanos <= nanos / FINE as u64, "{nanos}: {end}");
                before = at;
            }
        }
        assert_eq!(greatest(bucket(u64::MAX)), u64::MAX);
    }

    #[test]
    fn quantiles_are_at_most_a_sixteenth_too_high() {
        let mut spread = Spread::default();
        assert_eq!((spread.quantile(0.5), spread.max()), (0, 0));
        (1..=10_000).for_each(|micros| spread.add(micros * 1000));
        for (share, exact) in [(0.5, 5_000_000), (0.99, 9_900_000), (1.0, 10_000_000)] {
            let found = spread.quantile(share);
            assert!(found >= exact && found <= exact + exact / 16, "{share}: {found}");
        }
        assert_eq!((spread.count(), spread.max()), (10_000, 10_000_000));
    }
}

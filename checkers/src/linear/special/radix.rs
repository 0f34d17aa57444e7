//! Sorting by position in linear time.

const BITS: u32 = 11;
const BUCKETS: usize = 1 << BITS;
/// Below this the tables of a radix sort cost more than they save.
const SMALL: usize = 1024;

/// Sorts pairs by their first number, keeping the order of equal ones (by least significant
/// digit, Knuth, *The art of computer programming*, vol. 3, 5.2.5). Linear.
pub(super) fn sort(items: &mut Vec<(u32, u32)>) {
    if items.len() < SMALL {
        items.sort_by_key(|item| item.0);
        return;
    }
    let most = items.iter().fold(0, |most, item| most.max(item.0));
    let mut other = vec![(0, 0); items.len()];
    let mut shift = 0;
    while shift < 32 && most >> shift != 0 {
        let digit = |item: &(u32, u32)| (item.0 >> shift) as usize % BUCKETS;
        let mut places = [0u32; BUCKETS];
        for item in items.iter() {
            places[digit(item)] += 1;
        }
        let mut sum = 0;
        for place in &mut places {
            sum += std::mem::replace(place, sum);
        }
        for item in items.iter() {
            let place = &mut places[digit(item)];
            other[*place as usize] = *item;
            *place += 1;
        }
        std::mem::swap(items, &mut other);
        shift += BITS;
    }
}

#[cfg(test)]
mod tests {
    use super::sort;
    use crate::testing::Random;

    #[test]
    fn sorts_like_the_library() {
        let mut random = Random(1);
        for (count, limit) in [(0, 1), (10, 100), (5_000, 3), (5_000, 1 << 20), (20_000, 1 << 32)] {
            let mut items: Vec<(u32, u32)> =
                (0..count).map(|number| (random.below(limit) as u32, number)).collect();
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            sort(&mut items);
            assert_eq!(items, expected);
        }
    }
}

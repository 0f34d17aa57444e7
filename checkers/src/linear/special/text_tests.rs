//! Entries of maps: brute force, long histories, and gets of what had been overwritten.

use std::sync::Arc;

use serde_json::json;

use super::evidence::{Long, Narrow, agrees};
use crate::linear::model::{NEVER, Timed};
use crate::linear::synthetic::{Maps, Random};
use crate::linear::*;

/// Mostly pieces that come once. The suited call of the model is a get of what is there.
fn pieces(random: &mut Random) -> KvCall {
    let text = &"abcdefghijkl"[random.below(12) as usize..][..1];
    match random.below(10) {
        0..6 => KvCall::Append(Arc::from(text.as_bytes())),
        6..8 => KvCall::Put(Entry::of(&json!(text))),
        8 => KvCall::Put(Entry::of(&json!(random.below(3)))),
        _ => KvCall::Get(Entry::of(&json!(text))),
    }
}

#[test]
fn texts_agree_with_brute_force() {
    let sample = pieces;
    agrees(&Narrow { model: KvMap::porcupine(), sample }, 1, 150_000).covers(60_000);
    agrees(&Narrow { model: KvMap::default(), sample }, 2, 80_000).covers(30_000);
    agrees(&Narrow { model: KvMap { missing: json!("xy") }, sample }, 3, 80_000).covers(30_000);
    agrees(&Narrow { model: KvMap { missing: json!(7) }, sample }, 4, 80_000).covers(30_000);
    // With repeated pieces it may decide or not, but not be wrong.
    agrees(&KvMap::default(), 5, 60_000);
    agrees(&KvMap::porcupine(), 6, 60_000);
}

/// A get is answered by what an earlier get, of another text, was answered: between the two
/// there was a third one, in real time, of a text that does not begin with the first (or is
/// shorter), so the first had been left and never comes back, as no piece comes twice.
#[test]
fn long_histories_of_texts() {
    let long = Long { count: 3_400, operations: 300, unknown: 50_000 };
    for mix in [[40, 10, 0], [30, 0, 0], [50, 45, 0]] {
        let planted = long.check(
            &KvMap::porcupine(),
            || Maps::new(mix),
            |calls: &mut Vec<Timed<KvCall>>, random| {
                let known = |n: &usize| calls[*n].end != NEVER;
                let gets: Vec<usize> = (0..calls.len())
                    .filter(known)
                    .filter(|n| matches!(calls[*n].call, KvCall::Get(_)))
                    .collect();
                let Some(last) = gets.last().copied() else { return false };
                let first = gets[random.below(gets.len() as u64) as usize];
                let between = gets.iter().copied().find(|n| {
                    calls[*n].start > calls[first].end
                        && calls[*n].end < calls[last].start
                        && calls[*n].call != calls[first].call
                });
                if between.is_none() {
                    return false;
                }
                calls[last].call = calls[first].call.clone();
                true
            },
        );
        assert!(planted > 2_000, "{planted}");
    }
}

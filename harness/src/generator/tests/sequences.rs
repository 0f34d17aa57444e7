//! Leaves, sequences, choices, pace and transformations.

use super::*;

#[test]
fn leaves() {
    assert!(play(nothing(), 0).is_empty());
    assert_eq!(words(&play(op(Op::new("a", json!(7))), 0)), ["a 7"]);
    assert_eq!(words(&play(ops("a", 3), 0)), ["a 0", "a 1", "a 2"]);
    assert_eq!(words(&play(repeat(Op::new("a", json!(1))).limit(2), 0)), ["a 1", "a 1"]);
    assert_eq!(words(&play(count("a").once(), 0)), ["a 0"]);
}

#[test]
fn operations_go_to_free_workers_and_wait_for_them() {
    let calls = begun(&play(ops("a", 6), 10 * MS));
    let mut first: Vec<_> = calls[..3].iter().map(|(_, process, ..)| *process).collect();
    first.sort();
    assert_eq!(first, [0, 1, 2].map(Process::Client));
    assert_eq!(calls.iter().map(|call| call.0).collect::<Vec<_>>(), [0, 0, 0, 10, 10, 10]);
}

#[test]
fn concat_goes_on_at_once_and_phases_wait_for_everyone() {
    let parts = || vec![ops("a", 2), ops("b", 2)];
    let at_once = play(concat(parts()), 10 * MS);
    assert_eq!(words(&at_once), ["a 0", "a 1", "b 0", "b 1"]);
    assert_eq!(times(&at_once), [0, 0, 0, 10]);
    assert_eq!(times(&play(phases(parts()), 10 * MS)), [0, 0, 10, 10]);
    assert_eq!(times(&play(ops("a", 1).then(ops("b", 1)), 10 * MS)), [0, 10]);
    assert_eq!(times(&play(concat(vec![ops("a", 1), synchronize(ops("b", 1))]), MS)), [0, 1]);
}

#[test]
fn phases_wait_for_the_nemesis_too() {
    let generator = phases(vec![on_nemesis(ops("kill", 1)), on_clients(ops("read", 1))]);
    assert_eq!(times(&play(generator, 10 * MS)), [0, 10]);
}

#[test]
fn cycles_begin_again_from_the_beginning() {
    let all = ["a 0", "a 1", "a 0", "a 1", "a 0"];
    assert_eq!(words(&play(ops("a", 2).cycle().limit(5), 0)), all);
    assert_eq!(words(&play(ops("a", 2).rounds(2), 0)), all[..4]);
    assert!(play(ops("a", 2).rounds(0), 0).is_empty());
    assert!(play(nothing().cycle(), 0).is_empty(), "a cycle of nothing ends");
    // A cycle of pauses is no cycle of nothing.
    let pauses = concat(vec![sleep(ms(10)), ops("a", 1)]).cycle().limit(3);
    assert_eq!(times(&play(pauses, 0)), [10, 20, 30]);
}

#[test]
fn flip_flop_alternates_until_one_ends() {
    let events = play(flip_flop(count("a"), ops("b", 2)), 0);
    assert_eq!(words(&events), ["a 0", "b 0", "a 1", "b 1", "a 2"]);
}

#[test]
fn cycle_times_gives_each_its_time() {
    let spans = vec![(ms(30), count("a").delay(ms(10))), (ms(20), count("b").delay(ms(10)))];
    let events = play(cycle_times(spans).time_limit(ms(100)), 0);
    let order = "aaabbaaabb";
    let fs: String = begun(&events).into_iter().map(|(_, _, f, _)| f).collect();
    assert_eq!(fs, order);
    assert_eq!(times(&events), [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
    assert!(play(cycle_times(vec![]), 0).is_empty());
}

#[test]
fn sleep_counts_from_when_somebody_is_free() {
    let events = play(concat(vec![ops("a", 1), sleep(ms(20)), ops("b", 1)]), 0);
    assert_eq!(times(&events), [0, 20]);
    // The nemesis is busy for 50 ms with the first: the pause comes after.
    let faults = concat(vec![ops("kill", 1), sleep(ms(20)), ops("start", 1)]);
    assert_eq!(times(&play(on_nemesis(faults), 50 * MS)), [0, 70]);
}

#[test]
fn unfold_makes_rounds_that_differ() {
    let generator = unfold(seed(), |rng| {
        let node = below(rng, 5);
        let kill = concat(vec![sleep(ms(10)), op(Op::new("kill", json!(node)))]);
        Some(concat(vec![kill, sleep(ms(10)), op(Op::new("start", json!(node)))]))
    });
    let events = play(on_nemesis(generator).limit(40), 0);
    let nodes: Vec<_> = begun(&events).into_iter().map(|(.., value)| value).collect();
    assert!(nodes.chunks(2).all(|pair| pair[0] == pair[1]));
    assert!((0..5).all(|node| nodes.contains(&json!(node))), "{nodes:?}");
    assert_eq!(times(&events), (1..=40).map(|n| n * 10).collect::<Vec<_>>());
    assert!(play(unfold(seed(), |_| Some(nothing())), 0).is_empty(), "endless nothing ends");
    let mut rounds = 0;
    let thrice = unfold(seed(), move |_| {
        rounds += 1;
        (rounds <= 3).then(|| ops("a", 2))
    });
    assert_eq!(play(thrice, 0).len(), 12);
}

#[test]
fn mixes_draw_by_weight_and_leave_out_what_has_ended() {
    let share = |generator: BoxGenerator, f: &str| {
        let events = play(generator.limit(10_000), 0);
        begun(&events).iter().filter(|call| call.2 == f).count() as f64 / 10_000.0
    };
    let thirds = mix(seed(), vec![count("a"), count("b"), count("c")]);
    assert!((share(thirds, "b") - 1.0 / 3.0).abs() < 0.02);
    let weighted =
        weighted_mix(seed(), vec![(8, count("a")), (2, count("b")), (0, count("never"))]);
    assert!((share(weighted.clone(), "b") - 0.2).abs() < 0.02);
    assert_eq!(share(weighted, "never"), 0.0);
    let some_end = mix(seed(), vec![ops("a", 3), ops("b", 5)]);
    assert_eq!(play(some_end, 0).len(), 16);
    assert!(play(mix(seed(), vec![]), 0).is_empty());
}

#[test]
fn any_takes_the_soonest_and_loses_nothing() {
    let slow = concat(vec![sleep(ms(15)), count("slow").delay(ms(20))]);
    let events = play(any(vec![count("fast").delay(ms(10)), slow]).time_limit(ms(50)), 0);
    let expected = ["fast 0", "fast 1", "slow 0", "fast 2", "fast 3", "slow 1", "fast 4"];
    assert_eq!(words(&events), expected);
    assert_eq!(times(&events), [0, 10, 15, 20, 30, 35, 40]);
    assert_eq!(play(any(vec![ops("a", 3), ops("b", 5)]), 0).len(), 16);
    let shortest = shortest_any(vec![ops("a", 3).delay(ms(10)), count("b").delay(ms(10))]);
    assert_eq!(words(&play(shortest, 0)).iter().filter(|word| word.starts_with('a')).count(), 3);
}

#[test]
fn delay_is_a_rate_over_all_workers() {
    let events = play(ops("a", 5).delay(ms(10)), 25 * MS);
    assert_eq!(times(&events), [0, 10, 20, 30, 40]);
    // Nobody is free in time: late by 20 ms, which it does not catch up.
    assert_eq!(times(&play(ops("a", 6).delay(ms(10)), 50 * MS)), [0, 10, 20, 50, 60, 70]);
}

#[test]
fn stagger_and_poisson_keep_the_mean_rate() {
    let mean_gap = |generator: BoxGenerator| {
        let events = play(generator.limit(4000), MS / 2);
        events.last().unwrap().time as f64 / 4000.0 / MS as f64
    };
    let uniform = mean_gap(count("a").stagger(seed(), ms(10)));
    assert!((uniform - 10.0).abs() < 0.4, "{uniform} ms");
    let exponential = mean_gap(count("a").poisson(seed(), ms(10)));
    assert!((exponential - 10.0).abs() < 0.6, "{exponential} ms");
    let gaps = |generator: BoxGenerator| {
        let times: Vec<u64> = times(&play(generator.limit(2000), 0));
        times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
    };
    assert!((18..=20).contains(&gaps(count("a").stagger(seed(), ms(10)))));
    assert!(gaps(count("a").poisson(seed(), ms(10))) > 40, "a long tail");
}

#[test]
fn maps_and_filters() {
    let doubled = ops("a", 3).map(|op| Op::new(op.f, json!(op.value.as_u64().unwrap() * 2)));
    assert_eq!(words(&play(doubled, 0)), ["a 0", "a 2", "a 4"]);
    let renamed = concat(vec![ops("start", 1), ops("stop", 1)]).f_map([("start", "kill")]);
    assert_eq!(words(&play(renamed, 0)), ["kill 0", "stop 0"]);
    let even = count("a").filter(|op| op.value.as_u64().unwrap() % 2 == 0).limit(3);
    assert_eq!(words(&play(even, 0)), ["a 0", "a 2", "a 4"]);
    assert!(play(count("a").filter(|_| false), 0).is_empty(), "rejecting everything ends");
}

#[test]
fn log_is_no_operation() {
    let events = play(concat(vec![log("begin"), ops("a", 1), log("end")]), 0);
    assert_eq!(words(&events), ["a 0"]);
}

#[test]
fn draws_are_uniform_and_never_change() {
    let mut rng = seed().rng();
    let mut counts = [0_u32; 7];
    (0..70_000).for_each(|_| counts[below(&mut rng, 7) as usize] += 1);
    assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    assert_eq!(below(&mut rng, 0), 0);
    assert_eq!(below(&mut rng, 1), 0);
    let mut rng = Seed::root(1).derive("golden").rng();
    let golden: Vec<u64> = (0..6).map(|_| below(&mut rng, 1000)).collect();
    assert_eq!(golden, [146, 844, 650, 953, 586, 339]);
    let mut order: Vec<u32> = (0..8).collect();
    shuffle(&mut rng, &mut order);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert!(order != sorted && sorted == (0..8).collect::<Vec<_>>());
    assert!(pick(&mut rng, &[1, 2, 3]).is_some() && pick::<u32>(&mut rng, &[]).is_none());
    assert!((0..100).all(|_| chance(&mut rng, 1, 1) && !chance(&mut rng, 0, 1)));
}

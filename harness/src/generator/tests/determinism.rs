//! The same seed asks the same, whatever the timing, the workers and the answers.

use super::*;
use proptest::prelude::any;
use proptest::prelude::*;

/// Everything random at once, for clients.
fn load(seed: Seed) -> BoxGenerator {
    let draw = |f: &'static str| {
        from_fn(seed.derive(f), move |rng| Op::new(f, json!([below(rng, 9), below(rng, 1000)])))
    };
    let some = weighted_mix(seed.derive("some"), vec![(2, draw("cas")), (1, draw("delete"))]);
    let keyed = per_key_mixed(seed.derive("keys"), 3, 0.., move |key| {
        let seed = seed.derive(&format!("key {key}"));
        from_fn(seed, |rng| Op::new("append", json!(below(rng, 1000)))).limit(5)
    });
    let odd = draw("odd").filter(|op| op.value[1].as_u64().unwrap() % 2 == 1);
    let rounds = unfold(seed.derive("rounds"), move |rng| {
        let first = below(rng, 50);
        Some(flip_flop(op(Op::new("x", json!(first))), op(Op::new("y", json!(first)))))
    });
    mix(seed.derive("all"), vec![draw("read"), some, keyed, odd, rounds])
        .stagger(seed.derive("pace"), ms(2))
}

fn faults(seed: Seed) -> BoxGenerator {
    unfold(seed.derive("faults"), |rng| {
        let mut nodes = vec!["n1", "n2", "n3", "n4", "n5"];
        shuffle(rng, &mut nodes);
        let cut = op(Op::new("cut", json!(nodes[..2])));
        Some(concat(vec![
            sleep(ms(1 + below(rng, 20))),
            cut,
            sleep(ms(5)),
            op(Op::new("mend", ())),
        ]))
    })
}

/// What clients and nemesis are asked when calls take `latency(index)`.
fn asked(
    generator: BoxGenerator,
    concurrency: usize,
    mut latency: impl FnMut(u64) -> u64,
) -> [Vec<String>; 2] {
    let simulation = Simulation::new(concurrency, 5);
    let events = simulate(generator, &simulation, |event: &Event| {
        let kind = [Kind::Ok, Kind::Fail, Kind::Info, Kind::Ok][(event.index / 3 % 4) as usize];
        Completion { latency: latency(event.index), kind, value: None }
    });
    let calls = invocations(&events);
    let of = |nemesis: bool| {
        let calls = calls.iter().filter(|(process, _)| (*process == Process::Nemesis) == nemesis);
        calls.map(|(_, op)| format!("{} {}", op.f, op.value)).collect()
    };
    [of(false), of(true)]
}

fn whole(seed: Seed) -> BoxGenerator {
    clients_and_nemesis(load(seed).limit(300), faults(seed).limit(20))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn timing_changes_nothing(
        number in any::<u64>(),
        concurrency in 1_usize..30,
        latencies in prop::collection::vec(0_u64..40 * MS, 1..50),
    ) {
        let seed = Seed::root(number);
        let reference = asked(whole(seed), 5, |_| 0);
        prop_assert_eq!(reference[0].len(), 300);
        prop_assert_eq!(reference[1].len(), 20);
        let played = asked(whole(seed), concurrency, |index| {
            latencies[index as usize % latencies.len()]
        });
        prop_assert_eq!(reference, played);
    }

    #[test]
    fn asking_more_often_changes_nothing(number in any::<u64>(), polls in 1_usize..20) {
        let seed = Seed::root(number);
        let polled = Polled { generator: whole(seed), polls };
        prop_assert_eq!(asked(whole(seed), 4, |_| MS), asked(Box::new(polled), 4, |_| MS));
    }

    #[test]
    fn a_clone_goes_on_as_the_original(number in any::<u64>(), taken in 0_u64..100) {
        let mut original = load(Seed::root(number));
        let context = Context::new(3, 3);
        for _ in 0..taken {
            take(&mut original, &context);
        }
        let mut copy = original.clone();
        let ahead: Vec<Op> = (0..50).map(|_| take(&mut original, &context)).collect();
        let behind: Vec<Op> = (0..50).map(|_| take(&mut copy, &context)).collect();
        prop_assert_eq!(ahead, behind);
    }
}

fn take(generator: &mut BoxGenerator, context: &Context) -> Op {
    match generator.next(context) {
        Next::Emit { at, process, op } => {
            generator.took(context, at, process);
            op
        }
        other => panic!("{other:?}"),
    }
}

/// Asks again and again, at other times and with others free, before it takes anything.
#[derive(Clone)]
struct Polled {
    generator: BoxGenerator,
    polls: usize,
}

impl Generator for Polled {
    fn next(&mut self, context: &Context) -> Next {
        for poll in 0..self.polls {
            let mut other = context.clone();
            other.salt = poll as u64;
            if poll % 2 == 0 {
                other.free = Workers::none();
            }
            let _ = self.generator.next(&other);
        }
        self.generator.next(context)
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        self.generator.update(context, event);
    }
}

#[test]
fn different_seeds_ask_differently() {
    let one = asked(whole(Seed::root(1)), 5, |_| 0);
    let other = asked(whole(Seed::root(2)), 5, |_| 0);
    assert_ne!(one[0], other[0]);
    assert_ne!(one[1], other[1]);
}

#[test]
fn a_simulation_is_the_same_each_time() {
    let run = || simulate(whole(seed()), &Simulation::new(7, 5), imperfect(7));
    assert_eq!(run(), run());
}

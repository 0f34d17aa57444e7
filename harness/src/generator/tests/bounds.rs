//! Generators that end early.

use super::*;

#[test]
fn limit_counts_what_was_taken_not_what_was_offered() {
    let generator = any(vec![count("a").delay(ms(10)).limit(3), count("b").delay(ms(7)).limit(4)]);
    let words = words(&play(generator, 0));
    assert_eq!(words.len(), 7);
    assert_eq!(words.iter().filter(|word| word.starts_with('a')).count(), 3);
}

#[test]
fn time_limit_counts_from_the_first_ask_and_is_not_exceeded() {
    let limited = count("a").delay(ms(10)).time_limit(ms(35));
    assert_eq!(times(&play(limited.clone(), 0)), [0, 10, 20, 30]);
    let later = concat(vec![sleep(ms(100)), limited]);
    assert_eq!(times(&play(later, 0)), [100, 110, 120, 130]);
    assert!(play(count("a").time_limit(ms(0)), 0).is_empty());
}

#[test]
fn time_limit_does_not_end_because_one_of_several_would_be_too_late() {
    // All clients are busy until 30 ms, and the nemesis's next operation is past the limit: the
    // clients still have time left.
    let late_fault = concat(vec![sleep(ms(500)), ops("kill", 1)]);
    let generator = clients_and_nemesis(count("a"), late_fault).time_limit(ms(70));
    assert_eq!(times(&play(generator, 30 * MS)), [0, 0, 0, 30, 30, 30, 60, 60, 60]);
    let offered_late = count("a").delay(ms(80));
    let both = any(vec![offered_late, on_clients(count("b"))]).time_limit(ms(70));
    assert!(times(&play(both, 30 * MS)).contains(&60));
}

#[test]
fn until_ok_ends_with_the_first_of_its_own_that_is_ok() {
    let mut calls = 0;
    let fourth_is_ok = move |_: &Event| {
        calls += 1;
        let kind = if calls == 4 { Kind::Ok } else { Kind::Fail };
        Completion { latency: 10, kind, value: None }
    };
    let one = Simulation { concurrency: 1, ..Simulation::new(1, 1) };
    let events = simulate(count("a").until_ok(), &one, fourth_is_ok);
    assert_eq!(words(&events).len(), 4);
    // An ok of somebody else's does not count.
    let generator = concat(vec![count("other").limit(4), count("a").until_ok().limit(3)]);
    assert_eq!(words(&simulate(generator, &one, fourth_is_ok)).len(), 7);
}

#[test]
fn process_limit_bounds_the_crashes() {
    let crash = |_: &Event| Completion { latency: 10, kind: Kind::Info, value: None };
    let events = simulate(on_clients(count("a")).process_limit(10), &Simulation::new(3, 3), crash);
    let processes: std::collections::BTreeSet<_> =
        events.iter().map(|event| event.process).collect();
    assert!((8..=10).contains(&processes.len()), "{processes:?}");
    assert_eq!(events.len(), processes.len() * 2, "each crashed at once");
    // Without crashes it has no effect.
    assert_eq!(play(on_clients(count("a")).process_limit(3).limit(50), 1).len(), 100);
}

#[test]
fn a_simulation_ends_where_it_is_told() {
    let mut simulation = Simulation::new(2, 2);
    simulation.max_operations = 10;
    assert_eq!(words(&simulate(count("a"), &simulation, quick)).len(), 10);
    let simulation = Simulation { max_time: 50 * MS, ..Simulation::new(2, 2) };
    let events = simulate(count("a").delay(ms(10)), &simulation, perfect);
    assert_eq!(times(&events), [0, 10, 20, 30, 40, 50]);
    let kinds: Vec<_> = simulate(on_clients(ops("a", 6)), &Simulation::new(1, 1), imperfect(1))
        .iter()
        .filter(|event| event.kind != Kind::Invoke)
        .map(|event| (event.process, event.kind))
        .collect();
    let process = Process::Client;
    let expected = [
        (process(0), Kind::Fail),
        (process(0), Kind::Info),
        (process(1), Kind::Ok),
        (process(1), Kind::Fail),
        (process(1), Kind::Info),
        (process(2), Kind::Ok),
    ];
    assert_eq!(kinds, expected);
}

//! Popularity: words are read, and keys are chosen as often as they say.

use crate::Seed;
use crate::generator::{Chooser, Popularity, below};

/// How often each of ten keys is chosen in a hundred thousand draws.
fn counts(text: &str) -> [u32; 10] {
    let chooser = Chooser::new(text.parse().expect(text), 10);
    let mut rng = Seed::root(5).rng();
    let mut counts = [0; 10];
    (0..100_000).for_each(|_| counts[chooser.choose(&mut rng)] += 1);
    counts
}

fn near(found: u32, share: f64) -> bool {
    let wanted = share * 100_000.0;
    (f64::from(found) - wanted).abs() < 5.0 * wanted.sqrt()
}

#[test]
fn keys_are_chosen_as_often_as_asked() {
    assert!(counts("uniform").iter().all(|count| near(*count, 0.1)));
    let hot = counts("hot:2:0.8");
    assert!(hot[..2].iter().all(|count| near(*count, 0.4)), "{hot:?}");
    assert!(hot[2..].iter().all(|count| near(*count, 0.025)), "{hot:?}");
    let harmonic: f64 = (1..=10).map(|n| 1.0 / f64::from(n)).sum();
    for (key, count) in counts("zipf:1").iter().enumerate() {
        assert!(near(*count, 1.0 / (key + 1) as f64 / harmonic), "{key}: {count}");
    }
    assert!(counts("hot:10:0.9").iter().all(|count| near(*count, 0.1)), "all of them are hot");
    assert!(counts("zipf:10")[9] < 10);
}

#[test]
fn the_uniform_choice_draws_as_ever() {
    let chooser = Chooser::new(Popularity::Uniform, 7);
    let (mut one, mut other) = (Seed::root(1).rng(), Seed::root(1).rng());
    for _ in 0..100 {
        assert_eq!(chooser.choose(&mut one) as u64, below(&mut other, 7));
    }
}

#[test]
fn reads_what_it_writes_and_explains_nonsense() {
    for text in ["uniform", "zipf:1.1", "hot:1:0.8"] {
        assert_eq!(text.parse::<Popularity>().map(|it| it.to_string()), Ok(text.to_owned()));
    }
    for (text, hint) in [
        ("zipf", "zipf:1.1"),
        ("zipf:x", "zipf:1.1"),
        ("zipf:-1", "between 0 and 10"),
        ("hot:0:0.5", "at least one key"),
        ("hot:1:2", "share from 0 to 1"),
        ("cold", "uniform"),
    ] {
        let why = text.parse::<Popularity>().expect_err(text);
        assert!(why.contains(hint), "{text}: {why}");
    }
}

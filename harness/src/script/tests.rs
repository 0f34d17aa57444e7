//! Tests of scripts: what they ask for, when, and how mistakes are named.

use super::*;
use crate::generator::{Simulation, quick, simulate};
use crate::{Applied, BoxFuture, FaultContext};
use serde_json::json;

struct Cut;

impl Fault for Cut {
    fn name(&self) -> &'static str {
        "partition"
    }

    fn about(&self) -> &'static str {
        "for tests"
    }

    fn functions(&self) -> &'static [&'static str] {
        &["cut", "mend"]
    }

    fn schedule(&self, _: &Options, _: Seed) -> BoxGenerator {
        crate::generator::nothing()
    }

    fn script(&self, words: &str, _: &Options, seed: Seed) -> Result<Op, String> {
        if words == "nonsense" {
            return Err("no such shape".to_owned());
        }
        Ok(Op::new("cut", json!([words, crate::generator::below(&mut seed.rng(), 1000)])))
    }

    fn apply<'a>(&'a self, _: &'a FaultContext, _: &'a Op) -> BoxFuture<'a, Applied> {
        Box::pin(async { Applied::Skipped("a test".to_owned()) })
    }

    fn heal<'a>(&'a self, _: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async { Ok(Value::Null) })
    }
}

fn read_all(lines: &[&str]) -> Result<Vec<Step>, Usage> {
    let options = Options {
        set: std::collections::BTreeMap::new(),
        nodes: vec!["n1".to_owned()],
        concurrency: 1,
        keys: 1,
        key_choice: None,
        ops_per_key: 1,
        time_limit: Duration::from_secs(60),
        nemesis_interval: Duration::from_secs(5),
    };
    let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
    parse(&lines, &options, &Registry::default().fault(Cut), Seed::root(1))
}

/// Seconds, function and words of what a script asks for in a minute.
fn play(lines: &[&str]) -> Vec<(u64, String, Value)> {
    let nemesis = crate::generator::any(generators(read_all(lines).unwrap()));
    let nemesis = nemesis.time_limit(Duration::from_secs(60));
    let events = simulate(nemesis, &Simulation::new(1, 1), quick);
    let asked = events.into_iter().step_by(2);
    asked.map(|event| (event.time / 1_000_000_000, event.f.to_string(), event.value)).collect()
}

fn times(lines: &[&str]) -> Vec<(u64, String)> {
    play(lines).into_iter().map(|(time, f, _)| (time, f)).collect()
}

fn expect(rows: &[(u64, &str)]) -> Vec<(u64, String)> {
    rows.iter().map(|&(time, f)| (time, f.to_owned())).collect()
}

#[test]
fn each_operation_comes_at_its_time() {
    let script = ["# two that overlap", "", "at 10s cut n1|n2,n3 for 5s", "at 12s partition all"];
    assert_eq!(times(&script), expect(&[(10, "cut"), (12, "cut"), (15, "mend")]));
    assert_eq!(play(&script)[0].2[0], "n1|n2,n3");
    assert_eq!(times(&["at 3s mend"]), expect(&[(3, "mend")]));
}

#[test]
fn what_is_repeated_draws_anew_and_always_the_same() {
    let script = ["every 20s cut any for 4s"];
    let rows = [(16, "cut"), (20, "mend"), (36, "cut"), (40, "mend"), (56, "cut")];
    assert_eq!(times(&script), expect(&rows));
    let drawn: Vec<Value> = play(&script).iter().map(|row| row.2[1].clone()).collect();
    assert_ne!(drawn[0], drawn[2]);
    assert_eq!(play(&script), play(&script));
}

#[test]
fn mistakes_are_named() {
    for (line, says) in [
        ("at 10s", "write `at 10s FAULT"),
        ("in 10s cut x", "write `at 10s FAULT"),
        ("at ten cut x", "no unit of time"),
        ("at 10s cit x", "Did you mean `cut`"),
        ("at 10s cut nonsense", "no such shape"),
        ("at 10s mend for 3s", "nothing ends"),
        ("every 3s cut x for 3s", "before it has ended"),
    ] {
        let error = read_all(&[line]).err().unwrap().0;
        assert!(error.contains(says) && error.contains(line), "{error}");
    }
}

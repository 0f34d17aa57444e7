//! Two leaders of a term, planted; silence on atomic elections.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Kind, Verdict};

fn check(script: &Script, globally: bool) -> Finding {
    LeaderElection { globally }.check(&script.history(), &Budget::default())
}

fn campaign(script: &mut Script, process: u32, candidate: &str, term: u32) {
    script.whole(process, "campaign", json!(candidate), json!([term, candidate]));
}

fn observe(script: &mut Script, process: u32, term: u32, leader: Value) {
    script.whole(process, "observe", json!(null), json!([term, leader]));
}

#[test]
fn a_term_has_one_leader() {
    let mut script = Script::default();
    observe(&mut script, 0, 0, json!(null));
    assert!(check(&script, true).reason.expect("unknown").contains("nobody was told"));
    campaign(&mut script, 0, "a", 1);
    observe(&mut script, 1, 1, json!("a"));
    script.whole(0, "resign", json!("a"), json!("a")).failed(2, "campaign", json!("c"));
    observe(&mut script, 1, 1, json!(null));
    campaign(&mut script, 1, "b", 2);
    assert_eq!(check(&script, true).verdict, Verdict::Valid);
    observe(&mut script, 3, 1, json!("c"));
    let finding = check(&script, false);
    assert_eq!(finding.anomalies[0].kind, "two-leaders");
    assert_eq!((finding.anomaly_count, &finding.anomalies[0].operations[..]), (1, &[2, 14][..]));
    let finding = check(&script, true);
    assert_eq!(finding.anomalies[1].kind, "term-regression");
    assert_eq!(finding.anomalies[1].operations, [12, 14]);
}

#[test]
fn terms_do_not_go_back() {
    let mut script = Script::default();
    campaign(&mut script, 0, "a", 5);
    observe(&mut script, 1, 4, json!("z"));
    assert_eq!(check(&script, false).verdict, Verdict::Valid);
    campaign(&mut script, 1, "b", 4);
    let finding = check(&script, false);
    let kinds: Vec<&str> = finding.anomalies.iter().map(|a| a.kind.as_str()).collect();
    assert_eq!(kinds, ["two-leaders", "term-regression"]);
    assert!(finding.anomalies[1].explanation.contains("elected in a later term"), "{finding:?}");
    observe(&mut script, 0, 4, json!(null));
    assert_eq!(check(&script, false).anomalies[2].operations, [0, 6]);
}

#[test]
fn leaders_at_the_same_time_are_counted() {
    let mut script = Script::default();
    campaign(&mut script, 0, "a", 1);
    campaign(&mut script, 1, "b", 2);
    script.failed(0, "resign", json!("a"));
    script.call(1, "resign", json!("b")).push(1, Kind::Info, "resign", json!("b"));
    let finding = check(&script, true);
    assert_eq!(finding.verdict, Verdict::Valid);
    assert_eq!(finding.stats["overlapping_leaderships"], 1);
    assert_eq!(finding.stats["longest_overlap_ms"], 1.0);
    script.whole(2, "vote", json!(1), json!(1));
    assert!(check(&script, true).reason.expect("unknown").contains("`vote`"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn one_office_is_valid_and_a_second_leader_is_found(seed: u64, unknown in 0u64..20) {
        let (mut term, mut leader) = (0, Value::Null);
        let mut object = |f: &str, input: &Value| match f {
            "observe" => Some(json!([term, leader])),
            "campaign" if leader.is_null() => {
                (term, leader) = (term + 1, input.clone());
                Some(json!([term, input]))
            }
            // Whoever holds the office; it may as well have run out.
            "resign" if !leader.is_null() => Some(std::mem::take(&mut leader)),
            _ => None,
        };
        let mut candidate = 0;
        let mut asking = |random: &mut Random| {
            candidate += 1;
            match random.below(3) {
                0 => ("campaign", json!(candidate)),
                1 => ("resign", Value::Null),
                _ => ("observe", Value::Null),
            }
        };
        let history = atomic_history(&mut Random(seed), 80, 4, unknown, &mut asking, &mut object);
        let finding = LeaderElection { globally: true }.check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
        let mut events = history.events().to_vec();
        let elected: Vec<usize> = (0..events.len())
            .filter(|at| events[*at].kind == Kind::Ok && &*events[*at].f == "campaign")
            .collect();
        if elected.len() > 1 {
            events[elected[1]].value[0] = events[elected[0]].value[0].clone();
            let changed = History::new(events).expect("well-formed");
            let finding = LeaderElection::default().check(&changed, &Budget::default());
            prop_assert!(finding.anomalies.iter().any(|a| a.kind == "two-leaders"));
        }
    }
}

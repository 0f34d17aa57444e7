//! Which operations are kept, and what is said of them.

use super::choose::{Gap, choose, gaps};
use super::words::{Dictionary, keyed, line, tell};
use perjury_checkers::{Operation, Outcome};
use serde_json::{Value, json};

fn operation<'h>(at: u64, input: &'h Value, outcome: Outcome<'h>) -> Operation<'h> {
    Operation {
        index: 2 * at,
        process: 3,
        declined: false,
        asked: true,
        f: "write",
        input,
        outcome,
        called: at * 10,
        due: at * 10,
        returned: Some(at * 10 + 5),
        completion: Some(2 * at + 1),
        node: None,
    }
}

fn many(count: u64) -> Vec<Operation<'static>> {
    (0..count).map(|at| operation(at, &Value::Null, Outcome::Failed)).collect()
}

#[test]
fn all_are_kept_if_they_fit() {
    let operations = many(100);
    assert_eq!(choose(&operations, &[], 100), vec![0..100; 1]);
    assert_eq!(gaps(&operations, &choose(&operations, &[], 100), 2000), []);
    assert!(choose(&[], &[5], 100).is_empty());
}

#[test]
fn of_too_many_those_around_the_moments_and_at_both_ends_are_kept() {
    let operations = many(1000);
    let chosen = choose(&operations, &[5000], 100);
    let kept: usize = chosen.iter().map(std::iter::ExactSizeIterator::len).sum();
    assert!((90..=100).contains(&kept), "{chosen:?}");
    assert!(chosen.iter().any(|range| range.contains(&500)), "{chosen:?}");
    assert!(chosen[0].start == 0 && chosen.last().unwrap().end == 1000, "{chosen:?}");
    let left_out = gaps(&operations, &chosen, 20_000);
    assert_eq!(left_out.len(), 2);
    assert_eq!(left_out.iter().map(|gap| gap.count).sum::<usize>(), 1000 - kept);
    let Gap { from, to, count } = left_out[0];
    assert_eq!((to - from) / 10, count as u64);
}

#[test]
fn calls_of_a_single_moment_that_do_not_fit_are_cut_off() {
    let same = vec![operation(5, &Value::Null, Outcome::Failed); 50];
    let chosen = choose(&same, &[], 20);
    assert_eq!(chosen, vec![0..20; 1]);
    assert_eq!(gaps(&same, &chosen, 90), [Gap { from: 50, to: 90, count: 30 }]);
}

#[test]
fn a_key_is_known_by_every_call_having_one() {
    let keyed = |inputs: &[Value]| {
        let calls = inputs.iter().map(|input| operation(0, input, Outcome::Failed));
        keyed(&calls.collect::<Vec<_>>())
    };
    assert!(keyed(&[json!([1, null]), json!(["x", [1, 2]])]));
    assert!(!keyed(&[json!([1, 2]), json!(null)]), "a register without keys");
    assert!(!keyed(&[json!([[1], 2])]));
    assert!(!keyed(&[json!([["r", 1, null]])]), "a transaction names its keys itself");
    assert!(!keyed(&[]));
}

#[test]
fn words_leave_out_what_is_said_elsewhere() {
    let mut keys = Dictionary::of_keys();
    let mut told = |input: &Value, outcome: Outcome<'_>| {
        let told = tell(&operation(0, input, outcome), true, &mut keys, 40);
        (told.keys, told.asked, told.answered)
    };
    let words = |asked: &str, answered: &str| (asked.to_owned(), answered.to_owned());
    let with = |keys: Vec<u32>, (asked, answered)| (keys, asked, answered);
    assert_eq!(told(&json!([9, 3]), Outcome::Ok(&json!([9, 3]))), with(vec![1], words("3", "")));
    assert_eq!(told(&json!([9, null]), Outcome::Ok(&json!([9, 4]))), with(vec![1], words("", "4")));
    assert_eq!(told(&json!(["x", 3]), Outcome::Unknown), with(vec![2], words("3", "")));
    let read = json!([["r", 9, null], ["append", "y", 2], ["r", 9, null]]);
    let answer = json!([["r", 9, [1, 2]], ["append", "y", 2], ["r", 9, [1, 2]]]);
    let all = line("read 9 → [1, 2]; append 2 to y; read 9 → [1, 2]", 40);
    assert_eq!(told(&read, Outcome::Ok(&answer)), with(vec![1, 3], words(&all, "")));
    assert_eq!(told(&read, Outcome::Failed).0, [1, 3]);
    assert_eq!(keys.names, ["9", "x", "y"]);
}

#[test]
fn a_line_is_a_line_without_hidden_characters() {
    assert_eq!(line("a\nb\tc\u{202e}d\u{1b}[31me", 40), "a b cde");
    assert_eq!(line("abcdefghij", 5), "ab…ij");
    assert_eq!(line("abc", 0), "");
}

#[test]
fn a_dictionary_numbers_from_one() {
    let mut names = Dictionary::of_names();
    assert_eq!([names.number("b"), names.number("a"), names.number("b")], [1, 2, 1]);
    assert_eq!(names.names, ["b", "a"]);
}

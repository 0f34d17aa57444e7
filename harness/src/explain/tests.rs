//! What is told of operations and anomalies, where the command line does not show it.

use super::*;
use perjury_checkers::{Anomaly, Step, Verdict};
use serde_json::json;

/// A write of each process, one after the other, and all of them at the same time as the next.
fn operations(numbers: &[Value]) -> Vec<Operation<'_>> {
    let one = |(number, value): (u32, _)| Operation {
        index: u64::from(2 * number),
        process: number,
        declined: false,
        asked: true,
        f: "write",
        input: value,
        outcome: if number % 5 == 4 { Outcome::Unknown } else { Outcome::Ok(value) },
        called: u64::from(number) * 1_000,
        due: u64::from(number) * 1_000,
        returned: (number % 5 != 4).then_some(u64::from(number) * 1_000 + 1_500),
        completion: Some(u64::from(2 * number + 3)),
        node: Some("n1"),
    };
    (0u32..).zip(numbers).map(one).collect()
}

fn numbers(count: u32) -> Vec<Value> {
    (0..count).map(Value::from).collect()
}

fn subject(numbers: &[Value]) -> Subject<'_> {
    let operations = operations(numbers);
    let all = operations.iter().map(|operation| operation.index).collect();
    let anomaly = |kind: &str| Anomaly {
        kind: kind.to_owned(),
        title: "Stale\u{1b}[31m read".to_owned(),
        steps: vec![Step { text: "Look here.".to_owned(), operations: vec![2] }],
        operations: Vec::clone(&all),
        ..Anomaly::default()
    };
    let anomalies = vec![anomaly("stale-read"), anomaly("lost-write"), anomaly("stale-read")];
    let finding = Finding { anomalies, ..Finding::unknown("linearizable", "") };
    let finding = Finding { verdict: Verdict::Invalid, ..finding };
    Subject { operations, findings: vec![finding], timed: true, ..Subject::default() }
}

#[test]
fn drawings_fit_the_width_and_keep_the_order() {
    for count in [1, 2, 3, 5, 8, 13, 24, 40] {
        let numbers = numbers(count);
        let subject = subject(&numbers);
        let chosen = select(&subject.findings, "1").unwrap();
        let story = AnomalyStory::new(&subject, chosen);
        for width in [60, 80, 100, 140] {
            let lines = bars::draw(&story.operations, &story.anomaly, Paint { on: false }, width);
            for line in &lines {
                assert!(line.chars().count() <= width, "{count} {width}: {line}");
            }
        }
        let lines = bars::draw(&story.operations, &story.anomaly, Paint { on: false }, 160);
        let begin = |line: &str| line.chars().position(|c| c == '├');
        let begins: Vec<usize> = lines.iter().filter_map(|line| begin(line)).collect();
        assert!(begins.is_sorted() && !begins.is_empty(), "{}", lines.join("\n"));
        let open = lines.iter().filter(|line| line.contains('▶')).count();
        assert_eq!(open > 0, count > 4, "{}", lines.join("\n"));
    }
}

#[test]
fn an_anomaly_is_found_by_number_kind_or_checker() {
    let numbers = numbers(3);
    let subject = subject(&numbers);
    let number = |id: &str| select(&subject.findings, id).map(|(number, ..)| number);
    assert_eq!(number("2"), Ok(2));
    assert_eq!(number("lost-write"), Ok(2));
    assert_eq!(number("linearizable/3"), Ok(3));
    assert!(number("stale-read").unwrap_err().contains("1 or 3"));
    for id in ["0", "4", "linearizable/4", "linearizable/0", "linearizable/x", "G0"] {
        let why = number(id).unwrap_err();
        assert!(why.contains("1  stale-read") && !why.contains('\u{1b}'), "{id}: {why}");
    }
    assert!(select(&[], "1").unwrap_err().contains("no anomalies"));
}

#[test]
fn text_of_others_commands_no_terminal() {
    let numbers = numbers(3);
    let mut subject = subject(&numbers);
    let hostile = "\u{1b}[2J\u{202e}<script>";
    let input = json!([hostile, hostile]);
    for operation in &mut subject.operations {
        operation.node = Some(hostile);
        operation.input = &input;
        operation.f = hostile;
    }
    let anomaly = &mut subject.findings[0].anomalies[0];
    anomaly.explanation = hostile.to_owned();
    anomaly.steps[0].text = hostile.to_owned();
    let chosen = select(&subject.findings, "1").unwrap();
    let told = AnomalyStory::new(&subject, chosen).render(Paint { on: false }, 100);
    let logs = vec![crate::report::logs::LogLine {
        at_ns: 1,
        offset_ns: 0,
        node: hostile.to_owned(),
        file: hostile.to_owned(),
        text: format!("{hostile}\n{hostile}"),
    }];
    let story = OperationStory::new(&subject, 2, logs).unwrap();
    for page in [told, story.render(Paint { on: false }, 100)] {
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'), "{page:?}");
        assert!(page.contains("<script>"), "{page}");
    }
}

#[test]
fn what_was_open_may_have_happened() {
    let numbers = numbers(8);
    let subject = subject(&numbers);
    let story = OperationStory::new(&subject, 12, Vec::new()).unwrap();
    let maybe: Vec<u64> = story.keys[0].maybe.iter().map(|shown| shown.index).collect();
    assert_eq!(maybe, [8]);
    let before: Vec<u64> = story.keys[0].writes_before.iter().map(|shown| shown.index).collect();
    assert_eq!(before, [2, 4, 6]);
    let concurrent: Vec<u64> = story.concurrent.iter().map(|shown| shown.index).collect();
    assert_eq!(concurrent, [10, 14]);
}

#[test]
fn steps_know_who_wrote_and_who_came_next() {
    let txns = [
        json!([["append", 1, 1]]),
        json!([["append", 1, 2], ["w", 2, 5]]),
        json!([["r", 1, [1]], ["r", 2, 5], ["w", 2, 6]]),
        json!([["r", 1, [1, 2]], ["r", 2, null]]),
    ];
    let txn = |(index, steps)| Operation {
        index,
        process: index as u32,
        declined: false,
        asked: true,
        f: "txn",
        input: steps,
        outcome: Outcome::Ok(steps),
        called: index,
        due: index,
        returned: Some(index + 10),
        completion: Some(index + 10),
        node: None,
    };
    let operations = (0..).zip(&txns).map(txn).collect();
    let subject = Subject { operations, timed: true, ..Subject::default() };
    let story = OperationStory::new(&subject, 2, Vec::new()).unwrap();
    let told: Vec<_> = story
        .steps
        .iter()
        .map(|step| (&step.written_by[..], &step.read_by[..], &step.overwritten_by[..]))
        .collect();
    assert_eq!(told[0], (&[0][..], &[][..], &[1][..]));
    assert_eq!(told[1], (&[1][..], &[][..], &[][..]));
    let story = OperationStory::new(&subject, 1, Vec::new()).unwrap();
    assert_eq!(story.steps[0].read_by, [3]);
    assert_eq!(story.steps[1].read_by, [2]);
    assert_eq!(story.steps[1].overwritten_by, [2]);
}

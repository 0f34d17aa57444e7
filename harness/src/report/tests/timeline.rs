//! The timeline's data as it stands in the page, read back, and the page's policy for its script.

use super::anomalies::{clean, stale_read};
use super::fixture::*;
use crate::report::drawing::Scene;
use crate::report::timeline::Timeline;
use crate::report::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perjury_checkers::{Kind, Operation, Outcome};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A timeline as a page's script reads it.
struct Read {
    head: Value,
    keys: Vec<String>,
    /// Index, called, ended, process, function, outcome, node, keys, error: numbers as they are.
    operations: Vec<Entry>,
    /// Question and answer of each operation.
    texts: Vec<(String, String)>,
}

#[derive(Debug, PartialEq)]
struct Entry {
    index: u64,
    called: u64,
    ended: Option<u64>,
    process: u64,
    f: u64,
    outcome: u64,
    node: u64,
    keys: Vec<i64>,
    error: u64,
}

fn elements<'a>(page: &'a str, opening: &str) -> Vec<&'a str> {
    let parts = page.split(opening).skip(1);
    parts.map(|part| part.split_once("</script>").unwrap().0).collect()
}

fn unpack(base64: &str) -> Vec<u8> {
    miniz_oxide::inflate::decompress_to_vec(&STANDARD.decode(base64).unwrap()).unwrap()
}

fn sized(raw: &mut &[u8]) -> Vec<u8> {
    let (length, rest) = raw.split_first_chunk::<4>().unwrap();
    let (part, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
    *raw = rest;
    part.to_vec()
}

fn numbers(column: Vec<u8>) -> impl Iterator<Item = u64> {
    let mut bytes = column.into_iter();
    std::iter::from_fn(move || {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = bytes.next()?;
            number |= u64::from(byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                return Some(number);
            }
        }
    })
}

fn read(page: &str) -> Read {
    let head = elements(page, "<script type=\"application/json\" id=\"timeline-head\">");
    let head: Value = serde_json::from_str(head[0]).unwrap();
    let keys = unpack(elements(page, "<script type=\"text/plain\" id=\"timeline-keys\">")[0]);
    let keys = String::from_utf8(keys).unwrap().split('\n').map(str::to_owned).collect();
    let columns = elements(page, "<script type=\"text/plain\" class=\"timeline-columns\">");
    let texts = elements(page, "<script type=\"text/plain\" class=\"timeline-texts\">");
    let blocks = head["blocks"].as_array().unwrap();
    assert_eq!((columns.len(), texts.len()), (blocks.len(), blocks.len()));
    let mut read = Read { head: head.clone(), keys, operations: Vec::new(), texts: Vec::new() };
    for ((block, columns), texts) in blocks.iter().zip(columns).zip(texts) {
        read.operations.extend(entries(block, &unpack(columns), head["tick"].as_u64().unwrap()));
        let raw = unpack(texts);
        let mut rest = &raw[..];
        let lines = |text: Vec<u8>| -> Vec<String> {
            String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
        };
        let asked = lines(sized(&mut rest));
        let answered = lines(rest.to_vec());
        assert_eq!((asked.len(), answered.len()), (count(block), count(block)));
        read.texts.extend(asked.into_iter().zip(answered));
    }
    read
}

fn count(block: &Value) -> usize {
    block[0].as_u64().unwrap() as usize
}

fn entries(block: &Value, raw: &[u8], tick: u64) -> Vec<Entry> {
    let mut rest = raw;
    let mut columns: Vec<_> = (0..10).map(|_| numbers(sized(&mut rest))).collect();
    assert!(rest.is_empty());
    let (mut index, mut ticks) = (block[1].as_u64().unwrap(), block[2].as_u64().unwrap());
    let mut nodes = std::collections::BTreeMap::new();
    let mut key = 0;
    let mut entries = Vec::new();
    for _ in 0..count(block) {
        let mut next = |column: usize| columns[column].next().unwrap();
        index += next(0);
        ticks += next(1);
        let took = next(2);
        let process = next(3);
        let moved = next(6);
        if moved > 0 {
            nodes.insert(process, moved - 1);
        }
        let many = next(7);
        let keys = (0..many).map(|_| {
            let zigzag = next(8);
            key += (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
            key
        });
        entries.push(Entry {
            index,
            called: ticks * tick,
            ended: (took > 0).then(|| (ticks + took - 1) * tick),
            process,
            keys: keys.collect(),
            f: columns[4].next().unwrap(),
            outcome: columns[5].next().unwrap(),
            node: nodes.get(&process).copied().unwrap_or(0),
            error: columns[9].next().unwrap(),
        });
    }
    assert!(columns.iter_mut().all(|column| column.next().is_none()), "a column is too long");
    entries
}

fn name(head: &Value, table: &str, number: u64) -> Option<String> {
    let at = usize::try_from(number).unwrap().checked_sub(1)?;
    Some(head[table][at].as_str().unwrap().to_owned())
}

/// Compares what was read with what went in.
fn same(read: &Read, operations: &[Operation<'_>], history: &perjury_checkers::History) {
    assert_eq!(read.head["count"], operations.len());
    assert_eq!((read.operations.len(), read.texts.len()), (operations.len(), operations.len()));
    for (entry, operation) in read.operations.iter().zip(operations) {
        let ended = history.events().iter().find(|event| Some(event.index) == operation.completion);
        assert_eq!(entry.index, operation.index);
        assert_eq!(entry.called, operation.called);
        assert_eq!(entry.ended, ended.map(|event| event.time));
        assert_eq!(entry.process, u64::from(operation.process));
        assert_eq!(name(&read.head, "functions", entry.f).as_deref(), Some(operation.f));
        assert_eq!(name(&read.head, "nodes", entry.node).as_deref(), operation.node);
        let error = ended.and_then(|event| event.error.as_deref());
        assert_eq!(name(&read.head, "errors", entry.error).as_deref(), error);
        let outcome = match operation.outcome {
            Outcome::Ok(_) => 0,
            Outcome::Failed => 1,
            Outcome::Unknown => 2,
        };
        assert_eq!(entry.outcome, outcome);
        let keys: Vec<&String> =
            entry.keys.iter().map(|key| &read.keys[*key as usize - 1]).collect();
        assert_eq!(keys, [&operation.input[0].to_string()]);
    }
}

#[test]
fn what_went_in_comes_out() {
    let run = stale_read();
    let read = read(&html(&run.input()));
    same(&read, &run.history.operations(), &run.history);
    let anomaly = &read.head["anomalies"][0];
    assert_eq!(anomaly["title"], "Stale read of key 77");
    let at = read.operations.iter().position(|entry| Some(entry.index) == anomaly["at"].as_u64());
    assert_eq!(read.texts[at.unwrap()], (String::new(), "1".to_owned()));
    assert_eq!(read.head["workers"], 10);
    assert_eq!(read.head["phases"][1], json!(["settle", 58_000_000_000_u64, 59_000_000_000_u64]));
    let faults = read.head["faults"].as_array().unwrap();
    assert!(faults.len() >= 9 && faults[0]["f"] == "kill" && faults[0]["targets"] == "n1");
}

#[test]
fn many_blocks_are_read_like_one() {
    let run = clean(70_000);
    let read = read(&html(&run.input()));
    assert_eq!(read.head["blocks"].as_array().unwrap().len(), 2);
    let operations = run.history.operations();
    assert_eq!(read.operations.len(), operations.len());
    for (entry, operation) in read.operations.iter().zip(&operations) {
        assert_eq!((entry.index, entry.called), (operation.index, operation.called));
    }
}

#[test]
fn the_only_script_is_the_one_that_the_policy_allows() {
    for run in [clean(500), stale_read()] {
        let page = html(&run.input());
        let scripts = elements(&page, "<script>");
        assert_eq!(scripts.len(), 1);
        let hash = STANDARD.encode(Sha256::digest(scripts[0].as_bytes()));
        assert!(
            page.contains(&format!("script-src &#39;sha256-{hash}&#39;;"))
                || page.contains(&format!("script-src 'sha256-{hash}';"))
        );
        assert!(!page.contains("'unsafe-inline'; script-src"));
        let policy = page.split_once("Content-Security-Policy\" content=\"").unwrap().1;
        let policy = policy.split_once('"').unwrap().0;
        assert_eq!(policy.matches("unsafe").count(), 1, "style only: {policy}");
        let typed = page.matches("<script type=\"text/plain\"").count() + 1;
        assert_eq!(page.matches("<script").count(), typed + 1, "all others are data");
        for bad in ["innerHTML", "insertAdjacent", "document.write", "eval(", "fetch(", "<!--"] {
            assert!(!scripts[0].contains(bad), "the script has {bad}");
        }
    }
}

#[test]
fn hostile_words_stay_inside_their_block() {
    const HOSTILE: &str = "</script><script>alert(1)</script>\n<!--\u{202e}\u{1b}[2J\u{7}";
    let run = run("register", 50, |script| {
        let value = (json!([HOSTILE, HOSTILE]), Kind::Fail, json!(null));
        script.call(9001, SECOND, MS, HOSTILE, value);
        script.error(HOSTILE);
        Box::new(|_| Vec::new())
    });
    let page = html(&run.input());
    let read = read(&page);
    assert_eq!(elements(&page, "<script>").len(), 1);
    let head = elements(&page, "<script type=\"application/json\" id=\"timeline-head\">")[0];
    assert!(!head.contains('<') && !head.contains("\\u001b") && !head.contains("\\u202e"));
    let at = read.operations.iter().position(|entry| entry.process == 9001).unwrap();
    let entry = &read.operations[at];
    for text in [
        &name(&read.head, "functions", entry.f).unwrap(),
        &name(&read.head, "errors", entry.error).unwrap(),
        &read.keys[entry.keys[0] as usize - 1],
        &read.texts[at].0,
    ] {
        assert!(text.starts_with("</script>") || text.starts_with("\"</script>"), "{text:?}");
        assert!(!text.contains(['\n', '\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
}

fn within(run: &Run, max: usize, budget: usize) -> (String, Read) {
    let operations = run.history.operations();
    let scene = Scene::new(&operations, &run.results.faults);
    let anomalies: Vec<_> =
        run.results.findings.iter().flat_map(|finding| &finding.anomalies).collect();
    let made = Timeline::within(&run.input(), &operations, &scene, &anomalies, (max, budget));
    let page = format!("{}{}", made.section().into_string(), made.data().into_string());
    let read = read(&page);
    (page, read)
}

#[test]
fn of_too_many_operations_the_page_says_what_is_missing() {
    let run = stale_read();
    let operations = run.history.operations();
    let (page, read) = within(&run, operations.len() / 2, usize::MAX);
    assert!(read.operations.len() <= operations.len() / 2 && read.operations.len() > 1000);
    let missing = operations.len() - read.operations.len();
    assert!(
        page.contains(&format!("{} of this run are not", text::count(missing as u64, "operation")))
    );
    let gaps = read.head["gaps"].as_array().unwrap();
    assert_eq!(gaps.iter().map(|gap| gap[2].as_u64().unwrap()).sum::<u64>(), missing as u64);
    for index in &run.results.findings[0].anomalies[0].operations {
        assert!(read.operations.iter().any(|entry| entry.index == *index), "#{index} is missing");
    }
}

#[test]
fn texts_get_shorter_before_operations_are_left_out() {
    let run = clean(80_000);
    let bytes = |page: &str| page.len();
    let (all, read) = within(&run, usize::MAX, usize::MAX);
    assert!(all.contains("Of values longer than 40 characters"));
    assert_eq!(read.operations.len(), run.history.operations().len());
    let columns: usize =
        elements(&all, "class=\"timeline-columns\">").iter().map(|block| block.len()).sum();
    let (small, read) = within(&run, usize::MAX, columns + 20_000);
    assert!(small.contains("do not fit here") && bytes(&small) < bytes(&all));
    assert_eq!(read.operations.len(), run.history.operations().len());
    let (smaller, read) = within(&run, usize::MAX, columns * 9 / 10);
    assert!(smaller.contains("are not in this page") && read.operations.len() < 80_000);
}

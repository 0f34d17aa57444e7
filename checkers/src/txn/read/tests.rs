//! Tests that the fast and the careful way give the same, and of formats that know sessions.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::*;
use crate::linear::synthetic::Random;
use crate::txn::synthetic::atomic::{Kind, Load};
use crate::txn::transactions::Status;

mod formats;

/// Whether the fast way coped; both ways must agree, however small the parts are.
fn same(bytes: &[u8], name: &str, write: &str) -> bool {
    if format_of_sessions(bytes, name).is_some() {
        // There is no careful way for these.
        return false;
    }
    let (read, slow) = (read_transactions(bytes, name, write), careful(bytes, name, write));
    match (read, &slow) {
        (Ok(read), Ok(slow)) => fuzzing::same(&read, slow, write),
        (Err(read), Err(slow)) => assert_eq!(read.to_string(), slow.to_string()),
        (read, slow) => panic!(
            "{:?} but carefully {:?}: {}",
            read.map(|read| read.events),
            slow.as_ref().map(|read| read.events),
            String::from_utf8_lossy(bytes)
        ),
    }
    let Ok(format) = history::format_of(bytes, name) else { return false };
    fuzzing::in_parts(bytes, format, write, 7, slow.as_ref().ok());
    fast(bytes, format, write, PART).is_some()
}

fn histories() -> PathBuf {
    match std::env::var_os("PERJURY_HISTORIES") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/histories"),
    }
}

/// Files of these folders, with their bytes; empty where there are none.
fn files(folders: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(histories().join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            files.push((name, std::fs::read(entry.path()).expect("a readable file")));
        }
    }
    files.sort();
    files
}

/// The word for a write in a history.
fn word(bytes: &[u8]) -> &'static str {
    match String::from_utf8_lossy(bytes).contains("append") {
        true => "append",
        false => "w",
    }
}

#[test]
fn stored_histories_are_the_same_both_ways() {
    let files = files(&["elle", "elle-cli", "elle-oracle", "elle-tests", "knossos"]);
    let mut fast = 0;
    for (name, bytes) in &files {
        fast += u32::from(same(bytes, name, word(bytes)));
        same(bytes, name, "add");
    }
    if !files.is_empty() {
        assert!(fast > 120, "only {fast} of {} were read fast", files.len());
    }
}

#[test]
fn mutated_histories_are_the_same_both_ways() {
    let mut seeds: Vec<(String, Vec<u8>)> =
        files(&["elle", "elle-cli", "elle-oracle", "elle-tests"])
            .into_iter()
            .filter(|(_, bytes)| bytes.len() < 20_000)
            .collect();
    for text in HISTORIES {
        seeds.push(("history".to_owned(), text.as_bytes().to_vec()));
    }
    let mut random = Random(1);
    let mut fast = 0;
    let rounds = 12_000;
    for _ in 0..rounds {
        let (name, bytes) = &seeds[random.below(seeds.len() as u64) as usize];
        let mut bytes = bytes.clone();
        for _ in 0..=random.below(3) {
            mutate(&mut bytes, &mut random);
        }
        fast += u32::from(same(&bytes, name, word(&bytes)));
    }
    assert!(fast > rounds / 20, "only {fast} were read fast");
}

/// Changes, drops, repeats or moves something.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let snippets: [&[u8]; 30] = [
        b"nil",
        b"null",
        b" ",
        b"\n",
        b",",
        b"[",
        b"]",
        b"{",
        b"}",
        b"\"",
        b"\\",
        b":",
        b"#{",
        b"(",
        b")",
        b";",
        b"-1",
        b"007",
        b"1.5",
        b"99999999999999999999",
        b":x",
        b"#_",
        b"#tag ",
        b"\0",
        b":key 3",
        b":ok",
        b"info",
        b"[:r 1]",
        b"\x0c",
        b"4294967296",
    ];
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len() as u64;
    let at = random.below(length) as usize;
    let end = (at + random.below(12) as usize).min(bytes.len());
    match random.below(5) {
        0 => drop(bytes.drain(at..end)),
        1 => {
            let snippet = snippets[random.below(30) as usize];
            bytes.splice(at..at, snippet.iter().copied());
        }
        2 => {
            let snippet = snippets[random.below(30) as usize];
            bytes.splice(at..end, snippet.iter().copied());
        }
        3 => {
            let copied = bytes[at..end].to_vec();
            let to = random.below(length) as usize;
            bytes.splice(to..to, copied);
        }
        _ => {
            // Whole lines change places.
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            let count = lines.len() as u64;
            lines.swap(random.below(count) as usize, random.below(count) as usize);
            *bytes = lines.concat();
        }
    }
}

/// Small histories that have everything.
const HISTORIES: [&str; 8] = [
    "{:index 0, :time 5, :type :invoke, :process 0, :f :txn, :value [[:append 1 2] [:r :x nil]]}\n\
     {:index 1, :time 6, :type :info, :process :nemesis, :f :kill, :value {\"n1\" :killed}}\n\
     {:index 2, :time 7, :type :ok, :process 0, :f :txn, :value [[:append 1 2] [:r :x [1 2.5]]]}\n\
     {:index 3, :time 7, :type :invoke, :process 0, :f :txn, :value [[:append -1 \"a\"]]}\n\
     {:index 4, :time 9, :type :fail, :process 0, :f :txn, :value nil, :error [:no \"b\"]}\n",
    "#jepsen.history.Op{:type :invoke, :process 0, :value [[:w 1 2]]}\n\
     #jepsen.history.Op{:type :invoke, :process 1, :value [[:r 1 nil]]}\n\
     #jepsen.history.Op{:type :info, :process 0, :value :timeout}\n\
     #jepsen.history.Op{:type :ok, :process 1, :value [[:r 1 2]]}\n\
     #jepsen.history.Op{:type :info, :process :clock, :value 5}\n\
     #jepsen.history.Op{:type :ok, :process 7, :value [[:r 2 nil] [:w 2 4N]]}\n",
    "[{:type :invoke :value ([:append :x 1])} ; a comment\n {:type :ok :value [[:append :x 1]]}]",
    "{:checker :la, :history [{:type :ok, :process 3, :value [[:r 1 #{1 2}] [:r 2 ()]]}], :a {}}",
    "{\"index\":0,\"time\":1,\"process\":0,\"type\":\"invoke\",\"f\":\"txn\",\
     \"value\":[[\"append\",1,2],[\"r\",\"x\",null]]}\n\
     {\"index\":1,\"time\":1,\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"kill\",\"value\":[]}\n\
     {\"index\":2,\"time\":3,\"process\":0,\"type\":\"ok\",\"f\":\"txn\",\
     \"value\":[[\"append\",1,2],[\"r\",\"x\",[1,\"y\",-3]]],\"node\":\"n1\"}\n\
     {\"index\":3,\"time\":3,\"process\":1,\"type\":\"invoke\",\"f\":\"txn\",\"value\":[]}\n",
    "[{\"type\":\"invoke\",\"value\":[[\"append\",1,2]]},\n\
     {\"type\":\"ok\",\"value\":[[\"append\",1,2]]}\n,{\"type\":\"ok\",\"value\":[[\"r\",1]]}]\n",
    "{:index 3 :time -1 :type :invoke :process 4000000000 :value [[:r 1 nil]]}\n\n\
     {:index 4 :time 0 :type :ok :process 4000000000 :value [[:r 1 {:a 1}]]}\n",
    "[{\"type\":\"invoke\",\"process\":1,\"value\":[[\"w\",1,2.5]],\"f\":null,\"index\":0},\
     {\"type\":\"info\",\"process\":\"x\",\"value\":3,\"index\":1},\
     {\"type\":\"fail\",\"process\":1,\"value\":[[\"w\",[1],{}]],\"index\":9,\"time\":2}]",
];

#[test]
fn small_histories_are_read_fast() {
    for text in HISTORIES {
        assert!(same(text.as_bytes(), "history", word(text.as_bytes())), "{text}");
    }
}

#[test]
fn long_histories_are_read_fast_in_parts() {
    let load = Load { unknown: 1, failed: 1, ..Load::new(Kind::ListAppend, 40_000, 7) };
    let mut bytes = Vec::new();
    load.write_edn(&mut bytes).expect("a vector takes everything");
    assert!(bytes.len() > 2 * PART, "several parts");
    assert!(same(&bytes, "history.edn", "append"));
    // The same, in a vector.
    let mut vector = b"[".to_vec();
    vector.extend_from_slice(&bytes);
    vector.extend_from_slice(b"]\n");
    assert!(same(&vector, "history.edn", "append"));
    // A text that goes on over a line end in which an operation seems to stand.
    let cut = bytes.len() - bytes.len() / 3;
    let line = cut + bytes[cut..].iter().position(|byte| *byte == b'\n').expect("a line end");
    bytes.splice(line..=line, *b" \"\n");
    assert!(!same(&bytes, "history.edn", "append"));
}

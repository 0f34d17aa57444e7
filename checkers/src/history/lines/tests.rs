//! The quick reader reads what the careful one reads, and refuses what that refuses.

use super::*;
use crate::history::jsonl::{Events, MAX_LINE_BYTES, write_event};
use crate::history::{Recovery, read_any};
use crate::testing::{Random, golden_files};
use crate::{Event, History};

/// Events without node and error, the error in words, and what was torn off.
type Reading = (Vec<(u64, Brief, Name)>, Option<String>, Recovery);

fn carefully(bytes: &[u8]) -> Reading {
    let mut events = Events::new(bytes);
    let (mut read, mut error) = (Vec::new(), None);
    for event in events.by_ref() {
        match event {
            Ok(event) => {
                let f = event.f.clone();
                read.push((event.index, Brief::of(event, 0), f));
            }
            Err(why) => error = Some(why.to_string()),
        }
    }
    (read, error, events.recovery)
}

/// Reads in pieces and blocks of about so many bytes.
fn quickly(bytes: &[u8], piece: usize, max_line: usize) -> Reading {
    let (mut cutter, mut order) = (Cutter::default(), Order::default());
    let (mut read, mut recovery) = (Vec::new(), Recovery::default());
    let mut take = |order: &mut Order, mut block: Block| {
        let admitted = order.admit(&mut block);
        for brief in block.briefs {
            let name = order.names()[brief.f as usize].clone();
            read.push((brief.index, Brief { f: 0, ..brief }, name));
        }
        admitted.err().map(|error| error.to_string())
    };
    let mut error = None;
    for piece in bytes.chunks(piece.max(1)) {
        cutter.push(piece);
        if error.is_none() {
            error = take(&mut order, Block::read(&cutter.cut(), max_line));
        }
    }
    let rest = cutter.all();
    if error.is_none() && !rest.is_empty() {
        match Block::tail(&rest) {
            Tail::Whole(block) => error = take(&mut order, block),
            Tail::Torn => {
                recovery.torn_bytes = rest.len() as u64;
                recovery.torn_line = Some(order.line());
            }
        }
    }
    (read, error, recovery)
}

fn same(bytes: &[u8], random: &mut Random) {
    let careful = carefully(bytes);
    for piece in [1 << 20, 1 + random.below(200) as usize] {
        let quick = quickly(bytes, piece, MAX_LINE_BYTES);
        assert_eq!(quick, careful, "{}", String::from_utf8_lossy(bytes));
    }
}

fn written(events: &[Event]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        write_event(&mut bytes, event).expect("a vector takes everything");
    }
    bytes
}

#[test]
fn published_histories_in_our_format_are_read_alike() {
    let (mut files, mut quick, mut all) = (0, 0, 0);
    for file in golden_files() {
        let bytes = crate::testing::golden(&file);
        let Ok((history, _)) = read_any(&bytes, &file) else { continue };
        // Other harnesses are looser about who calls when, which is an error for both readers.
        let lines = written(history.events());
        let careful = carefully(&lines);
        assert_eq!(quickly(&lines, 70_000, MAX_LINE_BYTES), careful, "{file}");
        quick += lines.split_inclusive(|b| *b == b'\n').filter_map(quick::event).count();
        all += history.events().len();
        files += 1;
    }
    assert!(files > 500 && quick * 10 > all * 9, "{files} files, {quick} of {all} lines quickly");
}

const LINES: [&str; 16] = [
    r#"{"index":0,"time":1,"process":0,"type":"invoke","f":"cas","value":[1,[2,-3]],"node":"n1"}"#,
    r#"{"index":1,"time":701,"process":1,"type":"invoke","f":"read","value":[17,null]}"#,
    r#"{"index":2,"time":701,"process":0,"type":"ok","f":"cas","value":[1,[2,-3]]}"#,
    r#"{"index":3,"time":702,"process":"nemesis","type":"info","f":"kill","value":{"n1":1}}"#,
    r#"{"index":4,"time":703,"process":1,"type":"info","f":"read","value":null,"error":"timed out"}"#,
    r#"{"index":5,"time":703,"process":2,"type":"invoke","f":"add","value":"plain"}"#,
    r#"{"index":6,"time":703,"process":2,"type":"fail","f":"add","value":"\u00e9\n","error":"é"}"#,
    r#"{"time":704,"index":7,"process":2,"type":"invoke","f":"add","value":1.5,"other":[]}"#,
    r#"{"index":8,"time":705,"process":2,"type":"ok","f":"add","value":-0}"#,
    r#" {"index":9,"time":706,"process":3,"type":"invoke","f":"t","value":[["r",1,null],[true]]} "#,
    r#"{"index":10,"time":707,"process":3,"type":"ok","f":"t","value":[[],[[]],false,18446744073709551615]}"#,
    r#"{"index":11,"time":707,"process":4294967295,"type":"invoke","f":"x","value":-9223372036854775808}"#,
    r#"{"index":12,"time":708,"process":4294967295,"type":"ok","f":"x","value":1e3,"node":null}"#,
    "",
    "  \t",
    r#"{"index":13,"time":709,"process":5,"type":"invoke","f":"read"}"#,
];

#[test]
fn all_that_a_line_may_say_is_read_alike() {
    let text = LINES.join("\n") + "\n";
    let (read, error, _) = carefully(text.as_bytes());
    assert_eq!((read.len(), error), (14, None));
    same(text.as_bytes(), &mut Random(1));
    let quick = LINES.iter().filter(|line| quick::event(format!("{line}\n").as_bytes()).is_some());
    assert_eq!(quick.count(), 5);
}

#[test]
fn damaged_lines_are_read_alike() {
    let mut random = Random(7);
    const INK: &[u8] = b"\"\\{}[],:07-.eEnultrfas \t\n\r\x00\x1f\x7f\xc3\xff";
    for _ in 0..40_000 {
        let from = random.below(LINES.len() as u64) as usize;
        let count = 1 + random.below(4) as usize;
        let mut bytes = LINES[from..].iter().take(count).copied().collect::<Vec<_>>().join("\n");
        if random.chance(80) {
            bytes.push('\n');
        }
        let mut bytes = bytes.into_bytes();
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len() as u64 + 1) as usize;
            let ink = INK[random.below(INK.len() as u64) as usize];
            match random.below(5) {
                0 => bytes.insert(at, ink),
                1 => bytes.truncate(at),
                _ if at == bytes.len() => bytes.push(ink),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] = ink,
            }
        }
        same(&bytes, &mut random);
    }
}

#[test]
fn disordered_lines_are_refused_alike() {
    let mut random = Random(8);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut text = String::new();
        let (mut index, mut time) = (0, 0);
        for _ in 0..12 {
            index += u64::from(!random.chance(3));
            time += 1;
            time -= 2 * u64::from(time > 1 && random.chance(2));
            let process = random.below(3);
            let kind = ["invoke", "ok", "fail", "info"][random.below(4) as usize];
            let f = ["read", "write"][usize::from(random.chance(5))];
            text += &format!(r#"{{"index":{index},"time":{time},"process":{process},"#);
            text += &format!(r#""type":"{kind}","f":"{f}","value":{process}}}"#);
            text += if random.chance(10) { "\n\n" } else { "\n" };
        }
        refused += usize::from(carefully(text.as_bytes()).1.is_some());
        same(text.as_bytes(), &mut random);
    }
    assert!(refused > 10_000, "{refused}");
}

#[test]
fn well_formed_lines_in_any_pieces_make_the_same_history() {
    let mut random = Random(9);
    let text = LINES.join("\n");
    for cut in 0..text.len() {
        same(&text.as_bytes()[..cut], &mut random);
    }
    assert!(History::new(Vec::new()).is_ok());
}

#[test]
fn long_lines_are_refused_alike() {
    let long = format!("{}\n{}\n", LINES[0], LINES[1]);
    let limit = LINES[0].len() + 1;
    let (read, error, _) = quickly(long.as_bytes(), 1000, limit);
    assert_eq!((read.len(), error), (2, None));
    let (read, error, _) = quickly(long.as_bytes(), 1000, limit - 1);
    let error = error.expect("too long");
    assert!(read.is_empty() && error.contains("line 1 is longer"), "{error}");
}

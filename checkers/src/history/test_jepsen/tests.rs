//! Tests of the reader of `test.jepsen`: whole, crashed, cut off and damaged files.

use serde_json::json;

use super::fressian::encoder::{Data, Encoder, key, op};
use super::writer::{self, Writer, event, version_0, version_1};
use super::*;
use crate::history::read_with_hints;

fn entry(key: i64, value: Data) -> Data {
    Data::Tagged("map-entry", vec![Data::Int(key), value])
}

/// Reads and writes of one register, or of a register for each key.
fn events(count: i64, keyed: bool) -> Vec<[Data; 7]> {
    let value = |value| if keyed { entry(3, value) } else { value };
    let mut events = vec![event(0, key("nemesis"), "info", "start", Data::Nil)];
    for index in 1..count {
        let process = Data::Int((index - 1) / 2 % 5);
        let kind = if index % 2 == 1 { "invoke" } else { "ok" };
        let (f, of) = match index / 2 % 2 {
            0 => ("read", if kind == "ok" { Data::Int(index) } else { Data::Nil }),
            _ => ("write", Data::Int(index / 2 * 1000)),
        };
        events.push(event(index, process, kind, f, value(of)));
    }
    events
}

fn found(bytes: &[u8]) -> Reading {
    reading(bytes).expect("readable")
}

fn error(bytes: &[u8]) -> (u64, String) {
    match reading(bytes) {
        Err(ReadError::Binary { offset, why, .. }) => (offset, why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_checksum_is_that_of_zip() {
    assert_eq!(writer::crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn both_versions_are_read() {
    let all = events(41, false);
    for chunk in [1, 7, 40, 41, 16_384] {
        let Reading { history, recovery, hints } = found(&version_1(&all, chunk, true).bytes);
        assert_eq!(history.events().len(), 41, "{chunk}");
        assert_eq!(recovery, Recovery::default(), "{chunk}");
        assert_eq!((hints.format, hints.keyed), (Format::TestJepsen, Some(false)));
    }
    let one = found(&version_1(&all, 7, true).bytes).history;
    let nemesis = &one.events()[0];
    assert_eq!((nemesis.process, &*nemesis.f), (Process::Nemesis, "start"));
    let last = &one.events()[40];
    assert_eq!((last.index, last.time, &last.value), (40, 40_000, &json!(40)));
    assert_eq!((last.node.as_deref(), last.kind), (Some("n1"), Kind::Ok));
    let zero = found(&version_0(&all).bytes);
    assert_eq!(zero.recovery.renumbered, 41);
    let plain = |history: &History| {
        let events = history.events().iter();
        events.map(|e| (e.index, e.time, e.kind, e.f.clone(), e.value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(plain(&zero.history), plain(&one));
    assert_eq!(zero.hints.keyed, Some(false));
}

#[test]
fn it_is_known_by_its_content() {
    let bytes = version_1(&events(9, false), 5, true).bytes;
    assert_eq!(read_with_hints(&bytes, "x").expect("readable").hints.format, Format::TestJepsen);
}

#[test]
fn map_entries_tell_that_the_history_is_keyed() {
    let all = events(41, true);
    for bytes in [version_1(&all, 7, true).bytes, version_0(&all).bytes] {
        let Reading { history, hints, .. } = found(&bytes);
        assert_eq!(hints.keyed, Some(true));
        assert_eq!(history.events()[1].value, json!([3, null]));
    }
    let mut mixed = events(41, true);
    mixed.push(event(41, Data::Int(9), "invoke", "read", Data::Nil));
    assert_eq!(found(&version_1(&mixed, 7, true).bytes).hints.keyed, None);
    assert_eq!(found(&version_1(&events(1, true), 7, true).bytes).hints.keyed, None);
}

#[test]
fn what_a_crashed_run_did_not_seal_is_salvaged() {
    let all = events(41, false);
    for chunk in [7, 41, 100] {
        let writer = version_1(&all, chunk, false);
        let Reading { history, recovery, .. } = found(&writer.bytes);
        assert_eq!(history.events().len(), 41, "{chunk}");
        let last = if 41 % chunk == 0 { chunk.min(41) } else { 41 % chunk };
        assert_eq!((recovery.salvaged, recovery.torn_bytes), (last as u64, 0), "{chunk}");
        assert!(recovery.notes().iter().any(|note| note.contains("salvaged")));
    }
    // Sealed, but neither in the vector of chunks nor in an index.
    let mut writer = version_1(&all[..30], 10, true);
    let ops: Vec<Data> = all[30..].iter().cloned().map(op).collect();
    let id = writer.fresh();
    writer.values(id, writer::STREAM, &ops);
    let Reading { history, recovery, .. } = found(&writer.bytes);
    assert_eq!((history.events().len(), recovery.salvaged), (41, 11));
}

#[test]
fn a_file_cut_off_anywhere_gives_a_beginning_of_its_history() {
    let all = events(21, false);
    for ended in [true, false] {
        let bytes = version_1(&all, 6, ended).bytes;
        let whole = found(&bytes).history;
        let (mut most, mut least) = (0, usize::MAX);
        for cut in 0..bytes.len() {
            match reading(&bytes[..cut]) {
                Ok(Reading { history, .. }) => {
                    let count = history.events().len();
                    assert_eq!(history.events(), &whole.events()[..count], "{cut}");
                    assert!(count >= most, "{cut}: {count} events, {most} in a shorter file");
                    (most, least) = (most.max(count), least.min(count));
                }
                Err(ReadError::Binary { .. }) => assert!(most == 0, "{cut}"),
                Err(other) => panic!("{cut}: {other}"),
            }
        }
        assert_eq!((least, most), (0, if ended { 21 } else { 20 }));
    }
}

#[test]
fn a_tail_of_zeros_is_left_out() {
    let mut bytes = version_1(&events(21, false), 6, false).bytes;
    bytes.extend([0; 4096]);
    let Reading { history, recovery, .. } = found(&bytes);
    assert_eq!((history.events().len(), recovery.torn_bytes), (21, 4096));
    let mut bytes = version_1(&events(21, false), 6, true).bytes;
    bytes.extend([0; 4096]);
    let Reading { history, recovery, .. } = found(&bytes);
    assert_eq!((history.events().len(), recovery.torn_bytes), (21, 4096));
}

#[test]
fn damage_names_the_block_and_its_place() {
    let writer = version_1(&events(21, false), 6, true);
    let whole = found(&writer.bytes).history;
    for at in 18..writer.bytes.len() {
        let mut bytes = writer.bytes.clone();
        bytes[at] ^= 0x10;
        // The block in which the damage is. What is not needed for the history may be damaged,
        // and so may the unused part of a header.
        match reading(&bytes) {
            Ok(Reading { history, recovery, .. }) => {
                assert_eq!(history.events(), whole.events(), "{at}");
                // An index that seems to go on past the end of the file is left out.
                let left = Recovery { torn_bytes: recovery.torn_bytes, ..Recovery::default() };
                assert_eq!(recovery, left, "{at}");
            }
            Err(ReadError::Binary { offset, why, .. }) => {
                let start = writer.blocks.values().filter(|start| **start <= at as u64).max();
                assert_eq!(Some(&offset), start, "{at}: {why}");
                assert!(why.contains("block"), "{at}: {why}");
            }
            Err(other) => panic!("{at}: {other}"),
        }
    }
    let chunk = writer.blocks[&4] as usize;
    let mut bytes = writer.bytes.clone();
    bytes[chunk + 40] ^= 1;
    let (offset, why) = error(&bytes);
    assert_eq!(offset, chunk as u64);
    assert!(why.starts_with("block 4: the checksum of the block is"), "{why}");
}

#[test]
fn a_file_that_makes_no_sense_is_refused() {
    let with_version = |version| Writer::new(version).bytes;
    let all = events(5, false);
    let ops: Vec<Data> = all.iter().cloned().map(op).collect();
    let history = |make: &dyn Fn(&mut Writer, u32) -> u32| {
        let mut writer = Writer::new(1);
        let id = writer.fresh();
        make(&mut writer, id);
        writer.test(id, Vec::new());
        writer.index();
        writer.bytes
    };
    let chunks = |count, chunks: &[(u64, u32)]| {
        history(&|writer, id| {
            let chunk = writer.fresh();
            writer.values(chunk, writer::STREAM, &ops);
            writer.big_vector(id, count, chunks)
        })
    };
    for (bytes, why) in [
        (with_version(2), "version 2 is not known"),
        (with_version(1), "no history"),
        (b"JEPSEN\0\0".to_vec(), "ends in its header"),
        (chunks(5, &[(0, 7)]), "block 7 is not in this index"),
        (chunks(5, &[(1, 2)]), "it begins with event 1, not with 0"),
        (chunks(6, &[(0, 2)]), "its chunks hold 5 events, not 6"),
        (chunks(10, &[(0, 2), (5, 2)]), "it is there twice"),
        (chunks(5, &[(0, 1)]), "it is there twice"),
        (
            history(&|writer, id| writer.values(id, writer::FRESSIAN, &[Data::Int(1)])),
            "a list of op",
        ),
        (history(&|writer, id| writer.values(id, writer::STREAM, &[Data::Int(1)])), "an operation"),
        (history(&|writer, id| writer.block(id, writer::STREAM, &[0xcd])), "ends inside"),
        (history(&|writer, id| writer.block(id, writer::STREAM, &[0xc2])), "no code"),
        (history(&|writer, id| writer.partial_map(id, 0, &Data::Nil)), "no history"),
    ] {
        let (_, found) = error(&bytes);
        assert!(found.contains(why), "{why}: {found}");
    }
    assert_eq!(found(&chunks(5, &[(0, 2)])).history.events().len(), 5);
    // A hundred names for one block.
    let many: Vec<(u64, u32)> = (0..100).map(|chunk| (chunk * 5, chunk as u32 + 2)).collect();
    let bytes = history(&|writer, id| {
        let chunk = writer.fresh();
        writer.values(chunk, writer::STREAM, &ops);
        for (_, other) in &many {
            let at = writer.blocks[&chunk];
            writer.blocks.insert(*other, at);
        }
        writer.big_vector(id, 500, &many)
    });
    assert!(error(&bytes).1.contains("overlaps"), "{:?}", error(&bytes));
}

#[test]
fn chunks_of_chunks_and_roots_in_parts_are_followed() {
    let all = events(12, false);
    let ops =
        |range: std::ops::Range<usize>| all[range].iter().cloned().map(op).collect::<Vec<Data>>();
    let mut writer = Writer::new(1);
    let ids: Vec<u32> = (0..6).map(|_| writer.fresh()).collect();
    writer.values(ids[0], writer::STREAM, &ops(0..4));
    writer.values(ids[1], writer::FRESSIAN, &[Data::List(ops(4..8))]);
    writer.big_vector(ids[2], 8, &[(0, ids[0]), (4, ids[1])]);
    writer.values(ids[3], writer::STREAM, &ops(8..12));
    writer.big_vector(ids[4], 12, &[(0, ids[2]), (8, ids[3])]);
    let reference = Data::Tagged("block-ref", vec![Data::Int(ids[4].into())]);
    writer.partial_map(ids[5], 0, &Data::Map(vec![(key("history"), reference)]));
    writer.root = writer.fresh();
    writer.partial_map(writer.root, ids[5], &Data::Map(vec![(key("name"), Data::Nil)]));
    writer.index();
    let Reading { history, recovery, .. } = found(&writer.bytes);
    assert_eq!(history.events().len(), 12);
    assert_eq!(recovery, Recovery { open_calls: 1, ..Recovery::default() });
}

#[test]
fn a_flaw_names_the_byte_of_its_event() {
    let mut all = events(5, false);
    all[3][0] = Data::Int(2);
    let writer = version_1(&all, 100, true);
    let mut before = Encoder::default();
    all[..3].iter().cloned().for_each(|event| before.write(&op(event)));
    let (offset, why) = error(&writer.bytes);
    assert_eq!(offset, writer.blocks[&4] + 28 + before.bytes.len() as u64);
    assert!(why.contains("indices must increase"), "{why}");
}

//! Tests of formats that know sessions only.

use super::*;

fn read(text: &[u8], name: &str) -> TransactionsRead {
    read_transactions(text, name, "w").expect("transactions")
}

fn told(read: &TransactionsRead) -> Vec<(u32, Status, String)> {
    let txns = read.transactions.all().iter().enumerate();
    txns.map(|(number, txn)| {
        (txn.process, txn.status, read.transactions.text(number as u32, "w").to_string())
    })
    .collect()
}

fn txn(session: u32, status: Status, text: serde_json::Value) -> (u32, Status, String) {
    (session, status, text.to_string())
}

use Status::{Aborted, Committed, Unknown};

#[test]
fn awdit() {
    let found = read(b"w 0 1\nr 1 0\n-----\nr 0 1\n=====\nw 5000000000 1\n", "h.txt");
    assert_eq!(found.format, Format::Awdit);
    assert!(!found.transactions.is_timed());
    let expected = [
        txn(0, Committed, json!([["w", 0, 1], ["r", 1, 0]])),
        txn(0, Committed, json!([["r", 0, 1]])),
        txn(1, Committed, json!([["w", 5_000_000_000_u64, 1]])),
    ];
    assert_eq!(told(&found), expected);
    assert!(found.transactions.in_session_order(0, 1));
    for wrong in ["w 0 1\nx 1", "w 0 1\nw 0", "w 0 1\nw 0 1 2", "w 0 1\nr 0 99999999999999999999"] {
        let error = read_transactions(wrong.as_bytes(), "h", "w").expect_err(wrong).to_string();
        assert!(error.starts_with("line "), "{error}");
    }
}

#[test]
fn plume() {
    let text = b"r(1,0,0,1)\nw(2,0,0,1)\nr(2,0,0,2)\nw(1,3,0,-1)\nw(7,0,-1,-1)\nr(1,4,1,3)\n\
                 r(1,5,0,-1)\nr(1,3,0,1)\n";
    let found = read(text, "h.txt");
    assert_eq!(found.format, Format::Plume);
    let expected = [
        // Its last step stands apart.
        txn(0, Committed, json!([["r", 1, null], ["w", 2, 0], ["r", 1, 3]])),
        txn(0, Committed, json!([["r", 2, 0]])),
        txn(0, Aborted, json!([["w", 1, 3]])),
        txn(1, Committed, json!([["r", 1, 4]])),
    ];
    assert_eq!(told(&found), expected);
    for wrong in ["w(1,2,3,4", "w(1,2,3)", "r(1,2,3,4) r(1,2,3,4)", "r(1,2,3,4)\nw(1,-2,3,4)"] {
        let error = read_transactions(wrong.as_bytes(), "h", "w").expect_err(wrong).to_string();
        assert!(error.starts_with("line "), "{error}");
    }
}

#[test]
fn dbcop_json() {
    let old = br#"{"params":{"id":0},"info":"i","data":[[{"events":[
        {"write":true,"variable":1,"value":2,"success":true},
        {"write":false,"variable":1,"value":0,"success":true},
        {"write":false,"variable":1,"value":9,"success":false},
        {"write":true,"variable":3,"value":4,"success":false}],"success":true}],
        [{"events":[{"write":true,"variable":1,"value":5,"success":true}],"success":false}]]}"#;
    let found = read(old, "history.json");
    assert_eq!(found.format, Format::DbcopJson);
    let expected = [
        txn(0, Committed, json!([["w", 1, 2], ["r", 1, null]])),
        txn(0, Aborted, json!([["w", 3, 4]])),
        txn(1, Aborted, json!([["w", 1, 5]])),
    ];
    assert_eq!(told(&found), expected);
    let new = br#"[[{"events":[{"Write":{"variable":0,"version":1}},
        {"Read":{"variable":"x","version":null}}],"committed":true}],[]]"#;
    let expected = [txn(0, Committed, json!([["w", 0, 1], ["r", "x", null]]))];
    assert_eq!(told(&read(new, "history.json")), expected);
    for wrong in [
        r#"[[{"events":[{"Write":{"variable":0,"version":null}}],"committed":true}]]"#,
        r#"[[{"events":[{"write":true}],"success":true}]]"#,
        r#"[[{"events":[]}]]"#,
        r#"{"params":{}}"#,
        r#"{"data":[[]"#,
    ] {
        let error = read_transactions(wrong.as_bytes(), "h", "w").expect_err(wrong).to_string();
        assert!(error.starts_with("line "), "{error}");
    }
}

#[test]
fn dbcop_text() {
    let text = b"// Session 1\n[x:=1 y==?] [x==1]!\n---\n[y==0\n z:=2]\n";
    let found = read(text, "h.hist");
    assert_eq!(found.format, Format::DbcopText);
    let expected = [
        txn(0, Committed, json!([["w", "x", 1], ["r", "y", null]])),
        txn(0, Aborted, json!([["r", "x", null]])),
        txn(1, Committed, json!([["r", "y", null], ["w", "z", 2]])),
    ];
    assert_eq!(told(&found), expected);
    for wrong in ["[x:=1", "[x:=]", "[x==1 y:=?]", "[x:=1] 3"] {
        let error = read_transactions(wrong.as_bytes(), "h", "w").expect_err(wrong).to_string();
        assert!(error.starts_with("line "), "{error}");
    }
}

#[test]
fn dbcop_binary() {
    let mut file = Vec::new();
    let number = |file: &mut Vec<u8>, number: u64| file.extend_from_slice(&number.to_le_bytes());
    for header in [0, 1, 2, 1, 2] {
        number(&mut file, header);
    }
    for text in ["info", "start", ""] {
        number(&mut file, text.len() as u64);
        file.extend_from_slice(text.as_bytes());
    }
    // A session with one transaction of two events.
    for count in [1, 1, 2] {
        number(&mut file, count);
    }
    for (write, key, value) in [(1, 7, 8), (0, 9, 0)] {
        file.push(write);
        number(&mut file, key);
        number(&mut file, value);
        file.push(1);
    }
    file.push(1);
    let found = read(&file, "history.bincode");
    assert_eq!(found.format, Format::DbcopBinary);
    assert_eq!(told(&found), [txn(0, Committed, json!([["w", 7, 8], ["r", 9, null]]))]);
    for length in 72..file.len() {
        let cut = read_transactions(&file[..length], "history.bincode", "w");
        assert!(cut.is_err(), "cut at {length}");
    }
}

/// A Cobra log of records, each a letter and numbers.
fn log(records: &[(u8, &[u64])]) -> Vec<u8> {
    let mut log = Vec::new();
    for (kind, numbers) in records {
        log.push(*kind);
        log.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
    }
    log
}

#[test]
fn cobra() {
    let first = log(&[
        (b'S', &[10]),
        (b'W', &[1, 100, 555]),
        (b'R', &[0xbebe_ebee, 0xbebe_ebee, 101, 0]),
        (b'R', &[0xbebe_ebee, 0x2333_2333, 102, 0]),
        (b'C', &[10]),
        (b'S', &[11]),
        (b'R', &[20, 7, 100, 3]),
        (b'A', &[11]),
        (b'S', &[12]),
        (b'W', &[2, 100, 5]),
    ]);
    let expected = [
        txn(0, Committed, json!([["w", 100, 1], ["r", 101, null]])),
        txn(0, Aborted, json!([["r", 100, null]])),
        txn(0, Unknown, json!([["w", 100, 2]])),
    ];
    let found = read(&first, "T1.log");
    assert_eq!(found.format, Format::Cobra);
    assert_eq!(told(&found), expected);
    let stamped = log(&[(b'S', &[20, 1_600_000_000_000]), (b'W', &[7, 100, 3]), (b'C', &[20, 99])]);
    assert_eq!(told(&read(&stamped, "T2.log")), [txn(0, Committed, json!([["w", 100, 7]]))]);
    let both = read_cobra(&[&first, &stamped]).expect("two sessions");
    assert_eq!((both.len(), both.txn(3).process), (4, 1));
    let cut = read_cobra(&[&first[..first.len() - 1]]).expect_err("cut off").to_string();
    assert!(cut.contains("cut off"), "{cut}");
}

#[test]
fn stored_files_are_read() {
    for folder in ["awdit/causal", "awdit/none", "awdit/read-atomic", "awdit/read-committed"] {
        for (name, bytes) in files(&[folder]) {
            let found = read(&bytes, &name);
            assert_eq!(found.format, Format::Awdit, "{name}");
            assert!(found.transactions.len() > 1, "{name}");
        }
    }
    for (name, bytes) in files(&["databases/galera_pw", "databases/roach_pw"]) {
        let found = read(&bytes, &name);
        assert_eq!(found.format, Format::Plume, "{name}");
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert!(found.events as usize >= lines, "{name}");
    }
}

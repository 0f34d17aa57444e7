//! Tests of the reader of Jepsen's logs.

use serde_json::json;

use super::*;
use crate::Outcome;

const PORCUPINE: &str = "\
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO  jepsen.util - 1\t:invoke\t:write\t4
INFO  jepsen.util - 0\t:ok\t:read\tnil
INFO  jepsen.util - 0\t:invoke\t:cas\t[1 2]
INFO  jepsen.util - 1\t:info\t:write\t:timed-out
INFO  jepsen.util - 0\t:fail\t:cas\t[1 2]
INFO  jepsen.util - 1\t:invoke\t:read\tnil
";

fn cas_hints(text: &str) -> Hints {
    reading(text.as_bytes()).expect(text).hints
}

#[test]
fn an_etcd_log_of_porcupine_is_read() {
    let Reading { history, recovery, hints } = reading(PORCUPINE.as_bytes()).expect("readable");
    let operations = history.operations();
    let found: Vec<_> = operations.iter().map(|o| (o.process, o.f, o.outcome)).collect();
    assert_eq!(
        found,
        [
            (0, "read", Outcome::Ok(&json!(null))),
            (1, "write", Outcome::Unknown),
            (0, "cas", Outcome::Failed),
            (1, "read", Outcome::Unknown),
        ]
    );
    let info = &history.events()[4];
    assert_eq!((&info.value, info.error.as_deref()), (&json!(4), Some("timed-out")));
    assert_eq!((recovery.open_calls, recovery.other_lines), (1, 0));
    let expected = Hints {
        workload: Some("cas-register"),
        keyed: Some(false),
        failed_cas_compares: true,
        initial: Some(Value::Null),
        ..Hints::none(Format::Log)
    };
    assert_eq!(hints, expected);
}

#[test]
fn what_is_not_certain_is_not_hinted() {
    let failed_write = format!("{PORCUPINE}INFO  jepsen.util - 5\t:fail\t:write\t4\n");
    assert!(!cas_hints(&failed_write).failed_cas_compares);
    let reason = format!("{PORCUPINE}INFO  jepsen.util - 5\t:fail\t:cas\t[1 2]\t:refused\n");
    assert!(!cas_hints(&reason).failed_cas_compares);
    let reason = format!("{PORCUPINE}INFO  jepsen.util - 5\t:fail\t:cas\t:refused\n");
    assert!(!cas_hints(&reason).failed_cas_compares);
    let other = format!("{PORCUPINE}INFO  jepsen.util - 5\t:invoke\t:add\t4\n");
    assert_eq!(cas_hints(&other), Hints::none(Format::Log));
    let keyed = PORCUPINE.replace("nil", "[3 nil]");
    assert_eq!(cas_hints(&keyed).keyed, None);
    // The same events as `history.txt`, of any test whatsoever.
    let plain = cas_hints(&PORCUPINE.replace("INFO  jepsen.util - ", ""));
    assert_eq!((plain.failed_cas_compares, plain.initial), (false, None));
}

#[test]
fn a_history_txt_is_read() {
    let text = "0\t:invoke\t:txn\t[[:append 1 \"a\\tb\"]]\n:nemesis\t:info\t:start\t#{\"n1\"}\n\
                0\t:info\t:txn\t[[:append 1 \"a\\tb\"]]\tindeterminate: java.io.Exception\n\
                \tat java.lang.Thread\n  goes on\t:here\n:logger\t:info\t:note\tnil\n";
    let Reading { history, recovery, .. } = reading(text.as_bytes()).expect("readable");
    let events = history.events();
    assert_eq!(events.len(), 3);
    assert_eq!(events[0].value, json!([["append", 1, "a\tb"]]));
    assert_eq!((events[1].process, &events[1].value), (Process::Nemesis, &json!(["n1"])));
    assert_eq!(events[2].error.as_deref(), Some("indeterminate: java.io.Exception"));
    assert_eq!((recovery.other_lines, recovery.skipped), (2, 1));
}

#[test]
fn the_events_of_a_jepsen_log_are_read() {
    let stamp = "2026-07-30 19:47:45,485{GMT}\tINFO\t";
    let mut text = String::new();
    for _ in 0..20 {
        text.push_str(&format!("{stamp}[main] jepsen.cli: Test options:\n {{:a\t1}}\n"));
    }
    text.push_str(&format!("{stamp}[jepsen worker 3] jepsen.util: 3\t:invoke\t:read\tnil\n"));
    text.push_str(&format!("{stamp}[jepsen worker 3] jepsen.util: 3\t:ok\t:read\t7\r\n"));
    text.push_str(&format!("{stamp}[main] jepsen.util: Waiting\n"));
    let Reading { history, recovery, .. } = reading(text.as_bytes()).expect("readable");
    assert_eq!(history.operations()[0].output(), Some(&json!(7)));
    assert_eq!(recovery.other_lines, 41);
    for (from, to) in [("3\t:invoke", "3:invoke"), (" jepsen.util: 3\t:ok", " jep: 3\t:ok")] {
        let error = reading(text.replace(from, to).as_bytes()).expect_err("damaged").to_string();
        let line = if to.ends_with("ok") { "line 42" } else { "line 41" };
        assert!(error.contains(line), "{error}");
    }
}

#[test]
fn errors_name_line_and_column() {
    for (text, line, column, why) in [
        ("0\t:ok\t:read\t[1", 1, 15, "ends inside"),
        ("0\t:ok\t:read\t1 2", 1, 15, "only one value"),
        ("0\t:ok\t:read\t1\n0\t:maybe\t:read\t2", 2, 3, ":maybe is no type"),
        ("0\t:ok\t:read\t1\n0\t:ok\t7\t2", 2, 7, "no function's name"),
        ("0\t:ok\t:read\t1\n0\t:ok\t:read", 2, 12, "a tab between"),
        ("0\t:ok\t:read\t1\n-1\t:ok\t:read\t2", 2, 1, "process -1"),
        ("0\t:ok\t:read\t1\n \t:ok\t:read\t2", 2, 1, "needs a process"),
        ("0\t:ok\t:read\t1\n\n;\t:ok\t:read\t2", 3, 1, "needs a process"),
        ("INFO  jepsen.util - 0\t:ok\t:read\t1\nINFO jepsen - hello", 2, 1, "should stand"),
        ("INFO  jepsen.util - 0\t:ok\t:read\t1\nINFO  jepsen.util - hello", 2, 26, "a tab between"),
    ] {
        let error = reading(text.as_bytes()).expect_err(text);
        let ReadError::Foreign { line: l, column: c, .. } = &error else { panic!("{error}") };
        assert_eq!((*l, *c), (line, column), "{text}: {error}");
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
}

//! Tests of `disk` with a real agent and a real mount.

use super::*;
use crate::power::tests::{has_fuse, lab, undo};
use crate::testing::{in_namespaces, operations, options};

#[tokio::test]
async fn each_kind_is_met_by_files_and_mended() {
    if !has_fuse() || !in_namespaces("disk::tests::each_kind_is_met_by_files_and_mended") {
        return;
    }
    let (lab, data) = lab();
    let file = data.join("file");
    std::fs::write(&file, "text").unwrap();
    lab.start_all();
    let slow = json!({"kind": "slow", "delay_ms": 60});
    for (failure, write, read) in [
        (json!({"kind": "eio", "read": false, "write": true, "sync": true}), Some(libc::EIO), None),
        (
            json!({"kind": "eio", "read": true, "write": false, "sync": false}),
            None,
            Some(libc::EIO),
        ),
        (json!({"kind": "enospc"}), Some(libc::ENOSPC), None),
        (slow, None, None),
    ] {
        let value = json!({"spec": "one", "targets": ["n1"], "failure": failure});
        let outcome = Disk::act(&lab, &Op::new("disk-fail", value)).await;
        assert!(matches!(outcome, Applied::Installed(_)), "{failure}: {outcome:?}");
        let errno = |error: std::io::Error| error.raw_os_error();
        assert_eq!(std::fs::write(&file, "text").err().and_then(errno), write, "{failure}");
        assert_eq!(std::fs::read(&file).err().and_then(errno), read, "{failure}");
        let outcome = Disk::act(&lab, &Op::new("disk-mend", Value::Null)).await;
        assert!(matches!(outcome, Applied::Healed(_)), "{failure}: {outcome:?}");
        std::fs::write(&file, "text").unwrap();
    }
    let again = Disk::act(&lab, &Op::new("disk-mend", Value::Null)).await;
    assert!(matches!(again, Applied::Skipped(_)), "{again:?}");
    lab.call(0, "process.kill", json!({"name": "db"})).unwrap();
    let revived = Disk::act(&lab, &Op::new("disk-mend", Value::Null)).await;
    let Applied::Healed(evidence) = revived else { panic!("{revived:?}") };
    assert!(evidence["nodes"]["n1"]["database"]["pid"].is_u64(), "{evidence}");
    undo(&lab);
}

#[test]
fn operations_say_what_fails() {
    let ops = operations(Disk.schedule(&options(3, &[]), Seed::root(1)), 10);
    let kinds: std::collections::BTreeSet<String> =
        ops.iter().step_by(2).map(|op| op.value["failure"].to_string()).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    let scripted = Disk.script("enospc n1+n2", &options(3, &[]), Seed::root(1)).unwrap();
    assert_eq!(scripted.value["failure"], json!({"kind": "enospc"}));
    assert_eq!(scripted.value["targets"], json!(["n1", "n2"]));
    let error = Disk.script("broken", &options(3, &[]), Seed::root(1)).unwrap_err();
    assert!(error.contains("eio-fsync"), "{error}");
}

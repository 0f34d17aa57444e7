//! Tests of `file` with real agents and files.

use super::*;
use crate::testing::{Lab, operations, options};
use std::path::PathBuf;

fn lab() -> (Lab, Vec<String>, PathBuf) {
    let lab = Lab::pretended(1);
    let data = lab.nodes[0].state.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let file = data.join("log");
    std::fs::write(&file, (0..10_000u32).map(|n| (n * n) as u8).collect::<Vec<u8>>()).unwrap();
    (lab, vec![data.display().to_string()], file)
}

fn damage(kind: Kind) -> Op {
    Op::new("corrupt", json!({"spec": "one", "targets": ["n1"], "damage": kind, "seed": 1}))
}

fn restore() -> Op {
    Op::new("restore", Value::Null)
}

#[tokio::test]
async fn each_kind_changes_bytes_and_is_undone() {
    let (lab, data, file) = lab();
    let good = std::fs::read(&file).unwrap();
    for kind in [Kind::Truncate, Kind::BitFlips, Kind::ChunkCopy] {
        let outcome = Files::act(&lab, &data, &damage(kind)).await;
        let Applied::Installed(evidence) = outcome else { panic!("{kind:?}: {outcome:?}") };
        assert!(evidence["nodes"]["n1"]["changed_bytes"].as_u64().unwrap() > 0, "{evidence}");
        assert_ne!(std::fs::read(&file).unwrap(), good, "{kind:?}");
        let outcome = Files::act(&lab, &data, &restore()).await;
        assert!(matches!(outcome, Applied::Healed(_)), "{kind:?}: {outcome:?}");
        assert_eq!(std::fs::read(&file).unwrap(), good, "{kind:?}");
    }
    let outcome = Files::act(&lab, &data, &restore()).await;
    assert!(matches!(outcome, Applied::Skipped(_)), "{outcome:?}");
}

#[tokio::test]
async fn a_rollback_takes_back_what_was_written_in_a_second() {
    let (lab, data, file) = lab();
    let before = std::fs::read(&file).unwrap();
    let outcome = Files::act(&lab, &data, &damage(Kind::Rollback)).await;
    let Applied::Skipped(reason) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("as it was a second before"), "{reason}");
    let mut after = before.clone();
    after[10..20].fill(b'x');
    after.extend([b'y'; 500]);
    let (written, path) = (after.clone(), file.clone());
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(400));
        std::fs::write(path, written).unwrap();
    });
    let outcome = Files::act(&lab, &data, &damage(Kind::Rollback)).await;
    writer.join().unwrap();
    let Applied::Installed(evidence) = outcome else { panic!("{outcome:?}") };
    assert!(evidence["nodes"]["n1"]["changed_bytes"].as_u64() >= Some(500), "{evidence}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    let outcome = Files::act(&lab, &data, &restore()).await;
    assert!(matches!(outcome, Applied::Healed(_)), "{outcome:?}");
    assert_eq!(std::fs::read(&file).unwrap(), after);
}

#[tokio::test]
async fn what_the_database_has_written_since_is_left_alone() {
    let (lab, data, file) = lab();
    Files::act(&lab, &data, &damage(Kind::Truncate)).await;
    std::fs::write(&file, "another").unwrap();
    Files::act(&lab, &data, &damage(Kind::BitFlips)).await;
    std::fs::write(&file, "something else").unwrap();
    let outcome = Files::act(&lab, &data, &restore()).await;
    assert!(matches!(outcome, Applied::Healed(_)), "{outcome:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "something else");
    std::fs::remove_file(&file).unwrap();
    let outcome = Files::act(&lab, &data, &damage(Kind::BitFlips)).await;
    let Applied::Skipped(reason) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("no file with content"), "{reason}");
}

#[test]
fn an_agent_that_is_killed_leaves_the_damage_to_the_next() {
    let (lab, directories, file) = lab();
    let good = std::fs::read(&file).unwrap();
    let with = json!(Corrupt { directories, kind: Kind::ChunkCopy, seed: 3 });
    lab.call(0, FILE_CORRUPT, with).unwrap();
    assert_ne!(std::fs::read(&file).unwrap(), good);
    lab.nodes[0].agent.lock().unwrap().sigkill();
    let next = crate::agent::tests::Client::start(&lab.nodes[0].state, 60_000);
    assert!(next.hello.healed.iter().any(|line| line.contains("put back")), "{:?}", next.hello);
    assert_eq!(std::fs::read(&file).unwrap(), good);
}

#[tokio::test]
async fn an_agent_that_only_says_so_is_not_believed() {
    for (pretended, op) in [(FILE_CORRUPT, damage(Kind::Truncate)), (FILE_RESTORE, restore())] {
        let (lab, data, _) = lab();
        if pretended == FILE_RESTORE {
            Files::act(&lab, &data, &damage(Kind::Truncate)).await;
        }
        *lab.pretence.lock().unwrap() = Some((pretended, json!(["it is done"])));
        let outcome = Files::act(&lab, &data, &op).await;
        assert!(matches!(outcome, Applied::Indeterminate(_)), "{pretended}: {outcome:?}");
    }
}

#[test]
fn operations_say_what_is_damaged_and_spare_the_majority() {
    let ops = operations(Files.schedule(&options(5, &[]), Seed::root(1)), 12);
    for op in ops.iter().step_by(2) {
        assert_eq!(op.value["targets"].as_array().unwrap().len(), 1, "{op:?}");
    }
    let scripted = Files.script("bit-flips n1+n2", &options(3, &[]), Seed::root(1)).unwrap();
    assert_eq!(scripted.value["damage"], "bit-flips");
    let error = Files.script("burn", &options(3, &[]), Seed::root(1)).unwrap_err();
    assert!(error.contains("chunk-copy"), "{error}");
}

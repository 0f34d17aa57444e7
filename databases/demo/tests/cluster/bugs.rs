//! Each planted bug shows its mistake when asked to, and only then.

use crate::support::{Cluster, until};
use perjury_clock::Page;
use perjury_clock::steer::{FROZEN, Steering};
use perjury_demo::bugs::Bug;
use perjury_demo::client::{LocalWorkload, Workload};
use perjury_harness::{Client, Failure, Op};
use serde_json::{Value, json};
use std::time::Duration;

/// Whether a follower that is cut off answers a read with what has been overwritten since.
async fn reads_stale(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    cluster.must(leader, Workload::Register, "write", json!([1, "old"])).await;
    let target = cluster.status(leader).await.unwrap().applied;
    let follower = followers[0];
    until(async || cluster.status(follower).await.unwrap().applied >= target).await;
    cluster.isolate(&[follower]);
    cluster.must(leader, Workload::Register, "write", json!([1, "new"])).await;
    cluster.ask(follower, Workload::Register, "read", json!([1, null])).await
        == Ok(json!([1, "old"]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stale_reads() {
    assert!(reads_stale(Some(Bug::StaleReads)).await);
    assert!(!reads_stale(None).await);
}

/// Whether a leader that is cut off acknowledges an element that is gone afterwards.
async fn loses_acknowledged(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    cluster.isolate(&[leader]);
    let acknowledged = cluster.ask(leader, Workload::Set, "add", json!(1)).await.is_ok();
    let new_leader = cluster.leader(&followers).await;
    cluster.must(new_leader, Workload::Set, "add", json!(2)).await;
    cluster.mend();
    let elements = cluster.must(leader, Workload::Set, "read", Value::Null).await;
    acknowledged && elements == json!([2])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_ack() {
    assert!(loses_acknowledged(Some(Bug::EarlyAck)).await);
    assert!(!loses_acknowledged(None).await);
}

/// Whether elements are gone after all nodes have been stopped at once.
async fn forgets(bug: Option<Bug>) -> bool {
    let mut cluster = Cluster::start(3, bug).await;
    for element in 0..20 {
        cluster.must(0, Workload::Set, "add", json!(element)).await;
    }
    for node in cluster.nodes() {
        cluster.stop(node).await;
    }
    for node in cluster.nodes() {
        cluster.restart(node).await;
    }
    let elements = cluster.must(0, Workload::Set, "read", Value::Null).await;
    elements.as_array().unwrap().len() < 20
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fsync() {
    assert!(forgets(Some(Bug::NoFsync)).await);
    assert!(!forgets(None).await);
}

/// Whether a read on a leader that is cut off sees what its writer was told had not happened.
async fn reads_aborted(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    let (leader, _) = cluster.leader_and_followers().await;
    cluster.isolate(&[leader]);
    let append = json!([["append", 1, 7]]);
    let written = cluster.ask(leader, Workload::ListAppend, "txn", append).await;
    let read = cluster.ask(leader, Workload::ListAppend, "txn", json!([["r", 1, null]])).await;
    matches!(written, Err(Failure::Definite(_))) && read == Ok(json!([["r", 1, [7]]]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dirty_reads() {
    assert!(reads_aborted(Some(Bug::DirtyReads)).await);
    assert!(!reads_aborted(None).await);
}

/// How many of many reads see one half of a transaction without the other.
async fn half_seen(bug: Option<Bug>) -> usize {
    let cluster = Cluster::start(3, bug).await;
    let mut writer = cluster.client(0, Workload::ListAppend).await;
    let mut reader = cluster.client(1, Workload::ListAppend).await;
    let writing = tokio::spawn(async move {
        for n in 0..100 {
            let both = json!([["append", 1, n], ["append", 2, n]]);
            writer.invoke(&Op::new("txn", both)).await.unwrap();
        }
    });
    let mut torn = 0;
    while !writing.is_finished() {
        let read = Op::new("txn", json!([["r", 2, null], ["r", 1, null]]));
        let read = reader.invoke(&read).await.unwrap();
        torn += usize::from(read[0][2] != read[1][2]);
    }
    writing.await.unwrap();
    torn
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torn_transactions() {
    assert!(half_seen(Some(Bug::TornTransactions)).await > 0);
    assert_eq!(half_seen(None).await, 0);
}

/// How often two clients that raced for the same compare-and-set both won.
async fn both_won(bug: Option<Bug>) -> usize {
    let cluster = Cluster::start(3, bug).await;
    let mut left = cluster.client(1, Workload::Register).await;
    let mut right = cluster.client(2, Workload::Register).await;
    let mut count = 0;
    for key in 0..60 {
        let cas = |new: &str| Op::new("cas", json!([key, [null, new]]));
        let (left_op, right_op) = (cas("left"), cas("right"));
        let (left, right) = tokio::join!(left.invoke(&left_op), right.invoke(&right_op));
        count += usize::from(left.is_ok() && right.is_ok());
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_cas() {
    assert!(both_won(Some(Bug::LostCas)).await > 0);
    assert_eq!(both_won(None).await, 0);
}

/// How often an element is in the list after one append of it, with the majority cut off from
/// the leader for a moment that is too short to replace it.
async fn copies(bug: Option<Bug>) -> usize {
    let cluster = Cluster::start(3, bug).await;
    // A machine busy with other things may elect another leader all the same; then once more.
    for attempt in 1.. {
        let (leader, _) = cluster.leader_and_followers().await;
        let key = json!(attempt);
        cluster.isolate(&[leader]);
        let mut client = cluster.client(leader, Workload::ListAppend).await;
        let append = Op::new("txn", json!([["append", key, "once"]]));
        let writing = tokio::spawn(async move { client.invoke(&append).await });
        tokio::time::sleep(Duration::from_millis(250)).await;
        cluster.mend();
        if writing.await.unwrap().is_ok() {
            let read = json!([["r", key, null]]);
            let read = cluster.must(leader, Workload::ListAppend, "txn", read).await;
            return read[0][2].as_array().unwrap().len();
        }
        assert!(attempt < 20, "no append succeeded in {attempt} attempts");
    }
    unreachable!("the attempts are counted")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retry_duplicates() {
    assert!(copies(Some(Bug::RetryDuplicates)).await > 1);
    assert_eq!(copies(None).await, 1);
}

/// Whether both sides of a partition accept writes and read them back.
async fn two_leaders(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    cluster.isolate(&[leader]);
    let other = cluster.leader(&followers).await;
    cluster.must(other, Workload::Register, "write", json!([1, "majority"])).await;
    // Long enough for the old leader to notice the silence, after which the correct one refuses.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let write = cluster.ask(leader, Workload::Register, "write", json!([1, "minority"])).await;
    let read = cluster.ask(leader, Workload::Register, "read", json!([1, null])).await;
    let both = write.is_ok() && read == Ok(json!([1, "minority"]));
    cluster.mend();
    until(async || {
        let read = cluster.ask(leader, Workload::Register, "read", json!([1, null])).await;
        read == Ok(json!([1, "majority"]))
    })
    .await;
    both
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn split_brain() {
    assert!(two_leaders(Some(Bug::SplitBrain)).await);
    assert!(!two_leaders(None).await);
}

/// Whether a leader that is cut off answers reads from before another one took over, with the wall
/// clock standing still or not.
async fn outlives_its_lease(bug: Option<Bug>, frozen: bool) -> bool {
    let cluster = Cluster::start(3, bug).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    if frozen {
        let frozen = Steering { mode: FROZEN, frozen_ns: 1_000_000_000, ..Steering::default() };
        Page::open(&cluster.clock()).unwrap().steer(frozen).unwrap();
    }
    cluster.must(leader, Workload::Register, "write", json!([1, "old"])).await;
    cluster.must(leader, Workload::Register, "read", json!([1, null])).await;
    cluster.isolate(&[leader]);
    let new_leader = cluster.leader(&followers).await;
    cluster.must(new_leader, Workload::Register, "write", json!([1, "new"])).await;
    cluster.ask(leader, Workload::Register, "read", json!([1, null])).await == Ok(json!([1, "old"]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clock_lease() {
    assert!(outlives_its_lease(Some(Bug::ClockLease), true).await);
    assert!(!outlives_its_lease(Some(Bug::ClockLease), false).await);
    assert!(!outlives_its_lease(None, true).await);
}

/// Whether a leader to which answers come late reads what another has overwritten since.
async fn leads_too_long(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    let (leader, followers) = cluster.leader_and_followers().await;
    cluster.must(leader, Workload::Register, "write", json!([1, "old"])).await;
    cluster.must(leader, Workload::Register, "read", json!([1, null])).await;
    cluster.slow(leader, Duration::ZERO, Duration::from_millis(1500));
    // Heartbeats are heard and answered. Those after them are not heard in time, nor is the news
    // of the next leader.
    tokio::time::sleep(Duration::from_millis(200)).await;
    cluster.slow(leader, Duration::from_secs(20), Duration::from_millis(1500));
    cluster.deafen(leader);
    let other = cluster.leader(&followers).await;
    cluster.must(other, Workload::Register, "write", json!([1, "new"])).await;
    for _ in 0..20 {
        let read = cluster.ask(leader, Workload::Register, "read", json!([1, null]));
        let read = tokio::time::timeout(Duration::from_millis(100), read).await;
        if let Ok(Ok(read)) = read {
            return read == json!([1, "old"]);
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_lease() {
    assert!(leads_too_long(Some(Bug::LateLease)).await);
    assert!(!leads_too_long(None).await);
}

/// Whether the group goes on after what one of its members was given and did not commit.
async fn commits_for_members(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    cluster.must(0, Workload::PartitionedLog, "send", json!([["send", 0, 7]])).await;
    let mut seen = Vec::new();
    for node in [1, 2] {
        let mut member = cluster.client(node, Workload::PartitionedLog).await;
        member.invoke(&Op::new("subscribe", json!([0]))).await.unwrap();
        let mut polled = member.invoke(&Op::new("poll", json!([["poll"]]))).await.unwrap();
        seen.push(polled[0][1].take());
        // It leaves the group, and has not said that it has got anything.
        member.invoke(&Op::new("assign", json!([0]))).await.unwrap();
    }
    assert_eq!(seen[0], json!({"0": [[0, 7]]}));
    seen[1] == json!({"0": []})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auto_commit() {
    assert!(commits_for_members(Some(Bug::AutoCommit)).await);
    assert!(!commits_for_members(None).await);
}

/// Whether a transaction on logs polls what it has sent itself.
async fn polls_its_own(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    let mut client = cluster.client(0, Workload::PartitionedLog).await;
    let all = json!({"keys": [0], "from": "beginning"});
    client.invoke(&Op::new("assign", all)).await.unwrap();
    let both = json!([["send", 0, 7], ["poll"]]);
    let done = client.invoke(&Op::new("txn", both)).await.unwrap();
    assert_eq!(done[0], json!(["send", 0, [0, 7]]));
    done[1] == json!(["poll", {"0": [[0, 7]]}])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn torn_transactions_on_logs() {
    assert!(polls_its_own(Some(Bug::TornTransactions)).await);
    assert!(!polls_its_own(None).await);
}

/// Whether a watcher that is far behind is told of newer changes only.
async fn skips_changes(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    let mut writer = cluster.client(0, Workload::Watch).await;
    for value in 0..120 {
        writer.invoke(&Op::new("write", json!([["x", value]]))).await.unwrap();
    }
    let told = cluster.must(1, Workload::Watch, "watch", json!("latest")).await;
    assert_eq!((&told["from"], &told["revision"]), (&json!(1), &json!(120)));
    told["events"].as_array().unwrap().len() < 120
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skipping_watch() {
    assert!(skips_changes(Some(Bug::SkippingWatch)).await);
    assert!(!skips_changes(None).await);
}

/// Whether a node that was cut off while another one was written to never hears of it.
async fn stays_apart(bug: Option<Bug>) -> bool {
    let workload = Workload::Local(LocalWorkload::Registers);
    let cluster = Cluster::start(3, bug).await;
    cluster.isolate(&[2]);
    cluster.must(0, workload, "write", json!([1, 7])).await;
    // Longer than it is pushed.
    tokio::time::sleep(Duration::from_millis(1800)).await;
    cluster.mend();
    for _ in 0..30 {
        let read = cluster.must(2, workload, "read", json!([1, null])).await;
        if read[1] == 7 {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_repair() {
    assert!(stays_apart(Some(Bug::NoRepair)).await);
    assert!(!stays_apart(None).await);
}

/// Whether a node that was cut off while an element was removed elsewhere goes on showing it.
async fn shows_what_was_removed(bug: Option<Bug>) -> bool {
    let workload = Workload::Local(LocalWorkload::OrSet);
    let cluster = Cluster::start(3, bug).await;
    cluster.must(0, workload, "add", json!([1, 7])).await;
    until(async || cluster.must(2, workload, "read", json!([1, null])).await[1] == json!([7]))
        .await;
    cluster.isolate(&[2]);
    cluster.must(0, workload, "remove", json!([1, 7])).await;
    tokio::time::sleep(Duration::from_millis(1800)).await;
    cluster.mend();
    // What comes after the removal has come, and so has that.
    cluster.must(0, workload, "add", json!([1, 8])).await;
    let mut read = json!(null);
    until(async || {
        read = cluster.must(2, workload, "read", json!([1, null])).await[1].clone();
        read.as_array().unwrap().contains(&json!(8))
    })
    .await;
    read.as_array().unwrap().contains(&json!(7))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resurrection() {
    assert!(shows_what_was_removed(Some(Bug::Resurrection)).await);
    assert!(!shows_what_was_removed(None).await);
}

/// What a node counts to which every addition was pushed until it gave an answer, with late answers.
async fn counted(bug: Option<Bug>) -> i64 {
    let workload = Workload::Local(LocalWorkload::Counter);
    let cluster = Cluster::start(3, bug).await;
    cluster.slow(0, Duration::ZERO, Duration::from_millis(900));
    cluster.must(0, workload, "add", json!([1, 5])).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    cluster.must(1, workload, "read", json!([1, null])).await[1].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn double_count() {
    assert!(counted(Some(Bug::DoubleCount)).await > 5);
    assert_eq!(counted(None).await, 5);
}

/// How many values a register has that was written on both sides of a partition.
async fn kept(bug: Option<Bug>) -> usize {
    let workload = Workload::Local(LocalWorkload::Siblings);
    let cluster = Cluster::start(3, bug).await;
    cluster.isolate(&[2]);
    cluster.must(0, workload, "write", json!([1, 7])).await;
    cluster.must(2, workload, "write", json!([1, 8])).await;
    cluster.must(0, workload, "write", json!([2, 9])).await;
    cluster.mend();
    until(async || cluster.must(2, workload, "read", json!([2, null])).await[1] == json!([9]))
        .await;
    cluster.must(2, workload, "read", json!([1, null])).await[1].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_write_wins() {
    assert_eq!(kept(Some(Bug::LastWriteWins)).await, 1);
    assert_eq!(kept(None).await, 2);
}

/// What each node answers alone is there again after all have been stopped at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nodes_answer_alone_is_durable() {
    let workload = Workload::Local(LocalWorkload::OrSet);
    let mut cluster = Cluster::start(3, None).await;
    for element in 0..20 {
        cluster.must(element % 3, workload, "add", json!([1, element])).await;
    }
    for node in cluster.nodes() {
        cluster.stop(node).await;
    }
    for node in cluster.nodes() {
        cluster.restart(node).await;
    }
    for node in cluster.nodes() {
        let all = json!((0..20).collect::<Vec<_>>());
        until(async || {
            cluster.eventually(node, workload, "read", json!([1, null])).await[1] == all
        })
        .await;
    }
}

/// Whether a lock stays with a client that does not come back.
async fn stays_with_the_dead(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    cluster.must(0, Workload::Lock, "acquire", Value::Null).await;
    let mut other = cluster.client(1, Workload::Lock).await;
    let acquire = Op::new("acquire", Value::Null);
    assert!(other.invoke(&acquire).await.is_err());
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    other.invoke(&acquire).await.is_err()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eternal_locks() {
    assert!(stays_with_the_dead(Some(Bug::EternalLocks)).await);
    assert!(!stays_with_the_dead(None).await);
}

/// Whether two members of a group poll one log in one generation, when one of them was away.
async fn claims_what_others_have(bug: Option<Bug>) -> bool {
    let cluster = Cluster::start(3, bug).await;
    let (subscribe, poll) =
        (Op::new("subscribe", json!([0, 1])), Op::new("poll", json!([["poll"]])));
    let mut away = cluster.client(1, Workload::PartitionedLog).await;
    away.invoke(&subscribe).await.unwrap();
    let mut other = cluster.client(2, Workload::PartitionedLog).await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    other.invoke(&subscribe).await.unwrap();
    let back = away.invoke(&poll).await.unwrap()[0][2].take();
    let other = other.invoke(&poll).await.unwrap()[0][2].take();
    assert_eq!(back["generation"], other["generation"]);
    let of_other = other["keys"].as_array().unwrap();
    back["keys"].as_array().unwrap().iter().any(|key| of_other.contains(key))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sticky_claims() {
    assert!(claims_what_others_have(Some(Bug::StickyClaims)).await);
    assert!(!claims_what_others_have(None).await);
}

//! What each way of ending means: for the history, the process and the client.

use super::*;
use crate::generator::GeneratorExt;

const CLIENT: fn(u32) -> Process = Process::Client;

#[tokio::test]
async fn an_answer_is_ok_and_keeps_process_and_client() {
    let (summary, events, script) =
        Rig::new(Script::new(), 1).run(all_of(&["read", "read", "read"])).await;
    assert_eq!(summary.operations, Counts { ok: 3, fail: 0, declined: 0, info: 0 });
    assert_eq!(summary.by_function["read"].ok, 3);
    assert_eq!(summary.by_node["n1"].ok, 3);
    assert_eq!(events.len(), 6);
    assert!(events.iter().all(|event| event.process == CLIENT(0)));
    assert_eq!(events[0].kind, Kind::Invoke);
    assert_eq!(events[1].value, json!([1, "done"]));
    assert_eq!(events[1].node.as_deref(), Some("n1"));
    assert_eq!((script.opened(), script.dropped()), (1, 1));
}

#[tokio::test]
async fn a_definite_failure_is_fail_and_keeps_process_and_client() {
    let (summary, events, script) =
        Rig::new(Script::new(), 1).run(all_of(&["definite", "read"])).await;
    assert_eq!(summary.operations, Counts { ok: 1, fail: 1, declined: 0, info: 0 });
    let expected =
        [(CLIENT(0), Kind::Fail, Some("rejected".to_owned())), (CLIENT(0), Kind::Ok, None)];
    assert_eq!(completions(&events), expected);
    assert_eq!(events[1].value, json!(1), "the value of the call");
    assert_eq!(script.opened(), 1);
}

#[tokio::test]
async fn an_indefinite_failure_is_info_and_ends_process_and_client() {
    let (summary, events, script) =
        Rig::new(Script::new(), 1).run(all_of(&["indefinite", "indefinite", "read"])).await;
    assert_eq!(summary.operations, Counts { ok: 1, fail: 0, declined: 0, info: 2 });
    let reset = Some("connection reset".to_owned());
    let expected = [
        (CLIENT(0), Kind::Info, reset.clone()),
        (CLIENT(1), Kind::Info, reset),
        (CLIENT(2), Kind::Ok, None),
    ];
    assert_eq!(completions(&events), expected);
    assert_eq!((script.opened(), script.dropped()), (3, 3));
}

#[tokio::test]
async fn a_crash_ends_process_and_client_and_is_asked_of_nobody() {
    let ops = [Op::new("read", 1), Op::crash(), Op::new("read", 2), Op::crash()];
    let asked = generator::from_ops(ops);
    let (summary, events, script) = Rig::new(Script::new(), 1).run(asked).await;
    assert_eq!(summary.operations, Counts { ok: 2, fail: 0, declined: 0, info: 2 });
    let ended = Some("the client ended, as it was asked to".to_owned());
    let expected = [
        (CLIENT(0), Kind::Ok, None),
        (CLIENT(0), Kind::Info, ended.clone()),
        (CLIENT(1), Kind::Ok, None),
        (CLIENT(1), Kind::Info, ended),
    ];
    assert_eq!(completions(&events), expected);
    // One that answers everything with ok was not asked.
    assert_eq!((script.opened(), script.dropped()), (3, 3));
}

#[tokio::test]
async fn a_fresh_process_is_the_old_one_plus_the_concurrency() {
    let generator = generator::each_thread(all_of(&["indefinite", "read"]));
    let (_, events, _) = Rig::new(Script::new(), 5).run(generator).await;
    let mut reads: Vec<_> =
        events.iter().filter(|event| event.kind == Kind::Ok).map(|event| event.process).collect();
    reads.sort();
    assert_eq!(reads, (5..10).map(CLIENT).collect::<Vec<_>>());
    let node = |process: Process| format!("n{}", process.client().unwrap() % 5 % 2 + 1);
    assert!(events.iter().all(|event| event.node.as_deref() == Some(&node(event.process))));
}

#[tokio::test]
async fn what_the_database_declined_is_a_failure_marked_and_its_client_is_kept() {
    let (summary, events, script) =
        Rig::new(Script::new(), 1).run(all_of(&["declined", "idle", "read"])).await;
    assert_eq!(summary.unexpected, 0);
    assert_eq!(summary.operations, Counts { ok: 1, fail: 2, declined: 1, info: 0 });
    assert_eq!(summary.by_function["declined"].declined, 1);
    let failed = |at: usize| (events[at].kind, events[at].error.as_deref());
    assert_eq!(failed(1), (Kind::Fail, Some("declined: held")));
    assert_eq!(failed(3), (Kind::Fail, Some("not asked: not held")));
    assert_eq!(script.opened(), 1);
}

#[tokio::test]
async fn an_answer_not_understood_is_info_marked_and_counted() {
    let (summary, events, script) =
        Rig::new(Script::new(), 1).run(all_of(&["unexpected", "read"])).await;
    assert_eq!((summary.unexpected, summary.operations.info), (1, 1));
    let error = events[1].error.as_deref().unwrap();
    assert_eq!(error, "unexpected: reply 7 of unknown kind");
    assert_eq!(script.opened(), 2);
}

#[tokio::test]
async fn a_panic_is_info_marked_and_counted_and_the_run_goes_on() {
    let (summary, events, script) =
        Rig::new(Script::new(), 1).run(all_of(&["panic", "read"])).await;
    assert_eq!((summary.client_panics, summary.operations.info), (1, 1));
    let error = events[1].error.as_deref().unwrap();
    assert_eq!(error, "client panicked: index out of bounds, say");
    assert_eq!((events[1].kind, events[3].kind), (Kind::Info, Kind::Ok));
    assert_eq!(script.dropped(), 2);
}

#[tokio::test]
async fn a_hang_is_info_after_the_timeout_and_the_client_is_dropped() {
    let (summary, events, script) = Rig::new(Script::new(), 1).run(all_of(&["hang", "read"])).await;
    assert_eq!((summary.timeouts, summary.operations.info), (1, 1));
    assert_eq!(events[1].error.as_deref(), Some("timed out after 100ms"));
    let took = Duration::from_nanos(events[1].time - events[0].time);
    assert!((100..400).contains(&took.as_millis()), "{took:?}");
    assert_eq!((events[3].kind, events[3].process), (Kind::Ok, CLIENT(1)));
    assert_eq!((script.opened(), script.dropped()), (2, 2));
}

/// Such a client is wrong, but the run has to end nevertheless, and the others have to go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_client_that_blocks_its_thread_is_given_up() {
    let generator = generator::on_clients(generator::concat(vec![ask("block"), {
        generator::repeat(Op::new("read", json!(1)))
            .delay(Duration::from_millis(20))
            .time_limit(Duration::from_millis(2700))
    }]));
    let (summary, events, _) = Rig::new(Script::new(), 2).run(generator).await;
    assert_eq!((summary.timeouts, summary.operations.info), (1, 1));
    let given_up = events.iter().find(|event| event.kind == Kind::Info).unwrap();
    assert!(given_up.error.as_deref().unwrap().contains("blocks its thread"), "{given_up:?}");
    assert!(given_up.time < 2_900_000_000, "{given_up:?}");
    assert!(summary.operations.ok > 50, "{summary:?}");
    let reborn = events.iter().find(|event| event.process == CLIENT(2));
    assert!(reborn.is_some(), "the worker goes on as another process");
}

#[tokio::test]
async fn without_a_connection_nothing_was_sent_and_nobody_spins() {
    let script =
        Script { connect: |count| if count < 5 { "refuse" } else { "ok" }, ..Script::new() };
    let reads = generator::repeat(Op::new("read", json!(1))).until_ok().on_clients();
    let (summary, events, script) = Rig::new(script, 1).run(reads).await;
    assert_eq!((summary.no_client, summary.operations.fail), (3, 3));
    assert_eq!(events[1].error.as_deref(), Some("no client: connection refused"));
    assert!(events.iter().all(|event| event.process == CLIENT(0)));
    assert_eq!(script.opened(), 5, "once before the first call, and once in each");
    let waited = Duration::from_nanos(events.last().unwrap().time);
    assert!(waited >= Duration::from_millis(100 + 200 + 400), "{waited:?}");
}

#[tokio::test]
async fn connecting_takes_place_before_the_call_and_is_no_part_of_it() {
    let script = Script { connect: |_| "slow", ..Script::new() };
    let reads = generator::from_ops(["indefinite", "read"].map(|f| Op::new(f, json!(1))));
    let reads = generator::on_clients(reads).delay(Duration::from_millis(1500));
    let rig = Rig::with(script, 1, |config| config.operation_timeout = Duration::from_secs(5));
    let (_, events, script) = rig.run(reads).await;
    assert_eq!(script.opened(), 2);
    assert!(events[0].time >= SLOW.as_nanos() as u64, "{events:?}");
    for call in events.chunks(2) {
        assert!(call[1].time - call[0].time < SLOW.as_nanos() as u64, "{call:?}");
    }
}

#[tokio::test]
async fn an_operation_that_waited_for_a_connection_in_vain_is_told_so() {
    let connect = |count: usize| ["", "ok", "hang", "ok"][count];
    let script = Script { connect, ..Script::new() };
    let generator = all_of(&["indefinite", "read", "read"]);
    let rig = Rig::with(script, 1, |config| config.operation_timeout = Duration::from_secs(1));
    let (summary, events, script) = rig.run(generator).await;
    assert_eq!((summary.no_client, script.opened()), (1, 3));
    assert_eq!(events[3].error.as_deref(), Some("no client: connecting timed out after 1s"));
}

#[tokio::test]
async fn connecting_that_hangs_or_panics_is_a_failure_to_connect() {
    // The first attempt is made before there is a call.
    let connect = |count: usize| ["", "refuse", "hang", "panic", "ok"][count];
    let script = Script { connect, ..Script::new() };
    let (summary, events, _) = Rig::new(script, 1).run(all_of(&["read", "read", "read"])).await;
    assert_eq!((summary.no_client, summary.client_panics), (2, 1));
    let errors: Vec<_> = completions(&events).into_iter().map(|(_, kind, e)| (kind, e)).collect();
    let hung = "no client: connecting timed out after 100ms".to_owned();
    let panicked = "no client: connecting panicked: no such configuration, say".to_owned();
    let expected = [(Kind::Fail, Some(hung)), (Kind::Fail, Some(panicked)), (Kind::Ok, None)];
    assert_eq!(errors, expected);
}

#[tokio::test]
async fn the_nemesis_answers_with_evidence_errors_and_panics() {
    let ops = ["kill", "skip", "panic", "hang", "start"].map(|f| Op::new(f, json!("n1")));
    let generator = generator::on_nemesis(generator::from_ops(ops));
    let (summary, events, _) = Rig::new(Script::new(), 1).run(generator).await;
    assert_eq!((summary.nemesis, summary.nemesis_failures), (5, 2));
    assert_eq!(summary.operations.total(), 0);
    assert!(events.iter().all(|e| e.kind == Kind::Info && e.process == Process::Nemesis));
    assert_eq!(events[0].value, json!("n1"));
    assert_eq!(events[1].value, json!({"evidence": "n1"}));
    let errors: Vec<_> =
        events.iter().skip(1).step_by(2).map(|event| event.error.as_deref()).collect();
    let panicked = Some("nemesis panicked: no such node, say");
    let expected = [None, Some("skipped"), panicked, Some("timed out after 200ms"), None];
    assert_eq!(errors, expected);
}

#[tokio::test]
async fn an_endless_error_is_cut() {
    let mut rig = Rig::new(Script::new(), 1);
    rig.scheduler.config.nemesis = Arc::new(Verbose);
    let (_, events, _) = rig.run(generator::on_nemesis(ask("shout"))).await;
    assert_eq!(events[1].error.as_deref().unwrap().chars().count(), 2001);
}

struct Verbose;

impl NemesisHandler for Verbose {
    fn invoke<'a>(&'a self, _: &'a Op) -> BoxFuture<'a, NemesisAnswer> {
        let error = Some("ä".repeat(1_000_000));
        Box::pin(async { NemesisAnswer { value: Value::Null, error } })
    }
}

//! The main job, on real local clusters: valid runs, reproducibility, death of the controller.

mod common;

use common::Bench;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_main_job_is_valid_and_leaves_nothing_behind() {
    let bench = Bench::new();
    bench
        .run(&["test", "--time-limit", "12s", "--nemesis-interval", "2s", "--seed", "1"])
        .expect_code(0);
    bench.assert_nothing_left(Duration::from_secs(2));
    let results = bench.results();
    assert_eq!(results["verdict"], "valid");
    for file in
        ["history.jsonl.zst", "report.html", "junit.xml", "summary.md", "plan.toml", "perjury.log"]
    {
        assert!(bench.latest().join(file).is_file(), "{file} is not in the store");
    }
    for node in 1..=5 {
        assert!(bench.latest().join(format!("n{node}")).is_dir(), "no logs of n{node}");
    }
    let faults = results["faults"].as_array().expect("faults are listed");
    assert!(!faults.is_empty());
    for fault in faults {
        assert_ne!(fault["outcome"], "indeterminate", "{fault}");
    }
    let made = |name: &str| fs::read(bench.latest().join(name)).expect("a file of the run");
    let before = ["results.json", "report.html"].map(made);
    bench.run(&["analyze", "store/latest"]).expect_code(0);
    assert!(
        before == ["results.json", "report.html"].map(made),
        "the same history, another report"
    );
}

#[test]
fn list_append_and_set_are_valid_without_a_bug() {
    for workload in ["list-append", "set"] {
        let bench = Bench::new();
        let flags = ["--time-limit", "10s", "--nemesis-interval", "2s", "--seed", "2"];
        bench.run(&[&["test", "demo", "--workload", workload], &flags[..]].concat()).expect_code(0);
        bench.assert_nothing_left(Duration::from_secs(2));
    }
}

#[test]
fn the_first_anomaly_ends_the_load_if_asked_for() {
    let bench = Bench::new();
    let flags = ["--bug", "stale-reads", "--fail-fast", "--time-limit", "60s", "--seed", "1"];
    bench.run(&[&["test"], &flags[..]].concat()).expect_code(1);
    let results = bench.results();
    let load = results["phases"].as_array().expect("phases").iter().find(|it| it["name"] == "load");
    let ended = load.expect("the load")["to_ns"].as_u64().expect("a time");
    let history = bench.run(&["history", "store/latest"]).expect_code(0).stdout.clone();
    let times: Vec<u64> = history
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok()?["time"].as_u64())
        .collect();
    // The evidence of an anomaly is there when its last operation is called.
    let found = results["findings"][0]["anomalies"].as_array().expect("anomalies").iter();
    let whole = found.filter_map(|it| {
        let operations = it["operations"].as_array()?.iter().filter_map(Value::as_u64);
        operations.map(|index| times[index as usize]).max()
    });
    let first = whole.min().expect("an anomaly");
    assert!(ended <= first + 5_000_000_000, "seen at {first} ns, ended at {ended} ns");
    let reasons = results["reasons"].to_string();
    assert!(reasons.contains("fail-fast"), "{reasons}");

    // Where there is nothing to see, or it shows only in the end, the load has its time.
    for (workload, said) in [("register", ""), ("set", "--fail-fast: set is judged at the end")] {
        let flags = ["--workload", workload, "--nemesis", "none", "--time-limit", "3s"];
        let ran = bench.run(&[&["test", "--fail-fast", "--seed", "2"], &flags[..]].concat());
        ran.expect_code(0);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(bench.results()["duration_ns"].as_u64().expect("a time") >= 2_900_000_000);
    }
}

/// What each operation of a fault came to, with its evidence.
fn installed(bench: &Bench) -> Vec<Value> {
    let history = bench.run(&["history", "store/latest"]).expect_code(0).stdout.clone();
    let events = history.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let of_faults = events.filter(|event| event["process"] == "nemesis");
    let values = of_faults.map(|event| event["value"].clone());
    values.filter(|value| value["outcome"] == "installed").collect()
}

#[test]
fn clocks_are_as_wrong_as_asked_and_right_afterwards() {
    let bench = Bench::new();
    let script =
        ["--at", "1s clock jump -5000 n1+n2 for 1s", "--at", "3s clock drift 200 all for 1s"];
    let more = ["--at", "5s clock freeze n3 for 1s"];
    bench.run(&[&["test", "--time-limit", "7s"][..], &script, &more].concat()).expect_code(0);
    let offsets = |value: &Value, node: &str| -> Vec<f64> {
        let offsets = value["evidence"]["nodes"][node]["offset_ms"].as_array();
        offsets.expect("offsets").iter().filter_map(Value::as_f64).collect()
    };
    let skewed = installed(&bench);
    assert_eq!(skewed.len(), 3, "{skewed:?}");
    for node in ["n1", "n2"] {
        let jumped = offsets(&skewed[0], node);
        assert!(jumped.iter().all(|offset| (offset + 5000.0).abs() < 5.0), "{jumped:?}");
    }
    let drifted = offsets(&skewed[1], "n5");
    let gained = drifted[drifted.len() - 1] - drifted[0];
    assert!((0.05..0.2).contains(&gained), "200 millionths of about 300 ms: {drifted:?}");
    let frozen = offsets(&skewed[2], "n3");
    assert!(frozen[frozen.len() - 1] < -100.0, "{frozen:?}");
}

#[test]
fn what_packets_suffer_is_measured_as_asked() {
    let bench = Bench::new();
    let run = ["test", "--nemesis", "packet", "--time-limit", "12s", "--nemesis-interval", "1s"];
    let pins = ["packet-kinds=delay,loss,duplicate", "packet-percent=20", "packet-delay-ms=40"];
    let set: Vec<&str> = pins.iter().flat_map(|pin| ["--set", pin]).collect();
    let one_way = ["--set", "packet-directions=in", "--set", "packet-targets=one", "--seed", "2"];
    bench.run(&[&run[..], &set, &one_way].concat()).expect_code(0);
    let mut judged = 0;
    for fault in installed(&bench) {
        let policy = &fault["evidence"]["policy"];
        for line in fault["evidence"]["measured"].as_array().expect("measurements") {
            let number = |value: &Value| value.as_f64().unwrap_or(0.0);
            let sent = number(&line["sent"]);
            // Chance goes beyond that once in sixteen thousand measurements.
            let deviation = 4.0 * (sent * 0.2 * 0.8).sqrt();
            if policy["delay_ms"] == 40.0 && policy["jitter_ms"].is_null() {
                let least = number(&line["round_trip_ms"]["least"]);
                assert!((40.0..=42.0).contains(&least), "{line}");
            } else if policy["loss_percent"] == 20.0 && policy["loss_burst"].is_null() {
                let lost = sent - number(&line["heard"]);
                assert!((lost - sent * 0.2).abs() <= deviation, "{line}");
            } else if policy["duplicate_percent"] == 20.0 {
                let doubled = number(&line["duplicates"]);
                assert!((doubled - sent * 0.2).abs() <= deviation, "{line}");
            } else {
                continue;
            }
            judged += 1;
        }
    }
    assert!(judged >= 4, "{judged} measurements");
}

/// The operations and fault choices that the load asked for, in order, without times.
fn asked(bench: &Bench) -> (Vec<String>, Vec<String>) {
    let record = fs::read_to_string(bench.latest().join("run.json")).expect("the run's record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    let phases = record["phases"].as_array().expect("phases");
    let load = phases.iter().find(|phase| phase["name"] == "load").expect("a load");
    let history = bench.run(&["history", "store/latest"]).expect_code(0).stdout.clone();
    let (mut clients, mut nemesis) = (Vec::new(), Vec::new());
    let mut open = std::collections::BTreeSet::new();
    for line in history.lines() {
        let event: Value = serde_json::from_str(line).expect("an event");
        if event["time"].as_u64() >= load["to_ns"].as_u64() {
            break;
        }
        let what = format!("{} {}", event["f"], event["value"]);
        if event["process"] == "nemesis" {
            // The nemesis says `info` both times: the first of each pair is what was asked for.
            if !open.remove(&event["f"].to_string()) {
                open.insert(event["f"].to_string());
                nemesis.push(what);
            }
        } else if event["type"] == "invoke" {
            clients.push(what);
        }
    }
    (clients, nemesis)
}

#[test]
fn the_same_seed_asks_for_the_same_operations_and_faults() {
    let run = || {
        let bench = Bench::new();
        let flags =
            ["--time-limit", "8s", "--nemesis-interval", "1s", "--seed", "77", "--rate", "100"];
        bench.run(&[&["test"], &flags[..]].concat()).expect_code(0);
        asked(&bench)
    };
    let (first, second) = (run(), run());
    // One of them got further, for the load ends by the clock.
    let operations = first.0.len().min(second.0.len());
    assert!(operations > 200, "{operations} operations are too few to compare");
    assert_eq!(first.0[..operations], second.0[..operations]);
    for fault in ["kill", "pause", "cut"] {
        // Each fault has a schedule of its own; how they fall between each other is by the clock.
        let of = |all: &[String]| -> Vec<String> {
            all.iter().filter(|what| what.starts_with(&format!("\"{fault}\""))).cloned().collect()
        };
        let (first, second) = (of(&first.1), of(&second.1));
        let choices = first.len().min(second.len());
        assert!(choices >= 1, "no {fault} to compare");
        assert_eq!(first[..choices], second[..choices]);
    }
}

/// How often the next two tests kill: `PERJURY_KILLS`, or else a few times.
fn kills() -> u32 {
    std::env::var("PERJURY_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Kills the controller at moments spread over a run: whatever has been recorded is analysed, and
/// nothing is left running.
#[test]
fn a_killed_controller_leaves_a_history_and_nothing_else() {
    for kill in 0..kills() {
        kill_and_analyze(kill, &["--seed", "5"], Duration::from_secs(2), &[0, 2]);
    }
}

/// The same while all faults come and go, each run with other choices: the machine is as before
/// six seconds later.
#[test]
fn a_controller_killed_under_all_faults_leaves_the_machine_as_it_was() {
    let faults =
        "kill,pause,stop,crash-loop,partition,packet,clock,power,disk,file,membership,surge,cpu";
    for kill in 0..kills() {
        let seed = kill.to_string();
        let before = machine();
        let arguments = ["--nemesis", faults, "--set", "surge-factor=3", "--seed", &seed];
        // Damaged files may well make the database lie.
        kill_and_analyze(kill, &arguments, Duration::from_secs(6), &[0, 1, 2]);
        for (what, text) in machine() {
            assert_eq!(before.get(what), Some(&text), "{what} after kill {kill}");
        }
    }
}

/// What faults change on a machine, and must put back.
fn machine() -> BTreeMap<&'static str, String> {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
    };
    let mut folders: Vec<String> = ["/tmp", "/run", "/dev/shm", "/sys/fs/cgroup"]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.path().display().to_string())
        .filter(|path| path.contains("perjury"))
        .collect();
    folders.sort();
    BTreeMap::from([
        ("mounts", fs::read_to_string("/proc/self/mounts").expect("the mount table")),
        ("links", said("ip", &["-o", "link"])),
        ("addresses", said("ip", &["-o", "route"])),
        ("queues", said("tc", &["qdisc"])),
        ("rules", said("nft", &["list", "ruleset"])),
        ("namespaces", said("ip", &["netns"])),
        ("folders", folders.join("\n")),
    ])
}

/// Runs with these arguments, kills the controller at a moment of its own, and wants everything to
/// be gone within `patience` and what was recorded to be judged with one of these exit codes.
fn kill_and_analyze(kill: u32, arguments: &[&str], patience: Duration, codes: &[i32]) {
    let bench = Bench::new();
    let run = ["test", "--time-limit", "12s", "--nemesis-interval", "1s"];
    let mut child = bench.command(&[&run, arguments].concat()).spawn().expect("the binary runs");
    // Not a round fraction, so that the moments fall into every phase.
    let moment = Duration::from_millis(u64::from(300 + (kill * 7919 + 137) % 14_000));
    let began = Instant::now();
    while began.elapsed() < moment && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("it is ours to kill");
    child.wait().expect("it ends");
    bench.assert_nothing_left(patience);
    let ran = bench.run(&["analyze", "store/latest"]);
    match ran.code {
        Some(code) if codes.contains(&code) => {}
        // In its very first milliseconds a run has no folder yet.
        Some(254) => assert!(!bench.latest().join("plan.toml").exists(), "{}", ran.stderr),
        other => {
            panic!("killed after {moment:?}: exit {other:?}\n{}\n{}", ran.stdout, ran.stderr)
        }
    }
}

#[test]
fn ctrl_c_stops_heals_and_still_checks() {
    let bench = Bench::new();
    let mut child =
        bench.command(&["test", "--time-limit", "60s"]).spawn().expect("the binary runs");
    std::thread::sleep(Duration::from_secs(12));
    let nodes = bench.isolated().len();
    assert!(nodes >= 5, "what is looked for afterwards has to be seen now: {nodes} processes");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it is ours to signal");
    let began = Instant::now();
    let status = child.wait().expect("it ends");
    assert!(began.elapsed() < Duration::from_secs(45), "took {:?} to stop", began.elapsed());
    bench.assert_nothing_left(Duration::from_secs(2));
    let results = bench.results();
    let verdict = results["verdict"].as_str().expect("a verdict");
    assert!(["valid", "unknown"].contains(&verdict), "{results}");
    assert!(matches!(status.code(), Some(0 | 2)), "{status}");
}

//! Bad input and faults of our own: each ends in time, with one clear message and the right code.

mod common;

use common::{Bench, PERJURY};
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

#[test]
fn unknown_names_are_refused_with_the_nearest_one() {
    let bench = Bench::new();
    bench
        .run(&["test", "--workload", "registre"])
        .expect_code(254)
        .expect_error("--workload: there is no workload `registre`. Did you mean `register`?");
    bench
        .run(&["test", "--nemesis", "kill,partitoin"])
        .expect_code(254)
        .expect_error("Did you mean `partition`?");
    bench.run(&["test", "edcd"]).expect_code(254).expect_error("Did you mean `etcd`?");
    bench
        .run(&["test", "--bug", "stale-read"])
        .expect_code(254)
        .expect_error("Did you mean `stale-reads`?");
    bench.run(&["test", "--worklod", "set"]).expect_code(254).expect_error("--workload");
    bench
        .run(&["test", "--time-limit", "5 days"])
        .expect_code(254)
        .expect_error("write ms, s, m, h or d");
    bench.run(&["test", "--concurrency", "2x"]).expect_code(254).expect_error("--concurrency");
    bench.run(&["test", "--set", "bug"]).expect_code(254).expect_error("--set KEY=VALUE");
    bench.run(&["test", "etcd", "--read", "dirty"]).expect_code(254).expect_error("read");
    bench.run(&["nothing"]).expect_code(254);
}

#[test]
fn a_plan_with_a_slip_names_the_line() {
    let bench = Bench::new();
    let plan = bench.run(&["test", "--dry-run"]);
    plan.expect_code(0);
    let path = bench.dir.path().join("plan.toml");
    fs::write(&path, plan.stdout.replace("workload =", "wrokload =")).expect("a file");
    bench
        .run(&["test", "--dry-run", "--plan", "plan.toml"])
        .expect_code(254)
        .expect_error("plan.toml")
        .expect_error("wrokload");
    fs::write(&path, &plan.stdout).expect("a file");
    let again = bench.run(&["test", "--dry-run", "--plan", "plan.toml"]);
    assert_eq!(again.expect_code(0).stdout, plan.stdout);
}

#[test]
fn a_missing_run_or_file_is_named() {
    let bench = Bench::new();
    bench.run(&["analyze", "store/latest"]).expect_code(254).expect_error("store/latest");
    bench
        .run(&["check", "none.edn", "--workload", "set"])
        .expect_code(254)
        .expect_error("none.edn");
    fs::write(bench.dir.path().join("h.jsonl"), "{\"index\":0,\n").expect("a file");
    bench.run(&["check", "h.jsonl", "--workload", "sett"]).expect_code(254).expect_error("set");
}

#[test]
fn a_host_that_refuses_ssh_ends_the_run() {
    let bench = Bench::new();
    // A port that was just free: nobody answers there.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port")
        .port();
    let config = format!("Host gone\n  HostName 127.0.0.1\n  Port {port}\n  User nobody\n");
    fs::write(bench.dir.path().join("ssh_config"), config).expect("a file");
    let ran = bench.run(&["test", "--nodes", "gone", "--ssh-config", "ssh_config"]);
    ran.expect_code(3).expect_error("gone").expect_error("refused");
    assert!(ran.took < Duration::from_secs(60), "took {:?}", ran.took);
    bench.run(&["doctor", "--nodes", "gone", "--ssh-config", "ssh_config"]).expect_code(3);
}

#[test]
fn a_full_disk_in_the_store_ends_the_run_and_keeps_what_was_written() {
    let bench = Bench::new();
    let small = bench.store();
    fs::create_dir_all(&small).expect("a folder");
    let script = format!(
        "mount -t tmpfs -o size=300k tmpfs {0} && {1} test --time-limit 20s --rate 0; code=$?; \
         ls -R {0} >&2; exit $code",
        small.display(),
        PERJURY
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .env("PERJURY_STORE", &small)
        .env("NO_COLOR", "1")
        .output()
        .expect("unshare runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}\n{stderr}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(stderr.contains("No space left") || stderr.contains("full"), "{stderr}");
    assert!(stderr.contains("history.jsonl"), "{stderr}");
    bench.assert_nothing_left(Duration::from_secs(2));
}

#[test]
fn a_database_that_never_becomes_ready_ends_the_run() {
    let bench = Bench::new();
    let ran = bench.run(&["test", "demo", "--set", "deaf=true", "--ready-limit", "3s"]);
    ran.expect_code(3).expect_error("ready");
    assert!(ran.took < Duration::from_secs(40), "took {:?}", ran.took);
    bench.assert_nothing_left(Duration::from_secs(2));
}

#[test]
fn without_permission_for_namespaces_the_remedy_is_named() {
    let bench = Bench::new();
    // A user namespace whose limit is zero cannot make another.
    let script = format!(
        "echo 0 > /proc/sys/user/max_user_namespaces && echo 0 > /proc/sys/user/max_net_namespaces && \
         {} test --time-limit 5s",
        PERJURY
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-c", &script])
        .env("PERJURY_STORE", bench.store())
        .output()
        .expect("unshare runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("namespaces"), "{stderr}");
    bench.assert_nothing_left(Duration::from_secs(2));
}

#[test]
fn a_torn_history_is_analysed_up_to_the_tear() {
    let bench = Bench::new();
    bench.run(&["test", "--time-limit", "6s", "--nemesis", "none", "--seed", "9"]).expect_code(0);
    let run = bench.latest();
    let whole = bench.run(&["history", "store/latest"]).expect_code(0).stdout.clone();
    for name in ["history.jsonl.zst", "results.json", "report.html"] {
        fs::remove_file(run.join(name)).expect("a file of the run");
    }
    // In the middle of a line: a cut between two lines tears nothing.
    let line = whole[..whole.len() * 2 / 3].rfind('\n').expect("more than a line") + 1;
    let cut = line + whole[line..].find('\n').expect("a whole line") / 2;
    fs::write(run.join("history.jsonl"), &whole.as_bytes()[..cut]).expect("a file");
    // The final reads are gone, and it says so.
    let ran = bench.run(&["analyze", "store/latest"]);
    assert!(matches!(ran.code, Some(0 | 2)), "{:?} {}", ran.code, ran.stderr);
    assert!(
        ran.stdout.contains("torn") || ran.stderr.contains("torn"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    // A line broken in the middle is not a tear: it is named.
    let broken = whole.replacen("\"type\":\"ok\"", "\"type\":\"okay\"", 1);
    fs::write(run.join("history.jsonl"), broken).expect("a file");
    bench.run(&["analyze", "store/latest"]).expect_code(254).expect_error("line");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let bench = Bench::new();
    // Somebody else's server on a host of a lab: the demo's own, started by hand.
    let script = format!(
        "ssh -F $PERJURY_SSH_CONFIG n1 'P=$(ls -t /var/tmp/perjury/perjury-* | head -n 1); setsid $P \
         demo-server --deaf --id 1 --peers n1=127.0.0.1:7600 --data /tmp/x </dev/null >/dev/null 2>&1 &'; \
         sleep 1; {PERJURY} test demo --nodes n1 --ssh-config $PERJURY_SSH_CONFIG --nemesis none"
    );
    let ran = bench.run(&["local", "up", "--nodes", "1", "--", "sh", "-c", &script]);
    ran.expect_code(3).expect_error("port 7600").expect_error("(pid ");
    bench.assert_nothing_left(Duration::from_secs(2));
}

#[test]
fn root_of_a_container_can_replace_what_the_machine_has() {
    let bench = Bench::new();
    let script = "ssh -F $PERJURY_SSH_CONFIG n1 'rm -rf /etc/skel && mkdir -p /etc/skel/new && ls /etc/skel'";
    let output = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            PERJURY,
            "local",
            "up",
            "--nodes",
            "1",
            "--",
            "sh",
            "-c",
            script,
        ])
        .output()
        .expect("unshare runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "new\n", "{output:?}");
    bench.assert_nothing_left(Duration::from_secs(2));
}

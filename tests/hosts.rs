//! Hosts reached by SSH: the same run without a local provider, with cuts by the nodes' firewalls.
//!
//! The hosts are nodes of a local cluster, taken as hosts: the run inside knows of them only what
//! an SSH configuration says.

mod common;

use common::{Bench, PERJURY};
use std::time::Duration;

/// Runs `script` in a lab with three hosts; `$P` is the binary, `$HOSTS` the flags to reach them.
fn among_hosts(bench: &Bench, script: &str) -> common::Ran {
    let script = format!(
        "P={PERJURY}; HOSTS=\"--nodes n1,n2,n3 --ssh-config $PERJURY_SSH_CONFIG\"; {script}"
    );
    bench.run(&["local", "up", "--nodes", "3", "--", "sh", "-c", &script])
}

#[test]
fn a_run_on_hosts_is_healed_and_valid() {
    let bench = Bench::new();
    // Cuts alone: three nodes have no majority left when several kinds of fault fall together.
    let flags = "--nemesis partition --time-limit 14s --nemesis-interval 2s --seed 6";
    let script = format!("$P doctor $HOSTS && $P test demo $HOSTS {flags}");
    let ran = among_hosts(&bench, &script);
    ran.expect_code(0);
    assert!(ran.stdout.contains("network cuts by"), "{}", ran.stdout);
    bench.assert_nothing_left(Duration::from_secs(2));
    let results = bench.results();
    let faults = results["faults"].as_array().expect("faults");
    let cuts: Vec<_> = faults.iter().filter(|fault| fault["f"] == "cut").collect();
    assert!(cuts.iter().any(|cut| cut["outcome"] == "healed"), "{results}");
}

#[test]
fn a_host_is_healed_by_its_agent_when_the_controller_dies() {
    let bench = Bench::new();
    // Whoever is paused or cut off when the controller is killed: ten seconds later nobody is.
    let look = "tail -n 2 /var/tmp/perjury/agent/agent.log >&2; nft list ruleset | grep -c drop; \
                for p in /proc/[0-9]*; do \
                  grep -q demo-server $p/cmdline && cut -d\" \" -f3 $p/stat; \
                done";
    let script = &format!(
        "$P test demo $HOSTS --time-limit 60s --nemesis-interval 1s --seed 7 \
           --nemesis pause,partition > run.log 2>&1 & RUN=$!; sleep 9; kill -9 $RUN; sleep 14; \
         for n in n1 n2 n3; do ssh -F $PERJURY_SSH_CONFIG $n '{look}'; done; \
         $P heal $HOSTS; $P analyze store/latest > analysis.log; echo \"analysis $?\""
    );
    let ran = among_hosts(&bench, script);
    assert!(!ran.stdout.contains('T'), "somebody is still paused:\n{}", ran.stdout);
    let cut =
        ran.stdout.lines().filter(|line| line.parse::<u32>().is_ok_and(|drops| drops > 0)).count();
    assert_eq!(cut, 0, "somebody is still cut off:\n{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout.matches("nothing to undo").count(), 3, "{}\n{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("analysis 2"), "{}\n{}", ran.stdout, ran.stderr);
    bench.assert_nothing_left(Duration::from_secs(2));
}

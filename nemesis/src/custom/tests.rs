//! Tests of a user's own fault with real agents: believed is what the observing command says.

use super::*;
use crate::testing::Lab;

fn fault(dir: &std::path::Path, inject: &str) -> Custom {
    let mark = dir.join("broken").display().to_string();
    Custom::new(CustomFault {
        name: "mark".to_owned(),
        about: String::new(),
        inject: inject.replace("MARK", &mark),
        heal: format!("rm -f {mark}"),
        observe: format!("ls {mark}"),
        limit: "5s".parse().unwrap(),
    })
}

fn on_n1() -> Op {
    Op::new("mark", json!({"spec": "list", "targets": ["n1"]}))
}

#[tokio::test]
async fn it_is_injected_observed_and_healed() {
    let dir = tempfile::tempdir().unwrap();
    let lab = Lab::pretended(2);
    let fault = fault(dir.path(), "touch MARK");
    let Applied::Installed(evidence) = fault.act(&lab, &on_n1()).await else { panic!() };
    assert!(evidence["nodes"]["n1"]["observed"].as_str().unwrap().contains("broken"));
    let again = fault.act(&lab, &on_n1()).await;
    assert!(matches!(again, Applied::Skipped(_)), "{again:?}");
    let healed = fault.act(&lab, &Op::new("heal-mark", Value::Null)).await;
    // Both nodes share this machine's files, so both had it.
    assert!(matches!(healed, Applied::Healed(_)), "{healed:?}");
    assert!(!dir.path().join("broken").exists());
}

#[tokio::test]
async fn a_command_that_only_says_so_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let lab = Lab::pretended(1);
    let outcome = fault(dir.path(), "echo done").act(&lab, &on_n1()).await;
    let Applied::Indeterminate(cause) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("n1"), "{cause}");
}

#[test]
fn an_agent_that_is_killed_leaves_the_undo_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("broken");
    let state = dir.path().join("agent");
    let start = || {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        crate::agent::tests::Client::start_in(&mut command, &state, 60_000)
    };
    let mut agent = start();
    let (touch, remove) = (format!("touch {}", mark.display()), format!("rm {}", mark.display()));
    let with = json!({"name": "mark", "inject": touch, "heal": remove, "limit_ms": 5000});
    agent.call("custom.inject", with).unwrap();
    assert!(mark.exists());
    agent.sigkill();
    drop(start());
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while mark.exists() {
        assert!(std::time::Instant::now() < deadline, "not undone");
        std::thread::sleep(Duration::from_millis(20));
    }
}

//! Tests of the agent's client: a shell script stands in for the agent, sshd is real.

use super::*;
use crate::control::Command;
use crate::control::tests::sshd::Sshd;
use crate::control::tests::within;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

/// Understands as much of the protocol as the tests need; tells what it did in the file LOG.
const SCRIPT: &str = r#"#!/bin/sh
[ "$1 $2 $4" = "agent --lease-ms --state" ] || { echo "wrong arguments: $*" >&2; exit 9; }
echo "start $3 $5" >> LOG
[ -e LOG.broken ] && { echo "the ledger is broken" >&2; exit 7; }
[ -e LOG.noisy ] && echo "Welcome to this machine"
if [ -e LOG.left ]; then healed='"resumed db"'; rm LOG.left; fi
echo "{\"version\":\"0.1.0\",\"pid\":$$,\"healed\":[$healed]}"
while IFS= read -r line; do
    id=${line#*\"id\":}; id=${id%%,*}
    case $line in
        *'"do":"lease.renew"'*) echo renew >> LOG; echo "{\"id\":$id,\"ok\":null}" ;;
        *'"do":"slow"'*) (sleep 1; echo "{\"id\":$id,\"ok\":\"slow\"}") & ;;
        *'"do":"silent"'*) ;;
        *'"do":"garbage"'*) echo 'no JSON'; echo "{\"id\":$id,\"ok\":1}" ;;
        *'"do":"refuse"'*) echo "{\"id\":$id,\"error\":\"no such process\"}" ;;
        *'"do":"die"'*) touch LOG.left; echo "out of memory" >&2; exit 3 ;;
        *'"do":"undo.all"'*) echo "{\"id\":$id,\"ok\":[\"undone\"]}" ;;
        *'"do":"process.kill"'*)
            ok='{"state":"gone","pid":4,"start_ticks":5,"observed":"pid 4 is gone"}'
            echo "{\"id\":$id,\"ok\":$ok}" ;;
        *) echo "{\"id\":$id,\"ok\":${line#*\"with\":}" ;;
    esac
done
echo end >> LOG
"#;

/// An SSH server whose `sudo`, for those who need it, is one of its own; and the script.
fn fixture() -> (Sshd, DeployOptions) {
    let sshd = Sshd::start_with("SetEnv PATH=@:/usr/local/bin:/usr/bin:/bin");
    executable(&sshd.path("sudo"), "#!/bin/sh\nshift 2\nexec \"$@\"\n");
    let program = sshd.path("agent.sh");
    let log = sshd.path("log.txt").display().to_string();
    executable(&program, &SCRIPT.replace("LOG", &log));
    let mut options = DeployOptions::new(&program, Duration::from_millis(900));
    options.directory = sshd.path("var/perjury").display().to_string();
    options.state = sshd.path("state").display().to_string();
    (sshd, options)
}

fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn log(sshd: &Sshd) -> Vec<String> {
    let text = std::fs::read_to_string(sshd.path("log.txt")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

const SHORT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_agent_is_deployed_once_called_and_shut_down() {
    let (sshd, options) = fixture();
    let session = sshd.session().await;
    within(60, async {
        let agent = Agent::deploy_with(&session, options.clone()).await.unwrap();
        assert!(agent.healed().is_empty());
        assert_eq!(agent.call("echo", json!({"a": [1]}), SHORT).await.unwrap(), json!({"a": [1]}));
        let state = agent.kill("db").await.unwrap();
        assert_eq!((state.state, state.pid), (protocol::RunState::Gone, Some(4)));
        let error = agent.call("refuse", Value::Null, SHORT).await.unwrap_err();
        assert!(matches!(&error, AgentError::Refused { .. }), "{error}");
        assert_eq!(agent.call("garbage", Value::Null, SHORT).await.unwrap(), json!(1));
        assert_eq!(agent.shutdown().await.unwrap(), ["undone"]);
        assert_eq!(log(&sshd).last().unwrap(), "end");
        let error = agent.call("echo", Value::Null, SHORT).await.unwrap_err();
        assert!(matches!(&error, AgentError::Unavailable { .. }), "{error}");
        assert!(log(&sshd)[0].starts_with("start 900 "), "{:?}", log(&sshd));

        // The second time it is there already: not even its time of change is another.
        let placed: Vec<_> = std::fs::read_dir(&options.directory).unwrap().flatten().collect();
        assert_eq!(placed.len(), 1);
        let before = placed[0].metadata().unwrap().modified().unwrap();
        let again = Agent::deploy_with(&session, options.clone()).await.unwrap();
        again.shutdown().await.unwrap();
        assert_eq!(placed[0].metadata().unwrap().modified().unwrap(), before);
    })
    .await;
}

#[tokio::test]
async fn calls_run_at_once_and_a_silent_one_is_lost() {
    let (sshd, options) = fixture();
    let session = sshd.session().await;
    within(60, async {
        let agent = Agent::deploy_with(&session, options).await.unwrap();
        let slow = async {
            let answer = agent.call("slow", Value::Null, SHORT).await.unwrap();
            (answer, Instant::now())
        };
        let quick = async {
            let answers = (0..20).map(|i| agent.call("echo", json!(i), SHORT));
            let answers = futures::future::join_all(answers).await;
            for (i, answer) in answers.into_iter().enumerate() {
                assert_eq!(answer.unwrap(), json!(i));
            }
            Instant::now()
        };
        let ((slow, later), earlier) = tokio::join!(slow, quick);
        assert_eq!(slow, json!("slow"));
        assert!(earlier < later);
        let error =
            agent.call("silent", Value::Null, Duration::from_millis(300)).await.unwrap_err();
        assert!(matches!(&error, AgentError::Lost { .. }), "{error}");
        assert_eq!(agent.call("echo", json!(7), SHORT).await.unwrap(), json!(7));
    })
    .await;
}

#[tokio::test]
async fn the_lease_is_renewed_until_the_agent_is_dropped() {
    let (sshd, options) = fixture();
    let session = sshd.session().await;
    let renewals = || log(&sshd).iter().filter(|line| *line == "renew").count();
    within(60, async {
        let agent = Agent::deploy_with(&session, options).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1600)).await;
        let seen = renewals();
        assert!((3..=7).contains(&seen), "{seen} renewals in 1.6 s of a lease of 0.9 s");
        drop(agent);
        for _ in 0..100 {
            if log(&sshd).last().is_some_and(|line| line == "end") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("its standard input did not end");
    })
    .await;
}

#[tokio::test]
async fn a_dead_agent_fails_its_calls_and_is_started_again_by_the_next() {
    let (sshd, options) = fixture();
    let session = sshd.session().await;
    within(60, async {
        let agent = Agent::deploy_with(&session, options).await.unwrap();
        let waiting = agent.call("silent", Value::Null, Duration::from_secs(30));
        let (waiting, dying) = tokio::join!(waiting, agent.call("die", Value::Null, SHORT));
        for error in [waiting.unwrap_err(), dying.unwrap_err()] {
            assert!(matches!(&error, AgentError::Lost { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("exit code 3") && text.contains("out of memory"), "{text}");
        }
        assert_eq!(agent.call("echo", json!(1), SHORT).await.unwrap(), json!(1));
        assert_eq!(agent.healed(), ["resumed db"]);

        // The same when its connection is cut, and shutdown starts it once more to heal.
        sshd.signal_connections(Signal::SIGKILL);
        let error = agent.call("silent", Value::Null, SHORT).await;
        assert!(error.is_err());
        assert_eq!(agent.shutdown().await.unwrap(), ["undone"]);
        assert!(log(&sshd).iter().filter(|line| line.starts_with("start")).count() >= 3);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_agent_is_quoted() {
    let (sshd, options) = fixture();
    let session = sshd.session().await;
    within(60, async {
        std::fs::write(sshd.path("log.txt.noisy"), "").unwrap();
        let error = Agent::deploy_with(&session, options.clone()).await.unwrap_err().to_string();
        assert!(error.contains("Welcome to this machine"), "{error}");
        std::fs::write(sshd.path("log.txt.broken"), "").unwrap();
        let error = Agent::deploy_with(&session, options.clone()).await.unwrap_err().to_string();
        assert!(error.contains("exit code 7: the ledger is broken"), "{error}");
        let missing = DeployOptions::new(&sshd.path("none"), options.lease);
        let error = Agent::deploy_with(&session, missing).await.unwrap_err().to_string();
        assert!(error.contains("none"), "{error}");

        // A torn program under the right name is replaced.
        std::fs::remove_file(sshd.path("log.txt.noisy")).unwrap();
        std::fs::remove_file(sshd.path("log.txt.broken")).unwrap();
        let placed = std::fs::read_dir(&options.directory).unwrap().flatten().next().unwrap();
        std::fs::write(placed.path(), "#!/bin/sh\n").unwrap();
        let agent = Agent::deploy_with(&session, options).await.unwrap();
        agent.shutdown().await.unwrap();
    })
    .await;
}

/// An agent in a child process, for those who test one without SSH.
#[tokio::test]
async fn an_agent_can_be_attached_to() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("agent.sh");
    let log = dir.path().join("log.txt").display().to_string();
    executable(&program, &SCRIPT.replace("LOG", &log));
    let mut child = tokio::process::Command::new(&program)
        .args(["agent", "--lease-ms", "1000", "--state", "x"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    within(30, async {
        let agent = Agent::attach("n1", stdin, stdout, Duration::from_secs(1)).await.unwrap();
        assert_eq!(agent.hello().await.unwrap().pid, child.id().unwrap());
        kill(Pid::from_raw(child.id().unwrap() as i32), Signal::SIGKILL).unwrap();
        child.wait().await.unwrap();
        let error = agent.call("echo", Value::Null, SHORT).await.unwrap_err();
        assert!(!matches!(error, AgentError::Refused { .. }), "{error}");
        assert!(agent.shutdown().await.is_err());
    })
    .await;
}

/// Nobody but root may be able to put a program where root will run it.
#[tokio::test]
async fn a_directory_of_somebody_else_is_refused() {
    let (sshd, mut options) = fixture();
    let session = sshd.session().await;
    let link = sshd.path("link");
    std::os::unix::fs::symlink(sshd.dir.path(), &link).unwrap();
    options.directory = link.display().to_string();
    let error = within(30, Agent::deploy_with(&session, options)).await.unwrap_err().to_string();
    assert!(error.contains("does not belong to root"), "{error}");
    assert!(session.exec(&Command::new(["true"])).await.unwrap().success());
}

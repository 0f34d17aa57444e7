//! Getting in: keys, agents, host keys, jump hosts, proxy commands.

use super::sshd::{Sshd, generate};
use super::within;
use crate::control::{Command, ControlError, HostKeys, Session, SshTarget};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

async fn says_hi(target: SshTarget) {
    let session = within(30, Session::connect(target)).await.unwrap();
    let output = within(10, session.exec(&Command::new(["echo", "hi"]))).await.unwrap();
    assert_eq!(output.text(), "hi");
    session.close().await;
}

async fn refused(target: SshTarget) -> ControlError {
    within(30, Session::connect(target)).await.unwrap_err()
}

#[tokio::test]
async fn keys_of_all_kinds() {
    let sshd = Sshd::start();
    let kinds: [(&str, &[&str]); 4] = [
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("rsa-pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("ecdsa", &["-t", "ecdsa"]),
        ("ecdsa521", &["-t", "ecdsa", "-b", "521"]),
    ];
    for (name, options) in kinds {
        let mut target = sshd.target();
        target.identity_files = vec![sshd.path("missing"), sshd.add_key(name, options)];
        says_hi(target).await;
    }
    let mut target = sshd.target();
    target.identity = Some(std::fs::read_to_string(sshd.path("key")).unwrap());
    target.identity_files = Vec::new();
    let text = format!("{target:?} {:?}", HostKeys::Insecure);
    assert!(!text.contains("PRIVATE"), "{text}");
    says_hi(target).await;
}

#[tokio::test]
async fn a_wrong_key_is_an_authentication_error_that_names_what_was_tried() {
    let sshd = Sshd::start();
    let (wrong, locked) = (sshd.path("wrong"), sshd.path("locked"));
    generate(&wrong, &["-t", "ed25519"]);
    generate(&locked, &["-t", "ed25519", "-N", "secret"]);
    let mut target = sshd.target();
    target.identity_files = vec![wrong.clone(), locked.clone()];
    let error = refused(target.clone()).await;
    let text = error.to_string();
    assert!(matches!(error, ControlError::Authentication { .. }), "{text}");
    assert!(text.contains(wrong.to_str().unwrap()) && text.contains("passphrase"), "{text}");
    assert!(text.contains("publickey") && !text.contains("PRIVATE"), "{text}");
    target.identity_files = Vec::new();
    let text = refused(target.clone()).await.to_string();
    assert!(text.contains("no usable key"), "{text}");
    target.identity = Some("nonsense".to_owned());
    assert!(matches!(refused(target).await, ControlError::Key { .. }));
    // After too many keys the server hangs up; the right one, last, is never tried.
    let mut target = sshd.target();
    target.identity_files = (0..8)
        .map(|i| {
            let path = sshd.path(&format!("wrong{i}"));
            generate(&path, &["-t", "ed25519"]);
            path
        })
        .collect();
    target.identity_files.push(sshd.path("key"));
    let text = refused(target).await.to_string();
    assert!(text.contains("IdentitiesOnly"), "{text}");
}

#[tokio::test]
async fn host_keys_are_recorded_and_changes_refused() {
    let mut sshd = Sshd::start();
    let known = sshd.path("known/hosts");
    let mut target = sshd.target();
    target.host_keys = HostKeys::KnownHosts(known.clone());
    assert!(matches!(refused(target.clone()).await, ControlError::HostKeyUnknown { .. }));
    target.host_keys = HostKeys::AcceptNew(known.clone());
    says_hi(target.clone()).await;
    let recorded = std::fs::read_to_string(&known).unwrap();
    assert!(recorded.starts_with(&format!("[127.0.0.1]:{} ssh-ed25519 ", sshd.port)), "{recorded}");
    // OpenSSH reads the file as we do, and we read it hashed by OpenSSH.
    let hash = std::process::Command::new("ssh-keygen").arg("-Hf").arg(&known).output().unwrap();
    assert!(hash.status.success());
    assert!(std::fs::read_to_string(&known).unwrap().starts_with("|1|"));
    target.host_keys = HostKeys::KnownHosts(known.clone());
    says_hi(target.clone()).await;

    sshd.change_host_key();
    for host_keys in [
        HostKeys::KnownHosts(known.clone()),
        HostKeys::AcceptNew(known.clone()),
        HostKeys::Pinned(target_key(&target, &sshd)),
    ] {
        let mut target = target.clone();
        target.host_keys = host_keys;
        let error = refused(target).await;
        assert!(matches!(error, ControlError::HostKeyChanged { .. }), "{error}");
    }
    target.host_keys = HostKeys::Insecure;
    says_hi(target).await;
}

/// Some key that is not the server's.
fn target_key(_: &SshTarget, sshd: &Sshd) -> String {
    std::fs::read_to_string(sshd.path("key.pub")).unwrap()
}

/// A server with several host keys must present the one that is recorded.
#[tokio::test]
async fn the_recorded_kind_of_host_key_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let ecdsa = dir.path().join("ecdsa");
    generate(&ecdsa, &["-t", "ecdsa"]);
    let sshd = Sshd::start_with(&format!("HostKey {}", ecdsa.display()));
    let mut target = sshd.target();
    let key = std::fs::read_to_string(ecdsa.with_extension("pub")).unwrap();
    target.host_keys = HostKeys::Pinned(key);
    says_hi(target.clone()).await;
    target.host_keys = sshd.target().host_keys;
    says_hi(target).await;
}

#[tokio::test]
async fn through_jump_hosts() {
    let (far, near, nearest) = (Sshd::start(), Sshd::start(), Sshd::start());
    let mut target = far.target();
    let mut jump = near.target();
    jump.jump = Some(Box::new(nearest.target()));
    target.jump = Some(Box::new(jump));
    says_hi(target.clone()).await;
    // Large transfers pass, too.
    let session = Session::connect(target.clone()).await.unwrap();
    let bytes = vec![3; 3 << 20];
    let remote = far.path("file").display().to_string();
    within(30, session.upload_bytes(&bytes, &remote, 0o600)).await.unwrap();
    assert_eq!(std::fs::read(&remote).unwrap(), bytes);

    let mut blocked = target.clone();
    blocked.jump.as_mut().unwrap().identity_files = Vec::new();
    let error = refused(blocked).await;
    assert!(matches!(error, ControlError::Jump { .. }), "{error}");
    let mut nowhere = target;
    nowhere.port = 1;
    let error = refused(nowhere).await;
    assert!(matches!(error, ControlError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn through_a_proxy_command() {
    let (far, near) = (Sshd::start(), Sshd::start());
    let mut target = far.target();
    let key = near.path("key");
    target.proxy_command = Some(format!(
        "ssh -F none -q -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
         -i {} -p {} -W %h:%p {}@127.0.0.1",
        key.display(),
        near.port,
        near.target().user
    ));
    says_hi(target.clone()).await;
    target.proxy_command = Some("echo no >&2; exit 1".to_owned());
    let error = refused(target).await;
    assert!(matches!(error, ControlError::Handshake { .. }), "{error}");
}

/// The agent's socket is found through the environment, which a test cannot change for itself:
/// it runs itself again as a child that has it.
#[tokio::test]
async fn keys_from_an_agent() {
    if let Ok(port) = std::env::var("PERJURY_TEST_AGENT_PORT") {
        let mut target = Sshd::start().target();
        target.port = port.parse().unwrap();
        target.host_keys = HostKeys::Insecure;
        target.identity_files = Vec::new();
        target.use_agent = true;
        return says_hi(target).await;
    }
    let sshd = Sshd::start();
    let keys = [sshd.path("stranger"), sshd.add_key("rsa", &["-t", "rsa", "-b", "2048"])];
    generate(&keys[0], &["-t", "ed25519"]);
    let agent = SshAgent::start(sshd.path("agent"));
    for key in &keys {
        let mut add = std::process::Command::new("ssh-add");
        let added = add.arg("-q").arg(key).env("SSH_AUTH_SOCK", &agent.socket).status().unwrap();
        assert!(added.success());
    }
    let child = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "control::tests::access::keys_from_an_agent"])
        .env("SSH_AUTH_SOCK", &agent.socket)
        .env("PERJURY_TEST_AGENT_PORT", sshd.port.to_string())
        .kill_on_drop(true)
        .output();
    let output = within(60, child).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

struct SshAgent {
    socket: PathBuf,
    child: Child,
}

impl SshAgent {
    fn start(socket: PathBuf) -> Self {
        let mut command = std::process::Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        for _ in 0..200 {
            if socket.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { socket, child }
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! The controller's SSH sessions against a local node's SSH server.

use perjury_harness::control::{Command, Exit, Session};
use perjury_harness::local::LocalNode;
use std::time::{Duration, Instant};

pub(crate) async fn sessions_work(node: &LocalNode) {
    let session = Session::connect(node.ssh.clone()).await.expect("a session");
    let run = async |command: Command| session.exec(&command).await.expect("an answer");

    let hostname = run(Command::new(["hostname"]).as_root()).await;
    assert_eq!((hostname.text(), hostname.exit), (node.name.clone(), Exit::Code(0)));
    let fed = run(Command::new(["cat"]).stdin(vec![b'x'; 3 << 20]).output_cap(4 << 20)).await;
    assert_eq!(fed.stdout.len(), 3 << 20);
    let command = Command::shell("echo \"$PLACE $(pwd)\"; echo oops >&2; kill -TERM $$");
    let ended = run(command.env("PLACE", "it's").dir("/var/log")).await;
    assert_eq!(ended.text(), "it's /var/log");
    assert_eq!(ended.error_text(), "oops");
    assert_eq!(ended.exit, Exit::Signal("TERM".into()));
    let capped = run(Command::shell("yes | head -c 5000000").output_cap(1000)).await;
    assert_eq!((capped.stdout.len(), capped.discarded), (1000, 4_999_000));

    // What does not end in time is signalled, group and all.
    let started = Instant::now();
    let slow = Command::shell("sleep 71 & sleep 71").timeout(Duration::from_millis(300));
    assert!(session.exec(&slow).await.is_err());
    assert!(started.elapsed() < Duration::from_secs(10));
    let left = run(Command::shell("ps ax | grep -c '[s]leep 71'; true")).await;
    assert_eq!(left.text(), "0");

    files_go_both_ways(&session).await;

    let many = (0..40).map(|number| {
        let session = &session;
        async move {
            let command = Command::shell(format!("sleep 0.1; echo {number}"));
            session.exec(&command).await.expect("an answer").text() == number.to_string()
        }
    });
    assert!(futures::future::join_all(many).await.into_iter().all(|same| same));
    session.close().await;
}

async fn files_go_both_ways(session: &Session) {
    let directory = tempfile::tempdir().expect("a directory");
    let (there, back) = (directory.path().join("there"), directory.path().join("back"));
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 251) as u8).collect();
    std::fs::write(&there, &bytes).expect("to write");
    let remote = "/var/lib/deep/it's here";
    session.upload(&there, remote, 0o750).await.expect("to upload");
    let found = session.exec(&Command::new(["stat", "-c", "%a %s", remote])).await.expect("stat");
    assert_eq!(found.text(), "750 5000000");
    assert_eq!(session.download(remote, &back, 1 << 30).await.expect("to download"), 5_000_000);
    assert!(std::fs::read(&back).expect("to read") == bytes);
    session.upload_bytes(b"0123456789", remote, 0o644).await.expect("to replace it");
    assert_eq!(session.download(remote, &back, 4).await.expect("its end"), 4);
    assert_eq!(std::fs::read(&back).expect("to read"), b"6789");
    assert!(session.download("/nowhere", &back, 4).await.is_err());
}

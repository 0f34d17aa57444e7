//! Files: round trips, modes, tails, and the ways in which they go wrong.

use super::sshd::Sshd;
use super::within;
use crate::control::{ControlError, Session};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

async fn round_trip(sshd: &Sshd, session: &Arc<Session>) {
    let bytes = pattern(5_000_000);
    let (local, back) = (sshd.path("local"), sshd.path("deep/back"));
    let remote = sshd.path("made/for/it/it's remote").display().to_string();
    std::fs::write(&local, &bytes).unwrap();
    session.upload(&local, &remote, 0o750).await.unwrap();
    assert_eq!(std::fs::read(&remote).unwrap(), bytes);
    assert_eq!(std::fs::metadata(&remote).unwrap().permissions().mode() & 0o7777, 0o750);
    let got = session.download(&remote, &back, 1 << 30).await.unwrap();
    assert_eq!((got, std::fs::read(&back).unwrap()), (5_000_000, bytes.clone()));

    // Over an existing file, and the tail of it.
    session.upload_bytes(b"0123456789", &remote, 0o644).await.unwrap();
    assert_eq!(session.download(&remote, &back, 4).await.unwrap(), 4);
    assert_eq!(std::fs::read(&back).unwrap(), b"6789");
    session.upload_bytes(b"", &remote, 0o644).await.unwrap();
    assert_eq!(session.download(&remote, &back, 4).await.unwrap(), 0);
    // Nothing temporary remains.
    let dir = std::path::Path::new(&remote).parent().unwrap();
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 1);
}

async fn failures(sshd: &Sshd, session: &Arc<Session>) {
    let (dir, back) = (sshd.dir.path().display().to_string(), sshd.path("nothing"));
    for remote in [format!("{dir}/missing"), dir.clone()] {
        let error = session.download(&remote, &back, 100).await.unwrap_err();
        assert!(matches!(error, ControlError::File { .. }), "{error}");
        assert!(error.to_string().contains(&remote), "{error}");
    }
    assert!(!back.exists() && !sshd.path("nothing.part").exists());
    let error = session.upload_bytes(b"x", &dir, 0o644).await.unwrap_err();
    assert!(error.to_string().contains("directory"), "{error}");
    let error = session.upload_bytes(b"x", &format!("{dir}/host/x"), 0o644).await.unwrap_err();
    assert!(matches!(error, ControlError::File { .. }), "{error}");
    let error = session.upload(&back, &format!("{dir}/x"), 0o644).await.unwrap_err();
    assert!(matches!(error, ControlError::LocalFile { .. }), "{error}");
}

#[tokio::test]
async fn through_sftp() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(60, round_trip(&sshd, &session)).await;
    within(60, failures(&sshd, &session)).await;
}

#[tokio::test]
async fn without_sftp_through_a_shell() {
    for line in ["Subsystem sftp /no/such/program", "Subsystem other internal-sftp"] {
        let sshd = Sshd::start_with(line);
        let config = std::fs::read_to_string(sshd.path("config")).unwrap();
        assert!(config.starts_with(line));
        let session = sshd.session().await;
        within(90, round_trip(&sshd, &session)).await;
        within(60, failures(&sshd, &session)).await;
    }
}

#[tokio::test]
async fn procfs_files_without_a_size_are_read() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    let local = sshd.path("status");
    let got = within(20, session.download("/proc/self/status", &local, 1 << 20)).await.unwrap();
    assert!(got > 100 && std::fs::read_to_string(&local).unwrap().starts_with("Name:"));
}

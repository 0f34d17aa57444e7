//! What happens when the server dies, stops, or is none.

use super::sshd::{Sshd, read_pid};
use super::within;
use crate::control::{Command, ControlError, Exit, Session};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sleeps on the node and tells its process id in a file.
fn sleeper(sshd: &Sshd) -> Command {
    Command::shell(format!("echo $$ > {}; exec sleep 60", sshd.path("pid").display()))
}

async fn end_sleeper(sshd: &Sshd) {
    let pid = read_pid(&sshd.path("pid")).await;
    // The connection's end may have taken it along.
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

#[tokio::test]
async fn a_killed_server_is_lost_and_the_next_command_reconnects() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(30, async {
        let command = sleeper(&sshd);
        let killing = async {
            read_pid(&sshd.path("pid")).await;
            sshd.signal_connections(Signal::SIGKILL);
        };
        let (output, ()) = tokio::join!(session.exec(&command), killing);
        assert_eq!(output.unwrap().exit, Exit::Lost);
        end_sleeper(&sshd).await;
        assert_eq!(session.exec(&Command::new(["echo", "hi"])).await.unwrap().text(), "hi");
    })
    .await;
}

#[tokio::test]
async fn a_stopped_server_is_noticed_within_ten_seconds() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(60, async {
        let command = sleeper(&sshd);
        let stopping = async {
            read_pid(&sshd.path("pid")).await;
            sshd.signal_connections(Signal::SIGSTOP);
            Instant::now()
        };
        let (output, since) = tokio::join!(session.exec(&command), stopping);
        assert_eq!(output.unwrap().exit, Exit::Lost);
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
        end_sleeper(&sshd).await;
        sshd.signal_connections(Signal::SIGKILL);
        assert!(session.exec(&Command::new(["true"])).await.unwrap().success());
    })
    .await;
}

/// With a full socket even keepalives cannot be sent; the upload must end all the same.
#[tokio::test]
async fn a_server_stopped_in_the_middle_of_an_upload_is_noticed() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(90, async {
        let bytes = vec![7; 256 << 20];
        let remote = sshd.path("up/never").display().to_string();
        let begun =
            || std::fs::read_dir(sshd.path("up")).is_ok_and(|mut files| files.next().is_some());
        let stopping = async {
            while !begun() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            sshd.signal_connections(Signal::SIGSTOP);
            Instant::now()
        };
        let (result, since) = tokio::join!(session.upload_bytes(&bytes, &remote, 0o644), stopping);
        result.unwrap_err();
        assert!(since.elapsed() < Duration::from_secs(45), "{:?}", since.elapsed());
        sshd.signal_connections(Signal::SIGKILL);
        assert!(session.exec(&Command::new(["true"])).await.unwrap().success());
        assert!(!sshd.path("up/never").exists());
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_down_is_refused_and_back_again_reached() {
    let mut sshd = Sshd::start();
    let session = sshd.session().await;
    within(60, async {
        sshd.signal_connections(Signal::SIGKILL);
        sshd.stop_listening();
        let start = Instant::now();
        let command = Command::new(["echo", "hi"]);
        let error = session.exec(&command).await;
        let lost = matches!(&error, Ok(output) if output.exit == Exit::Lost);
        assert!(lost || matches!(error, Err(ControlError::Refused { .. })), "{error:?}");
        let error = session.exec(&command).await.unwrap_err();
        assert!(matches!(error, ControlError::Refused { .. }), "{error}");
        assert!(start.elapsed() < Duration::from_secs(15));
        let error = Session::connect(sshd.target()).await.unwrap_err();
        assert!(error.to_string().contains("start an SSH server"), "{error}");
        sshd.listen_again();
        assert_eq!(session.exec(&command).await.unwrap().text(), "hi");
    })
    .await;
}

#[tokio::test]
async fn a_closed_session_ends_commands_and_takes_no_more() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(30, async {
        let command = sleeper(&sshd);
        let closing = async {
            read_pid(&sshd.path("pid")).await;
            session.close().await;
        };
        let (output, ()) = tokio::join!(session.exec(&command), closing);
        assert_eq!(output.unwrap().exit, Exit::Lost);
        end_sleeper(&sshd).await;
        let error = session.exec(&command).await.unwrap_err();
        assert!(matches!(error, ControlError::Closed { .. }), "{error}");
        assert!(session.spawn(&command).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn what_is_no_ssh_server_is_named_as_such() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sshd = Sshd::start();
    let mut target = sshd.target();
    target.port = listener.local_addr().unwrap().port();
    let web = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\nno\r\n").await.unwrap();
        }
    });
    let error = within(40, Session::connect(target)).await.unwrap_err();
    assert!(matches!(error, ControlError::Handshake { .. }), "{error}");
    web.abort();
}

#[tokio::test]
async fn silence_and_unknown_names_end_in_time() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sshd = Sshd::start();
    let mut target = sshd.target();
    target.port = listener.local_addr().unwrap().port();
    let silent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
    });
    let error = within(25, Session::connect(target.clone())).await.unwrap_err();
    assert!(matches!(error, ControlError::ConnectTimeout { .. }), "{error}");
    silent.abort();
    target.host = "no-such-host.invalid".to_owned();
    let error = within(25, Session::connect(target)).await.unwrap_err();
    assert!(matches!(error, ControlError::Unresolved { .. }), "{error}");
}

#[tokio::test]
async fn a_spawned_process_has_pipes_and_a_connection_of_its_own() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(30, async {
        let mut process =
            session.spawn(&Command::shell("cat; echo bye >&2; exit 4")).await.unwrap();
        assert_eq!(sshd.connections().len(), 2);
        process.stdin.write_all(b"one\n").await.unwrap();
        let mut line = [0; 4];
        process.stdout.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"one\n");
        drop(process.stdin);
        let mut rest = Vec::new();
        process.stdout.read_to_end(&mut rest).await.unwrap();
        assert_eq!(process.exit.await.unwrap(), (Exit::Code(4), b"bye\n".to_vec()));
        assert!(rest.is_empty());

        // A stream that nobody reads stalls no command.
        let flood = session.spawn(&Command::new(["yes"])).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(session.exec(&Command::new(["true"])).await.unwrap().success());
        sshd.signal_connections(Signal::SIGKILL);
        drop(flood.stdout);
        assert_eq!(flood.exit.await.unwrap().0, Exit::Lost);
    })
    .await;
}

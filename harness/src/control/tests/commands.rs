//! Commands: exits, streams, quoting, many at once, output caps, time limits.

use super::sshd::{Sshd, is_running, read_pid};
use super::within;
use crate::control::{Command, ControlError, Exit};
use futures::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::time::{Duration, Instant};

#[tokio::test]
async fn exits_streams_environment_and_directory() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(30, async {
        let run = |script: &str| Command::shell(script);
        let output = session.exec(&run("echo out; echo err >&2; exit 3")).await.unwrap();
        assert_eq!(output.exit, Exit::Code(3));
        assert_eq!((output.text(), output.error_text()), ("out".into(), "err".into()));
        let output = session.exec(&run("kill -TERM $$")).await.unwrap();
        assert_eq!(output.exit, Exit::Signal("TERM".into()));
        let output = session.exec(&run("kill -SYS $$")).await.unwrap();
        assert!(matches!(output.exit, Exit::Signal(_)), "{:?}", output.exit);
        let output = session.exec(&Command::new(["no-such-program"])).await.unwrap();
        assert_eq!(output.exit, Exit::Code(127));
        let stdin: Vec<u8> = (0..3_000_000_u32).map(|i| i as u8).collect();
        let cat = Command::new(["cat"]).stdin(stdin.clone()).output_cap(4 << 20);
        let output = session.exec(&cat).await.unwrap();
        assert!(output.success() && output.stdout == stdin && output.discarded == 0);
        let output = session
            .exec(&run("printf '%s|' \"$ODD\"; pwd").env("ODD", "a 'b' $c").dir("/usr/bin"))
            .await
            .unwrap();
        assert_eq!(output.text(), "a 'b' $c|/usr/bin");
        let output = session.exec(&run("true").dir("/no/such")).await.unwrap();
        assert_eq!(output.exit, Exit::Code(126));
        let error = session.exec(&Command::new(["echo", "a\0b"])).await.unwrap_err();
        assert!(matches!(error, ControlError::BadCommand { .. }), "{error}");
    })
    .await;
}

#[tokio::test]
async fn odd_arguments_arrive_unchanged() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    let mut arguments: Vec<String> = [
        "", " ", "'", "\"", "\\", "$HOME", "`id`", "!!", "a\nb", "*", "~", "é漢", "-n", "#",
        ";&|<>",
    ]
    .map(str::to_owned)
    .to_vec();
    for _ in 0..40 {
        let chars = (0..12).map(|_| char::from(rand::random_range(1..127_u8)));
        arguments.push(chars.collect());
    }
    within(30, async {
        for chunk in arguments.chunks(5) {
            let mut argv = vec!["printf".to_owned(), "%s\\0".to_owned()];
            argv.extend_from_slice(chunk);
            let output = session.exec(&Command::new(argv)).await.unwrap();
            let expected: String = chunk.iter().map(|argument| format!("{argument}\0")).collect();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        }
    })
    .await;
}

/// Far more commands than OpenSSH's ten sessions per connection, over one connection.
#[tokio::test]
async fn many_commands_at_once_share_one_connection() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(60, async {
        let results = join_all((0..40).map(|i| {
            let session = &session;
            async move {
                let command = Command::shell(format!("sleep 0.2; echo {i}"));
                session.exec(&command).await.unwrap().text()
            }
        }));
        let results = results.await;
        assert_eq!(results, (0..40).map(|i| i.to_string()).collect::<Vec<_>>());
        assert_eq!(sshd.connections().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_server_with_fewer_sessions_is_adapted_to() {
    let sshd = Sshd::start_with("MaxSessions 2");
    let session = sshd.session().await;
    within(60, async {
        let commands = (0..12).map(|_| session.exec(Command::shell("sleep 0.1").into_static()));
        for output in join_all(commands).await {
            assert!(output.unwrap().success());
        }
    })
    .await;
    let none = Sshd::start_with("MaxSessions 0");
    let session = none.session().await;
    let error = within(30, session.exec(&Command::new(["true"]))).await.unwrap_err();
    assert!(matches!(error, ControlError::NoChannel { .. }), "{error}");
}

#[tokio::test]
async fn output_past_the_cap_is_counted_and_does_not_stall() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(60, async {
        let command = Command::shell("head -c 20000000 /dev/zero; head -c 5000 /dev/zero >&2");
        let flood = session.exec(command.output_cap(1000).into_static());
        let small = session.exec(Command::new(["echo", "hi"]).into_static());
        let (flood, small) = tokio::join!(flood, small);
        let flood = flood.unwrap();
        assert_eq!((flood.stdout.len(), flood.stderr.len()), (1000, 1000));
        assert_eq!(flood.discarded, 20_000_000 + 5000 - 2000);
        assert_eq!(small.unwrap().text(), "hi");
    })
    .await;
}

/// A process that does not read its input must not hold up the input of others.
#[tokio::test]
async fn input_that_nobody_reads_stalls_no_other_command() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(30, async {
        let deaf = Command::new(["sleep", "4"]).stdin(vec![b'x'; 8 << 20]);
        let others = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let start = Instant::now();
            let output = session.exec(&Command::new(["cat"]).stdin("hi")).await.unwrap();
            assert_eq!(output.text(), "hi");
            start.elapsed()
        };
        let (deaf, took) = tokio::join!(session.exec(&deaf), others);
        assert_eq!(deaf.unwrap().exit, Exit::Code(0));
        assert!(took < Duration::from_secs(3), "{took:?}");
    })
    .await;
}

/// What a command started dies with it: also in a session of its own, also deaf to SIGTERM.
#[tokio::test]
async fn a_time_limit_kills_everything_and_verifies_it() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    let dir = sshd.dir.path().display();
    let script = format!(
        "trap '' TERM HUP; echo $$ > {dir}/a; setsid sh -c 'echo $$ > {dir}/b; sleep 300' & \
         echo said; sleep 300; echo never"
    );
    within(40, async {
        let start = Instant::now();
        let command = Command::shell(script).timeout(Duration::from_secs(2));
        match session.exec(&command).await.unwrap_err() {
            ControlError::CommandTimeout { gone, stdout, .. } => {
                assert!(gone);
                assert_eq!(stdout, b"said\n");
            }
            other => panic!("{other}"),
        }
        assert!(start.elapsed() < Duration::from_secs(20));
        for name in ["a", "b"] {
            let pid = read_pid(&sshd.path(name)).await;
            assert!(!is_running(pid), "{name}");
        }
        assert!(session.exec(&Command::new(["true"])).await.unwrap().success());
    })
    .await;
}

/// All channels taken by commands that hang must not keep them from being killed.
#[tokio::test]
async fn many_time_limits_at_once() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(60, async {
        let command = Command::new(["sleep", "300"]).timeout(Duration::from_secs(1));
        let results = join_all((0..10).map(|_| session.exec(&command))).await;
        for result in results {
            let error = result.unwrap_err();
            assert!(matches!(error, ControlError::CommandTimeout { gone: true, .. }), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn dropping_the_future_kills_the_command() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    let pid_file = sshd.path("pid");
    within(40, async {
        let script = format!("echo $$ > {}; exec sleep 300", pid_file.display());
        let command = Command::shell(script);
        let pid = tokio::select! {
            _ = session.exec(&command) => panic!("it does not end by itself"),
            pid = read_pid(&pid_file) => pid,
        };
        for _ in 0..200 {
            if !is_running(pid) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("process {pid} is still there");
    })
    .await;
}

#[tokio::test]
async fn a_daemon_that_keeps_the_output_open_is_not_waited_for() {
    let sshd = Sshd::start();
    let session = sshd.session().await;
    within(30, async {
        let start = Instant::now();
        let command = Command::shell("sleep 300 & echo $!");
        let output = session.exec(&command).await.unwrap();
        assert!(output.success() && start.elapsed() < Duration::from_secs(10));
        let pid: i32 = output.text().parse().unwrap();
        assert!(is_running(pid));
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    })
    .await;
}

impl Command {
    /// Leaked, to be borrowed by futures of a test.
    fn into_static(self) -> &'static Self {
        Box::leak(Box::new(self))
    }
}

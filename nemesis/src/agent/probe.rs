//! Probes: does a packet get from this node to there and back?

use crate::wire::{PROBE_TARGETS_MAX, Probe, Probed, Reach};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Tries all targets at once. Takes the timeout at the most, and a little.
pub(crate) fn run(probe: &Probe) -> Result<Vec<Probed>, String> {
    if probe.targets.len() > PROBE_TARGETS_MAX {
        return Err(format!("at most {PROBE_TARGETS_MAX} targets a probe: ask in parts"));
    }
    if !(1..=10_000).contains(&probe.timeout_ms) {
        return Err("`timeout_ms` is from 1 to 10000".to_owned());
    }
    let timeout = Duration::from_millis(probe.timeout_ms);
    std::thread::scope(|scope| {
        let attempts: Vec<_> = probe
            .targets
            .iter()
            .map(|&target| scope.spawn(move || connect(target, timeout)))
            .collect();
        attempts
            .into_iter()
            .map(|attempt| attempt.join().map_err(|_| "a probe panicked".to_owned()))
            .collect()
    })
}

/// One TCP connection attempt. A refusal is as good as an answer: the far kernel's packet came.
fn connect(target: SocketAddr, timeout: Duration) -> Probed {
    let began = Instant::now();
    let outcome = TcpStream::connect_timeout(&target, timeout);
    let after = began.elapsed().as_millis();
    let (reach, detail) = match outcome {
        Ok(_) => (Reach::Reached, format!("reached after {after} ms")),
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                (Reach::Refused, format!("refused after {after} ms"))
            }
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                (Reach::TimedOut, format!("timed out after {after} ms"))
            }
            _ => (Reach::Unreachable, format!("unreachable: {error}")),
        },
    };
    Probed { target, reach, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn an_open_port_is_reached_and_a_closed_one_refuses() {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let targets = vec![open.local_addr().unwrap(), closed];
        let answers = run(&Probe { targets: targets.clone(), timeout_ms: 2000 }).unwrap();
        assert_eq!((answers[0].target, answers[0].reach), (targets[0], Reach::Reached));
        assert_eq!((answers[1].target, answers[1].reach), (targets[1], Reach::Refused));
    }

    #[test]
    fn senseless_probes_are_refused() {
        let target: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let many = vec![target; PROBE_TARGETS_MAX + 1];
        assert!(run(&Probe { targets: many, timeout_ms: 10 }).is_err());
        assert!(run(&Probe { targets: vec![target], timeout_ms: 0 }).is_err());
    }
}

//! Echoes: what answers other nodes' packets here, and what measures the way to theirs.
//!
//! A packet is a session, a number, filling, and a checksum of its own, since kernels drop what
//! fails theirs. An echo counts what it hears before it answers, so that each direction is seen alone.

use super::process::lock;
use crate::wire::{COUNT_MAX, Echo, Heard, Measure, Measured, SIZE_MAX, SIZE_MIN, Session, Way};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Measurements that are remembered.
const SESSIONS_MAX: usize = 256;
/// Ways of one measurement, at most.
const WAYS_MAX: usize = 32;
/// How long one TCP connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The numbers that came, and how.
#[derive(Default)]
struct Tally {
    came: BTreeSet<u32>,
    duplicates: u32,
    overtaken: u32,
}

impl Tally {
    /// Whether it is the first with its number.
    fn count(&mut self, number: u32) -> bool {
        let late = self.came.last().is_some_and(|&last| last > number);
        let new = self.came.insert(number);
        if !new {
            self.duplicates += 1;
        } else if late {
            self.overtaken += 1;
        }
        new
    }
}

#[derive(Default)]
struct Ears {
    sessions: BTreeMap<u64, Tally>,
    order: VecDeque<u64>,
    damaged: u64,
}

/// The node's echo. It begins when it is first asked for and ends with the agent.
#[derive(Default)]
pub(crate) struct Echoes {
    ears: Arc<Mutex<Ears>>,
    port: Mutex<Option<u16>>,
}

impl Echoes {
    /// Where this node echoes.
    pub(crate) fn open(&self) -> Result<Echo, String> {
        let mut port = lock(&self.port);
        if let Some(port) = *port {
            return Ok(Echo { port });
        }
        let failed = |error: std::io::Error| format!("cannot open a port to echo from: {error}");
        let (socket, listener) = bind().map_err(failed)?;
        let number = socket.local_addr().map_err(failed)?.port();
        let ears = Arc::clone(&self.ears);
        std::thread::spawn(move || echo_datagrams(&socket, &ears));
        std::thread::spawn(move || echo_connections(&listener));
        *port = Some(number);
        Ok(Echo { port: number })
    }

    /// What was heard of one measurement.
    pub(crate) fn heard(&self, of: Session) -> Result<Heard, String> {
        let ears = lock(&self.ears);
        let nothing = Tally::default();
        let tally = ears.sessions.get(&of.session).unwrap_or(&nothing);
        Ok(Heard {
            distinct: tally.came.len() as u32,
            duplicates: tally.duplicates,
            overtaken: tally.overtaken,
            damaged: ears.damaged,
            checksum_errors: checksum_errors(),
        })
    }
}

/// The same port for UDP and TCP, for both families where there are two.
fn bind() -> std::io::Result<(UdpSocket, TcpListener)> {
    for _ in 0..16 {
        let socket = UdpSocket::bind("[::]:0").or_else(|_| UdpSocket::bind("0.0.0.0:0"))?;
        if let Ok(listener) = TcpListener::bind(socket.local_addr()?) {
            return Ok((socket, listener));
        }
    }
    Err(std::io::Error::from(ErrorKind::AddrInUse))
}

fn echo_datagrams(socket: &UdpSocket, ears: &Mutex<Ears>) {
    let mut bytes = [0; SIZE_MAX + 1];
    loop {
        let (length, from) = match socket.recv_from(&mut bytes) {
            Ok(received) => received,
            // A report about a datagram that could not be delivered.
            Err(error) if error.kind() != ErrorKind::NotFound => continue,
            Err(_) => return,
        };
        let Some((session, number)) = open(&bytes[..length]) else {
            lock(ears).damaged += 1;
            continue;
        };
        {
            let mut ears = lock(ears);
            if !ears.sessions.contains_key(&session) {
                ears.order.push_back(session);
                if ears.order.len() > SESSIONS_MAX
                    && let Some(oldest) = ears.order.pop_front()
                {
                    ears.sessions.remove(&oldest);
                }
            }
            ears.sessions.entry(session).or_default().count(number);
        }
        let _ = socket.send_to(&bytes[..length], from);
    }
}

fn echo_connections(listener: &TcpListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        std::thread::spawn(move || {
            // One that is cut off is not waited for for ever.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
            let _ = stream.set_nodelay(true);
            let mut bytes = [0; SIZE_MAX];
            while let Ok(length @ 1..) = stream.read(&mut bytes) {
                if stream.write_all(&bytes[..length]).is_err() {
                    break;
                }
            }
        });
    }
}

/// UDP datagrams of both families that the kernel found damaged.
fn checksum_errors() -> u64 {
    let old = std::fs::read_to_string("/proc/net/snmp").unwrap_or_default();
    let mut lines = old.lines().filter(|line| line.starts_with("Udp:"));
    let (names, values) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let mut pairs = names.split(' ').zip(values.split(' '));
    let four = pairs.find(|(name, _)| *name == "InCsumErrors").map_or("", |(_, value)| value);
    let new = std::fs::read_to_string("/proc/net/snmp6").unwrap_or_default();
    let six = new.lines().find_map(|line| line.strip_prefix("Udp6InCsumErrors"));
    [four, six.unwrap_or("")].iter().filter_map(|text| text.trim().parse::<u64>().ok()).sum()
}

/// A packet: session, number, filling, checksum.
fn seal(session: u64, number: u32, size: usize) -> Vec<u8> {
    let mut bytes = vec![0x55; size.clamp(SIZE_MIN, SIZE_MAX)];
    bytes[..8].copy_from_slice(&session.to_be_bytes());
    bytes[8..12].copy_from_slice(&number.to_be_bytes());
    let end = bytes.len() - 8;
    let sum = checksum(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// Session and number, if it is whole.
fn open(bytes: &[u8]) -> Option<(u64, u32)> {
    let (rest, sum) = bytes.split_last_chunk::<8>()?;
    let (session, rest_of) = rest.split_first_chunk::<8>()?;
    let number = rest_of.first_chunk::<4>()?;
    let whole = checksum(rest) == u64::from_be_bytes(*sum);
    whole.then(|| (u64::from_be_bytes(*session), u32::from_be_bytes(*number)))
}

/// FNV-1a: every step is a bijection, so any change within one byte shows.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Measures all ways at once.
pub(crate) fn measure(what: &Measure) -> Result<Vec<Measured>, String> {
    let fits = (1..=COUNT_MAX).contains(&what.count)
        && (SIZE_MIN..=SIZE_MAX).contains(&what.size)
        && what.ways.len() <= WAYS_MAX
        && what.timeout_ms <= 10_000
        && what.gap_us.saturating_mul(u64::from(what.count)) <= 30_000_000;
    if !fits {
        return Err(format!(
            "a measurement has up to {WAYS_MAX} ways, {COUNT_MAX} packets of {SIZE_MIN} to \
             {SIZE_MAX} bytes and half a minute"
        ));
    }
    std::thread::scope(|scope| {
        let measured: Vec<_> = what
            .ways
            .iter()
            .map(|way| {
                scope.spawn(move || if what.tcp { converse(*way, what) } else { send(*way, what) })
            })
            .collect();
        measured
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a measurement panicked".to_owned())?)
            .collect()
    })
}

fn send(way: Way, what: &Measure) -> Result<Measured, String> {
    let failed = |error: std::io::Error| format!("cannot measure the way to {}: {error}", way.echo);
    let any: &str = if way.echo.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).map_err(failed)?;
    socket.connect(way.echo).map_err(failed)?;
    let gap = Duration::from_micros(what.gap_us);
    let mut times = Times { sent: Vec::new(), trips: Vec::new() };
    let mut tally = Tally::default();
    let mut damaged = 0;
    let mut bytes = [0; SIZE_MAX + 1];
    let began = Instant::now();
    let patience = Duration::from_millis(what.timeout_ms);
    loop {
        let number = times.sent.len() as u32;
        let due = began + gap * number;
        let now = Instant::now();
        if number < what.count && due <= now {
            times.sent.push(now);
            // A refusal or a full buffer is a packet without an answer.
            let _ = socket.send(&seal(way.session, number, what.size));
            continue;
        }
        let all = number == what.count;
        let until = if all { due + patience } else { due };
        // Until what is late would be late for good: all answers may come twice.
        let settled = all && tally.came.len() as u32 == what.count;
        let until = if settled { until.min(now + times.longest()) } else { until };
        let wait = until.saturating_duration_since(now);
        if wait.is_zero() && all {
            break;
        }
        socket.set_read_timeout(Some(wait.max(Duration::from_micros(1)))).map_err(failed)?;
        match socket.recv(&mut bytes) {
            Ok(length) => match open(&bytes[..length]) {
                Some((session, number)) if session == way.session => {
                    if tally.count(number) {
                        times.came(number);
                    }
                }
                Some(_) => {}
                None => damaged += 1,
            },
            Err(_) if settled => break,
            Err(_) => {}
        }
    }
    Ok(Measured { damaged, ..times.summary(&tally) })
}

/// Exchanges one after the other over a connection; a new one when it breaks.
fn converse(way: Way, what: &Measure) -> Result<Measured, String> {
    let mut times = Times { sent: Vec::new(), trips: Vec::new() };
    let (mut tally, mut resets) = (Tally::default(), 0);
    let mut stream = None;
    let deadline = Instant::now()
        + Duration::from_micros(what.gap_us.saturating_mul(u64::from(what.count)))
        + Duration::from_millis(what.timeout_ms);
    while (times.sent.len() as u32) < what.count && Instant::now() < deadline {
        let number = times.sent.len() as u32;
        times.sent.push(Instant::now());
        match exchange(&mut stream, way, number, what) {
            Ok(()) => {
                tally.count(number);
                times.came(number);
            }
            Err(error) => {
                let broken = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
                resets += u32::from(broken.contains(&error.kind()));
                stream = None;
            }
        }
        std::thread::sleep(Duration::from_micros(what.gap_us));
    }
    Ok(Measured { resets, ..times.summary(&tally) })
}

fn exchange(
    stream: &mut Option<TcpStream>,
    way: Way,
    number: u32,
    what: &Measure,
) -> std::io::Result<()> {
    if stream.is_none() {
        let connected = TcpStream::connect_timeout(&way.echo, CONNECT_TIMEOUT)?;
        connected.set_nodelay(true)?;
        connected.set_read_timeout(Some(Duration::from_millis(what.timeout_ms.max(1))))?;
        *stream = Some(connected);
    }
    let Some(stream) = stream else { return Err(ErrorKind::NotConnected.into()) };
    stream.write_all(&seal(way.session, number, what.size))?;
    let mut bytes = vec![0; what.size];
    stream.read_exact(&mut bytes)?;
    match open(&bytes) {
        Some(_) => Ok(()),
        None => Err(ErrorKind::InvalidData.into()),
    }
}

/// When packets were sent, and how long their answers took.
struct Times {
    sent: Vec<Instant>,
    trips: Vec<Duration>,
}

impl Times {
    fn came(&mut self, number: u32) {
        if let Some(sent) = self.sent.get(number as usize) {
            self.trips.push(sent.elapsed());
        }
    }

    fn longest(&self) -> Duration {
        self.trips.iter().max().copied().unwrap_or_default().max(Duration::from_millis(5))
    }

    fn summary(mut self, tally: &Tally) -> Measured {
        self.trips.sort_unstable();
        let us = |time: Option<&Duration>| time.map_or(0, |time| time.as_micros() as u64);
        let sum: Duration = self.trips.iter().sum();
        let mean = sum.checked_div(self.trips.len() as u32);
        Measured {
            sent: self.sent.len() as u32,
            answered: tally.came.len() as u32,
            duplicates: tally.duplicates,
            overtaken: tally.overtaken,
            damaged: 0,
            resets: 0,
            least_us: us(self.trips.first()),
            median_us: us(self.trips.get(self.trips.len() / 2)),
            mean_us: us(mean.as_ref()),
            most_us: us(self.trips.last()),
        }
    }
}

/// The echo of this node itself.
#[cfg(test)]
fn here(port: u16, six: bool) -> std::net::SocketAddr {
    if six { format!("[::1]:{port}") } else { format!("127.0.0.1:{port}") }.parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(echo: std::net::SocketAddr, session: u64) -> Measure {
        let ways = vec![Way { echo, session }];
        Measure { ways, count: 50, gap_us: 500, size: 64, timeout_ms: 500, tcp: false }
    }

    #[test]
    fn an_echo_answers_and_says_what_it_heard() {
        let echoes = Echoes::default();
        let port = echoes.open().unwrap().port;
        assert_eq!(echoes.open().unwrap().port, port, "one echo is enough");
        for (session, six) in [(1, false), (2, true)] {
            let measured = &measure(&plan(here(port, six), session)).unwrap()[0];
            assert_eq!((measured.sent, measured.answered, measured.duplicates), (50, 50, 0));
            assert!(measured.least_us > 0 && measured.median_us <= measured.most_us);
            let heard = echoes.heard(Session { session }).unwrap();
            assert_eq!((heard.distinct, heard.duplicates, heard.damaged), (50, 0, 0));
        }
        let tcp = Measure { tcp: true, ..plan(here(port, false), 3) };
        let measured = &measure(&tcp).unwrap()[0];
        assert_eq!((measured.sent, measured.answered, measured.resets), (50, 50, 0));
    }

    #[test]
    fn repeats_latecomers_and_damage_are_told_apart() {
        let echoes = Echoes::default();
        let port = echoes.open().unwrap().port;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(here(port, false)).unwrap();
        let mut damaged = seal(7, 5, 64);
        damaged[40] ^= 1;
        for packet in [seal(7, 0, 64), seal(7, 2, 64), seal(7, 1, 64), seal(7, 2, 64), damaged] {
            socket.send(&packet).unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        let heard = loop {
            let heard = echoes.heard(Session { session: 7 }).unwrap();
            if heard.damaged == 1 || Instant::now() > deadline {
                break heard;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!((heard.distinct, heard.duplicates, heard.overtaken), (3, 1, 1));
        assert_eq!(heard.damaged, 1);
    }

    #[test]
    fn silence_is_measured_and_nonsense_refused() {
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let plan = Measure { timeout_ms: 50, ..plan(silent.local_addr().unwrap(), 9) };
        assert_eq!(measure(&plan).unwrap()[0].answered, 0);
        assert!(measure(&Measure { size: 9000, ..plan.clone() }).is_err());
        assert!(measure(&Measure { gap_us: 1_000_000, ..plan }).is_err());
    }
}

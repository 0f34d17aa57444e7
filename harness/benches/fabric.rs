//! How many packets a second the network of a local cluster carries, and how long one takes.
//!
//! `cargo bench -p perjury-harness --bench fabric`, on a machine that may have local clusters. A
//! program of its own, as a lab has to be entered before any thread exists.

#![expect(clippy::print_stdout, reason = "a benchmark's output")]

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::sockopt::RcvBuf;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt};
use perjury_harness::cluster::{Link, LinkPolicy};
use perjury_harness::local::{
    self, Entered, LocalCluster, LocalNode, LocalSpec, NODE, PROBE, enter_lab,
};
use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes of a datagram.
const SIZE: usize = 32;
/// Datagrams in one system call.
const BATCH: usize = 32;
/// Datagrams under way: fewer than the receiver's socket has room for.
const WINDOW: u64 = 256;
const LENGTH: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(NODE) => return local::node_main(arguments),
        Some(PROBE) => return local::probe_main(arguments),
        _ => {}
    }
    match enter_lab("") {
        Ok(Entered::Left(code)) => code,
        Ok(Entered::Inside) => {
            tokio::runtime::Runtime::new().expect("a runtime").block_on(inside());
            ExitCode::SUCCESS
        }
        Err(error) => panic!("{error}"),
    }
}

async fn inside() {
    let cluster = LocalCluster::up(LocalSpec::numbered(4)).await.expect("a cluster");
    let nodes = cluster.nodes();
    let [one, two, three, four] = [0, 1, 2, 3].map(|at| &nodes[at]);
    println!("datagrams of {SIZE} bytes, {WINDOW} under way, {} s each", LENGTH.as_secs());
    flood(&cluster, "one link", &[(one, two)]);
    flood(&cluster, "two links", &[(one, two), (three, four)]);
    let way = [Link { from: 0, to: 1 }];
    let fabric = cluster.fabric();
    let loss = LinkPolicy { loss_percent: 0.1, seed: 1, ..LinkPolicy::default() };
    fabric.shape("bench", &way, &loss);
    flood(&cluster, "one link that loses 0.1 %", &[(one, two)]);
    fabric.shape("bench", &way, &LinkPolicy { delay_ms: 1.0, ..LinkPolicy::default() });
    flood(&cluster, "one link of 1 ms (the window is the limit)", &[(one, two)]);
    fabric.shape("bench", &way, &LinkPolicy::default());
    trips(one, two, "");
    fabric.shape("bench", &way, &LinkPolicy { delay_ms: 10.0, ..LinkPolicy::default() });
    trips(one, two, " with 10 ms one way");
    println!("frames without room: {}", cluster.lost_frames());
    cluster.down().await;
}

/// Runs something with a node's network, in a thread of its own.
fn on<T: Send>(node: &LocalNode, act: impl FnOnce() -> T + Send) -> T {
    let namespace = std::fs::File::open(format!("/proc/{}/ns/net", node.pid)).expect("a namespace");
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("to enter it");
            act()
        });
        thread.join().expect("no panic")
    })
}

fn pair(from: &LocalNode, to: &LocalNode) -> (UdpSocket, UdpSocket) {
    let receiver = on(to, || UdpSocket::bind((to.address, 0)).expect("to listen"));
    receiver.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
    // As much as an ordinary user may have.
    setsockopt(&receiver, RcvBuf, &(1 << 20)).expect("a larger buffer");
    let sender = on(from, || UdpSocket::bind((from.address, 0)).expect("a socket"));
    sender.connect(receiver.local_addr().expect("an address")).expect("to connect");
    (sender, receiver)
}

fn flood(cluster: &LocalCluster, what: &str, links: &[(&LocalNode, &LocalNode)]) {
    let pairs: Vec<_> = links.iter().map(|(from, to)| pair(from, to)).collect();
    let stop = AtomicBool::new(false);
    let before = (cluster.lost_frames(), times());
    let started = Instant::now();
    let mut received = 0;
    std::thread::scope(|scope| {
        let mut receivers = Vec::new();
        let counts: Vec<AtomicU64> = pairs.iter().map(|_| AtomicU64::new(0)).collect();
        let counts: &'static [AtomicU64] = counts.leak();
        for ((sender, receiver), count) in pairs.iter().zip(counts) {
            let stop = &stop;
            let name = std::thread::Builder::new().name("bench-receiver".into());
            receivers.push(
                name.spawn_scoped(scope, || receive(receiver, count, stop)).expect("a thread"),
            );
            let name = std::thread::Builder::new().name("bench-sender".into());
            name.spawn_scoped(scope, || send(sender, count, stop)).expect("a thread");
        }
        std::thread::sleep(LENGTH);
        let used = times();
        let took = started.elapsed().as_secs_f64();
        received += counts.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u64>();
        stop.store(true, Ordering::Relaxed);
        let rate = received as f64 / took;
        println!("\n{what}: {rate:.0} packets/s");
        for (name, seconds) in used {
            let spent = seconds - before.1.get(&name).copied().unwrap_or(0.0);
            if spent / took > 0.01 {
                let each = spent * 1e6 / received.max(1) as f64;
                println!(
                    "  {name:<16} {:>4.0} % of a core, {each:.2} µs a packet",
                    spent / took * 100.0
                );
            }
        }
    });
    println!("  lost for want of room: {}", cluster.lost_frames() - before.0);
}

fn send(socket: &UdpSocket, received: &AtomicU64, stop: &AtomicBool) {
    let bytes = [7; SIZE];
    let parts: Vec<[IoSlice<'_>; 1]> = (0..BATCH).map(|_| [IoSlice::new(&bytes)]).collect();
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let addresses = vec![None; BATCH];
    let mut sent = 0;
    let mut stuck = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if sent > received.load(Ordering::Relaxed) + WINDOW {
            // What was lost never comes: after a while the window is opened for it.
            if stuck.elapsed() > Duration::from_millis(2) {
                sent = received.load(Ordering::Relaxed);
            }
            std::thread::yield_now();
            continue;
        }
        stuck = Instant::now();
        let fd = socket.as_raw_fd();
        let done = sendmmsg(fd, &mut headers, &parts, &addresses, [], MsgFlags::empty());
        sent += done.map_or(0, Iterator::count) as u64;
    }
}

fn receive(socket: &UdpSocket, received: &AtomicU64, stop: &AtomicBool) {
    let mut bytes = [[0; SIZE]; BATCH];
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    while !stop.load(Ordering::Relaxed) {
        let mut parts: Vec<[IoSliceMut<'_>; 1]> =
            bytes.iter_mut().map(|bytes| [IoSliceMut::new(bytes)]).collect();
        let flags = MsgFlags::MSG_WAITFORONE;
        let got = recvmmsg(socket.as_raw_fd(), &mut headers, parts.iter_mut(), flags, None);
        received.fetch_add(got.map_or(0, Iterator::count) as u64, Ordering::Relaxed);
    }
}

/// Processor time of this process's threads, in seconds, by name.
fn times() -> BTreeMap<String, f64> {
    let mut times = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        let name = name.split_once('(').map_or("", |(_, name)| name).to_owned();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
        // User and system time, in hundredths of a second.
        *times.entry(name).or_insert(0.0) +=
            (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0;
    }
    times
}

fn trips(from: &LocalNode, to: &LocalNode, with: &str) {
    let (near, far) = pair(from, to);
    near.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let mut times: Vec<u64> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut bytes = [0; SIZE];
            for _ in 0..500 {
                if let Ok((length, back)) = far.recv_from(&mut bytes) {
                    let _ = far.send_to(&bytes[..length], back);
                }
            }
        });
        for _ in 0..500 {
            let started = Instant::now();
            near.send(&[1; SIZE]).expect("to send");
            if near.recv(&mut [0; SIZE]).is_ok() {
                times.push(started.elapsed().as_micros() as u64);
            }
        }
    });
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or(0);
    println!("\nround trips{with}: {} µs p50, {} µs p90, {} µs p99", at(50), at(90), at(99));
}

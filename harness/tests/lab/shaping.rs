//! Link policies, seen from the nodes: what real sockets notice of them.

use super::{listen, on};
use perjury_harness::Fabric;
use perjury_harness::cluster::{Distribution, Link, LinkPolicy};
use perjury_harness::local::{LocalCluster, LocalNode};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const FORTH: Link = Link { from: 0, to: 1 };
const BACK: Link = Link { from: 1, to: 0 };

pub fn policies_do_what_they_say(cluster: &LocalCluster) {
    let (fabric, nodes) = (cluster.fabric(), cluster.nodes());
    let shape = |policy: &LinkPolicy| fabric.shape("test", &[FORTH], policy);
    for address in [Some(nodes[1].address), nodes[1].ipv6].into_iter().flatten() {
        let pair = Pair::new(&nodes[0], &nodes[1], address);
        delays_are_precise(&pair, &*fabric);
        shares_are_as_asked(&pair, &*fabric);
        damage_is_seen_as_asked(&pair, &*fabric);
        shape(&LinkPolicy::default());
        assert_eq!(fabric.shaped(None), []);
        assert_eq!(pair.burst(200).len(), 200, "all is well again");
    }
    slow_links_are_slow(&nodes[0], &nodes[1], &*fabric);
    connections_are_reset(&nodes[0], &nodes[1], &*fabric);
}

/// A socket on each of two nodes.
struct Pair {
    near: UdpSocket,
    far: UdpSocket,
}

impl Pair {
    fn new(one: &LocalNode, other: &LocalNode, address: IpAddr) -> Self {
        let far = on(other, || UdpSocket::bind((address, 0)).expect("to listen"));
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let near = on(one, || UdpSocket::bind(any).expect("a socket"));
        near.connect(far.local_addr().expect("an address")).expect("to connect");
        Self { near, far }
    }

    /// How long each of these datagrams was under way.
    fn journeys(&self, count: u32, gap: Duration) -> Vec<Duration> {
        self.far.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
        std::thread::scope(|scope| {
            let receiver = scope.spawn(|| {
                let mut times = vec![None; count as usize];
                let mut bytes = [0; 4];
                while times.contains(&None) && self.far.recv(&mut bytes).is_ok() {
                    times[u32::from_be_bytes(bytes) as usize] = Some(Instant::now());
                }
                times
            });
            let sent: Vec<Instant> = (0..count)
                .map(|number| {
                    let now = Instant::now();
                    self.near.send(&number.to_be_bytes()).expect("to send");
                    std::thread::sleep(gap);
                    now
                })
                .collect();
            let received = receiver.join().expect("no panic");
            sent.iter().zip(received).filter_map(|(sent, at)| Some(at? - *sent)).collect()
        })
    }

    /// Sends numbered datagrams and returns the numbers in the order in which they came.
    fn burst(&self, count: u32) -> Vec<u32> {
        self.far.set_read_timeout(Some(Duration::from_millis(150))).expect("a timeout");
        std::thread::scope(|scope| {
            let receiver = scope.spawn(|| {
                let (mut numbers, mut bytes) = (Vec::new(), [0; 64]);
                while let Ok(length) = self.far.recv(&mut bytes) {
                    if length == 64 && bytes[4..] == [7; 60] {
                        let number = bytes.first_chunk().expect("four bytes");
                        numbers.push(u32::from_be_bytes(*number));
                    } else {
                        numbers.push(u32::MAX);
                    }
                }
                numbers
            });
            for number in 0..count {
                let mut bytes = [7; 64];
                bytes[..4].copy_from_slice(&number.to_be_bytes());
                self.near.send(&bytes).expect("to send");
                std::thread::sleep(Duration::from_micros(50));
            }
            receiver.join().expect("no panic")
        })
    }
}

/// The best of some tries: the machine may be busy, and then it is late, never early.
fn delays_are_precise(pair: &Pair, fabric: &dyn Fabric) {
    let ms = |times: &[Duration]| -> Vec<f64> {
        times.iter().map(|time| time.as_secs_f64() * 1000.0).collect()
    };
    let policy = LinkPolicy { delay_ms: 20.0, seed: 5, ..LinkPolicy::default() };
    let before = fabric.count(FORTH);
    fabric.shape("test", &[FORTH], &policy);
    let gap = Duration::from_micros(500);
    let mut median = f64::MAX;
    for _ in 0..5 {
        let mut times = ms(&pair.journeys(100, gap));
        times.sort_by(f64::total_cmp);
        assert!(times.len() == 100 && times[0] >= 20.0, "never early: {times:?}");
        median = median.min(times[50]);
    }
    assert!(median < 21.0, "20 ms asked, {median} ms measured");
    assert!(fabric.count(FORTH).delayed >= before.delayed + 500);
    let spread = LinkPolicy { jitter_ms: 4.0, distribution: Distribution::Normal, ..policy };
    fabric.shape("test", &[FORTH], &spread);
    let times = ms(&pair.journeys(400, gap));
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    assert!(times.len() == 400 && (18.5..24.0).contains(&mean), "{mean} ms");
    assert!(times.iter().any(|ms| *ms < 17.0) && times.iter().any(|ms| *ms > 23.0));
}

fn shares_are_as_asked(pair: &Pair, fabric: &dyn Fabric) {
    const SENT: u32 = 3000;
    let policy = LinkPolicy {
        loss_percent: 10.0,
        duplicate_percent: 5.0,
        reorder_percent: 4.0,
        reorder_ms: 3.0,
        seed: 11,
        ..LinkPolicy::default()
    };
    let before = fabric.count(FORTH);
    fabric.shape("test", &[FORTH], &policy);
    let numbers = pair.burst(SENT);
    let after = fabric.count(FORTH);
    let mut distinct = numbers.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let lost = SENT as usize - distinct.len();
    let doubled = numbers.len() - distinct.len();
    let late = numbers.windows(2).filter(|pair| pair[1] < pair[0]).count();
    let about = |count: usize, percent: f64| {
        let (n, p) = (f64::from(SENT), percent / 100.0);
        (count as f64 - n * p).abs() <= 3.0 * (n * p * (1.0 - p)).sqrt()
    };
    assert!(about(lost, 10.0), "{lost} of {SENT} lost");
    assert!(about(doubled, 5.0 * 0.9), "{doubled} of {SENT} came twice");
    assert!(late > 20, "{late} overtaken");
    assert_eq!(after.lost - before.lost, lost as u64, "the fabric counts what sockets miss");
    assert_eq!(after.duplicated - before.duplicated, doubled as u64);
    assert!(after.reordered > before.reordered);
}

fn damage_is_seen_as_asked(pair: &Pair, fabric: &dyn Fabric) {
    let policy = LinkPolicy { corrupt_percent: 20.0, seed: 3, ..LinkPolicy::default() };
    fabric.shape("test", &[FORTH], &policy);
    let before = fabric.count(FORTH).corrupted;
    let numbers = pair.burst(500);
    let damaged = fabric.count(FORTH).corrupted - before;
    assert!((60..140).contains(&damaged), "{damaged}");
    assert_eq!(numbers.len() as u64, 500 - damaged, "the kernel drops what is damaged");
    assert!(!numbers.contains(&u32::MAX));
    fabric.shape("test", &[FORTH], &LinkPolicy { corrupt_silently: true, ..policy });
    let numbers = pair.burst(500);
    let wrong = (0..500).filter(|number| !numbers.contains(number)).count();
    assert!(numbers.len() == 500 && (60..140).contains(&wrong), "programs get wrong bits: {wrong}");
}

fn slow_links_are_slow(one: &LocalNode, other: &LocalNode, fabric: &dyn Fabric) {
    let policy = LinkPolicy { rate_kbit: 8000.0, ..LinkPolicy::default() };
    fabric.shape("test", &[FORTH], &policy);
    let (listener, address) = listen(other);
    let mut sender = on(one, || TcpStream::connect(address).expect("to connect"));
    let mut receiver = listener.accept().expect("a connection").0;
    let started = Instant::now();
    let sending = std::thread::spawn(move || sender.write_all(&[1; 500_000]).expect("to send"));
    receiver.read_exact(&mut [0; 500_000]).expect("to receive");
    let took = started.elapsed().as_secs_f64();
    sending.join().expect("no panic");
    // 500 kB with headers are 4.2 Mbit.
    assert!((0.45..1.5).contains(&took), "{took} s for half a second's worth");
    fabric.shape("test", &[FORTH], &LinkPolicy::default());
}

fn connections_are_reset(one: &LocalNode, other: &LocalNode, fabric: &dyn Fabric) {
    let (listener, address) = listen(other);
    let mut near = on(one, || TcpStream::connect(address).expect("to connect"));
    let mut far = listener.accept().expect("a connection").0;
    near.write_all(b"hello").expect("to send");
    far.read_exact(&mut [0; 5]).expect("to receive");
    let before = fabric.count(FORTH).reset;
    let policy = LinkPolicy { reset_percent: 100.0, ..LinkPolicy::default() };
    fabric.shape("test", &[FORTH], &policy);
    near.write_all(b"anybody?").expect("to send");
    for stream in [&mut far, &mut near] {
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let error = stream.read(&mut [0; 9]).expect_err("the connection is gone");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    assert!(fabric.count(FORTH).reset > before);
    fabric.shape("test", &[FORTH, BACK], &LinkPolicy::default());
}

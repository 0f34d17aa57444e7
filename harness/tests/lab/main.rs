//! A local cluster through its Rust interface: live cuts, what they count, and a second cluster in
//! the same lab. A program of its own, as a lab has to be entered before any thread exists.

mod control;
mod shaping;

use nix::sched::{CloneFlags, setns};
use perjury_harness::cluster::Link;
use perjury_harness::local::{
    self, CONTROLLER, Entered, LocalCluster, LocalNode, LocalSpec, NODE, PROBE, enter_lab,
};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(NODE) => return local::node_main(arguments),
        Some(PROBE) => return local::probe_main(arguments),
        // Somebody runs one other test by its name.
        Some(filter) if !filter.starts_with('-') && !"lab".contains(filter) => {
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    match enter_lab("") {
        Ok(Entered::Left(code)) => code,
        Ok(Entered::Inside) => {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(inside());
            ExitCode::SUCCESS
        }
        Err(error) => panic!("{error}"),
    }
}

async fn inside() {
    assert_eq!(local::check(), [], "a lab inside a lab works too");
    let started = Instant::now();
    let cluster = LocalCluster::up(LocalSpec::numbered(5)).await.expect("a cluster");
    let up = started.elapsed();
    assert!(up < Duration::from_secs(3), "five nodes took {up:?}");
    cuts_hold_and_mend(&cluster);
    the_controller_can_be_cut_off(&cluster);
    large_transfers_arrive_whole(&cluster);
    shaping::policies_do_what_they_say(&cluster);
    assert_eq!(cluster.lost_frames(), 0);
    control::sessions_work(&cluster.nodes()[2]).await;
    let started = Instant::now();
    cluster.down().await;
    let down = started.elapsed();
    assert!(down < Duration::from_secs(1), "going down took {down:?}");

    let names = vec!["east".to_owned(), "west".to_owned()];
    let second = LocalCluster::up(LocalSpec { names, ..LocalSpec::default() }).await;
    let second = second.expect("another cluster in the same lab");
    assert_eq!(second.nodes()[1].name, "west");
    // The first packets of new nodes may be late on a busy machine.
    assert!((0..5).any(|_| talk(&second.nodes()[0], &second.nodes()[1])));
    drop(second);
}

/// Runs something with a node's network, in a thread of its own.
fn on<T: Send>(node: &LocalNode, act: impl FnOnce() -> T + Send) -> T {
    let namespace =
        std::fs::File::open(format!("/proc/{}/ns/net", node.pid)).expect("its namespace");
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("to enter it");
            act()
        });
        thread.join().expect("no panic")
    })
}

fn listen(node: &LocalNode) -> (TcpListener, SocketAddr) {
    let listener = on(node, || TcpListener::bind((node.address, 0)).expect("to listen"));
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

/// Whether a connection from one node to another comes about.
fn talk(from: &LocalNode, to: &LocalNode) -> bool {
    let (_listener, address) = listen(to);
    on(from, || match TcpStream::connect_timeout(&address, SOON) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::TimedOut, "a cut link is silent: {error}");
            false
        }
    })
}

/// Whether a datagram from one node reaches another, which asks for no way back.
fn whisper(from: &LocalNode, to: &LocalNode, address: IpAddr) -> bool {
    let receiver = on(to, || UdpSocket::bind((address, 0)).expect("to listen"));
    receiver.set_read_timeout(Some(SOON)).expect("a timeout");
    let target = receiver.local_addr().expect("an address");
    on(from, || {
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        UdpSocket::bind(any).expect("a socket").send_to(b"psst", target).expect("to send");
    });
    receiver.recv(&mut [0; 16]).is_ok()
}

fn cuts_hold_and_mend(cluster: &LocalCluster) {
    let (fabric, nodes) = (cluster.fabric(), cluster.nodes());
    let (one, two, three) = (&nodes[0], &nodes[1], &nodes[2]);
    assert!(talk(one, two) && talk(two, one));
    let way = Link { from: 0, to: 1 };
    fabric.cut(&[way]);
    assert_eq!(fabric.cuts(), [way]);
    let before = fabric.count(way);
    for (from, to) in [(one, two), (two, one)] {
        assert!(!talk(from, to), "TCP needs both ways");
    }
    for address in [Some(two.address), two.ipv6].into_iter().flatten() {
        assert!(!whisper(one, two, address), "{address}");
    }
    for address in [Some(one.address), one.ipv6].into_iter().flatten() {
        assert!(whisper(two, one, address), "the way back is open: {address}");
    }
    assert!(talk(one, three) && talk(two, three), "other links are not touched");
    let after = fabric.count(way);
    assert_eq!(after.delivered, before.delivered, "not one frame passes a cut link");
    assert!(after.dropped >= before.dropped + 3, "{before:?} {after:?}");
    fabric.mend(&[way]);
    assert_eq!(fabric.cuts(), []);
    assert!(talk(one, two) && talk(two, one));
    assert_eq!(fabric.count(way).dropped, after.dropped, "a mended link drops nothing");
}

fn the_controller_can_be_cut_off(cluster: &LocalCluster) {
    let (fabric, node) = (cluster.fabric(), &cluster.nodes()[3]);
    let (_listener, address) = listen(node);
    assert!(TcpStream::connect_timeout(&address, SOON).is_ok());
    let way = Link { from: 3, to: CONTROLLER };
    fabric.cut(&[way]);
    assert!(TcpStream::connect_timeout(&address, SOON).is_err());
    assert!(fabric.count(way).dropped > 0);
    let ssh = SocketAddr::new(node.ssh.host.parse().expect("an address"), node.ssh.port);
    assert!(TcpStream::connect_timeout(&ssh, SOON).is_ok(), "the control link is another one");
    fabric.mend(&[way]);
    assert!(TcpStream::connect_timeout(&address, SOON).is_ok());
}

fn large_transfers_arrive_whole(cluster: &LocalCluster) {
    const BYTES: u64 = 100 << 20;
    let (listener, address) = listen(&cluster.nodes()[4]);
    let sender = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("to connect");
        std::io::copy(&mut std::io::repeat(7).take(BYTES), &mut stream).expect("to send");
        stream.flush().expect("to send");
    });
    let mut received = listener.accept().expect("a connection").0;
    let mut chunk = vec![0; 1 << 16];
    let mut total = 0;
    loop {
        match received.read(&mut chunk).expect("to receive") {
            0 => break,
            count => {
                assert!(chunk[..count].iter().all(|byte| *byte == 7));
                total += count as u64;
            }
        }
    }
    sender.join().expect("no panic");
    assert_eq!(total, BYTES);
}

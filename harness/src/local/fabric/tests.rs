//! The switch over ordinary socket pairs: who gets a frame, and what is counted.

use super::*;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, recv, socketpair};

const BROADCAST: [u8; 6] = [0xff; 6];

/// A switch with three ports (two nodes and the controller) and the stations' ends.
fn switch() -> (Switch, Vec<OwnedFd>) {
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let flags = SockFlag::SOCK_NONBLOCK;
        let (one, other) =
            socketpair(AddressFamily::Unix, SockType::Datagram, None, flags).unwrap();
        near.push(one);
        far.push(other);
    }
    let macs = (1..=3).map(|number| Station::numbered(number).mac).collect();
    (Switch::new(macs, far), near)
}

fn frame(to: [u8; 6]) -> Vec<u8> {
    [&to[..], &[2; 6], b"\x08\x00payload"].concat()
}

fn received(station: &OwnedFd) -> bool {
    recv(station.as_raw_fd(), &mut [0; 100], MsgFlags::MSG_DONTWAIT).is_ok()
}

#[test]
fn a_frame_goes_to_its_destination_only() {
    let (switch, stations) = switch();
    switch.forward(0, &frame(Station::numbered(2).mac));
    assert!(received(&stations[1]));
    assert!(!received(&stations[2]) && !received(&stations[0]));
    switch.forward(0, &frame([2, 0, 0, 0, 0, 9]));
    assert!(stations.iter().all(|station| !received(station)), "nobody has that address");
}

#[test]
fn a_one_way_cut_drops_and_counts_one_way() {
    let (switch, stations) = switch();
    let link = Link { from: 0, to: 1 };
    switch.set(&[link], true);
    switch.forward(0, &frame(BROADCAST));
    assert!(!received(&stations[1]), "the link is cut, for broadcasts too");
    assert!(received(&stations[2]), "the controller is on another link");
    switch.forward(1, &frame(Station::numbered(1).mac));
    assert!(received(&stations[0]), "the way back is open");
    let at = switch.link(link).unwrap();
    assert_eq!(switch.counters[at].dropped.load(Ordering::Relaxed), 1);
    assert_eq!(switch.counters[at].delivered.load(Ordering::Relaxed), 0);
    switch.set(&[link], false);
    switch.forward(0, &frame(Station::numbered(2).mac));
    assert!(received(&stations[1]));
    assert_eq!(switch.counters[at].delivered.load(Ordering::Relaxed), 1);
}

#[test]
fn the_controller_is_the_last_port() {
    let (switch, stations) = switch();
    switch.set(&[Link { from: CONTROLLER, to: 0 }], true);
    switch.forward(2, &frame(Station::numbered(1).mac));
    assert!(!received(&stations[0]));
    assert_eq!(switch.link(Link { from: 5, to: 0 }), None);
}

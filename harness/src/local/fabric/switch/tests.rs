//! The switch over ordinary socket pairs: who gets a frame, and what is counted.

use super::*;
use crate::local::wire::Station;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, recv, socketpair};
use std::os::fd::AsRawFd;
use std::time::Duration;

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

fn forward(switch: &Switch, from: usize, frame: &[u8]) {
    let mut waiting = Waiting::default();
    switch.carry(from, &[Received::Frame(frame)], &mut waiting);
    assert!(waiting.next().is_none());
}

fn received(station: &OwnedFd) -> bool {
    recv(station.as_raw_fd(), &mut [0; 100], MsgFlags::MSG_DONTWAIT).is_ok()
}

#[test]
fn a_frame_goes_to_its_destination_only() {
    let (switch, stations) = switch();
    forward(&switch, 0, &frame(Station::numbered(2).mac));
    assert!(received(&stations[1]));
    assert!(!received(&stations[2]) && !received(&stations[0]));
    forward(&switch, 0, &frame([2, 0, 0, 0, 0, 9]));
    assert!(stations.iter().all(|station| !received(station)), "nobody has that address");
}

#[test]
fn a_one_way_cut_drops_and_counts_one_way() {
    let (switch, stations) = switch();
    let link = Link { from: 0, to: 1 };
    switch.set_cut(&[link], true);
    forward(&switch, 0, &frame(BROADCAST));
    assert!(!received(&stations[1]), "the link is cut, for broadcasts too");
    assert!(received(&stations[2]), "the controller is on another link");
    forward(&switch, 1, &frame(Station::numbered(1).mac));
    assert!(received(&stations[0]), "the way back is open");
    let LinkCount { dropped, delivered, .. } = switch.count(link);
    assert_eq!((dropped, delivered), (1, 0));
    switch.set_cut(&[link], false);
    forward(&switch, 0, &frame(Station::numbered(2).mac));
    assert!(received(&stations[1]));
    assert_eq!(switch.count(link).delivered, 1);
}

#[test]
fn the_controller_is_the_last_port() {
    let (switch, stations) = switch();
    switch.set_cut(&[Link { from: CONTROLLER, to: 0 }], true);
    forward(&switch, 2, &frame(Station::numbered(1).mac));
    assert!(!received(&stations[0]));
    assert_eq!(switch.link(Link { from: 5, to: 0 }), None);
}

#[test]
fn layers_add_up_and_are_taken_away_alone() {
    let (switch, stations) = switch();
    let link = Link { from: 0, to: 1 };
    let delay = LinkPolicy { delay_ms: 30.0, ..LinkPolicy::default() };
    switch.set_layer("zones", &[link], &delay);
    switch.set_layer("packets", &[link], &LinkPolicy { duplicate_percent: 100.0, ..delay.clone() });
    let mut waiting = Waiting::default();
    let before = Instant::now();
    let bytes = frame(Station::numbered(2).mac);
    switch.carry(0, &[Received::Frame(&bytes)], &mut waiting);
    let at = waiting.next().unwrap();
    assert!(at >= before + Duration::from_millis(60) && at < before + Duration::from_millis(90));
    switch.release(&mut waiting, at - Duration::from_millis(1));
    assert!(!received(&stations[1]), "not before it is due");
    switch.release(&mut waiting, at);
    assert!(received(&stations[1]) && received(&stations[1]) && !received(&stations[1]));
    let count = switch.count(link);
    assert_eq!((count.delivered, count.delayed, count.duplicated), (2, 2, 1));
    switch.set_layer("packets", &[link], &LinkPolicy::default());
    assert_eq!(switch.shaped(None), [(link, delay)]);
    assert_eq!(switch.shaped(Some("packets")), []);
}

#[test]
fn a_cut_also_drops_what_is_under_way() {
    let (switch, stations) = switch();
    let link = Link { from: 0, to: 1 };
    let policy = LinkPolicy { delay_ms: 30.0, ..LinkPolicy::default() };
    switch.set_layer("packets", &[link], &policy);
    let mut waiting = Waiting::default();
    let bytes = frame(Station::numbered(2).mac);
    switch.carry(0, &[Received::Frame(&bytes)], &mut waiting);
    switch.set_cut(&[link], true);
    switch.release(&mut waiting, Instant::now() + Duration::from_secs(1));
    assert!(!received(&stations[1]) && waiting.next().is_none());
    assert_eq!(switch.count(link).dropped, 1);
}

//! The cluster's network: by which addresses machines know each other.
//!
//! Machines have at least two interfaces: one through which Vagrant controls them, on which all may have
//! the same address (VirtualBox: 10.0.2.15), and perhaps a private network. The latter is meant.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// Asks a machine for its addresses.
pub(crate) const QUESTION: &str = "PATH=$PATH:/sbin:/usr/sbin ip -o -4 addr show scope global";

/// An address of a machine, with the interface that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    interface: String,
    address: Ipv4Addr,
    prefix: u8,
}

impl Place {
    /// What all on the same network have in common.
    fn network(&self) -> (u32, u8) {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
        (u32::from(self.address) & mask, self.prefix)
    }
}

/// Reads the answer: `3: eth1    inet 10.57.0.11/24 brd 10.57.0.255 scope global eth1`.
pub(crate) fn parse(answer: &str) -> Vec<Place> {
    let place = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let at = words.iter().position(|word| *word == "inet")?;
        let (address, prefix) = words.get(at + 1)?.split_once('/')?;
        let interface = words.get(at.checked_sub(1)?)?.trim_end_matches(':');
        let interface = interface.split('@').next()?.to_owned();
        let (address, prefix) = (address.parse().ok()?, prefix.parse().ok()?);
        (prefix <= 32).then_some(Place { interface, address, prefix })
    };
    answer.lines().filter_map(place).collect()
}

/// One address for each machine, all different. `control` are those that SSH goes to.
///
/// What counts, in this order: a network in which every machine is, other than that of `control`; an
/// interface that every machine has (zones have networks of their own); the network of `control`.
pub(crate) fn choose(machines: &[Vec<Place>], control: &[String]) -> Option<Vec<IpAddr>> {
    let first = machines.first()?;
    let is_control =
        |places: &[&Place]| places.iter().any(|place| control.contains(&place.address.to_string()));
    let by_network = first
        .iter()
        .filter_map(|one| everywhere(machines, |place| place.network() == one.network()));
    let by_name = first
        .iter()
        .filter_map(|one| everywhere(machines, |place| place.interface == one.interface));
    let (shared, named): (Vec<_>, Vec<_>) = (by_network.collect(), by_name.collect());
    let private = shared.iter().chain(&named).find(|places| !is_control(places));
    let chosen = private.or(shared.first()).or(named.first())?;
    Some(chosen.iter().map(|place| IpAddr::V4(place.address)).collect())
}

/// The place of each machine that is wanted, if every one has such, and no address is there twice.
fn everywhere(machines: &[Vec<Place>], wanted: impl Fn(&Place) -> bool) -> Option<Vec<&Place>> {
    let places: Option<Vec<&Place>> =
        machines.iter().map(|places| places.iter().find(|place| wanted(place))).collect();
    let places = places?;
    let distinct: BTreeSet<Ipv4Addr> = places.iter().map(|place| place.address).collect();
    (distinct.len() == places.len()).then_some(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(places: &[(&str, &str)]) -> Vec<Place> {
        let line = |(interface, address): &(&str, &str)| {
            format!(
                "2: {interface}    inet {address} brd 10.0.2.255 scope global {interface}\\ valid_lft\n"
            )
        };
        let places: String = places.iter().map(line).collect();
        parse(&places)
    }

    fn chosen(machines: &[Vec<Place>], control: &[&str]) -> Vec<String> {
        let control: Vec<String> = control.iter().map(|&host| host.to_owned()).collect();
        let chosen = choose(machines, &control).unwrap_or_default();
        chosen.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_ip_prints_is_understood() {
        let text = "2: eth0@if5    inet 192.168.121.7/24 metric 1024 brd 192.168.121.255 scope global eth0\n\
                    3: eth1    inet 10.57.0.11/24 scope global eth1\n\
                    4: ppp0    inet 10.0.0.1 peer 10.0.0.2/32 scope global ppp0\nrubbish\n5: inet\n";
        let places = parse(text);
        assert_eq!(places.len(), 2, "{places:?}");
        assert_eq!(places[0].interface, "eth0");
        assert_eq!(places[1].address, Ipv4Addr::new(10, 57, 0, 11));
    }

    #[test]
    fn a_private_network_is_preferred_to_that_of_ssh() {
        let one = at(&[("eth0", "192.168.121.7/24"), ("eth1", "10.57.0.11/24")]);
        let two = at(&[("eth0", "192.168.121.8/24"), ("eth1", "10.57.0.12/24")]);
        let control = ["192.168.121.7", "192.168.121.8"];
        assert_eq!(chosen(&[one, two], &control), ["10.57.0.11", "10.57.0.12"]);
    }

    #[test]
    fn the_same_address_everywhere_tells_nobody_apart() {
        let one = at(&[("eth0", "10.0.2.15/24"), ("eth1", "192.168.56.11/24")]);
        let two = at(&[("eth0", "10.0.2.15/24"), ("eth1", "192.168.56.12/24")]);
        assert_eq!(chosen(&[one, two], &["127.0.0.1"; 2]), ["192.168.56.11", "192.168.56.12"]);
        let alone = at(&[("eth0", "10.0.2.15/24")]);
        assert_eq!(chosen(&[alone.clone(), alone], &["127.0.0.1"; 2]), Vec::<String>::new());
    }

    #[test]
    fn the_control_network_will_do_where_there_is_no_other() {
        let one = at(&[("eth0", "192.168.121.7/24")]);
        let two = at(&[("eth0", "192.168.121.8/24")]);
        let control = ["192.168.121.7", "192.168.121.8"];
        assert_eq!(chosen(&[one, two], &control), control);
    }

    #[test]
    fn zones_have_networks_of_their_own() {
        let one = at(&[("eth0", "192.168.121.7/24"), ("eth1", "10.57.1.11/24")]);
        let two = at(&[("eth0", "192.168.121.8/24"), ("eth1", "10.57.2.12/24")]);
        let control = ["192.168.121.7", "192.168.121.8"];
        assert_eq!(chosen(&[one, two], &control), ["10.57.1.11", "10.57.2.12"]);
    }
}

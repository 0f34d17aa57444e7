//! The node's addresses, and where the control connection comes from.

use super::procfs;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// How many generations up the SSH server's shell is looked for: `sudo` and shells lie between.
const GENERATIONS: usize = 12;

/// Addresses from which the controller reaches this node, as its SSH server noted them.
///
/// `sudo` clears the environment, so the ancestors' environments are asked as well.
pub(crate) fn addresses() -> Vec<IpAddr> {
    let own = ["SSH_CONNECTION", "SSH_CLIENT"].map(|name| std::env::var(name).ok());
    let inherited = procfs::ancestry(std::process::id())
        .into_iter()
        .skip(1)
        .take(GENERATIONS)
        .filter_map(|pid| procfs::environment(pid, "SSH_CONNECTION"));
    let found: BTreeSet<IpAddr> =
        own.into_iter().flatten().chain(inherited).filter_map(|text| client(&text)).collect();
    found.into_iter().collect()
}

/// The client's address in `client-address client-port server-address server-port`.
fn client(text: &str) -> Option<IpAddr> {
    let word = text.split_ascii_whitespace().next()?;
    // A link-local address may carry the name of its interface.
    let plain = word.split_once('%').map_or(word, |(address, _)| address);
    plain.parse().ok().map(canonical)
}

/// An IPv4 address written as IPv6 is the IPv4 address.
pub(crate) fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The addresses of this node's own interfaces, loopback left out.
pub(crate) fn own_addresses() -> Result<Vec<IpAddr>, String> {
    let all = nix::ifaddrs::getifaddrs()
        .map_err(|errno| format!("cannot list the network interfaces: {}", errno.desc()))?;
    let found: BTreeSet<IpAddr> = all
        .filter_map(|interface| interface.address)
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .filter(|address| !address.is_loopback())
        .collect();
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_understood_in_all_its_forms() {
        let expect = |text: &str, address: &str| {
            assert_eq!(client(text), Some(address.parse().unwrap()), "{text}");
        };
        expect("10.0.2.2 52344 10.0.2.15 22", "10.0.2.2");
        expect("10.0.2.2 52344 22", "10.0.2.2");
        expect("::ffff:10.0.2.2 52344 ::ffff:10.0.2.15 22", "10.0.2.2");
        expect("fe80::1%eth0 52344 fe80::2%eth0 22", "fe80::1");
        assert_eq!(client("UNKNOWN 65535"), None);
        assert_eq!(client(""), None);
    }
}

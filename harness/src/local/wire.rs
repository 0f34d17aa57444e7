//! Wires: virtual Ethernet pairs between a namespace and the fabric, and the addresses on them.

use futures::TryStreamExt;
use rtnetlink::packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoVeth, LinkAttribute,
};
use rtnetlink::{Handle, LinkUnspec, LinkVeth, new_connection};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes of an Ethernet frame's payload on the data network.
pub(super) const MTU: u32 = 1500;
/// The interface of the data network in every namespace that is on it.
pub(super) const INTERFACE: &str = "eth0";

/// A station's addresses on the data network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Station {
    pub mac: [u8; 6],
    pub ipv4: Ipv4Addr,
    pub ipv6: Ipv6Addr,
}

impl Station {
    /// The station with this last number (1 to 99) in each of its addresses. The digits of the IPv6
    /// address read like those of the IPv4 address.
    pub(super) fn numbered(number: u8) -> Self {
        assert!((1..100).contains(&number), "stations are numbered from 1 to 99");
        let digits = u16::from(number / 10) * 16 + u16::from(number % 10);
        Self {
            mac: [0x02, 0x70, 0x6a, 0, 0, number],
            ipv4: Ipv4Addr::new(10, 99, 0, number),
            ipv6: Ipv6Addr::new(0xfd70, 0x6a, 0, 0, 0, 0, 0, digits),
        }
    }
}

/// Makes a pair: `far` in the current network namespace, without any address or protocol of its
/// own, and `eth0` in the namespace `near`. Both are down.
pub(super) async fn make_pair(
    handle: &Handle,
    far: &str,
    near: BorrowedFd<'_>,
    station: &Station,
) -> io::Result<()> {
    let peer = LinkUnspec::new_with_name(INTERFACE)
        .address(station.mac.to_vec())
        .mtu(MTU)
        .setns_by_fd(near.as_raw_fd())
        .build();
    // The far end must be mute: frames are only for the switch.
    let mute = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
    let pair = LinkVeth::new(far, "peer")
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
        .mtu(MTU)
        .arp(false)
        .build();
    handle.link().add(pair).execute().await.map_err(io_error)?;
    // Separately, and not vital: a kernel without IPv6 refuses it.
    let quiet = LinkUnspec::new_with_name(far)
        .append_extra_attribute(LinkAttribute::AfSpecUnspec(vec![mute]))
        .build();
    let _ = handle.link().set(quiet).execute().await;
    Ok(())
}

/// Gives `eth0` of the current network namespace its addresses and brings it up. Whether it has an
/// IPv6 address now.
///
/// The hardware addresses of all `others` are entered for good, so that none is ever asked for: a cut
/// one way must not keep the other way from finding its destination, and a cut link is silent, as
/// behind a firewall, instead of being reported as unreachable.
pub(super) async fn configure(station: Station, others: &[Station]) -> io::Result<bool> {
    super::sys::disable_offload(INTERFACE)?;
    let (connection, handle, _) = new_connection()?;
    let driver = tokio::spawn(connection);
    let index = index_of(&handle, INTERFACE).await?;
    let address = handle.address();
    address.add(index, IpAddr::V4(station.ipv4), 24).execute().await.map_err(io_error)?;
    let mut six = address.add(index, IpAddr::V6(station.ipv6), 64);
    // Duplicate detection would keep the address unusable for a second or more.
    six.message_mut().header.flags |= rtnetlink::packet_route::address::AddressHeaderFlags::Nodad;
    let six = six.execute().await.is_ok();
    super::sys::bring_up(INTERFACE)?;
    for other in others.iter().filter(|other| **other != station) {
        let addresses = [Some(IpAddr::V4(other.ipv4)), six.then_some(IpAddr::V6(other.ipv6))];
        for address in addresses.into_iter().flatten() {
            let entry = handle.neighbours().add(index, address).link_layer_address(&other.mac);
            entry.execute().await.map_err(io_error)?;
        }
    }
    driver.abort();
    Ok(six)
}

async fn index_of(handle: &Handle, name: &str) -> io::Result<u32> {
    let mut links = handle.link().get().match_name(name.to_owned()).execute();
    let link = links.try_next().await.map_err(io_error)?;
    link.map(|link| link.header.index).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

/// Makes a pair only to see whether it can be done.
pub(super) async fn try_pair() -> io::Result<()> {
    let (connection, handle, _) = new_connection()?;
    let driver = tokio::spawn(connection);
    let made = handle.link().add(LinkVeth::new("probe0", "probe1").build()).execute().await;
    driver.abort();
    made.map_err(io_error)
}

/// Keeps the kernel's error number, which tells what is missing.
pub(super) fn io_error(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}

/// Takes `eth0` of the current network namespace away.
pub(super) async fn unplug() -> io::Result<()> {
    let (connection, handle, _) = new_connection()?;
    let driver = tokio::spawn(connection);
    let index = index_of(&handle, INTERFACE).await?;
    let gone = handle.link().del(index).execute().await;
    driver.abort();
    gone.map_err(io_error)
}

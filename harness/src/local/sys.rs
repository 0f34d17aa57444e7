//! The system calls of local clusters that have no safe wrapper; all `unsafe` of the harness is here.
#![expect(
    unsafe_code,
    reason = "fork, interface ioctls and packet sockets have no safe interface in the crates used"
)]

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::ForkResult;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// Splits a process that has one thread into two. With more threads it is an error: what they
/// hold (locks, the allocator) would be lost in the child.
pub(super) fn fork() -> io::Result<ForkResult> {
    if std::fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("fork needs a process with a single thread"));
    }
    // SAFETY: there is one thread (checked above), so the child's copy of memory is complete and
    // consistent, and the child may do anything.
    Ok(unsafe { nix::unistd::fork() }?)
}

/// The kernel's `struct ifreq`, as far as this file needs it.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    data: InterfaceData,
}

#[repr(C)]
union InterfaceData {
    flags: libc::c_short,
    pointer: *mut libc::c_void,
    room: [u8; 24],
}

impl InterfaceRequest {
    fn new(name: &str) -> io::Result<Self> {
        let mut bytes = [0; libc::IFNAMSIZ];
        if name.len() >= bytes.len() {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Ok(Self { name: bytes, data: InterfaceData { room: [0; 24] } })
    }

    fn call(&mut self, socket: &OwnedFd, request: libc::Ioctl) -> io::Result<()> {
        // SAFETY: the structure is as large as the kernel's `ifreq` (16 + 24 bytes) and lives
        // across the call; a pointer in it, where there is one, points to a live value.
        Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut *self) })?;
        Ok(())
    }
}

fn control_socket() -> io::Result<OwnedFd> {
    Ok(socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?)
}

/// Brings an interface of the current network namespace up.
pub(super) fn bring_up(interface: &str) -> io::Result<()> {
    let socket = control_socket()?;
    let mut request = InterfaceRequest::new(interface)?;
    request.call(&socket, libc::SIOCGIFFLAGS)?;
    // SAFETY: the kernel has just filled in this member of the union.
    let flags = unsafe { request.data.flags };
    request.data.flags = flags | libc::IFF_UP as libc::c_short;
    request.call(&socket, libc::SIOCSIFFLAGS)
}

/// Makes an interface send only complete frames of real size: no checksums left to hardware that
/// does not exist, no segments larger than the link's MTU.
pub(super) fn disable_offload(interface: &str) -> io::Result<()> {
    #[repr(C)]
    struct EthtoolValue {
        command: u32,
        data: u32,
    }
    const SET_TX_CHECKSUM: u32 = 0x17;
    const SET_TSO: u32 = 0x1f;
    const SET_GSO: u32 = 0x24;
    const SET_GRO: u32 = 0x2c;
    let socket = control_socket()?;
    for command in [SET_TSO, SET_GSO, SET_GRO, SET_TX_CHECKSUM] {
        let mut value = EthtoolValue { command, data: 0 };
        let mut request = InterfaceRequest::new(interface)?;
        request.data.pointer = (&raw mut value).cast();
        request.call(&socket, libc::SIOCETHTOOL)?;
    }
    Ok(())
}

/// Opens a socket on one interface for whole Ethernet frames, both ways. It does not see what
/// leaves through the interface.
pub(super) fn packet_socket(interface: &str) -> io::Result<OwnedFd> {
    let index = nix::net::if_::if_nametoindex(interface)?;
    let flags = SockFlag::SOCK_CLOEXEC;
    // Protocol 0 at first: nothing is received until the socket is bound to its interface.
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    set_option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, 1)?;
    // SAFETY: all bytes zero is a valid `sockaddr_ll`.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index as i32;
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address is a live `sockaddr_ll` and the length is its own.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    Errno::result(bound)?;
    Ok(socket)
}

/// Sets an integer socket option.
fn set_option(socket: &OwnedFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let length = size_of_val(&value) as libc::socklen_t;
    // SAFETY: the value is a live integer and the length is its own.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length)
    };
    Errno::result(done)?;
    Ok(())
}

/// Asks for a receive buffer of so many bytes; without privileges the kernel gives what it gives.
pub(super) fn widen_receive_buffer(socket: &OwnedFd, bytes: i32) {
    if set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, bytes).is_err() {
        let _ = set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, bytes);
    }
}

/// Frames that a packet socket had no room for since the last time this was asked.
pub(super) fn lost_frames(socket: &OwnedFd) -> io::Result<u64> {
    // SAFETY: all bytes zero is a valid `tpacket_stats`.
    let mut counts: libc::tpacket_stats = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&counts) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which is the structure's size.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            (&raw mut counts).cast(),
            &raw mut length,
        )
    };
    Errno::result(done)?;
    Ok(u64::from(counts.tp_drops))
}

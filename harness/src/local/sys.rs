//! The system calls of local clusters that have no safe wrapper; all `unsafe` of the harness is here.
#![expect(
    unsafe_code,
    reason = "fork, interface ioctls and packet sockets have no safe interface in the crates used"
)]

use nix::errno::Errno;
use nix::sys::socket::sockopt::{SndBuf, SndBufForce};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket};
use nix::unistd::ForkResult;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

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

/// Bytes of frames that are sent and not received yet, with what the kernel adds to each.
const SEND_ROOM: usize = 8 << 20;

/// Opens a socket on one interface for whole Ethernet frames, both ways, with a ring in which the
/// kernel leaves what arrives. It does not see what leaves through the interface.
pub(super) fn packet_socket(interface: &str) -> io::Result<(OwnedFd, Ring)> {
    let index = nix::net::if_::if_nametoindex(interface)?;
    let flags = SockFlag::SOCK_CLOEXEC;
    // Protocol 0 at first: nothing is received until the socket is bound to its interface.
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    set_option(&socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
    // Frames count as the sender's until the receiving station's kernel has looked at them. As root
    // there is room for a burst, otherwise as much as the machine gives anybody.
    if setsockopt(&socket, SndBufForce, &SEND_ROOM).is_err() {
        let _ = setsockopt(&socket, SndBuf, &SEND_ROOM);
    }
    let ring = Ring::new(&socket)?;
    // SAFETY: all bytes zero is a valid `sockaddr_ll`.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index as i32;
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address is a live `sockaddr_ll` and the length is its own.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
    Errno::result(bound)?;
    Ok((socket, ring))
}

/// A packet socket's receive ring, shared with the kernel: packet(7), TPACKET_V2. Unlike a receive
/// buffer, its size is not limited by `net.core.rmem_max`, which is small on most machines.
pub(super) struct Ring {
    memory: NonNull<u8>,
    /// The slot that the kernel fills next.
    at: usize,
}

/// A frame in the ring.
#[derive(Clone, Copy)]
pub(super) enum Received<'a> {
    Frame(&'a [u8]),
    /// It is not all there: longer than a slot, or with its checksum left to hardware.
    Incomplete,
}

impl Ring {
    const SLOT: usize = 2048;
    const SLOTS: usize = 4096;
    const BLOCK: usize = 64 << 10;
    const BYTES: usize = Self::SLOT * Self::SLOTS;

    fn new(socket: &OwnedFd) -> io::Result<Self> {
        let version = libc::tpacket_versions::TPACKET_V2 as i32;
        set_option(socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version)?;
        let request = libc::tpacket_req {
            tp_block_size: Self::BLOCK as u32,
            tp_block_nr: (Self::BYTES / Self::BLOCK) as u32,
            tp_frame_size: Self::SLOT as u32,
            tp_frame_nr: Self::SLOTS as u32,
        };
        set_option(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let (none, fd) = (std::ptr::null_mut(), socket.as_raw_fd());
        // SAFETY: a new mapping at an address of the kernel's choice disturbs nothing.
        let memory = unsafe { libc::mmap(none, Self::BYTES, protection, libc::MAP_SHARED, fd, 0) };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { memory, at: 0 })
    }

    /// Hands the oldest frames to `take`, up to `most`, and then gives their slots back. How many
    /// there were; `take` is not called for none.
    pub(super) fn receive_many(
        &mut self,
        most: usize,
        take: impl FnOnce(&[Received<'_>]),
    ) -> usize {
        let mut frames = Vec::new();
        while frames.len() < most.min(Self::SLOTS)
            && let Some(frame) = self.look((self.at + frames.len()) % Self::SLOTS)
        {
            frames.push(frame);
        }
        let count = frames.len();
        if count == 0 {
            return 0;
        }
        take(&frames);
        for number in 0..count {
            let slot = (self.at + number) % Self::SLOTS;
            self.status(slot).store(libc::TP_STATUS_KERNEL, Ordering::Release);
        }
        self.at = (self.at + count) % Self::SLOTS;
        count
    }

    /// The header of a slot.
    fn header(&self, slot: usize) -> *mut libc::tpacket2_hdr {
        assert!(slot < Self::SLOTS, "the ring has no slot {slot}");
        // SAFETY: the slot is inside the mapping (checked above).
        unsafe { self.memory.add(slot * Self::SLOT) }.cast().as_ptr()
    }

    fn status(&self, slot: usize) -> &AtomicU32 {
        let header = self.header(slot);
        // SAFETY: every slot begins with a header, at an aligned address; kernel and program pass the
        // slot to each other through its status alone, so that has to be atomic.
        unsafe { AtomicU32::from_ptr(&raw mut (*header).tp_status) }
    }

    /// What is in a slot, if the kernel has filled it. Valid until its status is changed, for which
    /// `receive_many` waits until `take` has returned.
    fn look(&self, slot: usize) -> Option<Received<'_>> {
        let flags = self.status(slot).load(Ordering::Acquire);
        if flags & libc::TP_STATUS_USER == 0 {
            return None;
        }
        let header = self.header(slot);
        // SAFETY: the kernel has finished writing the header (seen above, with acquire ordering).
        let (length, kept, start) =
            unsafe { ((*header).tp_len, (*header).tp_snaplen, (*header).tp_mac) };
        let (start, kept_length) = (usize::from(start), kept as usize);
        let whole = kept == length && flags & libc::TP_STATUS_CSUMNOTREADY == 0;
        if !whole || start + kept_length > Self::SLOT {
            return Some(Received::Incomplete);
        }
        let bytes = header.cast::<u8>();
        // SAFETY: the range is inside the slot (checked above), which is the program's until its
        // status is changed, and that happens after the slice is gone.
        Some(Received::Frame(unsafe { std::slice::from_raw_parts(bytes.add(start), kept_length) }))
    }
}

// SAFETY: the mapping belongs to this value alone and is valid in every thread.
unsafe impl Send for Ring {}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: this is the mapping made in `new`, and no slice of it outlives `receive`.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), Self::BYTES) };
    }
}

/// Sends frames without waiting, in as few system calls as possible. `outcome` hears of each, by
/// its number, whether it was sent.
pub(super) fn send_many<'a>(
    socket: &OwnedFd,
    frames: impl Iterator<Item = &'a [u8]>,
    mut outcome: impl FnMut(usize, bool),
) {
    let mut parts: Vec<libc::iovec> = frames
        .map(|frame| libc::iovec {
            iov_base: frame.as_ptr().cast_mut().cast(),
            iov_len: frame.len(),
        })
        .collect();
    let mut messages: Vec<libc::mmsghdr> = parts
        .iter_mut()
        .map(|part| {
            // SAFETY: all bytes zero is a valid `mmsghdr`: no address, no data, no control data.
            let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message
        })
        .collect();
    let mut done = 0;
    while done < messages.len() {
        let rest = &mut messages[done..];
        // SAFETY: each message refers to one live part, and that to a live frame that is only read.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_raw_fd(),
                rest.as_mut_ptr(),
                rest.len() as libc::c_uint,
                libc::MSG_DONTWAIT,
            )
        };
        // An error is the first one's; those behind it may have more luck.
        let (count, well) = match usize::try_from(sent) {
            Ok(count) if count > 0 => (count, true),
            _ => (1, false),
        };
        (done..done + count).for_each(|number| outcome(number, well));
        done += count;
    }
}

/// Sets a socket option whose value is a plain structure of the kernel's.
fn set_option<T: Copy>(socket: &OwnedFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value is live and the length is its own.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const *value).cast(), length)
    };
    Errno::result(done)?;
    Ok(())
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

/// Gives up the right to set the machine's clock, for this process and all that come of it: local
/// nodes share the clock with the machine.
pub(super) fn leave_clock_alone() -> io::Result<()> {
    const CAP_SYS_TIME: libc::c_ulong = 25;
    // SAFETY: the call takes no pointers.
    Errno::result(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_TIME, 0, 0, 0) })?;
    Ok(())
}

/// Lets the process that `command` starts be killed when the thread that starts it ends, however
/// that comes about.
pub(crate) fn die_with_parent(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    let parent = nix::unistd::getpid();
    let bind = move || {
        nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
        // The parent may have ended before the call, and then nobody would tell.
        if nix::unistd::getppid() != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: between fork and exec only two system calls are made, which is allowed there.
    unsafe { command.pre_exec(bind) };
}

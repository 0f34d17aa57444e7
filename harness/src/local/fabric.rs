//! The data network of a local cluster: a switch in this process that carries every frame.
//!
//! Each station (a node, or the controller with its clients) has a virtual Ethernet pair. One end is
//! `eth0` of the station's namespace. The other is in a namespace that holds nothing but such far
//! ends, and is read and written here, through packet sockets. So a frame goes from one station to
//! another only if this process decides so, link by link and direction by direction.

use super::LocalError;
use super::sys::{self, Received, Ring};
use super::wire::{self, Station};
use crate::cluster::{Fabric, Link, LinkCount};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use nix::sys::eventfd::EventFd;
use nix::sys::socket::sockopt::SocketError;
use nix::sys::socket::{MsgFlags, getsockopt, send};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

/// The index of the controller, with the clients in it, as an end of a [`Link`].
pub const CONTROLLER: usize = usize::MAX;

/// What the switch does to the frames of one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Policy {
    cut: bool,
}

#[derive(Default)]
struct Counter {
    delivered: AtomicU64,
    dropped: AtomicU64,
}

/// The switch: ports are the nodes in order, then the controller.
struct Switch {
    macs: Vec<[u8; 6]>,
    sockets: Vec<OwnedFd>,
    /// One per ordered pair of ports, row by sending port. Frames pass under the read lock, so once
    /// a change has returned, no frame passes by the old rules.
    policies: RwLock<Vec<Policy>>,
    counters: Vec<Counter>,
    /// Frames that a socket or a receiver had no room for.
    lost: AtomicU64,
}

impl Switch {
    fn new(macs: Vec<[u8; 6]>, sockets: Vec<OwnedFd>) -> Self {
        let links = macs.len() * macs.len();
        Self {
            sockets,
            policies: RwLock::new(vec![Policy::default(); links]),
            counters: (0..links).map(|_| Counter::default()).collect(),
            lost: AtomicU64::new(0),
            macs,
        }
    }

    /// Sends a frame on to the port that has its destination, or to all others when it is for many.
    fn forward(&self, from: usize, frame: &[u8]) {
        let Some(destination) = frame.first_chunk::<6>() else { return };
        let many = destination[0] & 1 == 1;
        let policies = self.policies.read().unwrap_or_else(PoisonError::into_inner);
        for (to, mac) in self.macs.iter().enumerate() {
            if to == from || !(many || mac == destination) {
                continue;
            }
            let link = from * self.macs.len() + to;
            if policies[link].cut {
                self.counters[link].dropped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            match send(self.sockets[to].as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT) {
                Ok(_) => self.counters[link].delivered.fetch_add(1, Ordering::Relaxed),
                Err(_) => self.lost.fetch_add(1, Ordering::Relaxed),
            };
        }
    }

    /// Serves one port until told to stop.
    fn serve(&self, port: usize, mut ring: Ring, stop: &EventFd) {
        let socket = &self.sockets[port];
        loop {
            while ring.receive(|received| match received {
                Received::Frame(frame) => self.forward(port, frame),
                Received::Incomplete => drop(self.lost.fetch_add(1, Ordering::Relaxed)),
            }) {}
            if let Ok(lost) = sys::lost_frames(socket) {
                self.lost.fetch_add(lost, Ordering::Relaxed);
            }
            let mut ready = [
                PollFd::new(socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(stop.as_fd(), PollFlags::POLLIN),
            ];
            let polled = poll(&mut ready, PollTimeout::NONE);
            if ready[1].any() == Some(true) {
                return;
            }
            if !matches!(polled, Ok(_) | Err(Errno::EINTR)) {
                tracing::error!("the switch stops serving port {port}: {polled:?}");
                return;
            }
            if ready[0].revents().is_some_and(|seen| seen.contains(PollFlags::POLLERR)) {
                // The interface was taken down. Reading the error clears it.
                let _ = getsockopt(socket, SocketError);
            }
        }
    }

    fn port(&self, index: usize) -> usize {
        let controller = self.macs.len() - 1;
        if index == CONTROLLER { controller } else { index }
    }

    fn link(&self, link: Link) -> Option<usize> {
        let (from, to) = (self.port(link.from), self.port(link.to));
        let ports = self.macs.len();
        (from < ports && to < ports).then_some(from * ports + to)
    }

    fn set(&self, links: &[Link], cut: bool) {
        let mut policies = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        for link in links {
            let at = self.link(*link);
            assert!(at.is_some(), "{link:?} names a node that is not on this network");
            policies[at.unwrap_or_default()].cut = cut;
        }
    }
}

/// The running switch. Dropping it stops it.
pub(super) struct LocalFabric {
    switch: Arc<Switch>,
    stop: Arc<EventFd>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A station to connect: its network namespace and its addresses.
pub(super) struct Plug {
    pub namespace: OwnedFd,
    pub station: Station,
}

impl LocalFabric {
    /// Gives every station its `eth0` and carries frames from then on. The controller is the last.
    /// Blocks for some milliseconds per station.
    pub(super) fn connect(plugs: Vec<Plug>) -> Result<Self, LocalError> {
        // A thread of its own: the far ends' namespace is a property of the thread that makes it,
        // and of those that it starts.
        std::thread::Builder::new()
            .name("fabric".into())
            .spawn(move || Self::start(&plugs))
            .map_err(LocalError::network("start its thread"))?
            .join()
            .map_err(|_| LocalError::network("set up the switch")(io::Error::other("panic")))?
            .map_err(LocalError::network("set up the switch"))
    }

    fn start(plugs: &[Plug]) -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (sockets, rings): (Vec<_>, Vec<_>) = runtime
            .block_on(async {
                let (connection, handle, _) = rtnetlink::new_connection()?;
                let driver = tokio::spawn(connection);
                let mut sockets = Vec::new();
                for (port, plug) in plugs.iter().enumerate() {
                    let far = format!("port{port}");
                    wire::make_pair(&handle, &far, plug.namespace.as_fd(), &plug.station).await?;
                    sys::disable_offload(&far)?;
                    sockets.push(sys::packet_socket(&far)?);
                    sys::bring_up(&far)?;
                }
                driver.abort();
                io::Result::Ok(sockets)
            })?
            .into_iter()
            .unzip();
        let macs = plugs.iter().map(|plug| plug.station.mac).collect();
        let fabric = Self {
            switch: Arc::new(Switch::new(macs, sockets)),
            stop: Arc::new(EventFd::new()?),
            threads: Mutex::default(),
        };
        for (port, ring) in rings.into_iter().enumerate() {
            let (switch, stop) = (Arc::clone(&fabric.switch), Arc::clone(&fabric.stop));
            let thread = std::thread::Builder::new()
                .name(format!("switch-{port}"))
                .spawn(move || switch.serve(port, ring, &stop))?;
            fabric.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(fabric)
    }

    /// Frames lost for want of room since the start; a fault never counts here.
    pub(super) fn lost(&self) -> u64 {
        self.switch.lost.load(Ordering::Relaxed)
    }

    /// Stops carrying frames. Blocks until the last is out.
    pub(super) fn stop(&self) {
        let _ = self.stop.write(1);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Drop for LocalFabric {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Fabric for LocalFabric {
    fn cut(&self, links: &[Link]) {
        self.switch.set(links, true);
    }

    fn mend(&self, links: &[Link]) {
        self.switch.set(links, false);
    }

    fn cuts(&self) -> Vec<Link> {
        let policies = self.switch.policies.read().unwrap_or_else(PoisonError::into_inner);
        let ports = self.switch.macs.len();
        let index = |port| if port == ports - 1 { CONTROLLER } else { port };
        (0..ports * ports)
            .filter(|at| policies[*at].cut)
            .map(|at| Link { from: index(at / ports), to: index(at % ports) })
            .collect()
    }

    fn count(&self, link: Link) -> LinkCount {
        let Some(at) = self.switch.link(link) else { return LinkCount::default() };
        let counter = &self.switch.counters[at];
        LinkCount {
            delivered: counter.delivered.load(Ordering::Relaxed),
            dropped: counter.dropped.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests;

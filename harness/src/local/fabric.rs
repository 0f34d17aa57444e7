//! The data network of a local cluster: a switch in this process that carries every frame.
//!
//! Each station (a node, or the controller with its clients) has a virtual Ethernet pair. One end is
//! `eth0` of the station's namespace. The other is in a namespace that holds nothing but such far
//! ends, and is read and written here, through packet sockets. So a frame goes from one station to
//! another only if this process decides so, link by link and direction by direction.

mod frame;
mod shaper;
mod switch;
mod waiting;

use super::LocalError;
use super::sys;
use super::wire::{self, Station};
use crate::cluster::{Fabric, Link, LinkCount, LinkPolicy};
use nix::sched::{CloneFlags, unshare};
use nix::sys::eventfd::EventFd;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use switch::Switch;

/// The index of the controller, with the clients in it, as an end of a [`Link`].
pub const CONTROLLER: usize = usize::MAX;

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
        self.switch.unfit()
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
        self.switch.set_cut(links, true);
    }

    fn mend(&self, links: &[Link]) {
        self.switch.set_cut(links, false);
    }

    fn cuts(&self) -> Vec<Link> {
        self.switch.cuts()
    }

    fn count(&self, link: Link) -> LinkCount {
        self.switch.count(link)
    }

    fn shape(&self, layer: &'static str, links: &[Link], policy: &LinkPolicy) {
        self.switch.set_layer(layer, links, policy);
    }

    fn shaped(&self, layer: Option<&str>) -> Vec<(Link, LinkPolicy)> {
        self.switch.shaped(layer)
    }
}

//! The switch: decides about every frame, link by link, and sends it on, at once or later.

use super::CONTROLLER;
use super::frame::Packet;
use super::shaper::{Fate, Shaper};
use super::waiting::{Held, Waiting};
use crate::cluster::{Link, LinkCount, LinkPolicy};
use crate::local::sys::{self, Received, Ring};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::EventFd;
use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::SocketError;
use nix::sys::time::TimeSpec;
use std::borrow::Cow;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

/// Frames decided about under one lock and sent with one system call, at most.
const BATCH: usize = 64;

/// What the switch does to the frames of one link.
#[derive(Default)]
struct Rules {
    cut: bool,
    /// One for each who asked. Only the thread of the sending port looks at it, so its lock is free.
    layers: Vec<(&'static str, Mutex<Shaper>)>,
}

#[derive(Default)]
struct Counter {
    delivered: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
    duplicated: AtomicU64,
    reordered: AtomicU64,
    corrupted: AtomicU64,
    delayed: AtomicU64,
    reset: AtomicU64,
    overflowed: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A frame that leaves now.
struct Parcel<'a> {
    to: usize,
    link: usize,
    bytes: Cow<'a, [u8]>,
}

/// Ports are the nodes in order, then the controller.
pub(super) struct Switch {
    macs: Vec<[u8; 6]>,
    sockets: Vec<OwnedFd>,
    /// One per ordered pair of ports, row by sending port. Frames pass under the read lock, so once
    /// a change has returned, no frame passes by the old rules.
    rules: RwLock<Vec<Rules>>,
    counters: Vec<Counter>,
    /// Frames that a socket or a receiver had no room for.
    unfit: AtomicU64,
}

impl Switch {
    pub(super) fn new(macs: Vec<[u8; 6]>, sockets: Vec<OwnedFd>) -> Self {
        let links = macs.len() * macs.len();
        Self {
            sockets,
            rules: RwLock::new((0..links).map(|_| Rules::default()).collect()),
            counters: (0..links).map(|_| Counter::default()).collect(),
            unfit: AtomicU64::new(0),
            macs,
        }
    }

    fn rules(&self) -> RwLockReadGuard<'_, Vec<Rules>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about frames that came from a port: each goes to the port that has its
    /// destination, or to all others when it is for many. Those that take longer go to `waiting`.
    pub(super) fn carry(&self, from: usize, frames: &[Received<'_>], waiting: &mut Waiting) {
        let ports = self.macs.len();
        let mut parcels = Vec::with_capacity(frames.len());
        let rules = self.rules();
        for frame in frames {
            let Received::Frame(frame) = *frame else {
                count(&self.unfit);
                continue;
            };
            let Some(destination) = frame.first_chunk::<6>() else { continue };
            let many = destination[0] & 1 == 1;
            for (to, mac) in self.macs.iter().enumerate() {
                if to == from || !(many || mac == destination) {
                    continue;
                }
                let link = from * ports + to;
                if rules[link].cut {
                    count(&self.counters[link].dropped);
                } else if rules[link].layers.is_empty() {
                    parcels.push(Parcel { to, link, bytes: Cow::Borrowed(frame) });
                } else {
                    self.shape(&rules, (from, to), frame, &mut parcels, waiting);
                }
            }
        }
        self.send(&mut parcels);
    }

    /// Puts a frame through the layers of its link.
    fn shape<'a>(
        &self,
        rules: &[Rules],
        (from, to): (usize, usize),
        frame: &'a [u8],
        parcels: &mut Vec<Parcel<'a>>,
        waiting: &mut Waiting,
    ) {
        let link = from * self.macs.len() + to;
        let counter = &self.counters[link];
        let packet = Packet::parse(frame);
        let port = packet.and_then(|packet| packet.port(frame));
        let established = packet.is_some_and(|packet| packet.is_established(frame));
        let now = Instant::now();
        let mut fate = Fate::new(now);
        for (_, shaper) in &rules[link].layers {
            let mut shaper = shaper.lock().unwrap_or_else(PoisonError::into_inner);
            if shaper.policy.port == 0 || port == Some(shaper.policy.port) {
                shaper.decide(frame.len(), established, &mut fate);
            }
            if fate.is_over() {
                break;
            }
        }
        if let (true, Some(packet)) = (fate.reset, packet) {
            count(&counter.reset);
            let [forth, back] = packet.resets(frame);
            parcels.push(Parcel { to, link, bytes: Cow::Owned(forth) });
            let way_back = to * self.macs.len() + from;
            if !rules[way_back].cut {
                parcels.push(Parcel { to: from, link: way_back, bytes: Cow::Owned(back) });
            }
        } else if fate.lost {
            count(&counter.lost);
        } else if fate.overflowed {
            count(&counter.overflowed);
        } else {
            let mut bytes = Cow::Borrowed(frame);
            if let (Some((random, silently)), Some(packet)) = (fate.corrupt, packet)
                && packet.corrupt(bytes.to_mut(), random, silently)
            {
                count(&counter.corrupted);
            }
            if fate.reordered {
                count(&counter.reordered);
            }
            if fate.doubled {
                count(&counter.duplicated);
            }
            for _ in 0..=usize::from(fate.doubled) {
                if fate.at <= now {
                    parcels.push(Parcel { to, link, bytes: bytes.clone() });
                } else if waiting.hold(fate.at, to, link, &bytes) {
                    count(&counter.delayed);
                } else {
                    count(&counter.overflowed);
                }
            }
        }
    }

    /// Sends what has travelled long enough. A link that was cut meanwhile drops it.
    pub(super) fn release(&self, waiting: &mut Waiting, now: Instant) {
        if waiting.next().is_none_or(|at| at > now) {
            return;
        }
        let rules = self.rules();
        let mut parcels = Vec::new();
        while parcels.len() < BATCH
            && let Some(Held { to, link, bytes, .. }) = waiting.due(now)
        {
            if rules[link].cut {
                count(&self.counters[link].dropped);
            } else {
                parcels.push(Parcel { to, link, bytes: Cow::Owned(bytes) });
            }
        }
        self.send(&mut parcels);
    }

    /// Sends frames, those to the same port together and in order.
    fn send(&self, parcels: &mut [Parcel<'_>]) {
        if !parcels.is_sorted_by_key(|parcel| parcel.to) {
            parcels.sort_by_key(|parcel| parcel.to);
        }
        for run in parcels.chunk_by(|one, other| one.to == other.to) {
            let frames = run.iter().map(|parcel| &*parcel.bytes);
            sys::send_many(&self.sockets[run[0].to], frames, |number, sent| {
                if sent {
                    count(&self.counters[run[number].link].delivered);
                } else {
                    count(&self.unfit);
                }
            });
        }
    }

    /// Serves one port until told to stop.
    pub(super) fn serve(&self, port: usize, mut ring: Ring, stop: &EventFd) {
        // Timers of this thread fire when they are due, not up to 50 µs later.
        let _ = nix::sys::prctl::set_timerslack(1);
        let socket = &self.sockets[port];
        let mut waiting = Waiting::default();
        loop {
            let came = ring.receive_many(BATCH, |frames| self.carry(port, frames, &mut waiting));
            let now = Instant::now();
            self.release(&mut waiting, now);
            if came > 0 {
                continue;
            }
            let patience = waiting.next().map(|at| at.saturating_duration_since(now));
            let mut ready = [
                PollFd::new(socket.as_fd(), PollFlags::POLLIN),
                PollFd::new(stop.as_fd(), PollFlags::POLLIN),
            ];
            let polled = ppoll(&mut ready, patience.map(TimeSpec::from_duration), None);
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

    /// Frames that a socket or a receiver had no room for since the start.
    pub(super) fn unfit(&self) -> u64 {
        let news = self.sockets.iter().filter_map(|socket| sys::lost_frames(socket).ok());
        let news: u64 = news.sum();
        self.unfit.fetch_add(news, Ordering::Relaxed) + news
    }

    fn port(&self, index: usize) -> usize {
        let controller = self.macs.len() - 1;
        if index == CONTROLLER { controller } else { index }
    }

    pub(super) fn link(&self, link: Link) -> Option<usize> {
        let (from, to) = (self.port(link.from), self.port(link.to));
        let ports = self.macs.len();
        (from < ports && to < ports).then_some(from * ports + to)
    }

    fn name(&self, link: usize) -> Link {
        let ports = self.macs.len();
        let index = |port| if port == ports - 1 { CONTROLLER } else { port };
        Link { from: index(link / ports), to: index(link % ports) }
    }

    fn change(&self, links: &[Link], mut change: impl FnMut(usize, &mut Rules)) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        for link in links {
            let at = self.link(*link);
            assert!(at.is_some(), "{link:?} names a node that is not on this network");
            let at = at.unwrap_or_default();
            change(at, &mut rules[at]);
        }
    }

    pub(super) fn set_cut(&self, links: &[Link], cut: bool) {
        self.change(links, |_, rules| rules.cut = cut);
    }

    pub(super) fn set_layer(&self, layer: &'static str, links: &[Link], policy: &LinkPolicy) {
        self.change(links, |link, rules| {
            rules.layers.retain(|(name, _)| *name != layer);
            if !policy.is_plain() {
                rules.layers.push((layer, Mutex::new(Shaper::new(policy.clone(), link))));
            }
        });
    }

    pub(super) fn cuts(&self) -> Vec<Link> {
        let rules = self.rules();
        let cut = rules.iter().enumerate().filter(|(_, rules)| rules.cut);
        cut.map(|(link, _)| self.name(link)).collect()
    }

    pub(super) fn shaped(&self, layer: Option<&str>) -> Vec<(Link, LinkPolicy)> {
        let mut shaped = Vec::new();
        for (link, rules) in self.rules().iter().enumerate() {
            let layers = rules.layers.iter().filter(|(name, _)| layer.is_none_or(|it| it == *name));
            shaped.extend(layers.map(|(_, shaper)| {
                let shaper = shaper.lock().unwrap_or_else(PoisonError::into_inner);
                (self.name(link), shaper.policy.clone())
            }));
        }
        shaped
    }

    pub(super) fn count(&self, link: Link) -> LinkCount {
        let Some(at) = self.link(link) else { return LinkCount::default() };
        let counter = &self.counters[at];
        LinkCount {
            delivered: counter.delivered.load(Ordering::Relaxed),
            dropped: counter.dropped.load(Ordering::Relaxed),
            lost: counter.lost.load(Ordering::Relaxed),
            duplicated: counter.duplicated.load(Ordering::Relaxed),
            reordered: counter.reordered.load(Ordering::Relaxed),
            corrupted: counter.corrupted.load(Ordering::Relaxed),
            delayed: counter.delayed.load(Ordering::Relaxed),
            reset: counter.reset.load(Ordering::Relaxed),
            overflowed: counter.overflowed.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests;

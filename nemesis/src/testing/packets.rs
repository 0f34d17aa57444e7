//! Pretended packets: what agents would measure on a pretended network, without chance or time.

use super::{FakeFabric, Lab};
use crate::wire::{Echo, Heard, Measure, Measured, NET_ECHO, NET_HEARD, NET_MEASURE, Session, Way};
use perjury_harness::cluster::{Link, LinkPolicy};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const VERBS: [&str; 3] = [NET_ECHO, NET_HEARD, NET_MEASURE];

/// What the echoes have heard, by session, and the damage that each node has seen in all.
#[derive(Default)]
pub(super) struct Ears {
    sessions: BTreeMap<u64, Heard>,
    nodes: BTreeMap<usize, Heard>,
}

impl FakeFabric {
    pub(super) fn pretend_to_shape(
        &self,
        layer: &'static str,
        links: &[Link],
        policy: &LinkPolicy,
    ) {
        let mending = policy.is_plain();
        if self.sabotaged(if mending { "unshape" } else { "shape" }) {
            return;
        }
        let mut layers = self.layers.lock().unwrap();
        layers.retain(|(name, link, _)| *name != layer || !links.contains(link));
        if !mending {
            layers.extend(links.iter().map(|&link| (layer, link, policy.clone())));
        }
    }

    /// Whether packets to a port of the link's end are dropped, and counted.
    pub(super) fn swallows(&self, link: Link, port: u16) -> bool {
        let layers = self.layers.lock().unwrap();
        let dropped = layers.iter().any(|(_, of, policy)| {
            *of == link && policy.port == port && policy.loss_percent >= 100.0
        });
        if dropped {
            self.counts.lock().unwrap().entry(link).or_default().lost += 1;
        }
        dropped && !self.sabotaged("nothing happens")
    }

    /// All that happens to packets of one link, as one policy.
    fn policy(&self, link: Link) -> LinkPolicy {
        let layers = self.layers.lock().unwrap();
        let mut all = LinkPolicy::default();
        if self.sabotaged("nothing happens") {
            return all;
        }
        for (_, _, policy) in layers.iter().filter(|(_, of, _)| *of == link) {
            let delay_ms = all.delay_ms + policy.mean_delay_ms();
            all = LinkPolicy { delay_ms, jitter_ms: 0.0, ..policy.clone() };
        }
        all
    }

    /// Sends packets there and back.
    fn exchange(&self, link: Link, way: Way, plan: &Measure) -> Measured {
        let back = Link { from: link.to, to: link.from };
        if !self.connect(link.from, link.to) {
            return Measured { sent: plan.count, ..Measured::default() };
        }
        let (forth, home) = (self.policy(link), self.policy(back));
        let n = f64::from(plan.count);
        let share = |percent: f64| (n * percent / 100.0).round() as u32;
        let (lost, damaged) = (share(forth.loss_percent), share(forth.corrupt_percent));
        let silently = forth.corrupt_silently;
        let mut arrived = plan.count - lost - damaged;
        if forth.rate_kbit > 0.0 {
            let fits = forth.rate_kbit * n * plan.gap_us as f64 / 1000.0;
            arrived = arrived.min((fits / ((plan.size + 42) as f64 * 8.0)) as u32);
        }
        let heard = Heard {
            distinct: arrived,
            duplicates: share(forth.duplicate_percent),
            overtaken: share(forth.reorder_percent),
            damaged: 0,
            checksum_errors: 0,
        };
        let mut ears = self.heard.lock().unwrap();
        let node = ears.nodes.entry(link.to).or_default();
        let damage = if silently { &mut node.damaged } else { &mut node.checksum_errors };
        *damage += u64::from(damaged);
        ears.sessions.insert(way.session, heard.clone());
        if !self.sabotaged("count") {
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry(link).or_default();
            count.lost += u64::from(lost);
            count.corrupted += u64::from(damaged);
            count.duplicated += u64::from(heard.duplicates);
            count.reordered += u64::from(heard.overtaken);
            count.overflowed += u64::from(plan.count - arrived);
            count.delayed += u64::from(forth.delay_ms > 0.0) * u64::from(arrived);
            count.reset += u64::from(share(forth.reset_percent));
        }
        let trip = 500 + ((forth.delay_ms + home.delay_ms) * 1000.0) as u64;
        Measured {
            sent: plan.count,
            answered: arrived - (f64::from(arrived) * home.loss_percent / 100.0) as u32,
            resets: if plan.tcp { share(forth.reset_percent) } else { 0 },
            least_us: trip,
            median_us: trip,
            mean_us: trip,
            most_us: trip,
            ..Measured::default()
        }
    }
}

impl Lab {
    pub(super) fn pretend_packets(
        &self,
        fabric: &FakeFabric,
        node: usize,
        verb: &str,
        with: Value,
    ) -> Value {
        match verb {
            NET_ECHO => json!(Echo { port: 9 }),
            NET_HEARD => {
                let of: Session = serde_json::from_value(with).unwrap();
                let ears = fabric.heard.lock().unwrap();
                let heard = ears.sessions.get(&of.session).cloned().unwrap_or_default();
                let all = ears.nodes.get(&node).cloned().unwrap_or_default();
                let Heard { damaged, checksum_errors, .. } = all;
                json!(Heard { damaged, checksum_errors, ..heard })
            }
            _ => {
                let plan: Measure = serde_json::from_value(with).unwrap();
                let measured = plan.ways.iter().map(|way| {
                    let mut nodes = self.nodes.iter();
                    let to = nodes.position(|node| node.address == way.echo.ip()).unwrap();
                    fabric.exchange(Link { from: node, to }, *way, &plan)
                });
                json!(measured.collect::<Vec<_>>())
            }
        }
    }
}

//! The first start: nodes set up, started and ready, in the order that the definition wants.

use super::Lifecycle;
use crate::Cluster;
use crate::database::definition::{Moment, Order};
use futures::future::try_join_all;
use tokio::time::Instant;

impl Lifecycle {
    /// Sets up and starts all nodes, waits until each is ready, and runs what is to be run then.
    pub async fn bring_up(&self, cluster: &Cluster, deadline: Instant) -> Result<(), String> {
        for group in self.groups(cluster.nodes.len()) {
            let members = || group.iter().map(|at| &cluster.nodes[*at]);
            try_join_all(members().map(|node| async move {
                self.set_up(cluster, node, Moment::BeforeStart).await?;
                self.start(cluster, node).await
            }))
            .await?;
            try_join_all(members().map(|node| self.await_ready(cluster, node, deadline))).await?;
        }
        for node in &cluster.nodes {
            self.set_up(cluster, node, Moment::AfterReady).await?;
        }
        Ok(())
    }

    /// Positions of nodes that are started together, group by group.
    fn groups(&self, size: usize) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for at in 0..size {
            let joins = |group: &Vec<usize>| match self.definition.start.order {
                Order::Together => true,
                Order::OneByOne => false,
                Order::Roles => self.definition.role(group[0]) == self.definition.role(at),
            };
            match groups.iter_mut().find(|group| joins(group)) {
                Some(group) => group.push(at),
                None => groups.push(vec![at]),
            }
        }
        groups
    }
}

//! The means to shape links: the fabric that the controller carries, or the agents' kernels.

use crate::ground::Ground;
use perjury_harness::Fabric;
use perjury_harness::cluster::{Link, LinkCount, LinkPolicy};
use std::collections::{BTreeMap, BTreeSet};

/// Each link's policy.
pub(crate) type Plan = BTreeMap<Link, LinkPolicy>;

/// See the module's page.
pub(crate) enum Means<'a> {
    Fabric(&'a dyn Fabric),
}

impl<'a> Means<'a> {
    /// How the links of `ground` are shaped.
    ///
    /// # Errors
    /// Why they cannot be.
    pub(crate) async fn of(ground: &'a dyn Ground) -> Result<Self, String> {
        match ground.fabric() {
            Some(fabric) => Ok(Self::Fabric(fabric)),
            None => Err("only local clusters can shape packets so far".to_owned()),
        }
    }

    /// Says why these nodes cannot have such policies.
    pub(crate) async fn refuse(ground: &dyn Ground, policies: &[LinkPolicy]) -> Result<(), String> {
        let _ = policies;
        Means::of(ground).await.map(drop)
    }

    pub(crate) async fn shape(
        &self,
        _ground: &dyn Ground,
        layer: &'static str,
        plan: &Plan,
    ) -> Result<(), String> {
        let Self::Fabric(fabric) = self;
        for (&link, policy) in plan {
            fabric.shape(layer, &[link], policy);
        }
        Ok(())
    }

    /// Takes the layer away from every link.
    pub(crate) async fn unshape(
        &self,
        _ground: &dyn Ground,
        layer: &'static str,
    ) -> Result<(), String> {
        let Self::Fabric(fabric) = self;
        let links: Vec<Link> =
            fabric.shaped(Some(layer)).into_iter().map(|(link, _)| link).collect();
        fabric.shape(layer, &links, &LinkPolicy::default());
        Ok(())
    }

    /// What the layer does at this moment.
    pub(crate) async fn shaped(&self, _ground: &dyn Ground, layer: &str) -> Result<Plan, String> {
        let Self::Fabric(fabric) = self;
        Ok(fabric.shaped(Some(layer)).into_iter().collect())
    }

    /// Links that others shape or cut: what is measured on them is not ours alone.
    pub(crate) async fn troubled(&self, _ground: &dyn Ground) -> Result<BTreeSet<Link>, String> {
        let Self::Fabric(fabric) = self;
        let mut links: BTreeSet<Link> = fabric.cuts().into_iter().collect();
        links.extend(fabric.shaped(None).into_iter().map(|(link, _)| link));
        Ok(links)
    }

    /// Links that carry nothing at this moment.
    pub(crate) fn cuts(&self) -> BTreeSet<Link> {
        let Self::Fabric(fabric) = self;
        fabric.cuts().into_iter().collect()
    }

    /// What was counted on a link so far, where anything counts.
    pub(crate) fn count(&self, link: Link) -> Option<LinkCount> {
        let Self::Fabric(fabric) = self;
        Some(fabric.count(link))
    }
}

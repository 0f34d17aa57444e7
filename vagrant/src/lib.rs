//! Virtual machines made by Vagrant as a cluster.

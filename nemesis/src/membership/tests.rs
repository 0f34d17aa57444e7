//! Tests of `membership`: the cluster's own view is what counts.

use super::*;
use crate::testing::Lab;
use std::sync::atomic::Ordering;

fn remove(node: &str) -> Op {
    Op::new("remove-members", json!({"spec": "list", "targets": [node]}))
}

#[tokio::test]
async fn members_are_removed_and_added_again() {
    let lab = Lab::pretended(3);
    let Applied::Installed(evidence) = apply(&lab, &remove("n2")).await else { panic!() };
    assert_eq!(evidence["members"], json!(["n1", "n3"]));
    assert_eq!(evidence["targets"], json!(["n2"]));
    let again = apply(&lab, &remove("n2")).await;
    assert!(matches!(again, Applied::Skipped(_)), "{again:?}");
    let back = apply(&lab, &Op::new("add-members", Value::Null)).await;
    let Applied::Healed(evidence) = back else { panic!("{back:?}") };
    assert_eq!(evidence["members"], json!(["n1", "n2", "n3"]));
}

#[tokio::test]
async fn a_cluster_that_only_says_so_is_not_believed() {
    let lab = Lab::pretended(3);
    lab.deaf_cluster.store(true, Ordering::Relaxed);
    let outcome = apply(&lab, &remove("n2")).await;
    let Applied::Indeterminate(cause) = outcome else { panic!("{outcome:?}") };
    assert!(cause.contains("the cluster says n1, n2, n3"), "{cause}");
}

//! A policy that asks for a solver which this package lacks: whoever loaded it had another build than the function's.

use index_rebalancer::model::PortfolioId;
use index_rebalancer::ports::blob::Blob;
use index_rebalancer::ports::snapshot::{SnapshotItem, SnapshotKind, SnapshotStore as _};
use index_rebalancer::ports::store::{BlobOwner, Written};
use serde_json::json;

use crate::stage::{Stage, moment};

/// Puts a policy in force as a build with that solver would have loaded it: the readers of this one refuse it.
async fn load_policy_with(stage: &Stage, more: &str) {
    let (store, portfolio) = (stage.table.store(), PortfolioId::new("blue-chip").expect("an id"));
    let stored = store.list_snapshots(&portfolio, Some(SnapshotKind::Policy)).await.expect("reads");
    let last = stored.last().expect("a policy").clone();
    let own = std::fs::read_to_string(crate::stage::fixture("blue-chip").join("policy.toml")).expect("a policy");
    let blob = Blob::of_bytes((own + more).into_bytes());
    let newer = SnapshotItem {
        revision: last.revision + 1,
        content: Some(blob.reference.clone()),
        loaded_at: moment("2025-04-11T00:00:00Z").max(last.loaded_at),
        ..last
    };
    blob.put(&store, BlobOwner::Snapshot(&newer.key())).await.expect("stored");
    assert_eq!(store.put_snapshots(&[newer]).await.expect("answers"), Written::Done);
}

#[tokio::test]
async fn a_policy_that_needs_what_the_package_lacks_is_refused_before_a_claim() {
    let stage = Stage::blue_chip().await;
    load_policy_with(&stage, "\n[solver]\nbackend = \"highs\"\n").await;
    let before = stage.table.items().await;
    let sandbox = stage.sandbox().on_paper().start();
    for mode in ["dry-run", "live", "propose"] {
        let refusal = sandbox.invoke(stage.scheduled(mode)).refusal();
        for part in ["solver.backend = \"highs\"", "not in this build", "make package-full"] {
            assert!(refusal.contains(part), "{mode}: {part:?} is not in: {refusal}");
        }
    }
    assert_eq!(stage.table.items().await, before, "nothing is claimed, and nothing else written");
    assert_eq!(sandbox.metric("RunsAborted"), [json!(1), json!(1)], "somebody waits for the two that were to trade");
    // The same policy with the solver that is in every package trades.
    load_policy_with(&stage, "\n[solver]\nbackend = \"microlp\"\n").await;
    let run = sandbox.invoke(stage.scheduled("live")).run();
    assert_eq!(run["run"]["execution"]["state"], "done", "{run}");
}

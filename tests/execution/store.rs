//! The store adapter's conditions, one by one, and how fast the embedded store is there.

use index_rebalancer::adapters::embedded_store::EmbeddedStore;
use index_rebalancer::execution::audit::of_run;
use index_rebalancer::model::Money;
use index_rebalancer::ports::store::{
    BlobOwner, ChunkAddress, CommitAnswer, DayReservation, KillSwitch, RunItem, SwitchScope, Written,
};
use index_rebalancer::ports::{RunState, RunStore};
use uuid::Uuid;

use crate::support::*;

/// A freshly claimed run that nobody works on.
async fn claimed(world: &World) -> RunItem {
    let request = scheduled(monday());
    let fails = async |_| Err(index_rebalancer::execution::PreparationFailure::Transient("down".to_owned()));
    let no_plan = |_: &_| -> Result<index_rebalancer::planning::RebalancePlan, String> { panic!("no input") };
    let venue = world.venue();
    let _ = index_rebalancer::execution::execute(&request, &world.ports(&venue), fails, no_plan).await;
    world.run_item(&request).await
}

#[tokio::test]
async fn a_claim_takes_run_and_lock_or_neither() {
    let world = World::new().await;
    let run = claimed(&world).await;
    let (again, entry) = of_run(None, run.clone(), None);
    assert_eq!(world.store().claim(&again, &entry).await, Ok(Written::Refused), "the run is there");
    let (other, entry) = of_run(None, RunItem { run_id: Uuid::from_u128(3), ..run.clone() }, None);
    assert_eq!(world.store().claim(&other, &entry).await, Ok(Written::Refused), "the lock is taken");
    assert_eq!(world.store().load_log(other.run_id).await, Ok(vec![]), "nor is anything told of it");
    assert_eq!(world.store().load_run(other.run_id).await, Ok(None));
    assert_eq!(world.lock_holder().await, Some(run.run_id));
}

#[tokio::test]
async fn a_run_moves_only_from_the_state_epoch_and_lease_that_were_read() {
    let world = World::new().await;
    let run = claimed(&world).await;
    let (after, entry) = of_run(Some(&run), RunItem { state: RunState::Planned, ..run.clone() }, None);
    let stale = [
        RunItem { revision: run.revision + 1, ..run.clone() },
        RunItem { state: RunState::Emitting, ..run.clone() },
        RunItem { epoch: run.epoch + 1, ..run.clone() },
        RunItem { lease_until: run.lease_until + seconds(1), ..run.clone() },
    ];
    let day = DayReservation {
        account: (&run.identity).into(),
        day: jiff::civil::date(2025, 4, 14),
        notional: money("10"),
        limit: None,
    };
    for before in &stale {
        assert_eq!(world.store().update_run(before, &after, &entry).await, Ok(Written::Refused));
        assert_eq!(world.store().commit(before, &after, &day, &entry).await, Ok(CommitAnswer::Refused));
        assert_eq!(world.store().finish(before, &after, None, &entry).await, Ok(Written::Refused));
    }
    assert_eq!(world.store().reserved_notional(&day.account, day.day).await, Ok(Money::ZERO));
    assert_eq!(world.store().commit(&run, &after, &day, &entry).await, Ok(CommitAnswer::Done));
    assert_eq!(world.store().load_run(run.run_id).await, Ok(Some(after)));
    assert_eq!(world.store().reserved_notional(&day.account, day.day).await, Ok(money("10")));
}

#[tokio::test]
async fn only_the_holder_releases_the_lock() {
    let world = World::new().await;
    let run = claimed(&world).await;
    let (pk, sk) = ("account#paper#binance#main", "lock");
    let thief = aws_sdk_dynamodb::types::AttributeValue::S(Uuid::from_u128(3).to_string());
    world.tamper(pk, sk, "run_id", thief).await;
    let (ended, entry) = of_run(Some(&run), RunItem { state: RunState::Aborted, ..run.clone() }, None);
    assert_eq!(world.store().finish(&run, &ended, None, &entry).await, Ok(Written::Refused));
    assert_eq!(world.store().load_run(run.run_id).await, Ok(Some(run)), "neither half took place");
}

#[tokio::test]
async fn chunks_are_written_once() {
    let world = World::new().await;
    let address = ChunkAddress { owner: BlobOwner::Run(Uuid::nil()), digest: "d", chunk: 0 };
    assert_eq!(world.store().load_chunk(&address).await, Ok(None));
    world.store().put_chunk(&address, b"first").await.expect("stores");
    world.store().put_chunk(&address, b"second").await.expect("is left alone");
    assert_eq!(world.store().load_chunk(&address).await, Ok(Some(b"first".to_vec())));
    let missing = ChunkAddress { chunk: 1, ..address };
    world.store().expire_chunk(&missing, 5).await.expect_err("what is not there is not made");
    assert_eq!(world.store().load_chunk(&missing).await, Ok(None));
}

#[tokio::test]
async fn switches_are_off_until_they_are_set() {
    let world = World::new().await;
    let scope = SwitchScope::Everything;
    assert_eq!(world.store().kill_switch(&scope).await, Ok(KillSwitch::UNSET));
    let on = KillSwitch { on: true, note: "maintenance".to_owned(), updated_at: Some(monday()) };
    world.store().set_kill_switch(&scope, &on).await.expect("sets");
    assert_eq!(world.store().kill_switch(&scope).await, Ok(on));
}

#[tokio::test]
async fn a_store_that_does_not_answer_says_so_and_what_to_do() {
    let world = World::new().await;
    let store = world.store().clone();
    world.embedded.close().await;
    let error = store.load_run(Uuid::nil()).await.expect_err("nobody answers");
    let text = error.to_string();
    assert!(text.contains("reading a run") && text.contains("run again"), "{text}");
    let error = EmbeddedStore::open("/nowhere/at/all.db".as_ref()).await.expect_err("no such folder");
    assert!(error.to_string().contains("/nowhere/at/all.db"), "{error}");
}

/// Printed, not judged: a shared machine has no fixed speed.
#[tokio::test]
async fn the_start_up_time_is_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    for at in 0..3 {
        let begin = std::time::Instant::now();
        let memory = EmbeddedStore::in_memory().await.expect("opens");
        let in_memory = begin.elapsed();
        let begin = std::time::Instant::now();
        let file = EmbeddedStore::open(&folder.path().join(format!("{at}.db"))).await.expect("opens");
        println!("embedded store ready: {in_memory:?} in memory, {:?} on a new file", begin.elapsed());
        assert_eq!(memory.store().unsettled_runs().await, file.store().unsettled_runs().await);
    }
}

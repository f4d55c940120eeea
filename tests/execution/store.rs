//! The store adapter's conditions, one by one, and how fast the embedded store is there.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::query::QueryInput;
use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::adapters::dynamodb::DynamoStore;
use index_rebalancer::adapters::embedded_store::{EmbeddedStore, TABLE};
use index_rebalancer::execution::audit::of_run;
use index_rebalancer::model::Money;
use index_rebalancer::ports::store::{
    BlobOwner, ChunkAddress, CommitAnswer, DayReservation, LockItem, RunItem, StoreError, Written,
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
    let (pk, sk) = ("lock", "paper#binance#main");
    let thief = aws_sdk_dynamodb::types::AttributeValue::S(Uuid::from_u128(3).to_string());
    world.tamper(pk, sk, "run_id", thief).await;
    let (ended, entry) = of_run(Some(&run), RunItem { state: RunState::Aborted, ..run.clone() }, None);
    assert_eq!(world.store().finish(&run, &ended, None, &entry).await, Ok(Written::Refused));
    assert_eq!(world.store().load_run(run.run_id).await, Ok(Some(run)), "neither half took place");
}

/// A client behind which every answer that may lag does: an index, and a read that is not strongly consistent, have
/// not heard of anything yet.
#[derive(Debug)]
struct Lagging;

impl Intercept for Lagging {
    fn name(&self) -> &'static str {
        "lagging"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(query) = context.input_mut().downcast_mut::<QueryInput>()
            && (query.index_name.is_some() || query.consistent_read != Some(true))
        {
            for value in query.expression_attribute_values.iter_mut().flat_map(|values| values.values_mut()) {
                *value = AttributeValue::S("not there yet".to_owned());
            }
        }
        Ok(())
    }
}

/// What holds an account is found at once: an alarm that comes and goes with the age of an index is not believed.
#[tokio::test]
async fn recovery_finds_what_no_index_has_heard_of() {
    let world = World::new().await;
    let run = claimed(&world).await;
    let config = world.embedded.client().config().to_builder().interceptor(Lagging).build();
    let lagging = DynamoStore::new(aws_sdk_dynamodb::Client::from_conf(config), TABLE);
    let portfolio = (run.identity.environment, &run.identity.portfolio);
    assert_eq!(world.store().list_runs(portfolio.0, portfolio.1).await.expect("lists").len(), 1);
    assert_eq!(lagging.list_runs(portfolio.0, portfolio.1).await, Ok(vec![]), "its index lags");
    let held = lagging.held_locks().await.expect("lists");
    assert_eq!(run_ids(held), [run.run_id]);

    let (ended, entry) = of_run(Some(&run), RunItem { state: RunState::Aborted, ..run.clone() }, None);
    assert_eq!(lagging.finish(&run, &ended, None, &entry).await, Ok(Written::Done));
    assert_eq!(lagging.held_locks().await, Ok(vec![]), "nor is anything named that is over");
}

#[tokio::test]
async fn locks_are_listed_by_how_long_they_are_held() {
    let world = World::new().await;
    let first = claimed(&world).await;
    let mut others = Vec::new();
    for (number, account, minutes) in [(4, "aaa", 2), (5, "zzz", 1)] {
        let mut run = RunItem { run_id: Uuid::from_u128(number), ..first.clone() };
        run.identity.venue_account = account.parse().expect("an account id");
        run.created_at = first.created_at + seconds(60 * minutes);
        let (run, entry) = of_run(None, run, None);
        assert_eq!(world.store().claim(&run, &entry).await, Ok(Written::Done));
        others.push(run.run_id);
    }
    let held = world.store().held_locks().await.expect("lists");
    assert_eq!(run_ids(held), [first.run_id, others[1], others[0]]);
}

fn run_ids(held: Vec<Result<LockItem, StoreError>>) -> Vec<Uuid> {
    held.into_iter().map(|lock| lock.expect("it can be read").run_id).collect()
}

/// One account's lock that is damaged leaves every other account its recovery.
#[tokio::test]
async fn a_lock_that_cannot_be_read_hides_no_other() {
    let world = World::new().await;
    let run = claimed(&world).await;
    let mut damaged = HashMap::from([("schema".to_owned(), AttributeValue::S("no number".to_owned()))]);
    for (name, value) in [("pk", "lock"), ("sk", "paper#kraken#another")] {
        damaged.insert(name.to_owned(), AttributeValue::S(value.to_owned()));
    }
    world.embedded.client().put_item().table_name(TABLE).set_item(Some(damaged)).send().await.expect("writes");
    let mut held = world.store().held_locks().await.expect("lists");
    let last = held.pop().expect("two are held").expect_err("it is damaged").to_string();
    assert!(last.contains("paper#kraken#another"), "{last}");
    assert_eq!(run_ids(held), [run.run_id]);
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
        assert_eq!(memory.store().held_locks().await, file.store().held_locks().await);
    }
}

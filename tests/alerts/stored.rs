//! The log of alerts and the counters, in the store that speaks DynamoDB's API.

use index_rebalancer::adapters::alerts::log::LogChannel;
use index_rebalancer::adapters::embedded_store::EmbeddedStore;
use index_rebalancer::alerts::{Seen, tell_run};
use index_rebalancer::model::alert::{AlertEvent, ChannelName};
use index_rebalancer::ports::Clock;
use index_rebalancer::ports::alert::{AlertItem, AlertLog as _, AlertState};
use index_rebalancer::ports::counter::{Counted, Counter, Counters as _};
use index_rebalancer::ports::store::{ITEM_SCHEMA, Written};
use uuid::Uuid;

use crate::{everything, finished};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn item(state: AlertState, attempts: u32) -> AlertItem {
    AlertItem {
        schema: ITEM_SCHEMA,
        run_id: Uuid::nil(),
        key: Uuid::max(),
        event: AlertEvent::RunAborted,
        channel: ChannelName::new("ops").expect("a name"),
        state,
        attempts,
        note: String::new(),
        updated_at: "2025-04-26T00:00:30Z".parse().expect("a moment"),
        expires_at_s: 1_800_000_000,
    }
}

#[test]
fn a_message_is_taken_by_one() {
    block_on(async {
        let store = EmbeddedStore::in_memory().await.expect("a store");
        let log = store.store();
        let sending = item(AlertState::Sending, 1);
        assert_eq!(log.put_alert(None, &sending).await.expect("answered"), Written::Done);
        assert_eq!(log.put_alert(None, &sending).await.expect("answered"), Written::Refused);
        assert_eq!(log.load_alert(Uuid::nil(), Uuid::max()).await.expect("answered"), Some(sending.clone()));
        let refused = item(AlertState::Refused, 1);
        assert_eq!(log.put_alert(Some(&sending), &refused).await.expect("answered"), Written::Done);
        // Two who read the refusal: one of them tries again.
        let again = item(AlertState::Sending, 2);
        assert_eq!(log.put_alert(Some(&refused), &again).await.expect("answered"), Written::Done);
        assert_eq!(log.put_alert(Some(&refused), &again).await.expect("answered"), Written::Refused);
        assert_eq!(log.load_alert(Uuid::nil(), Uuid::nil()).await.expect("answered"), None);
        store.close().await;
    });
}

#[test]
fn a_counter_ends_where_it_should_and_each_period_has_its_own() {
    block_on(async {
        let store = EmbeddedStore::in_memory().await.expect("a store");
        let counter = |period: &str| Counter { name: "credits".to_owned(), period: period.to_owned(), expires_at_s: 1 };
        let (april, may) = (counter("2025-04"), counter("2025-05"));
        let count = async |counter: &Counter, most| store.store().count(counter, most).await.expect("answered");
        assert_eq!(count(&april, 0).await, Counted::Exhausted);
        assert_eq!(count(&april, 2).await, Counted::Within(1));
        assert_eq!(count(&april, 2).await, Counted::Within(2));
        assert_eq!(count(&april, 2).await, Counted::Exhausted);
        assert_eq!(count(&may, 2).await, Counted::Within(1));
        // Nothing was added by those who were refused.
        assert_eq!(count(&april, 3).await, Counted::Within(3));
        store.close().await;
    });
}

/// A defect outside of every channel.
struct BrokenClock;

impl Clock for BrokenClock {
    fn now(&self) -> jiff::Timestamp {
        panic!("a defect")
    }
    async fn pause(&self, _: u64) {}
}

#[test]
fn a_defect_of_the_alerts_is_a_problem_of_theirs_alone() {
    block_on(async {
        let store = EmbeddedStore::in_memory().await.expect("a store");
        let identity = finished().plan.expect("a plan").run;
        let (policy, lines) = (everything(), LogChannel::new(|_: &str| ()));
        let seen = Seen::Stopped("the kill switch is on");
        let told = tell_run(&identity, Some(&policy), seen, store.store(), &lines, &BrokenClock).await;
        assert!(told.deliveries.is_empty());
        assert_eq!(told.problems, ["the alerts ended in a defect"]);
        // Nobody who wants to be told, nothing that can go wrong.
        let told = tell_run(&identity, None, seen, store.store(), &lines, &BrokenClock).await;
        assert!(told.problems.is_empty() && told.deliveries.is_empty(), "{told:?}");
        store.close().await;
    });
}

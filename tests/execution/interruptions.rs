//! A worker that stands still between a question and its answer: what it believes by then is believed no more.

use std::sync::Mutex;

use index_rebalancer::execution::audit::of_run;
use index_rebalancer::execution::claim::taken_over;
use index_rebalancer::execution::{RunOutcome, RunRequest};
use index_rebalancer::model::{AccountId, AccountSnapshot, Side, VenueId};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::store::{RunItem, SwitchScope, Written};
use index_rebalancer::ports::venue::{Fill, OrderRequest, PlaceError, Promise, Sought, Venue, VenueError, VenueOrder};
use index_rebalancer::ports::{Clock, OrderState, RunStore};
use uuid::Uuid;

use crate::support::*;

/// What happens between a question to the venue and its answer, once.
enum Meanwhile {
    /// A person stops the run.
    Stopped,
    /// The worker stands still for a minute, and somebody throws the kill switch.
    Switched,
}

/// The venue, with something that happens in between: while an order is looked for, or the balance before a buy.
struct Interrupted<'a> {
    watched: Watched<'a>,
    world: &'a World,
    request: RunRequest,
    meanwhile: Mutex<Option<Meanwhile>>,
    /// The balance stays for ever as it was before the first buy.
    lags: bool,
    balance: Mutex<Option<AccountSnapshot>>,
}

impl<'a> Interrupted<'a> {
    fn by(meanwhile: Option<Meanwhile>, watched: Watched<'a>, world: &'a World, request: &RunRequest) -> Self {
        let (request, meanwhile, balance) = (request.clone(), Mutex::new(meanwhile), Mutex::default());
        Self { watched, world, request, meanwhile, lags: false, balance }
    }

    async fn stop(&self) {
        let stored = self.world.run_item(&self.request).await;
        let (now, until) = (self.world.clock.now(), self.world.clock.now() + seconds(60));
        let stopped =
            RunItem { reason: "aborted by alice".to_owned(), ..taken_over(&stored, Uuid::from_u128(7), now, until) };
        let (stopped, entry) = of_run(Some(&stored), stopped, Some("alice"));
        assert_eq!(self.world.store().update_run(&stored, &stopped, &entry).await, Ok(Written::Done));
    }

    async fn happen(&self, when: fn(&Meanwhile) -> bool) {
        let due = { self.meanwhile.lock().expect("not poisoned").take_if(|meanwhile| when(meanwhile)) };
        match due {
            Some(Meanwhile::Stopped) => self.stop().await,
            Some(Meanwhile::Switched) => {
                self.world.clock.advance(seconds(60));
                self.world.throw(&SwitchScope::Everything, true, "stop").await;
            }
            None => {}
        }
    }
}

impl Venue for Interrupted<'_> {
    fn id(&self) -> &VenueId {
        self.watched.id()
    }

    fn promise(&self) -> Promise {
        self.watched.promise()
    }

    async fn account(&self, account: &AccountId) -> Result<AccountSnapshot, VenueError> {
        let answer = self.watched.account(account).await;
        if self.watched.placed().is_empty() {
            return answer;
        }
        self.happen(|meanwhile| matches!(meanwhile, Meanwhile::Switched)).await;
        let mut balance = self.balance.lock().expect("not poisoned");
        if self.lags && balance.is_none() {
            *balance = answer.as_ref().ok().cloned();
        }
        balance.clone().map_or(answer, Ok)
    }

    async fn place(&self, request: &OrderRequest) -> Result<VenueOrder, PlaceError> {
        self.watched.place(request).await
    }

    async fn find_order(&self, sought: &Sought) -> Result<Option<VenueOrder>, VenueError> {
        let answer = self.watched.find_order(sought).await;
        self.happen(|meanwhile| matches!(meanwhile, Meanwhile::Stopped)).await;
        answer
    }

    async fn fills(&self, sought: &Sought) -> Result<Vec<Fill>, VenueError> {
        self.watched.fills(sought).await
    }
}

/// A worker that looked for an order and found it absent is the run's owner no more when it would send it again.
#[tokio::test]
async fn a_run_that_is_stopped_meanwhile_is_not_sent_again() {
    let world = World::new().await;
    let (watched, request) = (world.venue(), scheduled(monday()));
    *watched.faults.lock().expect("not poisoned") = vec![Fault::RequestLost];
    let venue = Interrupted::by(Some(Meanwhile::Stopped), watched, &world, &request);
    let outcome = world.run(&request, &venue, &LEGS[..1]).await;
    assert!(matches!(outcome, Ok(RunOutcome::InProgressElsewhere { .. })), "{outcome:?}");
    assert_eq!(venue.watched.placed().len(), 1, "nothing is sent after the stop");
    let item = &world.store().load_orders(run_id(&request.identity)).await.expect("reads")[0];
    assert_eq!(item.attempt.as_ref().map(|attempt| attempt.number), Some(1), "and no attempt is stored");
}

/// What the switch said before a worker stood still says nothing any more when it goes on.
#[tokio::test]
async fn controls_that_were_read_too_long_ago_are_read_again() {
    let world = World::new().await;
    let (watched, request) = (world.venue(), scheduled(monday()));
    let venue = Interrupted::by(Some(Meanwhile::Switched), watched, &world, &request);
    let record = aborted(world.run(&request, &venue, &LEGS).await.expect("ends"));
    assert_eq!(states(&record), [OrderState::Filled, OrderState::Skipped, OrderState::Skipped]);
    assert!(record.reason.contains("the kill switch of everything is on"), "{}", record.reason);
    assert_eq!(venue.watched.placed().len(), 1);
}

/// A balance that does not show yet what the first buy cost pays for no second one.
#[tokio::test]
async fn a_balance_that_lags_does_not_pay_twice() {
    let legs = [LEGS[0], (Side::Buy, "beta", "40", "51"), LEGS[2]];
    for lags in [false, true] {
        let world = World::new().await;
        let request = scheduled(monday());
        let venue = Interrupted { lags, ..Interrupted::by(None, world.venue(), &world, &request) };
        let record = completed(world.run(&request, &venue, &legs).await.expect("runs"));
        assert_eq!(states(&record), [OrderState::Filled, OrderState::Filled, OrderState::Skipped], "{lags}");
        assert!(record.orders[2].note.contains("insufficient proceeds"), "{}", record.orders[2].note);
        assert_eq!(venue.watched.placed().len(), 2);
    }
}

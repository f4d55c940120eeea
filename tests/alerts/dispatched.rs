//! Once per run and event, to the channels of the routes, within the hour's messages; and no way to fail a run.

use std::cell::RefCell;
use std::collections::BTreeMap;

use index_rebalancer::alerts::{Alert, Delivery, Outcome, dispatch, of_run};
use index_rebalancer::model::alert::{AlertChannel, AlertEvent, AlertPolicy, ChannelName};
use index_rebalancer::ports::Clock as _;
use index_rebalancer::ports::StoreError;
use index_rebalancer::ports::alert::{AlertItem, AlertLog, AlertMessage, AlertState, Notifier, NotifyError};
use index_rebalancer::ports::counter::{Counted, Counter, Counters};
use index_rebalancer::ports::store::Written;
use uuid::Uuid;

use super::{alert_policy, everything, finished};
use crate::manual_clock::ManualClock;

/// The store's part, in memory.
#[derive(Debug, Default)]
struct Memory {
    items: RefCell<BTreeMap<Uuid, AlertItem>>,
    counts: RefCell<BTreeMap<(String, String), u64>>,
    is_down: bool,
    /// Answers this put as refused, as if another worker had been faster.
    overtaken: bool,
}

impl AlertLog for Memory {
    async fn load_alert(&self, _: Uuid, key: Uuid) -> Result<Option<AlertItem>, StoreError> {
        if self.is_down {
            return Err(StoreError::Unavailable { step: "reading an alert", cause: "down".to_owned() });
        }
        Ok(self.items.borrow().get(&key).cloned())
    }
    async fn put_alert(&self, before: Option<&AlertItem>, after: &AlertItem) -> Result<Written, StoreError> {
        let mut items = self.items.borrow_mut();
        if self.overtaken || items.get(&after.key) != before {
            return Ok(Written::Refused);
        }
        items.insert(after.key, after.clone());
        Ok(Written::Done)
    }
}

impl Counters for Memory {
    async fn count(&self, counter: &Counter, most: u64) -> Result<Counted, StoreError> {
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry((counter.name.clone(), counter.period.clone())).or_default();
        if *count >= most {
            return Ok(Counted::Exhausted);
        }
        *count += 1;
        Ok(Counted::Within(*count))
    }
}

/// Keeps what it is told to send; answers by the channel's name.
#[derive(Debug, Default)]
struct Recorder(RefCell<Vec<(String, AlertMessage)>>);

impl Notifier for Recorder {
    async fn notify(&self, name: &ChannelName, _: &AlertChannel, message: &AlertMessage) -> Result<(), NotifyError> {
        self.0.borrow_mut().push((name.to_string(), message.clone()));
        match name.as_str() {
            "refusing" => Err(NotifyError::Refused("no".to_owned())),
            "silent" => Err(NotifyError::Unclear("nothing came back".to_owned())),
            "broken" => panic!("a defect in a channel"),
            _ => Ok(()),
        }
    }
}

impl Recorder {
    fn sent(&self) -> Vec<String> {
        self.0.borrow().iter().map(|(channel, message)| format!("{channel} {}", message.event)).collect()
    }
}

fn clock() -> ManualClock {
    ManualClock::at("2025-04-26T00:00:30Z".parse().expect("a moment"))
}

fn tell(alerts: &[Alert], policy: &AlertPolicy, to: &Recorder, memory: &Memory, clock: &ManualClock) -> Vec<Delivery> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(dispatch(alerts, policy, to, memory, clock))
}

fn outcomes(deliveries: &[Delivery]) -> Vec<(String, Outcome)> {
    deliveries.iter().map(|it| (format!("{} {}", it.channel, it.event), it.outcome.clone())).collect()
}

/// Orders sent, and a price target.
fn alerts() -> Vec<Alert> {
    of_run(&finished(), None)
}

const ROUTES: &str = r#"
[channels]
ops = { kind = "log" }
money = { kind = "log" }
[[routes]]
events = ["orders_sent", "price_target"]
channels = ["ops"]
[[routes]]
events = ["orders_sent"]
channels = ["ops", "money"]
"#;

#[test]
fn events_go_where_the_policy_sends_them_and_each_goes_once() {
    let (policy, recorder, memory, clock) = (alert_policy(ROUTES), Recorder::default(), Memory::default(), clock());
    let first = tell(&alerts(), &policy, &recorder, &memory, &clock);
    assert!(first.iter().all(|delivery| delivery.outcome == Outcome::Sent), "{first:?}");
    assert_eq!(recorder.sent(), ["money orders_sent", "ops orders_sent", "ops price_target"]);
    // The same run again, later and by another worker: told already.
    clock.advance(jiff::SignedDuration::from_hours(3));
    let again = tell(&alerts(), &policy, &recorder, &memory, &clock);
    assert!(again.iter().all(|delivery| delivery.outcome == Outcome::AlreadyTold), "{again:?}");
    assert_eq!(recorder.sent().len(), 3);
    assert_eq!(keys(&first), keys(&again));
}

fn keys(deliveries: &[Delivery]) -> Vec<Uuid> {
    deliveries.iter().map(|delivery| delivery.key).collect()
}

#[test]
fn keys_are_of_run_event_channel_and_subjects() {
    let (policy, clock) = (alert_policy(ROUTES), clock());
    let told = |alerts: &[Alert]| keys(&tell(alerts, &policy, &Recorder::default(), &Memory::default(), &clock));
    let plain = told(&alerts());
    assert_eq!(plain, told(&alerts()));
    assert_eq!(plain.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "{plain:?}");
    let changed = |change: &dyn Fn(&mut Alert)| {
        let mut alerts = alerts();
        change(&mut alerts[0]);
        told(&alerts)[0]
    };
    assert_ne!(changed(&|alert| alert.run_id = Uuid::nil()), plain[0]);
    assert_ne!(changed(&|alert| drop(alert.subjects.pop())), plain[0]);
    // Words may change; the event is the same.
    assert_eq!(changed(&|alert| alert.title = "otherwise".to_owned()), plain[0]);
    assert_eq!(changed(&|alert| alert.lines.clear()), plain[0]);
}

#[test]
fn an_event_that_grew_is_told_again() {
    let (policy, recorder, memory, clock) = (alert_policy(ROUTES), Recorder::default(), Memory::default(), clock());
    let mut fewer = alerts();
    fewer[0].subjects.pop();
    tell(&fewer, &policy, &recorder, &memory, &clock);
    tell(&alerts(), &policy, &recorder, &memory, &clock);
    let orders = recorder.sent().iter().filter(|sent| *sent == "ops orders_sent").count();
    assert_eq!(orders, 2);
}

#[test]
fn an_hour_has_so_many_messages_and_what_was_left_comes_with_the_next_delivery() {
    let mut policy = everything();
    policy.most_messages_per_hour = 1;
    let (recorder, memory, clock) = (Recorder::default(), Memory::default(), clock());
    let first = tell(&alerts(), &policy, &recorder, &memory, &clock);
    let expected =
        [("ops orders_sent".to_owned(), Outcome::Sent), ("ops price_target".to_owned(), Outcome::Suppressed)];
    assert_eq!(outcomes(&first), expected);
    let again = tell(&alerts(), &policy, &recorder, &memory, &clock);
    assert_eq!(again[1].outcome, Outcome::Suppressed);
    clock.advance(jiff::SignedDuration::from_hours(1));
    let later = tell(&alerts(), &policy, &recorder, &memory, &clock);
    assert_eq!((&later[0].outcome, &later[1].outcome), (&Outcome::AlreadyTold, &Outcome::Sent));
    assert_eq!(recorder.sent(), ["ops orders_sent", "ops price_target"]);
}

#[test]
fn what_goes_wrong_with_one_channel_touches_no_other() {
    let policy = alert_policy(
        r#"
        [channels]
        broken = { kind = "log" }
        refusing = { kind = "log" }
        silent = { kind = "log" }
        well = { kind = "log" }
        [[routes]]
        events = ["orders_sent"]
        channels = ["broken", "refusing", "silent", "well"]
        "#,
    );
    let (recorder, memory, clock) = (Recorder::default(), Memory::default(), clock());
    let count = |channel: &str| recorder.sent().iter().filter(|sent| sent.starts_with(channel)).count();
    let first = tell(&alerts(), &policy, &recorder, &memory, &clock);
    let told: Vec<String> = outcomes(&first).iter().map(|(name, outcome)| format!("{name}: {outcome:?}")).collect();
    assert!(told[0].contains("broken") && told[0].contains("a defect"), "{told:?}");
    assert!(told[1].contains("refusing") && told[1].contains("not taken: no"), "{told:?}");
    assert!(told[2].contains("silent") && told[2].contains("unclear"), "{told:?}");
    assert_eq!(first[3].outcome, Outcome::Sent);
    // Only what surely did not arrive is tried again, and not for ever.
    for _ in 0..5 {
        tell(&alerts(), &policy, &recorder, &memory, &clock);
    }
    assert_eq!(["broken", "refusing", "silent", "well"].map(count), [1, 3, 1, 1]);
}

#[test]
fn without_a_store_nothing_is_sent_and_nothing_fails() {
    let (recorder, clock) = (Recorder::default(), clock());
    let down = Memory { is_down: true, ..Memory::default() };
    let told = tell(&alerts(), &everything(), &recorder, &down, &clock);
    assert!(told.iter().all(|it| matches!(&it.outcome, Outcome::Failed(why) if why.contains("not known"))), "{told:?}");
    let overtaken = Memory { overtaken: true, ..Memory::default() };
    let told = tell(&alerts(), &everything(), &recorder, &overtaken, &clock);
    assert!(told.iter().all(|it| it.outcome == Outcome::AlreadyTold), "{told:?}");
    assert!(recorder.sent().is_empty());
}

#[test]
fn a_worker_that_died_while_sending_is_not_repeated() {
    let (policy, recorder, memory, clock) = (everything(), Recorder::default(), Memory::default(), clock());
    tell(&alerts(), &policy, &recorder, &memory, &clock);
    for item in memory.items.borrow_mut().values_mut() {
        item.state = AlertState::Sending;
    }
    let told = tell(&alerts(), &policy, &Recorder::default(), &memory, &clock);
    assert!(told.iter().all(|it| it.outcome == Outcome::AlreadyTold), "{told:?}");
}

/// A channel that takes ten seconds for each message.
struct Slow<'a>(&'a ManualClock);

impl Notifier for Slow<'_> {
    async fn notify(&self, _: &ChannelName, _: &AlertChannel, _: &AlertMessage) -> Result<(), NotifyError> {
        self.0.pause(10_000).await;
        Ok(())
    }
}

/// A channel that cannot be reached so many times; notes when it was tried.
struct Away<'a> {
    clock: &'a ManualClock,
    times: usize,
    tried_ms: RefCell<Vec<i128>>,
    /// What each attempt takes.
    attempt_ms: u64,
}

impl Notifier for Away<'_> {
    async fn notify(&self, _: &ChannelName, _: &AlertChannel, _: &AlertMessage) -> Result<(), NotifyError> {
        self.tried_ms.borrow_mut().push(self.clock.now().duration_since(clock().now()).as_millis());
        self.clock.pause(self.attempt_ms).await;
        if self.tried_ms.borrow().len() > self.times {
            Ok(())
        } else {
            Err(NotifyError::Unreachable("away".to_owned()))
        }
    }
}

/// Whoever is not reached now may be reached in a moment, and nobody delivers a run again that is over.
#[test]
fn what_was_not_sent_is_sent_again_while_there_is_time() {
    let one = &alerts()[..1];
    let told = |times: usize, attempt_ms: u64| {
        let (clock, memory) = (clock(), Memory::default());
        let away = Away { clock: &clock, times, tried_ms: RefCell::default(), attempt_ms };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let told = runtime.block_on(dispatch(one, &everything(), &away, &memory, &clock));
        let item = memory.items.borrow().values().next().expect("remembered").clone();
        (told[0].outcome.clone(), item.state, item.attempts, away.tried_ms.into_inner())
    };
    assert_eq!(told(0, 0), (Outcome::Sent, AlertState::Sent, 1, vec![0]));
    assert_eq!(told(2, 0), (Outcome::Sent, AlertState::Sent, 1, vec![0, 500, 2_500]));
    // Not for ever, and then another delivery of the run may try: nothing has arrived.
    let failed = Outcome::Failed("the message was not sent: away".to_owned());
    assert_eq!(told(3, 0), (failed.clone(), AlertState::Refused, 1, vec![0, 500, 2_500]));
    // Fifteen seconds are for all alerts of a run.
    assert_eq!(told(3, 7_000), (failed, AlertState::Refused, 1, vec![0, 7_500]));
}

#[test]
fn alerts_have_a_time_in_which_to_be_sent() {
    let mut many = alerts();
    for event in [AlertEvent::StopLoss, AlertEvent::LimitRelaxed] {
        many.push(Alert { event, ..many[0].clone() });
    }
    let clock = clock();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let memory = Memory::default();
    let told = runtime.block_on(dispatch(&many, &everything(), &Slow(&clock), &memory, &clock));
    let expected = [Outcome::Sent, Outcome::Sent, Outcome::NoTime, Outcome::NoTime];
    assert_eq!(told.iter().map(|it| it.outcome.clone()).collect::<Vec<_>>(), expected);
    // Nobody claimed what there was no time for: the next delivery sends it.
    assert_eq!(memory.items.borrow().len(), 2);
}

//! The store of the simulation is no laxer than the shipped one, and no stricter: both go through the same operations,
//! drawn from seeds, most of them with outdated expectations, and must answer alike.
#![cfg(feature = "local")]

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use index_rebalancer::adapters::embedded_store::EmbeddedStore;
use index_rebalancer::execution::audit::{self, SwitchHead, Switching};
use index_rebalancer::model::Money;
use index_rebalancer::ports::store::{
    AccountKey, BlobOwner, BlobRef, ChunkAddress, DayReservation, OrderItem, PortfolioItem, PortfolioKey, RunItem,
    RunStore, StoreError, SwitchScope,
};
use index_rebalancer::ports::{OrderState, RunState};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::faults::FaultPlan;
use crate::ports::SimStore;
use crate::run::{Setup, drive, simulate};
use crate::scenario::{CLASSES, Scenario, begin, settings};
use crate::split_mix::SplitMix64;
use crate::table::{Slip, Table};
use crate::world::{Event, World};

const SEEDS: u64 = 6;
/// Seeds within which each mistake of a store must show.
const MOST_SEEDS: u64 = 60;
const OPERATIONS: usize = 250;

/// Items to write: those of a real history, and versions of them that never were.
struct Pool {
    random: SplitMix64,
    runs: Vec<RunItem>,
    orders: Vec<OrderItem>,
}

impl Pool {
    fn new(seed: u64) -> Self {
        let history = simulate(&Setup::of(CLASSES[0], FaultPlan::default()));
        let fresh = |run: &RunItem, at: i64| RunItem {
            state: RunState::Claimed,
            revision: 1,
            epoch: 1,
            commitment: None,
            settlement: None,
            expires_at_s: None,
            created_at: begin() + SignedDuration::from_secs(at),
            ..run.clone()
        };
        // Minutes apart: a lock that ends by itself would have ended.
        let mut runs: Vec<RunItem> =
            (0..).zip(history.table.runs.values()).map(|(at, run)| fresh(run, 120 * at)).collect();
        // A third one, on an account of its own.
        let mut other = fresh(&runs[0], 9);
        other.run_id = Uuid::from_u128(7);
        other.identity.venue_account = "other".parse().expect("an account");
        runs.push(other);
        let orders =
            history.table.orders.values().map(|order| OrderItem { revision: 1, ..(**order).clone() }).collect();
        Self { random: SplitMix64::new(seed), runs, orders }
    }

    fn at(&mut self, end: usize) -> usize {
        usize::try_from(self.random.below(end as u64)).expect("an index")
    }

    fn run(&mut self) -> RunItem {
        let at = self.at(self.runs.len());
        self.runs[at].clone()
    }

    /// A later version, remembered, so that it can be expected by a later write.
    fn later_run(&mut self, before: &RunItem) -> RunItem {
        let state = *self.random.pick(&RunState::ALL);
        let epoch = before.epoch + u64::from(self.random.below(4) == 0);
        let lease_until = begin() + SignedDuration::from_secs(i64::from(self.random.below(3) == 0));
        let after = RunItem { state, epoch, lease_until, ..before.clone() };
        let after = audit::of_run(Some(before), after, None).0;
        self.runs.push(after.clone());
        after
    }

    fn order(&mut self) -> OrderItem {
        let at = self.at(self.orders.len());
        self.orders[at].clone()
    }

    fn later_order(&mut self, before: &OrderItem) -> OrderItem {
        let state = *self.random.pick(&OrderState::ALL);
        let payload_digest =
            if self.random.below(5) == 0 { "another".to_owned() } else { before.payload_digest.clone() };
        let after = OrderItem { state, payload_digest, revision: before.revision + 1, ..before.clone() };
        self.orders.push(after.clone());
        after
    }
}

/// An answer as text; of an error only its kind, for the two stores word them differently.
fn told<T: std::fmt::Debug>(call: &str, answer: Result<T, StoreError>) -> String {
    match answer {
        Ok(answer) => format!("{call}: {answer:?}"),
        Err(StoreError::Unavailable { .. }) => format!("{call}: unavailable"),
        Err(StoreError::Corrupt { .. }) => format!("{call}: corrupt"),
        Err(StoreError::Invalid { .. }) => format!("{call}: invalid"),
    }
}

async fn operate<S: RunStore>(store: &S, pool: &mut Pool) -> String {
    let run = pool.run();
    let (account, portfolio) = (AccountKey::from(&run.identity), PortfolioKey::from(&run.identity));
    let day = jiff::civil::date(2025, 4, 14);
    let digest = *pool.random.pick(&["aa", "bb"]);
    let address = ChunkAddress { owner: BlobOwner::Run(run.run_id), digest, chunk: 0 };
    let scope = SwitchScope::Portfolio(run.identity.environment, run.identity.portfolio.clone());
    match pool.random.below(20) {
        0 | 1 => {
            let (run, entry) = audit::of_run(None, run, None);
            told("claim", store.claim(&run, &entry).await)
        }
        2 | 3 => {
            let after = pool.later_run(&run);
            let entry = audit::of_run(Some(&run), after.clone(), None).1;
            told("update_run", store.update_run(&run, &after, &entry).await)
        }
        4 => {
            let after = pool.later_run(&run);
            let entry = audit::of_run(Some(&run), after.clone(), None).1;
            let notional = *pool.random.pick(&["40", "70"]);
            let notional = Money::parse(notional).expect("money");
            let limit =
                (*pool.random.pick(&[None, Some("50"), Some("100")])).map(|text| Money::parse(text).expect("money"));
            let reservation = DayReservation { account, day, notional, limit };
            told("commit", store.commit(&run, &after, &reservation, &entry).await)
        }
        5 | 6 => {
            let order = OrderItem { run_id: run.run_id, ..pool.order() };
            let (order, entry) = audit::of_order(&run, None, order, None);
            pool.orders.push(order.clone());
            told("create_order", store.create_order(&run, &order, &entry).await)
        }
        7 | 8 => {
            let before = pool.order();
            let after = pool.later_order(&before);
            let (after, entry) = audit::of_order(&run, Some(&before), after, None);
            let fence = (pool.random.below(2) == 0).then_some(&run);
            told("update_order", store.update_order(fence, &before, &after, &entry).await)
        }
        9 => {
            let after = pool.later_run(&run);
            let entry = audit::of_run(Some(&run), after.clone(), None).1;
            let settlement = BlobRef { digest: digest.to_owned(), bytes: 1, chunks: 1 };
            let item = PortfolioItem {
                schema: run.schema,
                key: portfolio,
                last_run: run.run_id,
                settlement,
                updated_at: begin(),
            };
            let item = (pool.random.below(2) == 0).then_some(item);
            told("finish", store.finish(&run, &after, item.as_ref(), &entry).await)
        }
        10 => told("put_chunk", store.put_chunk(&address, &[u8::try_from(pool.random.below(9)).expect("small")]).await),
        11 => told("load_chunk", store.load_chunk(&address).await),
        12 => told("expire_chunk", store.expire_chunk(&address, 5).await),
        13 => told("load_run", store.load_run(run.run_id).await),
        14 => told("load_lock", store.load_lock(&account).await),
        15 => told("load_orders", store.load_orders(run.run_id).await),
        16 => {
            let order = pool.order();
            told("load_order", store.load_order(order.run_id, order.key).await)
        }
        17 => {
            let on = pool.random.below(2) == 0;
            let change = Switching { on, operator: "alice".to_owned(), note: "a drill".to_owned(), at: begin() };
            let head = SwitchHead { sequence: pool.random.below(3), hash: String::new() };
            let (switch, entry) = audit::of_switch(&scope, &head, &change);
            told("set_kill_switch", store.set_kill_switch(&switch, &entry).await)
        }
        18 => told("reserved_notional", store.reserved_notional(&account, day).await),
        _ => {
            let switches = [
                told("kill_switch", store.kill_switch(&scope).await),
                told("kill_switches", store.kill_switches().await),
                told("load_switch_log", store.load_switch_log().await),
            ];
            let switches = switches.join("\n");
            let memory = told("load_portfolio", store.load_portfolio(&portfolio).await);
            let open = told("held_locks", store.held_locks().await);
            let all = told("list_runs", store.list_runs(run.identity.environment, &run.identity.portfolio).await);
            let found = told("find_runs", store.find_runs(&run.run_id.to_string()[..6]).await);
            let short = told("find_runs", store.find_runs("ab").await);
            let log = store.load_log(run.run_id).await.map(|mut log| {
                log.sort_by_key(|entry| (format!("{:?}", entry.change), entry.sequence));
                log
            });
            [switches, memory, open, all, found, short, told("load_log", log)].join("\n")
        }
    }
}

async fn operate_all<S: RunStore>(store: &S, seed: u64) -> Vec<String> {
    let mut pool = Pool::new(seed);
    let mut answers = Vec::new();
    for _ in 0..OPERATIONS {
        answers.push(operate(store, &mut pool).await);
    }
    answers
}

#[tokio::test]
async fn both_stores_answer_alike() {
    let (mut done, mut refused) = (0, 0);
    for seed in 1..=SEEDS {
        let embedded = EmbeddedStore::in_memory().await.expect("opens");
        let shipped = operate_all(embedded.store(), seed).await;

        let market = Scenario::market(CLASSES[0]);
        let world = World::new(begin(), settings().lease_ms, &FaultPlan::default(), None, market, Table::default());
        let worker = world.add_worker(Event::FirstRun, 0);
        let store = SimStore {
            world: Rc::clone(&world),
            worker,
            bug: None,
            held_back: RefCell::default(),
            remembered: RefCell::default(),
        };
        let simulated = drive(&world, operate_all(&store, seed));

        for (at, (shipped, simulated)) in shipped.iter().zip(&simulated).enumerate() {
            assert_eq!(simulated, shipped, "seed {seed}, operation {at}");
        }
        done += shipped.iter().filter(|answer| answer.ends_with(": Done")).count();
        refused += shipped.iter().filter(|answer| answer.ends_with("Refused")).count();
    }
    println!("{SEEDS} x {OPERATIONS} operations alike: {done} writes done, {refused} refused");
    assert!(done > 50 && refused > 50, "both answers are common: {done} done, {refused} refused");
}

/// A store that forgets a condition is found out, whichever it is.
#[tokio::test]
async fn a_laxer_store_is_found_out() {
    let mut found: BTreeSet<Slip> = BTreeSet::new();
    for seed in 1..=MOST_SEEDS {
        if found.len() == Slip::ALL.len() {
            break;
        }
        let embedded = EmbeddedStore::in_memory().await.expect("opens");
        let shipped = operate_all(embedded.store(), seed).await;
        for slip in Slip::ALL.into_iter().filter(|slip| !found.contains(slip)).collect::<Vec<_>>() {
            let market = Scenario::market(CLASSES[0]);
            let table = Table { slips: [slip].into(), ..Table::default() };
            let world = World::new(begin(), settings().lease_ms, &FaultPlan::default(), None, market, table);
            let worker = world.add_worker(Event::FirstRun, 0);
            let store = SimStore {
                world: Rc::clone(&world),
                worker,
                bug: None,
                held_back: RefCell::default(),
                remembered: RefCell::default(),
            };
            if drive(&world, operate_all(&store, seed)) != shipped {
                found.insert(slip);
            }
        }
    }
    assert_eq!(found, Slip::ALL.into());
}

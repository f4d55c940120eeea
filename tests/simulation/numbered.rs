//! Every call of a port is a step: one number each, under its own name. The list of calls is read from the ports'
//! sources, so a call that is added there must be numbered here.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use index_rebalancer::execution::audit::{SwitchHead, Switching, of_switch};
use index_rebalancer::ports::store::{
    AccountKey, BlobOwner, ChunkAddress, DayReservation, PortfolioKey, RunStore, SwitchScope,
};
use index_rebalancer::ports::venue::{OrderRequest, Sought, Venue};

use crate::faults::FaultPlan;
use crate::ports::{SimStore, SimVenue};
use crate::run::{Setup, drive, simulate};
use crate::scenario::{CLASSES, Scenario, begin, settings};
use crate::table::Table;
use crate::world::{Event, SimClock, World};

/// The names of a trait's asynchronous functions.
fn calls_of(source: &str) -> BTreeSet<&str> {
    let names = source.lines().filter_map(|line| line.trim_start().strip_prefix("async fn "));
    names.map(|rest| rest.split(['(', '<']).next().expect("a name")).collect()
}

#[test]
fn every_call_of_a_port_is_a_numbered_step() {
    let history = simulate(&Setup::of(CLASSES[0], FaultPlan::default()));
    let run = history.table.runs.values().next().expect("a run").clone();
    let order = history.table.orders.values().next().expect("an order").clone();
    let entry = history.table.log.values().next().expect("an entry").clone();
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
    let venue = SimVenue {
        world: Rc::clone(&world),
        worker,
        clock: SimClock { world: Rc::clone(&world), worker },
        id: run.identity.venue.clone(),
        promise: CLASSES[0].promise(),
        rests: false,
        bug: None,
    };

    let (account, portfolio) = (AccountKey::from(&run.identity), PortfolioKey::from(&run.identity));
    let address = ChunkAddress { owner: BlobOwner::Run(run.run_id), digest: "0", chunk: 0 };
    let date = jiff::civil::date(2025, 4, 14);
    let day = DayReservation { account: account.clone(), day: date, notional: order.fee, limit: None };
    let sought = Sought {
        client_order_id: order.key.simple().to_string(),
        venue_account: run.identity.venue_account.clone(),
        instrument: "ALPHAUSDT".parse().expect("an instrument"),
    };
    let planned = &Scenario::get().plan_for(Event::FirstRun, worker).1.orders[0];
    let request = OrderRequest {
        client_order_id: sought.client_order_id.clone(),
        venue_account: sought.venue_account.clone(),
        instrument: sought.instrument.clone(),
        asset: planned.asset.clone(),
        side: planned.side,
        quantity: planned.quantity,
        limit_price: planned.limit_price,
        valid_until: planned.valid_until,
        payload_digest: planned.payload_digest.clone(),
        signed_at: begin(),
        deadline: begin(),
    };

    let change = Switching { on: true, operator: "alice".to_owned(), note: "a drill".to_owned(), at: begin() };
    let (switch, switched) = of_switch(&SwitchScope::Everything, &SwitchHead::default(), &change);

    let mut called = BTreeSet::new();
    macro_rules! step {
        ($port:ident.$call:ident($($argument:expr),*)) => {
            let before = world.step_count();
            // What the call answers does not matter here.
            let _ = drive(&world, $port.$call($($argument),*));
            let steps = world.steps();
            assert_eq!(steps.len(), before + 1, "{} is one step", stringify!($call));
            assert_eq!(steps[before].call, stringify!($call));
            called.insert(stringify!($call));
        };
    }
    step!(store.load_run(run.run_id));
    step!(store.find_runs("abcd"));
    step!(store.list_runs(run.identity.environment, &run.identity.portfolio));
    step!(store.held_locks());
    step!(store.load_lock(&account));
    step!(store.claim(&run, &entry));
    step!(store.update_run(&run, &run, &entry));
    step!(store.put_chunk(&address, b"0"));
    step!(store.load_chunk(&address));
    step!(store.expire_chunk(&address, 1));
    step!(store.commit(&run, &run, &day, &entry));
    step!(store.reserved_notional(&account, date));
    step!(store.create_order(&run, &order, &entry));
    step!(store.update_order(None, &order, &order, &entry));
    step!(store.load_order(run.run_id, order.key));
    step!(store.load_orders(run.run_id));
    step!(store.finish(&run, &run, None, &entry));
    step!(store.load_log(run.run_id));
    step!(store.load_portfolio(&portfolio));
    step!(store.kill_switch(&SwitchScope::Everything));
    step!(store.kill_switches());
    step!(store.set_kill_switch(&switch, &switched));
    step!(store.load_switch_log());
    step!(venue.account(&run.identity.venue_account));
    step!(venue.place(&request));
    step!(venue.find_order(&sought));
    step!(venue.fills(&sought));

    let mut expected = calls_of(include_str!("../../src/ports/store.rs"));
    expected.append(&mut calls_of(include_str!("../../src/ports/venue.rs")));
    assert_eq!(called, expected, "the calls of the ports, and those that are numbered");
}

#[test]
fn calls_are_read_from_a_source() {
    let source = "trait A {\n    fn promise(&self);\n    async fn one(&self);\n    async fn two<T>(&self);\n}";
    assert_eq!(calls_of(source), BTreeSet::from(["one", "two"]));
}

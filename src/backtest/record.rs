//! What a backtest tells: each day, each run with its orders, each asset.

use std::collections::BTreeMap;

use jiff::civil::Date;
use uuid::Uuid;

use super::history::AssetIndex;
use super::ledger::{Earnings, Fill};
use super::valuation::{Held, Valued};
use crate::model::{AssetId, Decimal, Money, Order, PortfolioState, Weight};
use crate::planning::RebalancePlan;
use crate::planning::plan::{Outcome, Position, ReasonCode, Role};

/// Why an order of an earlier run did not fill.
pub const OVERTAKEN: &str = "the next run came before it could fill";

/// What happened, day by day.
#[derive(Debug, Clone, Default)]
pub struct Backtest {
    /// The cash that it began with: the first value is after what the first day cost.
    pub opening: Money,
    pub dates: Vec<Date>,
    pub value: Vec<Decimal>,
    pub cash: Vec<Decimal>,
    /// Holdings whose price on that day is an older one.
    pub stale_prices: Vec<u32>,
    /// Beside `dates`; empty where there is no such benchmark.
    pub bitcoin: Vec<Decimal>,
    pub uncapped: Vec<Decimal>,
    pub runs: Vec<Run>,
    pub weights: Vec<WeightSample>,
    pub earnings: BTreeMap<AssetIndex, Earnings>,
    pub final_holdings: BTreeMap<AssetIndex, Decimal>,
    pub events: Vec<Event>,
}

/// One run of the planner.
#[derive(Debug, Clone)]
pub struct Run {
    pub date: Date,
    pub run_id: Option<Uuid>,
    pub outcome: RunOutcome,
    pub why: String,
    pub net_asset_value: Option<Money>,
    pub bearish: bool,
    pub members: usize,
    pub entered: Vec<AssetId>,
    pub left: Vec<AssetId>,
    pub relaxed: Vec<String>,
    pub turnover: Weight,
    pub estimated_cost: Money,
    pub orders: Vec<OrderRecord>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome {
    Rebalance,
    InBand,
    NothingToTrade,
    Guarded,
    NoPlan,
}

/// An order and what became of it.
#[derive(Debug, Clone)]
pub struct OrderRecord {
    pub order: Order,
    pub symbol: String,
    pub reason: ReasonCode,
    pub sentence: String,
    pub fill: Option<Fill>,
    pub note: String,
}

/// Weights at the close of a day.
#[derive(Debug, Clone)]
pub struct WeightSample {
    pub date: Date,
    pub cash: Decimal,
    pub weights: BTreeMap<AssetIndex, Decimal>,
}

/// What happened to a holding outside of runs.
#[derive(Debug, Clone)]
pub struct Event {
    pub date: Date,
    pub kind: EventKind,
    pub asset: AssetIndex,
    pub symbol: String,
    pub value_change: Option<Money>,
    pub sentence: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// It left every source, and what was held of it was written down and paid out.
    Delisting,
    /// It was exchanged into another asset.
    Migration,
}

/// What became of an order.
#[derive(Debug, Clone, Default)]
pub(super) struct Fate {
    pub(super) fill: Option<Fill>,
    pub(super) note: String,
}

/// What the turns told, in their order.
#[derive(Debug, Default)]
pub(super) struct Record {
    told: Backtest,
    held: BTreeMap<AssetIndex, Held>,
}

/// What is known once the last day is over.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) opening: Money,
    /// Of every run, what became of its orders.
    pub(super) fates: Vec<Vec<Fate>>,
    pub(super) events: Vec<Event>,
    /// Money alone.
    pub(super) earnings: BTreeMap<AssetIndex, Earnings>,
    pub(super) final_holdings: BTreeMap<AssetIndex, Decimal>,
}

impl Record {
    pub(super) fn days(&mut self, valued: Vec<Valued>) {
        for Valued { days, samples, held } in valued {
            for day in days {
                self.told.dates.push(day.date);
                self.told.value.push(day.value);
                self.told.cash.push(day.cash);
                self.told.stale_prices.push(day.stale);
                self.told.bitcoin.extend(day.bitcoin);
                self.told.uncapped.push(day.uncapped);
            }
            self.told.weights.extend(samples);
            for (asset, held) in held {
                let _ = self.held.entry(asset).and_modify(|before| before.go_on(held)).or_insert(held);
            }
        }
    }

    pub(super) fn run(&mut self, run: Run) {
        self.told.runs.push(run);
    }

    pub(super) fn finish(self, ending: Ending) -> Backtest {
        let Self { mut told, held } = self;
        let Ending { opening, fates, events, mut earnings, final_holdings } = ending;
        for (run, fates) in told.runs.iter_mut().zip(fates) {
            for (order, fate) in run.orders.iter_mut().zip(fates) {
                (order.fill, order.note) = (fate.fill, fate.note);
            }
        }
        for (asset, held) in held {
            let earned = earnings.entry(asset).or_default();
            earned.days_held = held.days;
            (earned.first_held, earned.last_held) = (Some(held.first), Some(held.last));
            earned.weight_days = held.weight_days;
        }
        Backtest { opening, earnings, final_holdings, events, ..told }
    }
}

impl Run {
    pub(super) fn refused(date: Date, outcome: RunOutcome, why: String) -> Self {
        Self {
            date,
            run_id: None,
            outcome,
            why,
            net_asset_value: None,
            bearish: false,
            members: 0,
            entered: Vec::new(),
            left: Vec::new(),
            relaxed: Vec::new(),
            turnover: Weight::ZERO,
            estimated_cost: Money::ZERO,
            orders: Vec::new(),
        }
    }

    pub(super) fn of(date: Date, plan: &RebalancePlan, before: &PortfolioState) -> Self {
        let members = &plan.next_state.members;
        let (outcome, why) = match &plan.outcome {
            Outcome::Rebalance => (RunOutcome::Rebalance, String::new()),
            Outcome::InBand => (RunOutcome::InBand, "every weight is inside its band".to_owned()),
            Outcome::NothingToTrade(why) => (RunOutcome::NothingToTrade, why.clone()),
        };
        Self {
            date,
            run_id: Some(plan.run_id),
            outcome,
            why,
            net_asset_value: Some(plan.net_asset_value),
            bearish: plan.regime.bearish,
            members: plan.positions.iter().filter(|position| position.role == Role::Constituent).count(),
            entered: members.difference(&before.members).cloned().collect(),
            left: before.members.difference(members).cloned().collect(),
            relaxed: plan.relaxations.iter().map(|relaxation| relaxation.limit.clone()).collect(),
            turnover: plan.turnover,
            estimated_cost: plan.estimated_cost,
            orders: order_records(plan),
        }
    }

    /// Fees, spread and impact of what filled.
    #[must_use]
    pub fn cost(&self) -> Money {
        self.orders.iter().filter_map(|order| order.fill.as_ref()).map(Fill::cost).sum()
    }
}

fn order_records(plan: &RebalancePlan) -> Vec<OrderRecord> {
    let positions: BTreeMap<&AssetId, &Position> =
        plan.positions.iter().map(|position| (&position.asset, position)).collect();
    plan.orders.iter().map(|order| OrderRecord::of(order, positions.get(&order.asset).copied())).collect()
}

impl OrderRecord {
    fn of(order: &Order, position: Option<&Position>) -> Self {
        Self {
            order: order.clone(),
            symbol: position.map(|position| position.symbol.clone()).unwrap_or_default(),
            reason: position.map_or(ReasonCode::TopUp, |position| position.reason.code),
            sentence: position.map(|position| position.reason.sentence.clone()).unwrap_or_default(),
            fill: None,
            note: String::new(),
        }
    }
}

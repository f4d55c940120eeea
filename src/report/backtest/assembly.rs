//! How the report is made from what happened.

use std::cmp::Reverse;

use super::{
    AssetReport, BacktestReport, Benchmark, BenchmarkId, Conventions, Daily, Definition, Dropped, Event,
    FillOfBacktest, Month, OrderOfBacktest, PolicyReport, Ratio, RunOfBacktest, RunOutcome, Summary, WeightSeries,
    WeightsOverTime,
};
use crate::backtest::dropped::DroppedRows;
use crate::backtest::figures::{DEFINITIONS, comparison, drawdowns, performance};
use crate::backtest::history::{AssetIndex, Label};
use crate::backtest::record::{self, OVERTAKEN, Run, WeightSample};
use crate::backtest::settings::DAYS_IN_YEAR;
use crate::backtest::{Backtest, FeeBasis, FillAt, History, Schedule, Settings};
use crate::model::{Decimal, Money, Policy, Weight};
use crate::planning::idempotency::digest_of;

/// Names of the rows that were left out, at most so many.
const MOST_EXAMPLES: usize = 10;
/// Decimals of money: a hundred-millionth of a quote unit.
const MONEY_DECIMALS: u32 = 8;
const WEIGHT_DECIMALS: u32 = 8;

/// What a backtest was made of.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    pub policy_file: &'a str,
    pub policy: &'a Policy,
    pub history: &'a History,
    pub settings: &'a Settings,
}

impl BacktestReport {
    /// Tells what happened.
    #[must_use]
    pub fn of(made: &Made<'_>, happened: &Backtest) -> Self {
        let Made { history, settings, .. } = *made;
        let benchmarks = benchmarks(made, happened);
        Self {
            policy: PolicyReport::of(made),
            from: settings.from,
            to: settings.to,
            conventions: Conventions::of(made, |_| false),
            summary: Summary::of(happened),
            definitions: definitions(),
            daily: Daily::of(happened),
            monthly: monthly(happened, &benchmarks),
            weights: weights(history, happened),
            assets: assets(history, happened),
            runs: happened.runs.iter().map(RunOfBacktest::of).collect(),
            events: happened.events.iter().filter_map(|event| Event::of(history, event)).collect(),
            dropped: history.dropped.iter().map(Dropped::of).collect(),
            notices: notices(history, happened, &benchmarks),
            benchmarks,
        }
    }
}

pub(super) fn definitions() -> Vec<Definition> {
    let definition = |(figure, definition): &(&str, &str)| Definition {
        figure: (*figure).to_owned(),
        definition: (*definition).to_owned(),
    };
    DEFINITIONS.iter().map(definition).collect()
}

fn money(amount: Decimal) -> Money {
    Money::new(amount.round_dp(MONEY_DECIMALS)).unwrap_or_default()
}

fn weight(part: Decimal) -> Weight {
    Weight::new(part.round_dp(WEIGHT_DECIMALS)).unwrap_or_default()
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl PolicyReport {
    pub(super) fn of(made: &Made<'_>) -> Self {
        Self {
            file: made.policy_file.to_owned(),
            name: made.policy.name.clone(),
            index: made.policy.index,
            digest: digest_of(made.policy),
            quote_currency: made.policy.quote_currency.clone(),
        }
    }
}

impl Conventions {
    /// `varies`: whether a field of the policy is varied, so that no one value is that of all.
    pub(super) fn of(made: &Made<'_>, varies: impl Fn(&str) -> bool) -> Self {
        let Made { policy, history, settings, .. } = *made;
        let costs = settings.charged.costs(&policy.costs);
        let mut sentences = vec![
            schedule_sentence(settings.schedule).to_owned(),
            fill_sentence(settings.fill).to_owned(),
            fee_sentence(settings.fee_basis).to_owned(),
        ];
        if settings.rests_on_last_day {
            sentences
                .insert(1, "On the last day of the period nothing is planned, but for a period of one day.".to_owned());
        }
        sentences.push(if history.snapshots().is_empty() {
            "No snapshots were given: whatever has a close may be a member, which leaves out coins that died before the files were made.".to_owned()
        } else {
            "Members are chosen from the newest snapshot of that day or before; closes are joined to it by symbol and price.".to_owned()
        });
        sentences.push(format!(
            "What no source knows any more is paid out at {} % of its last price, or of what would have kept it in the snapshot if that is less.",
            (settings.delisting_recovery.get() * Decimal::ONE_HUNDRED).normalize()
        ));
        Self {
            schedule: settings.schedule,
            rests_on_last_day: settings.rests_on_last_day,
            fill: settings.fill,
            fee_basis: settings.fee_basis,
            fee: Some(costs.fee).filter(|_| settings.charged.fee.is_some() || !varies("costs.fee")),
            half_spread: Some(costs.half_spread)
                .filter(|_| settings.charged.half_spread.is_some() || !varies("costs.half_spread")),
            impact: !costs.impact.is_empty(),
            opening_cash: settings.opening_cash,
            days_in_year: DAYS_IN_YEAR,
            delisting_recovery: settings.delisting_recovery,
            sources: history.sources.clone(),
            sentences,
        }
    }
}

const fn schedule_sentence(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::Once => "The planner runs once, on the first day; a run without a plan is tried again the next day.",
        Schedule::Daily => "The planner runs every day, on the day's closes.",
        Schedule::Weekly => {
            "The planner runs on the first day and on every Monday; a run without a plan is tried again the next day."
        }
        Schedule::Monthly => {
            "The planner runs on the first day and on the first of every month; a run without a plan is tried again the next day."
        }
        Schedule::Quarterly => {
            "The planner runs on the first day and on the first of January, April, July and October; a run without a plan is tried again the next day."
        }
    }
}

const fn fill_sentence(fill: FillAt) -> &'static str {
    match fill {
        FillAt::NextClose => {
            "Orders fill at the close of the next day that has one; after three days without one, at the plan's own."
        }
        FillAt::SameClose => "Orders fill at the very close that the plan was made from: nobody can trade so fast.",
    }
}

const fn fee_sentence(basis: FeeBasis) -> &'static str {
    match basis {
        FeeBasis::OnTop => {
            "Fee, half spread and impact are paid from cash beside the notional; buys are cut to the cash there is."
        }
        FeeBasis::Included => {
            "An order is for an amount of money, costs included: a buy gets less for it, a sell gives more."
        }
    }
}

impl Summary {
    pub(super) fn of(happened: &Backtest) -> Self {
        let orders = || happened.runs.iter().flat_map(|run| &run.orders);
        let fills = || orders().filter_map(|order| order.fill.as_ref());
        let traded: Money = fills().map(|fill| fill.notional).sum();
        let fees: Money = fills().map(|fill| fill.fee).sum();
        let spread_cost: Money = fills().map(|fill| fill.spread_cost).sum();
        let impact_cost: Money = fills().map(|fill| fill.impact_cost).sum();
        let has_fill = |run: &&Run| run.orders.iter().any(|order| order.fill.is_some());
        Self {
            days: count(happened.dates.len()),
            opening_value: money(happened.opening.get()),
            final_value: money(happened.value.last().copied().unwrap_or_default()),
            performance: performance(happened.opening.get(), &happened.dates, &happened.value),
            turnover_per_year: turnover_per_year(happened, traded),
            traded: money(traded.get()),
            fees: money(fees.get()),
            spread_cost: money(spread_cost.get()),
            impact_cost: money(impact_cost.get()),
            costs: money((fees + spread_cost + impact_cost).get()),
            runs: count(happened.runs.len()),
            rebalances: count(happened.runs.iter().filter(has_fill).count()),
            refused_runs: count(happened.runs.iter().filter(|run| run.run_id.is_none()).count()),
            orders: count(orders().count()),
            fills: count(fills().count()),
        }
    }
}

fn turnover_per_year(happened: &Backtest, traded: Money) -> Option<Ratio> {
    let days = Decimal::from(happened.value.len());
    let sum = happened.value.iter().try_fold(Decimal::ZERO, |sum, value| sum.checked_add(*value))?;
    let mean = sum.checked_div(days)?;
    let years = days.checked_div(Decimal::from(DAYS_IN_YEAR))?;
    (traded.get() / Decimal::TWO).checked_div(mean)?.checked_div(years).map(Ratio::new)
}

impl Daily {
    fn of(happened: &Backtest) -> Self {
        Self {
            dates: happened.dates.clone(),
            value: happened.value.iter().copied().map(money).collect(),
            cash: happened.cash.iter().copied().map(money).collect(),
            drawdown: drawdowns(happened.opening.get(), &happened.value).into_iter().map(Ratio::new).collect(),
            stale_prices: happened.stale_prices.clone(),
        }
    }
}

/// What the portfolio is measured against, as far as there is something.
pub(super) fn series(happened: &Backtest) -> impl Iterator<Item = (BenchmarkId, &[Decimal])> {
    let all = [
        (BenchmarkId::Bitcoin, happened.bitcoin.as_slice()),
        (BenchmarkId::UncappedIndex, happened.uncapped.as_slice()),
    ];
    all.into_iter().filter(|(_, values)| !values.is_empty())
}

fn benchmarks(made: &Made<'_>, happened: &Backtest) -> Vec<Benchmark> {
    let told = |(id, values): (BenchmarkId, &[Decimal])| {
        let (name, holds) = match id {
            BenchmarkId::Bitcoin => {
                ("Bitcoin".to_owned(), "all of the opening cash in bitcoin, bought on the first day and kept".to_owned())
            }
            BenchmarkId::UncappedIndex => (
                format!("{}, uncapped", made.policy.name),
                "the plan's own members by the policy's method, without caps, limits, regime, cash or costs, set anew at each plan's close"
                    .to_owned(),
            ),
        };
        Benchmark {
            id,
            name,
            holds,
            performance: performance(happened.opening.get(), &happened.dates, values),
            comparison: comparison(happened.opening.get(), &happened.value, values),
            value: values.iter().copied().map(money).collect(),
            drawdown: drawdowns(happened.opening.get(), values).into_iter().map(Ratio::new).collect(),
        }
    };
    series(happened).map(told).collect()
}

fn monthly(happened: &Backtest, benchmarks: &[Benchmark]) -> Vec<Month> {
    let last_days: Vec<usize> = (0..happened.dates.len())
        .filter(|place| {
            let month = |place: usize| happened.dates.get(place).map(|date| (date.year(), date.month()));
            month(*place) != month(*place + 1)
        })
        .collect();
    let opening = happened.opening.get();
    let change = |values: &dyn Fn(usize) -> Option<Decimal>, from: Option<usize>, to: usize| {
        let factor = values(to)?.checked_div(from.map_or(Some(opening), values)?)?;
        Some(Ratio::new(factor - Decimal::ONE))
    };
    let mut from = None;
    let mut months = Vec::new();
    for to in last_days {
        let (Some(date), Some(value)) = (happened.dates.get(to), happened.value.get(to)) else { continue };
        let of_benchmark = |benchmark: &Benchmark| {
            let at = |place: usize| benchmark.value.get(place).map(|value| value.get());
            change(&at, from, to).unwrap_or_default()
        };
        months.push(Month {
            year: date.year(),
            month: date.month(),
            value: money(*value),
            change: change(&|place| happened.value.get(place).copied(), from, to).unwrap_or_default(),
            benchmark_returns: benchmarks.iter().map(of_benchmark).collect(),
        });
        from = Some(to);
    }
    months
}

fn label(history: &History, asset: AssetIndex) -> Label {
    history.asset(asset).map_or_else(
        || Label { symbol: String::new(), name: String::new() },
        |asset| asset.label(history.dates().len().saturating_sub(1)),
    )
}

fn weights(history: &History, happened: &Backtest) -> WeightsOverTime {
    let mut order: Vec<(AssetIndex, Decimal)> =
        happened.earnings.iter().map(|(asset, earned)| (*asset, earned.weight_days)).collect();
    order.sort_by_key(|(asset, weight_days)| (Reverse(*weight_days), *asset));
    let of = |sample: &WeightSample, asset: AssetIndex| weight(sample.weights.get(&asset).copied().unwrap_or_default());
    let assets = order.into_iter().filter_map(|(asset, _)| {
        Some(WeightSeries {
            asset: history.asset(asset)?.id.clone(),
            symbol: label(history, asset).symbol,
            weights: happened.weights.iter().map(|sample| of(sample, asset)).collect(),
        })
    });
    WeightsOverTime {
        dates: happened.weights.iter().map(|sample| sample.date).collect(),
        cash: happened.weights.iter().map(|sample| weight(sample.cash)).collect(),
        assets: assets.collect(),
    }
}

fn assets(history: &History, happened: &Backtest) -> Vec<AssetReport> {
    let told = |(asset, earned): (&AssetIndex, &crate::backtest::ledger::Earnings)| {
        let Label { symbol, name } = label(history, *asset);
        let rest = happened.final_holdings.get(asset).copied().unwrap_or_default();
        let profit = rest + earned.sold.get() - earned.bought.get() - earned.costs.get();
        let days = Decimal::from(happened.dates.len());
        Some(AssetReport {
            asset: history.asset(*asset)?.id.clone(),
            symbol,
            name,
            days_held: earned.days_held,
            first_held: earned.first_held?,
            last_held: earned.last_held?,
            mean_weight: weight(earned.weight_days.checked_div(days)?),
            bought: money(earned.bought.get()),
            sold: money(earned.sold.get()),
            costs: money(earned.costs.get()),
            profit: money(profit),
            final_value: money(rest),
        })
    };
    let mut assets: Vec<AssetReport> = happened.earnings.iter().filter_map(told).collect();
    assets.sort_by(|left, right| right.days_held.cmp(&left.days_held).then_with(|| left.asset.cmp(&right.asset)));
    assets
}

impl RunOfBacktest {
    fn of(run: &Run) -> Self {
        Self {
            date: run.date,
            run_id: run.run_id,
            outcome: match run.outcome {
                record::RunOutcome::Rebalance => RunOutcome::Rebalance,
                record::RunOutcome::InBand => RunOutcome::InBand,
                record::RunOutcome::NothingToTrade => RunOutcome::NothingToTrade,
                record::RunOutcome::Guarded => RunOutcome::Guarded,
                record::RunOutcome::NoPlan => RunOutcome::NoPlan,
            },
            why: run.why.clone(),
            net_asset_value: run.net_asset_value.map(|value| money(value.get())),
            bearish: run.bearish,
            members: count(run.members),
            entered: run.entered.clone(),
            left: run.left.clone(),
            relaxed: run.relaxed.clone(),
            turnover: weight(run.turnover.get()),
            estimated_cost: money(run.estimated_cost.get()),
            actual_cost: money(run.cost().get()),
            orders: run.orders.iter().map(OrderOfBacktest::of).collect(),
        }
    }
}

impl OrderOfBacktest {
    fn of(record: &record::OrderRecord) -> Self {
        let order = &record.order;
        let fill = record.fill.as_ref().map(|fill| FillOfBacktest {
            date: fill.date,
            quantity: fill.quantity,
            price: fill.price,
            notional: money(fill.notional.get()),
            fee: money(fill.fee.get()),
            spread_cost: money(fill.spread_cost.get()),
            impact_cost: money(fill.impact_cost.get()),
        });
        Self {
            key: order.key,
            asset: order.asset.clone(),
            symbol: record.symbol.clone(),
            side: order.side,
            quantity: order.quantity,
            reference_price: order.reference_price,
            notional: money(order.notional.get()),
            estimated_cost: money(order.estimated_cost.get()),
            reason: record.reason.into(),
            sentence: record.sentence.clone(),
            fill,
            note: record.note.clone(),
        }
    }
}

impl Event {
    fn of(history: &History, event: &record::Event) -> Option<Self> {
        Some(Self {
            date: event.date,
            kind: event.kind,
            asset: history.asset(event.asset)?.id.clone(),
            symbol: event.symbol.clone(),
            value_change: event.value_change.map(|change| money(change.get())),
            sentence: event.sentence.clone(),
        })
    }
}

impl Dropped {
    pub(super) fn of(rows: &DroppedRows) -> Self {
        let mut names: Vec<(&String, &u32)> = rows.names.iter().collect();
        names.sort_by_key(|(name, rows)| (Reverse(**rows), *name));
        Self {
            source: rows.source.clone(),
            reason: rows.reason,
            sentence: rows.reason.sentence().to_owned(),
            rows: rows.rows,
            first: rows.first,
            last: rows.last,
            examples: names.into_iter().take(MOST_EXAMPLES).map(|(name, rows)| format!("{name} ({rows})")).collect(),
        }
    }
}

fn notices(history: &History, happened: &Backtest, benchmarks: &[Benchmark]) -> Vec<String> {
    let mut notices = history.notices.clone();
    if !benchmarks.iter().any(|benchmark| benchmark.id == BenchmarkId::Bitcoin) {
        notices.push(
            "no source has bitcoin, so nothing is measured against it; name an asset with --benchmark".to_owned(),
        );
    }
    if let Some(notice) = unfilled(happened) {
        notices.push(notice);
    }
    if happened.runs.iter().all(|run| run.run_id.is_none()) {
        notices.push("no run had a plan: the money stayed in cash throughout".to_owned());
    }
    notices
}

/// Where most orders are overtaken by the next run, the schedule asks for more closes than there are.
fn unfilled(happened: &Backtest) -> Option<String> {
    let orders = || happened.runs.iter().flat_map(|run| &run.orders);
    let overtaken = orders().filter(|order| order.note == OVERTAKEN).count();
    (overtaken * 2 > orders().count()).then(|| {
        format!(
            "{overtaken} of {} orders did not fill before the next run, for their assets have closes on few days: run less often, or name files of daily closes",
            orders().count()
        )
    })
}

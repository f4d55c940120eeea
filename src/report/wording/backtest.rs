//! Sentences and figures about a backtest.

use super::{Tone, number};
use crate::model::{Decimal, Money};
use crate::report::backtest::{
    BacktestReport, Benchmark, BenchmarkId, Drawdown, EventKind, Month, Performance, Ratio, RunOutcome, Schedule,
    Summary,
};
use crate::report::run::count;

pub const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// What the comparison takes for granted.
pub const COMPARED: &str = "risk-free rate 0, 365 days a year; benchmarks pay no costs";

/// What the opening money became.
#[must_use]
pub fn value(report: &BacktestReport, arrow: &str) -> String {
    let (summary, quote) = (&report.summary, &report.policy.quote_currency);
    let performance = &summary.performance;
    let (from, to) = (number::money(report.conventions.opening_cash), number::money(summary.final_value));
    let annual = performance.annual_return.map_or_else(String::new, |it| format!(", {} a year", signed(it, 1)));
    let total = signed(performance.total_return, 1);
    format!("{from} {arrow} {to} {quote} ({total}{annual})")
}

/// A fall by half is a warning.
#[must_use]
pub fn fall_tone(fall: &Drawdown) -> Tone {
    if fall.depth.get() < Decimal::new(-5, 1) { Tone::Warn } else { Tone::Plain }
}

/// The deepest fall, from when to when.
#[must_use]
pub fn fall(fall: &Drawdown) -> String {
    let Some((peak, trough)) = fall.peak.zip(fall.trough) else {
        return "none: it never closed below a peak".to_owned();
    };
    let recovered = fall.recovered.map_or_else(|| "not regained".to_owned(), |day| format!("regained on {day}"));
    format!("{} from {peak} to {trough}, {recovered}", signed(fall.depth, 1))
}

/// What trading cost.
#[must_use]
pub fn costs(summary: &Summary, quote: &str) -> String {
    let turnover = summary.turnover_per_year.map_or_else(String::new, |it| {
        format!("; turnover {} times the portfolio a year", it.get().round_dp(2).normalize())
    });
    format!(
        "{} {quote}: fees {}, spread {}, impact {}{turnover}",
        number::money(summary.costs),
        number::money(summary.fees),
        number::money(summary.spread_cost),
        number::money(summary.impact_cost)
    )
}

/// How often it traded.
#[must_use]
pub fn runs(report: &BacktestReport) -> String {
    let summary = &report.summary;
    let of = |outcome: RunOutcome| report.runs.iter().filter(|run| run.outcome == outcome).count();
    let mut parts = vec![format!("{} traded", summary.rebalances)];
    let planned = u32::try_from(of(RunOutcome::Rebalance)).unwrap_or(u32::MAX);
    if planned > summary.rebalances {
        parts.push(format!("{} with nothing filled", planned - summary.rebalances));
    }
    for outcome in [RunOutcome::InBand, RunOutcome::NothingToTrade] {
        let runs = of(outcome);
        if runs > 0 {
            parts.push(format!("{runs} {}", outcome_words(outcome)));
        }
    }
    if summary.refused_runs > 0 {
        parts.push(format!("{} without a plan", summary.refused_runs));
    }
    let orders = usize::try_from(summary.orders).unwrap_or(usize::MAX);
    let runs = usize::try_from(summary.runs).unwrap_or(usize::MAX);
    format!("{}: {}; {}, {} filled", count(runs, "run"), parts.join(", "), count(orders, "order"), summary.fills)
}

/// What delistings cost, in one sentence.
#[must_use]
pub fn gone(report: &BacktestReport) -> Option<String> {
    let gone: Vec<_> = report.events.iter().filter(|event| event.kind == EventKind::Delisting).collect();
    let lost: Money = gone.iter().filter_map(|event| event.value_change).sum();
    (!gone.is_empty()).then(|| {
        format!(
            "{} left every source while held: {} {}",
            count(gone.len(), "coin"),
            number::money(lost),
            report.policy.quote_currency
        )
    })
}

/// A benchmark in a word.
#[must_use]
pub const fn short(benchmark: &Benchmark) -> &'static str {
    match benchmark.id {
        BenchmarkId::Bitcoin => "bitcoin",
        BenchmarkId::UncappedIndex => "uncapped",
    }
}

/// `+12.3 %`.
#[must_use]
pub fn signed(ratio: Ratio, places: u32) -> String {
    number::signed_percent(ratio.get(), places)
}

/// Two places, or a dash for what is not defined.
#[must_use]
pub fn figure(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |it| number::fixed(it.get(), 2))
}

fn percent(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |it| number::fixed_percent(it.get(), 1))
}

fn signed_or_dash(ratio: Option<Ratio>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |it| signed(it, 1))
}

type Cell = fn(&Performance) -> String;

type Against = fn(&Benchmark) -> String;

/// The portfolio beside its benchmarks: for each figure its name, the portfolio's and theirs.
#[must_use]
pub fn comparisons(report: &BacktestReport) -> Vec<(&'static str, String, Vec<String>)> {
    let rows: [(&str, Cell); 6] = [
        ("return", |it| signed(it.total_return, 1)),
        ("a year", |it| signed_or_dash(it.annual_return)),
        ("volatility", |it| percent(it.annual_volatility)),
        ("Sharpe", |it| figure(it.sharpe)),
        ("Sortino", |it| figure(it.sortino)),
        ("worst fall", |it| signed(it.max_drawdown.depth, 1)),
    ];
    let against: [(&str, Against); 5] = [
        ("excess a year", |it| signed_or_dash(it.comparison.annual_excess_return)),
        ("tracking error", |it| percent(it.comparison.tracking_error)),
        ("information", |it| figure(it.comparison.information_ratio)),
        ("beta", |it| figure(it.comparison.beta)),
        ("correlation", |it| figure(it.comparison.correlation)),
    ];
    let own = &report.summary.performance;
    let beside = |cell: Cell| report.benchmarks.iter().map(|it| cell(&it.performance)).collect();
    let mut all: Vec<_> = rows.into_iter().map(|(name, cell)| (name, cell(own), beside(cell))).collect();
    if !report.benchmarks.is_empty() {
        let beside = |cell: Against| report.benchmarks.iter().map(cell).collect();
        all.extend(against.into_iter().map(|(name, cell)| (name, String::new(), beside(cell))));
    }
    all
}

/// The return of several months together; absent where it is beyond every number.
#[must_use]
pub fn of_months(months: &[Month]) -> Option<Ratio> {
    compounded(months.iter().map(|month| month.change))
}

/// Returns one after the other, as one.
pub(super) fn compounded(mut returns: impl Iterator<Item = Ratio>) -> Option<Ratio> {
    let whole = returns.try_fold(Decimal::ONE, |before, it| before.checked_mul(Decimal::ONE + it.get()))?;
    Some(Ratio::new(whole - Decimal::ONE))
}

/// How often the planner runs.
#[must_use]
pub const fn schedule_words(schedule: Schedule) -> &'static str {
    match schedule {
        Schedule::Once => "planned once",
        Schedule::Daily => "planned daily",
        Schedule::Weekly => "planned weekly",
        Schedule::Monthly => "planned monthly",
        Schedule::Quarterly => "planned quarterly",
    }
}

#[must_use]
pub const fn outcome_words(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Rebalance => "traded",
        RunOutcome::InBand => "in band",
        RunOutcome::NothingToTrade => "nothing to trade",
        RunOutcome::Guarded => "ended by a guard",
        RunOutcome::NoPlan => "no plan",
    }
}

#[must_use]
pub const fn event_words(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Delisting => "delisted",
        EventKind::Migration => "migrated",
    }
}

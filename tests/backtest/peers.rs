//! The six backtests of `bt` 1.4.1 in `../shared/data/peers`, restated as policies: final value, fees and trades
//! within 1e-9, maximum drawdown and month ends as far as they are given.
//!
//! What the restatement takes over from `bt`: trades happen at the close that decides them (`same_close`), a fee is
//! part of the amount that an order is for (`included`), plans are made as if there were no costs. The list of assets
//! and its weights are grades, for a policy ranks and weighs by something that is known of an asset.

use std::fmt::Write as _;
use std::io::Cursor;

use index_rebalancer::adapters::history::{Period, Source, load, open};
use index_rebalancer::backtest::figures::performance;
use index_rebalancer::backtest::{Backtest, Charged, FeeBasis, FillAt, Schedule, Settings, run};
use index_rebalancer::model::number::parse_market;
use index_rebalancer::model::{Decimal, Money, Rate};
use index_rebalancer::parallel::Crew;
use index_rebalancer::preparation::policy;
use jiff::civil::Date;
use serde_json::Value;

use crate::shared::shared_data;

const EQUAL: &str = include_str!("policies/equal.toml");
const FIXED: &str = include_str!("policies/fixed.toml");

fn number(value: &Value) -> Decimal {
    parse_market(&value.to_string()).expect("a number")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn date(value: &Value) -> Date {
    text(value).parse().expect("a date")
}

/// One grade for each asset, on the first day: its weight in percent, or the same for all.
fn grades(case: &Value) -> String {
    let weights = text(&case["weights"]);
    let mut table = "date,asset_id,trader_grade,investor_grade,signal\n".to_owned();
    for symbol in case["symbols"].as_array().expect("symbols").iter().map(text) {
        let stated = weights.split(", ").find_map(|part| part.strip_prefix(symbol)?.strip_prefix(' '));
        let weight = stated.map_or(Decimal::ONE, |weight| weight.parse().expect("a weight"));
        let grade = (weight * Decimal::ONE_HUNDRED).normalize();
        writeln!(table, "{},{},,{grade},", text(&case["first"]), symbol.to_lowercase()).expect("text grows");
    }
    table
}

fn backtest(case: &Value, prices: &str) -> Backtest {
    let policy = policy::parse(if text(&case["weights"]) == "equal" { EQUAL } else { FIXED }).expect("a policy");
    let mut sources = open(&[prices.to_owned()]).expect("the price file");
    sources.push(Source { name: "weights.csv".to_owned(), asset: None, bytes: Box::new(Cursor::new(grades(case))) });
    let period = Period { from: date(&case["first"]), to: date(&case["last"]), lookback_days: 0, grade_days: 0 };
    let history = load(sources, &period, &[]).expect("a history");
    let settings = Settings {
        from: period.from,
        to: period.to,
        schedule: match text(&case["rebalance"]) {
            "once" => Schedule::Once,
            "daily" => Schedule::Daily,
            "weekly" => Schedule::Weekly,
            "monthly" => Schedule::Monthly,
            "quarterly" => Schedule::Quarterly,
            other => panic!("a schedule that is not known: {other}"),
        },
        // As `bt` does when nobody says otherwise.
        rests_on_last_day: true,
        fill: FillAt::SameClose,
        fee_basis: FeeBasis::Included,
        charged: Charged {
            fee: Some(Rate::new(number(&case["fee_rate"])).expect("a rate")),
            half_spread: None,
            impact: false,
        },
        opening_cash: Money::new(number(&case["initial_capital"])).expect("money"),
        delisting_recovery: Rate::ZERO,
        bitcoin: None,
    };
    run(&policy, &history, &settings, Crew::of_all_cores(), |_, _| {}).expect("it runs")
}

/// Within a billionth, or within half of the last digit that is given.
fn assert_close(what: &str, ours: Decimal, theirs: Decimal) {
    let rounding = Decimal::new(5, theirs.scale() + 1);
    let most = (theirs.abs() * Decimal::new(1, 9)).max(rounding);
    assert!((ours - theirs).abs() <= most, "{what}: {ours} here, {theirs} there");
}

#[test]
fn the_backtests_of_bt_come_out_the_same() {
    let Some(shared) = shared_data("the_backtests_of_bt_come_out_the_same") else { return };
    let file = std::fs::read_to_string(shared.join("peers/bt_reference_backtests.json")).expect("the peer's results");
    let cases: Value = serde_json::from_str(&file).expect("JSON");
    let cases = cases["cases"].as_array().expect("cases");
    assert!(!cases.is_empty(), "no case");
    for case in cases {
        let name = text(&case["name"]);
        let prices = shared.join(text(&case["prices"])).display().to_string();
        let ours = backtest(case, &prices);
        assert_eq!(ours.dates.len(), usize::try_from(case["days"].as_u64().expect("days")).expect("fits"), "{name}");
        let refused = ours.runs.iter().find(|run| run.run_id.is_none());
        assert!(refused.is_none(), "{name}: a run without a plan: {refused:?}");
        let fills = || ours.runs.iter().flat_map(|run| &run.orders).filter_map(|order| order.fill.as_ref());
        let fees: Money = fills().map(|fill| fill.fee).sum();
        let traded = ours.runs.iter().filter(|run| !run.orders.is_empty()).count();
        assert_close(&format!("{name}: final value"), *ours.value.last().expect("a day"), number(&case["final_value"]));
        assert_close(&format!("{name}: fees"), fees.get(), number(&case["total_fees"]));
        assert_eq!(Some(fills().count() as u64), case["trades"].as_u64(), "{name}: trades");
        assert_eq!(Some(traded as u64), case["rebalance_count"].as_u64(), "{name}: rebalances");
        let figures = performance(ours.opening.get(), &ours.dates, &ours.value);
        assert_close(&format!("{name}: drawdown"), figures.max_drawdown.depth.get(), number(&case["max_drawdown"]));
        for (day, theirs) in case["month_end_values"].as_object().expect("month ends") {
            let day: Date = day.parse().expect("a date");
            let place = ours.dates.binary_search(&day).expect("a day of the period");
            assert_close(&format!("{name}: {day}"), ours.value[place], number(theirs));
        }
        let dates = case["rebalance_dates_first5"].as_array().expect("dates").iter().map(date);
        assert!(dates.zip(&ours.runs).all(|(theirs, ours)| theirs == ours.date), "{name}: dates of rebalances");
    }
}

//! A backtest of two years and a bit on prices made up by a rule, with a coin that died. Every text that comes from
//! outside says what the test wants, so that a page can be given hostile ones.

use index_rebalancer::model::Decimal;
use index_rebalancer::report::BacktestReport;
use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};

const DAYS: usize = 780;
const ASSETS: usize = 11;

/// A wave with a trend: up, down by half, up again.
fn level(at: usize, phase: usize) -> Decimal {
    let angle = Decimal::from((at + phase) % 400);
    let wave = angle * (Decimal::from(400) - angle) / Decimal::from(40_000);
    Decimal::ONE + wave + Decimal::from(at) / Decimal::from(900)
}

fn money(value: Decimal) -> String {
    (value * Decimal::from(1_000_000)).round_dp(2).normalize().to_string()
}

fn falls(levels: &[Decimal]) -> Vec<String> {
    let mut peak = Decimal::ZERO;
    levels
        .iter()
        .map(|level| {
            peak = peak.max(*level);
            (level / peak - Decimal::ONE).round_dp(12).normalize().to_string()
        })
        .collect()
}

fn performance() -> Value {
    json!({
        "total_return": "0.85", "annual_return": "0.33", "annual_volatility": "0.61", "sharpe": "0.79",
        "sortino": null, "best_day": "2020-03-01", "worst_day": "2020-09-01",
        "max_drawdown": { "depth": "-0.4321", "peak": "2020-07-19", "trough": "2021-02-04", "recovered": null },
    })
}

fn benchmark(id: &str, phase: usize, text: &str) -> Value {
    let levels: Vec<Decimal> = (0..DAYS).map(|at| level(at, phase)).collect();
    json!({
        "id": id, "name": text, "holds": text, "performance": performance(),
        "comparison": {
            "annual_excess_return": "-0.02", "tracking_error": "0.11", "information_ratio": "-0.2",
            "beta": "0.97", "correlation": "0.99",
        },
        "value": levels.iter().map(|it| money(*it)).collect::<Vec<_>>(), "drawdown": falls(&levels),
    })
}

fn months(dates: &[Date], levels: &[Decimal]) -> Vec<Value> {
    let mut months = Vec::new();
    let mut before = levels.first().copied().unwrap_or_default();
    for (at, (date, level)) in dates.iter().zip(levels).enumerate() {
        let is_last = dates.get(at + 1).is_none_or(|next| next.month() != date.month());
        if !is_last {
            continue;
        }
        let change = (level / before - Decimal::ONE).round_dp(12).normalize().to_string();
        months.push(json!({
            "year": date.year(), "month": date.month(), "value": money(*level),
            "return": change, "benchmark_returns": [change, "-0.01"],
        }));
        before = *level;
    }
    months
}

fn runs(text: &str) -> Vec<Value> {
    let run = |outcome: &str, why: &str, plan: Option<&str>| {
        json!({
            "date": "2020-02-01", "run_id": plan, "outcome": outcome, "why": why, "net_asset_value": "1000000",
            "bearish": false, "members": 11, "entered": ["bitcoin", "coin-2"], "left": ["coin-7"],
            "relaxed": [text], "turnover": "0.12", "estimated_cost": "120.5", "actual_cost": "131.25", "orders": [],
        })
    };
    let id = "25b75f48-1fc4-579e-876f-887f05163d01";
    let mut runs: Vec<Value> = (0..20).map(|_| run("rebalance", "", Some(id))).collect();
    runs.push(run("in_band", text, Some(id)));
    runs.push(run("guarded", text, None));
    runs
}

pub(crate) fn backtest(text: &str) -> BacktestReport {
    let first: Date = "2020-01-15".parse().expect("a day");
    let dates: Vec<Date> = (0..DAYS).map(|at| first + i64::try_from(at).expect("few days").days()).collect();
    let levels: Vec<Decimal> = (0..DAYS).map(|at| level(at, 0)).collect();
    let value: Vec<String> = levels.iter().map(|it| money(*it)).collect();
    let of_weights: Vec<&Date> = dates.iter().filter(|date| date.day() == 1 || date.day() == 2).collect();
    let assets: Vec<Value> = (0..ASSETS)
        .map(|at| json!({
            "asset": format!("coin-{at}"), "symbol": text, "name": text, "days_held": 700 - at, "first_held": "2020-01-16",
            "last_held": "2022-02-01", "bought": "1000", "sold": "400", "costs": "1.5",
            "profit": if at % 3 == 1 { "-1234.5" } else { "5678.25" }, "final_value": "700",
        }))
        .collect();
    let series: Vec<Value> = (0..ASSETS)
        .map(|at| {
            json!({
                "asset": format!("coin-{at}"), "symbol": text,
                "weights": of_weights.iter().map(|_| if at == 0 { "0.4" } else { "0.05" }).collect::<Vec<_>>(),
            })
        })
        .collect();
    let document = json!({
        "policy": { "file": text, "name": text, "index": "blue_chip", "digest": text, "quote_currency": text },
        "from": dates.first(), "to": dates.last(),
        "conventions": {
            "schedule": "monthly", "fill": "next_close", "fee_basis": "on_top", "fee": "0.001", "half_spread": "0.0005",
            "impact": true, "opening_cash": "1000000", "days_in_year": 365, "delisting_recovery": "0.5",
            "sources": [text], "sentences": [text],
        },
        "summary": {
            "days": DAYS, "opening_value": "1000000", "final_value": value.last(), "performance": performance(),
            "turnover_per_year": "0.55", "traded": "123456.78", "fees": "123.45", "spread_cost": "61.73",
            "impact_cost": "10", "costs": "195.18", "runs": 22, "rebalances": 20, "refused_runs": 1, "orders": 150,
            "fills": 149,
        },
        "definitions": [{ "figure": "summary.performance.sharpe", "definition": text }],
        "daily": {
            "dates": dates, "value": value, "cash": vec!["100"; DAYS], "drawdown": falls(&levels),
            "stale_prices": vec![0; DAYS],
        },
        "benchmarks": [benchmark("bitcoin", 40, text), benchmark("uncapped_index", 15, text)],
        "monthly": months(&dates, &levels),
        "weights": { "dates": of_weights, "cash": of_weights.iter().map(|_| "0.1").collect::<Vec<_>>(), "assets": series },
        "assets": assets,
        "runs": runs(text),
        "events": [{
            "date": "2021-05-20", "kind": "delisting", "asset": "coin-7", "symbol": text, "value_change": "-1234.5",
            "sentence": text,
        }],
        "dropped": [{
            "source": text, "reason": "spike", "sentence": text, "rows": 12, "first": "2020-02-02", "last": "2020-03-03",
            "examples": [text],
        }],
        "notices": [text],
    });
    serde_json::from_value(document).expect("a backtest")
}

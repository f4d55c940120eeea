//! A backtest of two years and a bit on prices made up by a rule, with a coin that died, and a study. Every text that comes from
//! outside says what the test wants, so that a page can be given hostile ones.

use index_rebalancer::model::Decimal;
use index_rebalancer::report::{BacktestReport, StudyReport};
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

fn performance(total_return: &str, sharpe: &str) -> Value {
    json!({
        "total_return": total_return, "annual_return": "0.33", "annual_volatility": "0.61", "sharpe": sharpe,
        "sortino": null, "best_day": "2020-03-01", "worst_day": "2020-09-01",
        "max_drawdown": { "depth": "-0.4321", "peak": "2020-07-19", "trough": "2021-02-04", "recovered": null },
    })
}

fn benchmark(id: &str, phase: usize, text: &str) -> Value {
    let levels: Vec<Decimal> = (0..DAYS).map(|at| level(at, phase)).collect();
    json!({
        "id": id, "name": text, "holds": text, "performance": performance("0.85", "0.79"),
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

fn order(text: &str, side: &str, filled: bool) -> Value {
    let fill = json!({
        "date": "2020-02-02", "quantity": "0.1234", "price": "9876.5", "notional": "1218.76", "fee": "1.22",
        "spread_cost": "0.61", "impact_cost": "0.12",
    });
    json!({
        "key": "d47f3086-324a-5d4c-8bd4-c2aacd4f1a13", "asset": "coin-2", "symbol": text, "side": side,
        "quantity": "0.125", "reference_price": "9800", "notional": "1225", "estimated_cost": "1.9", "reason": "top_up",
        "sentence": text, "fill": if filled { fill } else { Value::Null }, "note": if filled { "" } else { text },
    })
}

fn runs(text: &str) -> Vec<Value> {
    let run = |outcome: &str, why: &str, plan: Option<&str>| {
        json!({
            "date": "2020-02-01", "run_id": plan, "outcome": outcome, "why": why, "net_asset_value": "1000000",
            "bearish": false, "members": 11, "entered": ["bitcoin", "coin-2"], "left": ["coin-7"],
            "relaxed": [text], "turnover": "0.12", "estimated_cost": "120.5", "actual_cost": "131.25",
            "orders": if plan.is_some() { vec![order(text, "buy", true), order(text, "sell", false)] } else { Vec::new() },
        })
    };
    let id = "25b75f48-1fc4-579e-876f-887f05163d01";
    let mut runs: Vec<Value> = (0..20).map(|_| run("rebalance", "", Some(id))).collect();
    runs.push(run("in_band", text, Some(id)));
    runs.push(run("guarded", text, None));
    runs
}

fn policy(text: &str) -> Value {
    json!({ "file": text, "name": text, "index": "blue_chip", "digest": text, "quote_currency": text })
}

fn conventions(text: &str) -> Value {
    json!({
        "schedule": "monthly", "rests_on_last_day": false, "fill": "next_close", "fee_basis": "on_top", "fee": "0.001", "half_spread": "0.0005",
        "impact": true, "opening_cash": "1000000", "days_in_year": 365, "delisting_recovery": "0.5",
        "sources": [text], "sentences": [text],
    })
}

fn dropped(text: &str) -> Value {
    json!([{
        "source": text, "reason": "spike", "sentence": text, "rows": 12, "first": "2020-02-02", "last": "2020-03-03",
        "examples": [text],
    }])
}

fn summary(final_value: &str, total_return: &str, sharpe: &str) -> Value {
    json!({
        "days": DAYS, "opening_value": "1000000", "final_value": final_value,
        "performance": performance(total_return, sharpe), "turnover_per_year": "0.55", "traded": "123456.78",
        "fees": "123.45", "spread_cost": "61.73", "impact_cost": "10", "costs": "195.18", "runs": 22,
        "rebalances": 20, "refused_runs": 1, "orders": 150, "fills": 149,
    })
}

pub(crate) fn backtest(text: &str) -> BacktestReport {
    let first: Date = "2020-01-15".parse().expect("a day");
    let dates: Vec<Date> = (0..DAYS).map(|at| first + i64::try_from(at).expect("few days").days()).collect();
    let levels: Vec<Decimal> = (0..DAYS).map(|at| level(at, 0)).collect();
    let value: Vec<String> = levels.iter().map(|it| money(*it)).collect();
    let of_weights: Vec<&Date> =
        dates.iter().filter(|date| date.day() == date.days_in_month() || date.day() == 2).collect();
    let assets: Vec<Value> = (0..ASSETS)
        .map(|at| json!({
            "asset": format!("coin-{at}"), "symbol": text, "name": text, "days_held": 700 - at, "first_held": "2020-01-16",
            "last_held": "2022-02-01", "mean_weight": if at == 0 { "0.4" } else { "0.05" }, "bought": "1000", "sold": "400", "costs": "1.5",
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
        "policy": policy(text),
        "from": dates.first(), "to": dates.last(),
        "conventions": conventions(text),
        "summary": summary(value.last().map_or("", String::as_str), "0.85", "0.79"),
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
        "dropped": dropped(text),
        "notices": [text],
    });
    serde_json::from_value(document).expect("a backtest")
}

/// Two fields with two and three values on three windows; the best of a window changes.
pub(crate) fn study(text: &str) -> StudyReport {
    let windows = [("2020-01-01", "2020-12-31"), ("2021-01-01", "2021-12-31"), ("2022-01-01", "2022-12-31")];
    let results: Vec<Value> = (0..6)
        .flat_map(|combination| (0..windows.len()).map(move |window| (combination, window)))
        .map(|(combination, window)| {
            let step = i64::try_from((combination * 7 + window * 11) % 17).expect("small");
            let (change, sharpe) = (Decimal::new(step * 13 - 70, 2), Decimal::new(step * 9 - 40, 2));
            let (change, sharpe) = (change.normalize().to_string(), sharpe.normalize().to_string());
            json!({
                "values": [text, format!("0.{combination}")], "window": window, "policy_digest": text,
                "summary": summary("1234567.5", &change, &sharpe),
                "comparisons": [{
                    "benchmark": "bitcoin", "performance": performance("0.5", "0.6"),
                    "comparison": {
                        "annual_excess_return": null, "tracking_error": "0.11", "information_ratio": "-0.2",
                        "beta": "0.97", "correlation": "0.99",
                    },
                }],
            })
        })
        .collect();
    let document = json!({
        "policy": policy(text), "from": "2020-01-01", "to": "2022-12-31", "conventions": conventions(text),
        "parameters": [
            { "path": text, "values": [text, text] },
            { "path": "limits.turnover.bound", "values": ["0.1", "0.2", "0.3"] },
        ],
        "windows": windows.map(|(from, to)| json!({ "from": from, "to": to })), "results": results,
        "walk_forward": [null, { "chosen": [text, "0.1"], "result": 4 }, { "chosen": [text, "0.2"], "result": 8 }],
        "definitions": [{ "figure": "summary.performance.sharpe", "definition": text }],
        "dropped": dropped(text), "notices": [text],
    });
    serde_json::from_value(document).expect("a study")
}

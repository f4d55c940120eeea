//! No look-ahead, from the files on: whatever is changed in rows dated after day `t` (figures, names, symbols, rows
//! that go, come or repeat), every plan up to `t` keeps its bytes.
//!
//! `REBALANCE_CASES` sets the number of histories (30).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use index_rebalancer::backtest::{Schedule, run};
use index_rebalancer::model::policy::{InverseVolatility, RiskLimit, Soft, TrailingStop};
use index_rebalancer::model::{Policy, Rate, Weight};
use jiff::civil::Date;

use crate::market::{FROM, Files, history, settings, three};
use crate::split_mix::SplitMix64;

const DAYS: i64 = 70;
const SYMBOLS: [&str; 6] = ["BTC", "ETH", "AAA", "BBB", "CCC", "DDD"];
const DEFAULT_CASES: u64 = 30;

#[expect(clippy::disallowed_methods, reason = "a switch of the test suite, not of the product")]
fn cases() -> u64 {
    std::env::var("REBALANCE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(DEFAULT_CASES)
}

fn day(days: i64) -> Date {
    FROM.checked_add(jiff::Span::new().days(days)).expect("a day")
}

/// Closes of all symbols that wander, snapshots every four weeks, grades now and then. Some rows are odd from the start.
fn market(choose: &mut SplitMix64, with_snapshots: bool) -> Files {
    let mut prices = "date,symbol,close_usd,market_cap_usd,volume_usd\n".to_owned();
    let mut snapshots =
        "date,rank,symbol,name,price_usd,market_cap_usd,circulating_supply,volume_24h_usd,pct_24h,pct_7d\n".to_owned();
    let mut grades = "date,asset_id,trader_grade,investor_grade,signal\n".to_owned();
    let mut cents: Vec<u64> = SYMBOLS.iter().map(|_| 10_000 + choose.below(90_000)).collect();
    for at in -30..DAYS {
        for (symbol, cents) in SYMBOLS.iter().zip(&mut cents) {
            *cents = (*cents * (94 + choose.below(13)) / 100).max(50);
            let shown = match choose.below(60) {
                0 => 0,
                1 => *cents * 7,
                2 => continue,
                _ => *cents,
            };
            let (whole, rest) = (shown / 100, shown % 100);
            writeln!(prices, "{},{symbol},{whole}.{rest:02},{},500000", day(at), shown * 10_000).expect("text grows");
            if with_snapshots && at.rem_euclid(28) == 0 {
                let (whole, rest) = (*cents / 100, *cents % 100);
                let (cap, date) = (*cents * 10_000, day(at));
                writeln!(snapshots, "{date},1,{symbol},Coin {symbol},{whole}.{rest:02},{cap},1000000,500000,0,0")
                    .expect("text grows");
            }
            if choose.one_in(15) {
                let id = if with_snapshots { format!("coin-{}", symbol.to_lowercase()) } else { symbol.to_lowercase() };
                let signal = choose.below(3);
                writeln!(
                    grades,
                    "{},{id},,{},{}",
                    day(at),
                    choose.below(101),
                    i64::try_from(signal).expect("small") - 1
                )
                .expect("text grows");
            }
        }
    }
    let mut files = Files::from([("prices.csv".to_owned(), prices), ("grades.csv".to_owned(), grades)]);
    if with_snapshots {
        let _ = files.insert("snapshots.csv".to_owned(), snapshots);
    }
    files
}

/// Changes rows dated after `last` at random, and adds some.
fn disturbed(choose: &mut SplitMix64, files: &Files, last: Date) -> Files {
    let change = |choose: &mut SplitMix64, text: &str| {
        let mut lines = text.lines();
        let mut out = lines.next().expect("a header").to_owned() + "\n";
        for line in lines {
            let is_later = line.get(..10).is_some_and(|date| date.parse::<Date>().expect("a date") > last);
            let changed = if is_later { disturbed_row(choose, line) } else { vec![line.to_owned()] };
            for line in changed {
                out.push_str(&line);
                out.push('\n');
            }
        }
        out
    };
    files.iter().map(|(name, text)| (name.clone(), change(choose, text))).collect()
}

fn disturbed_row(choose: &mut SplitMix64, line: &str) -> Vec<String> {
    let symbol = *choose.pick(&SYMBOLS);
    let other = *choose.pick(&SYMBOLS);
    match choose.below(12) {
        0 => Vec::new(),
        1 => vec![line.to_owned(), line.to_owned()],
        2 => vec![line.replace(&format!(",{symbol},"), &format!(",{other},"))],
        3 => vec![line.replace(&format!(",{symbol},"), ",NEW,").replace("Coin", "Another")],
        4 => vec![line.replace('.', "0.")],
        5 => vec![line.replace(",500000", ",7")],
        6 => vec![line.replace("000000", "00")],
        7 => vec![format!("{line}x")],
        8 => vec![line.replace(&format!("Coin {symbol}"), &format!("Renamed {other}"))],
        9 => vec![line.to_owned(), line.replace("Coin", "Twin").replace("coin-", "twin-")],
        _ => vec![line.to_owned()],
    }
}

/// The same index with every rule that reads daily closes.
fn reading_closes() -> Policy {
    let weight = |text: &str| Weight::parse(text).expect("a weight");
    let rate = |text: &str| Rate::parse(text).expect("a rate");
    let mut policy = three();
    policy.limits.risk = Some(RiskLimit {
        beta: weight("0.9"),
        horizon_days: 2,
        window_days: 30,
        min_days: 5,
        bound: Some(weight("0.04")),
        soft: Some(Soft { priority: 1, hard_bound: None }),
    });
    policy.objective.risk_aversion = Some(rate("0.01"));
    policy.eligibility.trailing_stop = Some(TrailingStop { fall: rate("0.25"), window_days: 20, cool_down_days: 5 });
    policy.reference_weights.inverse_volatility =
        Some(InverseVolatility { window_days: 20, min_days: 5, floor: rate("0.01") });
    policy
}

/// The bytes of every plan, by day.
fn plans(policy: &Policy, files: &Files, to: Date) -> BTreeMap<Date, Vec<u8>> {
    let history = history(files, to, Vec::new());
    let mut plans = BTreeMap::new();
    let settings = settings(to, Schedule::Weekly);
    let _ = run(policy, &history, &settings, |date, plan| {
        let _ = plans.insert(date, serde_json::to_vec(plan).expect("a plan is JSON"));
    })
    .expect("it runs");
    plans
}

#[test]
fn nothing_dated_after_a_day_reaches_its_plans() {
    look_ahead(&three());
}

#[test]
fn nor_do_closes_where_risk_stops_and_sizes_are_read_from_them() {
    look_ahead(&reading_closes());
}

fn look_ahead(policy: &Policy) {
    let (mut compared, mut with_effect) = (0, 0);
    for seed in 0..cases() {
        let mut choose = SplitMix64::new(seed);
        let files = market(&mut choose, seed % 2 == 0);
        let last = day(i64::try_from(choose.below(DAYS as u64 - 10)).expect("small"));
        let changed = disturbed(&mut choose, &files, last);
        let to = day(DAYS - 1);
        let (before, after) = (plans(policy, &files, to), plans(policy, &changed, to));
        let upto = |plans: &BTreeMap<Date, Vec<u8>>| -> Vec<(Date, Vec<u8>)> {
            plans.range(..=last).map(|(date, bytes)| (*date, bytes.clone())).collect()
        };
        let (kept, told) = (upto(&before), upto(&after));
        assert_eq!(kept.len(), told.len(), "seed {seed}: plans up to {last}");
        for ((date, before), (_, after)) in kept.iter().zip(&told) {
            assert!(before == after, "seed {seed}: rows after {last} changed the plan of {date}");
        }
        compared += kept.len();
        with_effect += u64::from(before != after);
    }
    assert!(compared > usize::try_from(cases()).expect("small"), "hardly any plan was compared: {compared}");
    // Else the changes would prove nothing.
    assert!(with_effect * 10 >= cases() * 8, "the changes had an effect on {with_effect} histories only");
}

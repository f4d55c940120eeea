//! No look-ahead, from the files on: whatever is changed in rows dated after day `t` (figures, names, symbols, rows
//! that go, come or repeat), and where they are not there at all, every plan up to `t` keeps its bytes, and so does
//! every value, fill and event. Closes, snapshots, tables of grades and Token Metrics' answers are changed; migrations, signals and ages are looked at.
//!
//! `REBALANCE_CASES` sets the number of histories (30).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use index_rebalancer::backtest::{Schedule, run};
use index_rebalancer::model::policy::{InverseVolatility, RegimePolicy, RiskLimit, Soft, TrailingStop};
use index_rebalancer::model::{Policy, Quantity, Rate, Weight};
use index_rebalancer::parallel::Crew;
use index_rebalancer::preparation::Migration;
use jiff::civil::Date;

use crate::market::{FROM, Files, history, id, settings, three};
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

/// The day from which NEW has closes and DDD none, and the day before on which the exchange is stated to be.
const EXCHANGED: i64 = 31;
const STATED: i64 = 24;

/// Closes of all symbols that wander, snapshots every four weeks, grades now and then. Some rows are odd from the start.
fn market(choose: &mut SplitMix64, with_snapshots: bool) -> Files {
    let mut prices = "date,symbol,close_usd,market_cap_usd,volume_usd\n".to_owned();
    let mut snapshots =
        "date,rank,symbol,name,price_usd,market_cap_usd,circulating_supply,volume_24h_usd,pct_24h,pct_7d\n".to_owned();
    let mut grades = "date,asset_id,trader_grade,investor_grade,signal\n".to_owned();
    let mut answers = "date,token,symbol,name,grade\n".to_owned();
    let mut cents: Vec<u64> = SYMBOLS.iter().map(|_| 10_000 + choose.below(90_000)).collect();
    for at in -30..DAYS {
        for (place, cents) in cents.iter_mut().enumerate() {
            let symbol = match SYMBOLS[place] {
                "DDD" if at >= EXCHANGED => "NEW",
                symbol => symbol,
            };
            *cents = (*cents * (94 + choose.below(13)) / 100).max(50);
            let shown = match choose.below(60) {
                0 => 0,
                1 => *cents * 7,
                2 => continue,
                3 => *cents / 30,
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
                let id = asset(symbol, with_snapshots);
                let (grade, signal) = (choose.below(101), i64::try_from(choose.below(3)).expect("small") - 1);
                writeln!(grades, "{},{id},,{grade},{signal}", day(at)).expect("text grows");
            }
            if choose.one_in(15) {
                let grade = choose.below(101);
                writeln!(answers, "{},{place},{symbol},Coin {symbol},{grade}", day(at)).expect("text grows");
            }
        }
    }
    let mut files = Files::from([
        ("prices.csv".to_owned(), prices),
        ("grades.csv".to_owned(), grades),
        ("answers.json".to_owned(), answers),
    ]);
    if with_snapshots {
        let _ = files.insert("snapshots.csv".to_owned(), snapshots);
    }
    files
}

fn asset(symbol: &str, with_snapshots: bool) -> String {
    let symbol = symbol.to_lowercase();
    if with_snapshots { format!("coin-{symbol}") } else { symbol }
}

/// The lines of `answers.json` as an answer of investor grades: lines are what is changed, as in the other files.
fn as_answer(lines: &str) -> String {
    let record = |line: &str| {
        let [date, token, symbol, name, grade] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
        let grade = grade.parse::<u64>().ok()?;
        Some(format!(
            "{{\"TOKEN_ID\":{token},\"TOKEN_NAME\":\"{name}\",\"TOKEN_SYMBOL\":\"{symbol}\",\"DATE\":\"{date}\",\"TM_INVESTOR_GRADE\":{grade}}}"
        ))
    };
    let records: Vec<String> = lines.lines().skip(1).filter_map(record).collect();
    format!("{{\"success\":true,\"message\":\"\",\"length\":{},\"data\":[{}]}}", records.len(), records.join(","))
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

/// The files as they were at the end of a day.
fn cut(files: &Files, last: Date) -> Files {
    let is_known = |line: &&str| line.get(..10).is_some_and(|date| date.parse::<Date>().is_ok_and(|date| date <= last));
    let kept = |text: &str| {
        let mut out = text.lines().next().expect("a header").to_owned() + "\n";
        for line in text.lines().skip(1).filter(is_known) {
            out.push_str(line);
            out.push('\n');
        }
        out
    };
    files.iter().map(|(name, text)| (name.clone(), kept(text))).collect()
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

/// The same index in and out of a stable share by signals, of coins that have been there for a while.
fn reading_signals() -> Policy {
    let weight = |text: &str| Weight::parse(text).expect("a weight");
    let mut policy = three();
    policy.eligibility.min_age_days = Some(35);
    policy.regime = Some(RegimePolicy {
        bullish_at: weight("0.6"),
        bearish_at: weight("0.4"),
        confirmations: 1,
        bullish_stable_share: weight("0"),
        bearish_stable_share: weight("0.4"),
        no_buy_when_bearish: true,
        stable_legs: std::collections::BTreeSet::new(),
        max_depeg: Rate::parse("0.05").expect("a rate"),
    });
    policy
}

/// What is told of each day: plans as their bytes; value, benchmarks, fills, events and runs without a plan as text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    plans: BTreeMap<Date, Vec<u8>>,
    days: BTreeMap<Date, Vec<String>>,
}

impl Told {
    fn upto(&self, last: Date) -> Self {
        let plans = self.plans.range(..=last).map(|(date, bytes)| (*date, bytes.clone())).collect();
        let days = self.days.range(..=last).map(|(date, said)| (*date, said.clone())).collect();
        Self { plans, days }
    }
}

fn told(policy: &Policy, files: &Files, to: Date, schedule: Schedule) -> Told {
    let mut files = files.clone();
    for (_, text) in files.iter_mut().filter(|(name, _)| name.as_str() == "answers.json") {
        *text = as_answer(text);
    }
    let with_snapshots = files.contains_key("snapshots.csv");
    let stated = Migration {
        from: id(&asset("DDD", with_snapshots)),
        to: id(&asset("NEW", with_snapshots)),
        ratio: Quantity::parse("1").expect("a ratio"),
        on: day(STATED),
    };
    let history = history(&files, to, &[stated]);
    let mut told = Told::default();
    let happened = run(policy, &history, &settings(to, schedule), Crew::of_all_cores(), |date, plan| {
        let _ = told.plans.insert(date, serde_json::to_vec(plan).expect("a plan is JSON"));
    })
    .expect("it runs");
    let benchmark = |values: &[index_rebalancer::model::Decimal], place: usize| values.get(place).copied();
    for (place, date) in happened.dates.iter().enumerate() {
        let (bitcoin, uncapped) = (benchmark(&happened.bitcoin, place), benchmark(&happened.uncapped, place));
        let said = format!("{} {} {bitcoin:?} {uncapped:?}", happened.value[place], happened.cash[place]);
        told.days.entry(*date).or_default().push(said);
    }
    for run in &happened.runs {
        told.days.entry(run.date).or_default().push(format!("{:?} {} {}", run.outcome, run.why, run.bearish));
        for fill in run.orders.iter().filter_map(|order| order.fill.as_ref()) {
            told.days.entry(fill.date).or_default().push(format!("{fill:?}"));
        }
    }
    for event in &happened.events {
        told.days.entry(event.date).or_default().push(format!("{:?} {}", event.kind, event.sentence));
    }
    told
}

#[test]
fn nothing_dated_after_a_day_reaches_its_plans() {
    look_ahead(&three());
}

#[test]
fn nor_do_closes_where_risk_stops_and_sizes_are_read_from_them() {
    look_ahead(&reading_closes());
}

#[test]
fn nor_do_signals_and_sightings_where_a_regime_and_ages_are_read_from_them() {
    look_ahead(&reading_signals());
}

fn look_ahead(policy: &Policy) {
    let (mut compared, mut with_effect, mut migrated) = (0, 0, 0);
    for seed in 0..cases() {
        let mut choose = SplitMix64::new(seed);
        let files = market(&mut choose, seed % 2 == 0);
        let last = day(i64::try_from(choose.below(DAYS as u64 - 10)).expect("small"));
        let schedule = *choose.pick(&[Schedule::Weekly, Schedule::Weekly, Schedule::Monthly, Schedule::Daily]);
        let changed = disturbed(&mut choose, &files, last);
        let to = day(DAYS - 1);
        let (before, after) = (told(policy, &files, to, schedule), told(policy, &changed, to, schedule));
        let kept = before.upto(last);
        for (what, now) in
            [("changed", after.upto(last)), ("left away", told(policy, &cut(&files, last), last, schedule))]
        {
            assert_eq!(kept.days, now.days, "seed {seed}: rows after {last} were {what}, and it happened otherwise");
            assert_eq!(kept.plans.len(), now.plans.len(), "seed {seed}: plans up to {last}, rows {what}");
            for ((date, before), (_, after)) in kept.plans.iter().zip(&now.plans) {
                assert!(
                    before == after,
                    "seed {seed}: rows after {last} were {what}, and the plan of {date} is another"
                );
            }
        }
        compared += kept.plans.len();
        with_effect += u64::from(before.plans != after.plans);
        let is_migration = |said: &String| said.starts_with("Migration");
        migrated += usize::from(kept.days.values().flatten().any(is_migration));
    }
    assert!(compared > usize::try_from(cases()).expect("small"), "hardly any plan was compared: {compared}");
    // Else the changes would prove nothing.
    assert!(with_effect * 10 >= cases() * 8, "the changes had an effect on {with_effect} histories only");
    assert!(cases() < 30 || migrated > 0, "no exchange was among what was compared");
}

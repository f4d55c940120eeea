//! Small made-up markets as files: closes, snapshots, grades; and a run over them.

use std::collections::BTreeMap;
use std::io::Cursor;

use index_rebalancer::adapters::history::{Period, Source, load};
use index_rebalancer::backtest::dropped::DropReason;
use index_rebalancer::backtest::{Backtest, Charged, FeeBasis, FillAt, History, Schedule, Settings, run};
use index_rebalancer::model::{AssetId, Decimal, Money, Policy, Rate};
use index_rebalancer::parallel::Crew;
use index_rebalancer::preparation::{Migration, PreparationError, policy};
use jiff::civil::{Date, date};

/// A tracker of the three largest, with bands and costs.
pub(crate) const POLICY: &str = include_str!("policies/three.toml");

pub(crate) const FROM: Date = date(2023, 1, 1);

pub(crate) fn three() -> Policy {
    policy::parse(POLICY).expect("a policy")
}

/// Files by name.
pub(crate) type Files = BTreeMap<String, String>;

pub(crate) const PRICES: &str = "date,symbol,close_usd,volume_usd\n";
pub(crate) const WITH_CAPS: &str = "date,symbol,close_usd,market_cap_usd,volume_usd\n";
pub(crate) const SNAPSHOTS: &str =
    "date,rank,symbol,name,price_usd,market_cap_usd,circulating_supply,volume_24h_usd,pct_24h,pct_7d\n";

pub(crate) const MONTHS: [&str; 4] = ["2023-01-01", "2023-02-01", "2023-03-01", "2023-04-01"];

/// Files of a name, a header and rows.
pub(crate) fn files(parts: &[(&str, &str, &str)]) -> Files {
    parts.iter().map(|(name, header, rows)| ((*name).to_owned(), format!("{header}{rows}"))).collect()
}

pub(crate) fn id(text: &str) -> AssetId {
    AssetId::new(text).expect(text)
}

/// The closes of an asset from the first day of the period on, a dash where there is none.
pub(crate) fn closes(history: &History, asset: &str) -> Vec<String> {
    let asset = history.asset(history.find(&id(asset)).expect(asset)).expect(asset);
    let close = |day| asset.close(day).map_or_else(|| "-".to_owned(), |close| close.to_string());
    let first = history.day(FROM).expect("the first day");
    (first..history.dates().len()).map(close).collect()
}

pub(crate) fn left_out(history: &History) -> Vec<(DropReason, u32)> {
    history.dropped.iter().map(|rows| (rows.reason, rows.rows)).collect()
}

/// One row of a snapshot.
pub(crate) fn listed(date: &str, symbol: &str, name: &str, price: &str, supply: &str) -> String {
    let cap = price.parse::<Decimal>().expect(price) * supply.parse::<Decimal>().expect(supply);
    format!("{date},1,{symbol},{name},{price},{cap},{supply},5000000,0,0\n")
}

/// A market of two steady coins and what is asked about.
pub(crate) fn with_steady_coins(dates: &[&str], rows: &str) -> String {
    let steady = |date: &&str| {
        listed(date, "BTC", "Bitcoin", "20000", "1000") + &listed(date, "ETH", "Ethereum", "1000", "10000")
    };
    dates.iter().map(steady).collect::<String>() + rows
}

/// Rows of [`WITH_CAPS`] for so many days from the first one of the period on, or from before it.
pub(crate) fn daily(symbol: &str, days: std::ops::Range<i64>, close: impl Fn(i64) -> String, cap: u64) -> String {
    let row = |day: i64| {
        let date = FROM.checked_add(jiff::Span::new().days(day)).expect("a day");
        format!("{date},{symbol},{},{cap},900000\n", close(day))
    };
    days.map(row).collect()
}

/// The same close on all of them.
pub(crate) fn steady(symbol: &str, days: std::ops::Range<i64>, close: &str, cap: u64) -> String {
    daily(symbol, days, |_| close.to_owned(), cap)
}

pub(crate) fn history(files: &Files, to: Date, migrations: &[Migration]) -> History {
    loaded(files, FROM, to, migrations).expect("a history")
}

pub(crate) fn loaded(
    files: &Files,
    from: Date,
    to: Date,
    migrations: &[Migration],
) -> Result<History, PreparationError> {
    let source = |(name, text): (&String, &String)| Source {
        name: name.clone(),
        asset: None,
        bytes: Box::new(Cursor::new(text.clone())),
    };
    load(files.iter().map(source).collect(), &Period { from, to, lookback_days: 0, grade_days: 0 }, migrations)
}

pub(crate) fn settings(to: Date, schedule: Schedule) -> Settings {
    Settings {
        from: FROM,
        to,
        schedule,
        rests_on_last_day: false,
        fill: FillAt::NextClose,
        fee_basis: FeeBasis::OnTop,
        charged: Charged { fee: None, half_spread: None, impact: true },
        opening_cash: Money::parse("100000").expect("money"),
        delisting_recovery: Rate::parse("0.5").expect("a rate"),
        bitcoin: None,
    }
}

pub(crate) fn ran(history: &History, settings: &Settings) -> Backtest {
    // Without grades in the market nothing can be tilted by them.
    let mut policy = three();
    policy.objective.grade_tilt = Rate::ZERO;
    run(&policy, history, settings, Crew::of_all_cores(), |_, _| {}).expect("it runs")
}

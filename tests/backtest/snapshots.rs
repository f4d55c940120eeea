//! The two policies of `fixtures/backtests` over the public monthly snapshots of 2020 to 2023, dead coins among them.

use std::collections::BTreeSet;
use std::path::Path;

use index_rebalancer::adapters::history::{LEAST_LOOKBACK_DAYS, Period, load, migrations, open};
use index_rebalancer::backtest::record::{EventKind, Run};
use index_rebalancer::backtest::{Backtest, History, Schedule, Settings, run};
use index_rebalancer::model::AssetId;
use index_rebalancer::parallel::Crew;
use index_rebalancer::preparation::policy;
use jiff::civil::{Date, date};

use crate::market::settings;
use crate::shared::shared_data;

const FROM: Date = date(2020, 1, 1);
const TO: Date = date(2023, 12, 31);

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/backtests").join(name)
}

fn history(shared: &Path) -> History {
    history_from(shared, FROM)
}

fn history_from(shared: &Path, from: Date) -> History {
    let files = [
        "snapshots/cmc_top200_monthly_2020_2023.csv",
        "prices/binance_spot_daily_2017_2021.csv",
        "prices/coinbase_spot_daily_with_mcap_2020_2024.csv",
        "prices/bybit_perp_daily_2020-11_2025-04.csv",
    ];
    let files = files.map(|file| shared.join(file).display().to_string());
    let period = Period { from, to: TO, lookback_days: LEAST_LOOKBACK_DAYS, grade_days: 0 };
    let stated = migrations(&fixture("migrations.toml")).expect("migrations");
    load(open(&files).expect("files"), &period, &stated).expect("a history")
}

fn ran(name: &str, history: &History) -> Backtest {
    let policy = policy::load(&fixture(name)).expect("a policy");
    let settings = Settings { from: FROM, ..settings(TO, Schedule::Monthly) };
    run(&policy, history, &settings, Crew::of_all_cores(), |_, _| {}).expect("it runs")
}

/// The days of the plans after which the asset was a member.
fn days_in_the_index(happened: &Backtest, asset: &str) -> BTreeSet<Date> {
    let id = AssetId::new(asset).expect(asset);
    let mut is_member = false;
    let mut days = BTreeSet::new();
    for Run { date, entered, left, .. } in &happened.runs {
        is_member = (is_member || entered.contains(&id)) && !left.contains(&id);
        if is_member {
            let _ = days.insert(*date);
        }
    }
    days
}

#[test]
fn coins_that_died_are_in_the_blue_chips_until_they_do() {
    let Some(shared) = shared_data("coins_that_died_are_in_the_blue_chips_until_they_do") else { return };
    let history = history(&shared);
    let happened = ran("blue-chip.toml", &history);
    let refused: Vec<&Run> = happened.runs.iter().filter(|run| run.run_id.is_none()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let luna = days_in_the_index(&happened, "terra");
    assert!(luna.contains(&date(2022, 1, 1)) && luna.contains(&date(2022, 5, 1)), "{luna:?}");
    let ftt = days_in_the_index(&happened, "ftx-token");
    assert!(ftt.contains(&date(2022, 6, 1)) && ftt.contains(&date(2022, 11, 1)), "{ftt:?}");
    let deaths: Vec<(&str, Date)> = happened
        .events
        .iter()
        .filter(|event| event.kind == EventKind::Delisting)
        .map(|event| (event.symbol.as_str(), event.date))
        .collect();
    assert!(deaths.contains(&("LUNA", date(2022, 6, 1))) && deaths.contains(&("FTT", date(2022, 12, 1))), "{deaths:?}");
    // The later coin under LUNA's name and ticker is another one, and inherits nothing.
    let trades_it = |run: &&Run| run.orders.iter().any(|order| order.order.asset.as_str() == "terra");
    let traded: Vec<Date> = happened.runs.iter().filter(trades_it).map(|run| run.date).collect();
    assert!(!traded.is_empty() && traded.iter().all(|day| *day < date(2022, 6, 1)), "{traded:?}");
}

#[test]
fn a_moonshot_index_lives_through_its_many_deaths() {
    let Some(shared) = shared_data("a_moonshot_index_lives_through_its_many_deaths") else { return };
    let happened = ran("moonshot.toml", &history(&shared));
    let refused = happened.runs.iter().filter(|run| run.run_id.is_none()).count();
    let died = happened.events.iter().filter(|event| event.kind == EventKind::Delisting).count();
    assert!(refused * 4 < happened.runs.len(), "{refused} of {} runs without a plan", happened.runs.len());
    assert!(died > 5, "small coins die, and here {died} did");
    assert!(happened.value.iter().all(|value| *value > index_rebalancer::model::Decimal::ZERO));
}

#[test]
fn ids_are_the_same_wherever_the_period_begins() {
    let Some(shared) = shared_data("ids_are_the_same_wherever_the_period_begins") else { return };
    let (from, history) = (date(2021, 2, 1), history_from(&shared, date(2021, 2, 1)));
    let policy = policy::load(&fixture("blue-chip.toml")).expect("a policy");
    let settings = Settings { from, ..settings(TO, Schedule::Monthly) };
    let happened = run(&policy, &history, &settings, Crew::of_all_cores(), |_, _| {}).expect("it runs");
    // LEND and ERD were exchanged in 2020: who is there in 2021 is the coin that came of it, and no migration strikes it.
    for coin in ["aave-aave", "elrond-egld"] {
        assert!(!days_in_the_index(&happened, coin).is_empty(), "{coin}");
    }
    assert!(history.find(&AssetId::new("aave").expect("an id")).is_none());
}

#[test]
fn weekly_and_monthly_snapshots_together_are_refused() {
    let Some(shared) = shared_data("weekly_and_monthly_snapshots_together_are_refused") else { return };
    let names = ["cmc_top10_weekly_2013_2020.csv", "cmc_top200_monthly_2020_2023.csv"];
    let files = names.map(|name| shared.join("snapshots").join(name).display().to_string());
    let period = |from: Date, to: Date| Period { from, to, lookback_days: 0, grade_days: 0 };
    let told = load(open(&files).expect("files"), &period(FROM, date(2020, 12, 31)), &[]).expect_err("two lists");
    assert!(told.to_string().contains("a coin that is in one file only would come and go"), "{told}");
    let later = load(open(&files).expect("files"), &period(date(2021, 6, 1), date(2021, 12, 31)), &[]);
    let members = later.expect("the weekly file has ended").snapshots().iter().map(|it| it.members.len()).min();
    assert!(members > Some(190), "{members:?}");
}

#[test]
fn market_caps_alone_and_closes_are_enough() {
    let Some(shared) = shared_data("market_caps_alone_and_closes_are_enough") else { return };
    let names = ["snapshots/cmc_monthly_mcap_only_2013_2019.csv", "prices/cmc_daily_with_mcap_2013_2021-07.csv"];
    let files = names.map(|name| shared.join(name).display().to_string());
    let (from, to) = (date(2018, 1, 7), date(2018, 12, 31));
    let period = Period { from, to, lookback_days: LEAST_LOOKBACK_DAYS, grade_days: 0 };
    let history = load(open(&files).expect("files"), &period, &[]).expect("a history");
    let policy = policy::load(&fixture("blue-chip.toml")).expect("a policy");
    let happened =
        run(&policy, &history, &Settings { from, ..settings(to, Schedule::Monthly) }, Crew::of_all_cores(), |_, _| {});
    let happened = happened.expect("it runs");
    let days = days_in_the_index(&happened, "btc");
    assert!(days.len() >= 12, "{days:?}: {:?}", happened.runs.iter().map(|run| &run.why).collect::<Vec<_>>());
}

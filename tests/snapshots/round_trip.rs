//! A plan from snapshots is the plan from files.

use std::fmt::Write as _;
use std::fs;

use index_rebalancer::adapters::files::Case;
use index_rebalancer::adapters::snapshots::load_case;
use index_rebalancer::model::Trigger;
use index_rebalancer::ports::snapshot::SnapshotKind;

use crate::support::*;

#[tokio::test]
async fn every_fixture_plans_the_same_from_the_table_as_from_its_folder() {
    let mut compared = 0;
    for entry in fs::read_dir(fixture("")).expect("fixtures") {
        let folder = entry.expect("an entry").path();
        if !folder.join("case.toml").is_file() {
            continue;
        }
        let name = folder.display().to_string();
        let table = Table::new().await;
        table.load(&folder).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let files = Case::load(&folder).expect("a case");
        for day in files.days() {
            let stored = load_case(table.store(), files.portfolio(), day.at).await.expect("a case");
            let accounts: Vec<_> = files.accounts().cloned().collect();
            assert_eq!(stored.accounts().cloned().collect::<Vec<_>>(), accounts, "{name}");
            for account in &accounts {
                let input = |case: &Case| {
                    let trigger = Trigger::Scheduled(day.at);
                    case.planning_input(account, trigger, day.at, None, None, None)
                        .unwrap_or_else(|error| panic!("{name}, {}: {error}", day.at))
                };
                let (from_files, from_table) = (input(&files), input(&stored));
                assert_eq!(
                    serde_json::to_string(&from_table).expect("serialises"),
                    serde_json::to_string(&from_files).expect("serialises"),
                    "{name}, {account}, {}",
                    day.at
                );
                assert_eq!(plan_bytes(&from_table), plan_bytes(&from_files), "{name}, {account}, {}", day.at);
                compared += 1;
            }
        }
    }
    assert!(compared > 30, "only {compared} plans were compared");
}

/// Between two days, and long after the last: the last day that is early enough counts, as in a folder.
#[tokio::test]
async fn a_time_between_two_days_has_the_inputs_of_the_first() {
    let table = Table::new().await;
    table.load(fixture("blue-chip")).await.expect("stored");
    let files = Case::load(&fixture("blue-chip")).expect("a case");
    for as_of in ["2025-04-10T00:00:00.000000001Z", "2025-04-11T06:00:00Z", "2025-04-12T23:59:59Z"] {
        let from_files = input(&files, time(as_of)).expect("an input");
        assert_eq!(table.input(as_of).await.expect("an input"), from_files, "{as_of}");
    }
}

#[tokio::test]
async fn a_market_of_ten_thousand_rows_stands_in_several_chunks() {
    let folder = copy("over-cap-after-rally");
    let market = folder.path().join("market.csv");
    let mut text = fs::read_to_string(&market).expect("a market");
    let row = text.lines().last().expect("a row").to_owned();
    let observed_at = row.rsplit(',').next().expect("a date").to_owned();
    for number in 0..10_000 {
        writeln!(text, "coin-{number},C{number},Coin number {number},,1.25,1000000,20000,small-caps,,{observed_at}")
            .expect("text grows");
    }
    fs::write(&market, &text).expect("written");
    let table = Table::new().await;
    let loaded = table.load(folder.path()).await.expect("stored");
    let stored = loaded.iter().find(|input| input.snapshot.kind == SnapshotKind::Market).expect("a market");
    let content = stored.snapshot.content.as_ref().expect("bytes");
    assert!(content.chunks >= 2, "{content:?}");
    assert_eq!(content.bytes, u64::try_from(text.len()).expect("a length"));
    let files = Case::load(folder.path()).expect("a case");
    let at = files.days()[0].at;
    let stored = load_case(table.store(), files.portfolio(), at).await.expect("a case");
    let (from_table, from_files) = (input(&stored, at).expect("an input"), input(&files, at).expect("an input"));
    assert!(from_files.assets.len() > 10_000, "{}", from_files.assets.len());
    assert_eq!(from_table, from_files);
    assert_eq!(plan_bytes(&from_table), plan_bytes(&from_files));
}

//! What is refused, when it is loaded and when it is planned from.

use std::fs;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use index_rebalancer::adapters::files::token_metrics::Endpoint;
use index_rebalancer::adapters::snapshots::{GradeFile, load_case, store_grades};
use index_rebalancer::model::PortfolioId;
use index_rebalancer::ports::StoreError;
use index_rebalancer::ports::snapshot::SnapshotKind;
use index_rebalancer::preparation::PreparationError;

use crate::support::*;

const DAY_1: &str = "2025-04-10T00:00:00Z";
const DAY_3: &str = "2025-04-12T00:00:00Z";

#[tokio::test]
async fn nothing_is_written_when_any_file_or_day_is_refused() {
    let spoilt: [(&str, &str, &str, &str, &str); 5] = [
        ("policy.toml", "schema = 1", "schema = 9", "schema", "a policy"),
        ("market-2025-04-12.csv", "asset_id,", "id,", "line 1", "the market of the last day"),
        ("trader_grades-2025-04-10.json", "\"success\": true", "\"success\": false", "failed", "grades"),
        ("venue_rules.json", "\"symbols\"", "\"signs\"", "shape", "rules"),
        // Sound in form, and not fit to trade on: the second day's prices are of long ago.
        ("market-2025-04-11.csv", "2025-04-11", "2025-03-11", "max_price_age_hours", "a guard"),
    ];
    for (file, from, to, wanted, what) in spoilt {
        let table = Table::new().await;
        let folder = copy("blue-chip");
        edit(&folder, file, from, to);
        let refusal = table.load(folder.path()).await.expect_err(what);
        assert!(refusal.to_string().contains(wanted), "{what}: {refusal}");
        assert!(table.items().await.is_empty(), "{what}: something was written");
    }
    let table = Table::new().await;
    let folder = copy("blue-chip");
    fs::remove_file(folder.path().join("trading_signals-2025-04-10.json")).expect("removed");
    let refusal = table.load(folder.path()).await.expect_err("a missing file");
    assert!(matches!(refusal, PreparationError::Unreadable { .. }), "{refusal}");
    assert!(table.items().await.is_empty());
}

/// Days that are stored and unchanged are not judged again, but the last one is: it is what the next run plans from.
#[tokio::test]
async fn a_policy_that_the_newest_day_does_not_keep_to_is_refused() {
    let table = Table::new().await;
    let folder = copy("blue-chip");
    table.load(folder.path()).await.expect("stored");
    let before = table.items().await;
    edit(&folder, "policy.toml", "max_price_age_hours = 26", "max_price_age_hours = 1");
    edit(&folder, "policy.toml", "max_grade_age_hours = 96", "max_grade_age_hours = 2");
    let refusal = table.load(folder.path()).await.expect_err("stale");
    assert!(refusal.to_string().contains("max_grade_age_hours"), "{refusal}");
    assert!(table.items().await == before);
}

#[tokio::test]
async fn what_is_missing_is_named_with_the_command_that_brings_it() {
    let table = Table::new().await;
    let nothing = table.case(DAY_1).await.expect_err("an empty table").to_string();
    for kind in ["portfolio", "policy", "venue_rules", "market"] {
        assert!(nothing.contains(&format!("portfolio blue-chip: {kind}: ")), "{nothing}");
    }
    assert!(nothing.contains("`rebalance load CASE`"), "{nothing}");

    table.load(fixture("blue-chip")).await.expect("stored");
    let early = table.case("2025-04-09T23:59:59.999999999Z").await.expect_err("before the first day").to_string();
    assert!(early.contains("market: ") && early.contains("2025-04-09T23:59:59.999999999Z"), "{early}");
    table.case(DAY_1).await.expect("from the first day on");

    // Each kind alone. The policy asks for investor grades and signals; trader grades it can do without.
    for kind in SnapshotKind::ALL {
        let table = Table::new().await;
        table.load(fixture("blue-chip")).await.expect("stored");
        for key in table
            .items()
            .await
            .keys()
            .filter(|(pk, sk)| pk == "snapshots#blue-chip" && sk.starts_with(&format!("{kind}#")))
        {
            table.delete(key).await;
        }
        let case = table.case(DAY_3).await;
        match kind {
            // Signals stand in for grades where they are missing, and no rule of the policy reads closes.
            SnapshotKind::TraderGrades | SnapshotKind::InvestorGrades | SnapshotKind::History => {
                assert!(case.is_ok(), "{kind}");
            }
            _ => {
                let refusal = case.expect_err("missing").to_string();
                assert!(refusal.contains(&format!("portfolio blue-chip: {kind}: ")), "{refusal}");
                assert!(!refusal.contains('\n'), "only that one: {refusal}");
            }
        }
    }
}

/// Snapshots whose times differ by more than the policy allows, by an hour too much and by just as much as is allowed.
#[tokio::test]
async fn a_set_of_different_times_is_refused() {
    let table = Table::new().await;
    table.load(fixture("blue-chip")).await.expect("stored");
    let text = fs::read_to_string(fixture("blue-chip/trading_signals-2025-04-10.json")).expect("signals");
    let put = async |date: &str| {
        let dated = text.replace("2025-04-10T00:00:00.000Z", date).replace("\"2025-04-10\"", &format!("\"{date}\""));
        assert!(dated.contains(date), "the test's edit changed nothing");
        let grades = GradeFile {
            endpoint: Endpoint::TradingSignals,
            at: time(DAY_3),
            file: "signals.json",
            bytes: dated.as_bytes(),
        };
        store_grades(table.store(), &blue_chip(), grades, noon()).await.expect("stored");
        table.case(DAY_3).await
    };
    put("2025-04-08T00:00:00.000Z").await.expect("four days are allowed");
    let refused = put("2025-04-07T22:00:00.000Z").await.expect_err("too far apart");
    let PreparationError::Guarded(violations) = &refused else { panic!("{refused}") };
    let [only] = violations.as_slice() else { panic!("{refused}") };
    assert_eq!(only.guard, "max_snapshot_skew_hours");
    assert!(only.value.contains("the snapshot of trading_signals is of 2025-04-07T22:00:00Z"), "{}", only.value);
    assert!(only.value.contains("the snapshot of market"), "{}", only.value);
}

/// Signals that repeat grades may be newer than the file of the grades themselves. What a plan uses is the newer set, so
/// that one is looked at: the older one neither refuses a run nor hides how old the other is.
#[tokio::test]
async fn of_grades_that_are_told_twice_the_newer_set_is_looked_at() {
    // Its policy has no regime: signals are there for the grades that they repeat. Market of 17 April, grades of the 16th.
    let text = fs::read_to_string(fixture("moonshot/trader_grades-2025-04-16.json")).expect("grades");
    let signals = text.replace("\"TM_TRADER_GRADE\"", "\"TRADING_SIGNAL\": 1, \"TM_TRADER_GRADE\"");
    let as_of = time("2025-04-19T00:00:00Z");
    let portfolio = PortfolioId::new("moonshot").expect("an id");
    let case = async |endpoint: Endpoint, text: &str, date: &str| {
        let table = Table::new().await;
        table.load(fixture("moonshot")).await.expect("stored");
        let dated = text.replace("2025-04-16T00:00:00.000Z", date);
        let grades = GradeFile { endpoint, at: as_of, file: "put.json", bytes: dated.as_bytes() };
        store_grades(table.store(), &portfolio, grades, noon()).await.expect("stored");
        load_case(table.store(), &portfolio, as_of).await
    };
    case(Endpoint::TradingSignals, &signals, "2025-04-19T00:00:00Z").await.expect("fifty hours are allowed");
    let refused = case(Endpoint::TradingSignals, &signals, "2025-04-19T03:00:00Z").await.expect_err("too far apart");
    assert!(refused.to_string().contains("the snapshot of trading_signals of 2025-04-19T03:00:00Z"), "{refused}");
    let old = "2025-04-13T00:00:00Z";
    case(Endpoint::TradingSignals, &signals, old).await.expect("the grades' own file is the newer one");
    let refused = case(Endpoint::TraderGrades, &text, old).await.expect_err("there are no others");
    assert!(refused.to_string().contains("the snapshot of trader_grades is of 2025-04-13T00:00:00Z"), "{refused}");
}

#[tokio::test]
async fn altered_or_missing_bytes_are_never_planned_from() {
    for spoil in ["altered", "gone"] {
        let table = Table::new().await;
        table.load(fixture("blue-chip")).await.expect("stored");
        let items = table.items().await;
        let (key, item) = items
            .iter()
            .find(|((pk, _), _)| pk.starts_with("blob#snapshots#blue-chip#market#2025-04-12T"))
            .expect("the market's bytes");
        if spoil == "gone" {
            table.delete(key).await;
        } else {
            let mut item = item.clone();
            let bytes = item["bytes"].as_b().expect("bytes").as_ref();
            let altered = String::from_utf8(bytes.to_vec()).expect("text").replacen('1', "2", 1);
            item.insert("bytes".to_owned(), AttributeValue::B(Blob::new(altered)));
            table.put(item).await;
        }
        let refusal = table.case(DAY_3).await.expect_err(spoil);
        let PreparationError::Store(StoreError::Corrupt { item, .. }) = &refusal else { panic!("{refusal}") };
        assert!(item.contains("snapshot market of 2025-04-12T00:00:00Z of portfolio blue-chip"), "{item}");
        assert!(!refusal.is_transient());
        table.case(DAY_1).await.expect("another day is not concerned");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_may_answer_later() {
    let table = Table::new().await;
    let store = table.store().clone();
    table.embedded.close().await;
    let error = index_rebalancer::adapters::snapshots::load_case(&store, &blue_chip(), time(DAY_1)).await;
    assert!(error.expect_err("no store").is_transient());
}

/// Closes are asked for where the policy reads them.
#[tokio::test]
async fn a_policy_that_reads_closes_is_refused_without_them() {
    let table = Table::new().await;
    table.load(fixture("risk-limit")).await.expect("stored");
    let portfolio = PortfolioId::new("risk-limit").expect("an id");
    let as_of = time("2025-04-10T00:00:00Z");
    load_case(table.store(), &portfolio, as_of).await.expect("all is there");
    let items = table.items().await;
    for key in items.keys().filter(|(pk, sk)| pk == "snapshots#risk-limit" && sk.starts_with("history#")) {
        table.delete(key).await;
    }
    let refusal = load_case(table.store(), &portfolio, as_of).await.expect_err("missing").to_string();
    assert!(refusal.starts_with("portfolio risk-limit: history: "), "{refusal}");
}

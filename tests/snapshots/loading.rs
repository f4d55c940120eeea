//! What a load changes.

use index_rebalancer::adapters::files::token_metrics::Endpoint;
use index_rebalancer::adapters::snapshots::{GradeFile, LoadOutcome, check_case, store_grades};
use index_rebalancer::ports::snapshot::{SnapshotKind, SnapshotStore};
use index_rebalancer::preparation::PreparationError;
use jiff::SignedDuration;

use crate::support::*;

const DAY_1: &str = "2025-04-10T00:00:00Z";
const DAY_3: &str = "2025-04-12T00:00:00Z";

#[tokio::test]
async fn the_same_bytes_change_nothing() {
    let table = Table::new().await;
    let first = table.load(fixture("blue-chip")).await.expect("stored");
    // Three that stand, and four for each of three days.
    assert_eq!(counts(&first), [15, 0, 0, 0]);
    let before = table.items().await;
    let again = table.load_at(fixture("blue-chip"), noon() + SignedDuration::from_hours(24)).await.expect("stored");
    assert_eq!(counts(&again), [0, 15, 0, 0]);
    assert!(table.items().await == before, "a load of the same files left a trace");
    let snapshots = |loaded: &[index_rebalancer::adapters::snapshots::LoadedInput]| {
        loaded.iter().map(|input| input.snapshot.key()).collect::<Vec<_>>()
    };
    assert_eq!(snapshots(&again), snapshots(&first), "it says what is there");
}

#[tokio::test]
async fn what_was_loaded_last_for_a_day_counts_and_what_was_before_stays() {
    let table = Table::new().await;
    let folder = copy("blue-chip");
    table.load(folder.path()).await.expect("stored");
    let first = table.input(DAY_3).await.expect("an input");
    edit(&folder, "market-2025-04-12.csv", ",Litecoin,", ",Lite Coin,");
    let loaded = table.load(folder.path()).await.expect("stored");
    assert_eq!(counts(&loaded), [0, 14, 1, 0]);
    let name = |input: &index_rebalancer::model::PlanningInput| {
        let coin = input.assets.values().find(|asset| asset.symbol == "LTC").expect("a coin");
        coin.name.clone()
    };
    let second = table.input(DAY_3).await.expect("an input");
    assert_eq!([name(&first), name(&second)], ["Litecoin", "Lite Coin"]);
    let days = table.store().list_snapshots(&blue_chip(), Some(SnapshotKind::Market)).await.expect("lists");
    let revisions: Vec<u32> = days.iter().map(|item| item.revision).collect();
    assert_eq!(revisions, [1, 1, 1, 2], "the one before is still there");
    // What was once there is loaded again: it counts again.
    edit(&folder, "market-2025-04-12.csv", ",Lite Coin,", ",Litecoin,");
    assert_eq!(counts(&table.load(folder.path()).await.expect("stored")), [0, 14, 1, 0]);
    assert_eq!(table.input(DAY_3).await.expect("an input"), first);
}

/// An operator who lets old days go and comes back to them: the policy that was loaded last is the policy.
#[tokio::test]
async fn of_what_stands_the_last_load_counts_whatever_day_the_case_begins_with() {
    let table = Table::new().await;
    let members = async |as_of: &str| table.case(as_of).await.expect("a case").policy().name.clone();
    table.load(fixture("blue-chip")).await.expect("stored");
    let original = members(DAY_3).await;

    let shorter = copy("blue-chip");
    let text = std::fs::read_to_string(shorter.path().join("case.toml")).expect("readable");
    let (head, days) = text.split_once("# Day 1:").expect("days");
    let third = days.rsplit_once("# Day 3:").expect("a third day").1;
    std::fs::write(shorter.path().join("case.toml"), format!("{head}# Day 3:{third}")).expect("written");
    edit(&shorter, "policy.toml", &format!("name = \"{original}\""), "name = \"Second\"");
    let loaded = table.load(shorter.path()).await.expect("stored");
    assert_eq!(outcome(&loaded, SnapshotKind::Policy), [LoadOutcome::Replaced]);
    assert_eq!(outcome(&loaded, SnapshotKind::VenueRules), [LoadOutcome::Unchanged]);
    assert_eq!([members(DAY_1).await, members(DAY_3).await], [original.as_str(), "Second"]);

    let longer = copy("blue-chip");
    edit(&longer, "policy.toml", &format!("name = \"{original}\""), "name = \"Third\"");
    // The clock of this machine is a day behind.
    table.load_at(longer.path(), noon() - SignedDuration::from_hours(24)).await.expect("stored");
    assert_eq!([members(DAY_1).await, members(DAY_3).await], ["Third", "Third"]);
}

#[tokio::test]
async fn a_kind_that_a_later_day_does_not_name_ends_there() {
    let table = Table::new().await;
    let folder = copy("blue-chip");
    edit(&folder, "case.toml", "trader_grades = \"trader_grades-2025-04-10.json\"\n", "");
    let loaded = table.load(folder.path()).await.expect("stored");
    assert_eq!(counts(&loaded), [14, 0, 0, 1]);
    let (before, after) = (table.input(DAY_1).await.expect("an input"), table.input(DAY_3).await.expect("an input"));
    let graded = |input: &index_rebalancer::model::PlanningInput| {
        input.assets.values().filter_map(|asset| asset.grades.trader).map(|grade| grade.at).max()
    };
    assert_eq!(graded(&before), Some(time("2025-04-08T00:00:00Z")));
    // Signals repeat them; the old file is not asked any more.
    assert_eq!(graded(&after), Some(time("2025-04-10T00:00:00Z")));
    let files = index_rebalancer::adapters::files::Case::load(folder.path()).expect("a case");
    assert_eq!(after, input(&files, time(DAY_3)).expect("an input"));
    assert_eq!(counts(&table.load(folder.path()).await.expect("stored")), [0, 15, 0, 0]);
}

#[tokio::test]
async fn two_who_load_at_once_both_find_their_files_stored() {
    let table = Table::new().await;
    let (one, two) = (copy("blue-chip"), copy("blue-chip"));
    edit(&two, "policy.toml", "[eligibility]", "[eligibility] # the other's");
    let (first, second) = tokio::join!(table.load(one.path()), table.load(two.path()));
    assert_eq!((first.expect("stored").len(), second.expect("stored").len()), (15, 15));
    let policies = table.store().list_snapshots(&blue_chip(), Some(SnapshotKind::Policy)).await.expect("lists");
    let digests: std::collections::BTreeSet<_> = policies.iter().map(|item| item.digest()).collect();
    assert_eq!((policies.len(), digests.len()), (2, 2), "{policies:#?}");
    // Every byte that counts is there.
    for as_of in [DAY_1, DAY_3] {
        table.input(as_of).await.expect("an input");
    }
}

#[tokio::test]
async fn a_check_says_what_a_load_would_do_and_does_nothing() {
    let table = Table::new().await;
    let check = async |folder: &std::path::Path| {
        let checked = check_case(Some(table.store()), folder, noon(), |_| ()).await.expect("sound");
        counts(&checked)
    };
    let folder = copy("blue-chip");
    assert_eq!(check(folder.path()).await, [15, 0, 0, 0]);
    assert!(table.items().await.is_empty());
    table.load(folder.path()).await.expect("stored");
    edit(&folder, "policy.toml", "[eligibility]", "[eligibility] # another");
    let before = table.items().await;
    assert_eq!(check(folder.path()).await, [0, 14, 1, 0]);
    assert!(table.items().await == before, "a check wrote something");
}

#[tokio::test]
async fn grades_can_be_put_by_themselves() {
    let table = Table::new().await;
    table.load(fixture("blue-chip")).await.expect("stored");
    let (at, as_of) = (time("2025-04-12T06:00:00Z"), "2025-04-12T06:00:00Z");
    let text = std::fs::read_to_string(fixture("blue-chip/investor_grades-2025-04-10.json")).expect("grades");
    let newer = text.replace("2025-04-10", "2025-04-12");
    let put = async |text: &str| {
        let grades = GradeFile {
            endpoint: Endpoint::InvestorGrades,
            at,
            file: "investor_grades-2025-04-12.json",
            bytes: text.as_bytes(),
        };
        store_grades(table.store(), &blue_chip(), grades, noon()).await
    };
    let put_first = put(&newer).await.expect("stored");
    assert_eq!((put_first.outcome, put_first.snapshot.dated), (LoadOutcome::New, Some(time("2025-04-12T00:00:00Z"))));
    let newest = |input: &index_rebalancer::model::PlanningInput| {
        input.assets.values().filter_map(|asset| asset.grades.investor).map(|grade| grade.at).max()
    };
    assert_eq!(newest(&table.input(as_of).await.expect("an input")), Some(time("2025-04-12T00:00:00Z")));
    assert_eq!(newest(&table.input(DAY_3).await.expect("an input")), Some(time("2025-04-10T00:00:00Z")));
    let before = table.items().await;
    assert_eq!(put(&newer).await.expect("stored").outcome, LoadOutcome::Unchanged);
    assert!(table.items().await == before);
    let partial = newer.replace("\"length\": 37", "\"length\": 38");
    assert!(matches!(put(&partial).await, Err(PreparationError::BadInput(_))), "an incomplete set");
    assert!(table.items().await == before, "what is refused leaves no trace");
}

//! A hole in the files is no death: it is refused with its days, or what is listed keeps its price and the run waits.

use index_rebalancer::backtest::Schedule;
use index_rebalancer::backtest::dropped::DropReason;
use index_rebalancer::backtest::record::RunOutcome;
use jiff::civil::{Date, date};

use crate::market::{
    FROM, Files, MONTHS, PRICES, SNAPSHOTS, WITH_CAPS, files, history, left_out, listed, loaded, ran, settings, steady,
    with_steady_coins,
};

fn told(files: &Files, from: Date, to: Date) -> String {
    loaded(files, from, to, &[]).map_or_else(|error| error.to_string(), |_| "taken".to_owned())
}

fn snapshots(text: &str) -> Files {
    files(&[("snapshots.csv", SNAPSHOTS, text)])
}

#[test]
fn a_month_without_a_snapshot_is_refused() {
    let months = ["2023-01-01", "2023-03-01", "2023-04-01"];
    let holed = snapshots(&with_steady_coins(&months, ""));
    let said = told(&holed, FROM, date(2023, 4, 2));
    assert!(said.contains("no snapshot between 2023-01-01 and 2023-03-01"), "{said}");
    assert!(said.contains("begin on 2023-03-01"), "{said}");
    assert_eq!(told(&holed, date(2023, 3, 1), date(2023, 4, 2)), "taken", "a hole before the period is none of it");
    assert_eq!(told(&snapshots(&with_steady_coins(&MONTHS, "")), FROM, date(2023, 4, 2)), "taken");
}

#[test]
fn snapshots_that_begin_later_are_refused() {
    let closes = steady("BTC", 0..60, "20000", 9_000_000) + &steady("ETH", 0..60, "1000", 8_000_000);
    let late = with_steady_coins(&MONTHS[1..2], "");
    let both = files(&[("closes.csv", WITH_CAPS, &closes), ("snapshots.csv", SNAPSHOTS, &late)]);
    let said = told(&both, FROM, date(2023, 2, 10));
    assert!(said.contains("from = \"2023-01-01\"") && said.contains("begin on 2023-02-01"), "{said}");
    assert_eq!(told(&both, date(2023, 2, 1), date(2023, 2, 10)), "taken");
    // Snapshots of other years are no reason to take whatever has a price for a member.
    let old = files(&[
        ("closes.csv", WITH_CAPS, &closes),
        ("snapshots.csv", SNAPSHOTS, &with_steady_coins(&["2020-01-01"], "")),
    ]);
    let said = told(&old, FROM, date(2023, 2, 10));
    assert!(said.contains("no snapshot of the 45 days before it") && said.contains("closes alone"), "{said}");
}

#[test]
fn files_of_snapshots_must_not_overlap() {
    let weekly = with_steady_coins(&["2023-01-01", "2023-01-08", "2023-02-05"], "");
    let monthly = with_steady_coins(&MONTHS[1..3], "");
    let both = files(&[("monthly.csv", SNAPSHOTS, &monthly), ("weekly.csv", SNAPSHOTS, &weekly)]);
    let said = told(&both, FROM, date(2023, 3, 2));
    assert!(
        said.starts_with("monthly.csv: date = \"2023-02-01\"") && said.contains("weekly.csv end on 2023-02-05"),
        "{said}"
    );
    assert!(said.contains("name one of the two"), "{said}");
    let year_by_year = files(&[
        ("2022.csv", SNAPSHOTS, &with_steady_coins(&["2022-12-01"], "")),
        ("2023.csv", SNAPSHOTS, &with_steady_coins(&MONTHS[..2], "")),
    ]);
    assert_eq!(told(&year_by_year, FROM, date(2023, 2, 2)), "taken");
}

#[test]
fn a_hole_in_all_closes_is_refused() {
    let with_hole = |days: i64| {
        let of =
            |symbol: &str| steady(symbol, 0..20, "10", 9_000_000) + &steady(symbol, 20 + days..60, "10", 9_000_000);
        files(&[("closes.csv", WITH_CAPS, &(of("BTC") + &of("ETH")))])
    };
    assert_eq!(told(&with_hole(10), FROM, date(2023, 2, 28)), "taken", "ten days are bridged");
    let said = told(&with_hole(11), FROM, date(2023, 2, 28));
    assert!(said.starts_with("closes.csv: date = \"2023-01-20\""), "{said}");
    assert!(said.contains("nothing between 2023-01-20 and 2023-02-01, and 2 of its assets"), "{said}");
    assert!(said.contains("end on 2023-01-30 or before, begin on 2023-02-01"), "{said}");
}

#[test]
fn a_file_that_ends_while_others_go_on_is_refused_unless_they_have_its_assets() {
    let other = steady("BTC", 0..60, "20000", 9_000_000) + &steady("XRP", 0..60, "1", 9_000_000);
    let ends = steady("BTC", 0..20, "20000", 9_000_000) + &steady("ETH", 0..20, "1000", 9_000_000);
    let to = date(2023, 2, 28);
    let said = told(&files(&[("ends.csv", WITH_CAPS, &ends), ("other.csv", WITH_CAPS, &other)]), FROM, to);
    assert!(said.starts_with("ends.csv: date = \"2023-01-20\""), "{said}");
    assert!(
        said.contains("it ends on 2023-01-20, and 1 of its assets are in no other source then (eth is one)"),
        "{said}"
    );
    let with_eth = other.clone() + &steady("ETH", 15..60, "1000", 9_000_000);
    assert_eq!(told(&files(&[("ends.csv", WITH_CAPS, &ends), ("other.csv", WITH_CAPS, &with_eth)]), FROM, to), "taken");
    // A coin in a file of its own ends with it, as long as others go on.
    let alone = steady("ETH", 0..20, "1000", 9_000_000);
    assert_eq!(told(&files(&[("eth.csv", WITH_CAPS, &alone), ("other.csv", WITH_CAPS, &other)]), FROM, to), "taken");
}

#[test]
fn a_coin_whose_closes_go_on_after_its_death_is_named() {
    let others = steady("BTC", 0..60, "20000", 9_000_000) + &steady("ETH", 0..60, "1000", 8_000_000);
    let holed = |symbol: &str, days: i64| {
        steady(symbol, 0..20, "1", 7_000_000) + &steady(symbol, 20 + days..60, "1", 7_000_000)
    };
    let to = date(2023, 2, 28);
    let notices = |rows: &str| history(&files(&[("closes.csv", WITH_CAPS, &(others.clone() + rows))]), to, &[]).notices;
    assert_eq!(notices(&holed("CHZ", 10)), [""; 0], "ten days are bridged");
    let [notice] = notices(&holed("CHZ", 11)).try_into().expect("one notice");
    let expected = "without a close, and in no snapshot, 1 coin counts as gone for some days although closes go on later: \
                    chz (between 2023-01-20 and 2023-02-01); name another file that has these days, or snapshots that \
                    list them";
    assert_eq!(notice, expected);
    assert_eq!(notices(&steady("CHZ", 0..20, "1", 7_000_000)), [""; 0], "a death");
    let many: String = (10..20).map(|count| holed(&format!("C{count}"), 20)).collect();
    let [notice] = notices(&many).try_into().expect("one notice");
    assert!(notice.contains("10 coins count") && notice.contains("and 2 more;") && !notice.contains("c18"), "{notice}");
    let twice = steady("CHZ", 0..12, "1", 7_000_000)
        + &steady("CHZ", 24..36, "1", 7_000_000)
        + &steady("CHZ", 48..60, "1", 7_000_000);
    let [notice] = notices(&twice).try_into().expect("one notice");
    assert!(notice.contains("1 coin counts as gone"), "{notice}");
    assert!(notice.contains("chz (between 2023-01-12 and 2023-01-25, between 2023-02-05 and 2023-02-18)"), "{notice}");
    // What snapshots alone price comes and goes with them.
    let edge = listed(MONTHS[0], "EDGE", "Edge", "1", "1000") + &listed(MONTHS[2], "EDGE", "Edge", "1", "1000");
    let edge = snapshots(&with_steady_coins(&MONTHS[..3], &edge));
    assert_eq!(history(&edge, date(2023, 3, 2), &[]).notices, [""; 0]);
    // Whoever a snapshot lists meanwhile is held through it.
    let listed = with_steady_coins(
        &MONTHS[..2],
        &(listed(MONTHS[0], "CHZ", "Chiliz", "1", "7000000") + &listed(MONTHS[1], "CHZ", "Chiliz", "1", "7000000")),
    );
    let rows = others.clone() + &holed("CHZ", 30);
    let both = files(&[("closes.csv", WITH_CAPS, &rows), ("snapshots.csv", SNAPSHOTS, &listed)]);
    assert_eq!(history(&both, to, &[]).notices, [""; 0]);
}

#[test]
fn a_file_without_a_row_that_can_be_used_says_why() {
    let told_of = |rows: &str| told(&files(&[("closes.csv", PRICES, rows)]), FROM, FROM);
    let said = told_of("2023/01/01,BTC,20000,1\n2023/01/02,BTC,20000,1\n");
    let expected = "closes.csv: line 2: date = \"2023/01/01\": its date is not a day, none of the file's 2 rows can be \
                    used, and no source has a price from 2022-10-31 to 2023-01-01; write days as 2025-04-16";
    assert_eq!(said, expected);
    assert!(
        told_of("2023-01-01T00:00:00Z,BTC,20000,1\n").contains("= \"2023-01-01T00:00:00Z\": its date is not a day")
    );
    let said = told_of("2023-01-01,BTC,n/a,1\n2023-01-01,ETH,0,1\n");
    assert!(said.starts_with("closes.csv: line 2: close_usd = \"n/a\": \"n/a\" is no number"), "{said}");
    let other_time = told_of("2020-01-01,BTC,20000,1\n2020/01/02,BTC,20000,1\n");
    assert!(other_time.contains("name other files or another period"), "{other_time}");
    // Where another file has some prices, but not those that are missed.
    let good = steady("BTC", 1..9, "20000", 9_000_000);
    let bad = ("bad.csv", PRICES, "2023/01/01,BTC,20000,1\n");
    let said = told(&files(&[bad, ("good.csv", WITH_CAPS, &good)]), FROM, date(2023, 1, 5));
    assert!(said.starts_with("bad.csv: line 2") && said.contains("no source has a price before 2023-01-02"), "{said}");
    assert_eq!(told(&files(&[bad, ("good.csv", WITH_CAPS, &good)]), date(2023, 1, 2), date(2023, 1, 5)), "taken");
}

#[test]
fn days_after_the_last_close_of_all_are_told() {
    let closes = steady("BTC", 0..20, "20000", 9_000_000) + &steady("ETH", 0..18, "1000", 8_000_000);
    let alone = files(&[("closes.csv", WITH_CAPS, &closes)]);
    assert_eq!(history(&alone, date(2023, 1, 20), &[]).notices, [""; 0]);
    let [notice] = history(&alone, date(2023, 1, 21), &[]).notices.try_into().expect("one notice");
    let expected =
        "no source has a close after 2023-01-20: the days up to 2023-01-21 are valued at the last closes until then";
    assert_eq!(notice, expected);
    let text = with_steady_coins(&MONTHS[..1], "");
    let both = files(&[("closes.csv", WITH_CAPS, &closes), ("snapshots.csv", SNAPSHOTS, &text)]);
    assert_eq!(history(&both, date(2023, 1, 30), &[]).notices.len(), 1);
    assert_eq!(history(&snapshots(&text), date(2023, 1, 30), &[]).notices, [""; 0], "weeks apart as ever");
}

#[test]
fn a_coin_listed_without_a_readable_price_is_not_gone() {
    let bad = "2023-02-01,1,BAD,Bad,n/a,90000000,1000000,5000000,0,0\n";
    let rows = listed("2023-01-01", "BAD", "Bad", "90", "1000000")
        + bad
        + &listed("2023-03-01", "BAD", "Bad", "95", "1000000");
    let to = date(2023, 3, 2);
    let history = history(&snapshots(&with_steady_coins(&MONTHS[..3], &rows)), to, &[]);
    assert_eq!(left_out(&history), [(DropReason::BadPrice, 1)]);
    let happened = ran(&history, &settings(to, Schedule::Monthly));
    assert!(happened.events.is_empty(), "{:?}", happened.events);
    let waited: Vec<Date> =
        happened.runs.iter().filter(|run| run.outcome == RunOutcome::Guarded).map(|run| run.date).collect();
    assert_eq!((waited.first(), waited.len()), (Some(&date(2023, 2, 1)), 28), "every day until it has a price again");
    let why = &happened.runs.iter().find(|run| run.outcome == RunOutcome::Guarded).expect("one").why;
    assert_eq!(why, "BAD is held, is not gone and has no price since 2023-01-01");
    assert!(happened.runs.last().is_some_and(|run| run.run_id.is_some() && run.date == date(2023, 3, 1)));
}

#[test]
fn a_row_of_a_snapshot_that_cannot_be_read_is_refused_by_its_line() {
    let good = with_steady_coins(&MONTHS[..1], "");
    let said = told(&snapshots(&(good.clone() + "2023-01-01,3,BAD,Bad,1\n")), FROM, FROM);
    assert!(said.starts_with("snapshots.csv: line 4: another number of fields"), "{said}");
    assert!(said.contains("counts as gone; correct the line"), "{said}");
    let said = told(&snapshots(&(good + "01/01/2023,3,BAD,Bad,1,1,1,1,0,0\n")), FROM, FROM);
    assert!(said.starts_with("snapshots.csv: line 4: date = \"01/01/2023\": its date is not a day"), "{said}");
}

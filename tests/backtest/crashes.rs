//! A coin that loses nearly all in days is held through it; a smaller unit is another asset where it is stated.

use index_rebalancer::backtest::Schedule;
use index_rebalancer::backtest::dropped::DropReason;
use index_rebalancer::model::{Decimal, Quantity};
use index_rebalancer::preparation::Migration;
use jiff::civil::date;

use crate::market::{
    FROM, MONTHS, PRICES, SNAPSHOTS, WITH_CAPS, closes, daily, files, history, id, left_out, listed, ran, settings,
    steady, with_steady_coins,
};

const CRASH: [&str; 6] = ["100", "90", "2", "1.5", "1.4", "1.4"];

fn crash(day: i64) -> String {
    let last = CRASH.len() - 1;
    CRASH[usize::try_from(day).map_or(0, |day| day.min(last))].to_owned()
}

#[test]
fn a_crash_in_closes_is_the_holders_loss() {
    let prices = daily("LUNA", -5..30, crash, 9_000_000)
        + &steady("BTC", -5..30, "20000", 9_000_000)
        + &steady("ETH", -5..30, "1000", 9_000_000);
    let to = date(2023, 1, 30);
    let history = history(&files(&[("prices.csv", WITH_CAPS, &prices)]), to, &[]);
    assert_eq!(closes(&history, "luna")[..5], ["100", "90", "-", "1.5", "1.4"]);
    assert_eq!(left_out(&history), [(DropReason::HeldBack, 1)], "no unit broke");
    let happened = ran(&history, &settings(to, Schedule::Once));
    assert!(happened.events.is_empty(), "it is not gone: {:?}", happened.events);
    let luna = history.find(&id("luna")).expect("it is there");
    let fill = happened.runs[0].orders.iter().find_map(|order| order.fill.as_ref().filter(|_| order.symbol == "LUNA"));
    let worth = happened.final_holdings[&luna];
    assert_eq!(worth, fill.expect("it was bought").quantity.get() * Decimal::new(14, 1));
}

#[test]
fn falls_day_upon_day_are_no_spikes() {
    let rows = "2023-01-01,LUNA,100,1\n2023-01-02,LUNA,20,1\n2023-01-03,LUNA,4,1\n2023-01-04,LUNA,0.5,1\n2023-01-05,LUNA,0.001,1\n";
    let history = history(&files(&[("prices.csv", PRICES, rows)]), date(2023, 1, 5), &[]);
    assert_eq!(closes(&history, "luna"), ["100", "-", "4", "-", "0.001"]);
    assert_eq!(left_out(&history), [(DropReason::HeldBack, 2)]);
    // One low close between two others is one still.
    let rows = "2023-01-01,A,100,1\n2023-01-02,A,1,1\n2023-01-03,A,99,1\n2023-01-04,A,98,1\n";
    let history = crate::market::history(&files(&[("prices.csv", PRICES, rows)]), date(2023, 1, 4), &[]);
    assert_eq!(
        (closes(&history, "a"), left_out(&history)),
        (["100", "-", "99", "98"].map(str::to_owned).to_vec(), vec![(DropReason::Spike, 1)])
    );
}

#[test]
fn a_smaller_unit_is_another_asset_where_a_migration_says_so() {
    let rows = "2023-01-01,BTT,2,1\n2023-01-02,BTT,2.1,1\n2023-01-03,BTT,0.002,1\n2023-01-04,BTT,0.0021,1\n2023-01-05,BTT,0.0022,1\n";
    let stated = |on| {
        let ratio = Quantity::parse("1000").expect("a ratio");
        [Migration { from: id("btt"), to: id("btt-202301"), ratio, on }]
    };
    let files = files(&[("prices.csv", PRICES, rows)]);
    let split = history(&files, date(2023, 1, 5), &stated(date(2023, 1, 3)));
    assert_eq!(closes(&split, "btt"), ["2", "2.1", "-", "-", "-"]);
    assert_eq!(closes(&split, "btt-202301"), ["-", "-", "-", "0.0021", "0.0022"]);
    assert_eq!(left_out(&split).last(), Some(&(DropReason::UnitBreak, 1)));
    let long_ago = history(&files, date(2023, 1, 5), &stated(date(2022, 6, 1)));
    assert!(long_ago.find(&id("btt-202301")).is_none(), "an exchange of other days explains no fall of these");
}

#[test]
fn a_crash_beside_snapshots_stays_with_the_coin_that_has_the_symbol() {
    let rows = listed("2023-01-01", "LUNA", "Terra", "100", "340000")
        + &listed("2023-01-01", "BTT", "BitTorrent", "2", "99000000");
    let text = with_steady_coins(&MONTHS[..1], &rows);
    let prices = "2023-01-01,LUNA,100,1\n2023-01-02,LUNA,90,1\n2023-01-03,LUNA,2,1\n2023-01-04,LUNA,1.5,1\n\
                  2023-01-01,BTT,2,1\n2023-01-02,BTT,0.002,1\n2023-01-03,BTT,0.0021,1\n";
    let ratio = Quantity::parse("1000").expect("a ratio");
    let stated = [Migration { from: id("bittorrent"), to: id("bittorrent-new"), ratio, on: date(2023, 1, 20) }];
    let files = files(&[("prices.csv", PRICES, prices), ("snapshots.csv", SNAPSHOTS, &text)]);
    let history = history(&files, FROM.checked_add(jiff::Span::new().days(4)).expect("a day"), &stated);
    assert_eq!(closes(&history, "terra"), ["100", "90", "-", "1.5", "-"]);
    assert_eq!(closes(&history, "bittorrent"), ["2", "-", "-", "-", "-"], "the new unit's are not its own");
}

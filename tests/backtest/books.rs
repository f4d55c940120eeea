//! Fills, pay-outs, benchmarks and samples: what the books say adds up, and every order that did not fill says why.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use index_rebalancer::backtest::record::EventKind;
use index_rebalancer::backtest::{Backtest, Charged, FillAt, History, Schedule, Settings, run};
use index_rebalancer::model::{Decimal, Money, Quantity, Rate, Side};
use index_rebalancer::parallel::Crew;
use index_rebalancer::preparation::Migration;
use index_rebalancer::report::backtest::{BacktestReport, Made};
use jiff::civil::{Date, date};

use crate::market::{
    FROM, MONTHS, SNAPSHOTS, WITH_CAPS, daily, files, history, id, listed, ran, settings, steady, three,
    with_steady_coins,
};

fn two_steady(days: std::ops::Range<i64>) -> String {
    steady("BTC", days.clone(), "20000", 9_000_000) + &steady("ETH", days, "1000", 8_000_000)
}

fn of_closes(rows: &str, to: Date, migrations: &[Migration]) -> History {
    history(&files(&[("closes.csv", WITH_CAPS, rows)]), to, migrations)
}

fn report(history: &History, settings: &Settings, happened: &Backtest) -> BacktestReport {
    let policy = three();
    BacktestReport::of(&Made { policy_file: "three.toml", policy: &policy, history, settings }, happened)
}

/// Every asset's profit, to the last digit that is told.
fn assert_adds_up(report: &BacktestReport) {
    let profits: Decimal = report.assets.iter().map(|asset| asset.profit.get()).sum();
    let whole = report.summary.final_value.get() - report.conventions.opening_cash.get();
    assert!((profits - whole).abs() < Decimal::new(1, 6), "profits of {profits} beside {whole} in all");
}

/// END has its last close eight days before the period: it is priced for three days, and then gone.
fn with_an_end() -> String {
    two_steady(-9..20) + &steady("END", -9..-7, "10", 7_000_000)
}

fn notes(happened: &Backtest, symbol: &str) -> Vec<String> {
    let orders = happened.runs.iter().flat_map(|run| &run.orders);
    orders.filter(|order| order.symbol == symbol).map(|order| order.note.clone()).collect()
}

#[test]
fn who_rests_on_the_last_day_plans_nothing_on_it_unless_it_is_the_first() {
    let history = of_closes(&two_steady(-9..20), date(2023, 1, 19), &[]);
    let days = |to, schedule, rests_on_last_day| {
        let settings = Settings { rests_on_last_day, ..settings(to, schedule) };
        ran(&history, &settings).runs.iter().map(|run| run.date.day()).collect::<Vec<_>>()
    };
    let monday = date(2023, 1, 9);
    assert_eq!(days(monday, Schedule::Weekly, false), [1, 2, 9]);
    assert_eq!(days(monday, Schedule::Weekly, true), [1, 2]);
    assert_eq!(days(date(2023, 1, 3), Schedule::Daily, true), [1, 2]);
    assert_eq!(days(FROM, Schedule::Daily, true), [1]);
}

#[test]
fn what_is_gone_is_not_bought() {
    let to = date(2023, 1, 20);
    let history = of_closes(&with_an_end(), to, &[]);
    let settings = settings(to, Schedule::Once);
    let happened = ran(&history, &settings);
    assert_eq!(notes(&happened, "END"), ["its asset was gone before it could fill"]);
    assert!(happened.events.is_empty(), "nothing of it was held: {:?}", happened.events);
    assert_adds_up(&report(&history, &settings, &happened));
}

#[test]
fn profits_add_up_over_a_death_and_an_exchange() {
    let rows = two_steady(-9..60) + &steady("END", -9..9, "10", 7_000_000);
    let to = date(2023, 2, 28);
    let history = of_closes(&rows, to, &[]);
    let settings = settings(to, Schedule::Weekly);
    let happened = ran(&history, &settings);
    assert_eq!(happened.events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Delisting]);
    let told = report(&history, &settings, &happened);
    assert!(told.assets.iter().any(|asset| asset.symbol == "END"));
    assert_adds_up(&told);
}

#[test]
fn an_order_for_what_is_exchanged_says_so() {
    let rows = two_steady(-9..20) + &steady("OLD", -9..1, "10", 7_000_000) + &steady("NEW", 1..20, "10", 10);
    let on = date(2023, 1, 2);
    let stated = [Migration { from: id("old"), to: id("new"), ratio: Quantity::parse("1").expect("a ratio"), on }];
    let to = date(2023, 1, 5);
    let happened = ran(&of_closes(&rows, to, &stated), &settings(to, Schedule::Once));
    assert_eq!(notes(&happened, "OLD"), ["its asset was exchanged before it could fill"]);
}

#[test]
fn an_exchange_into_more_than_can_be_counted_ends_the_backtest() {
    let rows = two_steady(-9..20) + &steady("OLD", -9..10, "10", 7_000_000) + &steady("NEW", 9..20, "10", 10);
    let ratio = Quantity::parse("1000000000000000000").expect("a ratio");
    let stated = [Migration { from: id("old"), to: id("new"), ratio, on: date(2023, 1, 11) }];
    let to = date(2023, 1, 15);
    let mut policy = three();
    policy.objective.grade_tilt = Rate::ZERO;
    let settings = settings(to, Schedule::Once);
    let ended = run(&policy, &of_closes(&rows, to, &stated), &settings, Crew::of_all_cores(), |_, _| {});
    let told = ended.expect_err("it held OLD").to_string();
    assert!(told.contains("more units of new would come of it than can be counted here, 1e18"), "{told}");
}

#[test]
fn the_benchmark_is_the_one_that_has_a_price() {
    let rows = daily("BTC", -9..40, |day| (20_000 + day * 100).to_string(), 9_000_000)
        + &steady("ETH", -9..40, "1000", 8_000_000);
    // A coin by the usual name that has a price later only.
    let rows = rows + &steady("BITCOIN", 20..40, "1", 1_000);
    let to = date(2023, 2, 5);
    let history = of_closes(&rows, to, &[]);
    let happened = ran(&history, &settings(to, Schedule::Once));
    let (first, last) = (happened.bitcoin[0], happened.bitcoin[happened.bitcoin.len() - 1]);
    assert_eq!((last / first).round_dp(6), (Decimal::from(23_500) / Decimal::from(20_000)).round_dp(6));
    // Listed, but priced by nothing.
    let nameless = "2023-01-01,3,GHO,Ghost,,5000000,1000000,5000000,0,0\n";
    let text = with_steady_coins(&MONTHS[..1], nameless);
    let listed_only = crate::market::history(&files(&[("snapshots.csv", SNAPSHOTS, &text)]), date(2023, 1, 5), &[]);
    let asked = Settings { bitcoin: Some(id("ghost")), ..settings(date(2023, 1, 5), Schedule::Once) };
    let told =
        run(&three(), &listed_only, &asked, Crew::of_all_cores(), |_, _| {}).expect_err("it has no price").to_string();
    assert!(told.contains("benchmark = \"ghost\"") && told.contains("no source has a price of this asset"), "{told}");
}

#[test]
fn a_value_beyond_money_ends_the_backtest() {
    let to = date(2023, 2, 8);
    let rich = Settings { opening_cash: Money::parse("100000000").expect("money"), ..settings(to, Schedule::Once) };
    let mut policy = three();
    policy.objective.grade_tilt = Rate::ZERO;
    let told = run(&policy, &of_closes(&climbing(-9..40), to, &[]), &rich, Crew::of_all_cores(), |_, _| {})
        .expect_err("too much")
        .to_string();
    assert!(told.contains("backtest: value = \"2023-") && told.contains("than money can be here"), "{told}");
}

#[test]
fn weights_are_told_at_month_ends_and_their_mean_is_over_all_days() {
    let to = date(2023, 3, 10);
    let history = of_closes(&two_steady(-9..69), to, &[]);
    let settings = Settings { fill: FillAt::SameClose, ..settings(to, Schedule::Once) };
    let happened = ran(&history, &settings);
    let told = report(&history, &settings, &happened);
    let first = date(2023, 1, 1);
    assert_eq!(told.weights.dates, [first, date(2023, 1, 31), date(2023, 2, 28), to]);
    let btc = told.assets.iter().find(|asset| asset.symbol == "BTC").expect("it is held");
    let series = told.weights.assets.iter().find(|series| series.symbol == "BTC").expect("it is told");
    assert!(btc.mean_weight > index_rebalancer::model::Weight::ZERO);
    assert!(series.weights.iter().all(|weight| *weight == btc.mean_weight), "it never moved: {series:?}");
    // Held half of the time, its mean is half of its weight.
    let later = report(&history, &settings, &halved(happened));
    let mean = later.assets.iter().find(|asset| asset.symbol == "BTC").expect("it is held").mean_weight.get();
    assert_eq!((mean * Decimal::TWO).round_dp(6), btc.mean_weight.get().round_dp(6));
}

/// The same, with as many days again on which nothing was held.
fn halved(mut happened: Backtest) -> Backtest {
    let days = happened.dates.len();
    let last = happened.dates[days - 1];
    for day in 1..=i64::try_from(days).expect("small") {
        happened.dates.push(last.checked_add(jiff::Span::new().days(day)).expect("a day"));
    }
    happened
}

#[test]
fn a_run_a_day_over_monthly_prices_says_that_orders_are_overtaken() {
    let rows = MONTHS.map(|month| listed(month, "XRP", "XRP", "0.4", "9000000")).concat();
    let to = date(2023, 2, 20);
    let history = history(&files(&[("snapshots.csv", SNAPSHOTS, &with_steady_coins(&MONTHS, &rows))]), to, &[]);
    let notices = |schedule: Schedule| {
        let settings = settings(to, schedule);
        report(&history, &settings, &ran(&history, &settings)).notices
    };
    let told = notices(Schedule::Daily);
    assert!(told.iter().any(|notice| notice.contains("did not fill before the next run")), "{told:?}");
    assert!(notices(Schedule::Monthly).is_empty());
}

#[test]
fn turnover_is_half_of_what_was_traded_over_the_mean_value_by_the_year() {
    let to = date(2023, 3, 14);
    let history = of_closes(&two_steady(-9..73), to, &[]);
    let zero = Some(Rate::ZERO);
    let charged = Charged { fee: zero, half_spread: zero, impact: false };
    let settings = Settings { fill: FillAt::SameClose, charged, ..settings(to, Schedule::Once) };
    let summary = report(&history, &settings, &ran(&history, &settings)).summary;
    // 73 days are a fifth of a year, and the value stays at 100,000.
    assert_eq!((summary.days, summary.final_value.to_string().as_str()), (73, "100000"));
    let expected = summary.traded.get() / Decimal::from(40_000);
    assert!(expected > Decimal::TWO, "nearly all was bought: {expected}");
    assert_eq!(summary.turnover_per_year.map(|it| it.get().round_dp(9)), Some(expected.round_dp(9)));
}

/// Closes that wander, with holes of up to four days.
fn wandering(symbol: &str, seed: i64) -> String {
    let rows = daily(symbol, -9..120, |day| (1_000 + (day * (seed + 7)) % 97 * seed).to_string(), 9_000_000);
    let kept = |(place, _): &(usize, &str)| {
        let day = i64::try_from(*place).expect("small") - 9;
        day < 2 || (day + seed) % 11 >= 4
    };
    rows.lines().enumerate().filter(kept).map(|(_, row)| row.to_owned() + "\n").collect()
}

/// Cash, holdings and days from the fills and the closes alone, day by day.
#[test]
fn every_day_is_worth_what_fills_and_closes_say() {
    let rows: String = [("BTC", 3), ("ETH", 5), ("XRP", 8)].map(|(symbol, seed)| wandering(symbol, seed)).concat();
    let to = date(2023, 4, 20);
    let history = of_closes(&rows, to, &[]);
    for (schedule, fill) in [
        (Schedule::Daily, FillAt::NextClose),
        (Schedule::Weekly, FillAt::SameClose),
        (Schedule::Once, FillAt::NextClose),
    ] {
        let settings = Settings { fill, ..settings(to, schedule) };
        let happened = ran(&history, &settings);
        assert!(happened.events.is_empty(), "{:?}", happened.events);
        let orders = || happened.runs.iter().flat_map(|run| &run.orders);
        let fills: Vec<_> = orders().filter_map(|order| Some((&order.order, order.fill.as_ref()?))).collect();
        let mut cash = settings.opening_cash.get();
        let mut held: BTreeMap<usize, Decimal> = BTreeMap::new();
        let mut weights: BTreeMap<usize, (u32, Decimal)> = BTreeMap::new();
        let first = history.day(settings.from).expect("it is loaded");
        for (place, at) in happened.dates.iter().enumerate() {
            for (order, fill) in fills.iter().filter(|(_, fill)| fill.date == *at) {
                let sign = if order.side == Side::Buy { Decimal::ONE } else { -Decimal::ONE };
                cash -= fill.notional.get() * sign + fill.cost().get();
                *held.entry(history.find(&order.asset).expect("known")).or_default() += fill.quantity.get() * sign;
            }
            let worth = |(asset, units): (&usize, &Decimal)| {
                let (from, price) = history.asset(*asset)?.last_close(first + place, usize::MAX)?;
                Some((*asset, price.get() * units, from < first + place)).filter(|(_, worth, _)| !worth.is_zero())
            };
            let worths: Vec<(usize, Decimal, bool)> = held.iter().filter_map(worth).collect();
            let value = cash + worths.iter().map(|(_, worth, _)| worth).sum::<Decimal>();
            let near = |left: Decimal, right: Decimal| (left - right).abs() < Decimal::new(1, 9);
            assert!(near(happened.value[place], value), "{at}: {} told, {value} reckoned", happened.value[place]);
            assert!(near(happened.cash[place], cash), "{at}: {} told, {cash} reckoned", happened.cash[place]);
            let stale = worths.iter().filter(|(_, _, old)| *old).count();
            assert_eq!(happened.stale_prices[place] as usize, stale, "{at}");
            for (asset, worth, _) in worths {
                let (days, sum) = weights.entry(asset).or_default();
                (*days, *sum) = (*days + 1, *sum + worth / value);
            }
        }
        assert!(happened.stale_prices.iter().any(|stale| *stale > 0) && fills.len() > 2, "it has what is asked about");
        assert_eq!(weights.len(), happened.earnings.len());
        for (asset, (days, sum)) in weights {
            let told = &happened.earnings[&asset];
            assert_eq!(told.days_held, days);
            assert!((told.weight_days - sum).abs() < Decimal::new(1, 10), "{} told, {sum} reckoned", told.weight_days);
        }
    }
}

/// Closes of BTC that rise fourteenfold every other day: confirmed, and no break of unit.
fn climbing(days: std::ops::Range<i64>) -> String {
    let steps =
        |day: i64| (0..day.clamp(0, 15)).fold(Decimal::new(1, 9), |close, _| close * Decimal::from(14)).to_string();
    daily("BTC", days.clone(), |day| steps(day / 2), 9_000_000) + &two_steady(days).replace("BTC", "XRP")
}

/// The order of runs and days, deaths, and which error is told.
#[test]
fn any_number_of_workers_tells_the_same() {
    let wandering: String = [("BTC", 3), ("ETH", 5), ("XRP", 8)].map(|(symbol, seed)| wandering(symbol, seed)).concat();
    let dying = two_steady(-9..60) + &steady("END", -9..9, "10", 7_000_000);
    let mut policy = three();
    policy.objective.grade_tilt = Rate::ZERO;
    let told = |history: &History, settings: &Settings, workers: usize| {
        let crew = Crew::of(NonZeroUsize::new(workers).expect("at least one"));
        let mut plans = Vec::new();
        let happened = run(&policy, history, settings, crew, |date, plan| plans.push((date, plan.clone())));
        let happened = happened.map_err(|error| error.to_string());
        assert!(plans.iter().all(|(_, plan)| !plan.certificate.checks.is_empty()), "each is proved");
        if let Ok(happened) = &happened {
            let planned = happened.runs.iter().filter(|run| run.run_id.is_some()).map(|run| run.date);
            let dates = plans.iter().map(|(date, _)| *date);
            assert_eq!(dates.collect::<Vec<_>>(), planned.collect::<Vec<_>>(), "in the order of the days");
        }
        (format!("{happened:?}"), happened.is_ok().then(|| format!("{plans:?}")))
    };
    let rich =
        |to| Settings { opening_cash: Money::parse("100000000").expect("money"), ..settings(to, Schedule::Once) };
    let (early, late) = (date(2023, 2, 8), date(2023, 2, 28));
    for (rows, settings, says) in [
        (&wandering, settings(date(2023, 4, 20), Schedule::Daily), "Rebalance"),
        (&dying, Settings { fill: FillAt::SameClose, ..settings(late, Schedule::Weekly) }, "Delisting"),
        (&climbing(-9..40), rich(early), "2023-01-2"),
        (&climbing(-9..40), Settings { schedule: Schedule::Daily, ..rich(early) }, "2023-01-2"),
    ] {
        let history = of_closes(rows, settings.to, &[]);
        let alone = told(&history, &settings, 1);
        assert!(alone.0.contains(says), "{says}: {}", &alone.0[..alone.0.len().min(500)]);
        for workers in [2, 5] {
            assert_eq!(told(&history, &settings, workers), alone, "{workers} workers");
        }
    }
}

/// Nobody but the benchmark holds it.
#[test]
fn a_benchmark_that_dies_is_paid_out() {
    let rows = two_steady(-9..60)
        + &steady("XRP", -9..60, "1", 7_000_000)
        + &daily("END", -9..9, |day| (if day < 0 { 10 } else { 20 }).to_string(), 1_000);
    let to = date(2023, 2, 28);
    let settings = Settings { bitcoin: Some(id("end")), ..settings(to, Schedule::Once) };
    let history = of_closes(&rows, to, &[]);
    let happened = ran(&history, &settings);
    assert!(happened.events.is_empty(), "the portfolio holds none: {:?}", happened.events);
    let lives = (0..happened.dates.len()).take_while(|day| happened.bitcoin[*day] == Decimal::from(100_000)).count();
    let gone = history.find(&id("end")).and_then(|end| {
        (0..happened.dates.len()).find(|place| history.is_gone(end, history.day(FROM).expect("loaded") + place))
    });
    assert_eq!(Some(lives), gone, "worth the same until it is gone: {:?}", happened.bitcoin);
    assert!(happened.bitcoin[lives..].iter().all(|value| *value == Decimal::from(50_000)), "{:?}", happened.bitcoin);
}

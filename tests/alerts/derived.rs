//! Each event from a record that has it, and not from one that has not.

use std::path::Path;

use index_rebalancer::adapters::files::Case;
use index_rebalancer::alerts::{Alert, derive, of_refusal, of_run};
use index_rebalancer::model::alert::AlertEvent;
use index_rebalancer::model::history::{cut, later};
use index_rebalancer::model::policy::TrailingStop;
use index_rebalancer::model::{Dated, Grade, PlanningInput, Price, Rate, Signal, Trigger, Weight};
use index_rebalancer::planning::plan::{Relaxation, Role};
use index_rebalancer::ports::alert::Severity;
use index_rebalancer::ports::{OrderState, RunRecord, RunState};
use index_rebalancer::preparation::{BadInput, GuardViolation, PreparationError};

use super::{asset, finished};

fn events(record: &RunRecord) -> Vec<AlertEvent> {
    of_run(record, None).into_iter().map(|alert| alert.event).collect()
}

/// The alert of this event; there is exactly one.
fn only(alerts: &[Alert], event: AlertEvent) -> &Alert {
    let found: Vec<&Alert> = alerts.iter().filter(|alert| alert.event == event).collect();
    assert_eq!(found.len(), 1, "{event}: {alerts:#?}");
    found[0]
}

fn input(record: &mut RunRecord) -> &mut PlanningInput {
    record.input.as_mut().expect("an input")
}

fn price(text: &str) -> Price {
    Price::parse(text).expect("a price")
}

/// A run after which nothing but its orders is worth a word: the targets were reached before it.
fn quiet() -> RunRecord {
    let mut record = finished();
    let prices = input(&mut record).assets.iter().map(|(id, it)| (id.clone(), it.price)).collect();
    input(&mut record).state.last_prices = prices;
    record
}

#[test]
fn a_run_tells_that_its_orders_were_sent_and_nothing_else() {
    let record = quiet();
    let alerts = of_run(&record, None);
    assert_eq!(alerts.len(), 1, "{alerts:#?}");
    let alert = only(&alerts, AlertEvent::OrdersSent);
    assert_eq!((alert.title.as_str(), alert.severity), ("3 orders sent", Severity::Info));
    assert_eq!(alert.about, "over-cap-after-rally (paper, binance/over-cap-after-rally)");
    assert!(alert.lines.contains(&"sell 225.8 SUIUSDT: filled, 225.8 filled".to_owned()), "{:?}", alert.lines);
    assert_eq!(alert.subjects.len(), 3);
}

#[test]
fn a_plan_that_stands_is_ready_and_one_under_way_is_not() {
    let mut record = quiet();
    record.orders.clear();
    record.state = RunState::Planned;
    let alerts = of_run(&record, None);
    let alert = only(&alerts, AlertEvent::PlanReady);
    assert!(alert.title.starts_with("A plan with 3 orders stands, valid until 2025-04-26T00:15"), "{}", alert.title);
    assert!(alert.lines.contains(&"sell 225.8 SUIUSDT at 3.4994 USDT".to_owned()), "{:?}", alert.lines);
    for state in [RunState::Emitting, RunState::Done] {
        record.state = state;
        assert_eq!(events(&record), [], "{state:?}");
    }
}

#[test]
fn orders_that_went_wrong_are_told_by_what_is_known_of_them() {
    for (state, event, severity) in [
        (OrderState::Rejected, AlertEvent::OrderRejected, Severity::Warning),
        (OrderState::NotPlaced, AlertEvent::OrderRejected, Severity::Warning),
        (OrderState::Unknown, AlertEvent::OrderUnknown, Severity::Critical),
    ] {
        let mut record = quiet();
        record.orders[1].state = state;
        record.orders[1].note = "the venue said so".to_owned();
        let alerts = of_run(&record, None);
        let alert = only(&alerts, event);
        assert_eq!(
            (alert.subjects.as_slice(), alert.severity),
            ([record.orders[1].key.to_string()].as_slice(), severity)
        );
        assert!(alert.lines[0].contains(": the venue said so"), "{:?}", alert.lines);
        assert_eq!(only(&alerts, AlertEvent::OrdersSent).subjects.len(), 2);
    }
    // Taken first and rejected afterwards: it was sent, and that is not told anew.
    let mut record = quiet();
    let sent = only(&of_run(&record, None), AlertEvent::OrdersSent).subjects.clone();
    let order = &mut record.orders[1];
    (order.state, order.refused) = (OrderState::Cancelled, true);
    order.note = "rejected by desk: the market is closed".to_owned();
    let alerts = of_run(&record, None);
    let alert = only(&alerts, AlertEvent::OrderRejected);
    assert_eq!(alert.subjects, [record.orders[1].key.to_string()]);
    assert!(alert.lines[0].ends_with(": rejected by desk: the market is closed"), "{:?}", alert.lines);
    assert_eq!(only(&alerts, AlertEvent::OrdersSent).subjects, sent);
    record.orders[1].refused = false;
    assert!(!events(&record).contains(&AlertEvent::OrderRejected), "an end that a person or the market made");
    // What was never sent was not sent.
    let mut record = quiet();
    for (order, state) in record.orders.iter_mut().zip([OrderState::Skipped, OrderState::Expired, OrderState::Planned])
    {
        order.state = state;
    }
    assert_eq!(events(&record), []);
}

#[test]
fn a_run_that_was_aborted_says_why() {
    let mut record = quiet();
    record.orders.clear();
    record.state = RunState::Aborted;
    record.reason = "the kill switch is on".to_owned();
    let alerts = of_run(&record, None);
    let alert = only(&alerts, AlertEvent::RunAborted);
    assert_eq!(
        (alert.severity, alert.lines.as_slice()),
        (Severity::Critical, ["the kill switch is on".to_owned()].as_slice())
    );
    // Before there is a plan only the occasion is known.
    let run = record.plan.as_ref().expect("a plan").run.clone();
    record.plan = None;
    assert_eq!(events(&record), []);
    let told = derive::of_abort(record.run_id, &run, "no plan in time");
    assert_eq!((told.len(), told[0].event), (1, AlertEvent::RunAborted));
}

#[test]
fn limits_that_gave_way_are_named() {
    let mut record = quiet();
    let weight = |text: &str| Weight::parse(text).expect("a weight");
    record.plan.as_mut().expect("a plan").relaxations.push(Relaxation {
        limit: "turnover".to_owned(),
        priority: 2,
        bound: weight("0.02"),
        amount: weight("0.005"),
    });
    let alerts = of_run(&record, None);
    let alert = only(&alerts, AlertEvent::LimitRelaxed);
    assert_eq!(
        (alert.title.as_str(), alert.subjects.as_slice()),
        ("1 limit gave way", ["turnover".to_owned()].as_slice())
    );
    assert_eq!(alert.lines, ["turnover: bound 0.02 moved by 0.005"]);
}

#[test]
fn a_regime_that_turned_is_told() {
    let mut record = quiet();
    let regime = &mut record.plan.as_mut().expect("a plan").regime;
    (regime.changed, regime.bearish, regime.why) = (true, true, "two dates agree".to_owned());
    let alerts = of_run(&record, None);
    let alert = only(&alerts, AlertEvent::RegimeChanged);
    assert_eq!(
        (alert.title.as_str(), alert.lines.as_slice()),
        ("The regime turned bearish", ["two dates agree".to_owned()].as_slice())
    );
}

#[test]
fn a_holding_that_fell_far_enough_is_told() {
    let mut record = quiet();
    let now = input(&mut record).assets[&asset("sui")].price.get();
    // Exactly a tenth less than before, and a little less than that.
    for (before, is_told) in [(now / "0.9".parse().unwrap_or(now), true), (now / "0.901".parse().unwrap_or(now), false)]
    {
        input(&mut record).state.last_prices.insert(asset("sui"), Price::new(before.round_dp(12)).expect("a price"));
        let told: Vec<Alert> =
            of_run(&record, None).into_iter().filter(|alert| alert.event == AlertEvent::StopLoss).collect();
        assert_eq!(told.len(), usize::from(is_told), "{before}");
        if let Some(alert) = told.first() {
            assert_eq!(
                (alert.subjects.as_slice(), alert.severity),
                (["sui".to_owned()].as_slice(), Severity::Critical)
            );
            assert!(alert.lines[0].contains("10 % down"), "{:?}", alert.lines);
        }
    }
    // Nobody asked.
    input(&mut record).policy.alerts.as_mut().expect("alerts").stop_loss = None;
    input(&mut record).state.last_prices.insert(asset("sui"), price("1000"));
    assert!(!events(&record).contains(&AlertEvent::StopLoss));
}

#[test]
fn a_holding_that_a_trailing_stop_takes_out_is_told() {
    let mut record = quiet();
    let as_of = jiff::tz::TimeZone::UTC.to_datetime(input(&mut record).as_of).date();
    let closes = ["2", "2", "1"].map(price).into_iter().zip(-3_i64..);
    let closes = closes.map(|(close, day)| (later(as_of, day).expect("a day"), close)).collect();
    input(&mut record).history = cut([(asset("sui"), closes)], later(as_of, -1).expect("a day"), 9);
    let fall = Rate::parse("0.4").expect("a rate");
    let rule = TrailingStop { fall, window_days: 5, cool_down_days: 2 };
    input(&mut record).policy.eligibility.trailing_stop = Some(rule);
    assert!(!events(&record).contains(&AlertEvent::StopLoss), "a constituent is not taken out");
    let plan = record.plan.as_mut().expect("a plan");
    let sui = plan.positions.iter_mut().find(|position| position.asset == asset("sui")).expect("it is held");
    sui.role = Role::MustExit;
    // Of a holding that has fallen since the run before as well, both are told: neither counts as the other.
    input(&mut record).state.last_prices.insert(asset("sui"), price("1000"));
    let subjects: Vec<String> = of_run(&record, None)
        .into_iter()
        .filter(|alert| alert.event == AlertEvent::StopLoss)
        .flat_map(|alert| alert.subjects)
        .collect();
    assert_eq!(subjects, ["trailing sui", "sui"]);
    // Whatever is told of prices.
    input(&mut record).policy.alerts = None;
    let alerts = of_run(&record, None);
    let alert = only(&alerts, AlertEvent::StopLoss);
    assert_eq!((alert.severity, alert.subjects.as_slice()), (Severity::Critical, &["trailing sui".to_owned()][..]));
    let said = "sui: trailing stop: 50.00 % below the high of 2 on 2025-04-24 with 1 on 2025-04-25; back on 2025-04-29 at the earliest";
    assert_eq!(alert.lines, [said]);
}

#[test]
fn a_grade_that_crossed_its_threshold_is_told_in_both_directions() {
    let mut record = quiet();
    let as_of = input(&mut record).as_of;
    let grade = |record: &mut RunRecord, value: &str| {
        let value = Grade::new(value.parse().expect("a number")).expect("a grade");
        let asset = input(record).assets.get_mut(&asset("bitcoin")).expect("bitcoin");
        asset.grades.trader = Some(Dated { value, at: as_of });
    };
    for (before, now, told) in [
        ("50", "49.9", Some("bitcoin: trader grade 50 to 49.9, below 50")),
        ("49.9", "50", Some("bitcoin: trader grade 49.9 to 50, above 50")),
        ("10", "49", None),
        ("50", "99", None),
    ] {
        let mut previous = record.clone();
        grade(&mut previous, before);
        grade(&mut record, now);
        let alerts = of_run(&record, previous.input.as_ref());
        let crossed = alerts.iter().find(|alert| alert.event == AlertEvent::GradeCrossed);
        assert_eq!(crossed.map(|alert| alert.lines[0].as_str()), told, "{before} to {now}");
    }
    assert!(!events(&record).contains(&AlertEvent::GradeCrossed), "without a run before nothing was crossed");
}

#[test]
fn a_signal_that_turned_is_told() {
    let mut record = quiet();
    let as_of = input(&mut record).as_of;
    input(&mut record).state.last_signals.insert(asset("bitcoin"), Signal::Bullish);
    for (now, is_told) in [(Signal::Bullish, false), (Signal::Neutral, true), (Signal::Bearish, true)] {
        let record_asset = input(&mut record).assets.get_mut(&asset("bitcoin")).expect("bitcoin");
        record_asset.grades.signal = Some(Dated { value: now, at: as_of });
        assert_eq!(events(&record).contains(&AlertEvent::SignalTurned), is_told, "{now:?}");
    }
}

#[test]
fn a_price_that_reached_its_target_is_told_once() {
    let mut record = quiet();
    // Bitcoin stands above its target of 90,000; what counts is where it stood before.
    for (before, is_told) in [(Some("89999.99"), true), (Some("90000"), false), (Some("99999"), false), (None, true)] {
        let prices = &mut input(&mut record).state.last_prices;
        match before {
            Some(before) => prices.insert(asset("bitcoin"), price(before)),
            None => prices.remove(&asset("bitcoin")),
        };
        let alerts = of_run(&record, None);
        assert_eq!(alerts.iter().any(|alert| alert.event == AlertEvent::PriceTarget), is_told, "{before:?}");
    }
    let alerts = of_run(&record, None);
    let alert = only(&alerts, AlertEvent::PriceTarget);
    assert!(alert.lines[0].contains("is at least 90000"), "{:?}", alert.lines);
}

#[test]
fn data_that_are_too_old_are_told_whether_the_run_went_on_or_not() {
    let mut record = quiet();
    input(&mut record).notices =
        vec!["2 signals older than 48 h count as missing: sui".to_owned(), "older than it looks".to_owned()];
    let alerts = of_run(&record, None);
    assert_eq!(only(&alerts, AlertEvent::StaleData).severity, Severity::Warning);

    let run = record.plan.as_ref().expect("a plan").run.clone();
    let violation = |guard: &str| GuardViolation {
        guard: guard.to_owned(),
        field: "grades".to_owned(),
        value: "the newest are of last week".to_owned(),
        remedy: "fetch them again".to_owned(),
    };
    let refusal = PreparationError::Guarded(vec![violation("max_grade_age_hours"), violation("max_price_jump")]);
    let alerts = of_refusal(record.run_id, &run, &refusal);
    let stale = only(&alerts, AlertEvent::StaleData);
    assert_eq!((stale.lines.len(), stale.severity), (1, Severity::Critical));
    let _ = only(&alerts, AlertEvent::RunAborted);
    // A refusal for another reason is no matter of age.
    let refusal = PreparationError::from(BadInput::new("policy", "name", "", "it is empty", "write one"));
    let alerts = of_refusal(record.run_id, &run, &refusal);
    assert_eq!((alerts.len(), alerts[0].event), (1, AlertEvent::RunAborted));
}

#[test]
fn stale_data_are_recognised_by_what_the_guards_say_of_them() {
    let case = Case::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/blue-chip")).expect("a case");
    let (account, at) = (case.accounts().next().expect("an account"), case.days()[2].at);
    let prepare = |hours: i64| {
        let later = at + jiff::SignedDuration::from_hours(hours);
        case.planning_input(account, Trigger::Scheduled(later), later, None, None, None)
    };
    let run = case.run_identity(account, Trigger::Scheduled(at)).expect("an identity");
    let refusal = prepare(30 * 24).expect_err("a month old");
    let alerts = of_refusal(uuid::Uuid::nil(), &run, &refusal);
    assert!(!only(&alerts, AlertEvent::StaleData).lines.is_empty(), "{refusal}");
    let _ = only(&alerts, AlertEvent::RunAborted);
    // Sound on the day itself.
    assert!(prepare(0).is_ok());

    // A single old grade among fresh ones: the run goes on without it and says so.
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(case.place()).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.path().is_file() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copied");
        }
    }
    let signals = folder.path().join("trading_signals-2025-04-10.json");
    let text = std::fs::read_to_string(&signals).expect("signals");
    std::fs::write(&signals, text.replacen("2025-04-10", "2025-01-01", 1)).expect("written");
    let case = Case::load(folder.path()).expect("a case");
    let input = case.planning_input(account, Trigger::Scheduled(at), at, None, None, None).expect("it goes on");
    let mut record = quiet();
    record.input = Some(input);
    assert!(events(&record).contains(&AlertEvent::StaleData));
}

#[test]
fn the_same_record_tells_the_same_whatever_the_order_of_its_orders() {
    let record = quiet();
    let mut shuffled = record.clone();
    shuffled.orders.reverse();
    assert_eq!(of_run(&record, None), of_run(&shuffled, None));
}

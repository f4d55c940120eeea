//! What the objective asks of each asset, on the clean sample: tilt, bands, and what may be bought at all.
//!
//! Gaps by hand, in USDT.

use index_rebalancer::model::policy::{BandKind, CategoryLimit, OnBreach};
use index_rebalancer::model::{CategoryId, Decimal, Grade, Listing, Rate, Tick};

use super::optimality::{on_target, proved, set};
use super::sample::{Sample, dec, id, money, quantity, weight};
use super::tail_risk::{closes, remember, stop};

/// Nothing is traded, and everything but solana, 9,000 at a cost of 0.002, is where it should be.
fn at_rest(meant: &str, idle: &str) -> Sample {
    let mut sample = Sample::clean();
    sample.plan.orders.clear();
    sample.asset("dogwif").listing = None;
    sample.restate();
    for position in &mut sample.plan.positions {
        position.reference_weight = position.weight_before;
    }
    sample.position("solana").reference_weight = weight(meant);
    set(&mut sample, &[("idle_cash", idle)]);
    sample
}

fn gap(meant: &str, idle: &str, change: impl FnOnce(&mut Sample)) -> Decimal {
    let mut sample = at_rest(meant, idle);
    change(&mut sample);
    sample.restate();
    proved(&sample).gap_bp.get()
}

fn band(sample: &mut Sample, kind: BandKind, width: Option<&str>) {
    let rule = &mut sample.input.policy.drift_band;
    (rule.kind, rule.width, rule.on_breach) = (kind, width.map(weight), OnBreach::ToBandEdge);
}

/// A unit is worth 1 of idle cash and 1 of tracking, a quarter more past each step from the reference; steps beyond the
/// band's edge are at the edge.
#[test]
fn tracking_pulls_to_the_bands_edge() {
    let below = |meant: &str, kind: BandKind, width: Option<&str>| gap(meant, "1", |s| band(s, kind, width));
    let stays = dec("0");
    // To 12,000: 1,800 until 90 % of it, at 2.25 − 0.002, and 1,200 at 2 − 0.002.
    let all_the_way = dec("644.4");
    assert_eq!(below("0.12", BandKind::None, None), all_the_way);
    assert_eq!(below("0.12", BandKind::Absolute, Some("0.03")), stays, "at the band's edge");
    // To 10,000, where the first step now is.
    let to_the_edge = dec("224.8");
    assert_eq!(below("0.12", BandKind::Absolute, Some("0.02")), to_the_edge);
    assert_eq!(below("0.12", BandKind::Relative, Some("0.25")), stays);
    // To 9,600.
    assert_eq!(below("0.12", BandKind::Relative, Some("0.2")), dec("134.88"));
    // A fourth of 12 points is 3. Of 13 it is 3.25: 750, and the first two steps are there.
    assert_eq!(below("0.12", BandKind::FiveTwentyFive, None), stays);
    assert_eq!(below("0.13", BandKind::FiveTwentyFive, None), dec("187.35"));
    // From 20 on it is 5 points: to 25,000, with orders as large: 6,000 until half of 30,000 at 2.75 − 0.002, 7,500 until
    // three fourths at 2.5 − 0.002, and 2,500 at 2.25 − 0.002.
    let large = |s: &mut Sample| {
        band(s, BandKind::FiveTwentyFive, None);
        s.input.policy.orders.max_order_notional = money("20000");
    };
    assert_eq!(gap("0.3", "1", large), dec("4084.3"));

    // Too much of it, and idle cash, 10,000, counts for nothing: from 9,000 to 8,000 two of the steps from 6,000 are at
    // the edge: 1.5 − 0.002 for each.
    let above = gap("0.06", "0", |s| band(s, BandKind::Absolute, Some("0.02")));
    assert_eq!(above, dec("1149.8"));
}

/// Solana is where it should be, and the price of a limit drives it past every step: away from the reference a unit costs
/// 2, and 0.002; with 1 of idle cash and 2 of its category, 0.998 are left of it.
#[test]
fn every_step_on_the_way_is_taken_once() {
    let mut sample = at_rest("0.09", "1");
    let category = CategoryId::new("alone").unwrap();
    sample.asset("solana").categories.insert(category.clone());
    let limits = &mut sample.input.policy.limits;
    limits.categories.push(CategoryLimit { category, min_weight: Some(weight("0.09")), max_weight: None, soft: None });
    set(&mut sample, &[("idle_cash", "1"), ("category_min(alone)", "2")]);
    sample.restate();
    // 900 at 0.998, 1,350 at 0.748, 2,250 at 0.498 and as many at 0.248; and the blur of a slack of nothing.
    assert_eq!(proved(&sample).gap_bp.get(), dec("358.650001"));
}

/// The reference itself is what counts where anything is new.
#[test]
fn bands_are_open_where_anything_is_new() {
    let with = |change: fn(&mut Sample)| {
        gap("0.12", "1", |s| {
            band(s, BandKind::Absolute, Some("0.02"));
            change(s);
        })
    };
    let (to_the_edge, all_the_way) = (dec("224.8"), dec("644.4"));
    assert_eq!(with(|_| {}), to_the_edge);
    assert_eq!(with(|s| s.input.policy.drift_band.on_breach = OnBreach::ToTarget), all_the_way, "by policy");
    let member = |s: &mut Sample| assert!(s.plan.next_state.members.insert(id("solana")));
    assert_eq!(with(member), all_the_way, "the members are others");
    assert_eq!(with(|s| s.plan.regime.changed = true), all_the_way, "the regime has turned");
    let policy = |s: &mut Sample| s.input.state.policy_digest = Some("another".to_owned());
    assert_eq!(with(policy), all_the_way, "the policy was another");
    let same = |s: &mut Sample| {
        s.restate();
        s.input.state.policy_digest = Some(s.plan.policy_digest.clone());
    };
    assert_eq!(with(same), to_the_edge, "the policy was the same");
}

/// A grade of 100 is worth 0.1 for each unit: 0.06 at a grade of 60.
#[test]
fn grades_tilt_the_objective() {
    let mut sample = on_target(&[("idle_cash", "1")]);
    sample.input.policy.objective.grade_tilt = Rate::parse("0.1").unwrap();
    sample.restate();
    // 71,000 in constituents. To buy bitcoin back is worth 0.062 for 3,500; of what must leave no grade counts: 13.75.
    assert_eq!(proved(&sample).value.get(), dec("-0.0877775"));
    assert_eq!(proved(&sample).gap_bp.get(), dec("23.075"));
    // Ripple has no grade and counts as the mean of the other constituents, 60; nobody else's grade counts.
    for (asset, grade) in [("ethereum", "80"), ("solana", "40"), ("dogwif", "10"), ("usd-coin", "10")] {
        let investor = sample.asset(asset).grades.investor.as_mut().unwrap();
        investor.value = Grade::new(dec(grade)).unwrap();
    }
    sample.asset("ripple").grades.investor = None;
    sample.restate();
    // 0.1 · (0.6 · 38,000 + 0.8 · 24,000 + 0.4 · 9,000) = 4,560.
    assert_eq!(proved(&sample).value.get(), dec("-0.0847775"));
}

/// Solana is a point short of its reference: 1,000 at 2 − 0.002, where it may be bought, besides the 20.75 of what was sold
/// (`optimality`).
#[test]
fn nothing_is_thinkable_where_nothing_may_be_bought() {
    fn bearish(s: &mut Sample) {
        (s.plan.regime.bearish, s.input.state.bearish) = (true, Some(true));
        s.plan.regime.stable_share = weight("0.25");
    }
    let gap = |asset: &str, meant: &str, change: fn(&mut Sample)| {
        let mut sample = Sample::clean();
        sample.drop_order("cardano");
        sample.drop_order("ethereum");
        change(&mut sample);
        sample.restate();
        for position in &mut sample.plan.positions {
            position.reference_weight = position.weight_after;
        }
        sample.position(asset).reference_weight = weight(meant);
        set(&mut sample, &[("idle_cash", "1")]);
        proved(&sample).gap_bp.get()
    };
    let (bought, stays) = (dec("201.875"), dec("2.075"));
    assert_eq!(gap("solana", "0.1", |_| {}), bought);
    assert_eq!(gap("solana", "0.1", bearish), stays);
    let allowed = |s: &mut Sample| {
        bearish(s);
        s.input.policy.regime.as_mut().unwrap().no_buy_when_bearish = false;
    };
    assert_eq!(gap("solana", "0.1", allowed), bought);
    assert_eq!(gap("usd-coin", "0.17", bearish), bought, "the stable leg is bought whatever the market");
    assert_eq!(
        gap("solana", "0.1", |s| s.asset("solana").grades.investor = None),
        stays,
        "the policy asks for a grade"
    );
    assert_eq!(gap("usd-coin", "0.17", |s| s.asset("usd-coin").grades.investor = None), bought, "but not of the leg");
    let few = |s: &mut Sample| {
        remember(s);
        stop(s, 0);
        closes(s, "solana", ["1", "1", "-", "-", "-"]);
    };
    assert_eq!(gap("solana", "0.1", few), stays, "of late it has no close");
    assert_eq!(gap("usd-coin", "0.17", few), bought, "nor has the leg, which needs none");
}

/// Solana is a point short of its reference, 1,000 at 2 − 0.002, and more where that is said.
#[test]
fn no_more_is_thinkable_than_one_run_may_buy() {
    fn listing(s: &mut Sample) -> &mut Listing {
        s.asset("solana").listing.as_mut().unwrap()
    }
    let short = |change: fn(&mut Sample)| {
        gap("0.1", "1", |s| {
            s.input.policy.eligibility.min_average_daily_volume = None;
            change(s);
        })
    };
    // No more than 500 of it.
    let five = |s: &mut Sample| listing(s).max_quantity = Some(quantity("5"));
    let at_most_five = |change: fn(&mut Sample)| {
        gap("0.1", "1", |s| {
            five(s);
            change(s);
        })
    };
    let (all, half, none) = (dec("199.8"), dec("99.9"), dec("0"));
    assert_eq!(short(|_| {}), all);
    assert_eq!(at_most_five(|_| {}), half);
    assert_eq!(at_most_five(|s| listing(s).lot_size = quantity("0.3")), dec("95.904"), "16 lots");
    assert_eq!(at_most_five(|s| listing(s).min_quantity = quantity("5")), half);
    assert_eq!(at_most_five(|s| listing(s).min_quantity = quantity("5.001")), none);
    assert_eq!(at_most_five(|s| listing(s).min_notional = money("500")), half);
    assert_eq!(at_most_five(|s| listing(s).min_notional = money("500.01")), none);
    assert_eq!(at_most_five(|s| s.input.policy.orders.min_trade = money("500")), half);
    assert_eq!(at_most_five(|s| s.input.policy.orders.min_trade = money("500.01")), none);
    // 5 % of a volume of 10,000: 100 at a cost of 0.002 and 400 at 0.0035.
    assert_eq!(short(|s| s.asset("solana").average_daily_volume = Some(money("10000"))), dec("99.84"));
    assert_eq!(short(|s| s.asset("solana").average_daily_volume = None), none, "no trade without a known volume");
    let without_volume = |s: &mut Sample| {
        s.input.policy.limits.participation = None;
        s.asset("solana").average_daily_volume = None;
    };
    assert_eq!(short(without_volume), dec("199.65"), "all of it at the last rate");
    // A buy's limit price is no higher than 101, and must be 100 to be filled.
    assert_eq!(short(|s| listing(s).tick_size = Tick::parse("50").unwrap()), all);
    assert_eq!(
        short(|s| listing(s).tick_size = Tick::parse("7").unwrap()),
        none,
        "98 is too low, and 105 beyond the collar"
    );
    // With everything that the account is worth: of 300,000 that are meant, 66,000 until three fourths are missing, at 3 −
    // 0.002, and 34,000 at 2.75 − 0.002.
    let everything = gap("3", "1", |s| {
        s.input.policy.limits.max_weight = None;
        s.input.policy.orders.max_order_notional = money("1000000");
    });
    assert_eq!(everything, dec("29130"));
}

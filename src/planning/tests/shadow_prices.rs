//! What a point more or less is worth, on programs small enough to be worked out by hand.
//!
//! Everything is in cash and tracking is all that counts: a unit of an empty member is worth 2 of tracking until a quarter
//! of it is there, then 1.75, and 1 of idle cash, less 0.15 % of cost. The members are 98 %, so the first quarter of all
//! of them is 24.5 %, a turnover of 12.25 %. A point of turnover is two points of purchases.

use super::*;
use crate::model::BasisPoints;
use crate::planning::{Margin, ShadowPrice, at_the_margin};

fn all_in_cash(turnover: &str) -> PlanningInput {
    let policy = policy(|policy| policy.limits.turnover = Some(hard(turnover)));
    input(policy, &["600", "300", "100"], &[], "1000000")
}

fn bp(text: &str) -> BasisPoints {
    BasisPoints::parse(text).expect(text)
}

fn price(input: &PlanningInput, limit: &str) -> Option<ShadowPrice> {
    let margins = at_the_margin(input, &planned(input)).expect("it has a plan");
    margins.limits.into_iter().find(|price| price.limit == limit)
}

#[test]
fn a_point_of_turnover_is_worth_what_two_points_of_purchases_are() {
    for turnover in ["0.05", "0.1"] {
        let ShadowPrice { looser_bp, tighter_bp, .. } = price(&all_in_cash(turnover), "turnover").expect("it binds");
        assert_eq!((looser_bp, tighter_bp), (bp("599.7"), Some(bp("599.7"))), "{turnover}");
    }
    let ShadowPrice { looser_bp, .. } = price(&all_in_cash("0.13"), "turnover").expect("it binds");
    assert_eq!(looser_bp, bp("549.7"));
}

#[test]
fn where_it_is_degenerate_more_is_worth_less_than_less_costs() {
    let ShadowPrice { looser_bp, tighter_bp, .. } = price(&all_in_cash("0.1225"), "turnover").expect("it binds");
    assert_eq!((looser_bp, tighter_bp), (bp("549.7"), Some(bp("599.7"))));
}

#[test]
fn a_limit_with_room_has_no_price() {
    assert_eq!(price(&all_in_cash("0.9"), "turnover"), None);
    assert_eq!(price(&all_in_cash("0.1"), "cash_buffer"), None);
}

/// The bound that the certificate proves, with a little more turnover and a little less: its slope is the price.
#[test]
fn the_price_is_the_slope_of_what_is_proved() {
    let bound = |turnover: &str| {
        let plan = planned(&all_in_cash(turnover));
        plan.certificate.optimality.expect("a program was solved").bound.get()
    };
    let slope = (bound("0.1001") - bound("0.1")) / dec("0.0001") * Decimal::ONE_HUNDRED;
    assert_eq!(slope.round_dp(3), dec("599.7"));
}

#[test]
fn what_cannot_be_tighter_says_so() {
    let policy = policy(|policy| {
        policy.limits.max_weight = Some(hard("0.5"));
        policy.limits.turnover = Some(hard("0.150004"));
    });
    let input = input(policy, &["600", "300", "100"], &[("a", "800000"), ("b", "100000"), ("c", "80000")], "20000");
    let ShadowPrice { tighter_bp, .. } = price(&input, "turnover").expect("it binds");
    assert_eq!(tighter_bp, None, "30 points must be sold");
}

#[test]
fn what_holds_an_asset_is_named_with_its_price() {
    let input = all_in_cash("0.1");
    let margins = at_the_margin(&input, &planned(&input)).expect("it has a plan");
    // Of what turnover leaves, 20 %, a has its first quarter and b a part of its own: equal choices go by name.
    for (asset, gain) in [("a", "274.85"), ("b", "299.85"), ("c", "299.85")] {
        let Margin { side, gain_bp, takes_bp } = margins.assets.get(&id(asset)).expect("it may be bought");
        assert_eq!((*side, *gain_bp), (Side::Buy, bp(gain)), "{asset}");
        assert_eq!(takes_bp, &[("turnover".to_owned(), bp("299.85"))].into(), "{asset}");
    }
}

#[test]
fn a_plan_without_a_program_has_no_prices() {
    let input = all_in_cash("0.1");
    let mut plan = planned(&input);
    plan.multipliers = None;
    assert_eq!(at_the_margin(&input, &plan), Ok(crate::planning::AtTheMargin::default()));
}

/// 80 % of one asset, of which 10 points can go: the cap of 50 % is met at 70 %, or with a turnover of 15 %. Its reference
/// weight is 58.8 %, so by tracking alone half of it is not worth having.
#[test]
fn a_limit_that_gave_way_says_what_could_have_instead() {
    let policy = policy(|policy| {
        policy.limits.max_weight = Some(soft("0.5", 2));
        policy.limits.turnover = Some(hard("0.05"));
    });
    let input = input(policy, &["600", "300", "100"], &[("a", "8000"), ("b", "1000"), ("c", "800")], "200");
    let plan = planned(&input);
    let margins = at_the_margin(&input, &plan).expect("it has a plan");
    let instead = margins.instead.get("max_weight(a)").expect("the cap gave way");
    let [other] = instead.as_slice() else { panic!("turnover alone could have: {instead:?}") };
    assert_eq!((other.limit.as_str(), other.from, other.to), ("turnover", weight("0.05"), weight("0.15")));
    let more = |turnover: &str, cap: Option<&str>| {
        let mut input = input.clone();
        input.policy.limits.turnover = Some(hard(turnover));
        input.policy.limits.max_weight = cap.map(hard);
        planned(&input).certificate.optimality.expect("a program was solved").value.get()
    };
    let worth = (more("0.15", Some("0.5")) - plan.certificate.optimality.expect("proved").value.get()) * dec("10000");
    assert!(worth < dec("-2000") && (worth - other.worth_bp.get()).abs() < dec("1"), "{worth} and {}", other.worth_bp);
}

#[test]
fn where_nothing_gave_way_nothing_could_have_instead() {
    let input = all_in_cash("0.1");
    assert!(at_the_margin(&input, &planned(&input)).expect("it has a plan").instead.is_empty());
}

/// One holding of at most half is all there may be: what cash is left stays cash, and no bound on it holds anything back.
#[test]
fn a_limit_with_room_has_no_price_where_whole_holdings_are_decided() {
    let input = |most: Option<u32>| {
        let policy = policy(|policy| {
            policy.objective.tracking_aversion = Rate::ZERO;
            policy.objective.grade_tilt = Rate::parse("1").expect("a rate");
            policy.limits.max_weight = Some(hard("0.5"));
            policy.limits.max_holdings = most;
        });
        input(policy, &["600", "300", "100"], &[], "1000000")
    };
    let one = input(Some(1));
    let plan = planned(&one);
    assert_eq!(plan.positions.iter().filter(|position| !position.quantity_after.is_zero()).count(), 1);
    assert_eq!(price(&one, "cash_buffer"), None);
    assert!(price(&input(None), "cash_buffer").is_some(), "where every asset may be bought, it binds");
}

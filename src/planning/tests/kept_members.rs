//! Members that are kept at the weight they have, for a figure that would weigh them is unknown.

use crate::model::policy::CategoryLimit;
use crate::model::{CategoryId, Decimal, PlanningInput, Side};
use crate::planning::RebalancePlan;
use crate::planning::sample::{dec, id, input, policy};

use super::{orders, planned, weight};

/// `a` and `b` have no market cap any more and are most of the account; `c` and `d` are weighed.
fn kept(most: Option<&str>, categorised: &[&str]) -> PlanningInput {
    let defi = CategoryId::new("defi").expect("a category");
    let policy = policy(|policy| {
        (policy.ranking.members, policy.ranking.enter_rank, policy.ranking.exit_rank) = (4, 4, 5);
        let limit = |most| CategoryLimit {
            category: defi.clone(),
            min_weight: None,
            max_weight: Some(weight(most)),
            soft: None,
        };
        policy.limits.categories = most.map(limit).into_iter().collect();
    });
    let holdings = [("a", "4000"), ("b", "2000"), ("c", "2500"), ("d", "1000")];
    let mut input = input(policy, &["1", "1", "300", "100"], &holdings, "500");
    input.state.members = ["a", "b", "c", "d"].map(id).into();
    for asset in ["a", "b"] {
        input.assets.get_mut(&id(asset)).expect(asset).market_cap = None;
    }
    for asset in categorised {
        input.assets.get_mut(&id(asset)).expect(asset).categories = [defi.clone()].into();
    }
    input
}

fn references(plan: &RebalancePlan) -> Vec<(&str, Decimal)> {
    let mut references: Vec<(&str, Decimal)> =
        plan.positions.iter().map(|it| (it.asset.as_str(), it.reference_weight.get().round_dp(4))).collect();
    references.sort_unstable();
    references
}

#[test]
fn they_aim_at_the_weight_they_have() {
    let plan = planned(&kept(None, &[]));
    assert_eq!(references(&plan), [("a", dec("0.4")), ("b", dec("0.2")), ("c", dec("0.285")), ("d", dec("0.095"))]);
}

#[test]
fn together_they_aim_at_no_more_than_their_category_may_weigh() {
    let plan = planned(&kept(Some("0.3"), &["a", "b"]));
    assert_eq!(references(&plan), [("a", dec("0.2")), ("b", dec("0.1")), ("c", dec("0.51")), ("d", dec("0.17"))]);
    let plan = planned(&kept(Some("0.3"), &["a"]));
    assert_eq!(references(&plan), [("a", dec("0.3")), ("b", dec("0.2")), ("c", dec("0.36")), ("d", dec("0.12"))]);
    let plan = planned(&kept(Some("0.6"), &["a", "b", "c"]));
    assert_eq!(references(&plan).first(), Some(&("a", dec("0.4"))), "others of the category do not take from them");
}

/// `a` is of both categories, and aims at what the tighter one leaves it, in whatever order they are written.
#[test]
fn of_two_categories_the_tighter_counts() {
    let mut input = kept(Some("0.3"), &["a", "b"]);
    let games = CategoryId::new("games").expect("a category");
    input.assets.get_mut(&id("a")).expect("a").categories.insert(games.clone());
    let limit = CategoryLimit { category: games, min_weight: None, max_weight: Some(weight("0.1")), soft: None };
    input.policy.limits.categories.push(limit);
    let wanted = [("a", dec("0.1")), ("b", dec("0.1")), ("c", dec("0.585")), ("d", dec("0.195"))];
    assert_eq!(references(&planned(&input)), wanted);
    input.policy.limits.categories.reverse();
    assert_eq!(references(&planned(&input)), wanted);
}

/// Else `c` and `d` would be sold for what `a` and `b` weigh now, and bought back once the limit has made those go.
#[test]
fn what_a_limit_makes_them_sell_is_bought_of_the_others_at_once() {
    let plan = planned(&kept(Some("0.3"), &["a", "b"]));
    let sides = |asset: &str| orders(&plan).into_iter().find(|(_, name, _)| *name == asset).map(|(side, ..)| side);
    assert_eq!(["a", "b", "c", "d"].map(sides), [Some(Side::Sell), Some(Side::Sell), Some(Side::Buy), Some(Side::Buy)]);
}

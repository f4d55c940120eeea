//! Soft limits that whole holdings make give way further than parts of holdings would.

use crate::model::policy::{CategoryLimit, Ranking, Soft};
use crate::model::{CategoryId, ListingStatus, PlanningInput};
use crate::planning::plan::Relaxation;
use crate::planning::sample::{dec, id, input, policy};
use crate::planning::{PlanError, plan};

use super::{hard, orders, planned, weight};

/// A quarter is to be in `defi`, and no asset above 15 %. Half of it all is stuck in `a`, so that of two holdings one is left:
/// of `c` and `d` only one may be bought, where parts of both would do.
fn one_place_is_left(soft: Option<Soft>) -> PlanningInput {
    let defi = CategoryId::new("defi").expect("a category");
    let policy = policy(|policy| {
        policy.ranking = Ranking { members: 4, enter_rank: 4, exit_rank: 5, ..policy.ranking.clone() };
        policy.limits.max_holdings = Some(2);
        policy.limits.max_weight = Some(hard("0.15"));
        policy.limits.categories =
            vec![CategoryLimit { category: defi.clone(), min_weight: Some(weight("0.25")), max_weight: None, soft }];
    });
    let mut input = input(policy, &["600", "300", "200", "100"], &[("a", "5000")], "5000");
    input.assets.get_mut(&id("a")).expect("a").listing.as_mut().expect("listed").status = ListingStatus::Halted;
    for asset in ["c", "d"] {
        input.assets.get_mut(&id(asset)).expect(asset).categories = [defi.clone()].into();
    }
    input
}

#[test]
fn a_soft_limit_gives_way_to_whole_holdings_by_the_least_that_they_need() {
    let plan = planned(&one_place_is_left(Some(Soft { priority: 2, hard_bound: None })));
    let bought = orders(&plan);
    assert_eq!(bought.len(), 1, "{bought:?}");
    let [Relaxation { limit, priority: 2, amount, .. }] = plan.relaxations.as_slice() else {
        panic!("{:?}", plan.relaxations)
    };
    assert_eq!(limit, "category_min(defi)");
    // A tenth, what a round trip costs below the cap, and what the search for the least may leave.
    assert!(amount.get() >= dec("0.1") && amount.get() < dec("0.1006"), "{amount}");
}

#[test]
fn beyond_its_hard_bound_it_gives_way_to_nothing() {
    for soft in [None, Some(Soft { priority: 2, hard_bound: Some(weight("0.2")) })] {
        let Err(PlanError::Conflict(conflict)) = plan(&one_place_is_left(soft)) else {
            panic!("there are no such orders")
        };
        assert!(conflict.limits.contains(&"category_min(defi)".to_owned()), "{conflict}");
        assert!(conflict.limits.contains(&"max_holdings".to_owned()), "{conflict}");
    }
}

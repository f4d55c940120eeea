//! Bounds that cannot be had as the policy asks, and those that only cost something.

use crate::model::ListingStatus;
use crate::planning::sample::{dec, id, input, policy};

use super::{hard, planned, weight};

/// No limit can ask for what nobody can sell; but the certificate says what the policy asks.
#[test]
fn what_cannot_be_had_stands_beside_what_the_policy_asks() {
    let policy = policy(|policy| {
        policy.limits.max_weight = Some(hard("0.3"));
        policy.limits.cash_buffer = Some(hard("0.4"));
    });
    let mut input = input(policy, &["600", "300", "100"], &[("a", "8000"), ("b", "100")], "1900");
    input.assets.get_mut(&id("a")).expect("a").listing.as_mut().expect("listed").status = ListingStatus::Halted;
    let checks = planned(&input).certificate.checks;
    let stated = |limit: &str| {
        let check = checks.iter().find(|check| check.limit == limit).expect(limit);
        (check.bound.get().round_dp(4), check.stated)
    };
    assert_eq!(stated("max_weight(a)"), (dec("0.8"), Some(weight("0.3"))));
    assert_eq!(stated("max_weight(b)"), (dec("0.3"), None));
    assert_eq!(stated("cash_buffer"), (dec("0.2"), Some(weight("0.4"))), "cash, and what b brings");
}

/// That selling costs something puts nothing out of reach.
#[test]
fn what_costs_alone_leave_of_a_bound_is_not_out_of_reach() {
    let policy = policy(|policy| policy.limits.cash_buffer = Some(hard("0.9999")));
    let plan = planned(&input(policy, &["600", "300", "100"], &[("a", "5000"), ("b", "4000")], "1000"));
    let check = plan.certificate.checks.iter().find(|check| check.limit == "cash_buffer").expect("a buffer");
    assert!(check.bound.get() < dec("0.9999"), "{check:?}");
    assert_eq!(check.stated, None);
}

//! What may give way, how far, and what may not.

use index_rebalancer::model::policy::Soft;
use index_rebalancer::model::{Flow, Quantity};

use super::sample::{Sample, id, money, quantity, weight};
use super::{Case, certified, check, violations};

/// As the field of a limit that may give way.
#[expect(clippy::unnecessary_wraps, reason = "a limit's softness is optional, and every use sets that field")]
fn soft(priority: u32, hard_bound: Option<&str>) -> Option<Soft> {
    Some(Soft { priority, hard_bound: hard_bound.map(weight) })
}

/// Bitcoin goes from 0.40 to 0.35; its cap is 0.30, soft, at most 0.36.
fn soft_cap(s: &mut Sample) {
    s.input.policy.limits.max_weight_of.insert(id("bitcoin"), weight("0.3"));
    s.input.policy.limits.max_weight.as_mut().unwrap().soft = soft(2, Some("0.36"));
    s.restate();
}

const CAP: &str = "max_weight(bitcoin)";
const CAP_ONLY: &[&str] = &[CAP];

#[test]
fn a_cap_gives_way_within_the_policys_terms() {
    check(&[
        Case("not relaxed", soft_cap, CAP_ONLY),
        Case(
            "relaxed by what it takes",
            |s| {
                soft_cap(s);
                s.relax(CAP, 2, "0.3", "0.05");
            },
            &[],
        ),
        Case(
            "within what the solver can tell apart",
            |s| {
                soft_cap(s);
                s.relax(CAP, 2, "0.3", "0.049999998");
            },
            &[],
        ),
        Case(
            "beyond that",
            |s| {
                soft_cap(s);
                s.relax(CAP, 2, "0.3", "0.0499999979");
            },
            CAP_ONLY,
        ),
        Case(
            "at the hard bound",
            |s| {
                soft_cap(s);
                s.input.policy.limits.max_weight.as_mut().unwrap().soft = soft(2, Some("0.35"));
                s.restate();
                s.relax(CAP, 2, "0.3", "0.05");
            },
            &[],
        ),
        Case(
            "beyond the hard bound",
            |s| {
                soft_cap(s);
                s.input.policy.limits.max_weight.as_mut().unwrap().soft = soft(2, Some("0.34999999999999999999"));
                s.restate();
                s.relax(CAP, 2, "0.3", "0.05");
            },
            CAP_ONLY,
        ),
        Case(
            "no hard bound",
            |s| {
                soft_cap(s);
                s.input.policy.limits.max_weight.as_mut().unwrap().soft = soft(2, None);
                s.restate();
                s.relax(CAP, 2, "0.3", "0.05");
            },
            &[],
        ),
        Case(
            "hard",
            |s| {
                soft_cap(s);
                s.input.policy.limits.max_weight.as_mut().unwrap().soft = None;
                s.restate();
                s.relax(CAP, 2, "0.3", "0.05");
            },
            CAP_ONLY,
        ),
        Case(
            "another priority",
            |s| {
                soft_cap(s);
                s.relax(CAP, 1, "0.3", "0.05");
            },
            CAP_ONLY,
        ),
        Case(
            "another bound",
            |s| {
                soft_cap(s);
                s.relax(CAP, 2, "0.31", "0.05");
            },
            CAP_ONLY,
        ),
        Case(
            "twice",
            |s| {
                soft_cap(s);
                s.relax(CAP, 2, "0.3", "0.05");
                s.relax(CAP, 2, "0.3", "0.05");
            },
            CAP_ONLY,
        ),
    ]);
    let mut sample = Sample::clean();
    soft_cap(&mut sample);
    sample.relax(CAP, 2, "0.3", "0.05");
    assert_eq!(certified(&sample, CAP), "0.35 0.3 0.05 0 0");
}

#[test]
fn the_bound_that_a_relaxation_starts_from_is_compared_to_nine_digits() {
    fn from(s: &mut Sample, bound: &str) {
        soft_cap(s);
        s.relax(CAP, 2, bound, "0.05");
    }
    check(&[
        Case("nearly the limit's", |s| from(s, "0.300000001"), &[]),
        Case("not to nine digits", |s| from(s, "0.3000000011"), CAP_ONLY),
    ]);
}

/// The smallest orders of everything tradable are worth 125: 0.00125; a basis point besides.
#[test]
fn a_relaxation_is_the_least_possible() {
    check(&[
        Case(
            "blurred by every lot there is",
            |s| {
                soft_cap(s);
                s.relax(CAP, 2, "0.3", "0.05135");
            },
            &[],
        ),
        Case(
            "more than that",
            |s| {
                soft_cap(s);
                s.relax(CAP, 2, "0.3", "0.05135000000000000001");
            },
            CAP_ONLY,
        ),
        Case(
            "none",
            |s| {
                soft_cap(s);
                s.input.policy.limits.max_weight_of.insert(id("bitcoin"), weight("0.35"));
                s.restate();
                s.relax(CAP, 2, "0.35", "0");
            },
            CAP_ONLY,
        ),
        Case(
            "negative",
            |s| {
                soft_cap(s);
                s.input.policy.limits.max_weight_of.insert(id("bitcoin"), weight("0.35"));
                s.restate();
                s.relax(CAP, 2, "0.35", "-0.0001");
            },
            CAP_ONLY,
        ),
        Case(
            "of a limit with room",
            |s| {
                soft_cap(s);
                s.input.policy.limits.max_weight_of.insert(id("bitcoin"), weight("0.39"));
                s.restate();
                s.relax(CAP, 2, "0.39", "0.001");
            },
            CAP_ONLY,
        ),
    ]);
}

/// Ripple is halted at 0.01, over a cap of 0.005.
#[test]
fn a_state_limit_gives_way_by_no_more_than_doing_nothing_would() {
    // Solana is held at 9 % and not traded; its smallest order is worth 0.0002.
    fn held(s: &mut Sample, amount: &str) {
        s.input.policy.limits.max_weight_of.insert(id("solana"), weight("0.085"));
        s.input.policy.limits.max_weight.as_mut().unwrap().soft = soft(1, None);
        s.restate();
        s.relax("max_weight(solana)", 1, "0.085", amount);
    }
    check(&[
        Case("as much", |s| held(s, "0.005"), &[]),
        Case("more", |s| held(s, "0.00500000000000000001"), &["max_weight(solana)"]),
        Case("less, by its lots", |s| held(s, "0.0048"), &[]),
        Case("less", |s| held(s, "0.0047999979"), &["max_weight(solana)"]),
    ]);
}

/// Ethereum starts at 0.20. Ten dollars more are within its lot, and still make the violation worse.
#[test]
fn no_trade_may_increase_a_relaxed_violation() {
    fn over(s: &mut Sample, units: Option<&str>) {
        match units {
            Some(units) => s.order("ethereum").quantity = quantity(units),
            None => s.drop_order("ethereum"),
        }
        s.input.policy.limits.max_weight_of.insert(id("ethereum"), weight("0.19"));
        s.input.policy.limits.max_weight.as_mut().unwrap().soft = soft(1, None);
        s.restate();
        s.relax("max_weight(ethereum)", 1, "0.19", "0.01");
    }
    check(&[
        Case("left alone", |s| over(s, None), &[]),
        Case("bought", |s| over(s, Some("0.005")), &["max_weight(ethereum)"]),
    ]);
}

/// Cash starts at 0.10 and ends at 0.1296225; the buffer is 0.15.
#[test]
fn at_least_limits_give_way_downwards() {
    fn buffer(s: &mut Sample, hard_bound: Option<&str>, amount: &str) {
        let limit = s.input.policy.limits.cash_buffer.as_mut().unwrap();
        (limit.bound, limit.soft) = (weight("0.15"), soft(3, hard_bound));
        s.restate();
        s.relax("cash_buffer", 3, "0.15", amount);
    }
    const BUFFER: &[&str] = &["cash_buffer"];
    check(&[
        Case("by what it takes", |s| buffer(s, None, "0.0203775"), &[]),
        Case("at the hard bound", |s| buffer(s, Some("0.1296225"), "0.0203775"), &[]),
        Case("below the hard bound", |s| buffer(s, Some("0.12962250000000000001"), "0.0203775"), BUFFER),
        Case("within the lots", |s| buffer(s, None, "0.020177498"), &[]),
        Case("beyond the lots", |s| buffer(s, None, "0.0201774979"), BUFFER),
    ]);
    let mut sample = Sample::clean();
    buffer(&mut sample, None, "0.0203775");
    assert_eq!(certified(&sample, "cash_buffer"), "0.1296225 0.15 0.0203775 0 0");
}

#[test]
fn other_state_limits_give_way_by_their_own_terms() {
    check(&[
        Case(
            "stable share, from 0.25 to 0.2896225 of 0.3",
            |s| {
                s.plan.regime.stable_share = weight("0.3");
                s.input.policy.regime.as_mut().unwrap().bullish_stable_share = weight("0.3");
                s.input.policy.limits.stable_share = soft(4, None);
                s.restate();
                s.relax("stable_share", 4, "0.3", "0.0103775");
            },
            &[],
        ),
        Case(
            "stable share, hard",
            |s| {
                s.plan.regime.stable_share = weight("0.3");
                s.input.policy.regime.as_mut().unwrap().bullish_stable_share = weight("0.3");
                s.restate();
                s.relax("stable_share", 4, "0.3", "0.0103775");
            },
            &["stable_share"],
        ),
        Case(
            "stable share, made worse: from 0.25 towards 0.2396225 by keeping the exit",
            |s| {
                s.drop_order("dogwif");
                s.drop_order("bitcoin");
                s.plan.regime.stable_share = weight("0.26");
                s.input.policy.regime.as_mut().unwrap().bullish_stable_share = weight("0.26");
                s.input.policy.limits.stable_share = soft(4, None);
                s.input.policy.limits.cash_buffer = None;
                s.restate();
                s.relax("must_exit", 0, "0", "0.05");
                s.relax("stable_share", 4, "0.26", "0.01");
            },
            &["stable_share"],
        ),
        Case(
            "category, both sides: from 0.69 to 0.7 of at least 0.72",
            |s| {
                let limit = &mut s.input.policy.limits.categories[0];
                (limit.min_weight, limit.soft) = (Some(weight("0.72")), soft(5, None));
                s.restate();
                s.relax("category_min(layer-1)", 5, "0.72", "0.02");
            },
            &[],
        ),
        Case(
            "category, made worse: from 0.69 to 0.7 of at most 0.68",
            |s| {
                let limit = &mut s.input.policy.limits.categories[0];
                (limit.max_weight, limit.soft) = (Some(weight("0.68")), soft(5, None));
                s.restate();
                s.relax("category_max(layer-1)", 5, "0.68", "0.02");
            },
            &["category_max(layer-1)"],
        ),
        Case(
            "withdrawal: 0.1296225 of 0.15",
            |s| {
                s.input.flow = Flow::Withdraw(money("10000"));
                s.restate();
                s.relax("withdraw", 0, "0.15", "0.0203775");
            },
            &[],
        ),
        Case(
            "exit sold in part",
            |s| {
                s.order("dogwif").quantity = quantity("6000");
                s.restate();
                s.relax("must_exit", 0, "0", "0.02");
            },
            &[],
        ),
        Case(
            "exit sold in part, with a priority of its own",
            |s| {
                s.order("dogwif").quantity = quantity("6000");
                s.restate();
                s.relax("must_exit", 1, "0", "0.02");
            },
            &["must_exit"],
        ),
    ]);
}

/// No exit is pending, so only the cap on bitcoin can press. Turnover is 0.06.
fn tight_turnover(s: &mut Sample, cap: &str, cap_soft: Option<Soft>, turnover_soft: Option<Soft>) {
    s.drop_order("dogwif");
    let holding = s.holding("dogwif");
    (holding.free, holding.locked) = (Quantity::ZERO, holding.free);
    let limits = &mut s.input.policy.limits;
    limits.max_weight_of.insert(id("bitcoin"), weight(cap));
    limits.max_weight.as_mut().unwrap().soft = cap_soft;
    let turnover = limits.turnover.as_mut().unwrap();
    (turnover.bound, turnover.soft) = (weight("0.05"), turnover_soft);
    s.restate();
    s.relax("turnover", 3, "0.05", "0.01");
}

#[test]
fn turnover_gives_way_only_to_a_limit_that_outranks_it() {
    const TURNOVER: &[&str] = &["turnover"];
    check(&[
        Case("for a hard cap", |s| tight_turnover(s, "0.38", None, soft(3, Some("0.06"))), &[]),
        Case("for a soft cap of higher rank", |s| tight_turnover(s, "0.38", soft(2, None), soft(3, None)), &[]),
        Case(
            "for one of the same rank, before it by name",
            |s| tight_turnover(s, "0.38", soft(3, None), soft(3, None)),
            &[],
        ),
        Case("not for one of lower rank", |s| tight_turnover(s, "0.38", soft(4, None), soft(3, None)), TURNOVER),
        Case(
            "for one of lower rank that is beyond its hard bound, which is as hard as any",
            |s| tight_turnover(s, "0.38", soft(4, Some("0.39")), soft(3, None)),
            &[],
        ),
        Case(
            "not where it is at its hard bound",
            |s| tight_turnover(s, "0.38", soft(4, Some("0.4")), soft(3, None)),
            TURNOVER,
        ),
        Case("not for a cap that holds anyway", |s| tight_turnover(s, "0.4", None, soft(3, None)), TURNOVER),
        Case("never beyond its hard bound", |s| tight_turnover(s, "0.38", None, soft(3, Some("0.0599"))), TURNOVER),
        Case("never when hard", |s| tight_turnover(s, "0.38", None, None), TURNOVER),
        Case(
            "for a withdrawal",
            |s| {
                s.input.flow = Flow::Withdraw(money("5001"));
                tight_turnover(s, "0.4", None, soft(3, None));
                s.input.policy.limits.cash_buffer.as_mut().unwrap().bound = weight("0.049");
                s.input.flow = Flow::Withdraw(money("5101"));
                s.restate();
                let (left, bound) = (s.plan.cash.weight_after, weight("0.10001"));
                s.plan.relaxations[0].limit = "turnover".to_owned();
                let short = (bound - left).to_string();
                s.relax("withdraw", 0, "0.10001", &short);
            },
            // The buys spend what is to be withdrawn: that is no way to use a relaxation.
            &["withdraw"],
        ),
        Case(
            "for an exit",
            |s| {
                tight_turnover(s, "0.4", None, soft(3, None));
                let holding = s.holding("dogwif");
                (holding.free, holding.locked) = (quantity("40"), quantity("9960"));
                s.add_order("dogwif", index_rebalancer::model::Side::Sell, "40", "0.495");
                s.plan.orders.rotate_right(1);
                s.restate();
            },
            &[],
        ),
    ]);
}

#[test]
fn what_never_gives_way_does_not() {
    check(&[
        Case("participation", |s| s.relax("participation(bitcoin)", 1, "0.05", "0.01"), &["participation(bitcoin)"]),
        Case("budget", |s| s.relax("budget", 1, "1", "0.01"), &["budget"]),
        Case("collar", |s| s.relax("collar(bitcoin)", 1, "0.01", "0.01"), &["collar(bitcoin)"]),
        Case("cash at limit prices", |s| s.relax("cash_at_limit_prices", 1, "0", "0.01"), &["cash_at_limit_prices"]),
        Case("a limit nobody set", |s| s.relax("category_max(nft)", 1, "0.1", "0.01"), &["category_max(nft)"]),
        Case("a withdrawal nobody asked for", |s| s.relax("withdraw", 0, "0.05", "0.01"), &["withdraw"]),
    ]);
    let mut sample = Sample::clean();
    sample.input.policy.limits.participation = Some(index_rebalancer::model::Rate::parse("0.01").unwrap());
    sample.restate();
    sample.relax("participation(dogwif)", 1, "0.01", "0.01");
    let found = violations(&sample);
    assert_eq!(found[0].sentence, "it is relaxed by 0.01, and it never gives way");
}

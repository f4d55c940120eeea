//! Least weight and most holdings, on the clean sample: bitcoin (a fourth of it locked), cardano, ethereum, halted ripple and
//! solana are held after it, all but cardano before it.

use index_rebalancer::model::Side;

use super::sample::{Sample, money, quantity, weight};
use super::{Case, certified, check};

fn most(s: &mut Sample, most: u32) {
    let orders = &mut s.input.policy.orders;
    (orders.max_order_notional, orders.max_run_notional) = (money("100000"), money("100000"));
    s.input.policy.limits.turnover = None;
    s.input.policy.limits.max_holdings = Some(most);
    s.restate();
}

/// Without cardano, whose weight would be too little.
fn least(s: &mut Sample, least: &str) {
    self::most(s, 5);
    s.input.policy.limits.min_weight = Some(weight(least));
    s.drop_order("cardano");
    s.restate();
}

/// Cardano stays out; four are held, and two of them cannot be sold: what is locked of bitcoin, and ripple.
fn crowded(s: &mut Sample, most: u32) {
    s.drop_order("cardano");
    self::most(s, most);
}

fn sell_solana(s: &mut Sample, units: &str) {
    s.add_order("solana", Side::Sell, units, "99");
    s.plan.orders.rotate_right(1);
    s.restate();
}

const SOLANA: &[&str] = &["min_weight(solana)"];
const HOLDINGS: &[&str] = &["max_holdings"];

#[test]
fn holdings_are_counted() {
    check(&[
        Case("as many as may be", |s| most(s, 5), &[]),
        Case("one too many", |s| most(s, 4), HOLDINGS),
        Case(
            "one too many is bought, whatever the plan says",
            |s| {
                most(s, 4);
                s.relax("max_holdings", 0, "4", "1");
            },
            HOLDINGS,
        ),
        Case("too many and nobody says so", |s| crowded(s, 3), HOLDINGS),
        Case(
            "too many as before",
            |s| {
                crowded(s, 3);
                s.relax("max_holdings", 0, "3", "1");
            },
            &[],
        ),
        Case(
            "what cannot be sold is no relaxation",
            |s| {
                crowded(s, 1);
                s.relax("max_holdings", 0, "2", "2");
            },
            &[],
        ),
        Case(
            "relaxed from a bound that asks for what cannot be sold",
            |s| {
                crowded(s, 1);
                s.relax("max_holdings", 0, "1", "3");
            },
            HOLDINGS,
        ),
        Case(
            "at another priority",
            |s| {
                crowded(s, 3);
                s.relax("max_holdings", 1, "3", "1");
            },
            HOLDINGS,
        ),
        Case(
            "nothing is no holding, though nobody could sell it",
            |s| {
                s.asset("polkadot").listing = None;
                most(s, 5);
            },
            &[],
        ),
        Case(
            "dust is no holding",
            |s| {
                // 0.1 of solana is worth 10, and the venue takes 0.2 and more.
                most(s, 4);
                sell_solana(s, "89.9");
            },
            &[],
        ),
    ]);
    let mut sample = Sample::clean();
    most(&mut sample, 5);
    assert_eq!(certified(&sample, "max_holdings"), "5 5 0 0 0");
}

#[test]
fn a_constituent_weighs_nothing_or_enough() {
    check(&[
        Case(
            "at the least",
            |s| {
                s.input.policy.limits.min_weight = Some(weight("0.02"));
                s.restate();
            },
            &[],
        ),
        Case(
            "a newcomer below it",
            |s| {
                s.input.policy.limits.min_weight = Some(weight("0.0201"));
                s.restate();
            },
            &["min_weight(cardano)"],
        ),
        Case("a holding below it", |s| least(s, "0.1"), SOLANA),
        Case(
            "a holding below it that gives way",
            |s| {
                least(s, "0.1");
                s.relax("min_weight(solana)", 0, "0.1", "0.01");
            },
            &[],
        ),
        Case(
            "further from it than before",
            |s| {
                least(s, "0.1");
                sell_solana(s, "20");
                s.relax("min_weight(solana)", 0, "0.1", "0.03");
            },
            SOLANA,
        ),
        Case(
            "sold in full",
            |s| {
                least(s, "0.1");
                sell_solana(s, "90");
            },
            &[],
        ),
        Case(
            "sold as far as the venue takes",
            |s| {
                least(s, "0.1");
                s.asset("solana").listing.as_mut().unwrap().max_quantity = Some(quantity("50"));
                sell_solana(s, "50");
            },
            &[],
        ),
        Case(
            "not as far",
            |s| {
                least(s, "0.1");
                s.asset("solana").listing.as_mut().unwrap().max_quantity = Some(quantity("50"));
                sell_solana(s, "49");
            },
            SOLANA,
        ),
    ]);
    let mut sample = Sample::clean();
    least(&mut sample, "0.09");
    assert_eq!(certified(&sample, "min_weight(solana)"), "0.09 0.09 0 0 0");
    assert_eq!(certified(&sample, "min_weight(polkadot)"), "0 0 0 0 0");
    assert_eq!(certified(&sample, "min_weight(ripple)"), "0.01 0.01 0 0 0");
}

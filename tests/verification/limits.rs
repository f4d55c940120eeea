//! Limits at, within and beyond their bounds.

use index_rebalancer::model::policy::CategoryLimit;
use index_rebalancer::model::{CategoryId, Flow, ListingStatus, Money, Quantity, Rate};

use super::sample::{Sample, dec, id, money, quantity, weight};
use super::{Case, certificate, certified, check, violations};

fn layer_1(s: &mut Sample) -> &mut CategoryLimit {
    &mut s.input.policy.limits.categories[0]
}

/// A limit whose bound a test can move.
struct Bounded {
    limit: &'static str,
    set: fn(&mut Sample, &str),
    left: &'static str,
    /// What dropped sales in the row may be worth together, over 100,000, and 1e-9 that a solver calls met.
    allowance: &'static str,
    at_least: bool,
}

/// Left sides and smallest orders by hand, from the table in `common/sample.rs`.
const BOUNDED: &[Bounded] = &[
    Bounded {
        limit: "cash_buffer",
        set: |s, bound| s.input.policy.limits.cash_buffer.as_mut().unwrap().bound = weight(bound),
        left: "0.1296225",
        allowance: "0.000200001", // solana, held and not ordered; neither halted ripple nor unheld polkadot
        at_least: true,
    },
    Bounded {
        limit: "stable_share",
        set: |s, bound| {
            s.plan.regime.stable_share = weight(bound);
            s.input.policy.regime.as_mut().unwrap().bullish_stable_share = weight(bound);
        },
        left: "0.2896225",
        allowance: "0.000200001",
        at_least: true,
    },
    Bounded {
        limit: "withdraw",
        set: |s, bound| {
            let amount = (dec(bound) - dec("0.05")) * dec("100000");
            s.input.flow = Flow::Withdraw(Money::new(amount).unwrap());
        },
        left: "0.1296225",
        allowance: "0.000200001",
        at_least: true,
    },
    Bounded {
        limit: "category_min(layer-1)",
        set: |s, bound| layer_1(s).min_weight = Some(weight(bound)),
        left: "0.7",
        // A lot of bitcoin 50, of ethereum 0.20 and of cardano 0.05, for they have orders; polkadot 10, solana 20.
        allowance: "0.000802501",
        at_least: true,
    },
    Bounded {
        limit: "category_max(layer-1)",
        set: |s, bound| layer_1(s).max_weight = Some(weight(bound)),
        left: "0.7",
        allowance: "0.000200001", // solana; polkadot is neither held nor ordered: it cannot be too much
        at_least: false,
    },
    Bounded {
        limit: "max_weight(bitcoin)",
        set: |s, bound| {
            s.input.policy.limits.max_weight_of.insert(id("bitcoin"), weight(bound));
        },
        left: "0.35",
        allowance: "0.000000001", // an order is rounded towards cash
        at_least: false,
    },
    Bounded {
        limit: "max_weight(ethereum)",
        set: |s, bound| s.input.policy.limits.max_weight.as_mut().unwrap().bound = weight(bound),
        left: "0.24",
        allowance: "0.000000001",
        at_least: false,
    },
    Bounded {
        limit: "max_weight(solana)",
        set: |s, bound| {
            s.input.policy.limits.max_weight_of.insert(id("solana"), weight(bound));
        },
        left: "0.09",
        allowance: "0.000200001", // the venue's minimum quantity
        at_least: false,
    },
    Bounded {
        limit: "risk",
        set: |s, bound| super::tail_risk::measure(s, Some(bound)),
        left: "0.0436",
        // As what may be lost of it: 4 of a lot of bitcoin, 0.04 of one of ethereum, 3.2 of solana and 4 of polkadot.
        allowance: "0.000112401",
        at_least: false,
    },
    Bounded {
        limit: "turnover",
        set: |s, bound| s.input.policy.limits.turnover.as_mut().unwrap().bound = weight(bound),
        left: "0.085",
        allowance: "0.000475001", // half of 50 + 10 + 10 + 10 + 15
        at_least: false,
    },
    Bounded {
        limit: "participation(dogwif)",
        set: |s, bound| s.input.policy.limits.participation = Some(Rate::parse(bound).unwrap()),
        left: "0.02",
        allowance: "0",
        at_least: false,
    },
];

/// A bound at the left side passes with no slack, a bound the whole allowance away passes with just that allowance,
/// and 1e-20 further is a violation.
#[test]
fn limits_hold_up_to_their_bound_and_lot_allowance_and_no_further() {
    for Bounded { limit, set, left, allowance, at_least } in BOUNDED {
        let away = |distance: &str| {
            let distance = dec(distance);
            (if *at_least { dec(left) + distance } else { dec(left) - distance }).normalize().to_string()
        };
        let with = |bound: &str| {
            let mut sample = Sample::clean();
            set(&mut sample, bound);
            sample.restate();
            sample
        };
        assert_eq!(certified(&with(left), limit), format!("{left} {left} 0 0 0"), "{limit} at its bound");
        let edge = away(allowance);
        assert_eq!(certified(&with(&edge), limit), format!("{left} {edge} 0 {allowance} 0"), "{limit} at its lots");
        let beyond = (dec(&edge) - dec(&away("0")) + dec(&away("0.00000000000000000001"))).normalize().to_string();
        let found = violations(&with(&beyond));
        let limits: Vec<&str> = found.iter().map(|violation| violation.limit.as_str()).collect();
        assert_eq!(limits, [*limit], "{limit} beyond: {found:?}");
    }
}

#[test]
fn a_smallest_order_is_whatever_is_worth_most() {
    fn sample(change: impl FnOnce(&mut Sample)) -> Sample {
        let mut sample = Sample::clean();
        change(&mut sample);
        sample.input.policy.limits.max_weight_of.insert(id("solana"), weight("0.0899"));
        sample.restate();
        sample
    }
    fn listing(s: &mut Sample) -> &mut index_rebalancer::model::Listing {
        s.asset("solana").listing.as_mut().unwrap()
    }
    fn nothing(s: &mut Sample) {
        let rules = listing(s);
        (rules.lot_size, rules.min_quantity, rules.min_notional) = (Quantity::ZERO, Quantity::ZERO, Money::ZERO);
        s.input.policy.orders.min_trade = Money::ZERO;
    }
    let explained = |change: fn(&mut Sample)| {
        violations(&sample(|s| {
            nothing(s);
            change(s);
        }))
        .is_empty()
    };
    assert!(!explained(|_| {}), "10 beyond the bound, and any order can be placed");
    assert!(explained(|s| listing(s).lot_size = quantity("0.1")));
    assert!(!explained(|s| listing(s).lot_size = quantity("0.09")));
    assert!(explained(|s| listing(s).min_quantity = quantity("0.1")));
    assert!(!explained(|s| listing(s).min_quantity = quantity("0.09")));
    // A sell may go as low as 99: 9.9 there are 10 at the reference price.
    assert!(explained(|s| listing(s).min_notional = money("9.9")));
    assert!(!explained(|s| listing(s).min_notional = money("9.89")));
    // Two lots of 6, for one is not enough.
    assert!(explained(|s| (listing(s).lot_size, listing(s).min_notional) = (quantity("0.06"), money("6.5"))));
    assert!(!explained(|s| (listing(s).lot_size, listing(s).min_notional) = (quantity("0.06"), money("5.9"))));
    assert!(explained(|s| s.input.policy.orders.min_trade = money("10")));
    assert!(!explained(|s| s.input.policy.orders.min_trade = money("9.99")));
}

/// Bounds move out of the way of what cannot be sold, and no further.
#[test]
fn no_limit_asks_for_what_nobody_can_sell() {
    let cap = |asset: &'static str, bound: &'static str, change: fn(&mut Sample)| {
        let mut sample = Sample::clean();
        sample.input.policy.limits.max_weight_of.insert(id(asset), weight(bound));
        change(&mut sample);
        sample.restate();
        sample
    };
    // Ripple, 1 %, is halted.
    assert_eq!(certified(&cap("ripple", "0.005", |_| {}), "max_weight(ripple)"), "0.01 0.01 0 0 0");
    assert_eq!(certified(&cap("ripple", "0.02", |_| {}), "max_weight(ripple)"), "0.01 0.02 0 0 0.01");
    // Solana, 9 %, is held and not traded: free it is too much, locked it is what it is.
    let beyond = cap("solana", "0.05", |_| {});
    assert_eq!(violations(&beyond).first().map(|found| found.limit.clone()), Some("max_weight(solana)".to_owned()));
    let locked = cap("solana", "0.05", |s| {
        let holding = s.holding("solana");
        (holding.free, holding.locked) = (Quantity::ZERO, holding.free);
    });
    assert_eq!(certified(&locked, "max_weight(solana)"), "0.09 0.09 0 0 0");
    let stranded = cap("solana", "0.05", |s| {
        s.asset("solana").listing.as_mut().unwrap().min_notional = money("1000000");
    });
    assert_eq!(certified(&stranded, "max_weight(solana)"), "0.09 0.09 0 0 0");
}

/// What one run may sell of it is less than the least order: the whole of it stays.
#[test]
fn nobody_can_sell_in_orders_that_are_too_small() {
    let asked = |change: &dyn Fn(&mut Sample)| {
        let mut sample = Sample::clean();
        sample.input.policy.limits.max_weight_of.insert(id("solana"), weight("0.03"));
        change(&mut sample);
        sample.restate();
        violations(&sample).iter().any(|found| found.limit == "max_weight(solana)")
    };
    // 5 % of the volume: 5,000, which are 4,950 at the lowest price that a sell may carry.
    let by_volume = |s: &mut Sample| s.asset("solana").average_daily_volume = Some(money("100000"));
    let by_venue = |s: &mut Sample| s.asset("solana").listing.as_mut().unwrap().max_quantity = Some(quantity("50"));
    let least = |s: &mut Sample, most: &str| s.asset("solana").listing.as_mut().unwrap().min_notional = money(most);
    let fewest =
        |s: &mut Sample, units: &str| s.asset("solana").listing.as_mut().unwrap().min_quantity = quantity(units);
    let smallest = |s: &mut Sample, worth: &str| s.input.policy.orders.min_trade = money(worth);
    for most in [&by_volume as &dyn Fn(&mut Sample), &by_venue] {
        for (rule, met, missed) in [
            (&least as &dyn Fn(&mut Sample, &str), "4950", "4950.01"),
            (&fewest, "50", "50.01"),
            (&smallest, "5000", "5000.01"),
        ] {
            for (bound, expected) in [(met, true), (missed, false)] {
                let change = |s: &mut Sample| {
                    most(s);
                    rule(s, bound);
                };
                assert_eq!(asked(&change), expected, "a least order of {bound}");
            }
        }
    }
    // Of a sale in full the policy's least trade is not asked.
    assert!(asked(&|s| smallest(s, "5000")));
}

#[test]
fn absent_limits_have_no_rows() {
    let mut sample = Sample::clean();
    sample.input.policy.limits = index_rebalancer::model::policy::Limits {
        cash_buffer: None,
        max_weight: None,
        max_weight_of: std::collections::BTreeMap::new(),
        categories: Vec::new(),
        turnover: None,
        participation: None,
        stable_share: None,
        min_weight: None,
        max_holdings: None,
        risk: None,
    };
    sample.input.flow = Flow::Withdraw(money("1000"));
    sample.plan.positions.retain(|line| line.asset != id("dogwif"));
    sample.drop_order("dogwif");
    sample.input.account.holdings.remove(&id("dogwif"));
    sample.restate();
    let limits: Vec<String> = certificate(&sample).checks.into_iter().map(|check| check.limit).collect();
    let expected = [
        "budget",
        "cash_at_limit_prices",
        "withdraw",
        "stable_share",
        "sell_within_holding(bitcoin)",
        "collar(bitcoin)",
        "collar(cardano)",
        "collar(ethereum)",
        "collar(usd-coin)",
        "max_order_notional",
        "max_run_notional",
        "max_orders",
    ];
    assert_eq!(limits, expected);
}

/// 1,000 over 95,000: without a buffer the amount alone is asked for.
#[test]
fn a_withdrawal_comes_on_top_of_the_buffer() {
    let mut sample = Sample::clean();
    sample.input.flow = Flow::Withdraw(money("1000"));
    sample.restate();
    assert_eq!(certified(&sample, "withdraw"), "0.1296225 0.06 0 0 0.0696225");
    sample.input.policy.limits.cash_buffer = None;
    sample.restate();
    assert_eq!(certified(&sample, "withdraw"), "0.1296225 0.01 0 0 0.1196225");
}

#[test]
fn cash_lasts_at_the_worst_prices() {
    fn free_cash(s: &mut Sample, free: &str, locked: &str) {
        (s.input.account.cash_free, s.input.account.cash_locked) = (money(free), money(locked));
        s.restate();
    }
    // 4,945.05 + 4,945.05 − 4,044.04 − 2,022.02 − 1,011.01 = 2,813.03 comes in.
    check(&[
        Case("to the last cent", |s| free_cash(s, "-2813.03", "12813.03"), &[]),
        Case("a little less", |s| free_cash(s, "-2813.0300001", "12813.0300001"), &["cash_at_limit_prices"]),
    ]);
}

#[test]
fn nothing_trades_without_a_known_volume() {
    fn cardano(s: &mut Sample, volume: Option<&str>) {
        s.input.policy.eligibility.min_average_daily_volume = None;
        s.asset("cardano").average_daily_volume = volume.map(money);
        s.restate();
    }
    check(&[
        Case("unknown", |s| cardano(s, None), &["participation(cardano)"]),
        Case("zero", |s| cardano(s, Some("0")), &["participation(cardano)"]),
        Case(
            "below zero",
            |s| {
                s.input.policy.costs.impact.clear();
                cardano(s, Some("-1"));
            },
            &["participation(cardano)"],
        ),
        Case(
            "unknown, no limit on participation",
            |s| {
                s.input.policy.limits.participation = None;
                cardano(s, None);
            },
            &[],
        ),
        Case(
            "unknown, and not traded",
            |s| {
                s.input.policy.eligibility.min_average_daily_volume = None;
                s.asset("solana").average_daily_volume = None;
                s.restate();
            },
            &[],
        ),
    ]);
}

#[test]
fn slices_count_together() {
    let mut sample = Sample::clean();
    sample.order("dogwif").quantity = quantity("4000");
    let mut second = sample.order("dogwif").clone();
    (second.quantity, second.slice) = (quantity("6000"), 1);
    sample.plan.orders.insert(2, second);
    sample.restate();
    assert_eq!(certified(&sample, "participation(dogwif)"), "0.02 0.05 0 0 0.03");
    assert_eq!(certified(&sample, "sell_within_holding(dogwif)"), "0.05 0.05 0 0 0");
}

#[test]
fn controls_stop_orders_that_are_too_large_or_too_many() {
    fn orders(s: &mut Sample) -> &mut index_rebalancer::model::policy::OrderPolicy {
        &mut s.input.policy.orders
    }
    fn set(s: &mut Sample, change: impl FnOnce(&mut index_rebalancer::model::policy::OrderPolicy)) {
        change(orders(s));
        s.restate();
    }
    check(&[
        Case("largest at its bound", |s| set(s, |o| o.max_order_notional = money("5000")), &[]),
        Case("beyond", |s| set(s, |o| o.max_order_notional = money("4999.99999999")), &["max_order_notional"]),
        Case("all at their bound", |s| set(s, |o| o.max_run_notional = money("17000")), &[]),
        Case("beyond", |s| set(s, |o| o.max_run_notional = money("16999.99999999")), &["max_run_notional"]),
        Case("as many as allowed", |s| set(s, |o| o.max_orders = 5), &[]),
        Case("one more", |s| set(s, |o| o.max_orders = 4), &["max_orders"]),
        Case("none allowed", |s| set(s, |o| o.max_orders = 0), &["max_orders"]),
        Case(
            "none allowed and none planned",
            |s| {
                s.plan.orders.clear();
                s.relax("must_exit", 0, "0", "0.05");
                set(s, |o| (o.max_orders, o.max_run_notional) = (0, Money::ZERO));
            },
            &[],
        ),
        Case(
            "no order of any size: then nothing can be asked to leave",
            |s| {
                s.plan.orders.clear();
                set(s, |o| o.max_order_notional = Money::ZERO);
            },
            &[],
        ),
    ]);
    let mut sample = Sample::clean();
    sample.order("bitcoin").quantity = quantity("0.11");
    set(&mut sample, |o| o.max_order_notional = money("5250"));
    let key = sample.order("bitcoin").key;
    assert_eq!(
        violations(&sample)[0].sentence,
        format!("order {key} for bitcoin: 5500; the policy allows at most 5250")
    );
}

fn sell_dogwif(s: &mut Sample, units: &str) {
    s.order("dogwif").quantity = quantity(units);
    s.restate();
}

#[test]
fn what_must_leave_leaves() {
    fn keep(s: &mut Sample, change: impl FnOnce(&mut Sample)) {
        s.drop_order("dogwif");
        change(s);
        s.restate();
    }
    fn listing(s: &mut Sample) -> &mut index_rebalancer::model::Listing {
        s.asset("dogwif").listing.as_mut().unwrap()
    }
    check(&[
        Case("all of it sold", |s| sell_dogwif(s, "10000"), &[]),
        Case("a lot is left", |s| sell_dogwif(s, "9999"), &["must_exit"]),
        Case("not sold", |s| keep(s, |_| {}), &["must_exit"]),
        Case("halted", |s| keep(s, |s| listing(s).status = ListingStatus::Halted), &[]),
        Case("not listed", |s| keep(s, |s| s.asset("dogwif").listing = None), &[]),
        Case(
            "locked",
            |s| {
                keep(s, |s| {
                    let holding = s.holding("dogwif");
                    (holding.free, holding.locked) = (Quantity::ZERO, holding.free);
                });
            },
            &[],
        ),
        Case(
            "at the venue's least quantity",
            // A smallest order is worth 4,999.50 then; 5,000 are left.
            |s| keep(s, |s| listing(s).min_quantity = quantity("9999")),
            &["must_exit"],
        ),
        Case("below it", |s| keep(s, |s| listing(s).min_quantity = quantity("10001")), &[]),
        Case(
            "just above the venue's least notional, collar off",
            // A smallest order is one lot less than the holding then.
            |s| keep(s, |s| listing(s).min_notional = money("4949.50")),
            &["must_exit"],
        ),
        Case("below it", |s| keep(s, |s| listing(s).min_notional = money("4950.01")), &[]),
        Case("less than a lot", |s| keep(s, |s| listing(s).lot_size = quantity("10001")), &[]),
        Case(
            "dust beyond the lots",
            |s| {
                s.holding("dogwif").free = quantity("10000.9");
                s.restate();
            },
            &[],
        ),
    ]);
    let at_least_quantity = |least: &str| {
        let mut sample = Sample::clean();
        keep(&mut sample, |s| listing(s).min_quantity = quantity(least));
        certified(&sample, "must_exit")
    };
    assert_eq!(at_least_quantity("10000"), "0.05 0 0 0.05 0", "could be sold, and is exactly one smallest order");
    assert_eq!(at_least_quantity("10001"), "0 0 0 0 0", "stranded");

    let mut sample = Sample::clean();
    listing(&mut sample).min_notional = money("4950.01");
    sample.order("dogwif").limit_price = super::sample::price("0.5");
    sample.restate();
    assert_eq!(certified(&sample, "must_exit"), "0 0 0 0 0", "sold although it need not have been");

    // Orders are rounded up to sell all, or as much as the relaxation says.
    let mut sample = Sample::clean();
    sell_dogwif(&mut sample, "10000");
    assert_eq!(certified(&sample, "must_exit"), "0 0 0 0 0");
    sell_dogwif(&mut sample, "9980");
    assert_eq!(
        violations(&sample)[0].sentence,
        "it is 0.0001, and must be at most 0 with relaxation 0 and lot allowance up to 0.000000001: dogwif"
    );
}

/// What cannot be sold keeps its weight from the stable share: a fourth of the bitcoin is locked and ripple is halted,
/// 11 % together. Of what can, 64 % are not stable yet and cost their dearest way twice on theirs.
#[test]
fn the_stable_share_asks_for_no_more_than_can_be_had() {
    let mut sample = Sample::clean();
    sample.plan.regime.stable_share = weight("0.95");
    sample.input.policy.regime.as_mut().unwrap().bullish_stable_share = weight("0.95");
    sample.restate();
    let found = violations(&sample);
    let sentences: Vec<&str> = found.iter().map(|violation| violation.sentence.as_str()).collect();
    let expected =
        "it is 0.2896225, and must be at least 0.88552 with relaxation 0 and lot allowance up to 0.000200001";
    assert_eq!(sentences, [expected], "0.89 - (0.89 - 0.25) x 2 x 0.0035");
}

/// A category is everything that has it, whatever its role.
#[test]
fn categories_count_every_role() {
    let mut sample = Sample::clean();
    let stablecoin = CategoryId::new("stablecoin").unwrap();
    sample.input.policy.limits.categories.push(CategoryLimit {
        category: stablecoin,
        min_weight: Some(weight("0.1")),
        max_weight: Some(weight("0.2")),
        soft: None,
    });
    sample.restate();
    assert_eq!(certified(&sample, "category_min(stablecoin)"), "0.16 0.1 0 0 0.06");
    assert_eq!(certified(&sample, "category_max(stablecoin)"), "0.16 0.2 0 0 0.04");
}

/// Withdrawing 1,000,000 times the account is no fraction that a certificate can hold.
#[test]
fn a_fraction_beyond_the_certificates_range_is_refused() {
    let mut sample = Sample::clean();
    sample.input.flow = Flow::Withdraw(money("100000000000"));
    sample.restate();
    let found = violations(&sample);
    assert!(found.iter().all(|violation| violation.limit == "withdraw"), "{found:?}");
    assert!(found.iter().any(|violation| violation.sentence.contains("cannot be certified")), "{found:?}");
}

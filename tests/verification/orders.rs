//! The shape of orders.

use index_rebalancer::model::{AccountId, InstrumentId, Money, Quantity, Side, Tick, VenueId};
use jiff::SignedDuration;

use super::sample::{Sample, id, money, price, quantity};
use super::{Case, check};

#[test]
fn identity_key_and_digest_are_recomputed() {
    check(&[
        Case(
            "another key",
            |s| {
                let order = s.order("bitcoin");
                order.key = uuid::Uuid::nil();
                order.payload_digest = index_rebalancer::planning::idempotency::payload_digest(order);
            },
            &["key(bitcoin)"],
        ),
        Case("digest", |s| s.order("bitcoin").payload_digest.replace_range(0..1, "x"), &["payload_digest(bitcoin)"]),
        Case(
            "limit price changed under the same key",
            |s| s.order("bitcoin").limit_price = price("49501"),
            &["payload_digest(bitcoin)"],
        ),
        Case(
            "venue",
            |s| {
                s.order("bitcoin").venue = VenueId::new("kraken").unwrap();
                s.rekey();
            },
            &["venue(bitcoin)"],
        ),
        Case(
            "account",
            |s| {
                s.order("bitcoin").venue_account = AccountId::new("other").unwrap();
                s.rekey();
            },
            &["venue(bitcoin)"],
        ),
        Case(
            "instrument",
            |s| {
                s.order("bitcoin").instrument = InstrumentId::new("BTCUSDC").unwrap();
                s.rekey();
            },
            &["instrument(bitcoin)"],
        ),
        Case(
            "late",
            |s| {
                s.order("bitcoin").valid_until += SignedDuration::from_nanos(1);
                s.rekey();
            },
            &["valid_until(bitcoin)"],
        ),
        Case(
            "unknown asset",
            |s| {
                s.drop_order("usd-coin");
                s.restate();
                let mut stranger = s.order("cardano").clone();
                stranger.asset = id("stranger");
                stranger.instrument = InstrumentId::new("STRUSDT").unwrap();
                stranger.priority = 4;
                s.plan.orders.push(stranger);
                s.rekey();
            },
            &["asset(stranger)"],
        ),
    ]);
}

#[test]
fn stated_figures_are_recomputed() {
    check(&[
        Case(
            "reference price",
            |s| {
                s.order("bitcoin").reference_price = price("50000.01");
                s.rekey();
            },
            &["reference_price(bitcoin)"],
        ),
        Case(
            "notional",
            |s| {
                s.order("bitcoin").notional = money("5000.00000000000000000001");
                s.rekey();
            },
            &["notional(bitcoin)"],
        ),
        Case(
            "cost",
            |s| {
                s.order("dogwif").estimated_cost = money("13.75000000000000000001");
                s.rekey();
            },
            &["order_cost(dogwif)"],
        ),
    ]);
}

/// Fee and half spread 15 basis points; 5 up to a hundredth of the volume, 20 beyond.
#[test]
fn impact_is_priced_piece_by_piece() {
    fn cost_of_dogwif(volume: Option<&str>) -> String {
        let mut sample = Sample::clean();
        sample.asset("dogwif").average_daily_volume = volume.map(money);
        sample.input.policy.limits.participation = None;
        sample.restate();
        assert_eq!(super::violations(&sample), []);
        sample.order("dogwif").estimated_cost.to_string()
    }
    assert_eq!(cost_of_dogwif(Some("500000")), "10", "exactly the first piece");
    assert_eq!(cost_of_dogwif(Some("250000")), "13.75", "half and half");
    assert_eq!(cost_of_dogwif(Some("1")), "17.499985", "beyond the last piece its rate goes on");
    assert_eq!(cost_of_dogwif(Some("0")), "17.5", "no volume: the last piece");
    assert_eq!(cost_of_dogwif(None), "17.5", "unknown volume: the last piece");

    let mut flat = Sample::clean();
    flat.input.policy.costs.impact.clear();
    flat.restate();
    assert_eq!(super::violations(&flat), []);
    assert_eq!(flat.order("dogwif").estimated_cost.to_string(), "7.5", "no pieces: no impact");

    let mut three = Sample::clean();
    let mut middle = three.input.policy.costs.impact[0].clone();
    middle.up_to = "0.015".parse().map(|up_to| index_rebalancer::model::Rate::new(up_to).unwrap()).unwrap();
    middle.cost = index_rebalancer::model::Rate::parse("0.001").unwrap();
    three.input.policy.costs.impact.insert(1, middle);
    three.restate();
    assert_eq!(super::violations(&three), []);
    assert_eq!(three.order("dogwif").estimated_cost.to_string(), "12.5", "7.5 + 1.25 + 1.25 + 2.5");
}

#[test]
fn orders_stand_in_their_sequence() {
    check(&[
        Case(
            "a gap",
            |s| {
                s.order("usd-coin").priority = 5;
                s.rekey();
            },
            &["priority(usd-coin)"],
        ),
        Case(
            "a repetition",
            |s| {
                s.order("usd-coin").priority = 3;
                s.rekey();
            },
            &["priority(usd-coin)"],
        ),
        Case(
            "counted from 1",
            |s| {
                s.plan.orders.iter_mut().for_each(|order| order.priority += 1);
                s.rekey();
            },
            &[],
        ),
        Case(
            "a sell after a buy",
            |s| {
                s.plan.orders.swap(1, 2);
                s.restate();
            },
            &["sells_first(dogwif)"],
        ),
        Case("the same order twice", |s| slice_bitcoin(s, 0), &["duplicate_order(bitcoin)"]),
        Case("in two slices", |s| slice_bitcoin(s, 1), &[]),
    ]);
}

/// Sells the 0.1 bitcoin in two orders.
fn slice_bitcoin(s: &mut Sample, second_slice: u32) {
    s.order("bitcoin").quantity = quantity("0.04");
    let mut second = s.order("bitcoin").clone();
    second.quantity = quantity("0.06");
    second.slice = second_slice;
    s.plan.orders.insert(1, second);
    s.restate();
}

fn list(s: &mut Sample, change: impl FnOnce(&mut index_rebalancer::model::Listing)) {
    change(s.asset("bitcoin").listing.as_mut().unwrap());
    s.restate();
}

fn sell_bitcoin(s: &mut Sample, units: &str) {
    s.order("bitcoin").quantity = quantity(units);
    s.restate();
}

#[test]
fn quantities_keep_the_venues_rules() {
    check(&[
        Case("half a lot", |s| sell_bitcoin(s, "0.1005"), &["lot(bitcoin)"]),
        Case(
            "half a lot where there are none",
            |s| {
                sell_bitcoin(s, "0.1005");
                list(s, |listing| listing.lot_size = Quantity::ZERO);
            },
            &[],
        ),
        Case("at the minimum", |s| list(s, |listing| listing.min_quantity = quantity("0.1")), &[]),
        Case(
            "below the minimum",
            |s| list(s, |listing| listing.min_quantity = quantity("0.10000001")),
            &["min_quantity(bitcoin)"],
        ),
        Case("at the maximum", |s| list(s, |listing| listing.max_quantity = Some(quantity("0.1"))), &[]),
        Case(
            "above the maximum",
            |s| list(s, |listing| listing.max_quantity = Some(quantity("0.09999999"))),
            &["max_quantity(bitcoin)"],
        ),
        Case("no maximum", |s| list(s, |listing| listing.max_quantity = None), &[]),
        Case(
            "nothing at all",
            |s| {
                s.input.policy.orders.min_trade = Money::ZERO;
                sell_bitcoin(s, "0");
                list(s, |listing| {
                    (listing.min_quantity, listing.min_notional) = (Quantity::ZERO, Money::ZERO);
                });
            },
            &["min_quantity(bitcoin)"],
        ),
    ]);
}

#[test]
fn limit_prices_keep_tick_and_collar() {
    fn limit(s: &mut Sample, asset: &str, at: &str) {
        s.order(asset).limit_price = price(at);
        s.restate();
    }
    check(&[
        Case("half a tick", |s| limit(s, "bitcoin", "49500.005"), &["tick(bitcoin)"]),
        Case(
            "half a tick where there are none",
            |s| {
                limit(s, "bitcoin", "49500.005");
                list(s, |listing| listing.tick_size = Tick::ZERO);
            },
            &[],
        ),
        Case("a sell below the collar", |s| limit(s, "bitcoin", "49499.99"), &["collar(bitcoin)"]),
        Case("a buy above the collar", |s| limit(s, "ethereum", "2020.01"), &["collar(ethereum)"]),
        Case("a sell dearer than the reference", |s| limit(s, "bitcoin", "50500"), &[]),
        Case("and beyond the collar", |s| limit(s, "bitcoin", "50500.01"), &["collar(bitcoin)"]),
        Case("a buy cheaper than the reference", |s| limit(s, "ethereum", "1980"), &[]),
        Case("and beyond the collar", |s| limit(s, "ethereum", "1979.99"), &["collar(ethereum)"]),
        Case(
            "first slice beyond",
            |s| {
                slice_bitcoin(s, 1);
                s.plan.orders[0].limit_price = price("49499.99");
                s.restate();
            },
            &["collar(bitcoin)"],
        ),
        Case(
            "second slice beyond",
            |s| {
                slice_bitcoin(s, 1);
                s.plan.orders[1].limit_price = price("49499.99");
                s.restate();
            },
            &["collar(bitcoin)"],
        ),
    ]);
}

#[test]
fn notionals_keep_both_minimums() {
    fn venue(s: &mut Sample, asset: &str, min_notional: &str) {
        s.asset(asset).listing.as_mut().unwrap().min_notional = money(min_notional);
        s.restate();
    }
    fn policy(s: &mut Sample, min_trade: &str) {
        s.input.policy.orders.min_trade = money(min_trade);
        s.restate();
    }
    fn hold_dogwif(s: &mut Sample, units: &str) {
        s.holding("dogwif").free = quantity(units);
        // A little more value; category and exit rows stay within their lots.
        s.restate();
    }
    const BOUGHT_AND_TRIMMED: &[&str] =
        &["min_trade(bitcoin)", "min_trade(cardano)", "min_trade(ethereum)", "min_trade(usd-coin)"];
    check(&[
        Case("a sell counts at its limit", |s| venue(s, "bitcoin", "4950"), &[]),
        Case("a sell below", |s| venue(s, "bitcoin", "4950.01"), &["min_notional(bitcoin)"]),
        Case("a buy counts at the reference", |s| venue(s, "ethereum", "4000"), &[]),
        Case("a buy below", |s| venue(s, "ethereum", "4000.01"), &["min_notional(ethereum)"]),
        Case("at the policy's minimum", |s| policy(s, "1000"), &[]),
        Case("below the policy's minimum", |s| policy(s, "1000.01"), &["min_trade(usd-coin)"]),
        Case("a full exit is exempt", |s| policy(s, "5001"), BOUGHT_AND_TRIMMED),
        Case(
            "a full exit may leave less than a lot",
            |s| {
                hold_dogwif(s, "10000.9");
                policy(s, "5001");
            },
            BOUGHT_AND_TRIMMED,
        ),
        Case(
            "a lot left is no full exit",
            |s| {
                hold_dogwif(s, "10001");
                policy(s, "5001");
            },
            &[
                "min_trade(bitcoin)",
                "min_trade(cardano)",
                "min_trade(dogwif)",
                "min_trade(ethereum)",
                "min_trade(usd-coin)",
            ],
        ),
        Case(
            "a full exit in slices is exempt in each",
            |s| {
                s.order("dogwif").quantity = quantity("4000");
                let mut second = s.order("dogwif").clone();
                (second.quantity, second.slice) = (quantity("6000"), 1);
                s.plan.orders.insert(2, second);
                policy(s, "5001");
            },
            BOUGHT_AND_TRIMMED,
        ),
        Case(
            "the sides are told apart",
            |s| {
                s.add_order("solana", Side::Sell, "0.2", "99");
                s.plan.orders.rotate_right(1);
                s.restate();
            },
            &[],
        ),
    ]);
}

//! Large orders in slices: what a thin market or an on-chain pool takes at a time.
//!
//! A trade of quantity `q` with slices of at most `m` is `⌊q / m⌋` full slices and the remainder. Slices are sent in
//! rounds: the first slice of everybody, then the second, and so on, in every round all sells before all buys, so
//! that no round spends what its own sells have not raised.

use uuid::Uuid;

use index_rebalancer::model::{Order, Quantity, Rate};
use index_rebalancer::planning::idempotency::{order_key, payload_digest};

/// Most slices of one order. A maximum so small that it would need more is taken for a mistake in its unit.
pub(crate) const MAX_SLICES: usize = 10_000;

/// Why an order cannot be sliced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SlicingError {
    #[error("the most of a slice is {most}, which is less than one lot of {lot}; raise it to a lot or more")]
    BelowOneLot { most: Quantity, lot: Quantity },
    #[error("a trade of {quantity} in slices of at most {most} needs more than {MAX_SLICES} slices; raise the maximum")]
    TooMany { quantity: Quantity, most: Quantity },
}

/// Cuts a quantity into slices of at most `most`, rounded down to whole lots; the remainder comes last. A lot of
/// zero means any quantity.
///
/// There are `⌊quantity / most⌋ + 1` slices, or one fewer where the quantity is a whole number of slices: an empty
/// slice is no order.
///
/// # Errors
/// When not even one lot fits in a slice, or there would be more than [`MAX_SLICES`].
pub(crate) fn slices(quantity: Quantity, most: Quantity, lot: Quantity) -> Result<Vec<Quantity>, SlicingError> {
    let full = most.floor_to(lot.get());
    if full.is_zero() {
        return Err(SlicingError::BelowOneLot { most, lot });
    }
    let mut left = quantity;
    let mut parts = Vec::new();
    while !left.is_zero() {
        if parts.len() == MAX_SLICES {
            return Err(SlicingError::TooMany { quantity, most });
        }
        let part = left.min(full);
        parts.push(part);
        left -= part;
    }
    Ok(parts)
}

/// Cuts an order into slices of at most `most`. Each slice has its own key (slices 0, 1, …) and digest; notional and
/// expected cost are the order's, in proportion, and add up to them exactly.
///
/// # Errors
/// As [`slices`].
pub(crate) fn slice_order(
    run_id: Uuid,
    order: &Order,
    most: Quantity,
    lot: Quantity,
) -> Result<Vec<Order>, SlicingError> {
    let parts = slices(order.quantity, most, lot)?;
    let mut notional_left = order.notional;
    let mut cost_left = order.estimated_cost;
    let last = parts.len().saturating_sub(1);
    let cut = |(number, (index, quantity)): (u32, (usize, Quantity))| {
        let share = Rate::new(quantity.get() / order.quantity.get()).unwrap_or_default();
        let (notional, cost) = if index == last {
            (notional_left, cost_left)
        } else {
            (order.reference_price.value_of(quantity), order.estimated_cost.times(share))
        };
        notional_left -= notional;
        cost_left -= cost;
        let key = order_key(run_id, &order.venue, &order.venue_account, &order.instrument, order.side, number);
        let mut slice = Order { key, slice: number, quantity, notional, estimated_cost: cost, ..order.clone() };
        slice.payload_digest = payload_digest(&slice);
        slice
    };
    Ok((0_u32..).zip(parts.into_iter().enumerate()).map(cut).collect())
}

/// Arranges slices in rounds: round `n` has slice `n` of every order that has one, sells before buys, otherwise by
/// the orders' own priority.
pub(crate) fn rounds(slices: Vec<Order>) -> Vec<Vec<Order>> {
    let mut slices = slices;
    slices.sort_by(|left, right| {
        let place = |order: &Order| (order.slice, order.side, order.priority);
        place(left).cmp(&place(right)).then_with(|| left.instrument.cmp(&right.instrument))
    });
    let mut rounds: Vec<Vec<Order>> = Vec::new();
    for slice in slices {
        match rounds.last_mut() {
            Some(round) if round.first().is_some_and(|first| first.slice == slice.slice) => round.push(slice),
            _ => rounds.push(vec![slice]),
        }
    }
    rounds
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;
    use index_rebalancer::model::{AccountId, AssetId, InstrumentId, Money, Price, Side, VenueId};

    fn quantity(text: &str) -> Quantity {
        Quantity::parse(text).expect(text)
    }

    fn order(asset: &str, side: Side, units: &str, priority: u32) -> Order {
        let price = Price::parse("2").expect("a price");
        let units = quantity(units);
        let (venue, account) = (VenueId::new("paper").expect("id"), AccountId::new("main").expect("id"));
        let instrument = InstrumentId::new(asset).expect("id");
        let mut order = Order {
            key: order_key(Uuid::nil(), &venue, &account, &instrument, side, 0),
            payload_digest: String::new(),
            venue,
            venue_account: account,
            instrument,
            asset: AssetId::new(asset).expect("id"),
            side,
            slice: 0,
            quantity: units,
            limit_price: price,
            reference_price: price,
            notional: price.value_of(units),
            estimated_cost: Money::parse("0.1").expect("money"),
            valid_until: Timestamp::UNIX_EPOCH,
            priority,
        };
        order.payload_digest = payload_digest(&order);
        order
    }

    #[test]
    fn the_remainder_comes_last_and_nothing_is_lost() {
        let parts = slices(quantity("10.5"), quantity("3"), quantity("0.5")).expect("slices");
        assert_eq!(parts, [quantity("3"), quantity("3"), quantity("3"), quantity("1.5")]);
        assert_eq!(parts.into_iter().sum::<Quantity>(), quantity("10.5"));
    }

    #[test]
    fn a_whole_number_of_slices_has_no_empty_one() {
        assert_eq!(slices(quantity("9"), quantity("3"), quantity("0")).expect("slices").len(), 3);
        assert_eq!(slices(quantity("0"), quantity("3"), quantity("0")).expect("slices"), []);
        assert_eq!(slices(quantity("2"), quantity("3"), quantity("0")).expect("slices"), [quantity("2")]);
    }

    #[test]
    fn the_maximum_is_rounded_down_to_lots() {
        assert_eq!(
            slices(quantity("5"), quantity("2.9"), quantity("1")).expect("slices"),
            [quantity("2"), quantity("2"), quantity("1")]
        );
        let error = slices(quantity("5"), quantity("0.9"), quantity("1")).expect_err("no lot fits");
        assert!(error.to_string().contains("less than one lot of 1"), "{error}");
        let error = slices(quantity("10001"), quantity("1"), quantity("0")).expect_err("too many");
        assert!(error.to_string().contains("10000 slices"), "{error}");
    }

    #[test]
    fn slices_have_keys_of_their_own_and_add_up_to_the_order() {
        let whole = order("yfi", Side::Sell, "10", 0);
        let parts = slice_order(Uuid::nil(), &whole, quantity("3"), quantity("0")).expect("slices");
        assert_eq!(parts.len(), 4);
        assert_eq!(parts[0].key, whole.key, "slice 0 is the order's own key");
        assert_eq!(parts.iter().map(|part| part.key).collect::<BTreeSet<_>>().len(), 4);
        assert_eq!(parts.iter().map(|part| part.payload_digest.clone()).collect::<BTreeSet<_>>().len(), 4);
        assert_eq!(parts.iter().map(|part| part.notional).sum::<Money>(), whole.notional);
        assert_eq!(parts.iter().map(|part| part.estimated_cost).sum::<Money>(), whole.estimated_cost);
    }

    #[test]
    fn every_round_sells_before_it_buys() {
        let orders =
            [order("uni", Side::Buy, "5", 2), order("yfi", Side::Sell, "10", 1), order("mkr", Side::Sell, "3", 0)];
        let all = orders
            .iter()
            .flat_map(|whole| slice_order(Uuid::nil(), whole, quantity("3"), quantity("0")).expect("slices"));
        let rounds = rounds(all.collect());
        let named: Vec<Vec<&str>> =
            rounds.iter().map(|round| round.iter().map(|slice| slice.asset.as_str()).collect()).collect();
        assert_eq!(named, [vec!["mkr", "yfi", "uni"], vec!["yfi", "uni"], vec!["yfi"], vec!["yfi"]]);
        for round in &rounds {
            assert!(round.is_sorted_by_key(|slice| slice.side));
        }
    }
}

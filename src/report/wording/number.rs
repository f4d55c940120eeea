//! Numbers for people. Quantities and limit prices are shown exactly; money to the cent; weights to a basis point.

use rust_decimal::RoundingStrategy;
use rust_decimal::prelude::*;

use crate::model::number::grouped;
use crate::model::{BasisPoints, Money, Price, Quantity, Weight};

/// `1,234,567.89`.
#[must_use]
pub fn money(amount: Money) -> String {
    fixed(amount.get(), 2)
}

/// `12.34 %`; anything above zero that would show as zero is `<0.01 %`.
#[must_use]
pub fn percent(weight: Weight) -> String {
    let points = weight.get() * Decimal::ONE_HUNDRED;
    if points > Decimal::ZERO && points < Decimal::new(5, 3) {
        return "<0.01 %".to_owned();
    }
    fixed(points, 2) + " %"
}

/// `+1.23` or `-0.50`: a difference of weights in points.
#[must_use]
pub fn points(weight: Weight) -> String {
    let points = weight.get() * Decimal::ONE_HUNDRED;
    let text = fixed(points, 2);
    if points.round_dp(2) > Decimal::ZERO { format!("+{text}") } else { text }
}

/// A fraction as percent, with its sign: `+12.3 %`.
#[must_use]
pub fn signed_percent(fraction: Decimal, places: u32) -> String {
    let text = fixed_percent(fraction, places);
    if text.starts_with('-') || fraction <= Decimal::ZERO { text } else { format!("+{text}") }
}

/// A fraction as percent with so many places: `12.3 %`.
#[must_use]
pub fn fixed_percent(fraction: Decimal, places: u32) -> String {
    fixed(fraction * Decimal::ONE_HUNDRED, places) + " %"
}

/// A part of a whole in basis points: `2.5 bp`.
#[must_use]
pub fn basis_points(part: Money, whole: Money) -> String {
    fixed(part.fraction_of(whole).get() * Decimal::from(10_000), 1) + " bp"
}

/// Basis points that nothing exceeds: rounded up to the tenth, `0.3 bp`.
#[must_use]
pub fn at_most_basis_points(most: BasisPoints) -> String {
    fixed(most.get().round_dp_with_strategy(1, RoundingStrategy::ToPositiveInfinity), 1) + " bp"
}

/// Basis points to the hundredth, as what a point is worth is told: `0.84 bp`.
#[must_use]
pub fn marginal(worth: BasisPoints) -> String {
    fixed(worth.get(), 2) + " bp"
}

/// The next round number of percent at or above the largest weight: the weight that a full bar stands for.
#[must_use]
pub fn round_weight_above(largest: Weight) -> Weight {
    let round = [1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 100];
    let full = round.into_iter().map(|percent| Decimal::new(percent, 2)).find(|full| *full >= largest.get());
    Weight::new(full.unwrap_or_else(|| largest.get().max(Decimal::ONE))).unwrap_or(Weight::ONE)
}

/// Every digit, thousands apart: `1,234.5678`.
#[must_use]
pub fn quantity(quantity: Quantity) -> String {
    exact(quantity.get())
}

/// Every digit, thousands apart.
#[must_use]
pub fn price(price: Price) -> String {
    exact(price.get())
}

/// A market price or an average: six significant digits, and never fewer than the cents.
#[must_use]
pub fn market_price(price: Price) -> String {
    rounded(price.get(), 6)
}

/// Units for a table of holdings: six significant digits.
#[must_use]
pub fn holding(quantity: Quantity) -> String {
    rounded(quantity.get(), 6)
}

/// `6.99 bn`, `12.3 m`, `950 k`: an order of magnitude for market caps and volumes.
#[must_use]
pub fn magnitude(amount: Money) -> String {
    let value = amount.get();
    let scales = [(1_000_000_000_000_i64, " tn"), (1_000_000_000, " bn"), (1_000_000, " m"), (1_000, " k")];
    for (scale, unit) in scales {
        if value.abs() >= Decimal::from(scale) {
            return rounded_to(value / Decimal::from(scale), 3) + unit;
        }
    }
    fixed(value, 2)
}

fn rounded(value: Decimal, digits: u32) -> String {
    let value = if value.abs() >= Decimal::from(1_000) {
        value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
    } else {
        significant(value, digits)
    };
    exact(value)
}

fn rounded_to(value: Decimal, digits: u32) -> String {
    exact(significant(value, digits))
}

fn significant(value: Decimal, digits: u32) -> Decimal {
    value.round_sf_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero).unwrap_or(value)
}

fn exact(value: Decimal) -> String {
    let value = value.normalize();
    grouped(&value.to_string())
}

/// So many decimal places, thousands apart.
#[must_use]
pub fn fixed(value: Decimal, places: u32) -> String {
    let value = value.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
    let value = if value.is_zero() { Decimal::ZERO } else { value };
    grouped(&format!("{value:.*}", places as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_cents_and_thousands() {
        let shown = |text: &str| money(Money::parse(text).expect("valid"));
        assert_eq!(shown("1234567.891"), "1,234,567.89");
        assert_eq!(shown("-1000"), "-1,000.00");
        assert_eq!(shown("-0.001"), "0.00", "no negative zero");
        assert_eq!(shown("999.995"), "1,000.00");
    }

    #[test]
    fn weights_are_percent() {
        let shown = |text: &str| percent(Weight::parse(text).expect("valid"));
        assert_eq!(shown("0.3"), "30.00 %");
        assert_eq!(shown("0.00001"), "<0.01 %");
        assert_eq!(shown("0"), "0.00 %");
        assert_eq!(points(Weight::parse("0.0123").expect("valid")), "+1.23");
        assert_eq!(points(Weight::parse("-0.005").expect("valid")), "-0.50");
        assert_eq!(points(Weight::ZERO), "0.00");
    }

    #[test]
    fn what_nothing_exceeds_is_rounded_up() {
        let shown = |text: &str| at_most_basis_points(BasisPoints::parse(text).expect("valid"));
        assert_eq!(shown("0.300001"), "0.4 bp");
        assert_eq!(shown("1200"), "1,200.0 bp");
        assert_eq!(shown("0"), "0.0 bp");
    }

    #[test]
    fn quantities_are_exact() {
        assert_eq!(quantity(Quantity::parse("12345678.90001").expect("valid")), "12,345,678.90001");
        assert_eq!(holding(Quantity::parse("0.00012345678").expect("valid")), "0.000123457");
        assert_eq!(market_price(Price::parse("83654.12345").expect("valid")), "83,654.12");
        assert_eq!(magnitude(Money::parse("1654321987").expect("valid")), "1.65 bn");
        assert_eq!(magnitude(Money::parse("12").expect("valid")), "12.00");
    }
}

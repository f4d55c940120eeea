//! Amounts: decimals that know what they count.
//!
//! Bounds are chosen so that every product and sum the planner forms stays inside `Decimal`'s 7.9e28:
//! price from 1e-18 to 1e9, quantity ≤ 1e18, money ≤ 1e18. A value outside is refused where it enters; at a lower price
//! the largest quantity would not be worth one unit of money.

use std::borrow::Cow;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use rust_decimal::RoundingStrategy;
use rust_decimal::prelude::*;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::number::{InvalidNumber, NumberFault, Plain, fit, parse_exact, shortest};

macro_rules! amount {
    ($(#[$doc:meta])* $name:ident, min $min:expr, max $max:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Decimal);

        impl $name {
            pub const ZERO: Self = Self(Decimal::ZERO);

            /// # Errors
            /// When the value is outside the type's bounds.
            pub fn new(value: Decimal) -> Result<Self, InvalidNumber> {
                let fault = |fault| InvalidNumber::new(&value.to_string(), fault, $expected);
                let min: Option<Decimal> = $min;
                if min.is_some_and(|min| value < min) {
                    return Err(fault(NumberFault::BelowMinimum));
                }
                if value > Decimal::from($max) || value < -Decimal::from($max) {
                    return Err(fault(NumberFault::AboveMaximum));
                }
                Ok(Self(fit(value)))
            }

            /// Parses with [`parse_exact`] and checks the bounds.
            ///
            /// # Errors
            /// As [`parse_exact`] and [`Self::new`].
            pub fn parse(text: &str) -> Result<Self, InvalidNumber> {
                Self::new(parse_exact(text)?)
            }

            #[must_use]
            pub const fn get(self) -> Decimal {
                self.0
            }

            #[must_use]
            pub fn is_zero(self) -> bool {
                self.0.is_zero()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(Plain::of(self.0).as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                super::text::read(deserializer, Self::parse)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$", "description": $expected })
            }
        }
    };
}

/// Sums and differences for the types where they mean something. The bounds above keep them inside `Decimal`.
macro_rules! additive {
    ($name:ident) => {
        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }
        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }
        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }
        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }
        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
                iter.fold(Self::ZERO, Add::add)
            }
        }
    };
}

amount!(
    /// Quote currency per unit of the asset; at least 1e-18, at most 1e9.
    Price, min Some(Decimal::new(1, 18)), max 1_000_000_000_u64, "a price above 0, from 1e-18 to 1e9"
);
amount!(
    /// Units of an asset; never negative, at most 1e18.
    Quantity, min Some(Decimal::ZERO), max 1_000_000_000_000_000_000_u64, "a quantity from 0 to 1e18"
);
amount!(
    /// An amount of the quote currency; may be negative (a difference), at most 1e18 in size.
    Money, min None, max 1_000_000_000_000_000_000_u64, "an amount of money of at most 1e18"
);
amount!(
    /// A fraction of net asset value before trading: 0.25 is a quarter. May be negative (a difference).
    Weight, min None, max 1_000_u64, "a fraction such as 0.25"
);
amount!(
    /// A fraction of a notional or of a volume, never negative: a fee, half a spread, a collar, a participation.
    Rate, min Some(Decimal::ZERO), max 1_000_u64, "a fraction from 0, such as 0.001"
);

amount!(
    /// The step of a limit price, in quote currency; zero where the venue takes any price.
    Tick, min Some(Decimal::ZERO), max 1_000_000_000_u64, "a price step from 0 to 1e9"
);

amount!(
    /// The objective of a policy, as a fraction of net asset value before trading; may be negative.
    Worth, min None, max 1_000_000_000_u64, "a fraction of net asset value of at most 1e9"
);
amount!(
    /// Hundredths of a percent of net asset value before trading; may be negative (a difference).
    BasisPoints, min None, max 1_000_000_000_000_u64, "basis points of at most 1e12"
);
amount!(
    /// What one unit of a limit's bound counts in a bound on the objective, both in net asset value; never negative.
    DualPrice, min Some(Decimal::ZERO), max 1_000_000_u64, "a multiplier from 0 to 1e6"
);

additive!(Quantity);
additive!(Money);
additive!(Weight);
additive!(Rate);

impl BasisPoints {
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Price {
    /// What a quantity is worth at this price. At most 1e27, so it cannot overflow.
    #[must_use]
    pub fn value_of(self, quantity: Quantity) -> Money {
        Money(fit(self.0 * quantity.0))
    }

    /// The units that are worth a value, none if it is below 0; where that is more than a quantity can be, the largest.
    #[must_use]
    pub fn units_worth(self, value: Decimal) -> Quantity {
        let units = value.max(Decimal::ZERO).checked_div(self.0);
        Quantity(fit(units.map_or(Quantity::MAX.0, |units| units.min(Quantity::MAX.0))))
    }

    /// Rounded down to a multiple of the tick; `None` when that is zero.
    #[must_use]
    pub fn floor_to(self, tick: Decimal) -> Option<Self> {
        let value = floor_to_step(self.0, tick);
        (value > Decimal::ZERO).then(|| Self(shortest(value)))
    }

    /// Rounded up to a multiple of the tick.
    #[must_use]
    pub fn ceil_to(self, tick: Decimal) -> Self {
        Self(shortest(ceil_to_step(self.0, tick)))
    }
}

impl Quantity {
    /// 1e18.
    pub const MAX: Self = Self(Decimal::from_parts(0xA764_0000, 0x0DE0_B6B3, 0, false, 0));

    /// Rounded down to a multiple of the lot.
    #[must_use]
    pub fn floor_to(self, lot: Decimal) -> Self {
        Self(shortest(floor_to_step(self.0, lot)))
    }

    /// Rounded up to a multiple of the lot.
    #[must_use]
    pub fn ceil_to(self, lot: Decimal) -> Self {
        Self(shortest(ceil_to_step(self.0, lot)))
    }

    #[must_use]
    pub fn is_multiple_of(self, lot: Decimal) -> bool {
        lot.is_zero() || (self.0 % lot).is_zero()
    }
}

const TRILLION: Decimal = Decimal::from_parts(0xD4A5_1000, 0xE8, 0, false, 0);

impl Money {
    /// The same amount times a rate: a fee on a notional.
    #[must_use]
    pub fn times(self, rate: Rate) -> Self {
        Self(fit(self.0 * rate.0))
    }

    /// The amount as a fraction of another; over anything not positive it is zero, and never more than a trillion
    /// either way: of an account that holds but dust, everything is that much too much.
    #[must_use]
    pub fn fraction_of(self, whole: Self) -> Weight {
        if whole.0 <= Decimal::ZERO {
            return Weight::ZERO;
        }
        let fraction = self.0.abs().checked_div(whole.0).map_or(TRILLION, |fraction| fraction.min(TRILLION));
        Weight(fit(if self.0.is_sign_negative() { -fraction } else { fraction }))
    }
}

impl Weight {
    pub const ONE: Self = Self(Decimal::ONE);

    /// The money this fraction of `whole` is.
    #[must_use]
    pub fn of(self, whole: Money) -> Money {
        Money(fit(self.0 * whole.0))
    }

    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }
}

/// The largest multiple of `step` that is not above `value`; `value` itself when the step is zero.
#[must_use]
pub fn floor_to_step(value: Decimal, step: Decimal) -> Decimal {
    if let Some(floor) = floor_to_decimals(value, step) {
        return floor;
    }
    // A step too fine to be counted is finer than the value's last digit.
    let Some(count) = value.checked_div(step) else { return value };
    // Division may round up at the 28th digit, so the product is checked rather than trusted.
    let count = count.round_dp_with_strategy(0, RoundingStrategy::ToNegativeInfinity);
    let candidate = count * step;
    if candidate > value { candidate - step } else { candidate }
}

/// The same by the value's own digits, without a division of decimals: most steps are a power of ten, such as 0.001. Absent
/// where the step is another one, or the value negative.
fn floor_to_decimals(value: Decimal, step: Decimal) -> Option<Decimal> {
    let unit = step.mantissa() == 1 && !value.is_sign_negative();
    if !unit {
        return None;
    }
    let Some(cut) = value.scale().checked_sub(step.scale()) else { return Some(value) };
    let count = value.mantissa() / 10_i128.checked_pow(cut)?;
    Some(Decimal::from_i128_with_scale(count, step.scale()))
}

/// The smallest multiple of `step` that is not below `value`; `value` itself when the step is zero.
#[must_use]
pub fn ceil_to_step(value: Decimal, step: Decimal) -> Decimal {
    let floor = floor_to_step(value, step);
    if floor < value { floor + step } else { floor }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        parse_exact(text).expect(text)
    }

    #[test]
    fn bounds_are_enforced() {
        assert!(Price::parse("0").is_err());
        assert!(Price::parse("1000000000.1").is_err());
        assert!(Quantity::parse("-0.1").is_err());
        assert!(Money::parse("-5").is_ok());
        assert!(Money::parse("1000000000000000000.1").is_err());
        assert!(Rate::parse("-0.1").is_err());
    }

    #[test]
    fn quotients_stay_in_range() {
        assert_eq!(Quantity::MAX, Quantity::new(Decimal::from(10_u64.pow(18))).expect("the largest"));
        assert_eq!(TRILLION, Decimal::from(10_u64.pow(12)));
        let lowest = Price::parse("0.000000000000000001").expect("the lowest");
        assert!(Price::parse("0.0000000000000000009").is_err());
        assert_eq!(lowest.units_worth(dec("0.5")).get(), dec("500000000000000000"));
        assert_eq!(lowest.units_worth(dec("10000")), Quantity::MAX);
        assert_eq!(lowest.units_worth(dec("1000000000000")), Quantity::MAX, "1e30 units are out of Decimal's range");
        assert_eq!(lowest.units_worth(dec("-1")), Quantity::ZERO);
        let dust = Money::parse("0.000000000000000000000001").expect("money");
        let fraction = |amount: &str| Money::parse(amount).expect(amount).fraction_of(dust).get();
        assert_eq!((fraction("1000000000"), fraction("-1000000000")), (TRILLION, -TRILLION));
        assert_eq!(fraction("0.000000000000000000000003"), dec("3"));
        assert_eq!(floor_to_step(dec("1000000000000.5"), dec("0.00000000000000000001")), dec("1000000000000.5"));
    }

    #[test]
    fn steps_round_towards_the_stated_side() {
        assert_eq!(floor_to_step(dec("0.0007856509959147719"), dec("0.00001")), dec("0.00078"));
        assert_eq!(ceil_to_step(dec("0.0007856509959147719"), dec("0.00001")), dec("0.00079"));
        assert_eq!(floor_to_step(dec("3"), dec("3")), dec("3"));
        assert_eq!(ceil_to_step(dec("3"), dec("3")), dec("3"));
        assert_eq!(floor_to_step(dec("2.999999999999999999999999999"), dec("3")), dec("0"));
        assert_eq!(floor_to_step(dec("7"), dec("0")), dec("7"));
    }

    #[test]
    fn a_step_that_is_a_power_of_ten_needs_no_division() {
        let by_division = |value: Decimal, step: Decimal| {
            let Some(count) = value.checked_div(step) else { return value };
            let candidate = count.round_dp_with_strategy(0, RoundingStrategy::ToNegativeInfinity) * step;
            if candidate > value { candidate - step } else { candidate }
        };
        let values = ["0", "0.0001", "12.3456789", "2.999999999999999999999999999", "792281625142.6433759354395033"];
        for value in values.map(dec).into_iter().chain([Decimal::MAX, dec("1000000000000000000")]) {
            for decimals in 0..=28 {
                let step = Decimal::new(1, decimals);
                assert_eq!(floor_to_decimals(value, step), Some(by_division(value, step)), "{value} by {step}");
            }
        }
        for (value, step) in [("-0.5", "1"), ("0.5", "0.25"), ("0.5", "0"), ("30", "10")] {
            assert_eq!(floor_to_decimals(dec(value), dec(step)), None, "{value} by {step}");
        }
    }

    #[test]
    fn serialised_amounts_are_normal_text() {
        let price = Price::parse("1.500").expect("valid");
        assert_eq!(serde_json::to_string(&price).expect("serialises"), "\"1.5\"");
        assert!(serde_json::from_str::<Price>("1.5").is_err(), "a JSON float is refused: text only");
    }
}

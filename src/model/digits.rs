//! Decimals by their digits: which are kept, which say nothing, and how they are written. What a plan is made of is
//! thousands of these, so each is done on the mantissa, where `Decimal`'s own way divides it digit by digit.

use super::number::Decimal;

/// At most 28 significant digits, rounded half-even, without trailing zeros: what
/// [`parse_exact`](super::number::parse_exact) reads back.
///
/// A `Decimal` can hold a 29th digit when the leading ones are small; products and quotients of amounts use it.
#[must_use]
pub fn fit(value: Decimal) -> Decimal {
    let value = shortest(value);
    let mantissa = value.mantissa();
    if mantissa.unsigned_abs() <= LARGEST {
        return value;
    }
    let Some(scale) = value.scale().checked_sub(1) else { return value.round_sf(28).map_or(value, shortest) };
    // There is one digit too many, for a mantissa is less than 8e28.
    let (kept, last) = (mantissa / 10, (mantissa % 10).abs());
    let up = i128::from(last > 5 || (last == 5 && kept % 2 != 0));
    shortest(Decimal::from_i128_with_scale(kept + up * mantissa.signum(), scale))
}

/// The largest mantissa of 28 digits.
const LARGEST: u128 = 9_999_999_999_999_999_999_999_999_999;

/// Whether a value has more than 28 significant digits.
#[must_use]
pub(crate) fn is_too_long(value: Decimal) -> bool {
    value.mantissa().unsigned_abs() > LARGEST && fit(value) != value
}

/// The same number without trailing zeros, as `Decimal::normalize` has it: whether there are any is asked first, for most
/// mantissas are no multiple of ten.
#[must_use]
pub(crate) fn shortest(value: Decimal) -> Decimal {
    let parts = value.unpack();
    // A power of 2^32 leaves 1 when divided by 5, and so its digits to that base add up to what the number leaves.
    let fives = (u64::from(parts.lo) + u64::from(parts.mid) + u64::from(parts.hi)) % 5;
    let is_short = parts.lo % 2 == 1 || fives != 0 || (parts.scale == 0 && !value.is_zero());
    if is_short { value } else { value.normalize() }
}

/// A number's digits as plain text, on the stack: what is stored and digested is thousands of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain {
    bytes: [u8; PLAIN_LENGTH],
    from: usize,
}

/// A sign, 29 digits, a point and a zero before it, with room to spare.
const PLAIN_LENGTH: usize = 40;

impl Plain {
    /// The shortest text of a number: `Decimal`'s own, without trailing zeros.
    pub(crate) fn of(value: Decimal) -> Self {
        let value = shortest(value);
        let mut text = Self { bytes: [b'0'; PLAIN_LENGTH], from: PLAIN_LENGTH };
        let mut left = value.scale();
        let mut rest = value.mantissa().unsigned_abs();
        // In parts that a machine word holds: dividing 128 bits takes ten times as long.
        while rest > 0 || left > 0 {
            let part = u64::try_from(rest % PART).unwrap_or_default();
            rest /= PART;
            left = text.part(part, left, rest == 0);
        }
        if text.from == PLAIN_LENGTH || text.bytes.get(text.from) == Some(&b'.') {
            text.push(b'0');
        }
        if value.is_sign_negative() {
            text.push(b'-');
        }
        text
    }

    /// Puts the digits of a part before what is there, all of them unless it is the `last`, and the point once none of the
    /// `decimals` is `left`. Answers how many are still left.
    fn part(&mut self, mut part: u64, mut left: u32, last: bool) -> u32 {
        for _ in 0..PART_DIGITS {
            if last && part == 0 && left == 0 {
                break;
            }
            self.push(b'0' + u8::try_from(part % 10).unwrap_or_default());
            part /= 10;
            if left == 1 {
                self.push(b'.');
            }
            left = left.saturating_sub(1);
        }
        left
    }

    fn push(&mut self, byte: u8) {
        self.from -= 1;
        if let Some(place) = self.bytes.get_mut(self.from) {
            *place = byte;
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(self.from..).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// The largest power of ten that 64 bits hold, and its zeros.
const PART: u128 = 10_000_000_000_000_000_000;
const PART_DIGITS: u32 = 19;

#[cfg(test)]
mod tests {
    use super::*;

    /// Of every length and scale, some with trailing zeros, some with the 29th digit.
    fn drawn() -> impl Iterator<Item = Decimal> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..20_000).map(move |index| {
            let mantissa = (u128::from(next()) << 32 | u128::from(next() >> 32)) >> (next() % 97);
            let zeros = 10_u128.pow(u32::try_from(next() % 8).expect("small"));
            let mantissa = if index % 3 == 0 { mantissa / zeros * zeros } else { mantissa };
            let mantissa = i128::try_from(mantissa).expect("96 bits");
            let scale = u32::try_from(next() % 29).expect("small");
            Decimal::from_i128_with_scale(if next() % 2 == 0 { mantissa } else { -mantissa }, scale)
        })
    }

    #[test]
    fn shortcuts_say_what_decimal_itself_says() {
        let longest: Decimal = "7.9228162514264337593543950335".parse().expect("29 digits");
        for value in drawn().chain([Decimal::ZERO, Decimal::MAX, Decimal::MIN, longest, -longest]) {
            let normal = value.normalize();
            let short = shortest(value);
            assert_eq!((short, short.scale()), (normal, normal.scale()), "{value}");
            assert_eq!(Plain::of(value).as_str(), normal.to_string(), "{value}");
            let rounded = normal.round_sf(28).unwrap_or(normal).normalize();
            let fitted = fit(value);
            assert_eq!((fitted, fitted.scale()), (rounded, rounded.scale()), "{value}");
            assert_eq!(is_too_long(value), rounded != value, "{value}");
        }
    }

    #[test]
    fn the_digit_too_many_is_rounded_to_even() {
        let cases = [
            ("1.0000000000000000000000000005", "1"),
            ("1.0000000000000000000000000015", "1.000000000000000000000000002"),
            ("1.0000000000000000000000000025", "1.000000000000000000000000002"),
            ("-1.0000000000000000000000000016", "-1.000000000000000000000000002"),
        ];
        for (value, rounded) in cases {
            let value: Decimal = value.parse().expect("29 digits");
            assert_eq!(fit(value).to_string(), rounded, "{value}");
        }
    }
}

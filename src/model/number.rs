//! The two number parsers.
//!
//! `Decimal::from_str` is lenient: it takes `1e5`, `1_000`, `+5`, `.5` and rounds digits that do not fit. A
//! rebalancer must not guess, so text becomes a number in exactly two ways:
//!
//! * [`parse_exact`] for policies, quantities and orders: plain digits, an optional minus, an optional
//!   fraction; refused when any digit would be lost.
//! * [`parse_market`] for market data: JSON's number grammar with an exponent (micro-prices arrive as
//!   `1.2e-7`), rounded half-even at 28 decimals, refused when out of range or when a non-zero number would
//!   become zero.

use std::fmt;

pub use rust_decimal::Decimal;

/// The longest number text that is looked at, in bytes.
pub const MAX_NUMBER_LENGTH: usize = 64;

/// What is wrong with a number's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFault {
    Empty,
    TooLong,
    /// Not a plain decimal number: spaces, separators, signs, `NaN`, `Infinity`, non-ASCII digits.
    Malformed,
    /// More digits than can be kept without loss.
    TooManyDigits,
    /// The magnitude is beyond what can be held.
    OutOfRange,
    /// A non-zero number that would be rounded to zero.
    Underflow,
    /// The number is fine but the type does not allow it.
    BelowMinimum,
    AboveMaximum,
}

/// A refused number: the text (cut to 64 characters) and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidNumber {
    pub text: String,
    pub fault: NumberFault,
    /// What would have been accepted.
    pub expected: &'static str,
}

impl InvalidNumber {
    #[must_use]
    pub fn new(text: &str, fault: NumberFault, expected: &'static str) -> Self {
        let text = text.chars().take(MAX_NUMBER_LENGTH).collect();
        Self { text, fault, expected }
    }
}

impl fmt::Display for InvalidNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = match self.fault {
            NumberFault::Empty => "is empty",
            NumberFault::TooLong => "is longer than 64 characters",
            NumberFault::Malformed => "is not a plain decimal number",
            NumberFault::TooManyDigits => "has more digits than can be kept exactly",
            NumberFault::OutOfRange => "is out of range",
            NumberFault::Underflow => "is so small that it would become zero",
            NumberFault::BelowMinimum => "is below the minimum",
            NumberFault::AboveMaximum => "is above the maximum",
        };
        write!(f, "{:?} {fault}; expected {}", self.text, self.expected)
    }
}

impl std::error::Error for InvalidNumber {}

const EXACT: &str = "a plain decimal such as 12.5 with at most 28 digits";
const MARKET: &str = "a JSON number such as 12.5 or 1.2e-7";

/// Parses a plain decimal without any loss.
///
/// # Errors
/// When the text is anything but an optional `-`, digits, and an optional `.` with digits, or when it has more
/// than 28 digits.
pub fn parse_exact(text: &str) -> Result<Decimal, InvalidNumber> {
    let fault = |fault| InvalidNumber::new(text, fault, EXACT);
    let parts = split(text).map_err(fault)?;
    if parts.exponent.is_some() {
        return Err(fault(NumberFault::Malformed));
    }
    let digits = parts.whole.trim_start_matches('0').len() + parts.fraction.len();
    if digits > 28 {
        return Err(fault(NumberFault::TooManyDigits));
    }
    Decimal::from_str_exact(text).map_err(|_| fault(NumberFault::OutOfRange))
}

/// Parses JSON's number grammar, rounding half-even to 28 decimals.
///
/// # Errors
/// When the text is not a JSON number, is beyond 7.9e28, or is non-zero and would round to zero.
pub fn parse_market(text: &str) -> Result<Decimal, InvalidNumber> {
    let fault = |fault| InvalidNumber::new(text, fault, MARKET);
    let parts = split(text).map_err(fault)?;
    let digits: String = format!("{}{}", parts.whole, parts.fraction);
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(Decimal::ZERO);
    }
    let point =
        i64::try_from(parts.whole.len()).map_err(|_| fault(NumberFault::TooLong))? + parts.exponent.unwrap_or(0);
    let leading = i64::try_from(digits.len() - significant.len()).map_err(|_| fault(NumberFault::TooLong))?;
    // The number is 0.d₁d₂d₃… × 10^magnitude with d₁ ≠ 0.
    let magnitude = point - leading;
    if magnitude > 29 {
        return Err(fault(NumberFault::OutOfRange));
    }
    if magnitude < -28 {
        return Err(fault(NumberFault::Underflow));
    }
    let plain = if magnitude <= 0 {
        let zeros = usize::try_from(-magnitude).unwrap_or(0);
        format!("0.{}{significant}", "0".repeat(zeros))
    } else {
        let split_at = usize::try_from(magnitude).unwrap_or(0);
        if significant.len() <= split_at {
            format!("{significant}{}", "0".repeat(split_at - significant.len()))
        } else {
            let (whole, fraction) = significant.split_at(split_at);
            format!("{whole}.{fraction}")
        }
    };
    // On plain digits the lenient parser's only liberty is rounding half-even what does not fit.
    let value: Decimal = plain.parse().map_err(|_| fault(NumberFault::OutOfRange))?;
    if value.is_zero() {
        return Err(fault(NumberFault::Underflow));
    }
    Ok(if parts.negative { -value } else { value })
}

/// At most 28 significant digits, rounded half-even, without trailing zeros: what [`parse_exact`] reads back.
///
/// A `Decimal` can hold a 29th digit when the leading ones are small; products and quotients of amounts use it.
#[must_use]
pub fn fit(value: Decimal) -> Decimal {
    let value = shortest(value);
    let mantissa = value.mantissa();
    let Some(scale) = value.scale().checked_sub(1).filter(|_| mantissa.unsigned_abs() > LARGEST) else {
        return if mantissa.unsigned_abs() <= LARGEST { value } else { value.round_sf(28).map_or(value, shortest) };
    };
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

/// Commas between thousands of the whole part: `1234567.8` is `1,234,567.8`.
#[must_use]
pub fn grouped(text: &str) -> String {
    let (sign, rest) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    /// Absent where none is written.
    exponent: Option<i64>,
}

/// Splits by JSON's grammar: `-? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?`.
fn split(text: &str) -> Result<Parts<'_>, NumberFault> {
    if text.is_empty() {
        return Err(NumberFault::Empty);
    }
    if text.len() > MAX_NUMBER_LENGTH {
        return Err(NumberFault::TooLong);
    }
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match split_at(rest, |byte| matches!(byte, b'e' | b'E')) {
        None => (rest, None),
        Some((mantissa, exponent)) => {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if !all_digits(digits) {
                return Err(NumberFault::Malformed);
            }
            let size: i64 = digits.parse().map_err(|_| NumberFault::OutOfRange)?;
            if size > 10_000 {
                return Err(NumberFault::OutOfRange);
            }
            (mantissa, Some(if exponent.starts_with('-') { -size } else { size }))
        }
    };
    let (whole, fraction) = match split_at(mantissa, |byte| byte == b'.') {
        None => (mantissa, ""),
        Some((whole, fraction)) if all_digits(fraction) => (whole, fraction),
        Some(_) => return Err(NumberFault::Malformed),
    };
    if !all_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) {
        return Err(NumberFault::Malformed);
    }
    Ok(Parts { negative, whole, fraction, exponent })
}

/// What is before and after the first such byte; of ASCII only, so no character is torn apart.
fn split_at(text: &str, is_separator: impl Fn(u8) -> bool) -> Option<(&str, &str)> {
    let at = text.bytes().position(is_separator)?;
    text.get(..at).zip(text.get(at + 1..))
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_takes_plain_decimals_and_nothing_else() {
        for good in ["0", "1", "-1", "12.5", "0.00000001", "1234567890123456789012345678"] {
            assert_eq!(parse_exact(good).map(|value| value.to_string()), Ok(good.to_owned()));
        }
        let bad = [
            ("", NumberFault::Empty),
            ("1e5", NumberFault::Malformed),
            ("1_000", NumberFault::Malformed),
            ("+5", NumberFault::Malformed),
            (".5", NumberFault::Malformed),
            ("5.", NumberFault::Malformed),
            (" 5", NumberFault::Malformed),
            ("5 ", NumberFault::Malformed),
            ("05", NumberFault::Malformed),
            ("NaN", NumberFault::Malformed),
            ("Infinity", NumberFault::Malformed),
            ("-", NumberFault::Malformed),
            ("0x10", NumberFault::Malformed),
            ("１２", NumberFault::Malformed),
            ("12345678901234567890123456789", NumberFault::TooManyDigits),
            ("0.12345678901234567890123456789", NumberFault::TooManyDigits),
        ];
        for (text, fault) in bad {
            assert_eq!(parse_exact(text).map_err(|error| error.fault), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn a_fitted_number_reads_back() {
        let value: Decimal = "1.3333333333333333333333333333".parse().expect("29 digits fit a Decimal");
        assert!(parse_exact(&value.to_string()).is_err());
        assert_eq!(fit(value).to_string(), "1.333333333333333333333333333");
        assert_eq!(parse_exact(&fit(value).to_string()), Ok(fit(value)));
    }

    #[test]
    fn market_takes_json_numbers() {
        let good = [
            ("1.2e-7", "0.00000012"),
            ("1E3", "1000"),
            ("2.5e+2", "250"),
            ("0", "0"),
            ("-0.0", "0"),
            ("0e400", "0"),
            ("-3.25", "-3.25"),
            ("45382.51150779999", "45382.51150779999"),
            ("0.00000000000000000000000000012", "0.0000000000000000000000000001"),
        ];
        for (text, value) in good {
            assert_eq!(parse_market(text).map(|value| value.to_string()), Ok(value.to_owned()), "{text:?}");
        }
        let bad = [
            ("1e400", NumberFault::OutOfRange),
            ("1e99999999999999999999", NumberFault::OutOfRange),
            ("1e-40", NumberFault::Underflow),
            ("NaN", NumberFault::Malformed),
            ("1_000", NumberFault::Malformed),
            ("+1", NumberFault::Malformed),
            ("1e", NumberFault::Malformed),
            ("01", NumberFault::Malformed),
            ("٣", NumberFault::Malformed),
        ];
        for (text, fault) in bad {
            assert_eq!(parse_market(text).map_err(|error| error.fault), Err(fault), "{text:?}");
        }
    }

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

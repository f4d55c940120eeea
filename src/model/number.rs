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

pub use super::digits::fit;
pub(crate) use super::digits::{Plain, is_too_long, shortest};

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
}

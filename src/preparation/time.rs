//! Moments and days from text.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

const EXPECTED: &str = "RFC 3339 with an offset, such as 2025-04-16T06:00:00Z";

/// A moment in RFC 3339 with `Z` or an offset, which is normalised to UTC.
///
/// # Errors
/// A sentence saying what is wrong.
pub fn parse_moment(text: &str) -> Result<Timestamp, String> {
    let refused = || format!("not a moment; write {EXPECTED}");
    // jiff takes more forms than RFC 3339 has (spaces, short offsets, zone names), so the shape is checked first.
    let bytes = text.as_bytes();
    let shape: Vec<u8> = bytes.iter().map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte }).collect();
    let rest = shape.strip_prefix(b"0000-00-00T00:00:00").ok_or_else(refused)?;
    let zone = rest.strip_prefix(b".").map_or(rest, |fraction| {
        let digits = fraction.iter().take_while(|byte| **byte == b'0').count();
        fraction.get(digits..).filter(|_| (1..=9).contains(&digits)).unwrap_or(b"?")
    });
    if !matches!(zone, b"Z" | b"+00:00" | b"-00:00") {
        return Err(refused());
    }
    // RFC 3339's offsets end at 23:59; jiff takes 25:59.
    let offset_hours = text.len().checked_sub(5).and_then(|start| text.get(start..start + 2));
    if !text.ends_with('Z') && offset_hours > Some("23") {
        return Err(refused());
    }
    text.parse().map_err(|error| format!("not a moment ({error}); write {EXPECTED}"))
}

/// A day, `2025-04-16`.
///
/// # Errors
/// A sentence saying what is wrong.
pub fn parse_day(text: &str) -> Result<Date, String> {
    let shape_fits = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let day = shape_fits.then(|| text.parse().ok()).flatten();
    day.ok_or_else(|| "not a day; write it as 2025-04-16".to_owned())
}

/// A moment, or a day whose midnight (UTC) is meant.
///
/// # Errors
/// A sentence saying what is wrong.
pub fn parse_moment_or_day(text: &str) -> Result<Timestamp, String> {
    parse_day(text).and_then(start_of).or_else(|_| parse_moment(text))
}

/// Midnight UTC at the start of a day.
///
/// # Errors
/// When the day is outside the calendar.
pub fn start_of(day: Date) -> Result<Timestamp, String> {
    TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).map_err(|error| error.to_string())
}

/// The day in UTC.
#[must_use]
pub fn day_of(moment: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(moment).date()
}

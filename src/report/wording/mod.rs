//! What every report for people shares, whatever it is shown on: numbers, sentences, and what is good or bad news.
//!
//! * [`number`]: how numbers read.
//! * [`run`]: sentences about a run; [`order`]: about its orders and what has none; [`limit`]: about its limits;
//!   [`log`]: about its log; [`backtest`]: about a policy on the past; [`study`]: about several of them.

pub mod backtest;
pub mod limit;
pub mod log;
pub mod number;
pub mod order;
pub mod run;
pub mod study;

use jiff::Timestamp;

/// What a piece of text is, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Faint,
    Buy,
    Sell,
    Good,
    Warn,
    Bad,
}

/// Text from elsewhere, made safe to show: feeds name coins, and a name may hold a terminal's escape codes or
/// marks that turn the line around.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => ' ',
            _ if character.is_control() || is_format_mark(character) => '?',
            _ => character,
        })
        .collect()
}

/// Invisible or direction-changing characters that can make a line read as something else.
fn is_format_mark(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `2025-04-16 00:00 UTC`, with seconds where there are any.
#[must_use]
pub fn time(at: Timestamp) -> String {
    let seconds = at.as_second().rem_euclid(60) != 0;
    let format = if seconds { "%Y-%m-%d %H:%M:%S UTC" } else { "%Y-%m-%d %H:%M UTC" };
    at.strftime(format).to_string()
}

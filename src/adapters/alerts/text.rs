//! How a message reads. Channels differ in what they must escape and in how long a message may be.

use crate::ports::alert::AlertMessage;
use crate::preparation::reading::is_printable;

/// `[critical] blue-chip (paper, binance/main): The run ended without its orders`
#[must_use]
pub fn headline(message: &AlertMessage) -> String {
    printable(&format!("[{}] {}: {}", message.severity.as_str(), message.about, message.title))
}

/// The headline, what it is about, and the run to look at, in one line.
#[must_use]
pub fn line(message: &AlertMessage) -> String {
    let facts: Vec<String> = message.lines.iter().map(|line| printable(line)).collect();
    let separator = if facts.is_empty() { "" } else { ": " };
    let page = message.page.as_ref().map_or_else(String::new, |page| format!(", page {}", printable(page)));
    format!("{}{separator}{} (run {}{page})", headline(message), facts.join("; "), message.run_id)
}

/// Headline, facts, page, run and key, within so many characters (UTF-16 code units, as the narrowest channel counts). What
/// has no room is counted, and the end is always there: it says which run to look at.
#[must_use]
pub fn full(message: &AlertMessage, most: usize) -> String {
    let head = headline(message);
    let page = message.page.as_ref().map_or_else(String::new, |page| format!("\npage: {}", printable(page)));
    let foot = format!("{page}\nrun {}\n{} {}", message.run_id, message.event, message.key);
    let room = most.saturating_sub(length(&head) + length(&foot) + REMARK);
    let mut body = String::new();
    let mut told = 0;
    for fact in &message.lines {
        let line = format!("\n- {}", printable(fact));
        if length(&body) + length(&line) > room {
            break;
        }
        body.push_str(&line);
        told += 1;
    }
    let left = message.lines.len().saturating_sub(told);
    let rest = if left > 0 { format!("\n- and {left} more") } else { String::new() };
    cut(&head, most.saturating_sub(length(&body) + length(&rest) + length(&foot))) + &body + &rest + &foot
}

/// Room for `\n- and 99999 more`.
const REMARK: usize = 20;

/// The first so many UTF-16 code units.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    let mut room = most;
    let fits = |character: &char| {
        let needed = character.len_utf16();
        let fits = needed <= room;
        room = room.saturating_sub(needed);
        fits
    };
    text.chars().take_while(fits).collect()
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Names and notes come from outside: nothing that a terminal or a client acts upon.
fn printable(text: &str) -> String {
    text.chars().filter(|character| is_printable(*character)).collect()
}

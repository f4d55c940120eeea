//! What the reader's terminal can show, and text that fits it: styles, safe characters, wrapping.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::report::wording::printable;

pub use crate::report::wording::Tone;

/// The narrowest layout; a narrower terminal wraps by itself.
pub const MIN_WIDTH: usize = 60;

/// What the reader's terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Only ASCII characters.
    pub ascii: bool,
    /// ANSI colours.
    pub color: bool,
    /// Everything, however long.
    pub full: bool,
}

impl Default for Canvas {
    fn default() -> Self {
        Self { width: 80, ascii: false, color: false, full: false }
    }
}

fn style(tone: Tone) -> Style {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    match tone {
        Tone::Plain => Style::new(),
        Tone::Strong => Style::new().bold(),
        Tone::Faint => Style::new().dimmed(),
        Tone::Buy | Tone::Good => color(AnsiColor::Green),
        Tone::Sell => color(AnsiColor::Magenta),
        Tone::Warn => color(AnsiColor::Yellow),
        Tone::Bad => color(AnsiColor::Red).bold(),
    }
}

/// A line of text in pieces, each with its tone. Its width is known whatever the colours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(Vec<(Tone, String)>);

impl Line {
    #[must_use]
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self(vec![(tone, text.into())])
    }

    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(Tone::Plain, text)
    }

    #[must_use]
    pub fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        match self.0.last_mut() {
            Some((last, piece)) if *last == tone => piece.push_str(&text),
            _ => self.0.push((tone, text)),
        }
        self
    }

    #[must_use]
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text.width()).sum()
    }

    /// Without the last pieces, as far as they have no room.
    #[must_use]
    pub fn fitted(mut self, columns: usize) -> Self {
        while self.width() > columns && self.0.len() > 1 {
            self.0.pop();
        }
        self
    }

    #[must_use]
    pub fn render(&self, canvas: &Canvas) -> String {
        self.0.iter().map(|(tone, text)| canvas.paint(*tone, text)).collect()
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::plain(text)
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::plain(text)
    }
}

impl Canvas {
    /// Columns to lay out for.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.width.max(MIN_WIDTH)
    }

    /// One of two spellings.
    #[must_use]
    pub const fn pick(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }

    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let style = style(tone);
        if !self.color || style.is_plain() || text.is_empty() {
            return text.to_owned();
        }
        format!("{style}{text}{style:#}")
    }

    /// A line in the background.
    #[must_use]
    pub fn faint_line(&self, text: &str) -> String {
        self.paint(Tone::Faint, text) + "\n"
    }

    /// Text from elsewhere, made safe to show, in the characters that the terminal has.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let text = printable(text);
        if !self.ascii {
            return text;
        }
        let mut clean = String::with_capacity(text.len());
        for character in text.chars() {
            if character.is_ascii() {
                clean.push(character);
            } else {
                clean.push_str(ascii_for(character));
            }
        }
        clean
    }

    /// Words filled into lines: the first begins after `first`, the others after as many spaces as `first` is wide.
    #[must_use]
    pub fn fill(&self, first: &Line, tone: Tone, text: &str) -> String {
        let indent = first.width();
        let room = self.columns().saturating_sub(indent).max(20);
        let mut out = first.render(self);
        for (index, line) in wrap(&self.clean(text), room).iter().enumerate() {
            if index > 0 {
                let _ = write!(out, "\n{:indent$}", "");
            }
            out.push_str(&self.paint(tone, line));
        }
        out.push('\n');
        out
    }

    /// A list of names in one line's worth of words, cut with `… and N more` after `most` unless all are wanted.
    #[must_use]
    pub fn list(&self, names: &[String], most: usize) -> String {
        if self.full || names.len() <= most {
            return names.join(", ");
        }
        let shown: Vec<&str> = names.iter().take(most).map(String::as_str).collect();
        format!("{} {} and {} more", shown.join(", "), self.pick("…", "..."), names.len() - most)
    }
}

fn ascii_for(character: char) -> &'static str {
    match character {
        '→' => "->",
        '←' => "<-",
        '≤' => "<=",
        '≥' => ">=",
        '…' => "...",
        '–' | '—' | '−' | '·' => "-",
        '×' => "x",
        '’' | '‘' => "'",
        '“' | '”' => "\"",
        '\u{a0}' | '\u{202f}' | '\u{2009}' => " ",
        _ => "?",
    }
}

/// Greedy filling. A word longer than a line is cut.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let needed = word.width() + usize::from(!line.is_empty());
        if !line.is_empty() && line.width() + needed > room {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for character in word.chars() {
            if line.width() + character.width().unwrap_or(0) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_command_the_terminal() {
        let canvas = Canvas::default();
        assert_eq!(canvas.clean("BTC\u{1b}[2J\u{202e}x\ny"), "BTC?[2J?x y");
        assert_eq!(Canvas { ascii: true, ..canvas }.clean("a → b ≤ ü"), "a -> b <= ?");
    }

    #[test]
    fn words_are_filled_and_long_ones_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
    }
}

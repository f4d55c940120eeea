//! One bar that tells three weights: what stays, what is bought or sold, and where the index wants to be.

use rust_decimal::RoundingStrategy;
use rust_decimal::prelude::*;

use super::canvas::{Canvas, Line, Tone};
use super::number;
use crate::model::Weight;

/// The weight that a full bar stands for, and how many cells it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    pub(super) full: Weight,
    pub(super) cells: usize,
}

impl Scale {
    /// The next round number of percent above the largest weight.
    pub(super) fn for_largest(largest: Weight, cells: usize) -> Self {
        Self { full: number::round_weight_above(largest), cells }
    }

    /// The number of cells up to a weight, to the nearest.
    fn cells_to(self, weight: Weight) -> usize {
        let share = weight.get().max(Decimal::ZERO) / self.full.get();
        let cells =
            (share * Decimal::from(self.cells)).round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
        cells.to_usize().unwrap_or(0).min(self.cells)
    }

    /// Whether a trade is worth a cell of its own: a quarter of one, and more.
    fn shows(self, before: Weight, after: Weight) -> bool {
        let cell = self.full.get() / Decimal::from(self.cells.max(1));
        (after - before).abs().get() * Decimal::from(4) >= cell
    }

    /// Kept, then bought or sold, with the reference weight as a mark over it.
    pub(super) fn bar(self, canvas: &Canvas, before: Weight, reference: Weight, after: Weight) -> Line {
        let kept_weight = before.min(after);
        let kept = self.cells_to(kept_weight);
        let reach = self.cells_to(before.max(after)).max(if self.shows(before, after) { kept + 1 } else { 0 });
        let traded =
            if after > before { (Tone::Buy, canvas.pick("▓", "+")) } else { (Tone::Sell, canvas.pick("░", "-")) };
        let mark = if reference.is_zero() { None } else { Some(self.cells_to(reference)) };
        let mut line = Line::default();
        for cell in 0..=self.cells {
            let (tone, glyph) = if mark == Some(cell) {
                (Tone::Strong, canvas.pick("┃", "|"))
            } else if cell < kept {
                (Tone::Plain, canvas.pick("█", "#"))
            } else if cell < reach {
                traded
            } else if cell == 0 && !kept_weight.is_zero() {
                // Too small for a cell, and not nothing.
                (Tone::Plain, canvas.pick("▏", "."))
            } else {
                (Tone::Plain, " ")
            };
            line = line.and(tone, glyph);
        }
        line
    }
}

/// What the bars mean.
pub(super) fn legend(canvas: &Canvas, scale: Scale) -> String {
    let percent = (scale.full.get() * Decimal::ONE_HUNDRED).normalize();
    let full = format!("a full bar is {percent} %");
    let glyphs = Line::new(Tone::Faint, "  ")
        .and(Tone::Plain, canvas.pick("█", "#"))
        .and(Tone::Faint, " kept  ")
        .and(Tone::Buy, canvas.pick("▓", "+"))
        .and(Tone::Faint, " bought  ")
        .and(Tone::Sell, canvas.pick("░", "-"))
        .and(Tone::Faint, " sold  ")
        .and(Tone::Strong, canvas.pick("┃", "|"))
        .and(Tone::Faint, " reference  ")
        .and(Tone::Faint, full);
    format!("{}\n", glyphs.render(canvas))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(text: &str) -> Weight {
        Weight::parse(text).expect("valid")
    }

    fn drawn(before: &str, reference: &str, after: &str) -> String {
        let canvas = Canvas { ascii: true, ..Canvas::default() };
        let scale = Scale { full: weight("0.2"), cells: 10 };
        scale.bar(&canvas, weight(before), weight(reference), weight(after)).render(&canvas)
    }

    #[test]
    fn bars_show_kept_traded_and_reference() {
        assert_eq!(drawn("0.1", "0.16", "0.16"), "#####+++|  ");
        assert_eq!(drawn("0.2", "0.1", "0.1"), "#####|---- ");
        assert_eq!(drawn("0.2", "0.2", "0.2"), "##########|");
        assert_eq!(drawn("0.06", "0.2", "0.06"), "###       |");
        assert_eq!(drawn("0.001", "0", "0.001"), ".          ");
        assert_eq!(drawn("0", "0", "0"), "           ");
        assert_eq!(drawn("0.021", "0", "0.012"), "#-         ", "a small trade is seen");
    }

    #[test]
    fn the_scale_is_a_round_number() {
        assert_eq!(Scale::for_largest(weight("0.3123"), 10).full, weight("0.4"));
        assert_eq!(Scale::for_largest(weight("0.3"), 10).full, weight("0.3"));
        assert_eq!(Scale::for_largest(weight("1.2"), 10).full, weight("1.2"));
    }
}

//! Lines of blocks: a series in as many columns as there are.

use super::canvas::Canvas;
use crate::model::Decimal;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];

/// The lowest and the highest of some values; absent where there are none.
pub(super) fn range(values: impl IntoIterator<Item = Decimal>) -> Option<(Decimal, Decimal)> {
    values.into_iter().fold(None, |range: Option<(Decimal, Decimal)>, value| {
        Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    })
}

/// The series in `columns` columns, each the last value of its stretch, between `low` and `high`.
pub(super) fn spark(canvas: &Canvas, values: &[Decimal], (low, high): (Decimal, Decimal), columns: usize) -> String {
    let blocks = if canvas.ascii { ASCII } else { BLOCKS };
    let block = |value: Decimal| {
        let part = (value - low).checked_div(high - low).unwrap_or_default();
        let level = (part * Decimal::from(BLOCKS.len())).trunc();
        let level = usize::try_from(level).unwrap_or(0).min(BLOCKS.len() - 1);
        blocks.get(level).copied().unwrap_or(' ')
    };
    sampled(values, columns).into_iter().map(block).collect()
}

/// At most so many of the values, evenly, with the last one last.
fn sampled(values: &[Decimal], columns: usize) -> Vec<Decimal> {
    let columns = columns.min(values.len());
    (1..=columns).filter_map(|column| values.get((column * values.len() / columns).checked_sub(1)?).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_rises_from_the_lowest_block_to_the_highest() {
        let values: Vec<Decimal> = (0..16).map(Decimal::from).collect();
        let drawn = |canvas: &Canvas, columns| {
            let range = range(values.iter().copied()).expect("values");
            spark(canvas, &values, range, columns)
        };
        assert_eq!(drawn(&Canvas::default(), 8), "▁▂▃▄▅▆▇█");
        assert_eq!(drawn(&Canvas { ascii: true, ..Canvas::default() }, 4), ".-+#");
        assert_eq!(drawn(&Canvas::default(), 99).chars().count(), 16, "no more columns than values");
        assert_eq!(spark(&Canvas::default(), &[Decimal::ONE; 3], (Decimal::ONE, Decimal::ONE), 3), "▁▁▁");
    }
}

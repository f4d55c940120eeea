//! Tables that fit: when the width does not do, the columns that matter least go first, and sentences wrap.

use comfy_table::{
    Cell, CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle, Width,
};

use super::canvas::{Canvas, Line, Tone};

const INDENT: usize = 2;
const GAP: usize = 2;
/// A wrapping column gets at least this much, or is left out.
const MIN_FLEX: usize = 24;

const UNICODE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none());
const ASCII: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('-').junction('-'))
    .content_lines(ContentLineStyle::none());

/// One column: its title, its alignment, and what may happen to it when room is short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    title: &'static str,
    right: bool,
    wraps: bool,
    /// 0 stays; of the others the highest goes first.
    expendable: u8,
}

impl Column {
    pub(super) const fn left(title: &'static str) -> Self {
        Self { title, right: false, wraps: false, expendable: 0 }
    }

    pub(super) const fn right(title: &'static str) -> Self {
        Self { title, right: true, wraps: false, expendable: 0 }
    }

    /// A sentence: takes what room is left, on several lines.
    pub(super) const fn wrapping(title: &'static str) -> Self {
        Self { title, right: false, wraps: true, expendable: 0 }
    }

    /// May be left out; of several the highest first.
    pub(super) const fn or_drop(mut self, expendable: u8) -> Self {
        self.expendable = expendable;
        self
    }
}

/// Rows under columns; `has` tells which columns found room.
#[derive(Debug)]
pub(super) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<Line>>,
}

impl Grid {
    pub(super) fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl Into<Vec<Line>>) {
        self.rows.push(cells.into());
    }

    /// Whether a column finds room.
    pub(super) fn shows(&self, canvas: &Canvas, title: &str) -> bool {
        self.layout(canvas).iter().any(|(index, _)| self.columns.get(*index).is_some_and(|it| it.title == title))
    }

    pub(super) fn render(&self, canvas: &Canvas) -> String {
        let layout = self.layout(canvas);
        let mut table = Table::new();
        table.load_style(if canvas.ascii { ASCII } else { UNICODE });
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(layout.iter().filter_map(|(index, _)| {
            self.columns.get(*index).map(|column| Cell::new(canvas.paint(Tone::Faint, column.title)))
        }));
        for row in &self.rows {
            let cells = layout.iter().map(|(index, _)| row.get(*index).map_or(String::new(), |it| it.render(canvas)));
            table.add_row(cells.map(Cell::new));
        }
        for (place, (index, width)) in layout.iter().enumerate() {
            let Some(column) = table.column_mut(place) else { continue };
            // The junction of the header's rule is one column of the gap.
            let last = place + 1 == layout.len();
            let padding = if last { 0 } else { GAP - 1 };
            column.set_padding((0, to_u16(padding)));
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(to_u16(width + padding))));
            if self.columns.get(*index).is_some_and(|column| column.right) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let indent = " ".repeat(INDENT);
        table.lines().fold(String::new(), |out, line| out + &indent + line.trim_end() + "\n")
    }

    /// The columns that find room, each with its width.
    fn layout(&self, canvas: &Canvas) -> Vec<(usize, usize)> {
        let room = canvas.columns().saturating_sub(INDENT);
        let shown = self.shown(room);
        let wraps = |index: &usize| self.columns.get(*index).is_some_and(|column| column.wraps);
        let gaps = GAP * shown.len().saturating_sub(1);
        let fixed: usize = shown.iter().filter(|index| !wraps(index)).map(|index| self.natural(*index)).sum();
        let wrapping = shown.iter().filter(|index| wraps(index)).count().max(1);
        let share = (room.saturating_sub(fixed + gaps) / wrapping).max(MIN_FLEX);
        shown
            .into_iter()
            .map(|index| {
                let natural = self.natural(index);
                (index, if wraps(&index) { natural.min(share) } else { natural })
            })
            .collect()
    }

    /// The columns that find room: all that stay, then of the others the least expendable that still fit. One that
    /// is empty in every row is left out.
    fn shown(&self, room: usize) -> Vec<usize> {
        let is_empty = |index: usize| !self.rows.iter().any(|row| row.get(index).is_some_and(|it| it.width() > 0));
        let numbered =
            || self.columns.iter().enumerate().filter(|(index, _)| self.rows.is_empty() || !is_empty(*index));
        let mut shown: Vec<usize> =
            numbered().filter(|(_, column)| column.expendable == 0).map(|(index, _)| index).collect();
        let mut others: Vec<(u8, usize)> = numbered()
            .filter(|(_, column)| column.expendable > 0)
            .map(|(index, column)| (column.expendable, index))
            .collect();
        others.sort_unstable();
        for (_, index) in others {
            let place = shown.partition_point(|it| *it < index);
            shown.insert(place, index);
            if self.least(&shown) > room {
                shown.remove(place);
            }
        }
        shown
    }

    /// The width that these columns need at least.
    fn least(&self, shown: &[usize]) -> usize {
        let least = |index: &usize| {
            let natural = self.natural(*index);
            let wraps = self.columns.get(*index).is_some_and(|column| column.wraps);
            if wraps { natural.min(MIN_FLEX) } else { natural }
        };
        shown.iter().map(least).sum::<usize>() + GAP * shown.len().saturating_sub(1)
    }

    fn natural(&self, index: usize) -> usize {
        let title = self.columns.get(index).map_or(0, |column| column.title.len());
        let cells = self.rows.iter().filter_map(|row| row.get(index)).map(Line::width).max().unwrap_or(0);
        title.max(cells).max(1)
    }
}

fn to_u16(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

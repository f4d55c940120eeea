//! Tables. Where the screen is narrow each row becomes a card and every cell says its column's title; the roles keep
//! it a table for a screen reader, which a changed `display` alone would not.

use std::borrow::Cow;

use maud::{Markup, html};

/// What a column holds, which decides its alignment and its place in a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Names the row.
    Name,
    Text,
    Number,
    /// A drawing that says what the numbers beside it say.
    Drawing,
    /// Sentences: wide, and last in a card.
    Prose,
}

#[derive(Debug, Clone)]
pub(super) struct Column {
    title: Cow<'static, str>,
    kind: Kind,
}

impl Column {
    pub(super) fn name(title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: title.into(), kind: Kind::Name }
    }

    pub(super) fn text(title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: title.into(), kind: Kind::Text }
    }

    pub(super) fn number(title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: title.into(), kind: Kind::Number }
    }

    pub(super) fn drawing(title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: title.into(), kind: Kind::Drawing }
    }

    pub(super) fn prose(title: impl Into<Cow<'static, str>>) -> Self {
        Self { title: title.into(), kind: Kind::Prose }
    }

    const fn class(&self) -> &'static str {
        match self.kind {
            Kind::Name => "name",
            Kind::Text => "text",
            Kind::Number => "number",
            Kind::Drawing => "drawing",
            Kind::Prose => "prose",
        }
    }
}

/// A table, row by row.
pub(super) struct Table {
    id: &'static str,
    /// What it is about, read out before it; the section's title stands above it for the eye.
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Markup>>,
    total: Option<Vec<Markup>>,
}

impl Table {
    pub(super) fn new(id: &'static str, caption: impl Into<String>, columns: impl Into<Vec<Column>>) -> Self {
        Self { id, caption: caption.into(), columns: columns.into(), rows: Vec::new(), total: None }
    }

    pub(super) fn row(&mut self, cells: impl Into<Vec<Markup>>) {
        let cells = cells.into();
        debug_assert_eq!(cells.len(), self.columns.len(), "{}: a cell for each column", self.id);
        self.rows.push(cells);
    }

    /// The last row, which sums up.
    pub(super) fn total(&mut self, cells: impl Into<Vec<Markup>>) {
        let cells = cells.into();
        debug_assert_eq!(cells.len(), self.columns.len(), "{}: a cell for each column", self.id);
        self.total = Some(cells);
    }

    /// Columns with something in them, so that what never occurred takes no room.
    fn shown(&self) -> Vec<bool> {
        let holds = |at: usize| {
            let rows = self.rows.iter().chain(&self.total);
            rows.filter_map(|row| row.get(at)).any(|cell| !cell.0.is_empty())
        };
        (0..self.columns.len()).map(holds).collect()
    }

    pub(super) fn render(&self) -> Markup {
        let shown = self.shown();
        html! {
            table #(self.id) role="table" {
                caption .unseen { (self.caption) }
                thead role="rowgroup" {
                    tr role="row" {
                        @for (column, _) in self.columns.iter().zip(&shown).filter(|(_, shown)| **shown) {
                            th role="columnheader" scope="col" class=(column.class()) { (column.title) }
                        }
                    }
                }
                tbody role="rowgroup" { @for row in &self.rows { (self.cells(row, &shown)) } }
                @if let Some(total) = &self.total {
                    tfoot role="rowgroup" { (self.cells(total, &shown)) }
                }
            }
        }
    }

    fn cells(&self, cells: &[Markup], shown: &[bool]) -> Markup {
        let cells = self.columns.iter().zip(cells).zip(shown).filter(|(_, shown)| **shown);
        html! {
            tr role="row" {
                @for ((column, cell), _) in cells {
                    @let empty = cell.0.is_empty().then_some("empty");
                    @if column.kind == Kind::Name {
                        th role="rowheader" scope="row" class=(column.class()) { (cell) }
                    } @else {
                        td role="cell" class={ (column.class()) @if let Some(empty) = empty { " " (empty) } }
                            data-label=(column.title) { (cell) }
                    }
                }
            }
        }
    }
}

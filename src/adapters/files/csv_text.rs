//! CSV with a header, every row as long as the header, every refusal with its line.

use std::collections::BTreeSet;

use csv::StringRecord;

use crate::preparation::BadInput;
use crate::preparation::reading::text_of;

/// A whole file in memory.
#[derive(Debug)]
pub struct CsvTable<'a> {
    place: &'a str,
    header: StringRecord,
    records: Vec<StringRecord>,
}

/// One row, with the means to name it.
#[derive(Debug, Clone, Copy)]
pub struct CsvRow<'a> {
    place: &'a str,
    header: &'a StringRecord,
    record: &'a StringRecord,
}

impl<'a> CsvTable<'a> {
    /// # Errors
    /// When the text is not UTF-8, has no header, repeats a column, or a row has another number of fields.
    pub fn read(place: &'a str, bytes: &[u8]) -> Result<Self, BadInput> {
        let text = text_of(place, bytes)?;
        let bad = |error: csv::Error| {
            let line = error.position().map_or(0, csv::Position::line);
            let remedy = "give every row as many fields as the header has, quoting fields that hold commas";
            BadInput::new(place, format!("line {line}"), "", format!("not readable as CSV: {error}"), remedy)
        };
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let header = reader.headers().map_err(bad)?.clone();
        let mut seen = BTreeSet::new();
        if let Some(column) = header.iter().find(|column| !seen.insert(*column)) {
            let remedy = "give each column a name of its own";
            return Err(BadInput::new(place, "line 1", column, "the column appears twice", remedy));
        }
        if header.iter().all(str::is_empty) {
            return Err(BadInput::new(place, "line 1", "", "there is no header", "begin with a header line"));
        }
        let records = reader.records().collect::<Result<_, _>>().map_err(bad)?;
        Ok(Self { place, header, records })
    }

    /// The header as one line.
    #[must_use]
    pub fn header(&self) -> String {
        self.header.iter().collect::<Vec<_>>().join(",")
    }

    pub fn rows(&self) -> impl Iterator<Item = CsvRow<'_>> {
        self.records.iter().map(|record| CsvRow { place: self.place, header: &self.header, record })
    }

    #[must_use]
    pub const fn place(&self) -> &'a str {
        self.place
    }
}

impl<'a> CsvRow<'a> {
    /// The field in a column; empty when there is no such column.
    #[must_use]
    pub fn get(&self, column: &str) -> &'a str {
        let index = self.header.iter().position(|name| name == column);
        index.and_then(|index| self.record.get(index)).unwrap_or("")
    }

    #[must_use]
    pub const fn place(&self) -> &'a str {
        self.place
    }

    /// The line on which the row begins.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// Where a field stands, for messages.
    #[must_use]
    pub fn field(&self, column: &str) -> String {
        format!("line {}, {column}", self.line())
    }

    /// A refusal of one field.
    #[must_use]
    pub fn bad(&self, column: &str, problem: impl Into<String>, remedy: impl Into<String>) -> BadInput {
        BadInput::new(self.place, self.field(column), self.get(column), problem, remedy)
    }

    /// Converts one field with a parser of numbers.
    ///
    /// # Errors
    /// When the parser refuses the text.
    pub fn number<T>(
        &self,
        column: &str,
        parse: impl FnOnce(&str) -> Result<T, crate::model::InvalidNumber>,
    ) -> Result<T, BadInput> {
        parse(self.get(column)).map_err(|error| BadInput::number(self.place, self.field(column), &error))
    }

    /// As [`Self::number`]; an empty field is unknown.
    ///
    /// # Errors
    /// When the field is not empty and the parser refuses it.
    pub fn optional_number<T>(
        &self,
        column: &str,
        parse: impl FnOnce(&str) -> Result<T, crate::model::InvalidNumber>,
    ) -> Result<Option<T>, BadInput> {
        if self.get(column).is_empty() { Ok(None) } else { self.number(column, parse).map(Some) }
    }

    /// Converts one field into an identifier.
    ///
    /// # Errors
    /// When the identifier's rules refuse the text.
    pub fn id<T: std::str::FromStr<Err = crate::model::InvalidId>>(&self, column: &str) -> Result<T, BadInput> {
        self.get(column).parse().map_err(|error| BadInput::id(self.place, self.field(column), &error))
    }
}

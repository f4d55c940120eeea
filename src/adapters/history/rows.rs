//! Rows of a CSV file, one by one, and what the file is.

use std::io::Read;

use csv::StringRecord;
use jiff::civil::Date;

use crate::model::number::parse_market;
use crate::model::{AssetId, Decimal, Money, Price};
use crate::preparation::time::parse_day;
use crate::preparation::{BadInput, PreparationError};

/// What a header says that a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Prices,
    Snapshots,
    Grades,
    GradesOf(AssetId),
}

const EXPECTED: &str = "use date,symbol,close_usd,volume_usd or date,rank,symbol,name,price_usd,market_cap_usd,… or \
                        date,asset_id,trader_grade,investor_grade,signal";

/// A file that is read row by row.
pub(super) struct Rows {
    pub(super) name: String,
    header: StringRecord,
    reader: csv::Reader<Box<dyn Read>>,
    record: StringRecord,
    columns: Vec<Option<usize>>,
    /// The line of the row that was read last, counted from 1.
    pub(super) line: u64,
    /// Why reading ended before the end.
    broken: Option<String>,
}

/// One row: its fields by the place of their names in what was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    record: &'a StringRecord,
    columns: &'a [Option<usize>],
}

impl Rows {
    pub(super) fn begin(name: String, bytes: Box<dyn Read>) -> Result<Self, BadInput> {
        let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(bytes);
        let header = reader.headers().map_err(|error| unreadable(&name, &error))?.clone();
        Ok(Self { name, header, reader, record: StringRecord::new(), columns: Vec::new(), line: 1, broken: None })
    }

    fn has(&self, column: &str) -> bool {
        self.header.iter().any(|name| name == column)
    }

    /// # Errors
    /// When no known file has this header, or it needs an asset and none is given.
    pub(super) fn kind(&self, asset: Option<&AssetId>) -> Result<Kind, BadInput> {
        let all = |columns: &[&str]| columns.iter().all(|column| self.has(column));
        if all(&["date", "symbol", "close_usd"]) {
            return Ok(Kind::Prices);
        }
        if all(&["date", "rank", "symbol", "market_cap_usd"]) {
            return Ok(Kind::Snapshots);
        }
        if all(&["date", "asset_id"]) && (self.has("trader_grade") || self.has("investor_grade") || self.has("signal"))
        {
            return Ok(Kind::Grades);
        }
        let header = self.header.iter().collect::<Vec<_>>().join(",");
        let refuse = |problem: &str, remedy: &str| Err(BadInput::new(&self.name, "line 1", &header, problem, remedy));
        match asset {
            Some(asset) if all(&["date", "tm_trader_grade"]) => Ok(Kind::GradesOf(asset.clone())),
            None if all(&["date", "tm_trader_grade"]) => {
                refuse("the file does not say which asset it grades", "write --data ASSET=PATH, with the asset's id")
            }
            _ => refuse("no known history file has this header", EXPECTED),
        }
    }

    /// Asks for columns; rows give them by their place in this list.
    pub(super) fn select(&mut self, columns: &[&str]) {
        let place = |column: &&str| self.header.iter().position(|name| name == *column);
        self.columns = columns.iter().map(place).collect();
    }

    /// Whether the file could be read to its end.
    pub(super) fn end(self) -> Result<(), PreparationError> {
        let Self { name, broken, .. } = self;
        broken.map_or(Ok(()), |problem| Err(PreparationError::Unreadable { path: name, problem }))
    }

    /// The next row; `Err` with a message for one that is not CSV, after which others may follow.
    pub(super) fn next(&mut self) -> Option<Result<Row<'_>, String>> {
        if self.broken.is_some() {
            return None;
        }
        let read = self.reader.read_record(&mut self.record);
        let place = read.as_ref().map_or_else(csv::Error::position, |_| self.record.position());
        self.line = place.map_or(self.line, csv::Position::line);
        match read {
            Ok(true) => Some(Ok(Row { record: &self.record, columns: &self.columns })),
            Ok(false) => None,
            Err(error) => Some(Err(match error.kind() {
                csv::ErrorKind::UnequalLengths { .. } => "another number of fields than the header has".to_owned(),
                csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
                // The file system would say the same for ever.
                _ => {
                    self.broken = Some(error.to_string());
                    return None;
                }
            })),
        }
    }
}

fn unreadable(name: &str, error: &csv::Error) -> BadInput {
    BadInput::new(name, "line 1", "", format!("not readable as CSV: {error}"), "begin with a header line")
}

impl<'a> Row<'a> {
    /// The field; empty where the file does not have it.
    pub(super) fn field(self, place: usize) -> &'a str {
        let column = self.columns.get(place).copied().flatten();
        column.and_then(|column| self.record.get(column)).unwrap_or("")
    }

    pub(super) fn date(self, place: usize) -> Result<Date, String> {
        parse_day(self.field(place)).map_err(|_| "its date is not a day".to_owned())
    }

    /// A number that is not negative; absent where the field is empty.
    pub(super) fn amount(self, place: usize) -> Result<Option<Decimal>, String> {
        let text = self.field(place);
        if text.is_empty() {
            return Ok(None);
        }
        let value = parse_market(text).map_err(|_| format!("{text:?} is no number that can be held"))?;
        if value < Decimal::ZERO { Err("a number below 0".to_owned()) } else { Ok(Some(value)) }
    }

    /// Money above 0: sources write 0 for what they do not know.
    pub(super) fn known_money(self, place: usize) -> Option<Money> {
        let value = self.amount(place).ok().flatten().filter(|value| !value.is_zero())?;
        Money::new(value).ok()
    }

    /// A price; `Ok(None)` where it is 0.
    pub(super) fn price(self, place: usize) -> Result<Option<Price>, String> {
        match self.amount(place)? {
            None => Err("it has no price".to_owned()),
            Some(value) if value.is_zero() => Ok(None),
            Some(value) => Price::new(value).map(Some).map_err(|_| "a price beyond 1e9".to_owned()),
        }
    }
}

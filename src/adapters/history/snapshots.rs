//! Listings of a day: who was there, at which price, with which figures.

use jiff::civil::Date;

use super::rows::Rows;
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::HistoryBuilder;
use crate::model::{Decimal, Money, Price};
use crate::preparation::BadInput;

/// One row of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SnapshotRow {
    pub(super) date: Date,
    pub(super) symbol: String,
    /// The symbol where the file has no names.
    pub(super) name: String,
    pub(super) price: Option<Price>,
    pub(super) market_cap: Option<Money>,
    pub(super) volume: Option<Money>,
    pub(super) supply: Option<Decimal>,
}

/// A file's rows up to the end of the period. Those before it tell who is who in it.
#[derive(Debug)]
pub(super) struct SnapshotFile {
    pub(super) name: String,
    pub(super) rows: Vec<SnapshotRow>,
}

const COLUMNS: [&str; 7] =
    ["date", "symbol", "name", "price_usd", "market_cap_usd", "volume_24h_usd", "circulating_supply"];

/// Reads the rows.
///
/// # Errors
/// When a row has no day or another number of fields than the header: whoever is not listed has left, so a row that
/// is passed over would end a coin.
pub(super) fn read(rows: &mut Rows, builder: &mut HistoryBuilder) -> Result<SnapshotFile, BadInput> {
    let mut tally = Tally::new(rows.name.clone());
    rows.select(&COLUMNS);
    let history = builder.history();
    let (first, last) = (history.date(0), history.date(history.dates().len().saturating_sub(1)));
    let mut found = Vec::new();
    while let Some(row) = rows.next() {
        let row = match row {
            Ok(row) => row,
            Err(problem) => return Err(refused(rows, "", "", &problem)),
        };
        let date = match row.date(0) {
            Ok(date) => date,
            Err(problem) => {
                let text = row.field(0).to_owned();
                return Err(refused(rows, ": date", &text, &problem));
            }
        };
        if date > last {
            continue;
        }
        let symbol = row.field(1);
        let name = if row.field(2).is_empty() { symbol } else { row.field(2) };
        let price = row.price(3);
        let reason = match &price {
            Ok(price) => price.is_none().then_some(DropReason::ZeroClose),
            // A file of market caps only has no prices to be wrong.
            Err(_) => (!row.field(3).is_empty()).then_some(DropReason::BadPrice),
        };
        if let Some(reason) = reason.filter(|_| date >= first) {
            tally.add(reason, name, Some(date), 1);
        }
        found.push(SnapshotRow {
            date,
            symbol: symbol.to_owned(),
            name: name.to_owned(),
            price: price.ok().flatten(),
            market_cap: row.known_money(4),
            volume: row.known_money(5),
            supply: row.amount(6).ok().flatten().filter(|supply| !supply.is_zero()),
        });
    }
    builder.dropped(tally.into_rows());
    Ok(SnapshotFile { name: rows.name.clone(), rows: found })
}

fn refused(rows: &Rows, field: &str, value: &str, problem: &str) -> BadInput {
    let problem = format!("{problem}, and a coin that is left out of a snapshot counts as gone");
    BadInput::new(&rows.name, format!("line {}{field}", rows.line), value, problem, "correct the line or take it out")
}

/// Refuses files with snapshots of the same weeks: whoever is in one and not in the other would come and go by file.
///
/// # Errors
/// When within the period one file begins before another ends.
pub(super) fn apart(files: &[SnapshotFile], builder: &HistoryBuilder) -> Result<(), BadInput> {
    let begin = builder.history().date(0);
    let span = |file: &SnapshotFile| {
        let dates = || file.rows.iter().map(|row| row.date).filter(|date| *date >= begin);
        Some((dates().min()?, dates().max()?))
    };
    let mut spans: Vec<(Date, Date, &str)> =
        files.iter().filter_map(|file| span(file).map(|(first, last)| (first, last, file.name.as_str()))).collect();
    spans.sort_unstable();
    for (before, after) in spans.iter().zip(spans.iter().skip(1)) {
        let ((_, end, earlier), (start, _, later)) = (before, after);
        if start <= end {
            let problem = format!(
                "its snapshots begin on {start}, and those of {earlier} end on {end}: a coin that is in one file only would come and go"
            );
            let remedy = "name one of the two, put the rows of a day into one file, or cut one where the other begins";
            return Err(BadInput::new(later, "date", &start.to_string(), problem, remedy));
        }
    }
    Ok(())
}

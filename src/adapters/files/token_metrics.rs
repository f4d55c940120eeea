//! Token Metrics' own JSON: trader grades, investor grades, trading signals.
//!
//! The envelope is `{success, message, length, data}`. An answer that says it failed, or whose `length` is not the
//! number of its records, is refused: an incomplete set of grades would silently sell what is missing. Fields we do
//! not use are theirs to add. v2 spells fields in upper case, v3 in lower case; v3 calls the two grades `tm_grade`
//! and `fundamental_grade`. Numbers come as ints, floats or text. Records are keyed by `TOKEN_ID` and nothing else.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::csv_text::CsvTable;
use crate::model::number::parse_market;
use crate::model::{Dated, Grade, Signal};
use crate::preparation::BadInput;
use crate::preparation::json::{self, Node};
use crate::preparation::sources::Grades;
use crate::preparation::time::{parse_day, parse_moment_or_day, start_of};

/// The largest answer that is read, in bytes: a thousand records have about 250 KB.
pub const MAX_ANSWER_SIZE: usize = 32 * 1024 * 1024;

const TOKEN_ID: &[&str] = &["TOKEN_ID", "token_id"];
const DATE: &[&str] = &["DATE", "date"];
const TRADER_GRADE: &[&str] = &["TM_TRADER_GRADE", "tm_trader_grade", "tm_grade"];
const INVESTOR_GRADE: &[&str] = &["TM_INVESTOR_GRADE", "tm_investor_grade", "fundamental_grade"];
const TRADING_SIGNAL: &[&str] = &["TRADING_SIGNAL", "trading_signal"];

/// The three answers that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    TraderGrades,
    InvestorGrades,
    /// Carries both grades besides, nullable.
    TradingSignals,
}

/// Reads one answer. Of several dates of one token the newest wins.
///
/// # Errors
/// When the envelope is not sound, a required field is missing or malformed, a grade is outside 0 to 100, a signal
/// is not 1, 0 or -1, or two records of one token and date differ.
pub fn read(place: &str, bytes: &[u8], endpoint: Endpoint) -> Result<Grades, BadInput> {
    let json = json::parse(place, bytes, MAX_ANSWER_SIZE)?;
    let mut newest: BTreeMap<u64, Record> = BTreeMap::new();
    for record in read_each(&Node::root(place, &json), endpoint)? {
        let kept = newest.entry(record.token_id).or_insert(record);
        if record.at > kept.at {
            *kept = record;
        }
    }
    Ok(collect(newest.into_values()))
}

/// Every record of an answer, in its order.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_each(root: &Node<'_>, endpoint: Endpoint) -> Result<Vec<Record>, BadInput> {
    let mut read = Vec::new();
    let mut seen: BTreeMap<(u64, Timestamp), Record> = BTreeMap::new();
    for node in records(root)? {
        let record = Record::read(&node, endpoint)?;
        if let Some(other) = seen.insert((record.token_id, record.at), record).filter(|other| *other != record) {
            let problem = format!("TOKEN_ID {} has two different records of {}", other.token_id, other.at);
            return Err(node.bad(problem, "fetch the grades again; one record for each token and date is expected"));
        }
        read.push(record);
    }
    Ok(read)
}

/// The records of a sound envelope.
fn records<'a>(root: &Node<'a>) -> Result<impl Iterator<Item = Node<'a>> + use<'a>, BadInput> {
    let success = root.required("success")?;
    if !success.bool()? {
        let message = root.optional("message")?.and_then(|node| node.text().ok()).unwrap_or("no message").to_owned();
        return Err(success.bad(format!("the answer says that it failed: {message}"), "fetch the grades again"));
    }
    let length = root.required("length")?;
    let data = root.required("data")?;
    let found = data.items()?.count();
    if length.whole_number()? != u64::try_from(found).unwrap_or(u64::MAX) {
        let problem = format!("data has {found} records, so the set is incomplete or altered");
        return Err(length.bad(problem, "fetch every page again"));
    }
    data.items()
}

/// What an answer says of one token at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) token_id: u64,
    pub(crate) at: Timestamp,
    pub(crate) trader: Option<Grade>,
    pub(crate) investor: Option<Grade>,
    pub(crate) signal: Option<Signal>,
}

impl Record {
    fn read(node: &Node<'_>, endpoint: Endpoint) -> Result<Self, BadInput> {
        let date = required(node, DATE)?;
        let at = parse_moment_or_day(date.text()?).map_err(|problem| date.bad(problem, "fetch the grades again"))?;
        let mut record = Self {
            token_id: required(node, TOKEN_ID)?.whole_number()?,
            at,
            trader: None,
            investor: None,
            signal: None,
        };
        match endpoint {
            Endpoint::TraderGrades => record.trader = Some(grade(&required(node, TRADER_GRADE)?)?),
            Endpoint::InvestorGrades => record.investor = Some(grade(&required(node, INVESTOR_GRADE)?)?),
            Endpoint::TradingSignals => {
                record.signal = Some(signal(&required(node, TRADING_SIGNAL)?)?);
                record.trader = one_of(node, TRADER_GRADE)?.map(|node| grade(&node)).transpose()?;
                record.investor = one_of(node, INVESTOR_GRADE)?.map(|node| grade(&node)).transpose()?;
            }
        }
        Ok(record)
    }
}

/// The field under the one of its names that is there.
fn one_of<'a>(node: &Node<'a>, names: &[&str]) -> Result<Option<Node<'a>>, BadInput> {
    let mut found = None;
    for name in names {
        if let Some(field) = node.optional(name)? {
            if found.is_some() {
                return Err(field.bad("the record has this field under two names", "fetch from one version of the API"));
            }
            found = Some(field);
        }
    }
    Ok(found)
}

fn required<'a>(node: &Node<'a>, names: &[&str]) -> Result<Node<'a>, BadInput> {
    let name = names.first().copied().unwrap_or_default();
    one_of(node, names)?.map_or_else(|| node.required(name), Ok)
}

fn grade(node: &Node<'_>) -> Result<Grade, BadInput> {
    let value = node.number()?;
    Grade::new(value)
        .map_err(|_| node.bad("a grade is from 0 to 100", "fetch the grades again; do not trade on this set"))
}

fn signal(node: &Node<'_>) -> Result<Signal, BadInput> {
    match node.number()?.normalize().to_string().as_str() {
        "1" => Ok(Signal::Bullish),
        "0" => Ok(Signal::Neutral),
        "-1" => Ok(Signal::Bearish),
        _ => Err(node.bad("a trading signal is 1, 0 or -1", "fetch the signals again; do not trade on this set")),
    }
}

fn collect(records: impl Iterator<Item = Record>) -> Grades {
    let mut grades = Grades::default();
    for Record { token_id, at, trader, investor, signal } in records {
        if let Some(value) = trader {
            let _ = grades.trader.insert(token_id, Dated { value, at });
        }
        if let Some(value) = investor {
            let _ = grades.investor.insert(token_id, Dated { value, at });
        }
        if let Some(value) = signal {
            let _ = grades.signals.insert(token_id, Dated { value, at });
        }
    }
    grades
}

impl Grades {
    /// Joins another answer: of each grade and signal of a token the newer one counts, whichever answer has it. Of two of
    /// one date this answer's own stays, so the endpoint of a grade itself comes first: signals repeat grades.
    pub fn merge(&mut self, other: Self) {
        fn newest<T>(into: &mut BTreeMap<u64, Dated<T>>, from: BTreeMap<u64, Dated<T>>) {
            for (token_id, value) in from {
                let is_known = into.get(&token_id).is_some_and(|known| known.at >= value.at);
                if !is_known {
                    let _ = into.insert(token_id, value);
                }
            }
        }
        newest(&mut self.trader, other.trader);
        newest(&mut self.investor, other.investor);
        newest(&mut self.signals, other.signals);
    }
}

/// A recorded history of one token's daily trader grade: `date,…,tm_trader_grade`.
///
/// # Errors
/// When a column is missing, a value is malformed, or a day appears twice.
pub fn read_daily_trader_grades(place: &str, bytes: &[u8]) -> Result<BTreeMap<Timestamp, Grade>, BadInput> {
    let table = CsvTable::read(place, bytes)?;
    let mut grades = BTreeMap::new();
    for row in table.rows() {
        let day = parse_day(row.get("date")).and_then(start_of);
        let day = day.map_err(|problem| row.bad("date", problem, "give each row its day"))?;
        let grade = row.number("tm_trader_grade", |text| parse_market(text).and_then(Grade::new))?;
        if grades.insert(day, grade).is_some() {
            return Err(row.bad("date", "the day appears twice", "keep one row for each day"));
        }
    }
    Ok(grades)
}

/// A list of token ids: the one column `token_id`.
///
/// # Errors
/// When the header is another one, an id is not a whole number, or an id appears twice.
pub fn read_token_ids(place: &str, bytes: &[u8]) -> Result<std::collections::BTreeSet<u64>, BadInput> {
    let table = CsvTable::read(place, bytes)?;
    if table.header() != "token_id" {
        return Err(BadInput::new(
            place,
            "line 1",
            &table.header(),
            "not a list of token ids",
            "use the header token_id",
        ));
    }
    let mut ids = std::collections::BTreeSet::new();
    for row in table.rows() {
        let id = row.get("token_id").parse();
        let id = id.map_err(|_| row.bad("token_id", "not a whole number", "write Token Metrics' TOKEN_ID"))?;
        if !ids.insert(id) {
            return Err(row.bad("token_id", "the id appears twice", "keep each id once"));
        }
    }
    Ok(ids)
}

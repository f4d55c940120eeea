//! Grades: the three answers of Token Metrics in JSON, a recorded history and a list of ids in CSV.

use std::collections::BTreeMap;

use index_rebalancer::adapters::files::token_metrics::{Endpoint, read, read_daily_trader_grades, read_token_ids};
use index_rebalancer::model::{Dated, Grade, Signal};
use index_rebalancer::preparation::json::{self, Json};
use index_rebalancer::preparation::sources::Grades;
use jiff::Timestamp;
use serde_json::json;

use super::{Answer, Family, refusal};
use crate::mutation::{Format, write_json};

pub(crate) const FAMILY: Family = Family { name: "grades", format: Format::JsonOrCsv, check };

const PLACE: &str = "grades.json";
const ENDPOINTS: [Endpoint; 3] = [Endpoint::TraderGrades, Endpoint::InvestorGrades, Endpoint::TradingSignals];

fn check(bytes: &[u8]) -> Answer {
    // Every reader sees its own kind of file, and each refuses the other kind at its first byte.
    let is_json = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
    let answers: Vec<Answer> = if is_json {
        ENDPOINTS.map(|endpoint| check_answer(bytes, endpoint)).to_vec()
    } else {
        vec![check_answer(bytes, Endpoint::TradingSignals), check_history(bytes), check_ids(bytes)]
    };
    if answers.contains(&Answer::Accepted) { Answer::Accepted } else { Answer::Refused }
}

fn check_answer(bytes: &[u8], endpoint: Endpoint) -> Answer {
    let grades = match read(PLACE, bytes, endpoint) {
        Ok(grades) => grades,
        Err(error) => {
            refusal::check(PLACE, &error);
            return Answer::Refused;
        }
    };
    let again = read(PLACE, normal_form(&grades).as_bytes(), endpoint);
    assert_eq!(again.as_ref(), Ok(&grades), "the grades read back as others");
    let reversed = reversed(bytes);
    assert_eq!(read(PLACE, reversed.as_bytes(), endpoint).as_ref(), Ok(&grades), "the order of records matters");
    grades.trader.values().chain(grades.investor.values()).for_each(check_stored);
    Answer::Accepted
}

/// A grade goes into the stored planning input: it must come out again.
fn check_stored(grade: &Dated<Grade>) {
    let stored = serde_json::to_string(grade).expect("a grade can be stored");
    let read: Dated<Grade> = serde_json::from_str(&stored).unwrap_or_else(|error| panic!("{stored}: {error}"));
    assert_eq!(read, *grade, "{stored} is read as another grade");
}

/// The grades as one answer, one record for each token and date, in the spelling of v2.
fn normal_form(grades: &Grades) -> String {
    let mut records: BTreeMap<u64, serde_json::Map<String, serde_json::Value>> = BTreeMap::new();
    let mut add = |token: &u64, at: Timestamp, field: &str, value: String| {
        let record = records.entry(*token).or_default();
        record.insert("TOKEN_ID".to_owned(), json!(token));
        record.insert("DATE".to_owned(), json!(at.to_string()));
        record.insert(field.to_owned(), json!(value));
    };
    for (token, grade) in &grades.trader {
        add(token, grade.at, "TM_TRADER_GRADE", grade.value.to_string());
    }
    for (token, grade) in &grades.investor {
        add(token, grade.at, "TM_INVESTOR_GRADE", grade.value.to_string());
    }
    for (token, signal) in &grades.signals {
        let number = match signal.value {
            Signal::Bullish => "1",
            Signal::Neutral => "0",
            Signal::Bearish => "-1",
        };
        add(token, signal.at, "TRADING_SIGNAL", number.to_owned());
    }
    let records: Vec<_> = records.into_values().collect();
    json!({ "success": true, "message": "", "length": records.len(), "data": records }).to_string()
}

/// The same answer with its records the other way round.
fn reversed(bytes: &[u8]) -> String {
    let mut json = json::parse(PLACE, bytes, usize::MAX).expect("an answer is JSON");
    if let Json::Table(fields) = &mut json {
        for (key, value) in fields {
            if let Json::List(records) = value
                && key == "data"
            {
                records.reverse();
            }
        }
    }
    write_json(&json)
}

fn check_history(bytes: &[u8]) -> Answer {
    match read_daily_trader_grades(PLACE, bytes) {
        Ok(grades) => {
            let rows = grades.iter().map(|(at, grade)| format!("{},{grade}\n", &at.to_string()[..10]));
            let text: String = std::iter::once("date,tm_trader_grade\n".to_owned()).chain(rows).collect();
            assert_eq!(read_daily_trader_grades(PLACE, text.as_bytes()), Ok(grades), "{text}");
            Answer::Accepted
        }
        Err(error) => {
            refusal::check(PLACE, &error);
            Answer::Refused
        }
    }
}

fn check_ids(bytes: &[u8]) -> Answer {
    match read_token_ids(PLACE, bytes) {
        Ok(ids) => {
            let rows = ids.iter().map(|id| format!("{id}\n"));
            let text: String = std::iter::once("token_id\n".to_owned()).chain(rows).collect();
            assert_eq!(read_token_ids(PLACE, text.as_bytes()), Ok(ids), "{text}");
            Answer::Accepted
        }
        Err(error) => {
            refusal::check(PLACE, &error);
            Answer::Refused
        }
    }
}

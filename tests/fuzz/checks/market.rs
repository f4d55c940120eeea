//! Market files: our own CSV, the foreign ones, and lists of categories.

use index_rebalancer::adapters::files::market::{OWN_HEADER, read, read_categories};
use index_rebalancer::model::{AssetId, CategoryId};
use index_rebalancer::preparation::sources::{MarketData, MarketRecord};
use jiff::Timestamp;

use super::{Answer, Family, refusal};
use crate::mutation::{Format, read_csv, write_csv};

pub(crate) const FAMILY: Family = Family { name: "market", format: Format::JsonOrCsv, check };

const PLACE: &str = "market.csv";
const MOMENT: &str = "2025-04-16T06:00:00Z";

fn check(bytes: &[u8]) -> Answer {
    let moment: Timestamp = MOMENT.parse().expect("a moment");
    // A file of another header is refused by both readers in the same way; one of them is enough.
    let categories = if bytes.starts_with(b"symbol,") { check_categories(bytes) } else { Answer::Refused };
    match read(PLACE, bytes, moment) {
        Ok(market) => {
            check_accepted(bytes, &market, moment);
            Answer::Accepted
        }
        Err(error) => {
            refusal::check(PLACE, &error);
            categories
        }
    }
}

fn check_accepted(bytes: &[u8], market: &MarketData, moment: Timestamp) {
    market.notices.iter().for_each(|notice| refusal::check_printable(notice));
    assert!(market.dropped_rows == 0 || !market.notices.is_empty(), "rows were dropped and nobody is told");
    // Our own format has no form for an asset without a price; everything else that any file says fits into it.
    let priced = market.assets.iter().filter(|(_, record)| record.price.is_some());
    let expected = priced.clone().map(|(id, record)| (id.clone(), record.clone())).collect();
    let text = own_format(priced);
    let again =
        read(PLACE, &text, moment).unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&text)));
    let expected = MarketData { assets: expected, notices: Vec::new(), dropped_rows: 0 };
    assert_eq!(again, expected, "the market reads back as another one");
    if let Some(mut rows) = read_csv(bytes) {
        rows[1..].reverse();
        assert_eq!(read(PLACE, &write_csv(&rows), moment).as_ref(), Ok(market), "the order of rows matters");
    }
}

fn own_format<'a>(records: impl Iterator<Item = (&'a AssetId, &'a MarketRecord)>) -> Vec<u8> {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map(|value| value.to_string()).unwrap_or_default()
    }
    let header = OWN_HEADER.split(',').map(str::to_owned).collect();
    let rows = records.map(|(id, record)| {
        let categories: Vec<&str> = record.categories.iter().map(CategoryId::as_str).collect();
        vec![
            id.to_string(),
            record.symbol.clone(),
            record.name.clone(),
            text(record.token_id),
            text(record.price),
            text(record.market_cap),
            text(record.average_daily_volume),
            categories.join("|"),
            text(record.first_seen),
            record.observed_at.to_string(),
        ]
    });
    write_csv(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

fn check_categories(bytes: &[u8]) -> Answer {
    let categories = match read_categories(PLACE, bytes) {
        Ok(categories) => categories,
        Err(error) => {
            refusal::check(PLACE, &error);
            return Answer::Refused;
        }
    };
    let header = ["symbol", "category", "priority", "notes"].map(str::to_owned).to_vec();
    let rows = categories.iter().flat_map(|(symbol, names)| {
        names.iter().map(|name| vec![symbol.clone(), name.to_string(), String::new(), String::new()])
    });
    let text = write_csv(&std::iter::once(header).chain(rows).collect::<Vec<_>>());
    assert_eq!(read_categories(PLACE, &text), Ok(categories), "the categories read back as others");
    Answer::Accepted
}

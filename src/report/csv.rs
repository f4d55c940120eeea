//! Orders and positions for a spreadsheet: exact decimals, UTC times, one header, no thousands separators.

use super::run::{OrderReport, RunReport};

/// Columns of the order table.
pub const ORDER_COLUMNS: [&str; 22] = [
    "run_id",
    "priority",
    "side",
    "instrument",
    "asset_id",
    "symbol",
    "quantity",
    "limit_price",
    "reference_price",
    "notional",
    "estimated_cost",
    "reason",
    "key",
    "client_order_id",
    "payload_digest",
    "valid_until",
    "state",
    "filled_quantity",
    "average_price",
    "filled_notional",
    "fee",
    "note",
];

/// Columns of the position table. Weights are fractions of net asset value before trading.
pub const POSITION_COLUMNS: [&str; 14] = [
    "run_id",
    "asset_id",
    "symbol",
    "role",
    "rank",
    "price",
    "quantity_before",
    "quantity_after",
    "weight_before",
    "reference_weight",
    "weight_after",
    "traded",
    "reason",
    "sentence",
];

/// Text from elsewhere. A cell that begins like a formula would be one in a spreadsheet: an apostrophe keeps it text.
pub(super) fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// One line per order, in the order of emission. The last six columns are empty for a dry run.
///
/// # Errors
/// Never while writing to memory; the signature is the CSV writer's.
pub fn orders(report: &RunReport) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(ORDER_COLUMNS)?;
    for order in &report.orders {
        writer.write_record(order_row(report, order))?;
    }
    finish(writer)
}

fn order_row(report: &RunReport, order: &OrderReport) -> [String; 22] {
    let result = order.result.as_ref();
    let of_result = |field: fn(&super::run::OrderResult) -> String| result.map(field).unwrap_or_default();
    [
        report.run_id.to_string(),
        order.priority.to_string(),
        order.side.to_string(),
        order.instrument.to_string(),
        order.asset.to_string(),
        cell(&order.symbol),
        order.quantity.to_string(),
        order.limit_price.to_string(),
        order.reference_price.to_string(),
        order.notional.to_string(),
        order.estimated_cost.to_string(),
        order.reason.as_str().to_owned(),
        order.key.to_string(),
        order.client_order_id.clone(),
        order.payload_digest.clone(),
        order.valid_until.to_string(),
        of_result(|it| it.state.as_str().to_owned()),
        of_result(|it| it.filled_quantity.to_string()),
        of_result(|it| it.average_price.map(|price| price.to_string()).unwrap_or_default()),
        of_result(|it| it.filled_notional.to_string()),
        of_result(|it| it.fee.to_string()),
        of_result(|it| cell(&it.note)),
    ]
}

/// One line per asset that is held or is a constituent.
///
/// # Errors
/// As [`orders`].
pub fn positions(report: &RunReport) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(POSITION_COLUMNS)?;
    for it in &report.positions {
        writer.write_record([
            report.run_id.to_string(),
            it.asset.to_string(),
            cell(&it.symbol),
            it.role.as_str().to_owned(),
            it.rank.map(|rank| rank.to_string()).unwrap_or_default(),
            it.price.to_string(),
            it.quantity_before.to_string(),
            it.quantity_after.to_string(),
            it.weight_before.to_string(),
            it.reference_weight.to_string(),
            it.weight_after.to_string(),
            it.traded.to_string(),
            it.reason.as_str().to_owned(),
            cell(&it.sentence),
        ])?;
    }
    finish(writer)
}

pub(super) fn finish(writer: csv::Writer<Vec<u8>>) -> Result<String, csv::Error> {
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(std::io::Error::other(error.to_string())))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

//! A backtest for a spreadsheet: one table each for days, months, orders and weights; a study: its results and steps.
//! Exact decimals, ISO dates.

use super::{BacktestReport, Ratio, StudyReport, StudyResult};
use crate::report::csv::{cell, finish};

/// Writes one table.
pub type Table = fn(&BacktestReport) -> Result<String, csv::Error>;

/// The tables: what each is called, and how it is written.
pub const TABLES: [(&str, Table); 4] = [("days", days), ("months", months), ("orders", orders), ("weights", weights)];

/// Writes one table of a study.
pub type StudyTable = fn(&StudyReport) -> Result<String, csv::Error>;

/// The tables of a study.
pub const STUDY_TABLES: [(&str, StudyTable); 2] = [("results", results), ("walk_forward", walk_forward)];

/// One line for each day: value, cash, drawdown, then the value of each benchmark.
///
/// # Errors
/// Never while writing to memory; the signature is the CSV writer's.
pub fn days(report: &BacktestReport) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["date".to_owned(), "value".to_owned(), "cash".to_owned(), "drawdown".to_owned()];
    header.extend(report.benchmarks.iter().map(|benchmark| cell(&benchmark.name)));
    writer.write_record(header)?;
    let daily = &report.daily;
    let columns = daily.value.iter().zip(&daily.cash).zip(&daily.drawdown);
    for (place, (date, ((value, cash), drawdown))) in daily.dates.iter().zip(columns).enumerate() {
        let mut row = vec![date.to_string(), value.to_string(), cash.to_string(), drawdown.get().to_string()];
        let at = |values: &Vec<crate::model::Money>| values.get(place).map(ToString::to_string).unwrap_or_default();
        row.extend(report.benchmarks.iter().map(|benchmark| at(&benchmark.value)));
        writer.write_record(row)?;
    }
    finish(writer)
}

/// One line for each calendar month: value on its last day, return, then the return of each benchmark.
///
/// # Errors
/// As [`days`].
pub fn months(report: &BacktestReport) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["month".to_owned(), "value".to_owned(), "return".to_owned()];
    header.extend(report.benchmarks.iter().map(|benchmark| cell(&benchmark.name)));
    writer.write_record(header)?;
    for month in &report.monthly {
        let name = format!("{:04}-{:02}", month.year, month.month);
        let mut row = vec![name, month.value.to_string(), month.change.get().to_string()];
        row.extend(month.benchmark_returns.iter().map(|change| change.get().to_string()));
        writer.write_record(row)?;
    }
    finish(writer)
}

/// Columns of the table of orders.
pub const ORDER_COLUMNS: [&str; 17] = [
    "planned_on",
    "run_id",
    "key",
    "asset_id",
    "symbol",
    "side",
    "quantity",
    "reference_price",
    "notional",
    "reason",
    "filled_on",
    "filled_quantity",
    "fill_price",
    "fee",
    "spread_cost",
    "impact_cost",
    "note",
];

/// One line for each order of each plan.
///
/// # Errors
/// As [`days`].
pub fn orders(report: &BacktestReport) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(ORDER_COLUMNS)?;
    for run in &report.runs {
        for order in &run.orders {
            let fill = order.fill.as_ref();
            let of_fill = |field: fn(&super::FillOfBacktest) -> String| fill.map(field).unwrap_or_default();
            writer.write_record([
                run.date.to_string(),
                run.run_id.map(|id| id.to_string()).unwrap_or_default(),
                order.key.to_string(),
                order.asset.to_string(),
                cell(&order.symbol),
                order.side.to_string(),
                order.quantity.to_string(),
                order.reference_price.to_string(),
                order.notional.to_string(),
                order.reason.as_str().to_owned(),
                of_fill(|fill| fill.date.to_string()),
                of_fill(|fill| fill.quantity.to_string()),
                of_fill(|fill| fill.price.to_string()),
                of_fill(|fill| fill.fee.to_string()),
                of_fill(|fill| fill.spread_cost.to_string()),
                of_fill(|fill| fill.impact_cost.to_string()),
                cell(&order.note),
            ])?;
        }
    }
    finish(writer)
}

/// One line for each sampled day and asset that is held, and one for cash.
///
/// # Errors
/// As [`days`].
pub fn weights(report: &BacktestReport) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["date", "asset_id", "symbol", "weight"])?;
    for (place, date) in report.weights.dates.iter().enumerate() {
        for series in &report.weights.assets {
            if let Some(weight) = series.weights.get(place).filter(|weight| !weight.is_zero()) {
                let symbol = cell(&series.symbol);
                writer.write_record([&date.to_string(), series.asset.as_str(), &symbol, &weight.to_string()])?;
            }
        }
        let cash = report.weights.cash.get(place).map(ToString::to_string).unwrap_or_default();
        writer.write_record([&date.to_string(), "", "cash", &cash])?;
    }
    finish(writer)
}

/// Columns of a study's results, after the fields that were varied.
pub const RESULT_COLUMNS: [&str; 13] = [
    "from",
    "to",
    "final_value",
    "total_return",
    "annual_return",
    "annual_volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "turnover_per_year",
    "costs",
    "runs",
    "refused_runs",
];

/// One line for each combination on each window. A figure that is not defined is an empty field.
///
/// # Errors
/// As [`days`].
pub fn results(study: &StudyReport) -> Result<String, csv::Error> {
    table(study, study.results.iter().map(|result| (result, &result.values)))
}

/// One line for each window that has a best combination of the window before: what that did on it.
///
/// # Errors
/// As [`days`].
pub fn walk_forward(study: &StudyReport) -> Result<String, csv::Error> {
    let steps = study.walk_forward.iter().flatten().filter_map(|step| {
        let result = study.results.get(usize::try_from(step.result).ok()?)?;
        Some((result, &step.chosen))
    });
    table(study, steps)
}

fn table<'a>(
    study: &StudyReport,
    lines: impl Iterator<Item = (&'a StudyResult, &'a Vec<String>)>,
) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let parameters = study.parameters.iter().map(|it| cell(&it.path));
    writer.write_record(parameters.chain(RESULT_COLUMNS.map(str::to_owned)))?;
    let shown = |ratio: Option<Ratio>| ratio.map(|it| it.get().to_string()).unwrap_or_default();
    for (result, values) in lines {
        let window = usize::try_from(result.window).ok().and_then(|place| study.windows.get(place));
        let day = |of: fn(&super::Window) -> jiff::civil::Date| window.map(|it| of(it).to_string()).unwrap_or_default();
        let (summary, performance) = (&result.summary, &result.summary.performance);
        let figures = [
            day(|window| window.from),
            day(|window| window.to),
            summary.final_value.to_string(),
            shown(Some(performance.total_return)),
            shown(performance.annual_return),
            shown(performance.annual_volatility),
            shown(performance.sharpe),
            shown(performance.sortino),
            shown(Some(performance.max_drawdown.depth)),
            shown(summary.turnover_per_year),
            summary.costs.to_string(),
            summary.runs.to_string(),
            summary.refused_runs.to_string(),
        ];
        writer.write_record(values.iter().map(|value| cell(value)).chain(figures))?;
    }
    finish(writer)
}

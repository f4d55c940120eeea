//! What a peer is given: the program that planning solves, in numbers, in the form that suits a general solver best.
//!
//! * Without whole quantities and tail risk that is planning's own program, few rows and all.
//! * With tail risk planning states only the planes that it needs; a peer gets every scenario, as Rockafellar and Uryasev
//!   write it (Conditional value-at-risk for general loss distributions, 2002), over the weights, so that a scenario's row
//!   is no longer than there are assets.
//! * With whole quantities a peer gets one binary for each side that has a least order and for each holding, and whole
//!   numbers of lots.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use index_rebalancer::model::{AssetId, Decimal, PlanningInput, Side};
use index_rebalancer::planning::{AtMostRow, BoxedColumn, RebalancePlan, SegmentProgram};
use index_rebalancer::solver::{Column, Goal, Program, Row};
use rust_decimal::prelude::ToPrimitive;

/// Orders of less than this fraction of net asset value are left to rounding.
const LEAST_ORDER: f64 = 1e-6;

/// A program for peers.
pub(crate) struct Stated {
    pub(crate) program: Program,
    /// By how much of net asset value an answer may be off the best; none without whole quantities.
    pub(crate) gap: Option<f64>,
}

impl Stated {
    pub(crate) fn of(input: &PlanningInput, segments: &SegmentProgram) -> Self {
        let mut program = numbers(segments);
        let lines = Lines::of(input, segments);
        if input.policy.limits.risk.is_some() {
            state_scenarios(&mut program, &lines, input, segments.trades.len());
        }
        let rule = input.policy.whole_quantities();
        if let Some(rule) = rule {
            state_wholes(&mut program, &lines, input, float(rule.largest_rounded_lot()));
        }
        Self { program, gap: rule.map(|rule| float(rule.gap())) }
    }

    /// As `peers.py` reads it: counts and what else is to be known as JSON, then numbers.
    pub(crate) fn write(&self, folder: &Path, name: &str, peers: &[&str]) {
        let (columns, rows) = (&self.program.columns, &self.program.rows);
        let terms: usize = rows.iter().map(|row| row.terms.len()).sum();
        let head = serde_json::json!({
            "columns": columns.len(), "rows": rows.len(), "terms": terms, "gap": self.gap, "peers": peers,
        });
        fs::write(folder.join(format!("{name}.json")), head.to_string()).expect("written");
        let of_columns = [
            columns.iter().map(|it| it.objective).collect::<Vec<f64>>(),
            columns.iter().map(|it| it.lower).collect(),
            columns.iter().map(|it| it.upper).collect(),
            columns.iter().map(|it| f64::from(u8::from(it.integer))).collect(),
        ];
        let of_rows =
            [rows.iter().map(|row| row.lower).collect::<Vec<f64>>(), rows.iter().map(|row| row.upper).collect()];
        let mut data: Vec<u8> = of_columns.iter().chain(&of_rows).flatten().flat_map(|it| it.to_le_bytes()).collect();
        let mut start = 0;
        let mut places = vec![start];
        for row in rows {
            start += row.terms.len();
            places.push(start);
        }
        places.extend(rows.iter().flat_map(|row| row.terms.iter().map(|(column, _)| *column)));
        data.extend(places.iter().flat_map(|place| i64::try_from(*place).expect("small").to_le_bytes()));
        data.extend(rows.iter().flat_map(|row| row.terms.iter().flat_map(|(_, by)| by.to_le_bytes())));
        fs::write(folder.join(format!("{name}.bin")), data).expect("written");
    }
}

fn numbers(program: &SegmentProgram) -> Program {
    let column = |column: &BoxedColumn| Column {
        lower: 0.0,
        upper: float(column.upper),
        objective: float(column.reward),
        integer: false,
    };
    let row = |row: &AtMostRow| {
        at_most(row.terms.iter().map(|(column, by)| (*column, float(*by))).collect(), float(row.bound))
    };
    Program {
        goal: Goal::Maximise,
        constant: 0.0,
        columns: program.columns.iter().map(column).collect(),
        rows: program.rows.iter().map(row).collect(),
    }
}

fn at_most(terms: Vec<(usize, f64)>, upper: f64) -> Row {
    Row { lower: f64::NEG_INFINITY, upper, terms }
}

/// One asset of an instance, in weights.
struct Line<'a> {
    asset: &'a AssetId,
    before: f64,
    /// Its columns, the better pieces first, and what they come to together.
    buys: Vec<usize>,
    sells: Vec<usize>,
    bought: f64,
    sold: f64,
    lot: f64,
    /// The least order.
    least: f64,
}

struct Lines<'a>(Vec<Line<'a>>);

impl<'a> Lines<'a> {
    fn of(input: &'a PlanningInput, segments: &SegmentProgram) -> Self {
        let nav = net_asset_value(input);
        let mut columns: BTreeMap<(&AssetId, Side), Vec<usize>> = BTreeMap::new();
        for (index, (asset, side)) in segments.trades.iter().enumerate() {
            columns.entry((asset, *side)).or_default().push(index);
        }
        let upper = |at: &[usize]| at.iter().map(|index| float(segments.columns[*index].upper)).sum::<f64>();
        let line = |asset: &'a AssetId| {
            let record = &input.assets[asset];
            let listing = record.listing.as_ref().expect("a listing");
            let of_units = |units: Decimal| float(units * record.price.get() / nav);
            let held = input.account.holdings.get(asset).map_or(Decimal::ZERO, |holding| holding.free.get());
            let lot = listing.lot_size.get();
            let least = input.policy.orders.min_trade.get().max(listing.min_notional.get()) / record.price.get();
            let (buys, sells) = (columns.remove(&(asset, Side::Buy)), columns.remove(&(asset, Side::Sell)));
            let (buys, sells) = (buys.unwrap_or_default(), sells.unwrap_or_default());
            Line {
                asset,
                before: of_units(held),
                bought: upper(&buys),
                sold: upper(&sells),
                buys,
                sells,
                lot: of_units(lot),
                least: of_units((least / lot).ceil() * lot),
            }
        };
        Self(input.assets.keys().map(line).collect())
    }
}

fn net_asset_value(input: &PlanningInput) -> Decimal {
    let worth = |(asset, record): (&AssetId, &index_rebalancer::model::AssetRecord)| {
        input.account.holdings.get(asset).map_or(Decimal::ZERO, |holding| holding.free.get() * record.price.get())
    };
    input.account.cash_free.get() + input.assets.iter().map(worth).sum::<Decimal>()
}

/// `t ≥ α + Σ zₛ / T, zₛ ≥ Σ lossₛᵢ wᵢ − α, zₛ ≥ 0`, where the column at `measure` is `t`: instead of the planes.
fn state_scenarios(program: &mut Program, lines: &Lines<'_>, input: &PlanningInput, measure: usize) {
    let is_plane = |row: &Row| row.terms.iter().any(|(column, by)| *column == measure && *by < 0.0);
    program.rows.retain(|row| !is_plane(row));
    let free = |lower: f64| Column { lower, upper: f64::INFINITY, objective: 0.0, integer: false };
    let weights = program.columns.len();
    for (index, line) in lines.0.iter().enumerate() {
        program.columns.push(free(f64::NEG_INFINITY));
        let bought = line.buys.iter().map(|column| (*column, -1.0));
        let terms = bought.chain(line.sells.iter().map(|column| (*column, 1.0))).chain([(weights + index, 1.0)]);
        program.rows.push(Row { lower: line.before, upper: line.before, terms: terms.collect() });
    }
    let alpha = program.columns.len();
    program.columns.push(free(f64::NEG_INFINITY));
    let history = input.history.as_ref().expect("closes");
    let closes = |line: &Line<'_>| -> Vec<f64> {
        history.closes[line.asset].iter().map(|close| float(close.expect("every day").get())).collect()
    };
    let closes: Vec<Vec<f64>> = lines.0.iter().map(closes).collect();
    let scenarios = history.days() - 1;
    let first = program.columns.len();
    for scenario in 0..scenarios {
        program.columns.push(free(0.0));
        let loss = |closes: &Vec<f64>| 1.0 - closes[scenario + 1] / closes[scenario];
        let losses = closes.iter().map(loss).enumerate().map(|(index, loss)| (weights + index, loss));
        program.rows.push(at_most(losses.chain([(alpha, -1.0), (first + scenario, -1.0)]).collect(), 0.0));
    }
    let rule = input.policy.limits.risk.as_ref().expect("tail risk");
    let tail = float((Decimal::ONE - rule.beta.get()) * Decimal::from(scenarios));
    let excess = (0..scenarios).map(|scenario| (first + scenario, 1.0 / tail));
    program.rows.push(at_most(excess.chain([(alpha, 1.0), (measure, -1.0)]).collect(), 0.0));
}

/// Binaries for orders and holdings, whole numbers for lots.
fn state_wholes(program: &mut Program, lines: &Lines<'_>, input: &PlanningInput, largest_rounded_lot: f64) {
    let limits = &input.policy.limits;
    let least_weight = limits.min_weight.map_or(0.0, |weight| float(weight.get()));
    let mut held = Vec::new();
    for line in &lines.0 {
        for (columns, most) in [(&line.buys, line.bought), (&line.sells, line.sold)] {
            if line.lot > largest_rounded_lot {
                let lots = whole(program, (most / line.lot + 1e-9).floor());
                let terms = columns.iter().map(|column| (*column, 1.0)).chain([(lots, -line.lot)]);
                program.rows.push(Row { lower: 0.0, upper: 0.0, terms: terms.collect() });
            } else if line.least > LEAST_ORDER && !columns.is_empty() {
                let ordered = whole(program, if line.least <= most { 1.0 } else { 0.0 });
                let sum = |sign: f64| columns.iter().map(move |column| (*column, sign));
                program.rows.push(at_most(sum(1.0).chain([(ordered, -most)]).collect(), 0.0));
                program.rows.push(at_most(sum(-1.0).chain([(ordered, line.least)]).collect(), 0.0));
            }
        }
        if limits.min_weight.is_some() || limits.max_holdings.is_some() {
            let is_held = whole(program, 1.0);
            held.push((is_held, 1.0));
            // `low ≤ weight ≤ low` without, `least ≤ weight` with.
            let change = |sign: f64| {
                let buys = line.buys.iter().map(move |column| (*column, sign));
                buys.chain(line.sells.iter().map(move |column| (*column, -sign)))
            };
            let low = (line.before - line.sold).max(0.0);
            let most = line.before + line.bought - low;
            program.rows.push(at_most(change(1.0).chain([(is_held, -most)]).collect(), low - line.before));
            program.rows.push(at_most(change(-1.0).chain([(is_held, least_weight)]).collect(), line.before));
        }
    }
    if let Some(most) = limits.max_holdings {
        program.rows.push(at_most(held, f64::from(most)));
    }
}

fn whole(program: &mut Program, upper: f64) -> usize {
    program.columns.push(Column { lower: 0.0, upper, objective: 0.0, integer: true });
    program.columns.len() - 1
}

/// What the orders of a plan are worth in the program that peers solve.
pub(crate) fn worth(plan: &RebalancePlan, input: &PlanningInput, segments: &SegmentProgram) -> f64 {
    let nav = net_asset_value(input);
    let mut left: BTreeMap<(&AssetId, Side), Decimal> = BTreeMap::new();
    for order in &plan.orders {
        *left.entry((&order.asset, order.side)).or_default() += order.notional.get() / nav;
    }
    let mut values = vec![Decimal::ZERO; segments.columns.len()];
    for (index, (asset, side)) in segments.trades.iter().enumerate() {
        if let Some(left) = left.get_mut(&(asset, *side)) {
            values[index] = (*left).min(segments.columns[index].upper);
            *left -= values[index];
        }
    }
    // Idle cash is the last column, and the only row that has it says how much there is at least.
    let idle = values.len() - 1;
    let row = segments.rows.iter().find(|row| row.terms.iter().any(|(column, _)| *column == idle)).expect("idle cash");
    let used: Decimal = row.terms.iter().map(|(column, by)| values[*column] * *by).sum();
    values[idle] = (used - row.bound).max(Decimal::ZERO);
    float(segments.columns.iter().zip(&values).map(|(column, value)| column.reward * *value).sum())
}

pub(crate) fn float(value: Decimal) -> f64 {
    value.to_f64().expect("finite")
}

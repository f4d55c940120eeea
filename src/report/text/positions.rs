//! Weights before, wanted and after; what was left alone, and what is not in the index.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr;

use super::Tone;
use super::bar::{Scale, legend};
use super::canvas::{Canvas, Line};
use super::table::{Column, Grid};
use super::{heading, number};
use crate::model::Weight;
use crate::report::published::{ReasonCode, Role};
use crate::report::run::{ExclusionReport, PositionReport, RunReport, count};
use crate::report::wording::order::{is_ordinary, reason_tone, reason_words};

/// Rows shown unless all are wanted.
const MOST_ROWS: usize = 40;
const MOST_NAMES: usize = 12;
const MOST_SENTENCES: usize = 6;
/// Columns taken by everything but the bar in the narrow layout, roughly; the bar takes the rest.
const BAR_MIN: usize = 24;
const BAR_MAX: usize = 60;

pub(super) fn weights(report: &RunReport, canvas: &Canvas) -> String {
    let mut out = heading(canvas, "Weights", "of net asset value before trading");
    let shown = if canvas.full { report.positions.len() } else { MOST_ROWS };
    let scale = scale(report, canvas);
    let mut grid = Grid::new([
        Column::left("asset"),
        Column::left("id").or_drop(5),
        Column::left("role").or_drop(4),
        Column::right("rank").or_drop(3),
        Column::right("price").or_drop(2),
        Column::right("units").or_drop(6),
        Column::right("units after").or_drop(7),
        Column::right("before"),
        Column::right("reference"),
        Column::right("after"),
        Column::left("").or_drop(1),
        Column::left("why"),
    ]);
    for position in report.positions.iter().take(shown) {
        grid.row(position_row(report, canvas, scale, position));
    }
    grid.row(cash_row(report, canvas, scale));
    out.push_str(&grid.render(canvas));
    let rest: Vec<&PositionReport> = report.positions.iter().skip(shown).collect();
    if !rest.is_empty() {
        let weight: Weight = rest.iter().map(|it| it.weight_after).sum();
        let more = format!(
            "  {} and {} more, {} after the run; --full shows all",
            canvas.pick("…", "..."),
            rest.len(),
            number::percent(weight)
        );
        out.push_str(&canvas.faint_line(&more));
    }
    out.push_str(&legend(canvas, scale));
    out
}

fn scale(report: &RunReport, canvas: &Canvas) -> Scale {
    let cash = [report.cash.weight_before, report.cash.reference_weight, report.cash.weight_after];
    let weights = report.positions.iter().flat_map(|it| [it.weight_before, it.reference_weight, it.weight_after]);
    let largest = weights.chain(cash).max().unwrap_or(Weight::ONE);
    let cells = (canvas.columns() / 4).clamp(BAR_MIN, BAR_MAX);
    Scale::for_largest(largest, cells)
}

fn position_row(report: &RunReport, canvas: &Canvas, scale: Scale, position: &PositionReport) -> Vec<Line> {
    let role = match position.role {
        Role::Constituent => Tone::Plain,
        Role::StableLeg | Role::Unmanaged => Tone::Faint,
        Role::MustExit => Tone::Sell,
    };
    let unpriced = position.role == Role::Unmanaged;
    vec![
        Line::new(role, canvas.clean(report.label(&position.asset, &position.symbol))),
        Line::new(Tone::Faint, position.asset.as_str()),
        Line::new(role, position.role.to_string()),
        Line::plain(position.rank.map_or_else(String::new, |rank| rank.to_string())),
        Line::plain(if unpriced { String::new() } else { number::market_price(position.price) }),
        Line::plain(number::holding(position.quantity_before)),
        Line::plain(number::holding(position.quantity_after)),
        Line::plain(number::percent(position.weight_before)),
        Line::plain(number::percent(position.reference_weight)),
        Line::plain(number::percent(position.weight_after)),
        scale.bar(canvas, position.weight_before, position.reference_weight, position.weight_after),
        Line::new(reason_tone(position), reason_words(position.reason)),
    ]
}

fn cash_row(report: &RunReport, canvas: &Canvas, scale: Scale) -> Vec<Line> {
    let cash = &report.cash;
    vec![
        Line::new(Tone::Faint, "cash"),
        Line::new(Tone::Faint, report.quote_currency.as_str()),
        Line::new(Tone::Faint, "cash"),
        Line::default(),
        Line::default(),
        Line::plain(number::money(cash.before)),
        Line::plain(number::money(cash.after)),
        Line::plain(number::percent(cash.weight_before)),
        Line::plain(number::percent(cash.reference_weight)),
        Line::plain(number::percent(cash.weight_after)),
        scale.bar(canvas, cash.weight_before, cash.reference_weight, cash.weight_after),
        Line::default(),
    ]
}

/// What is held or wanted and has no order, by reason.
pub(super) fn not_traded(report: &RunReport, canvas: &Canvas) -> String {
    let mut groups: BTreeMap<ReasonCode, Vec<&PositionReport>> = BTreeMap::new();
    for position in report.not_traded() {
        groups.entry(position.reason).or_default().push(position);
    }
    if groups.is_empty() {
        return String::new();
    }
    let total: usize = groups.values().map(Vec::len).sum();
    let mut out = heading(canvas, "Not traded", &count(total, "asset"));
    for (reason, positions) in groups {
        out.push_str(&group(report, canvas, reason, &positions));
    }
    out
}

/// One line of names for the ordinary reasons; a sentence each where something is in the way.
fn group(report: &RunReport, canvas: &Canvas, reason: ReasonCode, positions: &[&PositionReport]) -> String {
    let tone = positions.first().map_or(Tone::Plain, |position| reason_tone(position));
    let title =
        Line::plain("  ").and(tone, format!("{} ({})", reason_words(reason), positions.len())).and(Tone::Plain, "  ");
    if is_ordinary(reason) {
        let names: Vec<String> = positions.iter().map(|it| canvas.clean(report.label(&it.asset, &it.symbol))).collect();
        return canvas.fill(&title, Tone::Plain, &canvas.list(&names, MOST_NAMES * canvas.columns() / 80));
    }
    let mut out = format!("{}\n", title.render(canvas).trim_end());
    let most = if canvas.full { usize::MAX } else { MOST_SENTENCES };
    let name = |it: &PositionReport| canvas.clean(report.label(&it.asset, &it.symbol));
    let width = positions.iter().take(most).map(|it| name(it).width()).max().unwrap_or(0);
    for position in positions.iter().take(most) {
        out.push_str(&canvas.fill(
            &Line::plain(format!("    {}  ", padded(&name(position), width))),
            Tone::Plain,
            &position.sentence,
        ));
    }
    if positions.len() > most {
        out.push_str(&more(canvas, positions.len() - most, report));
    }
    out
}

/// Candidates that are not constituents: how many, and the first few.
pub(super) fn not_in_the_index(report: &RunReport, canvas: &Canvas) -> String {
    if report.exclusions.is_empty() {
        return String::new();
    }
    let most = if canvas.full { usize::MAX } else { MOST_SENTENCES };
    let mut out = heading(canvas, "Not in the index", &count(report.exclusions.len(), "candidate"));
    let name = |it: &ExclusionReport| canvas.clean(report.label(&it.asset, &it.symbol));
    let width = report.exclusions.iter().take(most).map(|it| name(it).width()).max().unwrap_or(0);
    for exclusion in report.exclusions.iter().take(most) {
        out.push_str(&canvas.fill(
            &Line::plain(format!("  {}  ", padded(&name(exclusion), width))),
            Tone::Plain,
            &exclusion.why,
        ));
    }
    if report.exclusions.len() > most {
        out.push_str(&more(canvas, report.exclusions.len() - most, report));
    }
    out
}

fn padded(name: &str, width: usize) -> String {
    format!("{name}{}", " ".repeat(width.saturating_sub(name.width())))
}

fn more(canvas: &Canvas, number: usize, report: &RunReport) -> String {
    let id = report.run_id.to_string();
    let how = match report.mode {
        crate::report::Mode::DryRun => "--full shows all".to_owned(),
        _ => format!("`rebalance explain {}` shows all", id.get(..8).unwrap_or(&id)),
    };
    let text = format!("  {} and {number} more; {how}", canvas.pick("…", "..."));
    canvas.faint_line(&text)
}

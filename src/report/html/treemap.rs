//! Holdings as areas. Squarified (Bruls, Huizing, van Wijk 2000): rows of tiles, each filled as long as its worst
//! tile comes nearer to a square. In decimals, so that a page is the same on every machine.

use maud::{Markup, html};

use super::figure::share;
use crate::model::{Decimal, Weight};
use crate::report::run::RunReport;
use crate::report::wording::{number, printable};

/// The smallest weight that gets a tile: a basis point.
const LEAST: Decimal = Decimal::from_parts(1, 0, 0, false, 4);
/// Room of a letter and of a label's padding, in pixels.
const LETTER: u32 = 9;
const PADDING: u32 = 16;
/// Height of a label of one line and of two.
const ONE_LINE: u32 = 20;
const TWO_LINES: u32 = 38;

/// A tile, before it has a place.
#[derive(Debug, Clone)]
struct Tile {
    label: String,
    weight: Weight,
    /// What the run did with it.
    change: &'static str,
}

/// A place, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rectangle {
    x: Decimal,
    y: Decimal,
    width: Decimal,
    height: Decimal,
}

/// For wide screens and for narrow ones; the style shows one of them.
pub(super) fn treemap(report: &RunReport) -> Markup {
    let tiles = tiles(report);
    if tiles.is_empty() {
        return html! { p { "Nothing is held after the run." } };
    }
    html! {
        figure .treemap {
            (drawn(&tiles, "wide", 720, 320))
            (drawn(&tiles, "narrow", 340, 400))
            figcaption {
                ul .legend {
                    @for (class, words) in [("kept", "kept"), ("bought", "bought"), ("sold", "sold in part"), ("cash", "cash")] {
                        li {
                            svg .swatch width="16" height="12" aria-hidden="true" focusable="false" {
                                rect class={ "edge " (class) } x="1" y="1" width="14" height="10" {}
                            }
                            (words)
                        }
                    }
                }
                p .faint { "Weights after the run. The same figures, and those below 0.01 %, are in the " a href="#weights" { "table of weights" } "." }
            }
        }
    }
}

fn tiles(report: &RunReport) -> Vec<Tile> {
    let mut tiles: Vec<Tile> = report
        .positions
        .iter()
        .map(|it| Tile {
            label: printable(report.label(&it.asset, &it.symbol)),
            weight: it.weight_after,
            change: match it.quantity_after.cmp(&it.quantity_before) {
                std::cmp::Ordering::Equal => "kept",
                std::cmp::Ordering::Greater => "bought",
                std::cmp::Ordering::Less => "sold",
            },
        })
        .collect();
    tiles.push(Tile { label: "cash".to_owned(), weight: report.cash.weight_after, change: "cash" });
    tiles.retain(|tile| tile.weight.get() >= LEAST);
    tiles.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.label.cmp(&b.label)));
    tiles
}

fn drawn(tiles: &[Tile], class: &str, width: u32, height: u32) -> Markup {
    let (width, height) = (Decimal::from(width), Decimal::from(height));
    let whole = Rectangle { x: Decimal::ZERO, y: Decimal::ZERO, width, height };
    let weights: Vec<Decimal> = tiles.iter().map(|tile| tile.weight.get()).collect();
    let places = squarified(&weights, whole);
    html! {
        svg class=(class) width="100%" height=(height) role="img" aria-label=(told(tiles)) {
            @for (tile, place) in tiles.iter().zip(&places) {
                svg x=(share(place.x, width)) y=(share(place.y, height))
                    width=(share(place.width, width)) height=(share(place.height, height)) {
                    title { (tile.label) " " (number::percent(tile.weight)) ", " (words(tile.change)) }
                    rect class={ "tile " (tile.change) } x="0" y="0" width="100%" height="100%" {}
                    rect class={ "edge " (tile.change) } x="1" y="1" width="4" height="100%" {}
                    (label(tile, *place))
                }
            }
        }
    }
}

/// The name where it has room, and the weight under it where that has room too.
fn label(tile: &Tile, place: Rectangle) -> Markup {
    let fits = |text: &str| {
        Decimal::from(text.chars().count()) * Decimal::from(LETTER) + Decimal::from(PADDING) <= place.width
    };
    let weight = number::percent(tile.weight);
    html! {
        @if fits(&tile.label) && place.height >= Decimal::from(ONE_LINE) {
            text .label x="11" y="18" { (tile.label) }
            @if fits(&weight) && place.height >= Decimal::from(TWO_LINES) {
                text .weight x="11" y="34" { (weight) }
            }
        }
    }
}

fn words(change: &str) -> &str {
    if change == "sold" { "sold in part" } else { change }
}

/// The picture in a sentence.
fn told(tiles: &[Tile]) -> String {
    let largest: Vec<String> =
        tiles.iter().take(5).map(|tile| format!("{} {}", tile.label, number::percent(tile.weight))).collect();
    format!("Treemap of {} holdings after the run; the largest: {}", tiles.len(), largest.join(", "))
}

/// A place for each weight, in the order given, which must be falling; areas are in proportion to weights.
fn squarified(weights: &[Decimal], whole: Rectangle) -> Vec<Rectangle> {
    let total: Decimal = weights.iter().sum();
    if total <= Decimal::ZERO {
        return Vec::new();
    }
    let scale = whole.width * whole.height / total;
    let mut areas: &[Decimal] = &weights.iter().map(|weight| weight * scale).collect::<Vec<_>>();
    let mut places = Vec::with_capacity(weights.len());
    let mut free = whole;
    while !areas.is_empty() {
        let side = free.width.min(free.height);
        let mut length = 1;
        while let (Some(row), Some(longer)) = (areas.get(..length), areas.get(..=length)) {
            if worst_ratio(longer, side) > worst_ratio(row, side) {
                break;
            }
            length += 1;
        }
        let (row, rest) = areas.split_at(length);
        free = lay(row, free, &mut places);
        areas = rest;
    }
    places
}

/// The least square tile of a row along a side: its longer edge over its shorter one.
fn worst_ratio(row: &[Decimal], side: Decimal) -> Decimal {
    let total: Decimal = row.iter().sum();
    let depth = total.checked_div(side).unwrap_or_default();
    row.iter()
        .map(|area| {
            let length = area.checked_div(depth).unwrap_or_default();
            let (long, short) = (length.max(depth), length.min(depth));
            long.checked_div(short).unwrap_or(Decimal::MAX)
        })
        .max()
        .unwrap_or(Decimal::MAX)
}

/// Lays a row along the shorter side of what is free; answers with what is left.
fn lay(row: &[Decimal], free: Rectangle, places: &mut Vec<Rectangle>) -> Rectangle {
    let total: Decimal = row.iter().sum();
    let upright = free.width >= free.height;
    let side = if upright { free.height } else { free.width };
    let depth = total.checked_div(side).unwrap_or_default();
    let mut along = Decimal::ZERO;
    for area in row {
        let length = area.checked_div(depth).unwrap_or_default();
        places.push(if upright {
            Rectangle { x: free.x, y: free.y + along, width: depth, height: length }
        } else {
            Rectangle { x: free.x + along, y: free.y, width: length, height: depth }
        });
        along += length;
    }
    if upright {
        Rectangle { x: free.x + depth, width: (free.width - depth).max(Decimal::ZERO), ..free }
    } else {
        Rectangle { y: free.y + depth, height: (free.height - depth).max(Decimal::ZERO), ..free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(width: u32, height: u32) -> Rectangle {
        Rectangle { x: Decimal::ZERO, y: Decimal::ZERO, width: width.into(), height: height.into() }
    }

    fn numbers(texts: &[&str]) -> Vec<Decimal> {
        texts.iter().map(|text| text.parse().expect("a number")).collect()
    }

    #[test]
    fn the_paper_s_example() {
        // Bruls et al., figure 5: areas 6, 6, 4, 3, 2, 2, 1 in a rectangle of 6 by 4.
        let places = squarified(&numbers(&["6", "6", "4", "3", "2", "2", "1"]), whole(6, 4));
        let shown: Vec<String> = places
            .iter()
            .map(|it| {
                let figures = [it.x, it.y, it.width, it.height].map(|it| it.round_dp(2).normalize().to_string());
                figures.join(" ")
            })
            .collect();
        assert_eq!(
            shown,
            [
                "0 0 3 2",
                "0 2 3 2",
                "3 0 1.71 2.33",
                "4.71 0 1.29 2.33",
                "3 2.33 1.2 1.67",
                "4.2 2.33 1.2 1.67",
                "5.4 2.33 0.6 1.67"
            ]
        );
    }

    #[test]
    fn areas_are_in_proportion_and_inside() {
        let weights =
            numbers(&["0.31", "0.2", "0.2", "0.11", "0.05", "0.05", "0.03", "0.02", "0.02", "0.0099", "0.0001"]);
        let bounds = whole(720, 320);
        let places = squarified(&weights, bounds);
        assert_eq!(places.len(), weights.len());
        let close = Decimal::new(1, 6);
        for (place, weight) in places.iter().zip(&weights) {
            let area = place.width * place.height / (bounds.width * bounds.height);
            assert!((area - weight).abs() < close, "{place:?} is {area} of the whole, not {weight}");
            assert!(place.x + place.width <= bounds.width + close && place.y + place.height <= bounds.height + close);
        }
    }

    #[test]
    fn nothing_and_everything() {
        assert!(squarified(&[], whole(10, 10)).is_empty());
        assert_eq!(squarified(&numbers(&["0.4"]), whole(10, 20)), [whole(10, 20)]);
    }
}

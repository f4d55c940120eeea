//! Pieces of a page: numbers, times, marks, bars. A number is shown as in every report for people; the page holds its
//! exact value as well (`<data value>`), so that it can be compared and copied.

use jiff::Timestamp;
use maud::{Markup, html};
use rust_decimal::prelude::*;

use crate::model::{BasisPoints, Money, Price, Quantity, Weight};
use crate::report::wording::{self, Tone, limit, number};

/// As in the JSON document.
fn exact(value: Decimal) -> String {
    value.normalize().to_string()
}

pub(super) fn money(amount: Money) -> Markup {
    html! { data value=(exact(amount.get())) { (number::money(amount)) } }
}

pub(super) fn weight(weight: Weight) -> Markup {
    html! { data value=(exact(weight.get())) { (number::percent(weight)) } }
}

/// A figure of a limit: a number of holdings, or percent.
pub(super) fn limit_figure(name: &str, it: Weight) -> Markup {
    html! { data value=(exact(it.get())) { (limit::figure(name, it)) } }
}

/// What a point is worth.
pub(super) fn marginal(worth: BasisPoints) -> Markup {
    html! { data value=(exact(worth.get())) { (number::marginal(worth)) } }
}

/// Nothing where there is nothing to tell.
pub(super) fn weight_or_nothing(it: Weight) -> Markup {
    if it.is_zero() {
        html! {}
    } else {
        weight(it)
    }
}

/// Every digit: what goes to a venue.
pub(super) fn quantity(quantity: Quantity) -> Markup {
    html! { data value=(exact(quantity.get())) { (number::quantity(quantity)) } }
}

/// Every digit: what goes to a venue.
pub(super) fn limit_price(price: Price) -> Markup {
    html! { data value=(exact(price.get())) { (number::price(price)) } }
}

/// Six significant digits.
pub(super) fn market_price(price: Price) -> Markup {
    html! { data value=(exact(price.get())) { (number::market_price(price)) } }
}

pub(super) fn count(number: usize) -> Markup {
    html! { data value=(number) { (number) } }
}

pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (wording::time(at)) } }
}

/// Text from elsewhere: printable, escaped, and with a direction of its own.
pub(super) fn foreign(text: &str) -> Markup {
    html! { bdi { (wording::printable(text)) } }
}

pub(super) const fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Strong => "strong",
        Tone::Faint => "faint",
        Tone::Buy => "buy",
        Tone::Sell => "sell",
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
    }
}

/// Words in the colour of their meaning; the words alone tell it too.
pub(super) fn toned(tone: Tone, text: &str) -> Markup {
    html! { span class=(tone_class(tone)) { (wording::printable(text)) } }
}

/// The same as a label.
pub(super) fn badge(tone: Tone, text: &str) -> Markup {
    html! { span class={ "badge " (tone_class(tone)) } { (wording::printable(text)) } }
}

/// A sign for the eye and words for the ear.
pub(super) fn mark(tone: Tone, sign: &str, words: &str) -> Markup {
    html! {
        span class={ "mark " (tone_class(tone)) } aria-hidden="true" { (sign) }
        span .unseen { (words) }
    }
}

/// A part of a whole for an SVG attribute: `12.5%`, from 0 to 100.
pub(super) fn share(part: Decimal, whole: Decimal) -> String {
    let points = part.checked_div(whole).unwrap_or_default() * Decimal::ONE_HUNDRED;
    format!("{}%", points.clamp(Decimal::ZERO, Decimal::ONE_HUNDRED).round_dp(2).normalize())
}

/// Kept, then bought or sold, with the reference weight as a mark over it. The numbers stand beside it, so a screen
/// reader passes it over.
pub(super) fn weight_bar(full: Weight, before: Weight, reference: Weight, after: Weight) -> Markup {
    let full = full.get();
    let (kept, reach) = (before.min(after).get().max(Decimal::ZERO), before.max(after).get());
    let traded = if after > before { "bought" } else { "sold" };
    html! {
        svg .bar width="100%" height="16" aria-hidden="true" focusable="false" {
            rect .track x="0" y="3" width="100%" height="10" {}
            rect .kept x="0" y="3" width=(share(kept, full)) height="10" {}
            @if reach > kept {
                rect class=(traded) x=(share(kept, full)) y="3" width=(share(reach - kept, full)) height="10" {}
            }
            @if !reference.is_zero() {
                line .reference x1=(share(reference.get(), full)) x2=(share(reference.get(), full)) y1="0" y2="16" {}
            }
        }
    }
}

/// How much of a bound is used.
pub(super) fn meter(used: Decimal, tone: Tone) -> Markup {
    html! {
        svg .bar .meter width="100%" height="16" aria-hidden="true" focusable="false" {
            rect .track x="0" y="5" width="100%" height="6" {}
            rect class=(tone_class(tone)) x="0" y="5" width=(share(used, Decimal::ONE)) height="6" {}
        }
    }
}

pub(super) fn weight_legend(full: Weight) -> Markup {
    let swatch = |class: &str, words: &str| {
        html! {
            li {
                svg .swatch width="16" height="12" aria-hidden="true" focusable="false" {
                    @if class == "reference" {
                        line .reference x1="8" x2="8" y1="0" y2="12" {}
                    } @else {
                        rect class=(class) x="1" y="1" width="14" height="10" {}
                    }
                }
                (words)
            }
        }
    };
    html! {
        ul .legend {
            (swatch("kept", "kept"))
            (swatch("bought", "bought"))
            (swatch("sold", "sold"))
            (swatch("reference", "reference weight"))
            li { "a full bar is " (number::percent(full)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_stay_within_the_picture() {
        let decimal = |text: &str| Decimal::from_str(text).expect("a number");
        assert_eq!(share(decimal("0.1"), decimal("0.4")), "25%");
        assert_eq!(share(decimal("0.5"), decimal("0.4")), "100%");
        assert_eq!(share(decimal("-0.5"), decimal("0.4")), "0%");
        assert_eq!(share(decimal("1"), decimal("3")), "33.33%");
        assert_eq!(share(decimal("1"), Decimal::ZERO), "0%");
    }

    #[test]
    fn a_number_keeps_its_exact_value() {
        let amount = Money::parse("1234.5678").expect("an amount");
        assert_eq!(money(amount).into_string(), "<data value=\"1234.5678\">1,234.57</data>");
    }

    #[test]
    fn foreign_text_is_escaped_and_printable() {
        let text = foreign("<b>\u{202e}x\"'&").into_string();
        assert_eq!(text, "<bdi>&lt;b&gt;?x&quot;'&amp;</bdi>");
    }
}

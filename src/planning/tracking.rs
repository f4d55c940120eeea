//! How far a weight is from its reference weight, and what that is worth: the tracking term along one line.

use crate::model::policy::OnBreach;
use crate::model::{Decimal, PlanningInput};

use super::drift_band::{Changes, band};
use super::portfolio::{Line, Portfolio};

/// φ: the slope rises from 1 near the reference weight to 2 beyond three quarters of it. With one slope a corner
/// would serve some members fully and others not at all; so a shortfall spreads over the index.
const TRACKING_SEGMENTS: [(Option<Decimal>, Decimal); 5] = [
    (Some(hundredths(10)), hundredths(100)),
    (Some(hundredths(25)), hundredths(125)),
    (Some(hundredths(50)), hundredths(150)),
    (Some(hundredths(75)), hundredths(175)),
    (None, hundredths(200)),
];

const fn hundredths(count: u32) -> Decimal {
    Decimal::from_parts(count, 0, 0, false, 2)
}

/// Where tracking pulls a line to: its reference weight, unless it is close enough already or the policy only
/// trades back to the band's edge.
pub(crate) fn anchor(input: &PlanningInput, portfolio: &Portfolio<'_>, line: &Line<'_>, changes: Changes) -> Decimal {
    let gap = (line.weight - line.reference).abs();
    // Paying costs shrinks every weight's base; within that much the line counts as on target, or a later run
    // would sell back what an earlier one bought.
    if gap <= line.reference * portfolio.round_trip {
        return line.weight;
    }
    let edge = input.policy.drift_band.on_breach == OnBreach::ToBandEdge && !changes.any();
    match band(&input.policy.drift_band, line.reference) {
        Some(width) if edge && gap <= width => line.weight,
        Some(width) if edge && line.weight > line.reference => line.reference + width,
        Some(width) if edge => line.reference - width,
        _ => line.reference,
    }
}

/// The weights at which the slope of tracking changes.
pub(crate) fn kinks(anchor: Decimal, reference: Decimal) -> impl Iterator<Item = Decimal> {
    let steps = TRACKING_SEGMENTS.iter().filter_map(move |(up_to, _)| up_to.map(|up_to| up_to * reference));
    std::iter::once(anchor).chain(steps.flat_map(move |step| [anchor - step, anchor + step]))
}

/// The derivative of `t·φ(|w−a|/t)` by `w`; of the plain deviation where the reference is zero.
pub(crate) fn tracking_slope(at: Decimal, anchor: Decimal, reference: Decimal) -> Decimal {
    let gap = (at - anchor).abs();
    let segment = TRACKING_SEGMENTS.iter().find(|(up_to, _)| up_to.is_none_or(|up_to| gap <= up_to * reference));
    let slope = if reference.is_zero() { Decimal::ONE } else { segment.map_or(Decimal::ONE, |(_, slope)| *slope) };
    if at >= anchor { slope } else { -slope }
}

/// `t·φ(|w−a|/t)`.
pub(crate) fn tracking_loss(weight: Decimal, anchor: Decimal, reference: Decimal) -> Decimal {
    let gap = (weight - anchor).abs();
    if reference.is_zero() {
        return gap;
    }
    let mut loss = Decimal::ZERO;
    let mut from = Decimal::ZERO;
    for (up_to, slope) in TRACKING_SEGMENTS {
        let to = up_to.map_or(gap, |up_to| gap.min(up_to * reference));
        if to > from {
            loss += (to - from) * slope;
            from = to;
        }
    }
    loss
}

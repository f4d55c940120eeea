//! How far a weight is from its reference weight, and what that is worth: the tracking term along one line.

use crate::model::policy::OnBreach;
use crate::model::{Decimal, PlanningInput};

use super::drift_band::{Changes, band};
use super::portfolio::{Line, Portfolio};

/// φ: the slope rises from 1 near the reference weight to 2 beyond three quarters of it. With one slope a corner
/// would serve some members fully and others not at all; so a shortfall spreads over the index.
const SLOPES: [Decimal; 5] = [hundredths(100), hundredths(125), hundredths(150), hundredths(175), hundredths(200)];

/// Where each slope but the last ends, as a part of the reference weight.
const ENDS: [Decimal; 4] = [hundredths(10), hundredths(25), hundredths(50), hundredths(75)];

const fn hundredths(count: u32) -> Decimal {
    Decimal::from_parts(count, 0, 0, false, 2)
}

/// Where one line stands and where tracking pulls it to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Track {
    /// Today's.
    pub(crate) weight: Decimal,
    pub(crate) anchor: Decimal,
    pub(crate) reference: Decimal,
    /// The distances from the reference at which the slope rises.
    ends: [Decimal; ENDS.len()],
}

impl Track {
    fn new(weight: Decimal, anchor: Decimal, reference: Decimal) -> Self {
        Self { weight, anchor, reference, ends: ENDS.map(|part| part * reference) }
    }

    pub(crate) fn of(input: &PlanningInput, portfolio: &Portfolio<'_>, line: &Line<'_>, changes: Changes) -> Self {
        Self::new(line.weight, anchor(input, portfolio, line, changes), line.reference)
    }

    /// The weights at which the slope changes, rising but for the anchor.
    pub(crate) fn kinks(self) -> impl Iterator<Item = Decimal> {
        let Self { weight, anchor, reference, ends } = self;
        let own = (anchor != reference && anchor != weight).then_some(anchor);
        // A trade ends where it starts: today's weight is no kink of either side.
        let below = ends.into_iter().rev().map(move |end| reference - end);
        below.chain([reference]).chain(ends.into_iter().map(move |end| reference + end)).chain(own)
    }

    /// The derivative by `w` of what a deviation costs.
    ///
    /// Nothing at the anchor, 1 per unit between it and the reference weight, and on either side of both the segment's
    /// slope by the distance from the *reference*, so that where a weight is dear does not depend on whether this run
    /// trades to the reference or only to the band's edge. Where the reference is zero that slope is 1 throughout.
    ///
    /// 1 more where a trade leads away from the anchor, or across it: else what cannot be bought today would be
    /// spread over the others and taken back from them tomorrow.
    pub(crate) fn slope(self, at: Decimal) -> Decimal {
        let Self { weight, anchor, reference, .. } = self;
        let between = anchor != reference && (at > reference) == (at < anchor);
        let slope = if between || reference.is_zero() { Decimal::ONE } else { self.segment(at) };
        // Away from the anchor, or across it.
        if at >= anchor {
            if at > anchor && at > weight { slope + Decimal::ONE } else { slope }
        } else if at < weight {
            -slope - Decimal::ONE
        } else {
            -slope
        }
    }

    /// What a deviation costs: the integral of the slope from the anchor.
    pub(crate) fn loss(self, at: Decimal) -> Decimal {
        let Self { weight, anchor, reference, .. } = self;
        let away = (at - weight.max(anchor)).max(weight.min(anchor) - at).max(Decimal::ZERO);
        if reference.is_zero() {
            return (at - anchor).abs() + away;
        }
        let (low, high) = (anchor.min(reference), anchor.max(reference));
        let same_side = (at > high && anchor == high) || (at < low && anchor == low);
        if same_side {
            return self.beyond((at - reference).abs()) - self.beyond((anchor - reference).abs()) + away;
        }
        // Up to the reference one per unit, and past it the segments.
        let inside = at.clamp(low, high);
        (inside - anchor).abs() + self.beyond((at - inside).abs()) + away
    }

    /// `t·φ(gap / t)`.
    fn beyond(self, gap: Decimal) -> Decimal {
        let mut loss = Decimal::ZERO;
        let mut from = Decimal::ZERO;
        for (end, slope) in self.ends.into_iter().map(Some).chain([None]).zip(SLOPES) {
            let to = end.map_or(gap, |end| gap.min(end));
            if to <= from {
                break;
            }
            loss += (to - from) * slope;
            from = to;
        }
        loss
    }

    fn segment(self, at: Decimal) -> Decimal {
        let gap = (at - self.reference).abs();
        let passed = self.ends.iter().take_while(|end| gap > **end).count();
        SLOPES.get(passed).copied().unwrap_or(Decimal::ONE)
    }
}

/// Where tracking pulls a line to: its reference weight, unless it is close enough already or the policy only
/// trades back to the band's edge.
fn anchor(input: &PlanningInput, portfolio: &Portfolio<'_>, line: &Line<'_>, changes: Changes) -> Decimal {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().expect(text)
    }

    fn tracks() -> Vec<Track> {
        let all = [
            ("0.2", "0.2", "0.2"),
            ("0.3", "0.2", "0.2"),
            ("0.3", "0.25", "0.2"),
            ("0.1", "0.14", "0.2"),
            ("0.25", "0.25", "0.2"),
            ("0.14", "0.14", "0.2"),
            ("0.05", "0", "0"),
            ("0.05", "0.05", "0"),
            ("0", "0", "0.2"),
        ];
        all.map(|(weight, anchor, reference)| Track::new(dec(weight), dec(anchor), dec(reference))).to_vec()
    }

    #[test]
    fn the_slope_rises_and_the_loss_is_its_integral() {
        let step = dec("0.0005");
        for track in tracks() {
            assert_eq!(track.loss(track.anchor), Decimal::ZERO, "{track:?}");
            let mut last = Decimal::NEGATIVE_ONE * Decimal::TEN;
            for index in 0..1000_u32 {
                let at = step * Decimal::from(index);
                let slope = track.slope(at + step * dec("0.5"));
                assert_eq!(track.loss(at + step) - track.loss(at), slope * step, "at {at}, {track:?}");
                assert!(slope >= last, "at {at}, {track:?}");
                last = slope;
            }
        }
    }

    #[test]
    fn the_slope_changes_only_at_kinks_and_at_the_weight() {
        let step = dec("0.001");
        for track in tracks() {
            let kinks: Vec<Decimal> = track.kinks().chain([track.weight]).collect();
            for index in 1..600_u32 {
                let at = step * Decimal::from(index);
                let changes = track.slope(at - step * dec("0.5")) != track.slope(at + step * dec("0.5"));
                assert!(!changes || kinks.contains(&at), "at {at}, {track:?}");
            }
        }
    }

    /// Selling what is short to buy what is shorter never pays: the steepest slope that a purchase saves is no more
    /// than what the sale costs at once.
    #[test]
    fn no_levelling_between_two_that_are_both_short() {
        let short = |weight: &str| Track::new(dec(weight), dec("0.2"), dec("0.2"));
        let (saved, lost) = (short("0").slope(dec("0.001")), short("0.199").slope(dec("0.198")));
        assert!(-lost >= -saved, "a sale loses {lost}, a purchase saves {saved}");
    }
}

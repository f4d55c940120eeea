//! What trading one asset is worth, along the trade: where the slope of tracking or the rate of cost changes, the trade is
//! cut into pieces. They are the same in every program of a run, which bounds how far the trade may go.

use crate::model::policy::Objective;
use crate::model::{Decimal, PlanningInput, Side};

use super::constraints::{Limits, RowKind};
use super::plan::Role;
use super::portfolio::Line;
use super::tracking::Track;

pub(super) const HALF: Decimal = Decimal::from_parts(5, 0, 0, false, 1);

/// One asset's.
#[derive(Debug)]
pub(super) struct Curve {
    track: Track,
    /// From the smallest trade on, to the end of the box.
    buy: Vec<Piece>,
    sell: Vec<Piece>,
    /// A limit may ask for buys that lose.
    pub(super) buy_may_be_needed: bool,
}

/// A stretch of a trade on which every unit is worth the same.
#[derive(Debug)]
pub(super) struct Piece {
    /// Where it ends; it begins where the one before does.
    pub(super) to: Decimal,
    /// What a unit of weight changes of the objective before costs: `d/dw` of `grade_tilt·g·w − tracking_aversion·t·φ(|w−t|/t)`.
    slope: Decimal,
    /// Of the notional.
    pub(super) cost_rate: Decimal,
}

impl Piece {
    /// What a unit traded is worth, costs paid, where a unit of weight is worth less by `tie`.
    pub(super) fn reward(&self, objective: &Objective, side: Side, tie: Decimal) -> Decimal {
        let slope = self.slope - tie;
        let slope = if side == Side::Buy { slope } else { -slope };
        slope - objective.cost_aversion.get() * self.cost_rate
    }
}

impl Curve {
    pub(super) fn of(input: &PlanningInput, limits: &Limits, line: &Line<'_>, track: Track) -> Self {
        let tracked = !input.policy.objective.tracking_aversion.is_zero();
        let kinks = tracked.then(|| track.kinks().map(|kink| kink - line.weight)).into_iter().flatten();
        let (mut bought, mut sold): (Vec<Decimal>, Vec<Decimal>) = kinks.partition(Decimal::is_sign_positive);
        for cut in &mut sold {
            cut.set_sign_positive(true);
        }
        sold.reverse();
        for cut in line.costs.iter().filter_map(|piece| piece.up_to) {
            bought.push(cut);
            sold.push(cut);
        }
        let mut curve = Self {
            track,
            buy: Vec::new(),
            sell: Vec::new(),
            buy_may_be_needed: buy_may_be_needed(input, limits, line),
        };
        curve.buy = curve.pieces(input, line, Side::Buy, bought);
        curve.sell = curve.pieces(input, line, Side::Sell, sold);
        curve
    }

    /// Both ways, each with its pieces.
    pub(super) fn sides(&self) -> [(Side, &[Piece]); 2] {
        [(Side::Buy, &self.buy), (Side::Sell, &self.sell)]
    }

    /// What being at this weight costs of tracking.
    pub(super) fn loss(&self, weight: Decimal) -> Decimal {
        self.track.loss(weight)
    }

    /// Cuts a trade of this side, the smallest part first; what is not between none and the box is no cut.
    fn pieces(&self, input: &PlanningInput, line: &Line<'_>, side: Side, mut cuts: Vec<Decimal>) -> Vec<Piece> {
        let most = if side == Side::Buy { line.buy_box } else { line.sell_box };
        if most <= Decimal::ZERO {
            return Vec::new();
        }
        cuts.retain(|cut| *cut < most);
        cuts.push(most);
        cuts.sort_unstable();
        let objective = &input.policy.objective;
        let mut pieces = Vec::with_capacity(cuts.len());
        let mut from = Decimal::ZERO;
        for to in cuts {
            if to <= from {
                continue;
            }
            let piece = self.piece(input, line, side, (from, to));
            let pays =
                || piece.reward(objective, side, Decimal::ZERO) + objective.tracking_aversion.get() > Decimal::ZERO;
            // The worth only falls along a trade: past a buy that loses, and that no limit can ask for, all of them lose.
            if side == Side::Buy && !self.buy_may_be_needed && !pays() {
                break;
            }
            pieces.push(piece);
            from = to;
        }
        pieces
    }

    fn piece(&self, input: &PlanningInput, line: &Line<'_>, side: Side, (from, to): (Decimal, Decimal)) -> Piece {
        let objective = &input.policy.objective;
        let middle = (from + to) * HALF;
        let rate = line.costs.iter().find(|piece| piece.up_to.is_none_or(|end| middle < end));
        let at = if side == Side::Buy { line.weight + middle } else { line.weight - middle };
        Piece {
            to,
            slope: objective.grade_tilt.get() * line.score - objective.tracking_aversion.get() * self.track.slope(at),
            cost_rate: rate.map_or(Decimal::ZERO, |piece| piece.rate),
        }
    }
}

/// A least order, a least weight or the next whole lot may go beyond what pays; so may a least share of a category or of
/// stable assets.
fn buy_may_be_needed(input: &PlanningInput, limits: &Limits, line: &Line<'_>) -> bool {
    input.policy.whole_quantities().is_some()
        || limits.rows.iter().any(|row| match &row.kind {
            RowKind::CategoryMin(category) => line.categories().contains(category),
            RowKind::StableShare => line.role == Role::StableLeg,
            // What gains on the worst days lets the rest be held.
            RowKind::Risk => true,
            _ => false,
        })
}

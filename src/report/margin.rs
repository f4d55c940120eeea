//! What a point more or less of a limit or of an asset would be worth. Asked for when a report is made: no plan stores it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{BasisPoints, Side, Weight};
use crate::planning::{Instead, Margin, ShadowPrice};

/// What one limit is worth at the margin, in basis points of net asset value, by the policy's own objective, for each
/// point (a hundredth of net asset value) that its bound moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShadowPriceReport {
    /// As in the certificate.
    pub limit: String,
    /// What a point more of room would be worth at most.
    pub looser_bp: BasisPoints,
    /// What a point less would cost at least; absent where the limit cannot be any tighter.
    pub tighter_bp: Option<BasisPoints>,
}

/// What trading a little more of an asset would do, in basis points of net asset value, by the policy's own objective,
/// for each point of weight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MarginReport {
    /// Which way: on from its order, or towards its reference weight where it has none.
    pub side: Side,
    /// What it would be worth by itself: tilt, tracking, idle cash and cost.
    pub gain_bp: BasisPoints,
    /// What it would take of each limit at its price; below zero where it gives the limit room.
    pub takes_bp: BTreeMap<String, BasisPoints>,
}

/// Another limit that could have given way, so that one which did was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InsteadReport {
    pub limit: String,
    /// Its bound in the plan, as a fraction of net asset value.
    pub from: Weight,
    /// The bound that would have been needed, everything else as it is.
    pub to: Weight,
    /// What the portfolio would have been worth more by the policy's own objective; below zero: less.
    pub worth_bp: BasisPoints,
}

impl InsteadReport {
    pub(super) fn of(it: &Instead) -> Self {
        Self { limit: it.limit.clone(), from: it.from, to: it.to, worth_bp: it.worth_bp }
    }
}

impl ShadowPriceReport {
    pub(super) fn of(price: &ShadowPrice) -> Self {
        Self { limit: price.limit.clone(), looser_bp: price.looser_bp, tighter_bp: price.tighter_bp }
    }
}

impl MarginReport {
    pub(super) fn of(margin: &Margin) -> Self {
        Self { side: margin.side, gain_bp: margin.gain_bp, takes_bp: margin.takes_bp.clone() }
    }
}

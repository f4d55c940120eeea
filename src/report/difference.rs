//! What changed from one run to another: membership, weights, orders, policy.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::published::{Role, UtcTime, UuidText};
use super::run::{OrderReport, PositionReport, RunReport};
use crate::model::{AssetId, InstrumentId, Money, Policy, Quantity, Side, Weight};

/// From `before` to `after`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    pub before: RunSummary,
    pub after: RunSummary,
    /// No difference in anything below.
    pub identical: bool,
    pub entered: Vec<NamedAsset>,
    pub left: Vec<NamedAsset>,
    /// Assets whose reference weight or weight after the run differs, by the largest change first.
    pub weights: Vec<WeightChange>,
    /// Orders that only one of the runs has, or that differ in quantity or limit price.
    pub orders: Vec<OrderChange>,
    /// The policy's digests differ.
    pub policy_changed: bool,
    /// Policy fields that differ, where both inputs are at hand.
    pub policy: Vec<FieldChange>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunSummary {
    #[schemars(with = "UuidText")]
    pub run_id: Uuid,
    pub portfolio: String,
    pub account: String,
    #[schemars(with = "UtcTime")]
    pub as_of: Timestamp,
    pub net_asset_value: Money,
    pub bearish: bool,
    pub orders: usize,
    pub turnover: Weight,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NamedAsset {
    pub asset: AssetId,
    pub symbol: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WeightChange {
    pub asset: AssetId,
    pub symbol: String,
    pub reference_before: Weight,
    pub reference_after: Weight,
    pub weight_before: Weight,
    pub weight_after: Weight,
}

/// One order of the two runs; at least one of them has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OrderChange {
    pub instrument: InstrumentId,
    pub symbol: String,
    pub side: Side,
    pub quantity_before: Option<Quantity>,
    pub quantity_after: Option<Quantity>,
    pub notional_before: Option<Money>,
    pub notional_after: Option<Money>,
}

/// One field, by its path; absent on a side that has no such field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldChange {
    pub path: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Difference {
    #[must_use]
    pub fn between(before: &RunReport, after: &RunReport, policies: Option<(&Policy, &Policy)>) -> Self {
        let (old, new) = (members(before), members(after));
        let entered = named(after, new.difference(&old));
        let left = named(before, old.difference(&new));
        let weights = weight_changes(before, after);
        let orders = order_changes(before, after);
        let policy = policies.map(|(old, new)| field_changes(old, new)).unwrap_or_default();
        let policy_changed = before.policy_digest != after.policy_digest;
        let identical =
            entered.is_empty() && left.is_empty() && weights.is_empty() && orders.is_empty() && !policy_changed;
        Self {
            before: RunSummary::of(before),
            after: RunSummary::of(after),
            identical,
            entered,
            left,
            weights,
            orders,
            policy_changed,
            policy,
        }
    }
}

impl RunSummary {
    fn of(report: &RunReport) -> Self {
        Self {
            run_id: report.run_id,
            portfolio: report.portfolio.to_string(),
            account: format!("{}/{}", report.venue, report.account),
            as_of: report.as_of,
            net_asset_value: report.net_asset_value,
            bearish: report.regime.bearish,
            orders: report.orders.len(),
            turnover: report.turnover,
        }
    }
}

fn members(report: &RunReport) -> BTreeSet<AssetId> {
    let is_member = |it: &&PositionReport| it.role == Role::Constituent;
    report.positions.iter().filter(is_member).map(|it| it.asset.clone()).collect()
}

fn named<'a>(report: &RunReport, assets: impl Iterator<Item = &'a AssetId>) -> Vec<NamedAsset> {
    let symbol = |asset: &AssetId| report.positions.iter().find(|it| it.asset == *asset).map(|it| it.symbol.clone());
    assets.map(|asset| NamedAsset { asset: asset.clone(), symbol: symbol(asset).unwrap_or_default() }).collect()
}

fn weight_changes(before: &RunReport, after: &RunReport) -> Vec<WeightChange> {
    let by_asset = |report: &RunReport| -> BTreeMap<AssetId, PositionReport> {
        report.positions.iter().map(|it| (it.asset.clone(), it.clone())).collect()
    };
    let (old, new) = (by_asset(before), by_asset(after));
    let all: BTreeSet<&AssetId> = old.keys().chain(new.keys()).collect();
    let mut changes: Vec<WeightChange> = all
        .into_iter()
        .map(|asset| weight_change(asset, old.get(asset), new.get(asset)))
        .filter(|it| it.reference_before != it.reference_after || it.weight_before != it.weight_after)
        .collect();
    let size = |it: &WeightChange| (it.weight_after - it.weight_before).abs();
    changes.sort_by(|a, b| size(b).cmp(&size(a)).then_with(|| a.asset.cmp(&b.asset)));
    changes
}

fn weight_change(asset: &AssetId, old: Option<&PositionReport>, new: Option<&PositionReport>) -> WeightChange {
    let weight = |it: Option<&PositionReport>| it.map_or(Weight::ZERO, |it| it.weight_after);
    let reference = |it: Option<&PositionReport>| it.map_or(Weight::ZERO, |it| it.reference_weight);
    WeightChange {
        asset: asset.clone(),
        symbol: new.or(old).map(|it| it.symbol.clone()).unwrap_or_default(),
        reference_before: reference(old),
        reference_after: reference(new),
        weight_before: weight(old),
        weight_after: weight(new),
    }
}

fn order_changes(before: &RunReport, after: &RunReport) -> Vec<OrderChange> {
    type Place = (Side, InstrumentId, u32);
    let by_place = |report: &RunReport| -> BTreeMap<Place, OrderReport> {
        report.orders.iter().map(|it| ((it.side, it.instrument.clone(), it.slice), it.clone())).collect()
    };
    let (old, new) = (by_place(before), by_place(after));
    let places: BTreeSet<&Place> = old.keys().chain(new.keys()).collect();
    places
        .into_iter()
        .filter_map(|place| {
            let (old, new) = (old.get(place), new.get(place));
            let same =
                matches!((old, new), (Some(a), Some(b)) if a.quantity == b.quantity && a.limit_price == b.limit_price);
            let shown = new.or(old)?;
            (!same).then(|| OrderChange {
                instrument: shown.instrument.clone(),
                symbol: shown.symbol.clone(),
                side: shown.side,
                quantity_before: old.map(|it| it.quantity),
                quantity_after: new.map(|it| it.quantity),
                notional_before: old.map(|it| it.notional),
                notional_after: new.map(|it| it.notional),
            })
        })
        .collect()
}

/// Leaves of two values that differ, by path; for policies, whose shape is a tree of tables.
fn field_changes(before: &Policy, after: &Policy) -> Vec<FieldChange> {
    let tree = |policy: &Policy| serde_json::to_value(policy).unwrap_or(Value::Null);
    let mut changes = Vec::new();
    compare("", Some(&tree(before)), Some(&tree(after)), &mut changes);
    changes
}

/// The first leaf at which two JSON values differ.
#[must_use]
pub fn first_change(before: &Value, after: &Value) -> Option<FieldChange> {
    let mut changes = Vec::new();
    compare("", Some(before), Some(after), &mut changes);
    changes.into_iter().next()
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, changes: &mut Vec<FieldChange>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let dot = if path.is_empty() { "" } else { "." };
            for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
                compare(&format!("{path}{dot}{name}"), old.get(name), new.get(name), changes);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            for index in 0..old.len().max(new.len()) {
                compare(&format!("{path}[{index}]"), old.get(index), new.get(index), changes);
            }
        }
        (before, after) => {
            changes.push(FieldChange { path: path.to_owned(), before: before.cloned(), after: after.cloned() });
        }
    }
}

//! The same input, written in another order or under other names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use index_rebalancer::model::{AssetId, PlanningInput};
use serde_json::Value;

/// JSON with the keys of every object from last to first.
pub(crate) fn write_reversed(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            out.push('{');
            for (index, (key, value)) in fields.iter().rev().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                write!(out, "{comma}{}:", Value::from(key.as_str())).expect("writes");
                write_reversed(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_reversed(item, out);
            }
            out.push(']');
        }
        plain => write!(out, "{plain}").expect("writes"),
    }
}

/// Every asset under another id, in the same order.
pub(crate) fn renamed(input: &PlanningInput) -> PlanningInput {
    let other = |asset: &AssetId| AssetId::new(&format!("x.{asset}.y")).expect("an id");
    let mut renamed = input.clone();
    renamed.assets = input.assets.iter().map(|(asset, record)| (other(asset), record.clone())).collect();
    renamed.account.holdings = renamed_keys(&input.account.holdings, other);
    renamed.state.members = input.state.members.iter().map(other).collect();
    renamed.policy.limits.max_weight_of = renamed_keys(&input.policy.limits.max_weight_of, other);
    if let (Some(new), Some(old)) = (&mut renamed.policy.regime, &input.policy.regime) {
        new.stable_legs = old.stable_legs.iter().map(other).collect();
    }
    if input.state.policy_digest == Some(index_rebalancer::planning::idempotency::digest_of(&input.policy)) {
        renamed.state.policy_digest = Some(index_rebalancer::planning::idempotency::digest_of(&renamed.policy));
    }
    renamed
}

fn renamed_keys<V: Clone>(map: &BTreeMap<AssetId, V>, other: impl Fn(&AssetId) -> AssetId) -> BTreeMap<AssetId, V> {
    map.iter().map(|(asset, value)| (other(asset), value.clone())).collect()
}

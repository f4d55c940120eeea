//! Everything a plan depends on, in one immutable value.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::GradeKind;
use super::schema::{Day, UtcTime};
use super::{
    AccountId, AccountSnapshot, AssetId, AssetRecord, Environment, Grade, Money, Policy, PortfolioId, Price,
    PriceHistory, Signal, VenueId, Weight,
};

/// The version of the stored planning input.
pub const INPUT_SCHEMA: u32 = 1;

/// The planner's only argument. Made by `preparation`, which has validated all of it; planning reads nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanningInput {
    pub schema: u32,
    pub run: RunIdentity,
    /// The moment the plan is made for. Ages are measured against it, so a plan needs no clock.
    #[schemars(with = "UtcTime")]
    pub as_of: Timestamp,
    pub flow: Flow,
    pub policy: Policy,
    /// Every asset that has a price: candidates, stable legs and what is held.
    pub assets: BTreeMap<AssetId, AssetRecord>,
    pub account: AccountSnapshot,
    /// What earlier settled runs left behind.
    pub state: PortfolioState,
    /// Things preparation dropped or mended, for the report: one sentence each.
    pub notices: Vec<String>,
    /// Daily closes, as far back as the policy reads them. Absent where it reads none, and in what older builds stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<PriceHistory>,
}

/// Who runs, where, and on which occasion. The run id is derived from this and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunIdentity {
    pub environment: Environment,
    pub venue: VenueId,
    pub venue_account: AccountId,
    pub portfolio: PortfolioId,
    pub trigger: Trigger,
}

/// What started the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Trigger {
    /// A schedule; its nominal time, which every redelivery repeats.
    Scheduled(#[schemars(with = "UtcTime")] Timestamp),
    /// A person, with a label of their own (same rules as an id): the same label is the same run.
    Manual(PortfolioId),
}

/// What the run is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Flow {
    /// Rebalance: sell and buy.
    Full,
    /// Invest what came in; sell nothing; no drift band.
    DepositOnly,
    /// Raise this much cash on top of the cash buffer, in quote currency.
    Withdraw(Money),
}

/// What the portfolio remembers from run to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortfolioState {
    /// Constituents after the last settled run; empty before the first.
    pub members: BTreeSet<AssetId>,
    /// Whether the regime was bearish; absent before the first run.
    pub bearish: Option<bool>,
    /// The latest observations of distinct signal dates, oldest first.
    pub regime_observations: Vec<RegimeObservation>,
    /// Digest of the policy that the last settled run followed.
    pub policy_digest: Option<String>,
    /// The price and signal of every asset in the last settled run that accepted one, for the jump and flip guards.
    pub last_prices: BTreeMap<AssetId, Price>,
    pub last_signals: BTreeMap<AssetId, Signal>,
    /// The same for grades, of each kind that a policy has used. Absent from what older builds stored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub last_grades: BTreeMap<GradeKind, BTreeMap<AssetId, Grade>>,
}

/// The share of members with a bullish signal on one signal date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegimeObservation {
    #[schemars(with = "Day")]
    pub date: Date,
    pub bullish_share: Weight,
}

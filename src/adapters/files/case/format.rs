//! The text of `case.toml`: its types, and what the types alone cannot refuse.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::model::{
    AccountId, AssetId, Environment, Flow, Holding, InstrumentId, Money, PortfolioId, Quantity, VenueId, Weight,
};
use crate::ports::snapshot::SnapshotKind;
use crate::preparation::time::parse_moment;
use crate::preparation::{BadInput, Migration};

/// The version of the case format that this build reads.
pub const CASE_SCHEMA: u32 = 1;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseFile {
    pub(super) schema: u32,
    pub(super) about: String,
    pub(super) source: String,
    pub(super) portfolio: PortfolioId,
    pub(super) environment: Environment,
    pub(super) venue: VenueId,
    pub(super) policy: String,
    pub(super) venue_rules: String,
    pub(super) flow: Option<Flow>,
    #[serde(default)]
    pub(super) instruments: BTreeMap<AssetId, InstrumentId>,
    #[serde(default)]
    pub(super) token_ids: BTreeMap<AssetId, u64>,
    #[serde(default)]
    pub(super) migrations: Vec<Migration>,
    pub(super) accounts: Vec<AccountEntry>,
    #[serde(default)]
    pub(super) state: StateEntry,
    pub(super) days: Vec<Day>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountEntry {
    pub(super) id: AccountId,
    pub(super) cash: Money,
    #[serde(default)]
    pub(super) cash_locked: Money,
    #[serde(default, deserialize_with = "optional_moment")]
    pub(super) observed_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) holdings: BTreeMap<AssetId, HoldingEntry>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StateEntry {
    #[serde(default)]
    pub(super) members: Vec<AssetId>,
    pub(super) bearish: Option<bool>,
    #[serde(default)]
    pub(super) observations: Vec<Observation>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Observation {
    pub(super) date: Date,
    pub(super) bullish_share: Weight,
}

/// The inputs that are known from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    #[serde(deserialize_with = "moment")]
    pub at: Timestamp,
    pub(super) market: String,
    pub(super) trader_grades: Option<String>,
    pub(super) investor_grades: Option<String>,
    pub(super) trading_signals: Option<String>,
    pub(super) history: Option<String>,
}

impl Day {
    /// The name of the day's file of this kind; nothing where it names none, or the kind is none of a day's.
    pub(super) fn file(&self, kind: SnapshotKind) -> Option<&str> {
        match kind {
            SnapshotKind::Market => Some(&self.market),
            SnapshotKind::TraderGrades => self.trader_grades.as_deref(),
            SnapshotKind::InvestorGrades => self.investor_grades.as_deref(),
            SnapshotKind::TradingSignals => self.trading_signals.as_deref(),
            SnapshotKind::History => self.history.as_deref(),
            SnapshotKind::Portfolio | SnapshotKind::Policy | SnapshotKind::VenueRules => None,
        }
    }
}

/// `"0.5"`, all of it free, or `{ free = "10", locked = "2" }`.
#[derive(Debug, Clone, Copy)]
pub(super) struct HoldingEntry(pub(super) Holding);

impl<'de> Deserialize<'de> for HoldingEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Parts {
            #[serde(default)]
            free: Quantity,
            #[serde(default)]
            locked: Quantity,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = HoldingEntry;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a quantity as text such as \"0.5\", or { free = \"10\", locked = \"2\" }")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                let free = Quantity::parse(text).map_err(E::custom)?;
                Ok(HoldingEntry(Holding { free, locked: Quantity::ZERO }))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let Parts { free, locked } = Parts::deserialize(MapAccessDeserializer::new(map))?;
                Ok(HoldingEntry(Holding { free, locked }))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_moment(&text).map_err(|problem| D::Error::custom(format!("{text:?} is {problem}")))
}

fn optional_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    moment(deserializer).map(Some)
}

impl CaseFile {
    /// Everything wrong that the types alone cannot refuse.
    pub(super) fn faults(&self) -> Vec<BadInput> {
        let mut faults = Vec::new();
        let mut refuse = |field: String, value: &str, problem: &str, remedy: &str| {
            faults.push(BadInput::new("case.toml", field, value, problem, remedy));
        };
        if self.schema != CASE_SCHEMA {
            refuse("schema".to_owned(), &self.schema.to_string(), "unknown version of the format", "write schema = 1");
        }
        for (field, text) in [("about", &self.about), ("source", &self.source)] {
            if text.trim().is_empty() {
                refuse(field.to_owned(), text, "it is empty", "say it in one sentence");
            }
        }
        if self.accounts.is_empty() {
            refuse("accounts".to_owned(), "", "there is no account", "add an [[accounts]] table with id and cash");
        }
        let mut ids = BTreeSet::new();
        for account in &self.accounts {
            let field = |name: &str| format!("accounts.{}.{name}", account.id);
            if !ids.insert(&account.id) {
                refuse(field("id"), account.id.as_str(), "the account appears twice", "give each account its own id");
            }
            for (name, cash) in [("cash", account.cash), ("cash_locked", account.cash_locked)] {
                if cash < Money::ZERO {
                    refuse(field(name), &cash.to_string(), "cash is below 0", "state what can be spent, from 0");
                }
            }
        }
        if let Some(Flow::Withdraw(amount)) = &self.flow
            && *amount <= Money::ZERO
        {
            refuse("flow.withdraw".to_owned(), &amount.to_string(), "nothing to withdraw", "write an amount above 0");
        }
        self.migration_faults(&mut refuse);
        self.state_faults(&mut refuse);
        if self.days.is_empty() {
            refuse("days".to_owned(), "", "there is no day", "add a [[days]] table with at and market");
        }
        for (earlier, later) in self.days.iter().zip(self.days.iter().skip(1)) {
            if earlier.at >= later.at {
                refuse(
                    "days.at".to_owned(),
                    &later.at.to_string(),
                    "not later than the day before it",
                    "sort the days",
                );
            }
        }
        faults
    }

    fn migration_faults(&self, refuse: &mut impl FnMut(String, &str, &str, &str)) {
        let mut sources = BTreeSet::new();
        for Migration { from, to, ratio, .. } in &self.migrations {
            let field = |name: &str| format!("migrations.{from}.{name}");
            if from == to {
                refuse(field("to"), to.as_str(), "an asset cannot become itself", "name the new asset");
            }
            if ratio.is_zero() {
                refuse(field("ratio"), "0", "nothing would be left", "write the units of `to` for each unit of `from`");
            }
            if !sources.insert(from) {
                refuse(field("from"), from.as_str(), "the asset migrates twice", "keep one entry");
            }
        }
    }

    fn state_faults(&self, refuse: &mut impl FnMut(String, &str, &str, &str)) {
        let mut members = BTreeSet::new();
        for member in &self.state.members {
            if !members.insert(member) {
                refuse("state.members".to_owned(), member.as_str(), "the member appears twice", "keep one");
            }
        }
        for Observation { date, bullish_share } in &self.state.observations {
            if *bullish_share < Weight::ZERO || *bullish_share > Weight::ONE {
                let field = format!("state.observations.{date}.bullish_share");
                refuse(field, &bullish_share.to_string(), "not a share", "write a fraction from 0 to 1");
            }
        }
        for (earlier, later) in self.state.observations.iter().zip(self.state.observations.iter().skip(1)) {
            if earlier.date >= later.date {
                let date = later.date.to_string();
                refuse("state.observations".to_owned(), &date, "not later than the one before it", "sort by date");
            }
        }
    }
}

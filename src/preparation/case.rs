//! A case: a directory with a `case.toml`, a policy, venue rules and dated inputs. Fixtures and a user's own
//! workspace have this same format.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::sources::{Grades, VenueRules};
use super::time::parse_moment;
use super::{BadInput, Migration, Occasion, PreparationError, Sources, assemble, policy, toml_text};
use crate::model::{
    AccountId, AccountSnapshot, AssetId, Environment, Flow, Holding, InstrumentId, Money, PlanningInput, Policy,
    PortfolioId, PortfolioState, Quantity, RegimeObservation, RunIdentity, Trigger, VenueId, Weight,
};
use crate::preparation::files::reading::read_file;
use crate::preparation::files::token_metrics::{self, Endpoint};
use crate::preparation::files::{market, venue_rules};

/// The version of the case format that this build reads.
pub const CASE_SCHEMA: u32 = 1;

/// A loaded case: its own file, its policy and its venue's rules. The days' files are read when a day is planned.
#[derive(Debug, Clone)]
pub struct Case {
    directory: PathBuf,
    file: CaseFile,
    policy: Policy,
    venue_rules: VenueRules,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    schema: u32,
    about: String,
    source: String,
    portfolio: PortfolioId,
    environment: Environment,
    venue: VenueId,
    policy: String,
    venue_rules: String,
    flow: Option<Flow>,
    #[serde(default)]
    instruments: BTreeMap<AssetId, InstrumentId>,
    #[serde(default)]
    token_ids: BTreeMap<AssetId, u64>,
    #[serde(default)]
    migrations: Vec<Migration>,
    accounts: Vec<AccountEntry>,
    #[serde(default)]
    state: StateEntry,
    days: Vec<Day>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    id: AccountId,
    cash: Money,
    #[serde(default)]
    cash_locked: Money,
    #[serde(default)]
    holdings: BTreeMap<AssetId, HoldingEntry>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateEntry {
    #[serde(default)]
    members: Vec<AssetId>,
    bearish: Option<bool>,
    #[serde(default)]
    observations: Vec<Observation>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Observation {
    date: Date,
    bullish_share: Weight,
}

/// The inputs that are known from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    #[serde(deserialize_with = "moment")]
    pub at: Timestamp,
    market: String,
    trader_grades: Option<String>,
    investor_grades: Option<String>,
    trading_signals: Option<String>,
}

/// `"0.5"`, all of it free, or `{ free = "10", locked = "2" }`.
#[derive(Debug, Clone, Copy)]
struct HoldingEntry(Holding);

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

impl Case {
    /// Reads `case.toml` in the directory, its policy and its venue rules.
    ///
    /// # Errors
    /// When a file is missing or malformed, or the parts of the case do not fit together.
    pub fn load(directory: &Path) -> Result<Self, PreparationError> {
        let bytes = read_file(&directory.join("case.toml"))?;
        let file: CaseFile = toml_text::read("case.toml", &bytes)?;
        let faults = file.faults();
        if !faults.is_empty() {
            return Err(PreparationError::BadInput(faults));
        }
        let policy = policy::load(&inside(directory, "policy", &file.policy)?)?;
        let rules_path = inside(directory, "venue_rules", &file.venue_rules)?;
        let venue_rules = venue_rules::read(&file.venue_rules, &read_file(&rules_path)?)?;
        Ok(Self { directory: directory.to_owned(), file, policy, venue_rules })
    }

    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What this case shows, in one sentence.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.file.about
    }

    /// Where its figures are from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.file.source
    }

    #[must_use]
    pub const fn portfolio(&self) -> &PortfolioId {
        &self.file.portfolio
    }

    #[must_use]
    pub const fn environment(&self) -> Environment {
        self.file.environment
    }

    #[must_use]
    pub const fn venue(&self) -> &VenueId {
        &self.file.venue
    }

    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    #[must_use]
    pub const fn venue_rules(&self) -> &VenueRules {
        &self.venue_rules
    }

    #[must_use]
    pub fn migrations(&self) -> &[Migration] {
        &self.file.migrations
    }

    /// What runs are for when nobody says otherwise.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.file.flow.clone().unwrap_or(Flow::Full)
    }

    /// In the order of the file.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.file.accounts.iter().map(|account| &account.id)
    }

    /// Rising by time; at least one.
    #[must_use]
    pub fn days(&self) -> &[Day] {
        &self.file.days
    }

    /// The identity of the run of one account on one occasion.
    ///
    /// # Errors
    /// When the case has no such account.
    pub fn run_identity(&self, account: &AccountId, trigger: Trigger) -> Result<RunIdentity, PreparationError> {
        let entry = self.account(account)?;
        Ok(RunIdentity {
            environment: self.file.environment,
            venue: self.file.venue.clone(),
            venue_account: entry.id.clone(),
            portfolio: self.file.portfolio.clone(),
            trigger,
        })
    }

    /// The account as the case opens it.
    ///
    /// # Errors
    /// When the case has no such account.
    pub fn opening_account(
        &self,
        account: &AccountId,
        observed_at: Timestamp,
    ) -> Result<AccountSnapshot, PreparationError> {
        let entry = self.account(account)?;
        let holdings = entry.holdings.iter().map(|(asset, HoldingEntry(holding))| (asset.clone(), *holding)).collect();
        Ok(AccountSnapshot { observed_at, cash_free: entry.cash, cash_locked: entry.cash_locked, holdings })
    }

    /// The state as the case opens it.
    #[must_use]
    pub fn opening_state(&self) -> PortfolioState {
        let StateEntry { members, bearish, observations } = &self.file.state;
        let observation =
            |entry: &Observation| RegimeObservation { date: entry.date, bullish_share: entry.bullish_share };
        PortfolioState {
            members: members.iter().cloned().collect(),
            bearish: *bearish,
            regime_observations: observations.iter().map(observation).collect(),
            ..PortfolioState::default()
        }
    }

    /// Reads the last day at or before `as_of` and makes the validated planning input.
    ///
    /// `flow`, `account` and `state` are the case's own when absent; later runs give the settled ones.
    ///
    /// # Errors
    /// When a file is missing or malformed, no day is early enough, or a guard is violated.
    pub fn planning_input(
        &self,
        account: &AccountId,
        trigger: Trigger,
        as_of: Timestamp,
        flow: Option<Flow>,
        settled: Option<AccountSnapshot>,
        state: Option<PortfolioState>,
    ) -> Result<PlanningInput, PreparationError> {
        let run = self.run_identity(account, trigger)?;
        let day = self.day(as_of)?;
        let bytes = read_file(&inside(&self.directory, "days.market", &day.market)?)?;
        let market = market::read(&day.market, &bytes, day.at)?;
        let grades = self.grades(day)?;
        let settled = settled.map_or_else(|| self.opening_account(account, as_of), Ok)?;
        let occasion = Occasion {
            run,
            as_of,
            flow: flow.unwrap_or_else(|| self.flow()),
            policy: self.policy.clone(),
            account: settled,
            state: state.unwrap_or_else(|| self.opening_state()),
        };
        let sources = Sources {
            market: &market,
            grades: &grades,
            venue_rules: &self.venue_rules,
            instruments: &self.file.instruments,
            token_ids: &self.file.token_ids,
            migrations: &self.file.migrations,
        };
        assemble(occasion, &sources)
    }

    fn account(&self, account: &AccountId) -> Result<&AccountEntry, PreparationError> {
        self.file.accounts.iter().find(|entry| entry.id == *account).ok_or_else(|| {
            let known: Vec<&str> = self.accounts().map(AccountId::as_str).collect();
            let remedy = format!("use one of {}", known.join(", "));
            BadInput::new("case.toml", "accounts", account.as_str(), "the case has no such account", remedy).into()
        })
    }

    fn day(&self, as_of: Timestamp) -> Result<&Day, PreparationError> {
        self.file.days.iter().rfind(|day| day.at <= as_of).ok_or_else(|| {
            let first = self.file.days.first().map_or_else(String::new, |day| day.at.to_string());
            let problem = "no day of the case is as early";
            let remedy = format!("plan at {first} or later, or add a day");
            BadInput::new("case.toml", "days", &as_of.to_string(), problem, remedy).into()
        })
    }

    fn grades(&self, day: &Day) -> Result<Grades, PreparationError> {
        let mut grades = Grades::default();
        let files = [
            ("days.trader_grades", &day.trader_grades, Endpoint::TraderGrades),
            ("days.investor_grades", &day.investor_grades, Endpoint::InvestorGrades),
            // Last, as it repeats grades and only fills gaps.
            ("days.trading_signals", &day.trading_signals, Endpoint::TradingSignals),
        ];
        for (key, file, endpoint) in files {
            if let Some(file) = file {
                let bytes = read_file(&inside(&self.directory, key, file)?)?;
                grades.fill_from(token_metrics::read(file, &bytes, endpoint)?);
            }
        }
        Ok(grades)
    }
}

/// A path of the case, relative to its directory.
fn inside(directory: &Path, key: &str, path: &str) -> Result<PathBuf, BadInput> {
    let relative = Path::new(path);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::ParentDir | Component::CurDir));
    if path.is_empty() || !plain {
        let remedy = "write a path relative to the directory of case.toml";
        return Err(BadInput::new("case.toml", key, path, "not a relative path", remedy));
    }
    Ok(directory.join(relative))
}

impl CaseFile {
    /// Everything wrong that the types alone cannot refuse.
    fn faults(&self) -> Vec<BadInput> {
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

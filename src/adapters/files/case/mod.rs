//! A case: a `case.toml`, a policy, venue rules and dated inputs. In a folder, where fixtures and a user's own workspace
//! have this same format; or in memory, as [`adapters::snapshots`](crate::adapters::snapshots) reads it from a table.
//!
//! ```toml
//! schema = 1
//! about = "what this case shows"
//! source = "where the figures are from"
//! portfolio = "blue-chip"
//! environment = "paper"                # or "live"
//! venue = "binance"
//! policy = "policy.toml"               # paths are relative to the directory
//! venue_rules = "venue_rules.json"     # recognised by shape
//! flow = "full"                        # optional; or "deposit_only", { withdraw = "1000" }
//!
//! [instruments]                        # optional: asset id to instrument, where the symbol alone does not tell
//! bitcoin = "BTCUSDT"
//! [token_ids]                          # optional: asset id to TOKEN_ID, for market files that have none
//! bitcoin = 3375
//!
//! [[migrations]]                       # optional: units of `to` for each unit of `from`, since a day
//! from = "ethlend"
//! to = "aave"
//! ratio = "0.01"
//! on = "2020-10-03"
//!
//! [[accounts]]                         # one run each
//! id = "main"
//! cash = "25000"
//! cash_locked = "0"                    # optional
//! observed_at = "2025-04-16T00:00:00Z" # optional: when cash and holdings were so
//! [accounts.holdings]
//! bitcoin = "0.5"
//! ethereum = { free = "10", locked = "2" }
//!
//! [state]                              # optional: what earlier runs would have left
//! members = ["bitcoin"]
//! bearish = false
//! observations = [{ date = "2025-04-07", bullish_share = "0.3" }]
//!
//! [[days]]                             # rising; a run uses the last one that is early enough
//! at = "2025-04-16T00:00:00Z"
//! market = "market.csv"                # of a file of many dates, the date of `at` (UTC)
//! trader_grades = "trader.json"        # optional, as are investor_grades and trading_signals
//! history = "history.csv"              # daily closes, where the policy reads them
//! ```

mod format;
mod input_files;
mod listing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;

pub use format::{CASE_SCHEMA, Day};
pub use input_files::{CASE_FILE, InputFile};
pub use listing::{CaseInput, newest_date};

use self::format::{AccountEntry, CaseFile, HoldingEntry, Observation, StateEntry};
use self::input_files::InputFiles;
use super::token_metrics::{self, Endpoint};
use super::{history, market, venue_rules};
use crate::model::{
    AccountId, AccountSnapshot, Environment, Flow, PlanningInput, Policy, PortfolioId, PortfolioState,
    RegimeObservation, RunIdentity, Trigger, VenueId,
};
use crate::ports::snapshot::SnapshotKind;
use crate::preparation::sources::{Closes, Grades, MarketData, VenueRules};
use crate::preparation::{BadInput, Migration, Occasion, PreparationError, Sources, assemble, policy, toml_text};

/// A loaded case: its own file, its policy and its venue's rules. The days' files are read when a day is planned.
#[derive(Debug, Clone)]
pub struct Case {
    files: InputFiles,
    file: CaseFile,
    policy: Policy,
    venue_rules: VenueRules,
}

impl Case {
    /// Reads `case.toml` in the directory, its policy and its venue rules.
    ///
    /// # Errors
    /// When a file is missing or malformed, or the parts of the case do not fit together.
    pub fn load(directory: &Path) -> Result<Self, PreparationError> {
        let files = InputFiles::Folder(directory.to_owned());
        let file = definition(CASE_FILE, &files.read(SnapshotKind::Portfolio, CASE_FILE)?)?;
        Self::of(files, file)
    }

    /// A case of one day from files that were read beforehand, one of each kind; `place` is what messages call them
    /// together. The market is known from `at` on, and the days that `case.toml` itself lists do not count.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn of_files(
        place: String,
        at: Timestamp,
        files: BTreeMap<SnapshotKind, InputFile>,
    ) -> Result<Self, PreparationError> {
        let name = |kind: SnapshotKind| files.get(&kind).map(|file| file.name.clone());
        let named = |kind: SnapshotKind| name(kind).unwrap_or_default();
        let (own, policy, venue_rules) =
            (named(SnapshotKind::Portfolio), named(SnapshotKind::Policy), named(SnapshotKind::VenueRules));
        let day = Day {
            at,
            market: named(SnapshotKind::Market),
            trader_grades: name(SnapshotKind::TraderGrades),
            investor_grades: name(SnapshotKind::InvestorGrades),
            trading_signals: name(SnapshotKind::TradingSignals),
            history: name(SnapshotKind::History),
        };
        let files = InputFiles::Memory { place, files };
        let file = definition(&own, &files.read(SnapshotKind::Portfolio, &own)?)?;
        Self::of(files, CaseFile { policy, venue_rules, days: vec![day], ..file })
    }

    fn of(files: InputFiles, file: CaseFile) -> Result<Self, PreparationError> {
        let bytes = files.read(SnapshotKind::Policy, &file.policy)?;
        let name = Path::new(&file.policy).file_name();
        let name = name.map_or_else(|| file.policy.clone(), |name| name.to_string_lossy().into_owned());
        let policy = policy::read(&name, &bytes)?;
        let bytes = files.read(SnapshotKind::VenueRules, &file.venue_rules)?;
        let venue_rules = venue_rules::read(&file.venue_rules, &bytes)?;
        Ok(Self { files, file, policy, venue_rules })
    }

    /// Where its files are: a folder, or what they are called together.
    #[must_use]
    pub fn place(&self) -> String {
        self.files.place()
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

    /// The account as the case opens it; observed then, unless the case says itself when it was so.
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
        let observed_at = entry.observed_at.unwrap_or(observed_at);
        Ok(AccountSnapshot { observed_at, cash_free: entry.cash, cash_locked: entry.cash_locked, holdings })
    }

    /// Does the case say when the account held what it says?
    #[must_use]
    pub fn says_when_observed(&self, account: &AccountId) -> bool {
        self.account(account).is_ok_and(|entry| entry.observed_at.is_some())
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
        let market = self.market(day)?;
        let grades = self.grades(day)?;
        let closes = self.closes(day)?;
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
            closes: &closes,
            venue_rules: &self.venue_rules,
            instruments: &self.file.instruments,
            token_ids: &self.file.token_ids,
            migrations: &self.file.migrations,
        };
        assemble(occasion, &sources)
    }

    /// Token Metrics' ids of what may be held: those of the newest day's market, and those that the case gives itself.
    ///
    /// # Errors
    /// When the market file is missing or malformed.
    pub fn token_ids(&self) -> Result<BTreeSet<u64>, PreparationError> {
        let mut ids: BTreeSet<u64> = self.file.token_ids.values().copied().collect();
        if let Some(day) = self.file.days.last() {
            ids.extend(self.market(day)?.assets.values().filter_map(|asset| asset.token_id));
        }
        Ok(ids)
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

    fn market(&self, day: &Day) -> Result<MarketData, PreparationError> {
        let bytes = self.files.read(SnapshotKind::Market, &day.market)?;
        Ok(market::read(&day.market, &bytes, day.at)?)
    }

    /// Read only where the policy looks at them: they are the largest file of a day.
    fn closes(&self, day: &Day) -> Result<Closes, PreparationError> {
        match &day.history {
            Some(file) if self.policy.history_days().is_some() => {
                Ok(history::read(file, &self.files.read(SnapshotKind::History, file)?, day.at)?)
            }
            _ => Ok(Closes::default()),
        }
    }

    fn grades(&self, day: &Day) -> Result<Grades, PreparationError> {
        let mut grades = Grades::default();
        for (kind, endpoint) in GRADES {
            if let Some(file) = day.file(kind) {
                let bytes = self.files.read(kind, file)?;
                grades.merge(token_metrics::read(file, &bytes, endpoint)?);
            }
        }
        Ok(grades)
    }
}

/// Signals last: they repeat grades, and of one date a grade of its own endpoint counts.
const GRADES: [(SnapshotKind, Endpoint); 3] = [
    (SnapshotKind::TraderGrades, Endpoint::TraderGrades),
    (SnapshotKind::InvestorGrades, Endpoint::InvestorGrades),
    (SnapshotKind::TradingSignals, Endpoint::TradingSignals),
];

/// Reads `case.toml`.
fn definition(place: &str, bytes: &[u8]) -> Result<CaseFile, PreparationError> {
    let file: CaseFile = toml_text::read(place, bytes)?;
    let faults = file.faults();
    if faults.is_empty() { Ok(file) } else { Err(PreparationError::BadInput(faults)) }
}

//! The planner's view of one day: who may be a member, at which price, with which figures; and the account.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::history::{AssetHistory, AssetIndex, Day, History};
use super::ledger::Ledger;
use crate::model;
use crate::model::input::INPUT_SCHEMA;
use crate::model::{
    AccountId, AccountSnapshot, AssetId, AssetRecord, Environment, Flow, Holding, InstrumentId, Listing, ListingStatus,
    Money, PlanningInput, Policy, PortfolioId, PortfolioState, Price, PriceHistory, Quantity, RunIdentity, Tick,
    Trigger, VenueId,
};
use crate::preparation::PreparationError;
use crate::preparation::{BadInput, guards};

/// A close this old still counts as that of "the run before" for the guard on jumps.
const JUMP_DAYS: usize = 3;

/// Who plans: the same on every day.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    venue: VenueId,
    account: AccountId,
    portfolio: PortfolioId,
}

impl Identity {
    /// # Errors
    /// Never: the names are constants that fit.
    pub(super) fn new() -> Result<Self, BadInput> {
        let bad = |error: crate::model::InvalidId| BadInput::id("backtest", "identity", &error);
        Ok(Self {
            venue: VenueId::new("backtest").map_err(bad)?,
            account: AccountId::new("backtest").map_err(bad)?,
            portfolio: PortfolioId::new("backtest").map_err(bad)?,
        })
    }

    fn run(&self, as_of: Timestamp) -> RunIdentity {
        RunIdentity {
            environment: Environment::Paper,
            venue: self.venue.clone(),
            venue_account: self.account.clone(),
            portfolio: self.portfolio.clone(),
            trigger: Trigger::Scheduled(as_of),
        }
    }
}

/// The validated input of the run of a day. Nothing in it is dated after that day.
pub(super) fn planning_input(
    history: &History,
    day: Day,
    policy: &Policy,
    identity: &Identity,
    ledger: &Ledger,
    state: &PortfolioState,
) -> Result<PlanningInput, PreparationError> {
    let as_of = history.known_at(day)?;
    let mut assets = BTreeMap::new();
    let mut priced: Vec<&AssetHistory> = Vec::new();
    for index in candidates(history, day, policy, ledger) {
        let Some(asset) = history.asset(index) else { continue };
        if let Some(record) = record(history, asset, index, day)? {
            let _ = assets.insert(asset.id.clone(), record);
            priced.push(asset);
        }
    }
    let mut state = state.clone();
    state.last_prices = day.checked_sub(1).map(|before| last_prices(&priced, before)).unwrap_or_default();
    // What is being exchanged has no price and cannot be traded: it is not on the account until it is.
    let holdings = ledger.holdings.iter().filter_map(|(index, quantity)| {
        let holding = Holding { free: *quantity, locked: Quantity::ZERO };
        let asset = history.asset(*index).filter(|asset| assets.contains_key(&asset.id))?;
        Some((asset.id.clone(), holding))
    });
    let account = AccountSnapshot {
        observed_at: as_of,
        cash_free: Money::new(ledger.cash).unwrap_or_default(),
        cash_locked: Money::ZERO,
        holdings: holdings.collect(),
    };
    let closes = policy.history_days().and_then(|days| closes(history, day, days, &priced));
    guards::enforce(PlanningInput {
        schema: INPUT_SCHEMA,
        run: identity.run(as_of),
        as_of,
        flow: Flow::Full,
        policy: policy.clone(),
        assets,
        account,
        state,
        notices: Vec::new(),
        history: closes,
    })
}

/// Members of the newest snapshot, or whatever is alive; besides them what is held, and the stable legs. What was
/// exchanged into something else is none of them.
fn candidates(history: &History, day: Day, policy: &Policy, ledger: &Ledger) -> BTreeSet<AssetIndex> {
    let mut found: BTreeSet<AssetIndex> = match history.snapshot(day) {
        Some(snapshot) => snapshot.members.clone(),
        None if history.has_snapshots(day) => BTreeSet::new(),
        None => (0..history.assets().len()).collect(),
    };
    for exchanged in history.exchanged(day) {
        let _ = found.remove(&exchanged);
    }
    found.extend(ledger.holdings.keys().copied());
    let legs = policy.regime.iter().flat_map(|regime| &regime.stable_legs);
    found.extend(legs.filter_map(|leg| history.find(leg)));
    found
}

fn record(
    history: &History,
    asset: &AssetHistory,
    index: AssetIndex,
    day: Day,
) -> Result<Option<AssetRecord>, BadInput> {
    let Some((from, price)) = history.price(index, day) else { return Ok(None) };
    let label = asset.label(day);
    Ok(Some(AssetRecord {
        symbol: label.symbol,
        name: label.name,
        categories: BTreeSet::new(),
        first_seen: asset.first_seen().map(|first| history.date(first)),
        price,
        market_cap: asset.market_cap(day, price),
        average_daily_volume: asset.average_daily_volume(day),
        observed_at: history.known_at(from)?,
        grades: asset.grades(day),
        listing: Some(listing(&asset.id)?),
    }))
}

/// Any quantity at any price: what a venue's steps cost is below what daily closes can tell.
fn listing(id: &AssetId) -> Result<Listing, BadInput> {
    Ok(Listing {
        instrument: InstrumentId::new(id.as_str()).map_err(|error| BadInput::id("backtest", "instrument", &error))?,
        status: ListingStatus::Trading,
        lot_size: Quantity::ZERO,
        min_quantity: Quantity::ZERO,
        max_quantity: None,
        tick_size: Tick::ZERO,
        min_notional: Money::ZERO,
    })
}

/// The closes of so many days up to this one.
fn closes(history: &History, day: Day, days: u32, priced: &[&AssetHistory]) -> Option<PriceHistory> {
    let first = (day + 1).saturating_sub(usize::try_from(days).unwrap_or(usize::MAX));
    let of = |asset: &AssetHistory| -> BTreeMap<Date, Price> {
        (first..=day).filter_map(|day| Some((history.date(day), asset.close(day)?))).collect()
    };
    let known = priced.iter().map(|asset| (asset.id.clone(), of(asset)));
    model::history::cut(known, history.date(day), days)
}

/// What a run on the day before would have seen: the guard on jumps compares with it, however rare runs are.
fn last_prices(priced: &[&AssetHistory], before: Day) -> BTreeMap<AssetId, Price> {
    let price = |asset: &AssetHistory| asset.last_close(before, JUMP_DAYS).map(|(_, price)| price);
    priced.iter().filter_map(|asset| Some((asset.id.clone(), price(asset)?))).collect()
}

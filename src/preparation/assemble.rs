//! Sources and an occasion become one planning input.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::sources::{Closes, Grades, MarketData, MarketRecord, VenueRules};
use super::time::day_of;
use super::{BadInput, Migration, PreparationError, guards, listing, migration};
use crate::model::input::INPUT_SCHEMA;
use crate::model::{
    AccountSnapshot, AssetId, AssetRecord, Flow, GradeRecord, InstrumentId, Listing, PlanningInput, Policy,
    PortfolioState, Price, PriceHistory, Rate, RunIdentity, history,
};

/// What is known of the outside world.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    pub market: &'a MarketData,
    pub grades: &'a Grades,
    pub closes: &'a Closes,
    pub venue_rules: &'a VenueRules,
    /// Explicit instruments by asset.
    pub instruments: &'a BTreeMap<AssetId, InstrumentId>,
    /// Explicit `TOKEN_ID`s by asset, for market data that has none.
    pub token_ids: &'a BTreeMap<AssetId, u64>,
    pub migrations: &'a [Migration],
}

/// Who plans, when, and from what.
#[derive(Debug, Clone)]
pub struct Occasion {
    pub run: RunIdentity,
    pub as_of: Timestamp,
    pub flow: Flow,
    pub policy: Policy,
    pub account: AccountSnapshot,
    pub state: PortfolioState,
}

/// Joins, migrates, drops what is named in the notices, and checks every guard.
///
/// Holdings of the policy's `unmanaged_assets` are removed from the account, and the assets from the candidates,
/// priced or not: they count 0 and a notice names them. Holdings of zero are removed.
///
/// # Errors
/// When an entry of the case does not fit the sources, or a guard is violated; then with all violations.
pub fn assemble(occasion: Occasion, sources: &Sources<'_>) -> Result<PlanningInput, PreparationError> {
    let Occasion { run, as_of, flow, policy, mut account, mut state } = occasion;
    let mut notices = sources.market.notices.clone();
    notices.extend(sources.venue_rules.notices.iter().cloned());
    let migrations = migration::in_force(sources.migrations, as_of)?;
    for migration in &migrations {
        migration::apply(migration, &mut account, &mut state, &mut notices)?;
    }
    let (mut listings, listing_notices) =
        listing::listings(sources.market, sources.venue_rules, sources.instruments, &policy.quote_currency)?;
    notices.extend(listing_notices);
    notices.extend(unknown_names(&policy, sources.market));
    let mut assets = BTreeMap::new();
    for (id, record) in &sources.market.assets {
        let grades = grades_of(id, record, sources)?;
        if let Some(asset) = asset(record, grades, listings.remove(id)) {
            let _ = assets.insert(id.clone(), asset);
        }
    }
    for migration in migrations {
        if assets.remove(&migration.from).is_some() {
            notices.push(format!("migration: {} is no candidate since {}", migration.from, migration.on));
        }
    }
    remove_unmanaged(&policy, &mut assets, &mut account, &mut notices);
    account.holdings.retain(|_, holding| !holding.total().is_zero());
    let history = closes(&policy, as_of, &assets, sources.closes, &mut notices);
    let input =
        PlanningInput { schema: INPUT_SCHEMA, run, as_of, flow, policy, assets, account, state, notices, history };
    guards::enforce(input)
}

/// Whom the policy names and nobody knows: a rule for a name that is misspelt is kept by nobody.
fn unknown_names(policy: &Policy, market: &MarketData) -> impl Iterator<Item = String> {
    let excluded: Vec<&AssetId> = policy.eligibility.excluded_assets.iter().collect();
    let capped: Vec<&AssetId> = policy.limits.max_weight_of.keys().collect();
    let legs: Vec<&AssetId> = policy.regime.iter().flat_map(|regime| &regime.stable_legs).collect();
    let rules =
        [("eligibility.excluded_assets", excluded), ("limits.max_weight_of", capped), ("regime.stable_legs", legs)];
    let unknown = |(field, named): (&str, Vec<&AssetId>)| {
        let unknown: Vec<&str> =
            named.into_iter().filter(|id| !market.assets.contains_key(*id)).map(AssetId::as_str).collect();
        listing::summary("asset", &unknown, &format!("in the policy's {field} but not in the market data of the day"))
    };
    rules.map(unknown).into_iter().flatten()
}

/// The closes that the policy reads of these assets: of days that were over at the planning time, and none later.
fn closes(
    policy: &Policy,
    as_of: Timestamp,
    assets: &BTreeMap<AssetId, AssetRecord>,
    source: &Closes,
    notices: &mut Vec<String>,
) -> Option<PriceHistory> {
    let days = policy.history_days()?;
    notices.extend(source.notices.iter().cloned());
    let last = day_of(as_of).yesterday().ok()?;
    let known = source.assets.iter().filter(|(id, _)| assets.contains_key(*id));
    let mut history = history::cut(known.map(|(id, closes)| (id.clone(), closes.clone())), last, days)?;
    notices.extend(without_spikes(&mut history, policy.guards.max_price_jump));
    Some(history)
}

/// Takes out closes that jump away from the day before and back on the day after: mistakes of the source, on which a stop
/// would sell and a scenario hang. What tells of them.
fn without_spikes(history: &mut PriceHistory, most: Rate) -> Option<String> {
    let jumped = |left: Price, right: Price| guards::jumped(left, right, most.get());
    let mut spikes: Vec<(AssetId, usize)> = Vec::new();
    for (id, closes) in &history.closes {
        let mut taken_out = None;
        for (before, three) in closes.windows(3).enumerate() {
            // What is taken out is no neighbour to be judged by.
            if taken_out == Some(before) {
                continue;
            }
            let [Some(yesterday), Some(close), Some(tomorrow)] = three else { continue };
            if jumped(*yesterday, *close) && jumped(*close, *tomorrow) && !jumped(*yesterday, *tomorrow) {
                taken_out = Some(before + 1);
                spikes.push((id.clone(), before + 1));
            }
        }
    }
    let mut told = Vec::with_capacity(spikes.len());
    for (id, place) in spikes {
        let day = history.day(place);
        let close = history.closes.get_mut(&id).and_then(|closes| closes.get_mut(place)?.take());
        told.extend(close.map(|close| format!("{id} on {day} ({close})")));
    }
    listing::summary("close", &told, "further than max_price_jump from those before and after left out")
}

fn asset(record: &MarketRecord, grades: GradeRecord, listing: Option<Listing>) -> Option<AssetRecord> {
    Some(AssetRecord {
        symbol: record.symbol.clone(),
        name: record.name.clone(),
        categories: record.categories.clone(),
        first_seen: record.first_seen,
        price: record.price?,
        market_cap: record.market_cap,
        average_daily_volume: record.average_daily_volume,
        observed_at: record.observed_at,
        grades,
        listing,
    })
}

fn grades_of(id: &AssetId, record: &MarketRecord, sources: &Sources<'_>) -> Result<GradeRecord, BadInput> {
    let token_id = match (sources.token_ids.get(id), record.token_id) {
        (Some(explicit), Some(own)) if *explicit != own => {
            let problem = format!("the market data says {own}");
            let remedy = "remove one of the two";
            return Err(BadInput::new("case.toml", format!("token_ids.{id}"), &explicit.to_string(), problem, remedy));
        }
        (Some(token_id), _) => Some(*token_id),
        (None, own) => own,
    };
    let Some(token_id) = token_id else { return Ok(GradeRecord::default()) };
    let Grades { trader, investor, signals } = sources.grades;
    Ok(GradeRecord {
        trader: trader.get(&token_id).copied(),
        investor: investor.get(&token_id).copied(),
        signal: signals.get(&token_id).copied(),
    })
}

fn remove_unmanaged(
    policy: &Policy,
    assets: &mut BTreeMap<AssetId, AssetRecord>,
    account: &mut AccountSnapshot,
    notices: &mut Vec<String>,
) {
    for unmanaged in &policy.guards.unmanaged_assets {
        let _ = assets.remove(unmanaged);
        if let Some(holding) = account.holdings.remove(unmanaged) {
            let units = holding.total();
            notices
                .push(format!("unmanaged: {units} {unmanaged} held, valued at 0 and left alone, as the policy says"));
        }
    }
}

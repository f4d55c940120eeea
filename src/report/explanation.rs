//! Why each order, why no order, why not in the index: a run's reasons, for all assets or for one.

use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::certificate::{Check, OptimalityReport, subject_of};
use super::margin::ShadowPriceReport;
use super::published::{Day, UtcTime, UuidText};
use super::run::{ExclusionReport, OrderReport, PositionReport, RunReport};
use crate::model::{
    AssetId, CategoryId, Grade, InstrumentId, ListingStatus, Money, PlanningInput, Price, Quantity, Signal, Tick,
};

/// The reasons of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Explanation {
    #[schemars(with = "UuidText")]
    pub run_id: Uuid,
    pub index: String,
    /// Set when the question was about one asset.
    pub asset: Option<AssetId>,
    pub orders: Vec<OrderReport>,
    /// Held or constituent, and without an order.
    pub not_traded: Vec<PositionReport>,
    pub exclusions: Vec<ExclusionReport>,
    /// Limits without room left: their bound decides what the plan may do. Of one asset's limits, all.
    pub limits: Vec<Check>,
    /// How far the plan is from the best possible; of a whole run only.
    pub optimality: Option<OptimalityReport>,
    /// What a point more or less of them would be worth.
    pub shadow_prices: Vec<ShadowPriceReport>,
    /// What the planner knew of the asset; only when the question was about one.
    pub known: Option<KnownAsset>,
}

/// What the planning input says of one asset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KnownAsset {
    pub asset: AssetId,
    pub symbol: String,
    pub name: String,
    pub categories: Vec<CategoryId>,
    #[schemars(with = "Option<Day>")]
    pub first_seen: Option<Date>,
    pub price: Price,
    pub market_cap: Option<Money>,
    pub average_daily_volume: Option<Money>,
    #[schemars(with = "UtcTime")]
    pub observed_at: Timestamp,
    pub trader_grade: Option<Grade>,
    pub investor_grade: Option<Grade>,
    pub signal: Option<Signal>,
    /// Absent: not listed at the venue.
    pub instrument: Option<InstrumentId>,
    pub status: Option<ListingStatus>,
    pub lot_size: Option<Quantity>,
    pub tick_size: Option<Tick>,
    pub min_quantity: Option<Quantity>,
    pub min_notional: Option<Money>,
    /// Units free to sell.
    pub free: Quantity,
    pub locked: Quantity,
}

/// Nothing in the run goes by this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownAsset {
    #[error("run {run_id} knows no asset {name:?}; name one by its id or its symbol{}", did_you_mean(.close))]
    Absent { run_id: Uuid, name: String, close: Vec<String> },
    #[error("{name:?} is the symbol of {} assets of run {run_id}: {}; name one by its id", .ids.len(), .ids.join(", "))]
    Ambiguous { run_id: Uuid, name: String, ids: Vec<String> },
}

fn did_you_mean(close: &[String]) -> String {
    if close.is_empty() { String::new() } else { format!(" (such as {})", close.join(", ")) }
}

impl Explanation {
    /// All of a run.
    #[must_use]
    pub fn of_run(report: &RunReport) -> Self {
        Self {
            run_id: report.run_id,
            index: report.index.clone(),
            asset: None,
            orders: report.orders.clone(),
            not_traded: report.not_traded().cloned().collect(),
            exclusions: report.exclusions.clone(),
            limits: report.certificate.checks.iter().filter(|check| binds(check)).cloned().collect(),
            optimality: report.certificate.optimality.clone(),
            shadow_prices: report.certificate.shadow_prices.clone(),
            known: None,
        }
    }

    /// One asset of a run, named by id or by symbol in any case.
    ///
    /// # Errors
    /// When nothing in the run has that name, or several assets have that symbol.
    pub fn of_asset(report: &RunReport, input: Option<&PlanningInput>, name: &str) -> Result<Self, UnknownAsset> {
        let asset = find(report, input, name)?;
        let limits = limits_of(report, &asset);
        let priced = |it: &&ShadowPriceReport| limits.iter().any(|check| check.limit == it.limit);
        Ok(Self {
            run_id: report.run_id,
            index: report.index.clone(),
            orders: report.orders.iter().filter(|it| it.asset == asset).cloned().collect(),
            not_traded: report.not_traded().filter(|it| it.asset == asset).cloned().collect(),
            exclusions: report.exclusions.iter().filter(|it| it.asset == asset).cloned().collect(),
            shadow_prices: report.certificate.shadow_prices.iter().filter(priced).cloned().collect(),
            limits,
            optimality: None,
            known: input.and_then(|input| known(input, &asset)),
            asset: Some(asset),
        })
    }
}

/// The asset's own limits, and the shared ones that its reason names.
fn limits_of(report: &RunReport, asset: &AssetId) -> Vec<Check> {
    let binding: Vec<&String> =
        report.positions.iter().filter(|it| it.asset == *asset).flat_map(|it| &it.binding).collect();
    let concerns = |check: &&Check| {
        subject_of(&check.limit) == Some(asset.as_str()) || binding.iter().any(|name| **name == check.limit)
    };
    report.certificate.checks.iter().filter(concerns).cloned().collect()
}

/// No room left: a slack below a ten-thousandth of net asset value. Equations always have none and tell nothing.
fn binds(check: &Check) -> bool {
    check.sense != super::published::Sense::Equal
        && check.slack.get() < crate::model::Decimal::new(1, 4)
        && !check.left_side.is_zero()
}

fn find(report: &RunReport, input: Option<&PlanningInput>, name: &str) -> Result<AssetId, UnknownAsset> {
    let named = named_assets(report, input);
    if let Some((asset, _)) = named.iter().find(|(asset, _)| asset.as_str() == name) {
        return Ok(asset.clone());
    }
    let mut matches: Vec<&AssetId> =
        named.iter().filter(|(_, symbol)| symbol.eq_ignore_ascii_case(name)).map(|(asset, _)| asset).collect();
    matches.sort();
    matches.dedup();
    match matches.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(UnknownAsset::Absent { run_id: report.run_id, name: name.to_owned(), close: close(&named, name) }),
        several => Err(UnknownAsset::Ambiguous {
            run_id: report.run_id,
            name: name.to_owned(),
            ids: several.iter().map(ToString::to_string).collect(),
        }),
    }
}

fn named_assets(report: &RunReport, input: Option<&PlanningInput>) -> Vec<(AssetId, String)> {
    let positions = report.positions.iter().map(|it| (it.asset.clone(), it.symbol.clone()));
    let exclusions = report.exclusions.iter().map(|it| (it.asset.clone(), it.symbol.clone()));
    let inputs = input.into_iter().flat_map(|input| &input.assets).map(|(id, it)| (id.clone(), it.symbol.clone()));
    positions.chain(exclusions).chain(inputs).collect()
}

/// Up to five ids that contain the name or begin alike.
fn close(named: &[(AssetId, String)], name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let start: String = name.chars().take(3).collect();
    let mut close: Vec<String> = named
        .iter()
        .filter(|(asset, symbol)| {
            asset.as_str().contains(&name)
                || asset.as_str().starts_with(&start)
                || symbol.to_ascii_lowercase().starts_with(&start)
        })
        .map(|(asset, _)| asset.to_string())
        .collect();
    close.sort();
    close.dedup();
    close.truncate(5);
    close
}

fn known(input: &PlanningInput, asset: &AssetId) -> Option<KnownAsset> {
    let record = input.assets.get(asset)?;
    let holding = input.account.holdings.get(asset).copied().unwrap_or_default();
    let listing = record.listing.as_ref();
    Some(KnownAsset {
        asset: asset.clone(),
        symbol: record.symbol.clone(),
        name: record.name.clone(),
        categories: record.categories.iter().cloned().collect(),
        first_seen: record.first_seen,
        price: record.price,
        market_cap: record.market_cap,
        average_daily_volume: record.average_daily_volume,
        observed_at: record.observed_at,
        trader_grade: record.grades.trader.map(|dated| dated.value),
        investor_grade: record.grades.investor.map(|dated| dated.value),
        signal: record.grades.signal.map(|dated| dated.value),
        instrument: listing.map(|it| it.instrument.clone()),
        status: listing.map(|it| it.status),
        lot_size: listing.map(|it| it.lot_size),
        tick_size: listing.map(|it| it.tick_size),
        min_quantity: listing.map(|it| it.min_quantity),
        min_notional: listing.map(|it| it.min_notional),
        free: holding.free,
        locked: holding.locked,
    })
}

//! Who may be what, and who may be traded: roles, eligibility, flow, listing.

use jiff::tz::TimeZone;

use super::books::{Books, Line};
use super::findings::Findings;
use super::scenarios;
use crate::model::policy::{Eligibility, GradeKind};
use crate::model::{AssetId, AssetRecord, Flow, Grade, PlanningInput};
use crate::planning::plan::{ReasonCode, RebalancePlan, Role};

pub(super) fn check(input: &PlanningInput, plan: &RebalancePlan, books: &Books<'_>, findings: &mut Findings) {
    for (asset, line) in &books.lines {
        check_role(input, asset, line, findings);
        check_trading(asset, line, findings);
        if !line.bought.is_zero() {
            check_buy(input, plan, asset, line, findings);
        }
        if !line.sold.is_zero() {
            findings.require(input.flow != Flow::DepositOnly, "deposit_only", || {
                format!("{} {asset} would be sold although the flow is deposit_only", line.sold)
            });
        }
    }
}

/// Stable legs are the policy's, unmanaged is only what the policy lets be, constituents are eligible.
fn check_role(input: &PlanningInput, asset: &AssetId, line: &Line<'_>, findings: &mut Findings) {
    let role = line.role();
    let consent = input.policy.guards.unmanaged_assets.contains(asset);
    let unmanaged = line.record.is_none() || role == Some(Role::Unmanaged);
    findings.require_of(!unmanaged || consent, "unmanaged", asset, || {
        format!("{asset} would be valued at 0, and the policy's guards.unmanaged_assets does not list it")
    });
    let stable_leg = line.is_stable_leg;
    if let Some(role) = role.filter(|role| *role != Role::Unmanaged) {
        findings.require_of((role == Role::StableLeg) == stable_leg, "role", asset, || {
            let is = if stable_leg { "is" } else { "is not" };
            format!("the plan calls {asset} a {role}; by the policy it {is} a stable leg")
        });
    }
    if let (Some(Role::Constituent), Some(record)) = (role, line.record) {
        let fault = ineligible(input, asset, record);
        findings.require_of(fault.is_none(), "eligibility", asset, || {
            format!("{asset} is a constituent and not eligible: {}", fault.unwrap_or_default())
        });
    }
}

/// Orders go only to assets that the venue trades now and that the plan itself calls traded, one way each.
fn check_trading(asset: &AssetId, line: &Line<'_>, findings: &mut Findings) {
    findings.require_of(line.tradable().is_some() || !line.has_order, "frozen", asset, || {
        format!("{asset} has an order, and the venue does not list it or has halted it")
    });
    findings.require_of(line.bought.is_zero() || line.sold.is_zero(), "one_side", asset, || {
        format!("{} {asset} would be bought and {} sold in one run", line.bought, line.sold)
    });
    if let Some(position) = line.position.filter(|_| line.has_order) {
        findings.require_of(is_traded(position.reason.code), "reason", asset, || {
            format!("{asset} has an order, and the plan says {:?}: {}", position.reason.code, position.reason.sentence)
        });
    }
}

fn is_traded(code: ReasonCode) -> bool {
    use ReasonCode as Code;
    match code {
        Code::Enter | Code::TopUp | Code::Trim | Code::Exit | Code::OverLimit | Code::RaiseCash => true,
        Code::InBand
        | Code::OnTarget
        | Code::Halted
        | Code::NotListed
        | Code::NoBuy
        | Code::LimitBinds
        | Code::CostExceedsBenefit
        | Code::BelowMinimum
        | Code::Stranded
        | Code::Unmanaged
        | Code::Locked => false,
    }
}

/// Only constituents and stable legs are bought; constituents not while bearish, nor without a grade that is required.
fn check_buy(input: &PlanningInput, plan: &RebalancePlan, asset: &AssetId, line: &Line<'_>, findings: &mut Findings) {
    let role = line.role();
    findings.require_of(matches!(role, Some(Role::Constituent | Role::StableLeg)), "no_buy", asset, || {
        let role = role.map_or("no position".to_owned(), |role| role.to_string());
        format!("{} {asset} would be bought as {role}; only constituents and stable legs are bought", line.bought)
    });
    if role != Some(Role::Constituent) {
        return;
    }
    let regime = input.policy.regime.as_ref();
    let no_buy = plan.regime.bearish && regime.is_some_and(|regime| regime.no_buy_when_bearish);
    findings.require_of(!no_buy, "no_buy", asset, || {
        format!("{} {asset} would be bought while bearish; the policy sets no_buy_when_bearish", line.bought)
    });
    let graded = line.record.is_some_and(|record| grade(input, record).is_some());
    findings.require_of(graded || !input.policy.uses_grades(), "eligibility", asset, || {
        format!("{} {asset} would be bought, and its grade, which the policy asks for, is missing", line.bought)
    });
    let unknown = line.record.and_then(|record| unknown_figure(input, record));
    findings.require_of(unknown.is_none(), "eligibility", asset, || {
        let what = unknown.unwrap_or_default();
        format!("{} {asset} would be bought, and its {what}, which the policy asks for, is unknown", line.bought)
    });
    findings.require_of(!scenarios::too_few(input, asset), "eligibility", asset, || {
        format!("{} {asset} would be bought, and it has fewer daily closes than the policy asks for", line.bought)
    });
}

/// Whether a constituent is not bought: while bearish, where the policy says so, or without a grade, another figure or
/// closes that it asks for.
pub(super) fn no_buy(input: &PlanningInput, plan: &RebalancePlan, line: &Line<'_>) -> bool {
    let regime = input.policy.regime.as_ref();
    let bearish = plan.regime.bearish && regime.is_some_and(|regime| regime.no_buy_when_bearish);
    let graded = line.record.is_some_and(|record| grade(input, record).is_some());
    let few = line.position.is_some_and(|position| scenarios::too_few(input, &position.asset));
    let unknown = line.record.is_some_and(|record| unknown_figure(input, record).is_some());
    line.role() == Some(Role::Constituent) && (bearish || few || unknown || (input.policy.uses_grades() && !graded))
}

pub(super) fn grade(input: &PlanningInput, record: &AssetRecord) -> Option<Grade> {
    let dated = match input.policy.ranking.grade {
        GradeKind::Trader => record.grades.trader,
        GradeKind::Investor => record.grades.investor,
    };
    dated.map(|dated| dated.value)
}

/// What the policy asks for by a rule, a rank or a weight, and nobody knows.
fn unknown_figure(input: &PlanningInput, record: &AssetRecord) -> Option<&'static str> {
    let rules = &input.policy.eligibility;
    if record.market_cap.is_none() && input.policy.uses_market_caps() {
        return Some("market cap");
    }
    if record.average_daily_volume.is_none() && rules.min_average_daily_volume.is_some() {
        return Some("average daily volume");
    }
    (record.first_seen.is_none() && rules.min_age_days.is_some()).then_some("first day")
}

/// Why an asset may not be a constituent. What is unknown lets nobody in, and nobody go: a member is held, and only
/// buying it is refused. So it is with a missing grade, which is not asked for here.
fn ineligible(input: &PlanningInput, asset: &AssetId, record: &AssetRecord) -> Option<String> {
    let rules = &input.policy.eligibility;
    if rules.excluded_assets.contains(asset) {
        return Some("the policy excludes it".to_owned());
    }
    if let Some(category) = record.categories.intersection(&rules.excluded_categories).next() {
        return Some(format!("its category {category} is excluded"));
    }
    let unknown = unknown_figure(input, record).filter(|_| !input.state.members.contains(asset));
    unknown
        .map(|what| format!("its {what} is unknown, and it was no member before"))
        .or_else(|| outside_size(rules, record))
        .or_else(|| too_young(input, record))
        .or_else(|| scenarios::stopped(input, asset).map(|on| format!("a trailing stop was set off on {on}")))
        .or_else(|| badly_graded(rules, grade(input, record)))
}

fn outside_size(rules: &Eligibility, record: &AssetRecord) -> Option<String> {
    let (cap, volume) = (record.market_cap, record.average_daily_volume);
    if let Some((cap, least)) = cap.zip(rules.min_market_cap).filter(|(cap, least)| cap < least) {
        return Some(format!("its market cap {cap} is below {least}"));
    }
    if let Some((cap, most)) = cap.zip(rules.max_market_cap).filter(|(cap, most)| cap > most) {
        return Some(format!("its market cap {cap} is above {most}"));
    }
    let (volume, least) = volume.zip(rules.min_average_daily_volume).filter(|(volume, least)| volume < least)?;
    Some(format!("its average daily volume {volume} is below {least}"))
}

fn too_young(input: &PlanningInput, record: &AssetRecord) -> Option<String> {
    let min_age_days = i64::from(input.policy.eligibility.min_age_days?);
    let today = TimeZone::UTC.to_datetime(input.as_of).date();
    let age_days = today.duration_since(record.first_seen?).as_hours() / 24;
    (age_days < min_age_days).then(|| format!("it is {age_days} days old, and {min_age_days} are required"))
}

fn badly_graded(rules: &Eligibility, grade: Option<Grade>) -> Option<String> {
    let (least, grade) = (rules.min_grade?, grade?);
    (grade < least).then(|| format!("its grade {grade} is below {least}"))
}

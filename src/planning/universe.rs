//! Who is in the index: eligibility, ranking, entry and exit buffers.
//!
//! Only constituents are asked for eligibility. What is held and not (or no longer) a constituent must exit,
//! unless it is a stable leg.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::model::number::grouped;
use crate::model::policy::{Eligibility, GradeKind, RankBy, Ranking};
use crate::model::{AssetId, AssetRecord, Decimal, Grade, Money, PlanningInput, Policy};

use super::closes;
use super::plan::Exclusion;

/// The chosen constituents and why the others are not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Universe {
    /// Constituents by rank; those whose rank is unknown come last.
    pub(crate) members: Vec<AssetId>,
    /// Rank among the eligible, from 1.
    pub(crate) ranks: BTreeMap<AssetId, u32>,
    /// Members of the last run whose grade is missing now: held, not bought.
    pub(crate) grade_missing: BTreeSet<AssetId>,
    /// Members of the last run with too few daily closes for the policy's rules, and which: held, not bought.
    pub(crate) history_short: BTreeMap<AssetId, String>,
    /// Everyone else who has a price, by id.
    pub(crate) exclusions: Vec<Exclusion>,
    /// How many broke a rule of eligibility, and how the first did, by rule.
    pub(crate) breaches: BTreeMap<String, (usize, String)>,
}

impl Universe {
    pub(crate) fn is_member(&self, asset: &AssetId) -> bool {
        self.members.contains(asset)
    }

    /// One sentence for each member that is held without a grade, or with too few closes.
    pub(crate) fn notices(&self, kind: GradeKind) -> impl Iterator<Item = String> {
        let held = self.grade_missing.iter().filter(|asset| self.is_member(asset));
        let short = self.history_short.iter().filter(|(asset, _)| self.is_member(asset));
        let short = short.map(|(asset, why)| format!("the member {asset} has {why}: held, not bought"));
        held.map(move |asset| format!("the member {asset} has no {} grade: held, not bought", grade_name(kind)))
            .chain(short)
    }

    /// The rule of eligibility that most candidates broke, with one of them. Counted by rule: two of a kind have
    /// different figures, and so different sentences.
    pub(crate) fn commonest_breach(&self) -> Option<String> {
        let (rule, (count, example)) = self.breaches.iter().max_by_key(|(_, (count, _))| *count)?;
        Some(format!("{rule} ({count} of them, such as {example})"))
    }

    pub(crate) fn member_set(&self) -> BTreeSet<AssetId> {
        self.members.iter().cloned().collect()
    }
}

/// The grade a policy scores assets by.
pub(crate) fn grade_of(record: &AssetRecord, kind: GradeKind) -> Option<Grade> {
    match kind {
        GradeKind::Trader => record.grades.trader.map(|grade| grade.value),
        GradeKind::Investor => record.grades.investor.map(|grade| grade.value),
    }
}

/// Selects the constituents.
pub(crate) fn select_universe(input: &PlanningInput) -> Universe {
    let policy = &input.policy;
    let today = input.as_of.to_zoned_datetime(TimeZone::UTC).date();
    let stable_legs = policy.regime.as_ref().map(|regime| &regime.stable_legs);
    let mut eligible: Vec<(&AssetId, &AssetRecord)> = Vec::new();
    // Members that nobody can rank today. Missing data never sells: they have their places before anyone is ranked.
    let mut kept: Vec<(&AssetId, &AssetRecord)> = Vec::new();
    let mut universe = Universe::default();
    for (asset, record) in &input.assets {
        if stable_legs.is_some_and(|legs| legs.contains(asset)) {
            continue;
        }
        let was_member = input.state.members.contains(asset);
        match ineligibility(asset, record, input, today) {
            None => eligible.push((asset, record)),
            Some(Ineligible::GradeMissing(_)) if was_member => {
                universe.grade_missing.insert(asset.clone());
                let ranked = if policy.ranking.by == RankBy::Grade { &mut kept } else { &mut eligible };
                ranked.push((asset, record));
            }
            Some(Ineligible::HistoryShort(breach)) if was_member => {
                universe.history_short.insert(asset.clone(), breach.sentence);
                eligible.push((asset, record));
            }
            Some(Ineligible::GradeMissing(breach) | Ineligible::HistoryShort(breach) | Ineligible::Rule(breach)) => {
                let example = || (0, format!("{asset}: {}", breach.sentence));
                universe.breaches.entry(breach.rule).or_insert_with(example).0 += 1;
                universe.exclusions.push(exclusion(asset, record, breach.sentence));
            }
        }
    }
    eligible.sort_by(|left, right| by_rank(&policy.ranking, left, right));
    kept.sort_by(|left, right| by_rank(&policy.ranking, left, right));
    let ranked: Vec<&AssetId> = eligible.iter().map(|(asset, _)| *asset).collect();
    universe.ranks = ranked.iter().zip(1_u32..).map(|(asset, rank)| ((*asset).clone(), rank)).collect();
    universe.members = with_buffers(&ranked, &input.state.members, &policy.ranking, kept.len());
    let chosen = universe.member_set();
    for ((asset, record), rank) in eligible.iter().zip(1_u32..).filter(|((asset, _), _)| !chosen.contains(*asset)) {
        universe.exclusions.push(exclusion(asset, record, outranked(rank, &policy.ranking, kept.len())));
    }
    universe.members.extend(kept.into_iter().map(|(asset, _)| asset.clone()));
    universe.exclusions.sort_by(|left, right| left.asset.cmp(&right.asset));
    universe
}

fn outranked(rank: u32, ranking: &Ranking, kept: usize) -> String {
    let Ranking { members, enter_rank, exit_rank, .. } = ranking;
    let places = match kept {
        0 => String::new(),
        1 => "; 1 place kept without a grade".to_owned(),
        _ => format!("; {kept} places kept without a grade"),
    };
    format!("rank {rank} is outside the {members} members (enters at {enter_rank}, stays to {exit_rank}{places})")
}

fn exclusion(asset: &AssetId, record: &AssetRecord, why: String) -> Exclusion {
    Exclusion { asset: asset.clone(), symbol: record.symbol.clone(), why }
}

/// A rule and how one asset breaks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
    /// The same words for every asset.
    rule: String,
    /// With the asset's own figures.
    sentence: String,
}

impl Breach {
    fn new(rule: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { rule: rule.into(), sentence: sentence.into() }
    }
}

enum Ineligible {
    /// The grade that the policy requires is not there; a member survives this, unbought.
    GradeMissing(Breach),
    /// The same for daily closes.
    HistoryShort(Breach),
    Rule(Breach),
}

fn ineligibility(asset: &AssetId, record: &AssetRecord, input: &PlanningInput, today: Date) -> Option<Ineligible> {
    let policy = &input.policy;
    let Policy { eligibility: rules, ranking, .. } = policy;
    let stop = || closes::stopped(input, asset).map(|stopped| Breach::new("a trailing stop", stopped.sentence()));
    let short = || {
        let why = closes::shortage(input, asset)?;
        Some(Ineligible::HistoryShort(Breach::new("too few daily closes", why)))
    };
    let broken = rule_broken(asset, record, rules, ranking, today).or_else(stop).map(Ineligible::Rule);
    let graded = || {
        let kind = grade_name(ranking.grade);
        match grade_of(record, ranking.grade) {
            None if policy.uses_grades() => {
                let missing = format!("no {kind} grade");
                Some(Ineligible::GradeMissing(Breach::new(missing.clone(), missing)))
            }
            Some(grade) => rules
                .min_grade
                .filter(|min| grade < *min)
                .map(|min| format!("{kind} grade {grade} is below {min}"))
                .map(|sentence| Ineligible::Rule(Breach::new(format!("{kind} grade below the least"), sentence))),
            None => None,
        }
    };
    broken.or_else(graded).or_else(short)
}

/// May the asset be a constituent, as far as it alone is asked?
pub(crate) fn is_eligible(asset: &AssetId, record: &AssetRecord, input: &PlanningInput, today: Date) -> bool {
    ineligibility(asset, record, input, today).is_none()
}

/// Which rule the asset breaks, those about grades aside.
pub(crate) fn rule_broken(
    asset: &AssetId,
    record: &AssetRecord,
    rules: &Eligibility,
    ranking: &Ranking,
    today: Date,
) -> Option<Breach> {
    if rules.excluded_assets.contains(asset) {
        return Some(Breach::new("named in excluded_assets", "named in excluded_assets"));
    }
    if let Some(category) = record.categories.intersection(&rules.excluded_categories).next() {
        return Some(Breach::new("an excluded category", format!("category {category} is excluded")));
    }
    if record.listing.is_none() {
        return Some(Breach::new("not listed at the venue", "not listed at the venue"));
    }
    let bounded = rules.min_market_cap.is_some() || rules.max_market_cap.is_some();
    let cap_matters = bounded || ranking.by == RankBy::MarketCap;
    outside("market cap", record.market_cap, (rules.min_market_cap, rules.max_market_cap), cap_matters)
        .or_else(|| {
            let least = rules.min_average_daily_volume;
            outside("average daily volume", record.average_daily_volume, (least, None), least.is_some())
        })
        .or_else(|| too_young(record, rules, today))
}

/// A figure out of its bounds, or unknown where it matters.
fn outside(
    what: &str,
    figure: Option<Money>,
    (least, most): (Option<Money>, Option<Money>),
    matters: bool,
) -> Option<Breach> {
    let Some(figure) = figure else {
        let unknown = || format!("{what} unknown");
        return matters.then(|| Breach::new(unknown(), unknown()));
    };
    if let Some(least) = least.filter(|least| figure < *least) {
        let sentence = format!("{what} {} is below {}", whole(figure), whole(least));
        return Some(Breach::new(format!("{what} below the least"), sentence));
    }
    let most = most.filter(|most| figure > *most)?;
    let sentence = format!("{what} {} is above {}", whole(figure), whole(most));
    Some(Breach::new(format!("{what} above the most"), sentence))
}

fn too_young(record: &AssetRecord, rules: &Eligibility, today: Date) -> Option<Breach> {
    let min_age = rules.min_age_days?;
    let Some(first_seen) = record.first_seen else { return Some(Breach::new("age unknown", "age unknown")) };
    let days = (today - first_seen).get_days();
    (i64::from(days) < i64::from(min_age))
        .then(|| Breach::new("age below the least", format!("age {days} days is below {min_age}")))
}

/// Money for people: without cents, thousands apart.
fn whole(amount: Money) -> String {
    grouped(&amount.get().round().to_string())
}

pub(crate) fn grade_name(kind: GradeKind) -> &'static str {
    match kind {
        GradeKind::Trader => "trader",
        GradeKind::Investor => "investor",
    }
}

/// Best first; equal figures go by market cap, then by id, so that input order never matters.
pub(crate) fn by_rank(
    ranking: &Ranking,
    left: &(&AssetId, &AssetRecord),
    right: &(&AssetId, &AssetRecord),
) -> Ordering {
    let cap = |record: &AssetRecord| record.market_cap.map_or(Decimal::ZERO, Money::get);
    let by_cap = cap(right.1).cmp(&cap(left.1));
    let primary = match ranking.by {
        RankBy::MarketCap => Ordering::Equal,
        RankBy::Grade => grade_of(right.1, ranking.grade).cmp(&grade_of(left.1, ranking.grade)),
    };
    primary.then(by_cap).then_with(|| left.0.cmp(right.0))
}

/// The usual buffer rule: the best `enter_rank` are in; then members down to `exit_rank` stay; places still
/// vacant go to the best of the rest. Fewer round trips at the margin. `kept` places are not to be had.
pub(crate) fn with_buffers(
    ranked: &[&AssetId],
    members: &BTreeSet<AssetId>,
    ranking: &Ranking,
    kept: usize,
) -> Vec<AssetId> {
    let places = usize::try_from(ranking.members).unwrap_or(usize::MAX).saturating_sub(kept);
    let enter = usize::try_from(ranking.enter_rank).unwrap_or(usize::MAX).min(places);
    let exit = usize::try_from(ranking.exit_rank).unwrap_or(usize::MAX);
    let mut chosen: BTreeSet<usize> = (0..ranked.len().min(enter)).collect();
    let stays = |position: &usize| ranked.get(*position).is_some_and(|asset| members.contains(*asset));
    for position in (enter..ranked.len().min(exit)).filter(stays).chain(enter..ranked.len()) {
        if chosen.len() >= places {
            break;
        }
        chosen.insert(position);
    }
    chosen.into_iter().filter_map(|position| ranked.get(position)).map(|asset| (*asset).clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{plan, sample};
    use super::*;
    use crate::model::grade::Dated;
    use crate::model::policy::WeightMethod;
    use crate::model::{Rate, Weight};

    fn ids(names: &[&str]) -> Vec<AssetId> {
        names.iter().map(|name| AssetId::new(name).expect(name)).collect()
    }

    fn ranking(members: u32, enter_rank: u32, exit_rank: u32) -> Ranking {
        Ranking { by: RankBy::MarketCap, grade: GradeKind::Investor, members, enter_rank, exit_rank }
    }

    fn chosen(members: &[&str], rule: &Ranking) -> Vec<AssetId> {
        let ranked = ids(&["a", "b", "c", "d", "e", "f"]);
        with_buffers(&ranked.iter().collect::<Vec<_>>(), &ids(members).into_iter().collect(), rule, 0)
    }

    #[test]
    fn the_first_run_takes_the_best() {
        assert_eq!(chosen(&[], &ranking(3, 2, 5)), ids(&["a", "b", "c"]));
    }

    #[test]
    fn a_member_inside_the_exit_buffer_keeps_its_place() {
        assert_eq!(chosen(&["a", "b", "e"], &ranking(3, 2, 5)), ids(&["a", "b", "e"]));
    }

    #[test]
    fn a_member_outside_the_exit_buffer_goes() {
        assert_eq!(chosen(&["a", "b", "f"], &ranking(3, 2, 5)), ids(&["a", "b", "c"]));
    }

    #[test]
    fn a_newcomer_at_the_entry_rank_displaces_the_worst_member() {
        assert_eq!(chosen(&["c", "d", "e"], &ranking(3, 2, 5)), ids(&["a", "b", "c"]));
        assert_eq!(chosen(&["c", "d", "e"], &ranking(3, 1, 5)), ids(&["a", "c", "d"]));
    }

    /// Six assets ranked by grade, `f` best; the index of `a` and `b` has three places and room down to rank 4.
    fn graded_index(edit: impl FnOnce(&mut Policy)) -> PlanningInput {
        let policy = sample::policy(|policy| {
            policy.ranking.by = RankBy::Grade;
            edit(policy);
        });
        let holdings = [("a", "100"), ("b", "100")];
        let mut input = sample::input(policy, &["600", "500", "400", "300", "200", "100"], &holdings, "100");
        for (record, grade) in input.assets.values_mut().zip(["10", "20", "30", "40", "50", "60"]) {
            let at = record.observed_at;
            record.grades.investor = Some(Dated { value: Grade::new(sample::dec(grade)).expect(grade), at });
        }
        input.state.members = ids(&["a", "b"]).into_iter().collect();
        input
    }

    fn forget_grade(input: &mut PlanningInput, asset: &str) {
        input.assets.get_mut(&sample::id(asset)).expect(asset).grades.investor = None;
    }

    #[test]
    fn a_member_whose_grade_is_missing_keeps_its_place_in_an_index_ranked_by_grade() {
        let mut input = graded_index(|_| {});
        assert_eq!(select_universe(&input).members, ids(&["f", "e", "d"]), "both members are past the buffer");
        forget_grade(&mut input, "a");
        let universe = select_universe(&input);
        assert_eq!(universe.members, ids(&["f", "e", "a"]));
        assert_eq!(universe.grade_missing, ids(&["a"]).into_iter().collect());
        assert_eq!(universe.ranks.get(&sample::id("a")), None, "nobody knows its rank");
        let why = &universe.exclusions.iter().find(|one| one.asset == sample::id("d")).expect("outside").why;
        assert!(
            why.starts_with("rank 3 is outside the 3 members") && why.ends_with("1 place kept without a grade)"),
            "{why}"
        );
        let plan = plan(&input).expect("a plan");
        assert!(plan.orders.iter().all(|order| order.asset != sample::id("a")), "held, not bought");
        assert_eq!(plan.notices, ["the member a has no investor grade: held, not bought"]);
    }

    #[test]
    fn members_without_a_grade_are_kept_even_where_there_are_more_of_them_than_places() {
        let mut input = graded_index(|policy| {
            policy.ranking = Ranking { members: 1, enter_rank: 1, exit_rank: 1, ..policy.ranking.clone() };
        });
        forget_grade(&mut input, "a");
        forget_grade(&mut input, "b");
        assert_eq!(select_universe(&input).members, ids(&["a", "b"]));
    }

    /// Whatever looks at grades is no reason to weigh a member at 0, or to take somebody unknown in.
    #[test]
    fn wherever_the_policy_uses_grades_a_missing_one_is_missing() {
        type Edit = fn(&mut Policy);
        let uses: [(&str, Edit); 6] = [
            ("ranking", |policy| policy.ranking.by = RankBy::Grade),
            ("required", |policy| policy.eligibility.require_grade = true),
            ("least", |policy| policy.eligibility.min_grade = Some(Grade::new(Decimal::ONE).expect("a grade"))),
            ("weights", |policy| policy.reference_weights.method = WeightMethod::Grade),
            ("cap and grade", |policy| policy.reference_weights.method = WeightMethod::MarketCapGrade),
            ("tilt", |policy| policy.objective.grade_tilt = Rate::parse("0.1").expect("a rate")),
        ];
        for (name, edit) in uses {
            let mut input = sample::input(sample::policy(edit), &["600", "300", "100"], &[("a", "50")], "50");
            input.state.members = ids(&["a"]).into_iter().collect();
            forget_grade(&mut input, "a");
            forget_grade(&mut input, "b");
            let universe = select_universe(&input);
            assert_eq!(universe.member_set(), ids(&["a", "c"]).into_iter().collect(), "{name}");
            assert_eq!(universe.grade_missing, ids(&["a"]).into_iter().collect(), "{name}");
            let plan = plan(&input).unwrap_or_else(|error| panic!("{name}: {error}"));
            let a = plan.positions.iter().find(|position| position.asset == sample::id("a")).expect(name);
            assert!(a.reference_weight > Weight::ZERO, "{name}: the reference weight is {}", a.reference_weight);
            assert!(a.quantity_after <= a.quantity_before, "{name}: bought without a grade");
            assert_eq!(plan.notices.len(), 1, "{name}: {:?}", plan.notices);
        }
        let mut indifferent = sample::input(sample::policy(|_| {}), &["600", "300", "100"], &[], "100");
        forget_grade(&mut indifferent, "a");
        assert!(select_universe(&indifferent).is_member(&sample::id("a")));
    }
}

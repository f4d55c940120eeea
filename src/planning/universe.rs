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
    /// Members of the last run of which a figure is unknown that the policy asks for, and which: held, not bought.
    pub(crate) figure_unknown: BTreeMap<AssetId, String>,
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

    /// One sentence for each member that is held without a grade, another figure, or enough closes.
    pub(crate) fn notices(&self, kind: GradeKind) -> impl Iterator<Item = String> {
        let held = self.grade_missing.iter().filter(|asset| self.is_member(asset));
        let unknown = self.figure_unknown.iter().filter(|(asset, _)| self.is_member(asset));
        let unknown = unknown.map(|(asset, what)| format!("of the member {asset} is the {what}: held, not bought"));
        let short = self.history_short.iter().filter(|(asset, _)| self.is_member(asset));
        let short = short.map(|(asset, why)| format!("the member {asset} has {why}: held, not bought"));
        held.map(move |asset| format!("the member {asset} has no {} grade: held, not bought", grade_name(kind)))
            .chain(unknown)
            .chain(short)
    }

    /// What is not known of a member: it keeps what it has.
    pub(crate) fn doubt(&self, asset: &AssetId) -> Option<&str> {
        let grade = self.grade_missing.contains(asset).then_some("its grade is missing");
        let other = || self.figure_unknown.get(asset).or_else(|| self.history_short.get(asset));
        grade.or_else(|| other().map(String::as_str))
    }

    /// The rule of eligibility that most candidates broke, with one of them. Counted by rule: two of a kind have
    /// different figures, and so different sentences.
    pub(crate) fn commonest_breach(&self) -> Option<String> {
        let (rule, (count, example)) = self.breaches.iter().max_by_key(|(_, (count, _))| *count)?;
        Some(format!("{rule} ({count} of them, such as {example})"))
    }

    fn leave_out(&mut self, asset: &AssetId, record: &AssetRecord, breach: Breach) {
        let example = || (0, format!("{asset}: {}", breach.sentence));
        self.breaches.entry(breach.rule).or_insert_with(example).0 += 1;
        self.exclusions.push(exclusion(asset, record, breach.sentence));
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
        match standing(asset, record, input, today) {
            Standing::Eligible => eligible.push((asset, record)),
            Standing::InDoubt(doubts) if was_member => {
                let Doubts { grade_missing, figure_unknown, history_short } = doubts;
                if grade_missing.is_some() {
                    universe.grade_missing.insert(asset.clone());
                }
                universe.figure_unknown.extend(figure_unknown.map(|breach| (asset.clone(), breach.sentence)));
                universe.history_short.extend(history_short.map(|breach| (asset.clone(), breach.sentence)));
                let ranked = if has_rank(record, &policy.ranking) { &mut eligible } else { &mut kept };
                ranked.push((asset, record));
            }
            Standing::Barred(breach) => universe.leave_out(asset, record, breach),
            Standing::InDoubt(doubts) => {
                if let Some(breach) = doubts.first() {
                    universe.leave_out(asset, record, breach);
                }
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
        1 => "; 1 place kept without a rank".to_owned(),
        _ => format!("; {kept} places kept without a rank"),
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

/// How an asset stands to the policy's rules.
enum Standing {
    Eligible,
    Barred(Breach),
    /// It breaks no rule that can be asked.
    InDoubt(Doubts),
}

/// What is not known of an asset and asked for by the policy. A member survives it, unbought.
struct Doubts {
    figure_unknown: Option<Breach>,
    grade_missing: Option<Breach>,
    history_short: Option<Breach>,
}

impl Doubts {
    fn first(self) -> Option<Breach> {
        self.figure_unknown.or(self.grade_missing).or(self.history_short)
    }
}

fn standing(asset: &AssetId, record: &AssetRecord, input: &PlanningInput, today: Date) -> Standing {
    let Policy { eligibility: rules, ranking, .. } = &input.policy;
    let grade = grade_of(record, ranking.grade);
    let kind = grade_name(ranking.grade);
    let stop = || closes::stopped(input, asset).map(|stopped| Breach::new("a trailing stop", stopped.sentence()));
    let badly_graded = || {
        let (grade, least) = grade.zip(rules.min_grade).filter(|(grade, least)| grade < least)?;
        let sentence = format!("{kind} grade {grade} is below {least}");
        Some(Breach::new(format!("{kind} grade below the least"), sentence))
    };
    if let Some(breach) = rule_broken(asset, record, rules, today).or_else(stop).or_else(badly_graded) {
        return Standing::Barred(breach);
    }
    let figure_unknown = figure_unknown(record, &input.policy);
    let grade_missing = (grade.is_none() && input.policy.uses_grades()).then(|| {
        let missing = format!("no {kind} grade");
        Breach::new(missing.clone(), missing)
    });
    let history_short = closes::shortage(input, asset).map(|why| Breach::new("too few daily closes", why));
    if figure_unknown.is_none() && grade_missing.is_none() && history_short.is_none() {
        return Standing::Eligible;
    }
    Standing::InDoubt(Doubts { figure_unknown, grade_missing, history_short })
}

/// Which figure is unknown of an asset that breaks no rule, as far as it can be asked.
pub(crate) fn doubt_about(asset: &AssetId, record: &AssetRecord, input: &PlanningInput, today: Date) -> Option<String> {
    match standing(asset, record, input, today) {
        Standing::InDoubt(doubts) => doubts.figure_unknown.map(|breach| breach.sentence),
        Standing::Eligible | Standing::Barred(_) => None,
    }
}

/// Whether the figure that ranks it is known.
fn has_rank(record: &AssetRecord, ranking: &Ranking) -> bool {
    match ranking.by {
        RankBy::MarketCap => record.market_cap.is_some(),
        RankBy::Grade => grade_of(record, ranking.grade).is_some(),
    }
}

/// May the asset be a constituent, as far as it alone is asked?
pub(crate) fn is_eligible(asset: &AssetId, record: &AssetRecord, input: &PlanningInput, today: Date) -> bool {
    matches!(standing(asset, record, input, today), Standing::Eligible)
}

/// The same, but for what the policy asks of grades and closes.
pub(crate) fn is_eligible_but_for_its_grade(
    asset: &AssetId,
    record: &AssetRecord,
    policy: &Policy,
    today: Date,
) -> bool {
    rule_broken(asset, record, &policy.eligibility, today).is_none() && figure_unknown(record, policy).is_none()
}

/// Which rule the asset breaks, those about grades aside. What is unknown breaks none.
fn rule_broken(asset: &AssetId, record: &AssetRecord, rules: &Eligibility, today: Date) -> Option<Breach> {
    if rules.excluded_assets.contains(asset) {
        return Some(Breach::new("named in excluded_assets", "named in excluded_assets"));
    }
    if let Some(category) = record.categories.intersection(&rules.excluded_categories).next() {
        return Some(Breach::new("an excluded category", format!("category {category} is excluded")));
    }
    if record.listing.is_none() {
        return Some(Breach::new("not listed at the venue", "not listed at the venue"));
    }
    outside("market cap", record.market_cap, (rules.min_market_cap, rules.max_market_cap))
        .or_else(|| {
            outside("average daily volume", record.average_daily_volume, (rules.min_average_daily_volume, None))
        })
        .or_else(|| too_young(record, rules, today))
}

/// Which figure is unknown that the policy asks for.
fn figure_unknown(record: &AssetRecord, policy: &Policy) -> Option<Breach> {
    let rules = &policy.eligibility;
    let unknown = [
        ("market cap", record.market_cap.is_none() && policy.uses_market_caps()),
        ("average daily volume", record.average_daily_volume.is_none() && rules.min_average_daily_volume.is_some()),
        ("age", record.first_seen.is_none() && rules.min_age_days.is_some()),
    ];
    let (what, _) = unknown.into_iter().find(|(_, is_unknown)| *is_unknown)?;
    Some(Breach::new(format!("{what} unknown"), format!("{what} unknown")))
}

/// A known figure out of its bounds.
fn outside(what: &str, figure: Option<Money>, (least, most): (Option<Money>, Option<Money>)) -> Option<Breach> {
    let figure = figure?;
    if let Some(least) = least.filter(|least| figure < *least) {
        let sentence = format!("{what} {} is below {}", whole(figure), whole(least));
        return Some(Breach::new(format!("{what} below the least"), sentence));
    }
    let most = most.filter(|most| figure > *most)?;
    let sentence = format!("{what} {} is above {}", whole(figure), whole(most));
    Some(Breach::new(format!("{what} above the most"), sentence))
}

fn too_young(record: &AssetRecord, rules: &Eligibility, today: Date) -> Option<Breach> {
    let (min_age, first_seen) = (rules.min_age_days?, record.first_seen?);
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
            why.starts_with("rank 3 is outside the 3 members") && why.ends_with("1 place kept without a rank)"),
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

    /// An empty cell is no reason to sell, nor to buy, nor to let anybody in.
    #[test]
    fn a_member_of_which_a_figure_is_unknown_is_held() {
        type Forget = fn(&mut AssetRecord);
        type Edit = fn(&mut Policy);
        let cases: [(&str, Edit, Forget); 5] = [
            ("market cap unknown", |_| {}, |record| record.market_cap = None),
            (
                "market cap unknown",
                |policy| {
                    policy.ranking.by = RankBy::Grade;
                    policy.reference_weights.method = WeightMethod::Equal;
                    policy.eligibility.min_market_cap = Money::parse("10").ok();
                },
                |record| record.market_cap = None,
            ),
            (
                "market cap unknown",
                |policy| {
                    policy.ranking.by = RankBy::Grade;
                    policy.reference_weights.method = WeightMethod::MarketCapGrade;
                },
                |record| record.market_cap = None,
            ),
            (
                "average daily volume unknown",
                |policy| policy.eligibility.min_average_daily_volume = Money::parse("10").ok(),
                |record| record.average_daily_volume = None,
            ),
            ("age unknown", |policy| policy.eligibility.min_age_days = Some(1), |record| record.first_seen = None),
        ];
        for (what, edit, forget) in cases {
            let caps = ["600", "300", "100"];
            let mut input = sample::input(sample::policy(edit), &caps, &[("a", "50"), ("c", "10")], "50");
            for record in input.assets.values_mut() {
                record.first_seen = Some(jiff::civil::date(2020, 1, 1));
            }
            input.state.members = ids(&["a", "c"]).into_iter().collect();
            for unknown in ["a", "b"] {
                forget(input.assets.get_mut(&sample::id(unknown)).expect(unknown));
            }
            let universe = select_universe(&input);
            assert_eq!(universe.member_set(), ids(&["a", "c"]).into_iter().collect(), "{what}");
            let plan = plan(&input).unwrap_or_else(|error| panic!("{what}: {error}"));
            let a = plan.positions.iter().find(|position| position.asset == sample::id("a")).expect(what);
            assert_eq!(a.quantity_after, a.quantity_before, "{what}: {:?}", plan.orders);
            assert_eq!(plan.notices, [format!("of the member a is the {what}: held, not bought")]);
            let left = plan.positions.iter().find(|position| position.asset == sample::id("b"));
            assert!(left.is_none_or(|b| b.quantity_after.is_zero()), "{what}: nobody knows whether b may be a member");
        }
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

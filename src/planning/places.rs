//! Who has a place in an index of fewer holdings than members.
//!
//! `limits.max_holdings` makes an index of the members that weigh most by the policy's own method: only they have reference
//! weights, capped like any others, and so what the rest would weigh is handed on to them. Places that nobody gives up come
//! first: of what no run can sell, and of members that are held because too little is known of them. The ranking's buffers
//! move along, so that a holding keeps its place at the margin.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::model::policy::Ranking;
use crate::model::{AssetId, PlanningInput};

use super::integers::is_holding;
use super::plan::{ReasonCode, Role};
use super::portfolio::{Line, Portfolio};
use super::reference_weights::raw_weight;
use super::universe::{Universe, with_buffers};

/// The members that have a place; absent where there is one for each.
pub(crate) fn places(
    input: &PlanningInput,
    portfolio: &Portfolio<'_>,
    universe: &Universe,
) -> Option<BTreeSet<AssetId>> {
    let most = input
        .policy
        .limits
        .max_holdings
        .filter(|most| usize::try_from(*most).is_ok_and(|it| it < universe.members.len()))?;
    let nav = portfolio.net_asset_value;
    let member =
        |asset: &&AssetId| portfolio.lines.iter().find(|line| line.asset == *asset && line.role == Role::Constituent);
    let is_held = |line: &Line<'_>| is_holding(line, line.weight, nav);
    let unknown = |line: &Line<'_>| universe.doubt(line.asset).is_some();
    let stays = |line: &Line<'_>| is_held(line) && (unknown(line) || is_holding(line, line.immovable(nav), nav));
    // That the regime buys nothing today does not change what the index is.
    let may_enter = |line: &Line<'_>| line.buy_barred.as_ref().is_none_or(|bar| bar.code == ReasonCode::NoBuy);
    let members: Vec<&Line<'_>> = universe.members.iter().filter_map(|asset| member(&asset)).collect();
    let (staying, others): (Vec<&Line<'_>>, Vec<&Line<'_>>) = members.into_iter().partition(|line| stays(line));
    let mut ranked: Vec<&Line<'_>> =
        others.into_iter().filter(|line| !unknown(line) && (is_held(line) || may_enter(line))).collect();
    let raw = |line: &Line<'_>| raw_weight(input, line.asset, input.policy.reference_weights.method);
    // A stable sort: equal weights keep the order of rank they came in.
    ranked.sort_by_cached_key(|line| Reverse(raw(line)));
    let held: BTreeSet<AssetId> = ranked.iter().filter(|line| is_held(line)).map(|line| line.asset.clone()).collect();
    let ranking = &input.policy.ranking;
    let moved = Ranking {
        members: most,
        enter_rank: most.saturating_sub(ranking.members.saturating_sub(ranking.enter_rank)),
        exit_rank: most.saturating_add(ranking.exit_rank.saturating_sub(ranking.members)),
        ..ranking.clone()
    };
    let ranked: Vec<&AssetId> = ranked.into_iter().map(|line| line.asset).collect();
    let mut places: BTreeSet<AssetId> = with_buffers(&ranked, &held, &moved, staying.len()).into_iter().collect();
    places.extend(staying.into_iter().map(|line| line.asset.clone()));
    Some(places)
}

impl Portfolio<'_> {
    /// Members without a place say so.
    pub(crate) fn with_places(&mut self, places: &BTreeSet<AssetId>) {
        for line in &mut self.lines {
            line.has_no_place = line.role == Role::Constituent && !places.contains(line.asset);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::policy::CapTier;
    use crate::model::{Decimal, ListingStatus, PlanningInput, Weight};
    use crate::planning::sample::{dec, id, input, policy};
    use crate::planning::{plan, survey};

    const CAPS: [&str; 6] = ["500", "250", "120", "80", "40", "10"];

    /// Six members, of which so many have a place.
    fn few(most: u32, (enter, exit): (u32, u32), holdings: &[(&str, &str)]) -> PlanningInput {
        let policy = policy(|policy| {
            (policy.ranking.members, policy.ranking.enter_rank, policy.ranking.exit_rank) = (6, enter, exit);
            policy.limits.max_holdings = Some(most);
        });
        input(policy, &CAPS, holdings, "10000")
    }

    fn references(input: &PlanningInput) -> Vec<(String, Decimal)> {
        let survey = survey(input).expect("a survey");
        let lines = survey.portfolio.lines.iter().filter(|line| !line.reference.is_zero());
        lines.map(|line| (line.asset.to_string(), line.reference.round_dp(6))).collect()
    }

    fn named(expected: &[(&str, &str)]) -> Vec<(String, Decimal)> {
        expected.iter().map(|(name, weight)| ((*name).to_owned(), dec(weight))).collect()
    }

    #[test]
    fn what_has_no_place_hands_its_reference_weight_on() {
        // 98 % over 500 and 250, and over all where there is a place for each.
        assert_eq!(references(&few(2, (6, 6), &[])), named(&[("a", "0.653333"), ("b", "0.326667")]));
        assert_eq!(references(&few(6, (6, 6), &[])).len(), 6);
        assert_eq!(references(&few(7, (6, 6), &[])).len(), 6);
        let plan = plan(&few(2, (6, 6), &[])).expect("a plan");
        assert!(plan.cash.weight_after.get() < dec("0.0201"), "{}", plan.cash.weight_after);
    }

    #[test]
    fn handed_on_weights_are_capped_like_any_others() {
        let mut capped = few(3, (6, 6), &[]);
        let weight = |text: &str| Weight::parse(text).expect(text);
        capped.policy.reference_weights.cap_tiers = vec![CapTier { top: 1, max_weight: weight("0.4") }];
        capped.policy.reference_weights.max_weight = Some(weight("0.35"));
        assert_eq!(references(&capped), named(&[("a", "0.392"), ("b", "0.343"), ("c", "0.245")]));
    }

    #[test]
    fn a_holding_keeps_its_place_within_the_buffers_of_the_ranking() {
        let kept = |enter, exit| -> Vec<String> {
            references(&few(2, (enter, exit), &[("a", "100"), ("c", "100")]))
                .into_iter()
                .map(|(name, _)| name)
                .collect()
        };
        // Third of two places: it stays to 2 + 7 - 6, and the second enters at 2 - (6 - 6) or 2 - (6 - 5).
        assert_eq!(kept(6, 7), ["a", "b"]);
        assert_eq!(kept(5, 7), ["a", "c"]);
        assert_eq!(kept(5, 6), ["a", "b"]);
    }

    #[test]
    fn what_cannot_be_sold_has_a_place_and_what_cannot_be_bought_has_none() {
        let mut input = few(2, (6, 6), &[("e", "1000")]);
        for asset in ["a", "e"] {
            input.assets.get_mut(&id(asset)).expect(asset).listing.as_mut().expect("listed").status =
                ListingStatus::Halted;
        }
        let names: Vec<String> = references(&input).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["b", "e"]);
    }
}

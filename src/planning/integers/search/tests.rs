//! What a search says it knows, with a judge that refuses.

use super::*;
use crate::model::PlanningInput;
use crate::planning::rounding::round_to_lots;
use crate::planning::sample::{input, policy};
use crate::planning::tests::tail_risk;
use crate::planning::{Survey, program::Program, survey};

/// What a search of so many nodes and rounds of tail risk comes to.
fn searched(
    input: &PlanningInput,
    (nodes, planes): (u32, u32),
    best: Option<Decimal>,
    judge: &dyn Fn(&Survey<'_>, &Program<'_>, Allocation) -> Option<Decimal>,
) -> Ended {
    let survey = survey(input).expect("a survey");
    let program = Program::formulate(input, &survey.portfolio, &survey.limits, survey.changes);
    let first = program.solve().expect("a solution");
    let model = Model::new(input, &survey.portfolio, &program, &survey.limits.whole, &first.given).expect("a model");
    let mut judge = |allocation| judge(&survey, &program, allocation);
    let mut search = Search::new(model, &first.given, best, Decimal::ZERO, &mut judge);
    search.planes = planes;
    search.run(nodes)
}

fn few_holdings() -> PlanningInput {
    input(policy(|it| it.limits.max_holdings = Some(2)), &["500", "250", "120"], &[], "10000")
}

/// Every choice rounds to orders that break something; others near them may not.
#[test]
fn what_is_not_decided_in_whole_lots_is_not_proved_impossible_by_refusing_it() {
    let one = input(policy(|it| it.limits.max_holdings = Some(1)), &["500"], &[], "10000");
    let ended = searched(&one, (1000, PLANES), None, &|_, _, _| None);
    assert!(ended.nodes < 1000, "{ended:?}");
    assert_eq!(ended.verdict, Verdict::Open);
}

/// Six members, each held or not: more choices than are tried before it is clear that rounding breaks all of them.
#[test]
fn a_search_ends_where_rounding_breaks_a_hundred_choices() {
    let six = policy(|it| {
        (it.ranking.members, it.ranking.enter_rank, it.ranking.exit_rank) = (6, 6, 7);
        it.limits.max_holdings = Some(5);
    });
    let six = input(six, &["500", "250", "120", "80", "40", "10"], &[], "10000");
    let ended = searched(&six, (20_000, PLANES), None, &|_, _, _| None);
    assert_eq!(ended.verdict, Verdict::Open);
    assert!(ended.nodes < 2_000, "{ended:?}");
}

#[test]
fn there_is_no_gap_where_the_solver_has_no_bound() {
    let ended = searched(&few_holdings(), (0, PLANES), Some(Decimal::ONE), &|_, _, _| None);
    let found = Found { best: Decimal::ONE, gap: None, complete: false };
    assert_eq!(ended, Ended { nodes: 0, verdict: Verdict::Found(found) }, "and no overflow");
}

/// Without a plane of tail risk no relaxation knows how much there is, and every node is looked into all the same.
#[test]
fn a_node_that_may_add_no_more_planes_is_branched_on() {
    let input = tail_risk::limited_to_one_holding("0.02");
    let exact = |survey: &Survey<'_>, program: &Program<'_>, allocation: Allocation| {
        let rounded = round_to_lots(&input, &survey.portfolio, &allocation);
        let kept = program.shortfalls(&rounded.trades, &allocation.given).iter().all(|short| *short <= SOLVED);
        kept.then(|| program.value(&rounded.weights(&survey.portfolio), Decimal::ZERO) - program.origin())
    };
    for planes in [1, PLANES] {
        let ended = searched(&input, (1000, planes), None, &exact);
        assert!(matches!(ended.verdict, Verdict::Found(_)), "{planes} rounds: {ended:?}");
    }
}

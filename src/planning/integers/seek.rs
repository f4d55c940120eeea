//! From what rounding made of the linear program to whole quantities, and how far those are proved to be from the best.

use crate::model::policy::IntegerPolicy;
use crate::model::{BasisPoints, Decimal, PlanningInput, Worth};

use super::super::constraints::Limits;
use super::super::error::{BestOrders, PlanError};
use super::super::plan::IntegerSearch;
use super::super::portfolio::Portfolio;
use super::super::program::{Allocation, Program, RELAXATION_NOISE, TIE_BREAK};
use super::model::Model;
use super::search::{Ended, Found, Search, Verdict};

/// What one search starts from.
#[derive(Clone, Copy)]
pub(crate) struct Sought<'a> {
    pub(crate) input: &'a PlanningInput,
    pub(crate) portfolio: &'a Portfolio<'a>,
    pub(crate) program: &'a Program<'a>,
    pub(crate) limits: &'a Limits,
    /// The linear program's solution.
    pub(crate) first: &'a Allocation,
    /// By how much the best orders so far leave each row short.
    pub(crate) shortfalls: &'a [Decimal],
}

/// Rounds solutions and values their orders: the objective from the program's own origin, less what gives way; nothing for
/// orders that break a limit on wholes, or leave a row short by more than is allowed.
pub(crate) trait Judge {
    /// The best orders so far, by the rules of the search that is about to begin.
    fn begin(&mut self, allowed: &[Decimal]) -> Option<Decimal>;

    /// The orders of a solution.
    fn judge(&mut self, allocation: Allocation, allowed: &[Decimal]) -> Option<Decimal>;
}

/// What is known of whole quantities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sighted {
    /// The best that judgement took is as close to the best there is as this says.
    Proved(IntegerSearch),
    /// Some row is short whatever is traded: the best that judgement took may be used, and nothing is said of how good it is.
    /// Where the best so far breaks a limit on wholes and judgement took none, this is what to say.
    Short(PlanError),
    /// No whole quantities keep every limit, not even short of a row by as much as the best orders so far.
    Impossible,
}

/// Basis points in one.
const BASIS_POINTS: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

/// Seeks better orders, of which `judge` is shown every solution. Where no whole quantities keep every limit, those that fall
/// short as the best so far do may.
///
/// # Errors
/// When the search ends too far from its bound, or before anything is known; or the solver fails.
pub(crate) fn seek(
    sought: Sought<'_>,
    policy: IntegerPolicy,
    judge: &mut dyn Judge,
    programs: &mut u32,
) -> Result<Sighted, PlanError> {
    let none = vec![Decimal::ZERO; sought.shortfalls.len()];
    let (ended, sighted) = seek_once(&sought, policy, &none, judge, programs)?;
    let short = sought.shortfalls.iter().any(|short| *short > RELAXATION_NOISE);
    match ended.verdict {
        Verdict::Impossible | Verdict::Open if short => {
            let (ended, sighted) = seek_once(&sought, policy, sought.shortfalls, judge, programs)?;
            match sighted {
                None if ended.nodes < policy.nodes() => Ok(Sighted::Short(not_proved(ended, policy))),
                sighted => sighted.ok_or_else(|| not_proved(ended, policy)),
            }
        }
        _ => sighted.ok_or_else(|| not_proved(ended, policy)),
    }
}

/// One search that may leave rows short by as much as is `allowed`; nothing where what it came to is not good enough.
fn seek_once(
    sought: &Sought<'_>,
    policy: IntegerPolicy,
    allowed: &[Decimal],
    judge: &mut dyn Judge,
    programs: &mut u32,
) -> Result<(Ended, Option<Sighted>), PlanError> {
    let first = &sought.first.given;
    let lots = sought.program.lots_beyond(first);
    let excused: Vec<Decimal> = lots.iter().zip(allowed).map(|(lots, short)| *lots.max(short)).collect();
    let given: Vec<Decimal> = first.iter().zip(allowed).map(|(given, short)| given + short).collect();
    let model = Model::new(sought.input, sought.portfolio, sought.program, &sought.limits.whole, &given)?;
    let best = judge.begin(&excused);
    let mut judge = |allocation: Allocation| judge.judge(allocation, &excused);
    // Ties are broken by so much of the objective, which is not the policy's own.
    let search = Search::new(model, first, best, policy.gap() - TIE_BREAK, &mut judge);
    let ended = search.run(policy.nodes());
    *programs += ended.nodes;
    let sighted = match ended.verdict {
        Verdict::Found(found) => proved_gap(found)
            .filter(|gap| found.complete || *gap <= policy.gap())
            .map(|gap| Sighted::Proved(record(sought, ended.nodes, found, gap.max(Decimal::ZERO)))),
        Verdict::Impossible => Some(Sighted::Impossible),
        Verdict::Open => None,
    };
    Ok((ended, sighted))
}

/// By how much anything better may be missed, ties with it.
fn proved_gap(found: Found) -> Option<Decimal> {
    found.gap.map(|gap| gap + TIE_BREAK)
}

fn not_proved(ended: Ended, policy: IntegerPolicy) -> PlanError {
    let best = match ended.verdict {
        Verdict::Found(found) => proved_gap(found).map_or(BestOrders::Unbounded, BestOrders::Within),
        Verdict::Impossible | Verdict::Open => BestOrders::None,
    };
    PlanError::NotProved { nodes: ended.nodes, most_nodes: policy.nodes(), best, most: policy.gap() }
}

/// A search that ended after so many nodes and found no orders.
pub(crate) fn nothing_found(nodes: u32, policy: IntegerPolicy) -> PlanError {
    not_proved(Ended { nodes, verdict: Verdict::Open }, policy)
}

fn record(sought: &Sought<'_>, nodes: u32, Found { best, complete, .. }: Found, gap: Decimal) -> IntegerSearch {
    let origin = sought.program.origin();
    let whole_lots = sought.portfolio.lines.iter().filter(|line| line.whole_lots).count();
    let worth = |value: Decimal| Worth::new((origin + value).round_dp(DECIMALS)).unwrap_or_default();
    let value = worth(best);
    let gap_bp = BasisPoints::new((gap * BASIS_POINTS).round_dp(DECIMALS_BP).normalize()).unwrap_or_default();
    let whole_lots = u32::try_from(whole_lots).unwrap_or(u32::MAX);
    IntegerSearch { nodes, complete, whole_lots, value, bound: worth(best + gap), gap_bp }
}

/// Decimals of what is recorded.
const DECIMALS: u32 = 12;
const DECIMALS_BP: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::sample::{input, policy};
    use crate::planning::survey;

    /// Refuses every solution; what was found before is worth what it says once a row may be short by so much.
    struct Refusing {
        once_short: Option<Decimal>,
        allowed: Vec<Decimal>,
    }

    impl Judge for Refusing {
        fn begin(&mut self, allowed: &[Decimal]) -> Option<Decimal> {
            let most = allowed.iter().copied().max().unwrap_or_default();
            self.allowed.push(most);
            self.once_short.filter(|_| !most.is_zero())
        }

        fn judge(&mut self, _: Allocation, _: &[Decimal]) -> Option<Decimal> {
            None
        }
    }

    /// What seeking comes to where every row is short by so much, and what was allowed of it in each try.
    fn sought(short: Decimal, once_short: Option<Decimal>) -> (Result<Sighted, PlanError>, Vec<Decimal>) {
        let input = input(policy(|it| it.limits.max_holdings = Some(1)), &["500"], &[], "10000");
        let survey = survey(&input).expect("a survey");
        let (portfolio, limits) = (&survey.portfolio, &survey.limits);
        let program = Program::formulate(&input, portfolio, limits, survey.changes);
        let first = program.solve().expect("a solution");
        let shortfalls = vec![short; limits.rows.len()];
        let sought =
            Sought { input: &input, portfolio, program: &program, limits, first: &first, shortfalls: &shortfalls };
        let mut judge = Refusing { once_short, allowed: Vec::new() };
        let sighted = seek(sought, IntegerPolicy::default(), &mut judge, &mut 0);
        (sighted, judge.allowed)
    }

    #[test]
    fn what_judgement_refuses_is_not_proved_impossible() {
        let (sighted, tries) = sought(Decimal::ZERO, None);
        let Err(PlanError::NotProved { best: BestOrders::None, nodes, most_nodes, .. }) = sighted else {
            panic!("{sighted:?}")
        };
        assert!(nodes < most_nodes, "{nodes} of {most_nodes}");
        assert_eq!(tries, [Decimal::ZERO]);
    }

    /// Orders that leave a row short are worth something by the rules of the try that allows it, and nothing worse is taken.
    #[test]
    fn a_try_that_allows_shortfalls_starts_from_the_best_orders_that_have_them() {
        let short = Decimal::new(1, 3);
        let (sighted, tries) = sought(short, Some(Decimal::TWO));
        assert_eq!(tries, [Decimal::ZERO, short]);
        assert!(matches!(sighted, Ok(Sighted::Proved(_))), "more than anything the search could find: {sighted:?}");
        let (sighted, _) = sought(short, None);
        assert!(matches!(sighted, Ok(Sighted::Short(PlanError::NotProved { .. }))), "{sighted:?}");
    }
}

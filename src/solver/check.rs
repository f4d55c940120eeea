//! Reads an answer, taking nothing in it for granted.

use super::Settings;
use super::program::{Column, Program};
use super::verdict::{Beyond, Optimum, Said, Solution, Stopped, Verdict};

/// What was said, as a verdict.
pub(super) fn verdict(program: &Program, settings: &Settings, said: Said) -> Verdict {
    let checked = match said {
        Said::Infeasible => return Verdict::Infeasible,
        Said::Unbounded => return Verdict::Unbounded,
        Said::Beyond(why) => return Verdict::Beyond(why),
        Said::Optimal { values, bound } => optimal(program, settings, values, bound),
        Said::Stopped { values, bound } => stopped(program, settings, values, bound),
    };
    checked.unwrap_or_else(Verdict::Beyond)
}

fn optimal(program: &Program, settings: &Settings, values: Vec<f64>, bound: Option<f64>) -> Result<Verdict, Beyond> {
    let solution = solution(program, settings, values)?;
    let bound = bound.unwrap_or(solution.objective - program.constant);
    let (bound, gap) = proved(program, settings, &solution, bound)?;
    // Asked for no gap at all, a backend still ends at the noise of its own sums.
    let is_noise = keeps((bound - solution.objective).abs(), settings.tolerance * size(program, &solution));
    let Solution { values, objective } = solution;
    Ok(if is_noise || keeps(gap, settings.relative_gap) {
        Verdict::Optimal(Optimum { values, objective, bound, gap })
    } else {
        Verdict::Stopped(Stopped { best: Some(Solution { values, objective }), bound: Some(bound), gap: Some(gap) })
    })
}

fn stopped(
    program: &Program,
    settings: &Settings,
    values: Option<Vec<f64>>,
    bound: Option<f64>,
) -> Result<Verdict, Beyond> {
    let best = values.map(|values| solution(program, settings, values)).transpose()?;
    // Nothing is proved yet where the bound is infinite.
    let bound = bound.filter(|bound| bound.is_finite());
    let (Some(solution), Some(said)) = (&best, bound) else {
        return Ok(Verdict::Stopped(Stopped { best, bound: bound.map(|bound| bound + program.constant), gap: None }));
    };
    let (bound, gap) = proved(program, settings, solution, said)?;
    Ok(Verdict::Stopped(Stopped { best, bound: Some(bound), gap: Some(gap) }))
}

/// The bound with the constant, and the gap to it. A solution that is better than the bound by the noise of the sums is
/// where the bound is.
fn proved(program: &Program, settings: &Settings, solution: &Solution, said: f64) -> Result<(f64, f64), Beyond> {
    let pure = solution.objective - program.constant;
    let bound = program.goal.better(pure, said);
    let by = (bound - said).abs();
    // What is not a number is broken.
    if !said.is_finite() || by > settings.tolerance * size(program, solution) {
        return Err(Beyond::BrokenBound { by });
    }
    let open = (bound - pure).abs();
    Ok((bound + program.constant, if open > 0.0 { open / pure.abs() } else { 0.0 }))
}

/// One, and what the sizes of the objective's terms add up to.
fn size(program: &Program, solution: &Solution) -> f64 {
    let terms = program.columns.iter().zip(&solution.values);
    1.0 + terms.map(|(column, value)| (column.objective * value).abs()).sum::<f64>()
}

/// A solution that keeps the program: values at the edge of a box are put onto it, those that must be whole made so.
fn solution(program: &Program, settings: &Settings, values: Vec<f64>) -> Result<Solution, Beyond> {
    let (found, columns) = (values.len(), program.columns.len());
    if found != columns {
        return Err(Beyond::WrongLength { values: found, columns });
    }
    let columns = program.columns.iter().zip(values).enumerate();
    let values = columns.map(|(index, (column, value))| {
        placed(column, value, settings.tolerance).ok_or(Beyond::BadValue { column: index, value })
    });
    let values = values.collect::<Result<Vec<f64>, Beyond>>()?;
    for (index, row) in program.rows.iter().enumerate() {
        let (sum, size) = row.activity(&values);
        let by = row.breach(sum);
        if !keeps(by, settings.tolerance * (1.0 + size)) {
            return Err(Beyond::BrokenRow { row: index, by });
        }
    }
    let objective = program.objective(&values);
    Ok(Solution { values, objective })
}

/// One value in its box, whole where it must be; none where it is off by more than the tolerance.
fn placed(column: &Column, value: f64, tolerance: f64) -> Option<f64> {
    let whole = if column.integer { value.round() } else { value };
    let off = (column.lower - value).max(value - column.upper).max((whole - value).abs());
    (value.is_finite() && keeps(off, tolerance * (1.0 + value.abs())))
        .then(|| whole.max(column.lower).min(column.upper) + 0.0)
}

/// Is it at most that? Never for what is not a number.
fn keeps(by: f64, most: f64) -> bool {
    by <= most
}

#[cfg(test)]
mod tests {
    use super::super::{Goal, Row};
    use super::*;

    /// Maximise 2x + 1 over `x` in [0, 0.5], with 4x ≤ 1.
    fn program() -> Program {
        Program {
            goal: Goal::Maximise,
            constant: 1.0,
            columns: vec![Column { lower: 0.0, upper: 0.5, objective: 2.0, integer: false }],
            rows: vec![Row { lower: f64::NEG_INFINITY, upper: 1.0, terms: vec![(0, 4.0)] }],
        }
    }

    fn settings() -> Settings {
        Settings { tolerance: 1e-8, ..Settings::careful() }
    }

    fn optimal(program: &Program, values: &[f64], bound: Option<f64>) -> Verdict {
        verdict(program, &settings(), Said::Optimal { values: values.to_vec(), bound })
    }

    fn best(value: f64) -> Solution {
        Solution { values: vec![value], objective: 2.0 * value + 1.0 }
    }

    #[test]
    fn an_answer_in_order_is_taken() {
        let optimum = Optimum { values: vec![0.25], objective: 1.5, bound: 1.5, gap: 0.0 };
        assert_eq!(optimal(&program(), &[0.25], None), Verdict::Optimal(optimum));
        for (said, verdict_of) in [
            (Said::Infeasible, Verdict::Infeasible),
            (Said::Unbounded, Verdict::Unbounded),
            (Said::Beyond(Beyond::Contradiction("x")), Verdict::Beyond(Beyond::Contradiction("x"))),
        ] {
            assert_eq!(verdict(&program(), &settings(), said), verdict_of);
        }
    }

    #[test]
    fn values_that_are_not_finite_or_out_of_their_box_are_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -2e-8, 0.5 + 3e-8, 1e300] {
            let verdict = optimal(&program(), &[value], None);
            assert!(matches!(verdict, Verdict::Beyond(Beyond::BadValue { column: 0, .. })), "{value}: {verdict:?}");
        }
        for values in [&[][..], &[0.1, 0.1]] {
            let why = Beyond::WrongLength { values: values.len(), columns: 1 };
            assert_eq!(optimal(&program(), values, None), Verdict::Beyond(why));
        }
    }

    #[test]
    fn a_value_within_the_tolerance_of_its_box_is_on_its_edge() {
        let Verdict::Optimal(optimum) = optimal(&program(), &[-5e-9], None) else { panic!("taken") };
        assert_eq!(optimum.values, [0.0]);
    }

    #[test]
    fn a_row_that_is_broken_beyond_the_tolerance_is_refused() {
        assert!(matches!(optimal(&program(), &[0.25 + 4e-9], None), Verdict::Optimal(_)));
        let verdict = optimal(&program(), &[0.25 + 1e-8], None);
        assert!(matches!(verdict, Verdict::Beyond(Beyond::BrokenRow { row: 0, .. })), "{verdict:?}");
    }

    #[test]
    fn whole_numbers_are_made_whole_and_others_refused() {
        let mut program = program();
        program.columns[0] = Column { upper: 5.0, integer: true, ..program.columns[0] };
        program.rows[0].upper = 12.0;
        let Verdict::Optimal(optimum) = optimal(&program, &[3.0 - 1e-9], None) else { panic!("taken") };
        assert_eq!(optimum.values, [3.0]);
        let verdict = optimal(&program, &[2.999], None);
        assert!(matches!(verdict, Verdict::Beyond(Beyond::BadValue { column: 0, .. })), "{verdict:?}");
        // Whole as such, but then a row is broken.
        program.rows[0].upper = 12.0 - 1e-6;
        let verdict = optimal(&program, &[3.0 - 1e-9], None);
        assert!(matches!(verdict, Verdict::Beyond(Beyond::BrokenRow { row: 0, .. })), "{verdict:?}");
    }

    #[test]
    fn optimal_above_the_gap_is_stopped() {
        let found = optimal(&program(), &[0.125], Some(0.5));
        let gap = 1.0;
        assert_eq!(found, Verdict::Stopped(Stopped { best: Some(best(0.125)), bound: Some(1.5), gap: Some(gap) }));
        let lenient = Settings { relative_gap: 1.0, ..settings() };
        let found = verdict(&program(), &lenient, Said::Optimal { values: vec![0.125], bound: Some(0.5) });
        let Verdict::Optimal(Optimum { bound, gap: stated, .. }) = found else { panic!("{found:?}") };
        assert_eq!((bound, stated), (1.5, gap));
    }

    #[test]
    fn a_solution_better_than_its_proof_is_refused() {
        for bound in [0.49, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let verdict = optimal(&program(), &[0.25], Some(bound));
            assert!(matches!(verdict, Verdict::Beyond(Beyond::BrokenBound { .. })), "{bound}: {verdict:?}");
        }
        let Verdict::Optimal(optimum) = optimal(&program(), &[0.25], Some(0.5 - 1e-9)) else { panic!("noise") };
        assert_eq!((optimum.bound, optimum.gap), (1.5, 0.0));
    }

    #[test]
    fn what_a_limit_ended_says_what_is_known() {
        let found = |values: Option<Vec<f64>>, bound| verdict(&program(), &settings(), Said::Stopped { values, bound });
        let stopped = |best, bound, gap| Verdict::Stopped(Stopped { best, bound, gap });
        assert_eq!(found(None, None), stopped(None, None, None));
        assert_eq!(found(None, Some(0.5)), stopped(None, Some(1.5), None));
        assert_eq!(found(Some(vec![0.125]), Some(f64::INFINITY)), stopped(Some(best(0.125)), None, None));
        let gap = 1.0;
        assert_eq!(found(Some(vec![0.125]), Some(0.5)), stopped(Some(best(0.125)), Some(1.5), Some(gap)));
        assert!(matches!(found(Some(vec![0.4]), None), Verdict::Beyond(Beyond::BrokenRow { .. })));
    }
}

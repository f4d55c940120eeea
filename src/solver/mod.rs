//! The seam to the solvers: a linear or mixed-integer program in, a verdict that was checked out.
//!
//! A [`Program`] is data; a [`Backend`] solves it within [`Settings`] that are deterministic: nodes, iterations and a gap,
//! never a clock. Whatever a backend says is read with suspicion ([`check`]): `Ok` is not "optimal", values must be
//! finite, inside their boxes, whole where they must be, and keep every row. What a backend cannot do, or does so badly
//! that it shows, is [`Verdict::Beyond`] with the reason, never a guess.
//!
//! Programs are carried to the backends by `good_lp`. It hides limits, bounds and most of the status, so these are asked of
//! the models that it builds: `microlp` and `highs` are the only files that know a backend.
//!
//! Binary floating point lives here and in the planner's adapter, `planning::solver`. A program should be stated in weights
//! (net asset value = 1): in currency units the backends lose feasible programs.

#![expect(
    clippy::float_arithmetic,
    reason = "solvers reckon in binary floating point; the planner re-verifies in Decimal"
)]

mod backend;
mod check;
mod choices;
mod confirm;
mod dense;
mod few_rows;
#[cfg(feature = "highs")]
mod highs;
mod microlp;
mod model;
mod program;
mod scaling;
mod settings;
mod sifting;
mod verdict;

pub use backend::Backend;
pub use choices::{Basis, Choices, Mixture, Settled};
pub use few_rows::{Ending, FewRows};
pub use program::{Column, Goal, Program, ProgramError, Row};
pub use settings::Settings;
pub use sifting::sift;
pub use verdict::{Beyond, Optimum, Solution, Stopped, Verdict};

use verdict::Said;

/// Solves a program.
///
/// # Errors
/// [`ProgramError`] where the program is none: a row names a column that does not exist, or a number is not finite where
/// it must be.
pub fn solve(program: &Program, backend: Backend, settings: &Settings) -> Result<Verdict, ProgramError> {
    program.check()?;
    if program.is_infeasible_at_sight(settings.tolerance) {
        return Ok(Verdict::Infeasible);
    }
    let said =
        if settings.scale { scaling::solve(program, backend, settings) } else { said(program, backend, settings) };
    let verdict = check::verdict(program, settings, said);
    Ok(if settings.confirm { confirm::confirmed(program, backend, settings, verdict) } else { verdict })
}

/// What a backend says, unchecked.
fn said(program: &Program, backend: Backend, settings: &Settings) -> Said {
    match backend {
        Backend::Microlp => microlp::solve(program, settings),
        #[cfg(feature = "highs")]
        Backend::Highs => highs::solve(program, settings),
        #[cfg(not(feature = "highs"))]
        Backend::Highs => Said::Beyond(Beyond::NotBuilt(backend)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFINITY: f64 = f64::INFINITY;

    fn column(lower: f64, upper: f64, objective: f64) -> Column {
        Column { lower, upper, objective, integer: false }
    }

    fn whole(lower: f64, upper: f64, objective: f64) -> Column {
        Column { integer: true, ..column(lower, upper, objective) }
    }

    fn row(lower: f64, upper: f64, terms: &[(usize, f64)]) -> Row {
        Row { lower, upper, terms: terms.to_vec() }
    }

    fn program(goal: Goal, columns: &[Column], rows: &[Row]) -> Program {
        Program { goal, constant: 0.0, columns: columns.to_vec(), rows: rows.to_vec() }
    }

    /// The same verdict, by the same settings, on every backend of this build; plain and with every care.
    fn on_each(program: &Program, mut judge: impl FnMut(Verdict)) {
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_built()) {
            for care in [true, false] {
                for presolve in [true, false] {
                    let settings = Settings { scale: care, confirm: care, presolve, ..Settings::careful() };
                    judge(solve(program, backend, &settings).expect("a program"));
                }
            }
        }
    }

    fn reaches(program: &Program, objective: f64) {
        on_each(program, |verdict| {
            let Verdict::Optimal(optimum) = &verdict else { panic!("{verdict:?}") };
            assert!((optimum.objective - objective).abs() <= 1e-7, "{verdict:?}");
            assert!((optimum.bound - objective).abs() <= 1e-6 && optimum.gap <= 1e-6, "{verdict:?}");
        });
    }

    #[test]
    fn every_kind_of_row_and_column_counts() {
        let columns = [column(-INFINITY, INFINITY, 1.0), column(-3.0, 4.0, 2.0), column(0.0, INFINITY, -1.0)];
        // A range at either end, an equation, a limit from below, a row of nothing, and one without a bound.
        let rows = [
            row(-2.0, 5.0, &[(0, 1.0), (1, 1.0)]),
            row(1.0, 1.0, &[(1, 1.0), (2, -1.0)]),
            row(2.0, INFINITY, &[(2, 1.0)]),
            row(0.0, 0.0, &[]),
            row(-INFINITY, INFINITY, &[(0, 7.0)]),
        ];
        // x + y = 5, y = z + 1 ≤ 4: 5 + y − z = 6; from below, x + y = −2.
        reaches(&program(Goal::Maximise, &columns, &rows), 6.0);
        reaches(&program(Goal::Minimise, &columns, &rows), -1.0);
        let constant = Program { constant: 10.0, ..program(Goal::Maximise, &columns, &rows) };
        reaches(&constant, 16.0);
    }

    #[test]
    fn a_column_that_a_row_names_twice_counts_twice() {
        let twice = row(-INFINITY, 6.0, &[(0, 1.0), (0, 2.0)]);
        reaches(&program(Goal::Maximise, &[column(0.0, INFINITY, 1.0)], &[twice]), 2.0);
    }

    #[test]
    fn whole_numbers_are_whole() {
        let columns = [whole(0.0, 10.0, 5.0), whole(-2.5, 10.0, 4.0), column(0.0, INFINITY, 3.0)];
        let rows = [row(-INFINITY, 5.0, &[(0, 2.0), (1, 3.0), (2, 1.0)]), row(-INFINITY, 3.2, &[(1, 4.0), (2, 2.0)])];
        // y = −2: 2x + z ≤ 11, z ≤ 5.6: x = 3, z = 5; x = 2, z = 5.6 is worth less.
        reaches(&program(Goal::Maximise, &columns, &rows), 22.0);
    }

    #[test]
    fn a_program_without_columns_or_rows_has_its_constant() {
        reaches(&Program { constant: 3.0, ..program(Goal::Minimise, &[], &[]) }, 3.0);
        reaches(&program(Goal::Maximise, &[column(0.0, 2.0, 1.0), column(-1.0, 2.0, -1.0)], &[]), 3.0);
    }

    #[test]
    fn infeasible_and_unbounded_are_told_apart() {
        let rows = [row(3.0, INFINITY, &[(0, 1.0), (1, 1.0)])];
        let infeasible = program(Goal::Maximise, &[column(0.0, 1.0, 1.0), column(0.0, 1.0, 1.0)], &rows);
        on_each(&infeasible, |verdict| assert_eq!(verdict, Verdict::Infeasible));
        let open = [column(0.0, INFINITY, 1.0), column(0.0, 1.0, 1.0)];
        let unbounded = program(Goal::Maximise, &open, &rows);
        on_each(&unbounded, |verdict| assert_eq!(verdict, Verdict::Unbounded));
        let bounded = Program { goal: Goal::Minimise, ..unbounded };
        reaches(&bounded, 3.0);
        let no_whole = program(
            Goal::Maximise,
            &[whole(0.0, 9.0, 1.0), whole(0.0, 9.0, 1.0)],
            &[row(1.0, 1.0, &[(0, 2.0), (1, 2.0)])],
        );
        on_each(&no_whole, |verdict| assert_eq!(verdict, Verdict::Infeasible));
    }

    /// Items whose worth is what they weigh, under three limits: relaxations are far from whole, and many choices alike.
    fn knapsack() -> Program {
        let weight = |limit: u32, item: u32| f64::from(20 + (item * 7919 + limit * 104_729) % 83);
        let worth = |item| (0..3).map(|limit| weight(limit, item)).sum::<f64>() + 10.0;
        let columns: Vec<Column> = (0..40).map(|item| whole(0.0, 1.0, worth(item))).collect();
        let limit = |limit: u32| {
            let terms: Vec<(usize, f64)> = (0..40).map(|item: u32| (item as usize, weight(limit, item))).collect();
            let most = terms.iter().map(|(_, by)| by).sum::<f64>() / 2.0 - 0.5;
            row(-INFINITY, most.floor() + 0.5, &terms)
        };
        program(Goal::Maximise, &columns, &[limit(0), limit(1), limit(2)])
    }

    #[test]
    fn a_limit_on_nodes_ends_with_what_is_known() {
        let (mut reached, mut proved) = (0.0_f64, INFINITY);
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_built()) {
            let solved = |settings: &Settings| solve(&knapsack(), backend, settings).expect("a program");
            let verdict = solved(&Settings { nodes: Some(1), presolve: false, ..Settings::careful() });
            let Verdict::Stopped(stopped) = &verdict else { panic!("{backend}: {verdict:?}") };
            reached = stopped.best.iter().map(|best| best.objective).fold(reached, f64::max);
            proved = stopped.bound.iter().copied().fold(proved, f64::min);
            // Within a gap is as good as was asked for, and the bound says how good that is.
            let within = solved(&Settings { relative_gap: 0.5, ..Settings::careful() });
            let Verdict::Optimal(optimum) = &within else { panic!("{backend}: {within:?}") };
            assert!(optimum.gap <= 0.5, "{backend}: {within:?}");
            reached = reached.max(optimum.objective);
            proved = proved.min(optimum.bound);
        }
        assert!(0.0 < reached && reached <= proved + 1e-6 && proved < INFINITY, "{reached} reached, {proved} proved");
    }

    #[test]
    fn a_limit_on_iterations_ends_with_what_is_known() {
        if Backend::Highs.is_built() {
            let mut relaxed = knapsack();
            relaxed.columns.iter_mut().for_each(|column| column.integer = false);
            let settings = Settings { iterations: Some(1), presolve: false, ..Settings::careful() };
            let verdict = solve(&relaxed, Backend::Highs, &settings).expect("a program");
            assert!(matches!(verdict, Verdict::Stopped(_)), "{verdict:?}");
        }
    }

    #[test]
    fn a_limit_that_a_backend_cannot_be_told_is_refused() {
        let settings = Settings { iterations: Some(1), ..Settings::careful() };
        let verdict = solve(&knapsack(), Backend::Microlp, &settings).expect("a program");
        assert_eq!(verdict, Verdict::Beyond(Beyond::IterationLimit(Backend::Microlp)));
    }

    #[test]
    fn whole_numbers_beyond_32_bits_are_refused_where_they_do_not_fit() {
        let beyond = Verdict::Beyond(Beyond::IntegerRange(Backend::Microlp, 0));
        for column in [whole(0.0, 3e9, 1.0), whole(0.0, INFINITY, 1.0)] {
            let rows = [row(-INFINITY, 2.5e9, &[(0, 1.0)])];
            let verdict = solve(&program(Goal::Maximise, &[column], &rows), Backend::Microlp, &Settings::careful());
            assert_eq!(verdict, Ok(beyond.clone()));
        }
    }

    /// HiGHS by itself would drop the coefficient, and with it the limit.
    #[test]
    fn a_coefficient_that_is_next_to_nothing_counts() {
        let rows = [row(-INFINITY, 1e-9, &[(0, 1e-10)])];
        let program = program(Goal::Maximise, &[column(0.0, 1e6, 1.0)], &rows);
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_built()) {
            let plain = Settings { scale: false, tolerance: 1e-9, ..Settings::careful() };
            for settings in [plain, Settings { tolerance: 1e-9, ..Settings::careful() }] {
                let verdict = solve(&program, backend, &settings).expect("a program");
                let Verdict::Optimal(optimum) = &verdict else { panic!("{backend}: {verdict:?}") };
                assert!((9.9..=20.1).contains(&optimum.objective), "{backend}: {verdict:?}");
            }
        }
    }

    #[test]
    fn what_highs_would_take_for_infinite_is_refused() {
        let beyond =
            |program: &Program| solve(program, Backend::Highs, &Settings { scale: false, ..Settings::careful() });
        for (column, row, odd) in [
            (column(0.0, 1e20, 1.0), row(0.0, 1.0, &[(0, 1.0)]), 1e20),
            (column(0.0, 1.0, 1e20), row(0.0, 1.0, &[(0, 1.0)]), 1e20),
            (column(0.0, 1.0, 1.0), row(0.0, 1.0, &[(0, 1e15)]), 1e15),
        ] {
            let verdict = beyond(&program(Goal::Maximise, &[column], &[row])).expect("a program");
            let why = if Backend::Highs.is_built() {
                Beyond::Magnitude(Backend::Highs, odd)
            } else {
                Beyond::NotBuilt(Backend::Highs)
            };
            assert_eq!(verdict, Verdict::Beyond(why));
        }
    }

    #[test]
    fn a_backend_that_is_not_built_says_how_to_build_it() {
        let small = program(Goal::Minimise, &[whole(0.0, 3.0, 1.0)], &[]);
        let verdict = solve(&small, Backend::Highs, &Settings::careful()).expect("a program");
        if Backend::Highs.is_built() {
            assert!(matches!(verdict, Verdict::Optimal(_)), "{verdict:?}");
        } else {
            let Verdict::Beyond(why) = verdict else { panic!("{verdict:?}") };
            assert_eq!(why.to_string(), "this build has no highs; build with the feature `highs`");
        }
    }

    #[test]
    fn what_is_told_to_a_backend_can_be_written_down() {
        let settings = Settings { nodes: Some(500), relative_gap: 0.01, ..Settings::careful() };
        assert_eq!(settings.as_told(Backend::Microlp), ["node_limit=500", "mip_gap=0.01"]);
        assert_eq!(Settings::careful().as_told(Backend::Microlp), [""; 0]);
        let told = settings.as_told(Backend::Highs);
        let expected = ["threads=1", "presolve=on", "mip_max_nodes=500", "mip_rel_gap=0.01", "mip_abs_gap=0"];
        assert!(!Backend::Highs.is_built() || expected.iter().all(|it| told.contains(&(*it).to_owned())), "{told:?}");
    }
}

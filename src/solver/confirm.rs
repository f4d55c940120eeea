//! A second opinion of the same backend on "infeasible" and "unbounded": both are easily said by mistake, and neither comes
//! with anything to check.
//!
//! Second programs are stated in units of one size where programs may be of mixed ones: a direction that is long in one unit is
//! next to nothing in another.
//!
//! * Infeasible: the least by which rows must be broken is asked for, a program that always has an answer.
//! * Unbounded: a direction is asked for along which the objective improves for ever, and any solution to start from.

use super::program::{Column, Goal, Program, Row};
use super::verdict::{Beyond, Verdict};
use super::{Backend, Settings, scaling, solve};

/// The verdict, where a second program does not speak against it.
pub(super) fn confirmed(program: &Program, backend: Backend, settings: &Settings, verdict: Verdict) -> Verdict {
    if matches!(verdict, Verdict::Optimal(_) | Verdict::Stopped(_)) {
        return verdict;
    }
    let program = &if settings.scale { scaling::in_one_size(program) } else { program.clone() };
    let settings = Settings { confirm: false, scale: false, ..*settings };
    match verdict {
        Verdict::Infeasible => infeasible(program, backend, &settings),
        Verdict::Unbounded => unbounded(program, backend, &settings),
        // A backend that got lost may have done so on the way to infinity.
        Verdict::Beyond(Beyond::IntegerRange(..) | Beyond::Failed(..))
            if unbounded(program, backend, &settings) == Verdict::Unbounded =>
        {
            Verdict::Unbounded
        }
        other => other,
    }
}

fn infeasible(program: &Program, backend: Backend, settings: &Settings) -> Verdict {
    match solve(&elastic(program), backend, settings) {
        // With integers this says nothing about them: that no whole number fits is for the backend to know.
        Ok(Verdict::Optimal(least)) if least.objective > settings.tolerance || program.has_integers() => {
            Verdict::Infeasible
        }
        Ok(Verdict::Beyond(why)) => Verdict::Beyond(why),
        _ => Verdict::Beyond(Beyond::Contradiction("infeasible")),
    }
}

fn unbounded(program: &Program, backend: Backend, settings: &Settings) -> Verdict {
    match solve(&without_objective(program), backend, settings) {
        Ok(Verdict::Optimal(_)) => {}
        Ok(Verdict::Infeasible) => return infeasible(program, backend, settings),
        Ok(Verdict::Beyond(why)) => return Verdict::Beyond(why),
        _ => return Verdict::Beyond(Beyond::Contradiction("unbounded")),
    }
    match solve(&direction(program), backend, settings) {
        Ok(Verdict::Optimal(_)) => Verdict::Unbounded,
        Ok(Verdict::Beyond(why)) => Verdict::Beyond(why),
        _ => Verdict::Beyond(Beyond::Contradiction("unbounded")),
    }
}

/// Minimise by how much rows are broken, each measured in its own largest coefficient; without integers.
fn elastic(program: &Program) -> Program {
    let free = |column: &Column| Column { objective: 0.0, integer: false, ..*column };
    let mut columns: Vec<Column> = program.columns.iter().map(free).collect();
    let mut rows = program.rows.clone();
    for row in &mut rows {
        let size = row.terms.iter().map(|(_, by)| by.abs()).fold(0.0, f64::max);
        for (bound, by) in [(row.lower, size), (row.upper, -size)] {
            if bound.is_finite() && size > 0.0 {
                row.terms.push((columns.len(), by));
                columns.push(Column { lower: 0.0, upper: f64::INFINITY, objective: 1.0, integer: false });
            }
        }
    }
    Program { goal: Goal::Minimise, constant: 0.0, columns, rows }
}

fn without_objective(program: &Program) -> Program {
    let idle = |column: &Column| Column { objective: 0.0, ..*column };
    let columns = program.columns.iter().map(idle).collect();
    Program { goal: program.goal, constant: 0.0, columns, rows: program.rows.clone() }
}

/// Any direction that leaves no box and no row and along which the objective gains one, in units of its largest coefficient.
fn direction(program: &Program) -> Program {
    let open = |bound: f64| if bound.is_finite() { 0.0 } else { bound };
    let step = |column: &Column| Column {
        lower: open(column.lower),
        upper: open(column.upper),
        objective: 0.0,
        integer: false,
    };
    let along = |row: &Row| Row { lower: open(row.lower), upper: open(row.upper), terms: row.terms.clone() };
    let largest = program.columns.iter().map(|column| column.objective.abs()).fold(f64::MIN_POSITIVE, f64::max);
    let unit = if program.goal == Goal::Maximise { largest } else { -largest };
    let gain = program.columns.iter().enumerate().map(|(index, column)| (index, column.objective / unit));
    let gain = Row { lower: 1.0, upper: f64::INFINITY, terms: gain.collect() };
    Program {
        goal: Goal::Minimise,
        constant: 0.0,
        columns: program.columns.iter().map(step).collect(),
        rows: program.rows.iter().map(along).chain([gain]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minimise x − y, x ≥ 0, y ≥ 0, with x − y ≥ `least`.
    fn program(least: f64, upper: f64) -> Program {
        let column = |objective| Column { lower: 0.0, upper, objective, integer: false };
        Program {
            goal: Goal::Minimise,
            constant: 0.0,
            columns: vec![column(1.0), column(-1.0)],
            rows: vec![Row { lower: least, upper: f64::INFINITY, terms: vec![(0, 1.0), (1, -1.0)] }],
        }
    }

    fn second(program: &Program, verdict: Verdict) -> Verdict {
        confirmed(program, Backend::Microlp, &Settings::careful(), verdict)
    }

    #[test]
    fn what_is_said_by_mistake_is_contradicted() {
        let sound = program(1.0, 9.0);
        assert_eq!(second(&sound, Verdict::Infeasible), Verdict::Beyond(Beyond::Contradiction("infeasible")));
        assert_eq!(second(&sound, Verdict::Unbounded), Verdict::Beyond(Beyond::Contradiction("unbounded")));
        // Bounded by its row, not by its boxes.
        let sound = program(1.0, f64::INFINITY);
        assert_eq!(second(&sound, Verdict::Unbounded), Verdict::Beyond(Beyond::Contradiction("unbounded")));
    }

    /// A backend that has no whole numbers beyond 32 bits cannot say it by itself.
    #[test]
    fn what_has_no_end_is_unbounded_though_the_backend_got_lost() {
        let mut open = program(f64::NEG_INFINITY, f64::INFINITY);
        open.columns[1].integer = true;
        assert_eq!(solve(&open, Backend::Microlp, &Settings::careful()), Ok(Verdict::Unbounded));
        let lost = Verdict::Beyond(Beyond::IntegerRange(Backend::Microlp, 1));
        assert_eq!(second(&program(1.0, 9.0), lost.clone()), lost);
    }

    /// Along the only direction that has no end the first column hardly moves, in its own unit.
    #[test]
    fn a_direction_is_found_in_mixed_units() {
        let column = |objective, upper| Column { lower: 0.0, upper, objective, integer: false };
        let open = Program {
            goal: Goal::Maximise,
            constant: 0.0,
            columns: vec![column(1e4, f64::INFINITY), column(-1.0, f64::INFINITY)],
            rows: vec![Row { lower: 0.0, upper: 0.0, terms: vec![(0, 1e9), (1, -1.0)] }],
        };
        // Each of the first takes 1e9 of the second, which costs more than it brings; at a tenth of a unit it does not.
        assert_eq!(
            solve(&open, Backend::Microlp, &Settings::careful()).map(|it| matches!(it, Verdict::Optimal(_))),
            Ok(true)
        );
        let cheap = Program { columns: vec![column(1e10, f64::INFINITY), column(-1.0, f64::INFINITY)], ..open };
        assert_eq!(solve(&cheap, Backend::Microlp, &Settings::careful()), Ok(Verdict::Unbounded));
    }

    #[test]
    fn what_is_so_is_confirmed() {
        assert_eq!(second(&program(10.0, 9.0), Verdict::Infeasible), Verdict::Infeasible);
        assert_eq!(second(&program(f64::NEG_INFINITY, f64::INFINITY), Verdict::Unbounded), Verdict::Unbounded);
        // It would be unbounded if there were any solution.
        let mut none = program(f64::NEG_INFINITY, f64::INFINITY);
        none.columns[0].upper = 1.0;
        none.rows.push(Row { lower: 2.0, upper: 2.0, terms: vec![(0, 1.0)] });
        assert_eq!(second(&none, Verdict::Unbounded), Verdict::Infeasible);
    }
}

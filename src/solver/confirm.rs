//! A second opinion of the same backend on "infeasible" and "unbounded": both are easily said by mistake, and neither comes
//! with anything to check.
//!
//! * Infeasible: the least by which rows must be broken is asked for, a program that always has an answer.
//! * Unbounded: a direction is asked for along which the objective improves for ever, and any solution to start from.

use super::program::{Column, Goal, Program, Row};
use super::verdict::{Beyond, Verdict};
use super::{Backend, Settings, solve};

/// The verdict, where a second program does not speak against it.
pub(super) fn confirmed(program: &Program, backend: Backend, settings: &Settings, verdict: Verdict) -> Verdict {
    let settings = Settings { confirm: false, ..*settings };
    match verdict {
        Verdict::Infeasible => infeasible(program, backend, &settings),
        Verdict::Unbounded => unbounded(program, backend, &settings),
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
        Ok(Verdict::Optimal(best)) if best.objective > settings.tolerance => Verdict::Unbounded,
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

/// Maximise what is gained per step along a direction that leaves no box and no row, each part of it at most one.
fn direction(program: &Program) -> Program {
    let sign = if program.goal == Goal::Maximise { 1.0 } else { -1.0 };
    let open = |bound: f64, by: f64| if bound.is_finite() { 0.0 } else { by };
    let most = program.columns.iter().map(|column| column.objective.abs()).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let step = |column: &Column| Column {
        lower: open(column.lower, -1.0),
        upper: open(column.upper, 1.0),
        objective: sign * column.objective / most,
        integer: false,
    };
    let along = |row: &Row| Row {
        lower: if row.lower.is_finite() { 0.0 } else { f64::NEG_INFINITY },
        upper: if row.upper.is_finite() { 0.0 } else { f64::INFINITY },
        terms: row.terms.clone(),
    };
    Program {
        goal: Goal::Maximise,
        constant: 0.0,
        columns: program.columns.iter().map(step).collect(),
        rows: program.rows.iter().map(along).collect(),
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

//! A program in the words of `good_lp`, which both backends are reached through.

use good_lp::solvers::ObjectiveDirection;
use good_lp::variable::UnsolvedProblem;
use good_lp::{Constraint, Expression, ProblemVariables, SolverModel, Variable, variable};

use super::program::{Column, Goal, Program, Row};

/// States the program. Rows of nothing and rows without bounds are left out: they say nothing.
pub(super) fn stated<M: SolverModel>(program: &Program, using: impl FnOnce(UnsolvedProblem) -> M) -> M {
    let mut variables = ProblemVariables::new();
    let handles: Vec<Variable> = program.columns.iter().map(|column| variables.add(definition(column))).collect();
    let mut objective = Expression::with_capacity(program.columns.len());
    for (handle, column) in handles.iter().zip(&program.columns) {
        objective.add_mul(column.objective, *handle);
    }
    let direction = match program.goal {
        Goal::Minimise => ObjectiveDirection::Minimisation,
        Goal::Maximise => ObjectiveDirection::Maximisation,
    };
    let mut model = using(variables.optimise(direction, objective));
    for row in &program.rows {
        for constraint in constraints(row, &handles) {
            model.add_constraint(constraint);
        }
    }
    model
}

fn definition(column: &Column) -> good_lp::VariableDefinition {
    let definition = variable().min(column.lower).max(column.upper);
    if column.integer { definition.integer() } else { definition }
}

/// An equation, or one limit for each finite bound: `good_lp` has no row with two bounds.
fn constraints(row: &Row, handles: &[Variable]) -> Vec<Constraint> {
    let left = || {
        let mut left = Expression::with_capacity(row.terms.len());
        for (column, by) in &row.terms {
            if let Some(handle) = handles.get(*column) {
                left.add_mul(*by, *handle);
            }
        }
        left
    };
    if row.terms.iter().all(|(_, by)| *by == 0.0) {
        return Vec::new();
    }
    if row.lower.total_cmp(&row.upper).is_eq() {
        return vec![left().eq(row.upper)];
    }
    let mut constraints = Vec::new();
    if row.upper.is_finite() {
        constraints.push(left().leq(row.upper));
    }
    if row.lower.is_finite() {
        constraints.push(left().geq(row.lower));
    }
    constraints
}

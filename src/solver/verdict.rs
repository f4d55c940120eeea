//! What is found out about a program.

use super::Backend;

/// The verdict on a program.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Solved within the gap that was asked for.
    Optimal(Optimum),
    /// Nothing keeps every box, row and whole number.
    Infeasible,
    /// The objective can be made as good as one likes.
    Unbounded,
    /// A limit on nodes or iterations was met first.
    Stopped(Stopped),
    /// The backend cannot say.
    Beyond(Beyond),
}

/// A solution that is proved to be as good as was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// By column; inside its box, whole where it must be.
    pub values: Vec<f64>,
    /// At these values, constant included.
    pub objective: f64,
    /// No solution is better than this, says the backend; without integers the objective itself.
    pub bound: f64,
    /// `|objective − bound| / |objective|`, both without the constant; 0 where both are 0.
    pub gap: f64,
}

/// What was known when a limit was met, or when a backend ended above the gap that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Stopped {
    /// The best solution found, if any.
    pub best: Option<Solution>,
    /// No solution is better than this; absent where the backend has not proved any bound.
    pub bound: Option<f64>,
    /// As for an [`Optimum`]; absent where either is.
    pub gap: Option<f64>,
}

/// A solution of the program; nothing is said about how good it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// By column; inside its box, whole where it must be.
    pub values: Vec<f64>,
    /// At these values, constant included.
    pub objective: f64,
}

/// Why a backend cannot say. A refusal, not a verdict: another backend may do it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Beyond {
    #[error("this build has no {0}; build with the feature `highs`")]
    NotBuilt(Backend),
    #[error("{0} cannot be told a limit on iterations; leave it out")]
    IterationLimit(Backend),
    #[error("{0} takes whole numbers of 32 bits only, and column {1} goes, or may go, beyond them; bound it")]
    IntegerRange(Backend, usize),
    #[error("{0} counts {1} as infinite or as zero; state the program in other units")]
    Magnitude(Backend, f64),
    #[error("{0} found no way on: {1}")]
    Failed(Backend, String),
    #[error("an answer of {values} values for {columns} columns")]
    WrongLength { values: usize, columns: usize },
    #[error("the answer for column {column} is {value}, which is not in its box or not whole")]
    BadValue { column: usize, value: f64 },
    #[error("the answer breaks row {row} by {by}")]
    BrokenRow { row: usize, by: f64 },
    #[error("the answer is {by} better than the bound that is said to be proved")]
    BrokenBound { by: f64 },
    #[error("the backend calls the program {0}, and a second program says otherwise")]
    Contradiction(&'static str),
}

/// What a backend says, unchecked; objectives are without the constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// Values, and the bound where it is another than the objective.
    Optimal {
        values: Vec<f64>,
        bound: Option<f64>,
    },
    Stopped {
        values: Option<Vec<f64>>,
        bound: Option<f64>,
    },
    Infeasible,
    Unbounded,
    Beyond(Beyond),
}

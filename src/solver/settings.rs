//! How a program is solved. Nothing here depends on time: the same settings give the same answer on a slower machine.

use super::Backend;

/// Limits, tolerance and care of one solve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The most branch-and-bound nodes; `None` for no limit.
    pub nodes: Option<u32>,
    /// The most simplex iterations of a program without integers; `None` for no limit. MicroLP cannot be told one.
    pub iterations: Option<u32>,
    /// With integers: how far from the bound the best solution may be, as a fraction of its objective. What is within the
    /// tolerance counts as no gap.
    pub relative_gap: f64,
    /// By how much an answer may break a box, a row, a whole number or its proof, as a fraction of `1 + size`: of the value,
    /// and for sums of the terms that are added up. Backends are asked for a tenth of it where they can be.
    pub tolerance: f64,
    /// Does the backend simplify the program first, where it can? Costs more than it brings on a dozen rows.
    pub presolve: bool,
    /// Are rows and columns brought to one size first, by powers of two? For programs of mixed units.
    pub scale: bool,
    /// Are "infeasible" and "unbounded" believed only if a second program agrees?
    pub confirm: bool,
}

impl Settings {
    /// For programs of any kind and unit: every check, no limit, no gap.
    #[must_use]
    pub const fn careful() -> Self {
        Self {
            nodes: None,
            iterations: None,
            relative_gap: 0.0,
            tolerance: 1e-6,
            presolve: true,
            scale: true,
            confirm: true,
        }
    }
}

impl Settings {
    /// What a backend is told of this, as `name=value`; nothing where it is left to itself.
    #[must_use]
    pub fn as_told(&self, backend: Backend) -> Vec<String> {
        match backend {
            Backend::Microlp => super::microlp::told(self),
            #[cfg(feature = "highs")]
            Backend::Highs => super::highs::told(self),
            #[cfg(not(feature = "highs"))]
            Backend::Highs => Vec::new(),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::careful()
    }
}

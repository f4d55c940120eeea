//! The least tail risk of a fund that is invested in full: for comparing the search with known answers.

use jiff::civil::Date;

use super::{MOST, Plane, RETURN_DECIMALS, TailRisk, in_units};
use crate::model::Decimal;
use crate::model::policy::SolverBackend;
use crate::planning::solver::{AtMostRow, BoxedColumn, SolverFault, Verdict, backend_of, maximise_on};

/// Weights that add up to one, each from zero to `most`, and what is asked of them besides.
#[derive(Debug, Clone)]
pub struct Fund {
    /// By asset, then scenario; all as long.
    pub returns: Vec<Vec<Decimal>>,
    pub beta: Decimal,
    pub most: Decimal,
    /// `Σ value · weight ≥ least`.
    pub least: Option<(Vec<Decimal>, Decimal)>,
}

impl Fund {
    #[must_use]
    pub fn scenarios(&self) -> usize {
        self.returns.first().map_or(0, Vec::len)
    }

    pub(super) fn weights(&self) -> (Vec<BoxedColumn>, Vec<AtMostRow>) {
        let columns: Vec<BoxedColumn> =
            self.returns.iter().map(|_| BoxedColumn { upper: self.most, reward: Decimal::ZERO }).collect();
        let all = |sign: Decimal| (0..columns.len()).map(|column| (column, sign)).collect();
        let mut rows = vec![
            AtMostRow { terms: all(Decimal::ONE), bound: Decimal::ONE },
            AtMostRow { terms: all(Decimal::NEGATIVE_ONE), bound: Decimal::NEGATIVE_ONE },
        ];
        if let Some((values, least)) = &self.least {
            rows.push(AtMostRow { terms: (0..).zip(values.iter().map(|value| -*value)).collect(), bound: -*least });
        }
        (columns, rows)
    }

    /// The least measure on the default backend, and how many planes it took; 1 where nothing meets what is asked.
    ///
    /// # Errors
    /// When the backend fails.
    pub fn least_risk(&self) -> Result<(Decimal, usize), SolverFault> {
        let losses = self
            .returns
            .iter()
            .map(|returns| returns.iter().map(|change| in_units(-*change, RETURN_DECIMALS)).collect());
        let days = vec![Date::MIN; self.scenarios()];
        let risk = TailRisk::new(losses.collect(), days, Decimal::ONE - self.beta, Decimal::ONE);
        let (mut columns, mut rows) = self.weights();
        let place = columns.len();
        columns.push(BoxedColumn { upper: MOST, reward: Decimal::NEGATIVE_ONE });
        let weights = |values: &[Decimal]| values.iter().take(place).copied().collect();
        let row = |plane: &Plane| {
            let mut terms: Vec<(usize, Decimal)> = (0..).zip(plane.slopes.iter().copied()).collect();
            terms.push((place, Decimal::NEGATIVE_ONE));
            AtMostRow { terms, bound: Decimal::ZERO }
        };
        let backend = backend_of(SolverBackend::Microlp);
        let maximise = |all: &[BoxedColumn], rows: &[AtMostRow]| maximise_on(backend, all, rows);
        let least = match risk.optimum(place, (&columns, &mut rows), maximise, weights, row)? {
            Verdict::Optimal { values, .. } => values.get(place).copied().unwrap_or_default(),
            Verdict::Infeasible => Decimal::ONE,
        };
        let planes = risk.planes.borrow().len();
        Ok((least, planes))
    }
}

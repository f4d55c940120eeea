//! The inverse of a basis, which has as many rows as there are limits.

use super::LEAST_PIVOT;

pub(super) fn identity(count: usize) -> Vec<Vec<f64>> {
    (0..count).map(|row| (0..count).map(|column| f64::from(u8::from(row == column))).collect()).collect()
}

/// By Gauss and Jordan with the largest pivot of each column; nothing where one is next to nothing.
pub(in super::super) fn inverted(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let count = matrix.len();
    let mut inverse = identity(count);
    for column in 0..count {
        let size = |row: &usize| matrix.get(*row).map_or(0.0, |row| at(row, column).abs());
        let best = (column..count).max_by(|left, right| size(left).total_cmp(&size(right)))?;
        matrix.swap(column, best);
        inverse.swap(column, best);
        let pivot = at(matrix.get(column)?, column);
        if pivot.abs() < LEAST_PIVOT {
            return None;
        }
        for rows in [&mut matrix, &mut inverse] {
            for value in rows.get_mut(column)? {
                *value /= pivot;
            }
        }
        let (from, from_inverse) = (matrix.get(column)?.clone(), inverse.get(column)?.clone());
        for row in (0..count).filter(|row| *row != column) {
            let by = at(matrix.get(row)?, column);
            if by != 0.0 {
                matrix.get_mut(row)?.iter_mut().zip(&from).for_each(|(value, from)| *value -= by * from);
                inverse.get_mut(row)?.iter_mut().zip(&from_inverse).for_each(|(value, from)| *value -= by * from);
            }
        }
    }
    Some(inverse)
}

/// Zero where there is no such place.
pub(super) fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or_default()
}

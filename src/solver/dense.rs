//! Small dense vectors and matrices: the inverse of a basis has as many rows as there are limits.

/// A matrix with a smaller pivot is taken for singular.
const LEAST_PIVOT: f64 = 1e-9;

pub(super) fn identity(count: usize) -> Vec<Vec<f64>> {
    (0..count).map(|row| (0..count).map(|column| f64::from(u8::from(row == column))).collect()).collect()
}

/// By Gauss and Jordan with the largest pivot of each column; nothing where one is next to nothing.
pub(super) fn inverted(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
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
                add(matrix.get_mut(row)?, &from, -by);
                add(inverse.get_mut(row)?, &from_inverse, -by);
            }
        }
    }
    Some(inverse)
}

/// Zero where there is no such place.
pub(super) fn at<T: Copy + Default>(values: &[T], index: usize) -> T {
    values.get(index).copied().unwrap_or_default()
}

/// `into += times · what`.
pub(super) fn add(into: &mut [f64], what: &[f64], times: f64) {
    into.iter_mut().zip(what).for_each(|(into, by)| *into += times * by);
}

/// Another column at this position of the basis; `weights` are the inverse's rows times that column.
pub(super) fn exchange(inverse: &mut [Vec<f64>], position: usize, weights: &[f64]) -> Option<()> {
    let row = inverse.get_mut(position)?;
    let pivot = at(weights, position);
    for by in row.iter_mut() {
        *by /= pivot;
    }
    let row = row.clone();
    for (other_position, (other, weight)) in inverse.iter_mut().zip(weights).enumerate() {
        if other_position != position && *weight != 0.0 {
            add(other, &row, -weight);
        }
    }
    Some(())
}

//! The seam to the solvers against answers that others have published, on each backend of this build, and the backends
//! against each other.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a test stops where something is not as it must be, and programs are in floats"
)]

#[path = "../common/shared.rs"]
mod shared;
#[expect(dead_code, reason = "choices of which another test needs more")]
#[path = "../common/split_mix.rs"]
mod split_mix;

mod allocation;
mod determinism;
#[cfg(feature = "highs")]
mod differential;
mod frontier;
mod instances;
mod mps;
mod statement;
mod tail_risk;

use index_rebalancer::solver::Backend;

/// The backends of this build.
fn backends() -> impl Iterator<Item = Backend> {
    Backend::ALL.into_iter().filter(|backend| backend.is_built())
}

/// Is a figure the published one: to a millionth of it, or to half a unit of its last digit, whichever is more?
fn is_published(found: f64, published: &str, offset: f64) -> bool {
    let value: f64 = published.parse().expect(published);
    let decimals = published.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let last = 0.5 * 10_f64.powi(-i32::try_from(decimals).expect("few"));
    (found - (value + offset)).abs() <= last.max(1e-6 * value.abs())
}

#[test]
fn a_published_figure_is_as_exact_as_its_digits() {
    assert!(is_published(0.017_222_36, "0.017222", 0.0) && !is_published(0.017_223, "0.017222", 0.0));
    assert!(is_published(1_000_000.9, "1000000", 0.0) && !is_published(1_000_001.1, "1000000", 0.0));
    assert!(is_published(8.0, "1", 7.0) && !is_published(8.0, "1", 0.0));
}

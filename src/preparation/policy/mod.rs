//! Policies from TOML, with every rule between fields checked.

mod alert_checks;
mod checks;
mod history_checks;
mod variation;

use std::path::Path;

use schemars::Schema;

pub use variation::varied;

use super::reading::read_file;
use super::{BadInput, PreparationError, toml_text};
use crate::model::Policy;

/// Reads and checks a policy file.
///
/// # Errors
/// As [`parse`], and when the file cannot be read.
pub fn load(path: &Path) -> Result<Policy, PreparationError> {
    let place = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    read(&place, &read_file(path)?)
}

/// Reads and checks a policy. Messages call it `policy`.
///
/// # Errors
/// [`PreparationError::BadInput`]: one error where the text does not fit the format, otherwise everything in which
/// the fields do not fit together.
pub fn parse(text: &str) -> Result<Policy, PreparationError> {
    read("policy", text.as_bytes())
}

/// Reads and checks the bytes of a policy file, which messages call `place`.
///
/// # Errors
/// As [`parse`].
pub fn read(place: &str, bytes: &[u8]) -> Result<Policy, PreparationError> {
    let policy: Policy = toml_text::read(place, bytes)?;
    let faults = faults(place, &policy);
    if faults.is_empty() { Ok(policy) } else { Err(PreparationError::BadInput(faults)) }
}

/// Everything in which the fields of a policy do not fit together.
#[must_use]
pub fn faults(place: &str, policy: &Policy) -> Vec<BadInput> {
    let mut faults = checks::faults(place, policy);
    faults.extend(alert_checks::faults(place, policy));
    faults
}

/// The JSON Schema of a policy, generated from the types.
#[must_use]
pub fn schema() -> Schema {
    schemars::schema_for!(Policy)
}

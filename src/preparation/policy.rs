use std::path::Path;
use super::{BadInput, PreparationError, toml_text};
use crate::adapters::files::reading::read_file;
use crate::model::Policy;
pub fn load(path: &Path) -> Result<Policy, PreparationError> { parse_bytes(&path.display().to_string(), &read_file(path)?) }
fn parse_bytes(place: &str, bytes: &[u8]) -> Result<Policy, PreparationError> { let p: Policy = toml_text::read(place, bytes)?; Ok(p) }

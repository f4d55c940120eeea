//! Values that are stored as text: read where the text lies, without a copy of it.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Reads a string and makes a value of it.
///
/// # Errors
/// When there is no string, or `parse` refuses it.
pub(super) fn read<'de, D, T, E, F>(deserializer: D, parse: F) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
    F: FnOnce(&str) -> Result<T, E>,
{
    deserializer.deserialize_str(Text(parse))
}

struct Text<F>(F);

impl<T, E: fmt::Display, F: FnOnce(&str) -> Result<T, E>> Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<V: Error>(self, text: &str) -> Result<T, V> {
        (self.0)(text).map_err(V::custom)
    }
}

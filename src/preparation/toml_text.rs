//! TOML into a type, with errors that name key, value and line.

use serde::de::DeserializeOwned;

use super::BadInput;
use super::reading::text_of;

/// Reads a TOML document. Repeated keys are TOML errors; unknown keys are errors where the type says so.
///
/// # Errors
/// When the text is not UTF-8 or not TOML, or does not fit the type.
pub fn read<T: DeserializeOwned>(place: &str, bytes: &[u8]) -> Result<T, BadInput> {
    let text = text_of(place, bytes)?;
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let line_number = text.get(..span.start).unwrap_or("").matches('\n').count() + 1;
        let line = text.lines().nth(line_number - 1).unwrap_or("").trim();
        let value = text.get(span.clone()).unwrap_or("").trim_matches('"');
        // A missing key has no place of its own: its span is the whole table.
        let value = if value.contains('\n') { "" } else { value };
        let key = line.split('=').next().unwrap_or(line).trim();
        let field = if key.is_empty() { format!("line {line_number}") } else { format!("{key} (line {line_number})") };
        let message = error.message().trim_end_matches('.').replace('\n', "; ");
        BadInput::new(
            place,
            field,
            value,
            message,
            "mend this line; amounts are text such as \"0.25\", and keys not in the schema are refused",
        )
    })
}

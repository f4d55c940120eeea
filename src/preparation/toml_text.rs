//! TOML into a type, with errors that name key, value and line. What may be a secret under a wrong key is not repeated.

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
        let value = if value.contains('\n') || may_be_secret(value) { "" } else { value };
        let key = line.split('=').next().unwrap_or(line).trim();
        let field = if key.is_empty() { format!("line {line_number}") } else { format!("{key} (line {line_number})") };
        let message = error.message().trim_end_matches('.').replace('\n', "; ");
        let message = if may_be_secret(&message) { "its value does not fit the schema".to_owned() } else { message };
        BadInput::new(
            place,
            field,
            value,
            message,
            "mend this line; amounts are text such as \"0.25\", and keys not in the schema are refused",
        )
    })
}

/// The least length of what looks like a token: Slack's, Telegram's and Token Metrics' are longer.
const TOKEN: usize = 30;

/// An address, or a long word with digits: somebody may have put a key where its name belongs.
pub(super) fn may_be_secret(text: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    let is_token = |word: &str| word.len() >= TOKEN && word.bytes().any(|byte| byte.is_ascii_digit());
    text.contains("://") || text.split(|character| !is_part(character)).any(is_token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alert::AlertPolicy;

    fn refused(channel: &str) -> String {
        let text = format!("routes = []\n[channels]\nteam = {channel}\n");
        read::<AlertPolicy>("policy", text.as_bytes()).expect_err("refused").to_string()
    }

    #[test]
    fn a_secret_under_a_wrong_key_is_not_repeated() {
        for secret in [
            "https://hooks.slack.com/services/T000/B000/canary",
            "123456789:AAcanary-canary_canary0canary1canary",
            "tm-canary0-5f0d-4c1e-9b1e-0123456789ab",
        ] {
            for channel in [
                format!("{{ kind = \"slack\", webhook = \"{secret}\" }}"),
                format!("{{ kind = \"{secret}\" }}"),
                format!("\"{secret}\""),
                format!("{{ kind = \"log\" \"{secret}\""),
            ] {
                let error = refused(&channel);
                assert!(error.contains("(line 3)") && !error.contains("canary"), "{channel}: {error}");
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        let error = refused("{ kind = \"pigeon\" }");
        assert!(error.contains("pigeon") && error.contains("(line 3)"), "{error}");
    }
}

//! The terminal and the environment, read once.

use std::io::IsTerminal;
use std::path::PathBuf;

use anstream::{AutoStream, ColorChoice};

use super::args::{Look, When};
use crate::adapters::aws::{AwsAccess, Connections};
use crate::ports::secret::Secret;
use crate::report::text::Canvas;

/// Columns where there is no terminal to ask.
const DEFAULT_WIDTH: usize = 80;

/// What standard output can show, as far as the arguments do not say.
pub(super) fn canvas(look: &Look) -> Canvas {
    let width = look
        .width
        .map(usize::from)
        .or_else(|| terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0)));
    let color = match look.color {
        When::Always => true,
        When::Never => false,
        // Honours NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM=dumb.
        When::Auto => AutoStream::choice(&std::io::stdout()) != ColorChoice::Never,
    };
    Canvas { width: width.unwrap_or(DEFAULT_WIDTH), ascii: look.ascii || !utf8_locale(), color, full: look.full }
}

/// The same for standard error.
pub(super) fn error_canvas(look: &Look) -> Canvas {
    let color = match look.color {
        When::Always => true,
        When::Never => false,
        When::Auto => AutoStream::choice(&std::io::stderr()) != ColorChoice::Never,
    };
    Canvas { color, ..canvas(look) }
}

pub(super) fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

pub(super) fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// The store that the environment names.
pub(super) fn store_path() -> Option<PathBuf> {
    variable("REBALANCE_STORE").map(PathBuf::from)
}

/// The key of Token Metrics' API that the environment holds: name and value.
pub(super) fn token_metrics_key() -> Option<(&'static str, String)> {
    const NAME: &str = "TOKEN_METRICS_API_KEY";
    variable(NAME).map(|value| (NAME, value))
}

/// The value of a secret that a policy names, and the variable that holds it: `rebalance/slack#team` is looked for in
/// `REBALANCE_SECRET_REBALANCE_SLACK_TEAM`.
pub(super) fn secret(name: &str) -> (String, Option<String>) {
    let plain = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' };
    let name = format!("REBALANCE_SECRET_{}", name.chars().map(plain).collect::<String>());
    let value = variable(&name);
    (name, value)
}

/// Who signs requests to this service of AWS, as its variables call it; nothing where the environment does not say. The
/// region is the given one, or the environment's.
pub(super) fn aws_access(service: &str, region: Option<&str>) -> Option<AwsAccess> {
    let secret = |name: &str| variable(name).and_then(|value| Secret::new(&value).ok());
    let region = region.map(str::to_owned).or_else(|| variable("AWS_REGION"));
    Some(AwsAccess {
        region: region.or_else(|| variable("AWS_DEFAULT_REGION"))?,
        access_key_id: variable("AWS_ACCESS_KEY_ID")?,
        secret_access_key: secret("AWS_SECRET_ACCESS_KEY")?,
        session_token: secret("AWS_SESSION_TOKEN"),
        endpoint: variable(&format!("AWS_ENDPOINT_URL_{service}")).or_else(|| variable("AWS_ENDPOINT_URL")),
        connections: Connections::default(),
    })
}

/// Who is at the terminal, for the log.
pub(super) fn user() -> Option<String> {
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(variable)
}

/// The locale that decides about characters; nothing set means a bare C locale on Unix and UTF-16 on Windows.
fn utf8_locale() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(variable);
    match locale {
        Some(locale) => {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        None => cfg!(windows) || !std::io::stdout().is_terminal(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line's one look at the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

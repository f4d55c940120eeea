//! A policy with some fields changed: for a grid of them.

use super::read;
use crate::model::Policy;
use crate::preparation::reading::text_of;
use crate::preparation::{BadInput, PreparationError};

/// Reads a policy with these fields changed, each by its path (`ranking.members`), and checks it as any other. A value
/// takes the type of the one that it replaces; where there is none, a whole number or `true` and `false` are what they
/// look like, and the rest is text, as amounts are.
///
/// # Errors
/// As reading a policy has; and when a path leads through something that is no table, or to a table or a list.
pub fn varied(place: &str, bytes: &[u8], changes: &[(String, String)]) -> Result<Policy, PreparationError> {
    if changes.is_empty() {
        return read(place, bytes);
    }
    // Its errors have lines, which those of the changed text would not.
    let _ = read(place, bytes)?;
    let text = text_of(place, bytes)?;
    let bad = |path: &str, value: &str, problem: String| {
        BadInput::new(place, path, value, problem, "vary a single value, such as ranking.members=20,30")
    };
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| bad("", "", error.to_string()))?;
    for (path, value) in changes {
        set(&mut table, path, value).map_err(|problem| bad(path, value, problem))?;
    }
    let text = toml::to_string(&table).map_err(|error| bad("", "", error.to_string()))?;
    read(place, text.as_bytes())
}

fn set(table: &mut toml::Table, path: &str, value: &str) -> Result<(), String> {
    let (tables, field) = path.rsplit_once('.').map_or((None, path), |(tables, field)| (Some(tables), field));
    let mut inner = table;
    for name in tables.into_iter().flat_map(|tables| tables.split('.')) {
        let entry = inner.entry(name).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        inner = entry.as_table_mut().ok_or_else(|| format!("{name} is not a table"))?;
    }
    let value = match inner.get(field) {
        Some(toml::Value::String(_)) => toml::Value::String(value.to_owned()),
        Some(toml::Value::Table(_) | toml::Value::Array(_)) => return Err("it is a table or a list".to_owned()),
        _ => value
            .parse()
            .map(toml::Value::Integer)
            .or_else(|_| value.parse().map(toml::Value::Boolean))
            .unwrap_or_else(|_| toml::Value::String(value.to_owned())),
    };
    let _ = inner.insert(field.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &[u8] = include_bytes!("../../../fixtures/backtests/blue-chip.toml");

    fn change(path: &str, value: &str) -> Result<Policy, PreparationError> {
        varied("policy.toml", POLICY, &[(path.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_field_is_changed_and_the_rest_stays() {
        let before = varied("policy.toml", POLICY, &[]).expect("a policy");
        let after = change("limits.turnover.bound", "0.5").expect("a policy");
        assert_eq!(after.limits.turnover.as_ref().map(|it| it.bound.to_string()).as_deref(), Some("0.5"));
        assert_eq!((after.ranking, after.costs), (before.ranking, before.costs));
        assert_eq!(change("ranking.members", "24").expect("a policy").ranking.members, 24);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_its_path() {
        let error = change("ranking.members", "40").expect_err("more members than exit_rank");
        assert!(error.to_string().contains("ranking"), "{error}");
        let error = change("name.first", "x").expect_err("name is text");
        assert!(error.to_string().contains("name is not a table"), "{error}");
        let error = change("limits.turnover", "1").expect_err("a table");
        assert!(error.to_string().contains("a table or a list"), "{error}");
        assert!(change("limits.turnovr", "1").is_err(), "a slip of the pen is no new field");
    }
}

//! Changes to a TOML document: read, changed as a tree, and written again with sections or inline tables.

use index_rebalancer::preparation::json::Json;

use super::{SplitMix64, json_tree};

/// The document with one to three changes; nothing when it is not TOML.
pub(crate) fn mutate(document: &[u8], random: &mut SplitMix64) -> Option<Vec<u8>> {
    let table: toml::Table = std::str::from_utf8(document).ok()?.parse().ok()?;
    let mut tree = from_toml(toml::Value::Table(table));
    json_tree::change(&mut tree, random);
    Some(write(&tree, random.one_in(2)).into_bytes())
}

fn from_toml(value: toml::Value) -> Json {
    match value {
        toml::Value::String(text) => Json::Text(text),
        toml::Value::Integer(number) => Json::Number(number.to_string()),
        toml::Value::Float(number) => Json::Number(number.to_string()),
        toml::Value::Boolean(value) => Json::Bool(value),
        toml::Value::Datetime(moment) => Json::Number(moment.to_string()),
        toml::Value::Array(items) => Json::List(items.into_iter().map(from_toml).collect()),
        toml::Value::Table(table) => {
            Json::Table(table.into_iter().map(|(key, value)| (key, from_toml(value))).collect())
        }
    }
}

/// A document; its tables as sections, or all on the line of their key. What has no form in TOML (null) is left out.
fn write(tree: &Json, sections: bool) -> String {
    let Json::Table(entries) = tree else { return inline(tree) };
    let (tables, lines): (Vec<_>, Vec<_>) =
        entries.iter().partition(|(_, value)| sections && matches!(value, Json::Table(_)));
    let line = |(key, value): &(String, Json)| format!("{} = {}\n", key_text(key), inline(value));
    let written = |entries: &[(String, Json)]| -> String {
        entries.iter().filter(|(_, value)| *value != Json::Null).map(line).collect()
    };
    let lines: String = lines.into_iter().filter(|(_, value)| *value != Json::Null).map(line).collect();
    let tables: String = tables
        .into_iter()
        .map(|(key, value)| match value {
            Json::Table(entries) => format!("\n[{}]\n{}", key_text(key), written(entries)),
            _ => String::new(),
        })
        .collect();
    lines + &tables
}

fn key_text(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if bare { key.to_owned() } else { quoted(key) }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn inline(value: &Json) -> String {
    match value {
        Json::Null => "\"\"".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.clone(),
        Json::Text(text) => quoted(text),
        Json::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Json::Table(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{} = {}", key_text(key), inline(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

//! Strict JSON: what every reader of JSON in this crate goes through.
//!
//! `serde_json` checks the grammar. On top of it this module refuses what is legal JSON and still a trap: a
//! byte-order mark, a key that appears twice (`serde_json` keeps the last one silently), deep nesting, a document
//! over the size limit. Numbers stay text, exactly as they stand, and become decimals through
//! [`parse_market`]: nothing passes through `f64`.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::BadInput;
use super::reading::text_of;
use crate::model::Decimal;
use crate::model::number::parse_market;

/// The deepest nesting that is read.
pub const MAX_DEPTH: usize = 32;

/// A JSON value with its numbers as they were written and its keys in the order they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Self>),
    Table(Vec<(String, Self)>),
}

/// Reads one document.
///
/// # Errors
/// When the bytes are more than `max_bytes`, empty, not UTF-8, begin with a byte-order mark, are not one JSON
/// value, nest deeper than [`MAX_DEPTH`], repeat a key, or hold a lone surrogate.
pub fn parse(place: &str, bytes: &[u8], max_bytes: usize) -> Result<Json, BadInput> {
    let whole = |problem: String, remedy: &str| Err(BadInput::new(place, "the document", "", problem, remedy));
    if bytes.len() > max_bytes {
        let problem = format!("it has {} bytes and at most {max_bytes} are read", bytes.len());
        return whole(problem, "send a smaller document");
    }
    let text = text_of(place, bytes)?;
    if text.trim_ascii().is_empty() {
        return whole("it is empty".to_owned(), "send one JSON value");
    }
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| syntax(place, "the document", text, &error))?;
    build(place, "", raw.get(), 1)
}

fn syntax(place: &str, field: &str, text: &str, error: &serde_json::Error) -> BadInput {
    let remedy = "send exactly one valid JSON value and nothing after it";
    BadInput::new(place, field, text, format!("not valid JSON: {error}"), remedy)
}

fn build(place: &str, path: &str, text: &str, depth: usize) -> Result<Json, BadInput> {
    let field = if path.is_empty() { "the document" } else { path };
    let bad = |error: serde_json::Error| syntax(place, field, text, &error);
    if depth > MAX_DEPTH {
        let problem = format!("nested deeper than {MAX_DEPTH} levels");
        return Err(BadInput::new(place, field, text, problem, "send a flatter document"));
    }
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let Entries(entries) = serde_json::from_str(text).map_err(bad)?;
            refuse_duplicates(place, path, &entries)?;
            let build = |(key, raw): (String, &RawValue)| {
                build(place, &join(path, &key), raw.get(), depth + 1).map(|value| (key, value))
            };
            Json::Table(entries.into_iter().map(build).collect::<Result<_, _>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text).map_err(bad)?;
            let build =
                |(index, raw): (usize, &RawValue)| build(place, &format!("{path}[{index}]"), raw.get(), depth + 1);
            Json::List(items.into_iter().enumerate().map(build).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Json::Text(serde_json::from_str(text).map_err(|error| {
            let problem = format!("the text is broken off or has an escape such as a lone surrogate: {error}");
            BadInput::new(place, field, text, problem, "send the characters themselves, in UTF-8")
        })?),
        Some(b't') => Json::Bool(true),
        Some(b'f') => Json::Bool(false),
        Some(b'n') => Json::Null,
        _ => Json::Number(text.to_owned()),
    })
}

fn refuse_duplicates(place: &str, path: &str, entries: &[(String, &RawValue)]) -> Result<(), BadInput> {
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    let twice = keys.windows(2).find_map(|pair| match pair {
        [first, second] if first == second => Some(*first),
        _ => None,
    });
    twice.map_or(Ok(()), |key| {
        let problem = "the key appears twice in one object, and either value could be meant";
        Err(BadInput::new(place, join(path, key), key, problem, "send each key once"))
    })
}

/// The path to a key. A key that would not be seen for what it is (empty, spaces, control characters) is quoted.
fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = if plain { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// An object's entries with repeated keys still visible.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// A value and the path to it, so that every refusal can name its field.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    place: &'a str,
    path: String,
    json: &'a Json,
}

impl<'a> Node<'a> {
    #[must_use]
    pub const fn root(place: &'a str, json: &'a Json) -> Self {
        Self { place, path: String::new(), json }
    }

    #[must_use]
    pub const fn json(&self) -> &'a Json {
        self.json
    }

    #[must_use]
    pub const fn place(&self) -> &'a str {
        self.place
    }

    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A refusal of this value.
    #[must_use]
    pub fn bad(&self, problem: impl Into<String>, remedy: impl Into<String>) -> BadInput {
        let field = if self.path.is_empty() { "the document" } else { &self.path };
        BadInput::new(self.place, field, &self.shown(), problem, remedy)
    }

    /// # Errors
    /// When this is not an object.
    pub fn entries(&self) -> Result<&'a [(String, Json)], BadInput> {
        match self.json {
            Json::Table(entries) => Ok(entries),
            _ => Err(self.bad("an object was expected", "send {…}")),
        }
    }

    /// The value under a key; `None` when it is missing or null.
    ///
    /// # Errors
    /// When this is not an object.
    pub fn optional(&self, key: &str) -> Result<Option<Self>, BadInput> {
        let found = self.entries()?.iter().find(|(name, _)| name == key);
        Ok(found.filter(|(_, json)| *json != Json::Null).map(|(name, json)| Self {
            place: self.place,
            path: join(&self.path, name),
            json,
        }))
    }

    /// # Errors
    /// When this is not an object or the key is missing or null.
    pub fn required(&self, key: &str) -> Result<Self, BadInput> {
        self.optional(key)?.ok_or_else(|| {
            let problem = "the field is missing or null";
            BadInput::new(self.place, join(&self.path, key), "", problem, format!("send a value for {key:?}"))
        })
    }

    /// Refuses every key that is not in the list.
    ///
    /// # Errors
    /// When this is not an object or has another key.
    pub fn only(&self, known: &[&str]) -> Result<(), BadInput> {
        let unknown = self.fields()?.find(|(key, _)| !known.contains(key));
        unknown.map_or(Ok(()), |(_, node)| {
            Err(node.bad("the field is unknown", format!("remove it; known fields are {}", known.join(", "))))
        })
    }

    /// # Errors
    /// When this is not a list.
    pub fn items(&self) -> Result<impl Iterator<Item = Self> + use<'a>, BadInput> {
        let Json::List(items) = self.json else {
            return Err(self.bad("a list was expected", "send […]"));
        };
        let (place, path) = (self.place, self.path.clone());
        Ok(items.iter().enumerate().map(move |(index, json)| Self { place, path: format!("{path}[{index}]"), json }))
    }

    /// An object's values as nodes.
    ///
    /// # Errors
    /// When this is not an object.
    pub fn fields(&self) -> Result<impl Iterator<Item = (&'a str, Self)> + use<'a>, BadInput> {
        let (place, path) = (self.place, self.path.clone());
        Ok(self.entries()?.iter().map(move |(key, json)| (key.as_str(), Self { place, path: join(&path, key), json })))
    }

    /// # Errors
    /// When this is not text.
    pub fn text(&self) -> Result<&'a str, BadInput> {
        match self.json {
            Json::Text(text) => Ok(text),
            _ => Err(self.bad("text was expected", "send \"…\"")),
        }
    }

    /// # Errors
    /// When this is not true or false.
    pub fn bool(&self) -> Result<bool, BadInput> {
        match self.json {
            Json::Bool(value) => Ok(*value),
            _ => Err(self.bad("true or false was expected", "send true or false")),
        }
    }

    /// A number written as a JSON number or as text, digits as they stand.
    ///
    /// # Errors
    /// When this is neither, or [`parse_market`] refuses it.
    pub fn number(&self) -> Result<Decimal, BadInput> {
        match self.json {
            Json::Number(text) | Json::Text(text) => {
                parse_market(text).map_err(|error| BadInput::number(self.place, self.path.clone(), &error))
            }
            _ => Err(self.bad("a number was expected", "send a number such as 12.5 or \"12.5\"")),
        }
    }

    /// A whole number that is not negative, written as a JSON number or as text.
    ///
    /// # Errors
    /// When this is anything else.
    pub fn whole_number(&self) -> Result<u64, BadInput> {
        u64::try_from(self.number()?)
            .ok()
            .filter(|value| self.number().is_ok_and(|number| number == Decimal::from(*value)))
            .ok_or_else(|| self.bad("not a whole number from 0", "send a whole number such as 3375"))
    }

    /// Converts the text, naming the field when that fails.
    ///
    /// # Errors
    /// When this is not text or the conversion fails.
    pub fn id<T: std::str::FromStr<Err = crate::model::InvalidId>>(&self) -> Result<T, BadInput> {
        self.text()?.parse().map_err(|error| BadInput::id(self.place, self.path.clone(), &error))
    }

    fn shown(&self) -> String {
        match self.json {
            Json::Null => "null".to_owned(),
            Json::Bool(value) => value.to_string(),
            Json::Number(text) | Json::Text(text) => text.clone(),
            Json::List(items) => format!("a list of {}", items.len()),
            Json::Table(entries) => format!("an object of {}", entries.len()),
        }
    }
}

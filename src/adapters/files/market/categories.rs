//! A list of categories by symbol, as other people keep them.

use std::collections::{BTreeMap, BTreeSet};

use super::category_slug;
use crate::adapters::files::csv_text::CsvTable;
use crate::model::CategoryId;
use crate::preparation::BadInput;

const HEADER: &str = "symbol,category,priority,notes";

/// Reads `symbol,category,priority,notes`. Symbols collide, so the result is for people to pick from; nothing joins
/// it to assets.
///
/// # Errors
/// When the header is another one, or a category's name has nothing to make an id of.
pub fn read_categories(place: &str, bytes: &[u8]) -> Result<BTreeMap<String, BTreeSet<CategoryId>>, BadInput> {
    let table = CsvTable::read(place, bytes)?;
    if table.header() != HEADER {
        let problem = "not a list of categories";
        return Err(BadInput::new(place, "line 1", &table.header(), problem, format!("use {HEADER}")));
    }
    let mut categories: BTreeMap<String, BTreeSet<CategoryId>> = BTreeMap::new();
    for row in table.rows() {
        let category = category_slug(row.get("category")).and_then(|slug| CategoryId::new(&slug).ok());
        let category = category.ok_or_else(|| row.bad("category", "no letter or digit in it", "name the category"))?;
        let _ = categories.entry(row.get("symbol").to_owned()).or_default().insert(category);
    }
    Ok(categories)
}

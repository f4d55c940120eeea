//! Changes to a JSON tree. It is the product's own tree: numbers are text, keys keep their order and may repeat.

use index_rebalancer::preparation::json::{Json, parse};

use super::{SplitMix64, values};

const MAX_BYTES: usize = 1 << 20;

/// The document with one to three changes; nothing when it is not JSON.
pub(crate) fn mutate(document: &[u8], random: &mut SplitMix64) -> Option<Vec<u8>> {
    let mut tree = parse("", document, MAX_BYTES).ok()?;
    change(&mut tree, random);
    Some(write(&tree).into_bytes())
}

/// One to three changes anywhere in the tree.
pub(crate) fn change(tree: &mut Json, random: &mut SplitMix64) {
    for _ in 0..=random.index(4).saturating_sub(1) {
        let from = nth(tree, random.index(size(tree))).cloned();
        let at = random.index(size(tree));
        if let Some(node) = nth_mut(tree, at) {
            change_node(node, from, random);
        }
    }
}

fn change_node(node: &mut Json, other: Option<Json>, random: &mut SplitMix64) {
    if random.one_in(12) {
        *node = other.unwrap_or(Json::Null);
        return;
    }
    if random.one_in(16) {
        *node = any(random);
        return;
    }
    match node {
        Json::Null | Json::Bool(_) => *node = if random.one_in(2) { Json::Bool(random.one_in(2)) } else { any(random) },
        Json::Number(_) if random.one_in(4) => *node = Json::Text(values::number(random)),
        Json::Number(text) => *text = values::number(random),
        Json::Text(text) if random.one_in(2) => *text = values::near(text, random),
        Json::Text(text) => *text = values::text(random),
        Json::List(items) => change_list(items, other, random),
        Json::Table(entries) => change_table(entries, other, random),
    }
}

fn any(random: &mut SplitMix64) -> Json {
    match random.index(7) {
        0 => Json::Null,
        1 => Json::Bool(random.one_in(2)),
        2 => Json::Number(values::number(random)),
        3 => Json::List(Vec::new()),
        4 => Json::Table(Vec::new()),
        5 => (0..40).fold(Json::Null, |inner, _| Json::List(vec![inner])),
        _ => Json::Text(values::text(random)),
    }
}

fn change_list(items: &mut Vec<Json>, other: Option<Json>, random: &mut SplitMix64) {
    let at = random.index(items.len());
    match random.index(4) {
        0 if !items.is_empty() => drop(items.remove(at)),
        1 if !items.is_empty() => items.insert(at, items[at].clone()),
        2 if !items.is_empty() => {
            let to = random.index(items.len());
            items.swap(at, to);
        }
        _ => items.push(other.unwrap_or_else(|| any(random))),
    }
}

fn change_table(entries: &mut Vec<(String, Json)>, other: Option<Json>, random: &mut SplitMix64) {
    let at = random.index(entries.len());
    if entries.is_empty() {
        entries.push((values::text(random), other.unwrap_or_else(|| any(random))));
        return;
    }
    match random.index(6) {
        0 => drop(entries.remove(at)),
        1 => entries.insert(at, entries[at].clone()),
        2 => {
            let to = random.index(entries.len());
            entries.swap(at, to);
        }
        3 => {
            // Two values under each other's keys.
            let to = random.index(entries.len());
            let value = entries[to].1.clone();
            entries[at].1 = value;
        }
        4 => entries[at].0 = values::near(&entries[at].0, random),
        _ => entries.push((values::text(random), other.unwrap_or_else(|| any(random)))),
    }
}

/// How many nodes there are, this one included.
fn size(node: &Json) -> usize {
    1 + match node {
        Json::List(items) => items.iter().map(size).sum(),
        Json::Table(entries) => entries.iter().map(|(_, value)| size(value)).sum::<usize>(),
        _ => 0,
    }
}

fn children(node: &Json) -> Box<dyn Iterator<Item = &Json> + '_> {
    match node {
        Json::List(items) => Box::new(items.iter()),
        Json::Table(entries) => Box::new(entries.iter().map(|(_, value)| value)),
        _ => Box::new(std::iter::empty()),
    }
}

/// The node with that number; 0 is the root, children follow their parent.
fn nth(node: &Json, mut number: usize) -> Option<&Json> {
    if number == 0 {
        return Some(node);
    }
    number -= 1;
    for child in children(node) {
        let inside = size(child);
        if number < inside {
            return nth(child, number);
        }
        number -= inside;
    }
    None
}

fn nth_mut(node: &mut Json, mut number: usize) -> Option<&mut Json> {
    if number == 0 {
        return Some(node);
    }
    number -= 1;
    let children: Box<dyn Iterator<Item = &mut Json>> = match node {
        Json::List(items) => Box::new(items.iter_mut()),
        Json::Table(entries) => Box::new(entries.iter_mut().map(|(_, value)| value)),
        _ => Box::new(std::iter::empty()),
    };
    for child in children {
        let inside = size(child);
        if number < inside {
            return nth_mut(child, number);
        }
        number -= inside;
    }
    None
}

/// The tree as JSON text. A number stands as it is, valid or not.
pub(crate) fn write(tree: &Json) -> String {
    let text = |text: &String| serde_json::to_string(text).expect("text serialises");
    match tree {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.clone(),
        Json::Text(value) => text(value),
        Json::List(items) => format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(",")),
        Json::Table(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}:{}", text(key), write(value))).collect();
            format!("{{{}}}", entries.join(","))
        }
    }
}

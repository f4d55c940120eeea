//! Changes to the cells, rows and columns of a CSV file.

use super::{SplitMix64, values};

/// The file with one to three changes; nothing when it is not CSV or has no cell.
pub(crate) fn mutate(document: &[u8], random: &mut SplitMix64) -> Option<Vec<u8>> {
    let mut rows = read(document)?;
    for _ in 0..=random.index(4).saturating_sub(1) {
        change(&mut rows, random);
    }
    Some(write(&rows))
}

/// Rows and cells, as RFC 4180 has them; blank lines are left out. A reader of its own: building the tables of the
/// product's takes longer than reading files of this size.
pub(crate) fn read(document: &[u8]) -> Option<Vec<Vec<String>>> {
    let text = std::str::from_utf8(document).ok()?;
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' if quoted => quoted = false,
            '"' if cell.is_empty() => quoted = true,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' | '\r' if !quoted => {
                if !row.is_empty() || !cell.is_empty() {
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
            }
            other => cell.push(other),
        }
    }
    if !row.is_empty() || !cell.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    (!rows.is_empty()).then_some(rows)
}

pub(crate) fn write(rows: &[Vec<String>]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory takes every row");
    }
    writer.into_inner().expect("memory takes every row")
}

fn change(rows: &mut Vec<Vec<String>>, random: &mut SplitMix64) {
    // The header decides whether anything else is read at all: it is changed less often.
    let row = if rows.len() > 1 && !random.one_in(16) { 1 + random.index(rows.len() - 1) } else { 0 };
    let column = random.index(rows[row].len());
    match random.index(10) {
        0 if rows.len() > 2 => drop(rows.remove(row)),
        1 => rows.insert(row + 1, rows[row].clone()),
        2 => {
            let to = random.index(rows.len());
            rows.swap(row, to);
        }
        3 if random.one_in(4) => drop(rows[row].remove(column)),
        4 if random.one_in(4) => rows[row].insert(column, values::text(random)),
        5 => {
            // The same column of another row: repeated ids, mixed days.
            let from = random.index(rows.len());
            if let Some(cell) = rows[from].get(column).cloned() {
                rows[row][column] = cell;
            }
        }
        6 => rows[row][column] = values::text(random),
        7 => rows[row][column] = values::number(random),
        8 => rows[row][column] = String::new(),
        _ => rows[row][column] = values::near(&rows[row][column], random),
    }
    rows.retain(|row| !row.is_empty());
    if rows.is_empty() {
        rows.push(vec![values::text(random)]);
    }
}

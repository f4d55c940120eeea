//! Numbers that are none, in every kind of file that carries numbers.

use super::{Row, edit};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows() -> Vec<Row> {
    let bad = [
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("Infinity", "-Infinity"),
        ("1e400", "1e400"),
        ("1_000", "1_000"),
        ("leading space", " 1000"),
        ("non-ASCII digits", "１０００"),
        ("non-ASCII digits", "١٠٠٠"),
    ];
    let mut rows = Vec::new();
    for (entry, number) in bad {
        rows.push(edit(
            entry,
            "market.csv",
            ",84000,",
            format!(",{number},"),
            &["market.csv: line 2, price_usd = ", "it is ", "write a JSON number"],
        ));
        rows.push(edit(
            entry,
            "market.csv",
            ",1660000000000,",
            format!(",{number},"),
            &["market.csv: line 2, market_cap_usd = ", "it is "],
        ));
        rows.push(edit(
            entry,
            "trader_grades.json",
            "66.25",
            format!("\"{number}\""),
            &["trader_grades.json: data[0].TM_TRADER_GRADE = ", "it is ", "write a JSON number"],
        ));
        rows.push(edit(
            entry,
            "venue_rules.json",
            "\"0.00001000\"",
            format!("\"{number}\""),
            &["venue_rules.json: symbols[0].filters[1]."],
        ));
        rows.push(edit(
            entry,
            "policy.toml",
            "\"0.001\"",
            format!("\"{number}\""),
            &["policy.toml: fee (line", "plain decimal"],
        ));
        rows.push(edit(
            entry,
            "case.toml",
            "\"0.5\"",
            format!("\"{number}\""),
            &["case.toml: bitcoin (line", "plain decimal"],
        ));
        rows.push(edit(
            entry,
            "case.toml",
            "cash = \"1000\"",
            format!("cash = \"{number}\""),
            &["case.toml: cash (line", "plain decimal"],
        ));
    }
    let long = "0.12345678901234567890123456789";
    rows.extend([
        edit(
            "NaN",
            "trader_grades.json",
            "66.25",
            "NaN",
            &["trader_grades.json: the document", "not valid JSON", "valid JSON value"],
        ),
        edit("NaN", "case.toml", "\"0.5\"", "nan", &["case.toml: bitcoin (line", "a quantity as text"]),
        edit("1e400", "trader_grades.json", "66.25", "1e400", &["data[0].TM_TRADER_GRADE = \"1e400\"", "out of range"]),
        edit("1e400", "market.csv", ",84000,", ",1e-400,", &["price_usd = \"1e-400\"", "become zero"]),
        edit("1e400", "case.toml", "\"0.5\"", "\"1e2\"", &["case.toml: bitcoin (line", "\"1e2\"", "plain decimal"]),
        edit(
            "1_000",
            "case.toml",
            "\"0.5\"",
            "0.5",
            &["case.toml: bitcoin (line", "floating point", "a quantity as text"],
        ),
        edit(
            "more than 28 digits",
            "case.toml",
            "\"0.5\"",
            format!("\"{long}\""),
            &["case.toml: bitcoin (line", "more digits than can be kept"],
        ),
        edit(
            "more than 28 digits",
            "policy.toml",
            "\"0.001\"",
            format!("\"{long}\""),
            &["policy.toml: fee (line", "more digits than can be kept"],
        ),
        edit(
            "more than 28 digits",
            "market.csv",
            ",84000,",
            format!(",{},", "9".repeat(65)),
            &["price_usd", "longer than 64"],
        ),
    ]);
    rows
}

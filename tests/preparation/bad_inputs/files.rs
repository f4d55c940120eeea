//! Files that are wrong as a whole, cases that do not fit together, and venue rules.

use super::{Row, case, edit};
use crate::workspace::MARKET;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows() -> Vec<Row> {
    vec![
        case("empty body", |workspace| workspace.write("market.csv", ""), &["market.csv: line 1", "no header"]),
        case(
            "empty body",
            |workspace| workspace.write("trader_grades.json", ""),
            &["trader_grades.json: the document", "it is empty"],
        ),
        case(
            "not UTF-8",
            |workspace| workspace.write_bytes("market.csv", b"asset_id\n\xff\n"),
            &["market.csv: byte 9", "not UTF-8"],
        ),
        case(
            "not UTF-8",
            |workspace| workspace.write_bytes("case.toml", b"schema = 1\n\xff"),
            &["case.toml: byte 11", "not UTF-8"],
        ),
        case(
            "byte-order mark",
            |workspace| workspace.write("market.csv", &format!("\u{feff}{MARKET}")),
            &["market.csv: the first bytes", "byte-order mark"],
        ),
        case(
            "byte-order mark",
            |workspace| workspace.write("policy.toml", "\u{feff}schema = 1"),
            &["policy.toml: the first bytes", "byte-order mark"],
        ),
        edit(
            "trailing JSON",
            "trader_grades.json",
            "]}",
            "]} {}",
            &["trader_grades.json: the document", "trailing characters"],
        ),
        edit(
            "trailing JSON",
            "market.csv",
            "2025-04-16T00:00:00Z\nethereum",
            "2025-04-16T00:00:00Z,extra\nethereum",
            &["market.csv: line 2", "not readable as CSV", "as many fields"],
        ),
        edit(
            "over the size limit",
            "market.csv",
            "Bitcoin",
            "B".repeat(65),
            &["line 2, name", "not a plain label", "1 to 64"],
        ),
        case(
            "over the size limit",
            |workspace| workspace.write("market.csv", &"x".repeat(33 * 1024 * 1024)),
            &["market.csv: the file", "larger than 33554432 bytes"],
        ),
        edit(
            "unknown field",
            "case.toml",
            "schema = 1",
            "schema = 1\nvenu = \"x\"",
            &["case.toml: venu (line", "unknown field", "mend this line"],
        ),
        edit("unknown field", "policy.toml", "fee = ", "fees = ", &["policy.toml: fees (line", "unknown field"]),
        edit(
            "unknown field",
            "market.csv",
            "asset_id,",
            "id,",
            &["market.csv: line 1", "no known market file", "asset_id,symbol"],
        ),
        edit(
            "unknown field",
            "venue_rules.json",
            "\"symbols\"",
            "\"pairs\"",
            &["venue_rules.json: the document", "no known rules file"],
        ),
        edit(
            "unknown field",
            "venue_rules.json",
            "LOT_SIZE",
            "LOTS",
            &["symbols[0]", "the filter LOT_SIZE is missing", "fetch the rules again"],
        ),
        edit(
            "unknown field",
            "case.toml",
            "[[accounts]]",
            "[instruments]\nbitcoin = \"BTCEUR\"\n[[accounts]]",
            &["instruments.bitcoin = \"BTCEUR\"", "no such instrument", "own spelling"],
        ),
        edit(
            "missing or null portfolio",
            "case.toml",
            "portfolio = \"blue-chip\"",
            "",
            &["case.toml", "missing field `portfolio`"],
        ),
        edit(
            "separator, control or look-alike characters in an id",
            "case.toml",
            "portfolio = \"blue-chip\"",
            "portfolio = \"blue/chip\"",
            &["case.toml: portfolio (line", "blue/chip", "not allowed"],
        ),
        edit(
            "separator, control or look-alike characters in an id",
            "case.toml",
            "policy = \"policy.toml\"",
            "policy = \"/etc/policy.toml\"",
            &["policy = \"/etc/policy.toml\"", "not a relative path"],
        ),
        edit(
            "missing scheduled time",
            "case.toml",
            "at = \"2025-04-16T00:00:00Z\"",
            "at = \"2025-04-16\"",
            &["case.toml: at (line", "not a moment", "RFC 3339"],
        ),
        edit(
            "missing scheduled time",
            "case.toml",
            "at = \"2025-04-16T00:00:00Z\"",
            "at = \"2025-04-16T07:00:00Z\"",
            &["days = \"2025-04-16T06:00:00Z\"", "no day of the case is as early", "or add a day"],
        ),
        edit(
            "unknown schema version",
            "case.toml",
            "schema = 1",
            "schema = 2",
            &["case.toml: schema = \"2\"", "unknown version", "schema = 1"],
        ),
        edit(
            "unknown schema version",
            "policy.toml",
            "schema = 1",
            "schema = 2",
            &["policy.toml: schema = \"2\"", "unknown version"],
        ),
    ]
}

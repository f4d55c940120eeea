//! Every rule between a policy's fields, broken once each.

use index_rebalancer::model::policy::{IndexKind, RankBy, SolverBackend};
use index_rebalancer::preparation::{PreparationError, policy};

use crate::workspace::POLICY;

/// From the clean policy's text to another, and what the refusal must contain.
const BROKEN: &[(&str, &str, &[&str])] = &[
    ("schema = 1", "schema = 0", &["policy: schema = \"0\"", "unknown version", "schema = 1"]),
    ("\"Blue chips\"", "\"\"", &["policy: name", "not a plain name"]),
    ("\"USDT\"", "\"usdt\"", &["quote_currency = \"usdt\"", "upper-case", "USDT"]),
    ("\"blue_chip\"", "\"grid\"", &["index (line 4)", "grid", "blue_chip"]),
    ("min_market_cap = \"1000000000\"", "min_market_cap = \"-1\"", &["eligibility.min_market_cap = \"-1\"", "below 0"]),
    (
        "min_market_cap = \"1000000000\"",
        "min_market_cap = \"50\"\nmax_market_cap = \"50\"",
        &["eligibility.max_market_cap = \"50\"", "nothing is eligible"],
    ),
    (
        "min_market_cap = \"1000000000\"",
        "min_average_daily_volume = \"-1\"",
        &["eligibility.min_average_daily_volume", "below 0"],
    ),
    ("min_market_cap = \"1000000000\"", "min_grade = \"101\"", &["min_grade (line", "101"]),
    ("[\"stablecoin\"]", "[\"Stable Coin\"]", &["excluded_categories (line", "Stable Coin"]),
    (
        "half_spread = \"0.0005\"",
        "half_spread = \"0.01\"",
        &[
            "orders.collar = \"0.01\"",
            "not above costs.half_spread (0.01)",
            "no order would fill",
            "raise orders.collar",
        ],
    ),
    (
        "[limits]",
        "[limits]\nmin_weight = \"0\"",
        &["limits.min_weight = \"0\"", "not a fraction above 0 and at most 1"],
    ),
    ("[limits]", "[limits]\nmin_weight = \"0.95\"", &["limits.min_weight = \"0.95\"", "not below the cap", "lower it"]),
    ("[limits]", "[limits]\nmax_holdings = 0", &["limits.max_holdings = \"0\"", "below 1"]),
    ("[guards]", "[integers]\nmax_nodes = 0\n\n[guards]", &["integers.max_nodes = \"0\"", "not from 1 to 1000000"]),
    (
        "[guards]",
        "[integers]\nmax_gap = \"1.1\"\n\n[guards]",
        &["integers.max_gap = \"1.1\"", "not a fraction from 0 to 1"],
    ),
    (
        "[guards]",
        "[integers]\nwhole_lots_above = \"-1\"\n\n[guards]",
        &["integers.whole_lots_above = \"-1\"", "not a fraction from 0 to 1"],
    ),
    (
        "max_signal_flips = \"0.5\"",
        "max_signal_flips = \"0.5\"\nmax_grade_flips = \"2\"",
        &["guards.max_grade_flips = \"2\"", "not a fraction from 0 to 1"],
    ),
    ("members = 3", "members = 0", &["ranking.members = \"0\"", "below 1"]),
    ("members = 3", "members = 10001", &["ranking.members = \"10001\"", "above 10000"]),
    ("members = 3", "members = -3", &["members (line", "-3"]),
    ("enter_rank = 3", "enter_rank = 0", &["ranking.enter_rank = \"0\"", "below 1"]),
    ("enter_rank = 3", "enter_rank = 4", &["ranking.enter_rank = \"4\"", "above members", "at most members (3)"]),
    ("exit_rank = 4", "exit_rank = 2", &["ranking.exit_rank = \"2\"", "below members", "at least members (3)"]),
    (
        "max_weight = \"0.6\"\n\n[regime]",
        "max_weight = \"0.3\"\n\n[regime]",
        &["reference_weights.max_weight = \"0.3\"", "all 3 members together are 0.9, below 1", "raise the caps"],
    ),
    (
        "max_weight = \"0.6\"\n\n[regime]",
        "max_weight = \"0.6\"\ncash = \"0.0001\"\n\n[regime]",
        &["reference_weights.cash = \"0.0001\"", "below limits.cash_buffer", "leave it out"],
    ),
    (
        "max_weight = \"0.6\"\n\n[regime]",
        "max_weight = \"1.5\"\n\n[regime]",
        &["reference_weights.max_weight = \"1.5\"", "above 0 and at most 1"],
    ),
    (
        "max_weight = \"0.6\"\n\n[regime]",
        "cap_tiers = [{ top = 1, max_weight = \"0.3\" }, { top = 2, max_weight = \"0.4\" }]\n\n[regime]",
        &["cap_tiers.max_weight = \"0.4\"", "above the cap of the tier before it"],
    ),
    (
        "max_weight = \"0.6\"\n\n[regime]",
        "cap_tiers = [{ top = 1, max_weight = \"0.5\" }]\nmax_weight = \"0.6\"\n\n[regime]",
        &["reference_weights.max_weight = \"0.6\"", "above the last tier's cap"],
    ),
    (
        "max_weight = \"0.6\"\n\n[regime]",
        "cap_tiers = [{ top = 3, max_weight = \"0.3\" }]\n\n[regime]",
        &["reference_weights.max_weight = \"none\"", "all 3 members together are 0.9, below 1"],
    ),
    (
        "max_weight = \"0.6\"\n\n[regime]",
        "cap_tiers = [{ top = 0, max_weight = \"0.6\" }]\n\n[regime]",
        &["cap_tiers.top = \"0\"", "below 1"],
    ),
    (
        "bullish_at = \"0.6\"",
        "bullish_at = \"60\"",
        &["regime.bullish_at = \"60\"", "not a fraction from 0 to 1", "\"0.25\""],
    ),
    ("bearish_at = \"0.4\"", "bearish_at = \"0.6\"", &["regime.bearish_at = \"0.6\"", "not below bullish_at"]),
    ("confirmations = 2", "confirmations = 0", &["regime.confirmations = \"0\"", "below 1"]),
    (
        "bullish_stable_share = \"0\"",
        "bullish_stable_share = \"0.9\"",
        &["regime.bullish_stable_share = \"0.9\"", "above bearish_stable_share"],
    ),
    (
        "bearish_stable_share = \"0.8\"",
        "bearish_stable_share = \"1.1\"",
        &["regime.bearish_stable_share = \"1.1\"", "not a fraction"],
    ),
    ("max_depeg = \"0.02\"", "max_depeg = \"0\"", &["regime.max_depeg = \"0\"", "not above 0"]),
    (
        "unmanaged_assets = [\"airdrop\"]",
        "unmanaged_assets = [\"usd-coin\"]",
        &["regime.stable_legs = \"usd-coin\"", "unmanaged too"],
    ),
    ("kind = \"five_twenty_five\"", "kind = \"absolute\"", &["drift_band.width", "needs a width", "width = \"0.05\""]),
    (
        "kind = \"five_twenty_five\"",
        "kind = \"relative\"\nwidth = \"0\"",
        &["drift_band.width = \"0\"", "above 0 and at most 1"],
    ),
    (
        "cost_aversion = \"1\"",
        "cost_aversion = \"0\"",
        &["objective.cost_aversion = \"0\"", "buying and selling the same asset"],
    ),
    ("cost_aversion = \"1\"", "cost_aversion = \"-1\"", &["cost_aversion (line", "-1"]),
    (
        "grade_tilt = \"0.1\"\ntracking_aversion = \"1\"",
        "",
        &["objective.tracking_aversion = \"0\"", "nothing is wanted"],
    ),
    ("{ bound = \"0.01\" }", "{ bound = \"-0.01\" }", &["limits.cash_buffer.bound = \"-0.01\"", "not a fraction"]),
    (
        "{ bound = \"0.01\" }",
        "{ bound = \"0.01\", soft = { priority = 1, hard_bound = \"0.02\" } }",
        &["limits.cash_buffer.soft.hard_bound = \"0.02\"", "above the bound", "downwards"],
    ),
    (
        "priority = 2",
        "priority = 2, hard_bound = \"0.5\"",
        &["limits.max_weight.soft.hard_bound = \"0.5\"", "below the bound", "upwards"],
    ),
    ("priority = 2", "priority = 0", &["limits.max_weight.soft.priority = \"0\"", "below 1"]),
    (
        "max_weight = { bound = \"0.6\"",
        "max_weight = { bound = \"0.3\"",
        &["limits.max_weight.bound = \"0.3\"", "too tight", "3 members at most 0.3 each hold 0.9 of the 0.99"],
    ),
    (
        "max_weight = { bound = \"0.6\", soft = { priority = 2 } }",
        "max_weight_of = { bitcoin = \"0.7\" }",
        &["limits.max_weight_of", "exceptions without max_weight"],
    ),
    ("[costs]", "turnover = { bound = \"0\" }\n[costs]", &["limits.turnover.bound = \"0\"", "above 0"]),
    ("[costs]", "participation = \"0\"\n[costs]", &["limits.participation = \"0\"", "above 0 and at most 1"]),
    ("[costs]", "participation = \"1.1\"\n[costs]", &["limits.participation = \"1.1\"", "above 0 and at most 1"]),
    (
        "[costs]",
        "stable_share = { priority = 1, hard_bound = \"0.9\" }\n[costs]",
        &["limits.stable_share.soft.hard_bound = \"0.9\"", "above the bound"],
    ),
    (
        "[costs]",
        "categories = [{ category = \"meme\" }]\n[costs]",
        &["limits.categories.meme", "neither min_weight nor max_weight"],
    ),
    (
        "[costs]",
        "categories = [{ category = \"meme\", min_weight = \"0.2\", max_weight = \"0.1\" }]\n[costs]",
        &["limits.categories.meme.min_weight = \"0.2\"", "above max_weight"],
    ),
    (
        "[costs]",
        "categories = [{ category = \"meme\", max_weight = \"0.1\" }, { category = \"meme\", max_weight = \"0.2\" }]\n[costs]",
        &["limits.categories.meme = \"meme\"", "two limits on the same side"],
    ),
    (
        "[costs]",
        "categories = [{ category = \"meme\", min_weight = \"0.1\", max_weight = \"0.2\", soft = { priority = 1, hard_bound = \"0.3\" } }]\n[costs]",
        &["limits.categories.meme.soft.hard_bound = \"0.3\"", "unclear", "two entries"],
    ),
    (
        "[costs]",
        "categories = [{ category = \"meme\", min_weight = \"0.1\", soft = { priority = 1, hard_bound = \"0.3\" } }]\n[costs]",
        &["hard_bound = \"0.3\"", "above the bound"],
    ),
    ("fee = \"0.001\"", "fee = \"1\"", &["costs.fee = \"1\"", "not below 1", "0.001"]),
    ("half_spread = \"0.0005\"", "half_spread = \"5\"", &["costs.half_spread = \"5\"", "not below 1"]),
    (
        "half_spread = \"0.0005\"",
        "half_spread = \"0.0005\"\nimpact = [{ up_to = \"0.02\", cost = \"0.001\" }, { up_to = \"0.01\", cost = \"0.002\" }]",
        &["costs.impact.up_to = \"0.01\"", "not above the piece before it"],
    ),
    (
        "half_spread = \"0.0005\"",
        "half_spread = \"0.0005\"\nimpact = [{ up_to = \"0.01\", cost = \"0.002\" }, { up_to = \"0.02\", cost = \"0.001\" }]",
        &["costs.impact.cost = \"0.001\"", "convex"],
    ),
    (
        "half_spread = \"0.0005\"",
        "half_spread = \"0.0005\"\nimpact = [{ up_to = \"0\", cost = \"0.002\" }]",
        &["costs.impact.up_to = \"0\"", "not above 0"],
    ),
    ("collar = \"0.01\"", "collar = \"0\"", &["orders.collar = \"0\"", "not above 0 and below 1"]),
    ("collar = \"0.01\"", "collar = \"1\"", &["orders.collar = \"1\"", "not above 0 and below 1"]),
    ("valid_minutes = 10", "valid_minutes = 0", &["orders.valid_minutes = \"0\"", "1 to 1440"]),
    ("valid_minutes = 10", "valid_minutes = 1441", &["orders.valid_minutes = \"1441\"", "1 to 1440"]),
    ("min_trade = \"10\"", "min_trade = \"-10\"", &["orders.min_trade = \"-10\"", "below 0"]),
    ("min_trade = \"10\"", "min_trade = \"1000001\"", &["orders.min_trade = \"1000001\"", "no order is possible"]),
    ("min_trade = \"10\"", "min_turnover = \"2\"", &["orders.min_turnover = \"2\"", "not a fraction"]),
    (
        "max_order_notional = \"1000000\"",
        "max_order_notional = \"0\"",
        &["orders.max_order_notional = \"0\"", "not above 0"],
    ),
    (
        "max_run_notional = \"5000000\"",
        "max_run_notional = \"5\"",
        &["orders.max_run_notional = \"5\"", "below max_order_notional"],
    ),
    (
        "max_orders = 100",
        "max_orders = 100\nmax_day_notional = \"4999999\"",
        &["orders.max_day_notional = \"4999999\"", "below max_run_notional"],
    ),
    ("max_orders = 100", "max_orders = 0", &["orders.max_orders = \"0\"", "below 1"]),
    ("max_orders = 100", "max_orders = 5001", &["orders.max_orders = \"5001\"", "above 5000"]),
    ("max_price_age_hours = 24", "max_price_age_hours = 0", &["guards.max_price_age_hours = \"0\"", "below 1"]),
    ("max_grade_age_hours = 48", "max_grade_age_hours = 0", &["guards.max_grade_age_hours = \"0\"", "below 1"]),
    (
        "max_missing_grades = \"0.34\"",
        "max_missing_grades = \"34\"",
        &["guards.max_missing_grades = \"34\"", "not a fraction"],
    ),
    (
        "max_signal_flips = \"0.5\"",
        "max_signal_flips = \"50\"",
        &["guards.max_signal_flips = \"50\"", "not a fraction"],
    ),
    (
        "max_price_jump = \"3\"",
        "max_price_jump = \"1\"",
        &["guards.max_price_jump = \"1\"", "every price would be a jump"],
    ),
];

#[test]
fn the_clean_policy_is_accepted() {
    let policy = policy::parse(POLICY).expect("the clean policy");
    assert_eq!((policy.index, policy.ranking.by, policy.ranking.members), (IndexKind::BlueChip, RankBy::MarketCap, 3));
}

#[test]
fn every_broken_rule_is_named() {
    let mut faults = Vec::new();
    for (from, to, names) in BROKEN {
        assert!(POLICY.contains(from), "the clean policy has no {from:?}");
        match policy::parse(&POLICY.replace(from, to)) {
            Ok(_) => faults.push(format!("{to}: accepted")),
            Err(error) => {
                let message = error.to_string();
                let absent: Vec<&&str> = names.iter().filter(|name| !message.contains(**name)).collect();
                if !absent.is_empty() {
                    faults.push(format!("{to}: {absent:?} not in:\n    {message}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), BROKEN.len(), faults.join("\n"));
}

#[test]
fn everything_wrong_is_said_at_once() {
    let broken = POLICY.replace("collar = \"0.01\"", "collar = \"1\"").replace("members = 3", "members = 0");
    let Err(PreparationError::BadInput(faults)) = policy::parse(&broken) else { panic!("must be refused") };
    assert!(faults.len() >= 3, "{faults:?}");
}

#[test]
fn a_solver_is_refused_where_this_build_lacks_it() {
    let with = |backend: &str| policy::parse(&format!("{POLICY}\n[solver]\nbackend = \"{backend}\"\n"));
    assert_eq!(with("microlp").expect("in every build").solver_backend(), SolverBackend::Microlp);
    match with("highs") {
        Ok(policy) => assert!(cfg!(feature = "highs") && policy.solver_backend() == SolverBackend::Highs),
        Err(error) => {
            let message = error.to_string();
            let wanted = ["solver.backend = \"highs\"", "not in this build", "build with the feature `highs`"];
            let absent: Vec<&&str> = wanted.iter().filter(|text| !message.contains(**text)).collect();
            assert!(!cfg!(feature = "highs") && absent.is_empty(), "{absent:?} not in: {message}");
        }
    }
    let message = with("cplex").expect_err("no such solver").to_string();
    assert!(message.contains("cplex") && message.contains("`microlp` or `highs`"), "{message}");
}

#[test]
fn a_larger_cap_for_one_asset_counts_towards_the_index() {
    let exception = "max_weight = { bound = \"0.3\" }\nmax_weight_of = { bitcoin = \"0.5\" }";
    let text = POLICY.replace("max_weight = { bound = \"0.6\", soft = { priority = 2 } }", exception);
    assert!(policy::parse(&text).is_ok(), "0.5 + 0.3 + 0.3 holds what is to be invested");
}

#[test]
fn the_schema_accepts_the_clean_policy_and_refuses_unknown_keys() {
    let schema = serde_json::to_value(policy::schema()).expect("a schema");
    let validator = jsonschema::validator_for(&schema).expect("a valid schema");
    let mut policy: serde_json::Value = toml::from_str(POLICY).expect("TOML");
    assert!(
        validator.is_valid(&policy),
        "{:?}",
        validator.iter_errors(&policy).map(|error| error.to_string()).collect::<Vec<_>>()
    );
    policy["surprise"] = serde_json::Value::Bool(true);
    assert!(!validator.is_valid(&policy));
}

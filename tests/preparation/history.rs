//! Daily closes: the file, the guard, and the policies that read them.

use index_rebalancer::model::{AssetId, PriceHistory};
use index_rebalancer::preparation::{PreparationError, guards, policy};

use crate::workspace::{POLICY, Workspace};

const LIMIT: &str = "risk = { beta = \"0.9\", window_days = 20, min_days = 2, bound = \"0.5\" }";

const CLOSES: &str = "\
date,asset_id,close_usd
2025-04-13,bitcoin,83000
2025-04-14,bitcoin,84000
2025-04-15,bitcoin,83500.5
2025-04-13,ethereum,1.6e3
2025-04-15,ethereum,1610
2025-04-15,solana,0
2025-04-14,nobody,1
2025-04-16,bitcoin,1
";

/// A clean case whose policy limits tail risk.
fn with_history(closes: &str) -> Workspace {
    let workspace = Workspace::new();
    workspace.edit("policy.toml", "cash_buffer = { bound", &format!("{LIMIT}\ncash_buffer = {{ bound"));
    workspace.edit("case.toml", "trader_grades = ", "history = \"history.csv\"\ntrader_grades = ");
    workspace.write("history.csv", closes);
    workspace
}

#[test]
fn closes_of_days_that_are_over_reach_the_planner() {
    let input = with_history(CLOSES).plan().expect("an input");
    let history = input.history.expect("closes");
    assert_eq!((history.first_day.to_string(), history.days()), ("2025-04-13".to_owned(), 3));
    let shown = |asset: &str| -> Vec<String> {
        let closes = history.of(&AssetId::new(asset).expect("an id"));
        closes.iter().map(|close| close.map_or("-".to_owned(), |close| close.to_string())).collect()
    };
    assert_eq!(shown("bitcoin"), ["83000", "84000", "83500.5"], "the 16th is not over");
    assert_eq!(shown("ethereum"), ["1600", "-", "1610"]);
    assert_eq!(shown("solana"), Vec::<String>::new(), "a close of 0 is none");
    assert_eq!(shown("nobody"), Vec::<String>::new(), "without a price it is no candidate");
    let notice = "history.csv: 1 closes of 0 of solana count as missing";
    assert!(input.notices.iter().any(|one| one == notice), "{:?}", input.notices);
}

/// One wrong close would set off a stop, and hang over every scenario; a price that stays where it went is none.
#[test]
fn a_close_that_jumps_away_and_back_is_left_out() {
    let of_bitcoin = |closes: &[(&str, &str)]| {
        let rows: Vec<String> = closes.iter().map(|(day, close)| format!("2025-04-{day},bitcoin,{close}")).collect();
        let input = with_history(&format!("date,asset_id,close_usd\n{}", rows.join("\n"))).plan().expect("an input");
        let history = input.history.expect("closes");
        let shown = history.of(&AssetId::new("bitcoin").expect("an id")).iter();
        let shown: Vec<String> = shown.map(|it| it.map_or("-".to_owned(), |it| it.to_string())).collect();
        (
            shown.join(" "),
            input.notices.into_iter().filter(|notice| notice.contains("max_price_jump")).collect::<Vec<_>>(),
        )
    };
    let (shown, notices) = of_bitcoin(&[("12", "83000"), ("13", "830000"), ("14", "84000"), ("15", "8400")]);
    assert_eq!(shown, "83000 - 84000 8400", "the last one has nothing after it to judge it by");
    let sentence =
        "1 close further than max_price_jump from those before and after left out: bitcoin on 2025-04-13 (830000)";
    assert_eq!(notices, [sentence]);
    let (shown, notices) = of_bitcoin(&[("12", "83000"), ("13", "8300"), ("14", "8400"), ("15", "8350")]);
    assert_eq!((shown.as_str(), notices.len()), ("83000 8300 8400 8350", 0), "it stays there");
    let (shown, notices) = of_bitcoin(&[("11", "100"), ("12", "1"), ("13", "100"), ("14", "1"), ("15", "100")]);
    assert_eq!((shown.as_str(), notices.len()), ("100 - 100 - 100", 1), "a true close between two wrong ones stays");
    let (shown, notices) = of_bitcoin(&[("10", "100"), ("13", "1"), ("14", "100"), ("15", "100")]);
    assert_eq!((shown.as_str(), notices.len()), ("100 - - 1 100 100", 0), "nobody knows what was on the days between");
}

#[test]
fn a_policy_that_reads_no_closes_has_none_in_its_input() {
    let workspace = Workspace::new();
    let before = workspace.plan().expect("an input");
    workspace.edit("case.toml", "trader_grades = ", "history = \"history.csv\"\ntrader_grades = ");
    workspace.write("history.csv", "not even read");
    assert_eq!(workspace.plan().expect("an input"), before);
    assert!(!serde_json::to_string(&before).expect("JSON").contains("history"));
}

#[test]
fn a_policy_that_reads_closes_and_finds_none_says_so() {
    let workspace = with_history(CLOSES);
    workspace.edit("case.toml", "history = \"history.csv\"\n", "");
    let error = workspace.plan().expect_err("there are none").to_string();
    for part in
        ["missing_history: history: no daily close of before 2025-04-16", "of 21 days", "name a file of daily closes"]
    {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn closes_that_are_too_old_end_the_run() {
    // At 06:00 the 14th has been over for 30 hours, and 24 are allowed.
    let old = CLOSES.lines().filter(|line| !line.starts_with("2025-04-15")).collect::<Vec<_>>().join("\n");
    let error = with_history(&old).plan().expect_err("old").to_string();
    assert!(
        error.contains("max_price_age_hours: history: the newest daily close is of 2025-04-14, 30.0 h ago"),
        "{error}"
    );
}

/// An input may come from elsewhere: what preparation makes of closes is asked of them anew.
#[test]
fn closes_that_preparation_would_not_have_made_are_refused() {
    let sound = with_history(CLOSES).plan().expect("an input");
    guards::enforce(sound.clone()).expect("it stays sound");
    let refused = |edit: &dyn Fn(&mut PriceHistory)| {
        let mut input = sound.clone();
        edit(input.history.as_mut().expect("closes"));
        guards::enforce(input).expect_err("it is refused").to_string()
    };
    let later = refused(&|history| history.first_day = history.first_day.tomorrow().expect("a day"));
    assert!(later.contains("history_from_the_future: history: it goes on to 2025-04-16"), "{later}");
    let uneven = refused(&|history| {
        history.closes.values_mut().next().expect("closes").pop();
    });
    assert!(uneven.contains("different numbers of days") && uneven.contains("or null"), "{uneven}");
}

/// From the file to another, and what the refusal must contain.
const BROKEN: &[(&str, &str, &[&str])] = &[
    (
        "date,asset_id,close_usd",
        "day,asset_id,close_usd",
        &["history.csv: line 1", "day,asset_id", "use date,asset_id"],
    ),
    ("2025-04-13,bitcoin", "13.4.2025,bitcoin", &["line 2, date = \"13.4.2025\"", "not a day", "state the day"]),
    ("2025-04-13,bitcoin", "2025-04-13,Bitcoin", &["line 2, asset_id = \"Bitcoin\"", "not a valid"]),
    ("83000", "-83000", &["line 2, close_usd = \"-83000\"", "below the minimum"]),
    ("83000", "1e10", &["line 2, close_usd", "above the maximum"]),
    ("83000", "", &["line 2, close_usd", "is empty"]),
    (
        "2025-04-14,bitcoin",
        "2025-04-13,bitcoin",
        &["line 3, date = \"2025-04-13\"", "bitcoin has two closes of 2025-04-13"],
    ),
];

#[test]
fn a_broken_file_names_line_value_and_remedy() {
    for (from, to, parts) in BROKEN {
        assert!(CLOSES.contains(from), "the test's edit changes nothing: {from}");
        let error = with_history(&CLOSES.replacen(from, to, 1)).plan().expect_err(to).to_string();
        for part in *parts {
            assert!(error.contains(part), "{part} is not in {error}");
        }
    }
}

/// A line for one of the policy's tables, and what the refusal must contain.
const RULES: &[(&str, &str, &[&str])] = &[
    (
        "[limits]",
        "risk = { beta = \"1\", window_days = 20, min_days = 2, bound = \"0.5\" }",
        &["limits.risk.beta = \"1\"", "above 0 and below 1", "0.95"],
    ),
    (
        "[limits]",
        "risk = { beta = \"0\", window_days = 20, min_days = 2, bound = \"0.5\" }",
        &["limits.risk.beta = \"0\""],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 0, min_days = 2, bound = \"0.5\" }",
        &["limits.risk.window_days = \"0\"", "3660"],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 3661, min_days = 2, bound = \"0.5\" }",
        &["limits.risk.window_days = \"3661\""],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.95\", window_days = 19, min_days = 2, bound = \"0.5\" }",
        &["limits.risk.window_days = \"19\"", "the worst 0.05 of 19 days are less than one", "lower beta"],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 20, min_days = 21, bound = \"0.5\" }",
        &["limits.risk.min_days = \"21\"", "at most 20"],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 20, min_days = 1, bound = \"0.5\" }",
        &["limits.risk.min_days = \"1\"", "not above horizon_days (1)"],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 20, min_days = 2, bound = \"1.5\" }",
        &["limits.risk.bound = \"1.5\""],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 20, min_days = 2, horizon_days = 0, bound = \"0.5\" }",
        &["limits.risk.horizon_days = \"0\""],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 20, min_days = 2 }",
        &["limits.risk.bound", "decides nothing", "add one of the two"],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 20, min_days = 2, soft = { priority = 1 } }",
        &["limits.risk.soft", "no bound that could give way"],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 20, min_days = 2, bound = \"0.5\", soft = { priority = 0 } }",
        &["limits.risk.soft.priority"],
    ),
    (
        "[limits]",
        "risk = { beta = \"0.9\", window_days = 20, min_days = 2, bound = \"0.5\", soft = { priority = 1, hard_bound = \"0.4\" } }",
        &["limits.risk.soft.hard_bound = \"0.4\"", "below the bound"],
    ),
    (
        "[objective]",
        "risk_aversion = \"0.1\"",
        &["objective.risk_aversion = \"0.1\"", "no limits.risk", "bound may be left out"],
    ),
    (
        "[reference_weights]",
        "inverse_volatility = { window_days = 20, min_days = 5, floor = \"0\" }",
        &["inverse_volatility.floor = \"0\"", "0.0001"],
    ),
    (
        "[reference_weights]",
        "inverse_volatility = { window_days = 20, min_days = 2, floor = \"0.01\" }",
        &["inverse_volatility.min_days = \"2\"", "below 3"],
    ),
    (
        "[reference_weights]",
        "inverse_volatility = { window_days = 0, min_days = 5, floor = \"0.01\" }",
        &["inverse_volatility.window_days = \"0\""],
    ),
    (
        "[eligibility]",
        "trailing_stop = { fall = \"1\", window_days = 20, cool_down_days = 5 }",
        &["trailing_stop.fall = \"1\"", "above 0 and below 1"],
    ),
    (
        "[eligibility]",
        "trailing_stop = { fall = \"0\", window_days = 20, cool_down_days = 5 }",
        &["trailing_stop.fall = \"0\""],
    ),
    (
        "[eligibility]",
        "trailing_stop = { fall = \"0.3\", window_days = 0, cool_down_days = 5 }",
        &["trailing_stop.window_days = \"0\""],
    ),
    (
        "[eligibility]",
        "trailing_stop = { fall = \"0.3\", window_days = 20, cool_down_days = 0 }",
        &["trailing_stop.cool_down_days = \"0\""],
    ),
];

#[test]
fn every_broken_rule_about_closes_is_named() {
    for (table, line, parts) in RULES {
        let broken = POLICY.replace(table, &format!("{table}\n{line}"));
        let Err(PreparationError::BadInput(faults)) = policy::parse(&broken) else { panic!("{line} must be refused") };
        let error = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        for part in *parts {
            assert!(error.contains(part), "{part} is not in {error}");
        }
        assert_eq!(faults.len(), 1, "{error}");
    }
}

#[test]
fn sound_rules_about_closes_are_accepted() {
    let sound = POLICY
        .replace("[limits]", &format!("[limits]\n{LIMIT}"))
        .replace("[objective]", "[objective]\nrisk_aversion = \"0.1\"")
        .replace(
            "[eligibility]",
            "[eligibility]\ntrailing_stop = { fall = \"0.3\", window_days = 90, cool_down_days = 30 }",
        )
        .replace(
            "[reference_weights]",
            "[reference_weights]\ninverse_volatility = { window_days = 30, min_days = 20, floor = \"0.01\" }",
        );
    let policy = policy::parse(&sound).expect("a policy");
    assert_eq!(policy.history_days(), Some(120), "the stop reads furthest");
    assert_eq!(policy::parse(POLICY).expect("a policy").history_days(), None);
    assert_eq!(policy.limits.risk.expect("a limit").horizon_days, 1, "one day where nothing is said");
}

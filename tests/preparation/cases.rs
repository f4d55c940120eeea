//! Clean cases, and edge cases that are valid.

use index_rebalancer::model::policy::GradeKind;
use index_rebalancer::model::{
    AccountId, AssetId, Decimal, Flow, Grade, ListingStatus, Price, Quantity, Signal, Trigger,
};
use index_rebalancer::planning::idempotency::digest_of;

use crate::workspace::{AS_OF, MARKET, Workspace};

pub(crate) fn asset(id: &str) -> AssetId {
    AssetId::new(id).expect("an id")
}

#[test]
fn a_clean_case_becomes_a_planning_input() {
    let input = Workspace::new().plan().expect("the clean case");
    assert_eq!(input.as_of.to_string(), AS_OF);
    assert_eq!(input.flow, Flow::Full);
    assert_eq!(input.notices, Vec::<String>::new());
    assert_eq!(input.assets.len(), 4);

    let bitcoin = &input.assets[&asset("bitcoin")];
    assert_eq!(bitcoin.price, Price::parse("84000").expect("a price"));
    assert_eq!(bitcoin.grades.trader.expect("graded").value.to_string(), "66.25");
    assert_eq!(bitcoin.grades.investor.expect("graded").value.to_string(), "80.5");
    assert_eq!(bitcoin.grades.signal.expect("a signal").value, Signal::Bullish);
    let listing = bitcoin.listing.as_ref().expect("listed");
    assert_eq!(listing.instrument.as_str(), "BTCUSDT");
    assert_eq!(listing.status, ListingStatus::Trading);
    assert_eq!(listing.lot_size.to_string(), "0.00001");
    assert_eq!(listing.min_notional.to_string(), "5");

    let ethereum = input.account.holdings[&asset("ethereum")];
    assert_eq!((ethereum.free.to_string(), ethereum.locked.to_string()), ("10".to_owned(), "2".to_owned()));
    assert_eq!(input.state.members.len(), 3);
    assert_eq!(input.state.regime_observations.len(), 2);
}

/// Planning for live money at a venue that promises nothing is refused before there is a plan.
#[test]
fn a_live_case_where_nothing_is_promised_wants_consent() {
    let live = |venue: &str, consents: bool| {
        let workspace = Workspace::new();
        workspace.edit("case.toml", "environment = \"paper\"", "environment = \"live\"");
        workspace.edit("case.toml", "venue = \"binance\"", &format!("venue = \"{venue}\""));
        if consents {
            workspace.edit("policy.toml", "[orders]", "[orders]\naccept_unknown_fate = true");
        }
        workspace.plan().map(|input| input.policy.orders.accept_unknown_fate)
    };
    assert!(!live("binance", false).expect("late requests are refused there"));
    for venue in ["kucoin", "no-such-exchange"] {
        let refused = live(venue, false).expect_err("refused").to_string();
        for named in ["no_consent: orders.accept_unknown_fate", venue, "= true in the policy"] {
            assert!(refused.contains(named), "{named}: {refused}");
        }
        assert!(live(venue, true).expect("with consent"), "{venue}");
    }
}

#[test]
fn the_order_of_rows_and_records_is_irrelevant() {
    let straight = Workspace::new().plan().expect("the clean case");
    let turned = Workspace::new();
    let (header, rows) = MARKET.split_once('\n').expect("a header");
    let mut rows: Vec<&str> = rows.lines().collect();
    rows.reverse();
    turned.write("market.csv", &format!("{header}\n{}\n", rows.join("\n")));
    assert_eq!(digest_of(&turned.plan().expect("the clean case")), digest_of(&straight));
}

#[test]
fn valid_edges_are_accepted() {
    type Change = fn(&Workspace);
    let edges: [(&str, Change); 9] = [
        ("all grades equal", |workspace| {
            workspace.edit("investor_grades.json", "80.5", "55");
            workspace.edit("investor_grades.json", "61,", "55,");
        }),
        ("one asset", |workspace| {
            let lines: Vec<&str> =
                MARKET.lines().filter(|line| !line.starts_with("ethereum") && !line.starts_with("solana")).collect();
            workspace.write("market.csv", &lines.join("\n"));
            workspace.edit("case.toml", "ethereum = { free = \"10\", locked = \"2\" }", "");
        }),
        ("empty portfolio", |workspace| {
            workspace.edit("case.toml", "cash = \"1000\"", "cash = \"0\"");
            workspace.edit("case.toml", "bitcoin = \"0.5\"\nethereum = { free = \"10\", locked = \"2\" }", "");
        }),
        ("cash only", |workspace| {
            workspace.edit("case.toml", "bitcoin = \"0.5\"\nethereum = { free = \"10\", locked = \"2\" }", "");
        }),
        ("only an ineligible holding", |workspace| {
            workspace.edit(
                "case.toml",
                "bitcoin = \"0.5\"\nethereum = { free = \"10\", locked = \"2\" }",
                "usd-coin = \"7\"",
            );
        }),
        ("first run", |workspace| {
            workspace.edit("case.toml", "members = [\"bitcoin\", \"ethereum\", \"solana\"]", "");
            workspace.edit("case.toml", "bearish = false", "");
        }),
        ("one member of three ungraded", |workspace| {
            workspace.edit("market.csv", ",3719,", ",,");
        }),
        ("a price as an exponent", |workspace| workspace.edit("market.csv", ",128,", ",1.28e2,")),
        ("a local-time offset in the case", |workspace| {
            workspace.edit("case.toml", "at = \"2025-04-16T00:00:00Z\"", "at = \"2025-04-16T02:00:00+02:00\"");
        }),
    ];
    for (name, change) in edges {
        let workspace = Workspace::new();
        change(&workspace);
        let planned = workspace.plan();
        if let Err(error) = planned {
            panic!("{name}: {error}");
        }
    }
}

#[test]
fn ten_thousand_assets_are_accepted() {
    use std::fmt::Write as _;
    let workspace = Workspace::new();
    let mut market = MARKET.to_owned();
    for index in 0..10_000 {
        writeln!(market, "coin-{index},C{index},Coin {index},,0.5,1000,,,,2025-04-16T00:00:00Z").expect("a line");
    }
    workspace.write("market.csv", &market);
    let input = workspace.plan().expect("a large market");
    assert_eq!(input.assets.len(), 10_004);
    assert_eq!(input.notices.len(), 1, "one notice for all unlisted: {:?}", input.notices);
    assert!(input.notices[0].starts_with("10000 assets without a listing"), "{}", input.notices[0]);
}

#[test]
fn a_run_uses_the_last_day_that_is_early_enough() {
    let workspace = Workspace::new();
    let later = MARKET.replace("84000", "90000").replace("2025-04-16T", "2025-04-17T");
    workspace.write("later.csv", &later);
    workspace.edit(
        "case.toml",
        "[[days]]",
        "[[days]]\nat = \"2025-04-15T00:00:00Z\"\nmarket = \"absent.csv\"\n\n[[days]]",
    );
    let case = format!(
        "{}\n[[days]]\nat = \"2025-04-17T00:00:00Z\"\nmarket = \"later.csv\"\n",
        std::fs::read_to_string(std::path::Path::new(&workspace.load().expect("a case").place()).join("case.toml"))
            .expect("readable")
    );
    workspace.write("case.toml", &case);
    let input = workspace.plan().expect("the middle day");
    assert_eq!(input.assets[&asset("bitcoin")].price.to_string(), "84000");
    assert_eq!(workspace.load().expect("a case").days().len(), 3);
}

#[test]
fn settled_holdings_state_and_flow_take_the_place_of_the_cases_own() {
    let case = Workspace::new().load().expect("the clean case");
    let as_of = AS_OF.parse().expect("a moment");
    let main = AccountId::new("main").expect("an id");
    let mut settled = case.opening_account(&main, as_of).expect("an account");
    let _ = settled.holdings.remove(&asset("ethereum"));
    let mut state = case.opening_state();
    let _ = state.members.remove(&asset("ethereum"));
    // The temporary directory is gone with the workspace: only what was asked for is read.
    let workspace = Workspace::new();
    let input = workspace
        .load()
        .expect("a case")
        .planning_input(
            &main,
            Trigger::Scheduled(as_of),
            as_of,
            Some(Flow::DepositOnly),
            Some(settled.clone()),
            Some(state.clone()),
        )
        .expect("planned");
    assert_eq!((input.account, input.state, input.flow), (settled, state, Flow::DepositOnly));
}

#[test]
fn an_unmanaged_holding_is_valued_at_nothing_and_named() {
    let workspace = Workspace::new();
    workspace.edit("case.toml", "bitcoin = \"0.5\"", "bitcoin = \"0.5\"\nairdrop = \"1000000\"");
    let input = workspace.plan().expect("planned");
    assert!(!input.account.holdings.contains_key(&asset("airdrop")));
    assert_eq!(input.notices, ["unmanaged: 1000000 airdrop held, valued at 0 and left alone, as the policy says"]);
}

/// Nobody was a member yet, and an empty cell must not sell what is held.
#[test]
fn a_holding_of_unknown_size_ends_the_first_run() {
    let unknown = |members: &str, more: &str| {
        let workspace = Workspace::new();
        workspace.edit("case.toml", "members = [\"bitcoin\", \"ethereum\", \"solana\"]", members);
        workspace.edit("market.csv", "84000,1660000000000", "84000,");
        workspace.edit("policy.toml", "[eligibility]", &format!("[eligibility]\n{more}"));
        workspace.plan()
    };
    let told = unknown("members = []", "").expect_err("it is held").to_string();
    for part in ["unknown_figure: assets.bitcoin", "market cap unknown", "eligibility.excluded_assets, and it is sold"]
    {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(unknown("members = [\"bitcoin\"]", "").is_ok(), "a member is held");
    assert!(unknown("members = []", "excluded_assets = [\"bitcoin\"]").is_ok(), "somebody has said what is to be done");
}

#[test]
fn names_in_the_policy_that_nobody_knows_are_told() {
    let workspace = Workspace::new();
    workspace.edit("policy.toml", "[eligibility]", "[eligibility]\nexcluded_assets = [\"bitcion\", \"solana\"]");
    workspace.edit("policy.toml", "[limits]", "[limits]\nmax_weight_of = { etherium = \"0.3\", ethereum = \"0.3\" }");
    let notices = workspace.plan().expect("planned").notices;
    assert_eq!(
        notices,
        [
            "1 asset in the policy's eligibility.excluded_assets but not in the market data of the day: bitcion",
            "1 asset in the policy's limits.max_weight_of but not in the market data of the day: etherium",
        ]
    );
}

#[test]
fn a_migration_turns_holdings_members_and_memory_into_the_new_token() {
    let workspace = Workspace::new();
    let migration =
        "[[migrations]]\nfrom = \"oldsol\"\nto = \"solana\"\nratio = \"0.01\"\non = \"2025-04-16\"\n\n[[days]]";
    workspace.edit("case.toml", "[[days]]", migration);
    workspace.edit("case.toml", "\"solana\"]", "\"oldsol\"]");
    workspace.edit(
        "case.toml",
        "bitcoin = \"0.5\"",
        "bitcoin = \"0.5\"\noldsol = { free = \"123.45\", locked = \"1\" }\nsolana = \"1\"",
    );
    let mut state = workspace.load().expect("a case").opening_state();
    let _ = state.last_prices.insert(asset("oldsol"), Price::parse("1.2").expect("a price"));
    let _ = state.last_signals.insert(asset("oldsol"), Signal::Bearish);
    let grade = Grade::new(Decimal::from(55)).expect("a grade");
    let _ = state.last_grades.insert(GradeKind::Investor, [(asset("oldsol"), grade)].into());
    let input = workspace.plan_from(Some(state)).expect("planned");
    let solana = input.account.holdings[&asset("solana")];
    assert_eq!(solana.free, Quantity::parse("2.2345").expect("a quantity"));
    assert_eq!(solana.locked, Quantity::parse("0.01").expect("a quantity"));
    assert!(input.state.members.contains(&asset("solana")) && !input.state.members.contains(&asset("oldsol")));
    assert_eq!(input.state.last_prices[&asset("solana")], Price::parse("120").expect("a price"));
    assert_eq!(input.state.last_signals[&asset("solana")], Signal::Bearish);
    assert_eq!(input.state.last_grades[&GradeKind::Investor], [(asset("solana"), grade)].into());
    assert_eq!(input.notices.len(), 2, "{:?}", input.notices);

    // The day before, nothing has happened yet: the old token is a holding nobody prices.
    workspace.edit("case.toml", "on = \"2025-04-16\"", "on = \"2025-04-17\"");
    let error = workspace.plan().expect_err("too early").to_string();
    assert!(error.contains("account.holdings.oldsol"), "{error}");
}

#[test]
fn migrations_of_one_day_chain_whatever_their_names() {
    let migration = |from: &str, to: &str| {
        format!("[[migrations]]\nfrom = \"{from}\"\nto = \"{to}\"\nratio = \"0.1\"\non = \"2025-04-16\"\n")
    };
    // By name the second step would come first, and find nothing.
    for entries in [[("zold", "aold"), ("aold", "solana")], [("aold", "solana"), ("zold", "aold")]] {
        let workspace = Workspace::new();
        let entries: String = entries.iter().map(|(from, to)| migration(from, to)).collect();
        workspace.edit("case.toml", "[[days]]", &format!("{entries}[[days]]"));
        workspace.edit("case.toml", "bitcoin = \"0.5\"", "bitcoin = \"0.5\"\nzold = \"500\"");
        let input = workspace.plan().expect("planned");
        assert_eq!(input.account.holdings[&asset("solana")].free, Quantity::parse("5").expect("a quantity"));
        assert_eq!(input.notices.len(), 2, "{:?}", input.notices);
    }
}

#[test]
fn migrations_of_one_day_in_a_circle_are_refused() {
    let workspace = Workspace::new();
    let migration = |from: &str, to: &str| {
        format!("[[migrations]]\nfrom = \"{from}\"\nto = \"{to}\"\nratio = \"1\"\non = \"2025-04-16\"\n")
    };
    let entries = migration("zold", "aold") + &migration("aold", "zold");
    workspace.edit("case.toml", "[[days]]", &format!("{entries}[[days]]"));
    let error = workspace.plan().expect_err("a circle").to_string();
    assert!(error.contains("migrations") && error.contains("aold, zold") && error.contains("circle"), "{error}");
}

#[test]
fn a_migration_that_would_lose_digits_is_refused() {
    let workspace = Workspace::new();
    let migration = "[[migrations]]\nfrom = \"oldsol\"\nto = \"solana\"\nratio = \"0.000000000000001\"\non = \"2025-04-16\"\n\n[[days]]";
    workspace.edit("case.toml", "[[days]]", migration);
    workspace.edit("case.toml", "bitcoin = \"0.5\"", "bitcoin = \"0.5\"\noldsol = \"0.12345678901234567\"");
    let error = workspace.plan().expect_err("inexact").to_string();
    assert!(error.contains("holdings.oldsol = \"0.12345678901234567\"") && error.contains("losing digits"), "{error}");
}

#[test]
fn two_assets_of_one_symbol_need_explicit_instruments() {
    let workspace = Workspace::new();
    let twin = "wrapped-sol,SOL,Another SOL,,127,1000000001,1000000,,,2025-04-16T00:00:00Z\n";
    workspace.write("market.csv", &format!("{MARKET}{twin}"));
    let input = workspace.plan().expect("planned");
    assert!(input.assets[&asset("solana")].listing.is_none() && input.assets[&asset("wrapped-sol")].listing.is_none());
    assert_eq!(input.notices.len(), 1);
    assert!(input.notices[0].contains("solana (SOL), wrapped-sol (SOL)"), "{}", input.notices[0]);

    workspace.edit("case.toml", "[[accounts]]", "[instruments]\nsolana = \"SOLUSDT\"\n\n[[accounts]]");
    let input = workspace.plan().expect("planned");
    assert_eq!(input.assets[&asset("solana")].listing.as_ref().expect("listed").instrument.as_str(), "SOLUSDT");
    assert!(input.assets[&asset("wrapped-sol")].listing.is_none());
}

#[test]
fn an_unsound_candidate_that_cannot_enter_is_dropped_and_named() {
    let workspace = Workspace::new();
    let tail = "dust-coin,DUST,Dust,,0.1,5,,,,2025-04-01T00:00:00Z\n";
    workspace.write("market.csv", &format!("{MARKET}{tail}"));
    let input = workspace.plan().expect("planned");
    assert!(!input.assets.contains_key(&asset("dust-coin")));
    assert!(
        input.notices.iter().any(|notice| notice == "max_price_age_hours: 1 candidate dropped: dust-coin"),
        "{:?}",
        input.notices
    );
}

#[test]
fn a_grade_that_is_too_low_is_not_missing() {
    let workspace = Workspace::new();
    workspace.edit("case.toml", "members = [\"bitcoin\", \"ethereum\", \"solana\"]", "");
    workspace.edit("policy.toml", "[ranking]", "min_grade = \"70\"\n\n[ranking]");
    let input = workspace.plan().expect("a first run of which two candidates are graded too low");
    assert!(input.assets[&asset("solana")].grades.investor.is_some());
}

#[test]
fn a_single_stale_grade_counts_as_missing() {
    let workspace = Workspace::new();
    workspace.edit("investor_grades.json", "3719, \"DATE\": \"2025-04-16", "3719, \"DATE\": \"2025-04-10");
    // The signals repeat the grade with a date that is not stale, so it is known.
    let input = workspace.plan().expect("planned");
    assert_eq!(input.assets[&asset("solana")].grades.investor.expect("graded").at.to_string(), "2025-04-16T00:00:00Z");
    assert!(input.notices.iter().all(|notice| !notice.contains("investor grade older")), "{:?}", input.notices);
    workspace.edit("trading_signals.json", "\"TM_INVESTOR_GRADE\": 55", "\"TM_INVESTOR_GRADE\": null");
    let input = workspace.plan().expect("planned");
    assert!(input.assets[&asset("solana")].grades.investor.is_none());
    assert!(
        input.notices.iter().any(|notice| notice.starts_with("1 investor grade older than 48 h")),
        "{:?}",
        input.notices
    );
}

#[test]
fn signals_fill_grades_that_no_answer_of_their_own_states() {
    let workspace = Workspace::new();
    workspace.edit("case.toml", "investor_grades = \"investor_grades.json\"", "");
    let input = workspace.plan().expect("planned");
    assert_eq!(input.assets[&asset("ethereum")].grades.investor.expect("graded").value.to_string(), "61");
    assert!(input.assets[&asset("bitcoin")].grades.investor.is_none(), "null in the signals");
}

#[test]
fn an_explicit_token_id_grades_market_data_that_has_none() {
    let workspace = Workspace::new();
    workspace.edit("market.csv", ",3375,", ",,");
    workspace.edit("case.toml", "[[accounts]]", "[token_ids]\nbitcoin = 3375\n\n[[accounts]]");
    let input = workspace.plan().expect("planned");
    assert_eq!(input.assets[&asset("bitcoin")].grades.investor.expect("graded").value.to_string(), "80.5");
}

#[test]
fn an_account_is_observed_when_its_case_says_so() {
    let at = |workspace: &Workspace| workspace.plan().expect("an input").account.observed_at.to_string();
    let workspace = Workspace::new();
    assert_eq!(at(&workspace), AS_OF, "the planning time, unless it is said");
    workspace.edit("case.toml", "cash = \"1000\"", "cash = \"1000\"\nobserved_at = \"2025-04-15T00:00:00Z\"");
    assert_eq!(at(&workspace), "2025-04-15T00:00:00Z");
    // One that was read after everything else makes nothing old.
    workspace.edit(
        "case.toml",
        "2025-04-15T00:00:00Z\"\n\n[accounts.holdings]",
        "2025-04-19T00:00:00Z\"\n\n[accounts.holdings]",
    );
    assert_eq!(at(&workspace), "2025-04-19T00:00:00Z");
}

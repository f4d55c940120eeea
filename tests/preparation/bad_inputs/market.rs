//! Prices, ids and holdings that are not fit to trade on.

use index_rebalancer::model::{AccountSnapshot, Money, Price, Quantity};
use index_rebalancer::preparation::guards;

use super::{Row, asset, case, edit, remembered, text};
use crate::workspace::{AS_OF, MARKET, Workspace};

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows() -> Vec<Row> {
    let row =
        |line: &'static str| move |workspace: &Workspace| workspace.write("market.csv", &format!("{MARKET}{line}\n"));
    vec![
        case(
            "duplicate asset",
            row("bitcoin,BTC,Bitcoin,,84000,1,1,,,2025-04-16T00:00:00Z"),
            &["market.csv: line 6, asset_id = \"bitcoin\"", "twice", "one row"],
        ),
        case(
            "duplicate asset",
            row("bitcoin-2,BTC,Bitcoin,3375,84000,1,1,,,2025-04-16T00:00:00Z"),
            &["line 6, token_id = \"3375\"", "bitcoin has the same token_id"],
        ),
        edit(
            "duplicate asset",
            "case.toml",
            "bitcoin = \"0.5\"",
            "bitcoin = \"0.5\"\nbitcoin = \"1\"",
            &["case.toml: bitcoin (line", "duplicate key"],
        ),
        edit(
            "duplicate asset",
            "case.toml",
            "[[days]]",
            "[[accounts]]\nid = \"main\"\ncash = \"1\"\n[[days]]",
            &["accounts.main.id = \"main\"", "twice"],
        ),
        edit(
            "duplicate asset",
            "case.toml",
            "\"ethereum\", \"solana\"",
            "\"ethereum\", \"ethereum\"",
            &["state.members = \"ethereum\"", "twice"],
        ),
        edit(
            "duplicate asset",
            "case.toml",
            "[[accounts]]",
            "[instruments]\nbitcoin = \"BTCUSDT\"\nsolana = \"BTCUSDT\"\n[[accounts]]",
            &["instruments.solana = \"BTCUSDT\"", "bitcoin has this instrument too"],
        ),
        edit(
            "duplicate asset",
            "venue_rules.json",
            "\"ETHUSDT\"",
            "\"BTCUSDT\"",
            &["symbols[1]", "BTCUSDT appears twice"],
        ),
        case(
            "ids that differ in case only",
            row("Bitcoin,BTC,Bitcoin,,84000,1,1,,,2025-04-16T00:00:00Z"),
            &["line 6, asset_id = \"Bitcoin\"", "differs from \"bitcoin\" in case only", "lower case"],
        ),
        edit(
            "ids that differ in case only",
            "case.toml",
            "bitcoin = \"0.5\"",
            "Bitcoin = \"0.5\"",
            &["case.toml", "Bitcoin", "not valid", "a-z"],
        ),
        edit(
            "ids that differ in case only",
            "venue_rules.json",
            "\"ETHUSDT\"",
            "\"btcUSDT\"",
            &["symbols[1]", "BTCUSDT and btcUSDT differ in case only"],
        ),
        edit(
            "price zero, negative, stale or jumped",
            "market.csv",
            ",84000,",
            ",0,",
            &["line 2, price_usd = \"0\"", "below the minimum", "above 0"],
        ),
        edit(
            "price zero, negative, stale or jumped",
            "market.csv",
            ",84000,",
            ",-84000,",
            &["line 2, price_usd = \"-84000\"", "below the minimum"],
        ),
        edit(
            "price zero, negative, stale or jumped",
            "market.csv",
            ",84000,",
            ",0.0000000000000000009,",
            &["line 2, price_usd = \"0.0000000000000000009\"", "below the minimum", "from 1e-18"],
        ),
        edit("price zero, negative, stale or jumped", "market.csv", ",84000,", ",,", &["line 2, price_usd", "empty"]),
        edit(
            "price zero, negative, stale or jumped",
            "market.csv",
            ",84000,",
            ",1000000001,",
            &["line 2, price_usd", "above the maximum"],
        ),
        edit(
            "price zero, negative, stale or jumped",
            "market.csv",
            ",30000000000,",
            ",-1,",
            &["average_daily_volume_usd = \"-1\"", "below the minimum"],
        ),
        edit(
            "price zero, negative, stale or jumped",
            "market.csv",
            "2009-01-03,2025-04-16T",
            "2009-01-03,2025-04-15T",
            &[
                "max_price_age_hours: assets.bitcoin.observed_at",
                "2025-04-15T00:00:00Z",
                "30.0 h",
                "24 h",
                "fetch the market data again",
            ],
        ),
        edit(
            "price zero, negative, stale or jumped",
            "market.csv",
            "2009-01-03,2025-04-16T00",
            "2009-01-03,2025-04-16T07",
            &["price_from_the_future: assets.bitcoin.observed_at", "2025-04-16T07:00:00Z"],
        ),
        edit(
            "price zero, negative, stale or jumped",
            "market.csv",
            "2009-01-03,2025-04-16T00:00:00Z",
            "2009-01-03,yesterday",
            &["line 2, observed_at = \"yesterday\"", "not a moment"],
        ),
        edit(
            "price zero, negative, stale or jumped",
            "market.csv",
            ",0.9999,",
            ",0.97,",
            &["max_depeg: assets.usd-coin.price", "0.97 is 0.03 from 1", "0.02"],
        ),
        remembered(
            "price zero, negative, stale or jumped",
            |state| {
                let _ = state.last_prices.insert(asset("ethereum"), Price::parse("533").expect("a price"));
            },
            &[
                "max_price_jump: assets.ethereum.price",
                "533 in the last run that saw it, 1600 now",
                "factor 3",
                "guards.confirmed_prices",
                "[[migrations]]",
            ],
        ),
        remembered(
            "price zero, negative, stale or jumped",
            |state| {
                let _ = state.last_prices.insert(asset("ethereum"), Price::parse("4801").expect("a price"));
            },
            &["max_price_jump: assets.ethereum.price", "4801 in the last run"],
        ),
        edit(
            "negative holding",
            "case.toml",
            "bitcoin = \"0.5\"",
            "bitcoin = \"-0.5\"",
            &["case.toml: bitcoin (line", "\"-0.5\" is below the minimum", "from 0"],
        ),
        edit(
            "negative holding",
            "case.toml",
            "locked = \"2\"",
            "locked = \"-2\"",
            &["case.toml: ethereum", "\"-2\" is below the minimum"],
        ),
        edit(
            "negative holding",
            "case.toml",
            "cash = \"1000\"",
            "cash = \"-1000\"",
            &["accounts.main.cash = \"-1000\"", "below 0"],
        ),
        edit(
            "negative holding",
            "case.toml",
            "bitcoin = \"0.5\"",
            "bitcoin = \"1000000000000000\"",
            &["max_net_asset_value", "1e15", "check prices and quantities"],
        ),
        edit(
            "a managed holding nobody can price",
            "case.toml",
            "bitcoin = \"0.5\"",
            "mystery = \"5\"",
            &["unpriced_holding: account.holdings.mystery", "5 units", "guards.unmanaged_assets"],
        ),
        text(
            "holdings that changed while being read",
            changed_account,
            &[
                "account.cash_free",
                "1000 at first, 990 when read again",
                "account.holdings.bitcoin",
                "0.5 free and 0 locked at first, 0.6 free",
                "run again",
            ],
        ),
        text(
            "orders of an earlier run unsettled",
            || guards::unsettled(Some("6f1c1d4e")).expect("refused").to_string(),
            &["unsettled_run: account", "6f1c1d4e", "settle that run first"],
        ),
        edit(
            "empty universe",
            "policy.toml",
            "min_market_cap = \"1000000000\"",
            "min_market_cap = \"100000000000000\"",
            &["empty_universe: assets", "none of 4 priced assets (4 listed)", "[eligibility]"],
        ),
        case(
            "empty universe",
            |workspace| {
                let header = MARKET.lines().next().expect("a header");
                workspace.write("market.csv", &format!("{header}\n"));
                workspace.edit("case.toml", "bitcoin = \"0.5\"\nethereum = { free = \"10\", locked = \"2\" }", "");
            },
            &["empty_universe: assets", "none of 0 priced assets", "max_depeg: assets.usd-coin.price: no price"],
        ),
    ]
}

fn changed_account() -> String {
    let case = Workspace::new().load().expect("the clean case");
    let main = case.accounts().next().expect("an account").clone();
    let before: AccountSnapshot = case.opening_account(&main, AS_OF.parse().expect("a moment")).expect("an account");
    let mut after = before.clone();
    after.cash_free = Money::parse("990").expect("money");
    after.holdings.get_mut(&asset("bitcoin")).expect("held").free = Quantity::parse("0.6").expect("a quantity");
    assert_eq!(guards::changed_while_reading(&before, &before), []);
    let violations = guards::changed_while_reading(&before, &after);
    violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

//! The public inputs under `../shared`, as they are.

use std::collections::{BTreeMap, BTreeSet};

use index_rebalancer::adapters::files::token_metrics::{self, Endpoint};
use index_rebalancer::adapters::files::{market, venue_rules};
use index_rebalancer::model::{CategoryId, Decimal, InstrumentId, Listing, ListingStatus, Money, Price, Signal};
use index_rebalancer::preparation::event::{self, Origin};
use index_rebalancer::preparation::listing;
use index_rebalancer::preparation::sources::{MarketData, MarketRecord, VenueRules};
use jiff::Timestamp;

use crate::cases::asset;
use crate::events::now;
use crate::shared::shared_data;
use crate::workspace::Workspace;

/// A file under `../shared`; `None`, with a printed line, when the folder is absent and need not be there.
pub(crate) fn read(path: &str, test: &str) -> Option<Vec<u8>> {
    let file = shared_data(test)?.join("..").join(path);
    Some(std::fs::read(file).unwrap_or_else(|error| panic!("{path} of the shared data: {error}")))
}

/// `2022-05-01` as midnight UTC.
fn day(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().expect("a day")
}

fn market_of(path: &str, moment: Timestamp, test: &str) -> Option<MarketData> {
    let bytes = read(path, test)?;
    Some(market::read(path, &bytes, moment).unwrap_or_else(|error| panic!("{error}")))
}

/// A file of many days: every so many of them, counted independently from the text.
fn snapshots(path: &str, days: usize, rows: usize, every: usize, test: &str) {
    let Some(bytes) = read(path, test) else { return };
    let lines = String::from_utf8(bytes.clone()).expect("text");
    let mut per_day: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines.lines().skip(1) {
        *per_day.entry(&line[..10]).or_default() += 1;
    }
    assert_eq!((per_day.len(), per_day.values().sum::<usize>()), (days, rows), "{path}");
    for (date, count) in per_day.into_iter().step_by(every) {
        let market = market::read(path, &bytes, day(date)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((market.assets.len(), market.dropped_rows), (count, 0), "{path} on {date}: {:?}", market.notices);
    }
}

#[test]
fn monthly_snapshots_load() {
    let path = "data/snapshots/cmc_top200_monthly_2020_2023.csv";
    snapshots(path, 48, 9_600, 6, "monthly_snapshots");
    let Some(market) = market_of(path, day("2022-05-01"), "monthly_snapshots") else { return };
    let terra = &market.assets[&asset("terra")];
    assert_eq!((terra.symbol.as_str(), terra.price), ("LUNA", Some(Price::parse("82.23954892").expect("a price"))));
    let total: Money = market.assets.values().filter_map(|record| record.market_cap).sum();
    assert_eq!(total.to_string(), "1718988683850");
    assert!(market.assets.values().all(|record| record.observed_at == day("2022-05-01")));
}

#[test]
fn an_asset_keeps_its_id_through_a_change_of_symbol() {
    let path = "data/snapshots/cmc_top200_monthly_2020_2023.csv";
    let symbol_of_aave = |date: &str| {
        market_of(path, day(date), "an_asset_keeps_its_id").map(|market| market.assets[&asset("aave")].symbol.clone())
    };
    let Some(before) = symbol_of_aave("2020-08-01") else { return };
    assert_eq!((before.as_str(), symbol_of_aave("2021-05-01").as_deref()), ("LEND", Some("AAVE")));
    // One symbol twice on one day: two coins, two ids.
    let march = market_of(path, day("2023-03-01"), "an_asset_keeps_its_id").expect("the file is there");
    assert_eq!(march.assets.values().filter(|record| record.symbol == "BNX").count(), 2);
}

#[test]
fn weekly_snapshots_load() {
    snapshots("data/snapshots/cmc_top10_weekly_2013_2020.csv", 400, 4_000, 40, "weekly_snapshots");
}

#[test]
fn market_caps_without_prices_load_and_say_so() {
    let path = "data/snapshots/cmc_monthly_mcap_only_2013_2019.csv";
    snapshots(path, 81, 2_594, 10, "market_caps");
    let Some(market) = market_of(path, day("2013-05-05"), "market_caps") else { return };
    assert!(market.assets[&asset("btc")].price.is_none());
    assert_eq!(market.notices, ["market data: 1 asset left without a price (the source states none): btc"]);
}

#[test]
fn a_day_that_is_not_in_the_file_is_refused_with_the_nearest() {
    let path = "data/snapshots/cmc_top200_monthly_2020_2023.csv";
    let Some(bytes) = read(path, "a_day_that_is_not_in_the_file") else { return };
    let error = market::read(path, &bytes, day("2022-05-02")).expect_err("no such day").to_string();
    assert!(error.contains("date = \"2022-05-02\"") && error.contains("2022-05-01 and 2022-06-01"), "{error}");
}

#[test]
fn the_coingecko_listing_loads_but_for_one_row() {
    let path = "data/taxonomy/coingecko_top3000_2025-02-14.csv";
    let Some(market) = market_of(path, day("2025-02-15"), "the_coingecko_listing") else { return };
    assert_eq!((market.assets.len(), market.dropped_rows), (2_999, 1));
    assert_eq!(market.notices.len(), 1, "{:?}", market.notices);
    let count = |test: &dyn Fn(&MarketRecord) -> bool| market.assets.values().filter(|record| test(record)).count();
    let in_category = |name: &str| {
        let category = CategoryId::new(name).expect("a category");
        count(&|record| record.categories.contains(&category))
    };
    assert_eq!((in_category("stablecoins"), in_category("layer-1-l1")), (112, 198));
    assert_eq!(count(&|record| record.first_seen.is_some()), 163);
    assert_eq!(count(&|record| record.observed_at == day("2025-02-14")), 2_933 - 1);
    assert_eq!(count(&|record| record.symbol.eq_ignore_ascii_case("WETH")), 17);
    let categories: BTreeSet<&CategoryId> = market.assets.values().flat_map(|record| &record.categories).collect();
    assert_eq!(categories.len(), 442, "no two names of categories become one id");
}

#[test]
fn the_tagged_listing_loads_whole() {
    let path = "data/taxonomy/cmc_top1000_with_tags_2021-09-12.csv";
    let moment: Timestamp = "2021-09-12T22:13:12Z".parse().expect("a moment");
    let Some(market) = market_of(path, moment, "the_tagged_listing") else { return };
    assert_eq!((market.assets.len(), market.dropped_rows, market.notices.len()), (1_000, 0, 0));
    let bitcoin = &market.assets[&asset("bitcoin")];
    assert_eq!((bitcoin.price, bitcoin.observed_at), (Some(Price::parse("45382.5115078").expect("a price")), moment));
    let stable = CategoryId::new("stablecoin").expect("a category");
    assert_eq!(market.assets.values().filter(|record| record.categories.contains(&stable)).count(), 26);
}

#[test]
fn categories_by_symbol_load() {
    let path = "data/taxonomy/peer_categories_2025-10.csv";
    let Some(bytes) = read(path, "categories_by_symbol") else { return };
    let categories = market::read_categories(path, &bytes).expect("categories");
    assert_eq!(categories.len(), 135);
    assert_eq!(categories.values().map(BTreeSet::len).sum::<usize>(), 192);
    assert_eq!(categories.values().flatten().collect::<BTreeSet<_>>().len(), 36);
}

#[test]
fn token_metrics_answers_load() {
    let path = "data/token_metrics/trader_grades_2025-04-16.json";
    let Some(bytes) = read(path, "token_metrics_answers") else { return };
    let grades = token_metrics::read(path, &bytes, Endpoint::TraderGrades).expect("grades");
    assert_eq!(grades.trader.len(), 667);
    assert_eq!(grades.trader.values().map(|grade| grade.value.get()).sum::<Decimal>().to_string(), "17408.17");
    assert!(grades.trader.values().all(|grade| grade.at == day("2025-04-16")));

    let path = "data/token_metrics/trading_signals_2025-04-08.json";
    let bytes = read(path, "token_metrics_answers").expect("the file is there");
    let grades = token_metrics::read(path, &bytes, Endpoint::TradingSignals).expect("signals");
    assert_eq!((grades.signals.len(), grades.trader.len(), grades.investor.len()), (59, 59, 57));
    let bearish: Vec<u64> =
        grades.signals.iter().filter(|(_, signal)| signal.value == Signal::Bearish).map(|(id, _)| *id).collect();
    assert_eq!(bearish.len(), 1);
    assert_eq!(grades.investor.values().map(|grade| grade.value.get()).sum::<Decimal>().to_string(), "2960.57");
}

#[test]
fn token_metrics_histories_and_lists_load() {
    let path = "data/token_metrics/btc_trader_grade_daily_2021_2022-06.csv";
    let Some(bytes) = read(path, "token_metrics_histories") else { return };
    let grades = token_metrics::read_daily_trader_grades(path, &bytes).expect("grades");
    assert_eq!(grades.len(), 543);
    assert_eq!(grades.values().map(|grade| grade.get()).sum::<Decimal>().to_string(), "29052.3542476765");
    assert!(!grades.contains_key(&day("2022-06-04")), "a day the source lacks");

    let path = "data/token_metrics/universe_token_ids.csv";
    let bytes = read(path, "token_metrics_histories").expect("the file is there");
    let ids = token_metrics::read_token_ids(path, &bytes).expect("ids");
    assert_eq!((ids.len(), ids.iter().sum::<u64>()), (1_194, 41_334_537));
}

#[test]
fn venue_rules_load() {
    // File, instruments, of those trading, of those dated, quote currencies.
    let files = [
        ("binance_spot_exchange_info_2021-04-29.json", 1_418, 1_008, 0, 26),
        ("binance_us_exchange_info_2021-09-12.json", 117, 113, 0, 5),
        ("binance_usdm_exchange_info_2025-01-09.json", 410, 382, 5, 3),
        ("coinbase_products_2021-09-10.json", 194, 194, 0, 9),
        ("kraken_asset_pairs_2026-01-06_usd_quotes.json", 652, 625, 0, 3),
        ("lean_symbol_properties_coinbase.csv", 7, 7, 0, 1),
    ];
    for (file, instruments, trading, dated, quotes) in files {
        let Some(rules) = rules_of(file, "venue_rules_load") else { return };
        let listings = || rules.instruments.values();
        let found = (
            rules.instruments.len(),
            listings().filter(|rules| rules.listing.status == ListingStatus::Trading).count(),
            listings().filter(|rules| rules.dated).count(),
            listings().map(|rules| &rules.quote).collect::<BTreeSet<_>>().len(),
        );
        assert_eq!(found, (instruments, trading, dated, quotes), "{file}");
    }
}

fn rules_of(file: &str, test: &str) -> Option<VenueRules> {
    let path = format!("data/exchange_rules/{file}");
    let bytes = read(&path, test)?;
    Some(venue_rules::read(&path, &bytes).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn venue_rules_say_what_the_venues_say() {
    let listing = |file: &str, instrument: &str| {
        let rules = rules_of(file, "venue_rules_say")?;
        let found = rules.instruments.get(&InstrumentId::new(instrument).expect("an id")).expect(instrument);
        let Listing { lot_size, min_quantity, max_quantity, tick_size, min_notional, status, .. } = &found.listing;
        let most = max_quantity.map_or_else(|| "none".to_owned(), |most| most.to_string());
        Some(format!(
            "{}/{} lot {lot_size} min {min_quantity} max {most} tick {tick_size} notional {min_notional} {status:?}",
            found.base, found.quote
        ))
    };
    let expected = [
        (
            "binance_us_exchange_info_2021-09-12.json",
            "BTCUSD",
            "BTC/USD lot 0.000001 min 0.000001 max 9000 tick 0.01 notional 10 Trading",
        ),
        (
            "binance_usdm_exchange_info_2025-01-09.json",
            "BTCUSDT",
            "BTC/USDT lot 0.001 min 0.001 max 1000 tick 0.1 notional 100 Trading",
        ),
        (
            "coinbase_products_2021-09-10.json",
            "1INCH-USD",
            "1INCH/USD lot 0.01 min 0.1 max 59000 tick 0.001 notional 5 Trading",
        ),
        (
            "kraken_asset_pairs_2026-01-06_usd_quotes.json",
            "XBTUSDT",
            "BTC/USDT lot 0.00000001 min 0.00005 max none tick 0.1 notional 0.5 Trading",
        ),
        (
            "lean_symbol_properties_coinbase.csv",
            "BTC-USD",
            "BTC/USD lot 0.00000001 min 0.00000001 max none tick 0.01 notional 0 Trading",
        ),
    ];
    for (file, instrument, rules) in expected {
        let Some(found) = listing(file, instrument) else { return };
        assert_eq!(found, rules, "{file}");
    }
    let xrp = listing("binance_us_exchange_info_2021-09-12.json", "XRPUSD").expect("the file is there");
    assert!(xrp.ends_with("Halted"), "{xrp}");
}

#[test]
fn recorded_events_of_other_kinds_are_refused() {
    let files = [
        ("powertools_eventBridgeEvent.json", "an event of aws.ec2 does not start a run"),
        ("powertools_s3EventBridgeNotificationObjectCreatedEvent.json", "an event of aws.s3 does not start a run"),
        ("powertools_sqsEvent.json", "Records = \"a list of 2\": the field is unknown"),
        ("rust_runtime_cloudwatch-alarm-metric.json", "the field is unknown"),
        ("rust_runtime_eventbridge-event-obj.json", "an event of aws.ec2 does not start a run"),
        ("rust_runtime_eventbridge-schedule.json", "detail.portfolio: the schedule names no portfolio"),
        ("rust_runtime_s3-event.json", "the field is unknown"),
        ("rust_runtime_sns-event.json", "the field is unknown"),
        ("rust_runtime_sqs-batch-response.json", "the field is unknown"),
        ("rust_runtime_sqs-event.json", "the field is unknown"),
        ("eventbridge_scheduler_context_attributes.json", "the field is unknown"),
    ];
    for (file, reason) in files {
        let Some(bytes) = read(&format!("data/events/{file}"), "recorded_events") else { return };
        let error = event::parse(&bytes, &Origin::default(), now()).expect_err(file).to_string();
        assert!(error.contains(reason), "{file}: {error}");
        assert!(error.contains("; "), "{file} has no remedy: {error}");
    }
}

/// The clean case with a foreign market and a venue's real rules: how many assets are listed, how many are not
/// because their symbol is not unique. Both counted independently.
#[test]
fn symbols_map_to_instruments_only_where_they_are_unique() {
    let cases = [
        (
            "data/taxonomy/coingecko_top3000_2025-02-14.csv",
            "2025-02-15",
            "binance_usdm_exchange_info_2025-01-09.json",
            "USDT",
            317,
            74,
        ),
        (
            "data/taxonomy/cmc_top1000_with_tags_2021-09-12.csv",
            "2021-09-12",
            "binance_us_exchange_info_2021-09-12.json",
            "USD",
            57,
            2,
        ),
        (
            "data/snapshots/cmc_top200_monthly_2020_2023.csv",
            "2021-05-01",
            "binance_spot_exchange_info_2021-04-29.json",
            "USDT",
            135,
            0,
        ),
    ];
    for (path, date, rules, quote, listed, ambiguous) in cases {
        let Some(market) = market_of(path, day(date), "symbols_map") else { return };
        let rules = rules_of(rules, "symbols_map").expect("the file is there");
        let (listings, notices) = listing::listings(&market, &rules, &BTreeMap::new(), quote).expect("listings");
        assert_eq!(listings.len(), listed, "{path}");
        let notice = notices.iter().find(|notice| notice.contains("the symbol is not unique"));
        let counted = notice.map_or(0, |notice| notice.split(' ').next().expect("a count").parse().expect("a number"));
        assert_eq!(counted, ambiguous, "{path}: {notice:?}");
    }
}

#[test]
fn a_case_on_real_files_becomes_a_planning_input() {
    let test = "a_case_on_real_files";
    let Some(market) = read("data/taxonomy/coingecko_top3000_2025-02-14.csv", test) else { return };
    let workspace = Workspace::new();
    workspace.write_bytes("market.csv", &market);
    let file = |path: &str| read(path, test).expect("the file is there");
    workspace.write_bytes("venue_rules.json", &file("data/exchange_rules/binance_usdm_exchange_info_2025-01-09.json"));
    workspace.write_bytes("trading_signals.json", &file("data/token_metrics/trading_signals_2025-04-08.json"));
    // The grades are two months younger than the listing: the guards must be told.
    workspace.edit("policy.toml", "max_price_age_hours = 24", "max_price_age_hours = 1480");
    workspace.edit("policy.toml", "max_grade_age_hours = 48", "max_grade_age_hours = 240");
    workspace.edit("policy.toml", "max_snapshot_skew_hours = 24", "max_snapshot_skew_hours = 1440");
    workspace.edit("policy.toml", "[\"stablecoin\"]", "[\"stablecoins\", \"wrapped-tokens\", \"bridged-tokens\"]");
    workspace.edit(
        "case.toml",
        "trader_grades = \"trader_grades.json\"\ninvestor_grades = \"investor_grades.json\"\n",
        "",
    );
    workspace.edit(
        "case.toml",
        "[[accounts]]",
        "[token_ids]\nbitcoin = 3375\nethereum = 3306\n\n[instruments]\nbitcoin = \"BTCUSDT\"\n\n[[accounts]]",
    );
    let input = workspace.plan().expect("planned");
    // Rows of 2025-02-14 are 1470 hours old; the 67 older ones are nothing that could enter, and are dropped.
    assert_eq!(input.assets.len(), 2_932);
    let dropped = input.notices.iter().find(|notice| notice.starts_with("max_price_age_hours: 67 candidates dropped"));
    assert!(dropped.is_some(), "{:?}", input.notices);
    // The listing has other coins that call themselves BTC, so bitcoin needs its entry; cardano's symbol is its own.
    for (id, instrument) in [("bitcoin", "BTCUSDT"), ("cardano", "ADAUSDT")] {
        assert_eq!(input.assets[&asset(id)].listing.as_ref().expect(id).instrument.as_str(), instrument);
    }
}

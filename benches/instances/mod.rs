//! Seeded portfolios for the benchmarks: the same on every machine, as the files of a case, and as what the command reads
//! from them.

#![expect(clippy::expect_used, reason = "a benchmark stops where something is wrong")]

mod policy;

use std::collections::BTreeMap;
use std::fmt;
use std::fmt::Write as _;

use index_rebalancer::adapters::files::case::{CASE_FILE, Case, InputFile};
use index_rebalancer::model::{PlanningInput, Trigger};
use index_rebalancer::ports::snapshot::SnapshotKind;
use jiff::{Timestamp, ToSpan as _};

/// What makes an instance easy or hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The turnover limit is a tenth.
    Binds,
    /// It is nine tenths: nothing is in the way.
    Slack,
    /// Drifted members go to the edge of their band, within a turnover of a fifth.
    Bands,
    /// One category is far above its most, one far below its least.
    Categories,
    /// Everybody has the same grade and market cap: many solutions are as good.
    Ties,
    /// Conditional value at risk over so many daily scenarios, limited and priced.
    Tail(u32),
    /// No order below a part of what a member weighs.
    LeastOrders,
    /// A fifth of the holdings have to go.
    FewHoldings,
    /// Nothing, or half of what a member weighs on average and more.
    LeastWeight,
    /// A lot is worth a fifth to a half of what a member weighs on average.
    WholeLots,
    /// Each is worth a third: what is traded moves cash by whole lots, whatever it is.
    EqualLots,
}

impl Kind {
    /// Linear programs of few rows; tail risk; whole quantities.
    pub(crate) const GROUPS: [&'static [Self]; 3] = [
        &[Self::Binds, Self::Slack, Self::Bands, Self::Categories, Self::Ties],
        &[Self::Tail(250), Self::Tail(1_000)],
        &[Self::LeastOrders, Self::FewHoldings, Self::LeastWeight, Self::WholeLots, Self::EqualLots],
    ];

    /// How many daily scenarios it has.
    fn scenarios(self) -> u32 {
        if let Self::Tail(scenarios) = self { scenarios } else { 0 }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Binds => "binds",
            Self::Slack => "slack",
            Self::Bands => "bands",
            Self::Categories => "categories",
            Self::Ties => "ties",
            Self::Tail(250) => "tail-250",
            Self::Tail(_) => "tail-1000",
            Self::LeastOrders => "least-orders",
            Self::FewHoldings => "few-holdings",
            Self::LeastWeight => "least-weight",
            Self::WholeLots => "whole-lots",
            Self::EqualLots => "equal-lots",
        })
    }
}

/// A small deterministic source of numbers (SplitMix64): the instances are the same on every machine.
struct Numbered(u64);

impl Numbered {
    fn next(&mut self, below: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(below)).expect("below a u32")
    }

    /// About none, of so many either way: the sum of three.
    fn around(&mut self, most: u32) -> i64 {
        let drawn = (0..3).map(|_| i64::from(self.next(2 * most + 1)) - i64::from(most)).sum::<i64>();
        drawn / 3
    }
}

/// The moment of every instance.
const AT: &str = "2025-01-01T00:00:00Z";

/// What a member is worth in quote currency, on average, in a portfolio of one: with more of them each is worth less.
const WORTH: u32 = 1_000_000;

/// A drifted portfolio of so many members with categories and impact in three pieces.
pub(crate) fn instance(size: u32, kind: Kind, seed: u64) -> PlanningInput {
    let files = files(size, kind, seed);
    let at: Timestamp = AT.parse().expect("a time");
    let case = Case::of_files("the instance".to_owned(), at, files);
    let case = case.expect("a case");
    let account = case.accounts().next().expect("an account").clone();
    let input = case.planning_input(&account, Trigger::Scheduled(at), at, None, None, None);
    let mut input = input.expect("the instance can be planned from");
    // A policy file may ask for 5,000 orders; the largest instances are for timing alone.
    input.policy.orders.max_orders = size.max(input.policy.orders.max_orders);
    input
}

/// The files of its case, by their names in a folder.
pub(crate) fn files(size: u32, kind: Kind, seed: u64) -> BTreeMap<SnapshotKind, InputFile> {
    let members = Members::drawn(size, kind, seed);
    let file = |name: &str, text: String| InputFile { name: name.to_owned(), bytes: text.into_bytes() };
    let mut files = BTreeMap::from([
        (SnapshotKind::Portfolio, file(CASE_FILE, members.case())),
        (SnapshotKind::Policy, file("policy.toml", policy::text(size, kind))),
        (SnapshotKind::VenueRules, file("venue_rules.json", members.venue_rules())),
        (SnapshotKind::Market, file("market.csv", members.market())),
        (
            SnapshotKind::InvestorGrades,
            file("investor_grades.json", members.grades("TM_INVESTOR_GRADE", |it| &it.grade)),
        ),
        (SnapshotKind::TradingSignals, file("trading_signals.json", members.grades("TRADING_SIGNAL", |_| "1"))),
    ]);
    if !members.closes.is_empty() {
        files.insert(SnapshotKind::History, file("history.csv", members.history()));
    }
    files
}

/// One asset, as its files spell it.
struct Member {
    price: String,
    cap: u64,
    held: String,
    category: &'static str,
    grade: String,
    lot: String,
}

struct Members {
    members: Vec<Member>,
    /// By day and then member, where the kind reads closes.
    closes: Vec<Vec<u64>>,
}

/// Prices and closes have so many decimals.
const PRICE_DECIMALS: usize = 4;

impl Members {
    fn drawn(size: u32, kind: Kind, seed: u64) -> Self {
        let mut numbers = Numbered(seed * 1_000_003 + u64::from(size));
        let (mut members, mut prices) = (Vec::new(), Vec::new());
        for index in 0..size {
            let price = u64::from(numbers.next(900_000) + 1000);
            let ten_thousandths = 10_u64.pow(4);
            let lot_worth = match kind {
                Kind::WholeLots => Some(WORTH / size / 5 + numbers.next(3 * WORTH / size / 10)),
                Kind::EqualLots => Some(WORTH / size / 3),
                _ => None,
            };
            // In units of the fourth decimal, as what is held.
            let lot = lot_worth.map_or(1, |worth| u64::from(worth) * ten_thousandths * ten_thousandths / price);
            let worth = u64::from(numbers.next(2 * WORTH) / size);
            let held = worth * ten_thousandths * ten_thousandths / price / lot * lot;
            let cap = 1_000_000_000 / u64::from(index + 1) + u64::from(numbers.next(1_000_000));
            let category = ["layer-1", "defi", "meme", "other"];
            let category = category.get(usize::try_from(numbers.next(4)).expect("small")).expect("one of four");
            let grade = decimal(u64::from(numbers.next(10_000)), 2);
            let alike = kind == Kind::Ties;
            members.push(Member {
                price: decimal(price, PRICE_DECIMALS),
                cap: if alike { 1_000_000_000 } else { cap },
                held: decimal(held, 4),
                category,
                grade: if alike { "50".to_owned() } else { grade },
                lot: decimal(lot, 4),
            });
            prices.push(price);
        }
        let closes =
            if kind.scenarios() == 0 { Vec::new() } else { closes(&mut numbers, prices, kind.scenarios() + 1) };
        Self { members, closes }
    }

    /// Numbered from one, as ids of tokens are.
    fn numbered(&self) -> impl Iterator<Item = (usize, &Member)> {
        (1..).zip(&self.members)
    }

    fn case(&self) -> String {
        let mut text = format!(
            r#"
schema = 1
about = "An instance of the benchmarks."
source = "Drawn."
portfolio = "bench"
environment = "paper"
venue = "binance"
policy = "policy.toml"
venue_rules = "venue_rules.json"
[[days]]
at = "{AT}"
market = "market.csv"
investor_grades = "investor_grades.json"
trading_signals = "trading_signals.json"
{}
[[accounts]]
id = "main"
cash = "100000"
[accounts.holdings]
"#,
            if self.closes.is_empty() { "" } else { "history = \"history.csv\"" },
        );
        for (number, member) in self.numbered() {
            writeln!(text, "{} = \"{}\"", asset(number), member.held).expect("a text");
        }
        text
    }

    fn venue_rules(&self) -> String {
        let symbol = |(number, member): (usize, &Member)| {
            serde_json::json!({
                "symbol": format!("A{number:05}USDT"), "status": "TRADING",
                "baseAsset": format!("A{number:05}"), "quoteAsset": "USDT", "isSpotTradingAllowed": true,
                "filters": [
                    { "filterType": "PRICE_FILTER", "minPrice": "0.0001", "maxPrice": "1000000", "tickSize": "0.0001" },
                    { "filterType": "LOT_SIZE", "minQty": "0", "maxQty": "900000000", "stepSize": member.lot },
                    { "filterType": "NOTIONAL", "minNotional": "0" },
                ],
            })
        };
        serde_json::json!({ "symbols": self.numbered().map(symbol).collect::<Vec<_>>() }).to_string()
    }

    fn market(&self) -> String {
        let mut text = "asset_id,symbol,name,token_id,price_usd,market_cap_usd,average_daily_volume_usd,categories,\
                        first_seen,observed_at\n"
            .to_owned();
        for (number, Member { price, cap, category, .. }) in self.numbered() {
            let volume = cap / 100;
            let name = format!("A{number:05}");
            writeln!(text, "{},{name},{name},{number},{price},{cap},{volume},{category},,{AT}", asset(number))
                .expect("a text");
        }
        text
    }

    fn grades(&self, field: &str, of: impl Fn(&Member) -> &str) -> String {
        let record = |(number, member): (usize, &Member)| serde_json::json!({ "TOKEN_ID": number, "DATE": AT, field: of(member) });
        let records: Vec<_> = self.numbered().map(record).collect();
        serde_json::json!({ "success": true, "message": "", "length": records.len(), "data": records }).to_string()
    }

    fn history(&self) -> String {
        let mut text = "date,asset_id,close_usd\n".to_owned();
        let at: Timestamp = AT.parse().expect("a time");
        let today = at.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        let days = i64::try_from(self.closes.len()).expect("few");
        for (back, closes) in (1..=days).rev().zip(&self.closes) {
            let date = today.checked_sub(back.days()).expect("a date");
            for (number, close) in (1..).zip(closes) {
                writeln!(text, "{date},{},{}", asset(number), decimal(*close, PRICE_DECIMALS)).expect("a text");
            }
        }
        text
    }
}

fn asset(number: usize) -> String {
    format!("asset-{number:05}")
}

/// A whole number of units of the last decimal.
fn decimal(units: u64, decimals: usize) -> String {
    let padded = format!("{units:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at(padded.len() - decimals);
    format!("{whole}.{fraction}")
}

/// Daily closes that end at these prices: everybody goes with the market, more or less, and by itself.
fn closes(numbers: &mut Numbered, prices: Vec<u64>, days: u32) -> Vec<Vec<u64>> {
    // In hundredths: how much of the market's way each goes.
    let shares: Vec<i64> = prices.iter().map(|_| i64::from(50 + numbers.next(100))).collect();
    let mut closes = vec![prices];
    for _ in 1..days {
        let market = numbers.around(900);
        let next = closes.last().expect("one").iter().zip(&shares);
        let before = next.map(|(close, share)| {
            // In basis points, from the later close to the earlier.
            let change = market * share / 100 + numbers.around(700);
            let earlier = i64::try_from(*close).expect("small") * (10_000 + change) / 10_000;
            u64::try_from(earlier.clamp(100, 1_000_000_000)).expect("above zero")
        });
        let before = before.collect();
        closes.push(before);
    }
    closes.reverse();
    closes
}

//! Token Metrics' answers: grades and signals by token, which are joined to assets by name and else by symbol.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::Symbols;
use super::grades::{Graded, is_loaded};
use super::identity::{Earlier, Listed, Listings, is_of};
use crate::adapters::files::market::asset_slug;
use crate::adapters::files::token_metrics::{self, Endpoint, Record};
use crate::backtest::dropped::{DropReason, Tally};
use crate::backtest::history::{Day, History, HistoryBuilder};
use crate::model::grade::Dated;
use crate::model::{AssetId, GradeRecord};
use crate::preparation::json::{self, Node};
use crate::preparation::time::day_of;
use crate::preparation::{BadInput, PreparationError};

/// What an answer says of one token at one time. Known at the end of its day, like a close.
#[derive(Debug, Clone)]
pub(super) struct TokenRow {
    source: String,
    date: Date,
    token: Token,
    record: Record,
}

/// What a token is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Token {
    /// The slug of its name.
    slug: Option<String>,
    symbol: Option<String>,
}

/// Results lie where the data are more often than not; they name what they are in the first place.
fn is_our_own(bytes: &[u8]) -> bool {
    let begin = bytes.get(..100).unwrap_or(bytes).iter().filter(|byte| !byte.is_ascii_whitespace());
    begin.copied().collect::<Vec<u8>>().starts_with(b"{\"schema\":\"rebalance/")
}

/// Reads an answer; which one, its fields tell.
pub(super) fn read(
    name: &str,
    bytes: &[u8],
    since: Date,
    builder: &HistoryBuilder,
) -> Result<Vec<TokenRow>, PreparationError> {
    if is_our_own(bytes) {
        let problem = "it is a document of this program, such as a backtest's result, and no source of data";
        let remedy = "move it out of the folder, or name the files of --data one by one";
        return Err(BadInput::new(name, "schema", "rebalance/…", problem, remedy).into());
    }
    let parsed = json::parse(name, bytes, token_metrics::MAX_ANSWER_SIZE)?;
    let root = Node::root(name, &parsed);
    let (tokens, endpoint) = tokens(&root)?;
    let records = token_metrics::read_each(&root, endpoint)?;
    let dated = tokens.into_iter().zip(records).filter_map(|(token, record)| {
        let date = day_of(record.at);
        is_loaded(date, since, builder.history()).then(|| TokenRow { source: name.to_owned(), date, token, record })
    });
    Ok(dated.collect())
}

/// What each record calls its token, in their order, and which endpoint answered.
fn tokens(root: &Node<'_>) -> Result<(Vec<Token>, Endpoint), BadInput> {
    let (mut has_signal, mut has_investor) = (false, false);
    let mut tokens = Vec::new();
    for record in root.required("data")?.items()? {
        let field = |upper: &str, lower: &str| match record.optional(upper) {
            Ok(Some(node)) => Ok(Some(node)),
            _ => record.optional(lower),
        };
        has_signal |= field("TRADING_SIGNAL", "trading_signal")?.is_some();
        has_investor |= field("TM_INVESTOR_GRADE", "fundamental_grade")?.is_some();
        let name = field("TOKEN_NAME", "token_name")?;
        let symbol = field("TOKEN_SYMBOL", "token_symbol")?;
        tokens.push(Token {
            slug: name.and_then(|node| node.text().ok().and_then(asset_slug)),
            symbol: symbol.and_then(|node| node.text().ok().map(str::to_owned)),
        });
    }
    let endpoint = match (has_signal, has_investor) {
        (true, _) => Endpoint::TradingSignals,
        (false, true) => Endpoint::InvestorGrades,
        (false, false) => Endpoint::TraderGrades,
    };
    Ok((tokens, endpoint))
}

/// What is known of coins, for joining tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) listings: &'a Listings,
    pub(super) earlier: &'a Earlier,
    pub(super) symbols: &'a Symbols,
}

impl<'a> Known<'a> {
    /// The coins of a date: of the newest snapshot, or before any whoever has the symbol. Before the history that is who
    /// has it on its first day.
    fn at(&self, date: Date, history: &History) -> Coins<'a> {
        let day = history.day(date);
        let listed = day.and_then(|day| self.listings.range(..=day).next_back()).map(|(_, coins)| coins);
        let listed = listed.or_else(|| self.earlier.range(..=date).next_back().map(|(_, coins)| coins));
        Coins { day: day.unwrap_or(0), listed: listed.map(Vec::as_slice), symbols: self.symbols }
    }
}

/// The grades of assets, oldest first. A token whose name or symbol another one has as well is not taken for it.
pub(super) fn join(mut rows: Vec<TokenRow>, known: &Known<'_>, builder: &mut HistoryBuilder) -> Vec<Graded> {
    rows.sort_by_key(|row| (row.date, row.record.at, row.record.token_id));
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut owners = Owners::default();
    let mut graded = Vec::new();
    for of_day in rows.chunk_by(|left, right| left.date == right.date) {
        let Some(date) = of_day.first().map(|row| row.date) else { continue };
        let owned = owners.of_day(&known.at(date, builder.history()), of_day);
        for row in of_day {
            let reason = match owned.get(&row.record.token_id) {
                Some(Ok(id)) if builder.has_price(id) => {
                    graded.push(Graded { date, id: id.clone(), grades: row.grades() });
                    continue;
                }
                Some(Err(reason)) => *reason,
                // Prices of before the history are not loaded: what has none in it may have had one then.
                Some(Ok(_)) | None if builder.history().day(date).is_none() => continue,
                Some(Ok(_)) | None => DropReason::Unpriced,
            };
            let name = row.token.slug.clone().or_else(|| row.token.symbol.clone());
            let name = name.unwrap_or_else(|| row.record.token_id.to_string());
            let tally = tallies.entry(row.source.clone()).or_insert_with(|| Tally::new(row.source.clone()));
            tally.add(reason, &name, Some(date), 1);
        }
    }
    builder.dropped(tallies.into_values().flat_map(Tally::into_rows));
    graded
}

impl TokenRow {
    fn grades(&self) -> GradeRecord {
        let at = self.record.at;
        GradeRecord {
            trader: self.record.trader.map(|value| Dated { value, at }),
            investor: self.record.investor.map(|value| Dated { value, at }),
            signal: self.record.signal.map(|value| Dated { value, at }),
        }
    }
}

/// Which token an asset's grades come from: the first that had its name, or else its symbol.
#[derive(Debug, Default)]
struct Owners {
    by_name: BTreeMap<AssetId, u64>,
    by_symbol: BTreeMap<AssetId, u64>,
}

impl Owners {
    /// The asset of each token of a day, or why it has none. Names come first; symbols are many coins' own.
    fn of_day(&mut self, coins: &Coins<'_>, rows: &[TokenRow]) -> BTreeMap<u64, Result<AssetId, DropReason>> {
        let mut named: BTreeMap<AssetId, BTreeSet<u64>> = BTreeMap::new();
        let mut called: BTreeMap<AssetId, BTreeSet<u64>> = BTreeMap::new();
        for row in rows {
            let by_name = row.token.slug.as_ref().and_then(|slug| coins.named(slug));
            let by_symbol = coins.called(&row.token);
            let (group, id) = if by_name.is_some() { (&mut named, by_name) } else { (&mut called, by_symbol) };
            if let Some(id) = id {
                let _ = group.entry(id).or_default().insert(row.record.token_id);
            }
        }
        let mut owned = BTreeMap::new();
        for (id, tokens) in &named {
            settle(&mut self.by_name, id, tokens, &mut owned);
        }
        for (id, tokens) in &called {
            if self.by_name.contains_key(id) {
                owned.extend(tokens.iter().map(|token| (*token, Err(DropReason::AmbiguousToken))));
            } else {
                settle(&mut self.by_symbol, id, tokens, &mut owned);
            }
        }
        owned
    }
}

/// The asset goes to its owner of earlier days, or to the only token that there is.
fn settle(
    owners: &mut BTreeMap<AssetId, u64>,
    id: &AssetId,
    tokens: &BTreeSet<u64>,
    told: &mut BTreeMap<u64, Result<AssetId, DropReason>>,
) {
    let only = tokens.first().copied().filter(|_| tokens.len() == 1);
    let owner = owners.get(id).copied().or(only);
    if let Some(owner) = owner {
        let _ = owners.insert(id.clone(), owner);
    }
    for token in tokens {
        let is_owner = Some(*token) == owner;
        let _ = told.insert(*token, if is_owner { Ok(id.clone()) } else { Err(DropReason::AmbiguousToken) });
    }
}

/// The coins of a day.
#[derive(Debug, Clone, Copy)]
struct Coins<'a> {
    day: Day,
    /// Those of the newest snapshot.
    listed: Option<&'a [Listed]>,
    symbols: &'a Symbols,
}

impl Coins<'_> {
    /// The coin of the newest snapshot whose id is the slug, or the slug with the month from which it is another coin.
    fn named(&self, slug: &str) -> Option<AssetId> {
        self.listed?.iter().find(|coin| is_of(slug, &coin.id)).map(|coin| coin.id.clone())
    }

    /// The only coin of the newest snapshot that has the symbol, or without snapshots what has it lately. An answer
    /// without symbols says no more than a name, which closes may go by.
    fn called(&self, token: &Token) -> Option<AssetId> {
        let symbol = token.symbol.as_ref();
        let Some(coins) = self.listed else {
            let Some(symbol) = symbol else { return AssetId::new(token.slug.as_ref()?).ok() };
            let owners = self.symbols.get(symbol)?;
            return owners.iter().rfind(|(from, _)| *from <= self.day).map(|(_, id)| id.clone());
        };
        let symbol = symbol?;
        let mut called = coins.iter().filter(|coin| coin.symbol == *symbol);
        called.next().filter(|_| called.next().is_none()).map(|coin| coin.id.clone())
    }
}

//! Histories from files as other people keep them, recognised by their header.
//!
//! | file | what it gives | asset id |
//! |---|---|---|
//! | `date,symbol,close_usd,…` with `volume_usd` and perhaps `market_cap_usd` | daily closes | slug of the symbol, or the snapshots' |
//! | `CoinMarketCap` snapshots (`date,rank,symbol,name,price_usd,…`) | membership, market cap, volume, supply, a close of the day | slug of the name |
//! | `date,rank,symbol,market_cap_usd` | membership and market cap | slug of the symbol |
//! | `date,asset_id,trader_grade,investor_grade,signal` | grades and signals | `asset_id` |
//! | `date,…,tm_trader_grade`, read for one asset | trader grades | the one it is read for |
//! | Token Metrics' JSON answers | grades and signals | slug of `TOKEN_NAME` |
//!
//! Where there are snapshots, closes are joined to the coins in them by symbol *and* price, snapshot by snapshot, each
//! from its own day on: a ticker that passes to another coin takes no history with it.
//!
//! Rows are read one by one, and only those of the period are kept: memory is bounded by the period that is asked
//! for, not by the file. Every decision about a row reads that row and earlier ones, never later ones. What is left
//! out is counted by reason.

mod grades;
mod identity;
mod prices;
mod rows;
mod snapshots;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use self::rows::{Kind, Rows};
use crate::backtest::history::{AssetHistory, CLOSE_DAYS, Day, History, HistoryBuilder};
use crate::model::AssetId;
use crate::preparation::reading::read_file;
use crate::preparation::{BadInput, Migration, PreparationError, toml_text};

/// What to load.
#[derive(Debug, Clone)]
pub struct Period {
    pub from: Date,
    pub to: Date,
    /// Days before `from` that are loaded besides: for averages, ages and the newest snapshot.
    pub lookback_days: u32,
}

/// Days that every history begins before its period: a snapshot a month old, volumes over 30 days.
pub const LEAST_LOOKBACK_DAYS: u32 = 62;

/// One source: its name, its bytes, and the asset that it is about where it does not say.
pub struct Source {
    pub name: String,
    pub asset: Option<AssetId>,
    pub bytes: Box<dyn Read>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).field("asset", &self.asset).finish_non_exhaustive()
    }
}

/// What a source turned out to be, collected in the order of the sources.
#[derive(Debug, Default)]
struct Collected {
    prices: Vec<prices::PriceFile>,
    snapshots: Vec<snapshots::SnapshotRow>,
    grades: Vec<grades::GradeRow>,
}

/// Opens files, and the files of folders by name.
///
/// An argument may be `ASSET=PATH`, for a file about one asset that does not name it.
///
/// # Errors
/// When a path cannot be read, or the asset before it is no id.
pub fn open(arguments: &[String]) -> Result<Vec<Source>, PreparationError> {
    let mut sources = Vec::new();
    for argument in arguments {
        let (asset, path) = match argument.split_once('=') {
            Some((id, path)) if !Path::new(argument).exists() => {
                let id = AssetId::new(id).map_err(|error| BadInput::id("--data", "asset", &error))?;
                (Some(id), Path::new(path))
            }
            _ => (None, Path::new(argument.as_str())),
        };
        for path in files(path)? {
            let file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
            let name =
                path.file_name().map_or_else(|| path.display().to_string(), |it| it.to_string_lossy().into_owned());
            sources.push(Source {
                name,
                asset: asset.clone(),
                bytes: Box::new(BufReader::with_capacity(1 << 16, file)),
            });
        }
    }
    Ok(sources)
}

/// The file, or a folder's files by name.
fn files(path: &Path) -> Result<Vec<PathBuf>, PreparationError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "csv" || extension == "json"))
        .collect();
    files.sort();
    if files.is_empty() {
        let problem = "the folder has no .csv and no .json file";
        return Err(BadInput::new("--data", "folder", &path.display().to_string(), problem, "name another").into());
    }
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> PreparationError {
    PreparationError::Unreadable { path: path.display().to_string(), problem: error.to_string() }
}

/// Migrations from a TOML file: `[[migrations]]` entries as in `case.toml`.
///
/// # Errors
/// When the file cannot be read or does not fit.
pub fn migrations(path: &Path) -> Result<Vec<Migration>, PreparationError> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Migrations {
        migrations: Vec<Migration>,
    }
    let place = path.display().to_string();
    let read: Migrations = toml_text::read(&place, &read_file(path)?)?;
    Ok(read.migrations)
}

/// Reads sources into a history of the period. Of several closes of one asset and day the first source's counts.
///
/// # Errors
/// When a source cannot be read, or no known file has its header, or the prices do not cover the period.
pub fn load(sources: Vec<Source>, period: &Period, migrations: Vec<Migration>) -> Result<History, PreparationError> {
    let lookback = jiff::Span::new().days(period.lookback_days.max(LEAST_LOOKBACK_DAYS));
    let first = period.from.checked_sub(lookback).map_err(|error| {
        BadInput::new("backtest", "from", &period.from.to_string(), error.to_string(), "begin later")
    })?;
    let mut builder = HistoryBuilder::new(History::new(first, period.to)?);
    let mut collected = Collected::default();
    for source in sources {
        builder.source(source.name.clone());
        read(source, &mut builder, &mut collected)?;
    }
    builder.migrations(migrations);
    let listings = identity::identify(std::mem::take(&mut collected.snapshots), &mut builder);
    let symbols = identity::join(collected.prices, &listings, &mut builder);
    grades::join(collected.grades, &listings, &symbols, &mut builder);
    let history = builder.finish();
    covered(&history, period)?;
    Ok(history)
}

/// Days that a period may go on after the last price: where members come from snapshots, until the next one is due.
const AFTER_SNAPSHOT: usize = 31;

/// A day before every price has nothing to plan with, and some days after the last one every coin would count as dead.
fn covered(history: &History, period: &Period) -> Result<(), BadInput> {
    let refuse = |field: &str, value: String, problem: String, remedy: String| {
        Err(BadInput::new("backtest", field, &value, problem, remedy))
    };
    let priced: Vec<(Day, Day)> = history.assets().iter().filter_map(AssetHistory::priced).collect();
    let Some((first, last)) = priced.iter().map(|it| it.0).min().zip(priced.iter().map(|it| it.1).max()) else {
        let problem = format!("no source has a price from {} to {}", history.date(0), period.to);
        let value = format!("{} to {}", period.from, period.to);
        return refuse("data", value, problem, "name other files or another period".to_owned());
    };
    let last = last + if history.has_snapshots() { AFTER_SNAPSHOT } else { CLOSE_DAYS };
    if history.day(period.from).is_some_and(|from| from < first) {
        let begin = history.date(first);
        let problem = format!("no source has a price before {begin}");
        return refuse("from", period.from.to_string(), problem, format!("begin on {begin} or name earlier files"));
    }
    if history.day(period.to).is_some_and(|to| to > last) {
        let end = history.date(last);
        let problem = format!("no source has a price so late: after {end} everything would count as dead");
        return refuse("to", period.to.to_string(), problem, format!("end on {end} or before, or name later files"));
    }
    Ok(())
}

fn read(source: Source, builder: &mut HistoryBuilder, collected: &mut Collected) -> Result<(), PreparationError> {
    let Source { name, asset, mut bytes } = source;
    if Path::new(&name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        let mut text = Vec::new();
        let read = bytes.read_to_end(&mut text);
        read.map_err(|error| PreparationError::Unreadable { path: name.clone(), problem: error.to_string() })?;
        collected.grades.extend(grades::json(&name, &text, builder)?);
        return Ok(());
    }
    let mut rows = Rows::begin(name, bytes)?;
    match rows.kind(asset.as_ref())? {
        Kind::Prices => collected.prices.push(prices::read(&mut rows, builder)),
        Kind::Snapshots => collected.snapshots.extend(snapshots::read(&mut rows, builder)),
        Kind::Grades => collected.grades.extend(grades::table(&mut rows, builder)?),
        Kind::GradesOf(asset) => collected.grades.extend(grades::of_one(&mut rows, &asset, builder)?),
    }
    rows.end()
}

/// Ids by symbol, for what joins after prices.
type Symbols = BTreeMap<String, AssetId>;

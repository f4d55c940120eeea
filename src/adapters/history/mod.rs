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
//! for, not by the file. Of grades there are besides those of before it that a policy lets be so old; of snapshots the
//! earlier rows tell who is who, and are let go then. Every decision about a row reads that row and earlier ones, never
//! later ones. What is left out is counted by reason; what would be taken for the death of coins is refused (`coverage`).

mod closes;
mod coverage;
mod grades;
mod identity;
mod notices;
mod prices;
mod rows;
mod snapshots;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;

use self::identity::Identified;
use self::rows::{Kind, Rows};
use crate::backtest::history::{Day, History, HistoryBuilder};
use crate::model::AssetId;
use crate::preparation::reading::read_file;
use crate::preparation::{BadInput, Migration, PreparationError, migration, toml_text};

/// What to load.
#[derive(Debug, Clone)]
pub struct Period {
    pub from: Date,
    pub to: Date,
    /// Days before `from` that are loaded besides: for averages, ages and the newest snapshot.
    pub lookback_days: u32,
    /// Days before `from` of which grades and signals are loaded: as old as a policy lets them be. They are few beside
    /// closes, which are loaded for the lookback only.
    pub grade_days: u32,
}

/// Days that every history begins before its period: a snapshot a month old, volumes over 30 days.
pub const LEAST_LOOKBACK_DAYS: u32 = 62;

/// Days before the first grades of which snapshots are kept: one a month old lists whom they name.
const SNAPSHOT_DAYS_KEPT: u32 = 45;

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
    snapshots: Vec<snapshots::SnapshotFile>,
    grades: Vec<grades::GradeRow>,
    tokens: Vec<tokens::TokenRow>,
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
pub fn load(sources: Vec<Source>, period: &Period, migrations: &[Migration]) -> Result<History, PreparationError> {
    let lookback = jiff::Span::new().days(period.lookback_days.max(LEAST_LOOKBACK_DAYS));
    let first = period.from.checked_sub(lookback).map_err(|error| {
        BadInput::new("backtest", "from", &period.from.to_string(), error.to_string(), "begin later")
    })?;
    // Beyond the calendar there are none.
    let before = |date: Date, days: u32| {
        let span = jiff::Span::new().try_days(days).and_then(|span| date.checked_sub(span));
        span.unwrap_or(Date::MIN)
    };
    let graded_since = before(period.from, period.grade_days).min(first);
    let mut builder = HistoryBuilder::new(History::new(first, period.to)?);
    // Those after the period as well: that a unit changes tells what a fall shortly before is.
    let in_order = migration::in_force(migrations, Timestamp::MAX)?;
    builder.migrations(in_order.into_iter().cloned().collect());
    let mut collected = Collected::default();
    for source in sources {
        builder.source(source.name.clone());
        read(source, graded_since, &mut builder, &mut collected)?;
    }
    let Collected { mut prices, snapshots, grades, tokens } = collected;
    snapshots::apart(&snapshots, &builder)?;
    let (has_snapshots, has_closes) = (!snapshots.is_empty(), !prices.is_empty());
    let rows = snapshots.into_iter().flat_map(|file| file.rows).collect();
    // Whom the first grades name, the newest snapshot before them tells.
    let kept_since = before(graded_since, SNAPSHOT_DAYS_KEPT);
    let Identified { listings, earlier } = identity::identify(rows, kept_since, &mut builder);
    let joined = closes::join(&mut prices, &listings, &mut builder);
    let mut graded = grades::join(grades, &mut builder);
    let known = tokens::Known { listings: &listings, earlier: &earlier, symbols: &joined.symbols };
    graded.extend(tokens::join(tokens, &known, &mut builder));
    grades::give(graded, &mut builder);
    note_migrations(&mut builder, period.to);
    let mut history = builder.finish();
    let of_files: BTreeSet<AssetId> = joined.assets.iter().flatten().cloned().collect();
    let closes = prices.into_iter().zip(joined.assets).map(|(file, assets)| coverage::Closes::of(file, assets));
    coverage::check(&history, period, has_snapshots, closes.collect())?;
    // Snapshots alone are weeks apart, and nobody expects a price of every day.
    let end = has_closes.then(|| notices::end(&history, period)).flatten();
    let other_ids = notices::other_ids(&joined.symbols, &history);
    let told = notices::holes(&history, period, &of_files).into_iter().chain(end).chain(other_ids);
    history.notices.extend(told);
    Ok(history)
}

/// A migration into what no source has never happens, and who wrote it must know.
fn note_migrations(builder: &mut HistoryBuilder, last: Date) {
    let stated = builder.history().migrations().iter().filter(|it| it.on <= last);
    let without =
        stated.filter(|it| builder.has(&it.from) && !builder.has(&it.to)).map(|Migration { from, to, on, .. }| {
            format!("no source has {to}, so the migration of {from} into it on {on} is not applied")
        });
    let notices: Vec<String> = without.collect();
    for notice in notices {
        builder.notice(notice);
    }
}

fn read(
    source: Source,
    graded_since: Date,
    builder: &mut HistoryBuilder,
    collected: &mut Collected,
) -> Result<(), PreparationError> {
    let Source { name, asset, mut bytes } = source;
    if Path::new(&name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        let mut text = Vec::new();
        let read = bytes.read_to_end(&mut text);
        read.map_err(|error| PreparationError::Unreadable { path: name.clone(), problem: error.to_string() })?;
        collected.tokens.extend(tokens::read(&name, &text, graded_since, builder)?);
        return Ok(());
    }
    let mut rows = Rows::begin(name, bytes)?;
    match rows.kind(asset.as_ref())? {
        Kind::Prices => collected.prices.push(prices::read(&mut rows, builder)),
        Kind::Snapshots => collected.snapshots.push(snapshots::read(&mut rows, builder)?),
        Kind::Grades => collected.grades.extend(grades::table(&mut rows, graded_since, builder)?),
        Kind::GradesOf(asset) => {
            collected.grades.extend(grades::of_one(&mut rows, &asset, graded_since, builder)?);
        }
    }
    rows.end()
}

/// Ids by symbol, each from its first close on, for what joins after prices.
type Symbols = BTreeMap<String, Vec<(Day, AssetId)>>;

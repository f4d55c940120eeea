//! `backtest`: a policy on the past.

use std::path::Path;

use jiff::civil::Date;

use crate::adapters::history;
use crate::backtest::study::{self, Job};
use crate::backtest::{Charged, FeeBasis, FillAt, History, Schedule, Settings, run};
use crate::cli::args::{Backtest, Basis, Every, FillOn};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::progress::{Count, Progress};
use crate::model::Policy;
use crate::parallel::Crew;
use crate::preparation::reading::read_file;
use crate::preparation::{PreparationError, policy};
use crate::report::backtest::{BacktestReport, Made, Parameter, StudyReport, StudyResult, Window, csv};
use crate::report::document::Document;
use crate::report::text;

pub(in crate::cli) fn backtest(asked: &Backtest, output: &Output) -> Result<u8, Failure> {
    if asked.to < asked.from {
        let message = format!("--to {} is before --from {}", asked.to, asked.from);
        return Err(Failure::bad_input(message, "give a later day"));
    }
    if let Some(file) = &asked.json {
        writable(file)?;
    }
    if let Some(folder) = &asked.csv {
        made(folder)?;
    }
    let document = if asked.windows.is_some() || !asked.vary.is_empty() {
        let report = study(asked, output)?;
        if let Some(folder) = &asked.csv {
            write_tables(folder, csv::STUDY_TABLES.map(|(name, table)| (name, table(&report))))?;
        }
        Document::BacktestStudy(Box::new(report))
    } else {
        let report = single(asked, output)?;
        if let Some(folder) = &asked.csv {
            write_tables(folder, csv::TABLES.map(|(name, table)| (name, table(&report))))?;
        }
        Document::Backtest(Box::new(report))
    };
    if let Some(file) = &asked.json {
        let json = document.to_json().map_err(|error| Failure::unexpected(format!("no JSON: {error}")))?;
        write(file, &json)?;
    }
    output.say(&document, |canvas| match &document {
        Document::Backtest(report) => text::backtest(report, canvas),
        Document::BacktestStudy(study) => text::backtest_study(study, canvas),
        _ => String::new(),
    })?;
    Ok(0)
}

fn single(asked: &Backtest, output: &Output) -> Result<BacktestReport, Failure> {
    let policy = policy::load(&asked.policy)?;
    let settings = settings(asked);
    let reading = Progress::start(!output.is_json(), format!("reading the data of {}", policy.name));
    let history = load(asked, std::slice::from_ref(&policy))?;
    drop(reading);
    let days = |date: Date| usize::try_from((date - asked.from).get_days()).unwrap_or(0);
    let progress = Count::start(!output.is_json(), days(asked.to), format!("days of {}", policy.name));
    let happened = run(&policy, &history, &settings, Crew::of_all_cores(), |date, _| progress.at(days(date)))?;
    drop(progress);
    let file = asked.policy.display().to_string();
    let made = Made { policy_file: &file, policy: &policy, history: &history, settings: &settings };
    Ok(BacktestReport::of(&made, &happened))
}

/// Every combination on every window, on all cores.
fn study(asked: &Backtest, output: &Output) -> Result<StudyReport, Failure> {
    let bytes = read_file(&asked.policy)?;
    let file = asked.policy.display().to_string();
    let lists: Vec<Vec<String>> = asked.vary.iter().map(|it| it.values.clone()).collect();
    let combinations = study::combinations(&lists);
    let policies = combinations.iter().map(|values| {
        let changes: Vec<(String, String)> =
            asked.vary.iter().map(|it| it.path.clone()).zip(values.iter().cloned()).collect();
        policy::varied(&file, &bytes, &changes)
    });
    let policies: Vec<Policy> = policies.collect::<Result<_, _>>()?;
    let base = policy::varied(&file, &bytes, &[])?;
    let history = load(asked, &policies)?;
    let whole = settings(asked);
    let windows = study::windows(asked.from, asked.to, asked.windows.unwrap_or(1)).map_err(PreparationError::from)?;
    let settings: Vec<Settings> =
        windows.iter().map(|(from, to)| Settings { from: *from, to: *to, ..whole.clone() }).collect();
    let numbered = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
    let mut jobs = Vec::new();
    for policy in &policies {
        jobs.extend(settings.iter().map(|settings| Job { policy, settings }));
    }
    let progress = Count::start(!output.is_json(), jobs.len(), format!("backtests of {}", base.name));
    let told = study::run_all(
        &history,
        &jobs,
        |job, happened| StudyResult::of(Vec::new(), 0, job.policy, happened),
        |done| progress.at(done),
    )?;
    let places = combinations.iter().flat_map(|values| (0..windows.len()).map(move |window| (values, window)));
    let results = places.zip(told).map(|((values, window), result)| StudyResult {
        values: values.clone(),
        window: numbered(window),
        ..result
    });
    let parameters = asked.vary.iter().map(|it| Parameter { path: it.path.clone(), values: it.values.clone() });
    let windows = windows.iter().map(|(from, to)| Window { from: *from, to: *to }).collect();
    let made = Made { policy_file: &file, policy: &base, history: &history, settings: &whole };
    Ok(StudyReport::of(&made, parameters.collect(), windows, results.collect()))
}

fn settings(asked: &Backtest) -> Settings {
    Settings {
        from: asked.from,
        to: asked.to,
        schedule: match asked.every {
            Every::Day => Schedule::Daily,
            Every::Week => Schedule::Weekly,
            Every::Month => Schedule::Monthly,
            Every::Quarter => Schedule::Quarterly,
            Every::Once => Schedule::Once,
        },
        rests_on_last_day: asked.rest_on_last_day,
        fill: match asked.fill {
            FillOn::NextClose => FillAt::NextClose,
            FillOn::SameClose => FillAt::SameClose,
        },
        fee_basis: match asked.fee_basis {
            Basis::OnTop => FeeBasis::OnTop,
            Basis::Included => FeeBasis::Included,
        },
        charged: Charged { fee: asked.fee, half_spread: asked.half_spread, impact: !asked.no_impact },
        opening_cash: asked.cash,
        delisting_recovery: asked.recovery,
        bitcoin: asked.benchmark.clone(),
    }
}

fn load(asked: &Backtest, policies: &[Policy]) -> Result<History, Failure> {
    let migrations = asked.migrations.as_deref().map_or_else(|| Ok(Vec::new()), history::migrations)?;
    // Ages are counted from the first sighting, so the days that the policy asks for must be loaded.
    let needed = |policy: &Policy| policy.eligibility.min_age_days.unwrap_or(0).max(policy.history_days().unwrap_or(0));
    let read = policies.iter().map(needed).max().unwrap_or(0);
    let lookback_days = read.saturating_add(history::LEAST_LOOKBACK_DAYS);
    let oldest_grade = policies.iter().map(|policy| policy.guards.max_grade_age_hours.div_ceil(24)).max();
    let grade_days = oldest_grade.unwrap_or(0);
    let period = history::Period { from: asked.from, to: asked.to, lookback_days, grade_days };
    Ok(history::load(history::open(&asked.data)?, &period, &migrations)?)
}

/// Known before the work rather than after it.
fn writable(file: &Path) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let problem = match (folder.is_dir(), file.is_dir()) {
        (_, true) => "it is a folder",
        (false, _) => "its folder is not there",
        (true, false) => return Ok(()),
    };
    let message = format!("--json {}: {problem}", file.display());
    Err(Failure::bad_input(message, "name a file in a folder that is there"))
}

fn made(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::unexpected(format!("{} cannot be made: {error}", folder.display())))
}

fn write_tables<E: std::fmt::Display>(
    folder: &Path,
    tables: impl IntoIterator<Item = (&'static str, Result<String, E>)>,
) -> Result<(), Failure> {
    for (name, text) in tables {
        let text = text.map_err(|error| Failure::unexpected(format!("no CSV: {error}")))?;
        write(&folder.join(format!("{name}.csv")), &text)?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text)
        .map_err(|error| Failure::unexpected(format!("{} cannot be written: {error}", file.display())))
}

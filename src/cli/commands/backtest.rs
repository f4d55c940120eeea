//! `backtest`: a policy on the past.

use std::path::Path;

use crate::adapters::history;
use crate::backtest::{Charged, FeeBasis, FillAt, History, Schedule, Settings, run};
use crate::cli::args::{Backtest, Basis, Every, FillOn};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::model::Policy;
use crate::preparation::policy;
use crate::report::backtest::{BacktestReport, Made, csv};
use crate::report::document::Document;
use crate::report::text;

pub(in crate::cli) fn backtest(asked: &Backtest, output: &Output) -> Result<u8, Failure> {
    let policy = policy::load(&asked.policy)?;
    if asked.to < asked.from {
        let message = format!("--to {} is before --from {}", asked.to, asked.from);
        return Err(Failure::bad_input(message, "give a later day"));
    }
    let settings = settings(asked);
    let report = {
        let _progress = Progress::start(!output.is_json(), format!("backtest of {}", policy.name));
        let history = load(asked, &policy)?;
        let happened = run(&policy, &history, &settings, |_, _| {})?;
        let file = asked.policy.display().to_string();
        let made = Made { policy_file: &file, policy: &policy, history: &history, settings: &settings };
        BacktestReport::of(&made, &happened)
    };
    if let Some(folder) = &asked.csv {
        write_tables(folder, &report)?;
    }
    let document = Document::Backtest(Box::new(report));
    if let Some(file) = &asked.json {
        let json = document.to_json().map_err(|error| Failure::unexpected(format!("no JSON: {error}")))?;
        write(file, &json)?;
    }
    output.say(&document, |canvas| match &document {
        Document::Backtest(report) => text::backtest(report, canvas),
        _ => String::new(),
    })?;
    Ok(0)
}

fn settings(asked: &Backtest) -> Settings {
    Settings {
        from: asked.from,
        to: asked.to,
        schedule: match asked.every {
            Every::Day => Schedule::Daily,
            Every::Week => Schedule::Weekly,
            Every::Month => Schedule::Monthly,
            Every::Once => Schedule::Once,
        },
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

fn load(asked: &Backtest, policy: &Policy) -> Result<History, Failure> {
    let migrations = asked.migrations.as_deref().map_or_else(|| Ok(Vec::new()), history::migrations)?;
    // Ages are counted from the first sighting, so the days that the policy asks for must be loaded.
    let lookback_days = policy.eligibility.min_age_days.unwrap_or(0).saturating_add(history::LEAST_LOOKBACK_DAYS);
    let period = history::Period { from: asked.from, to: asked.to, lookback_days };
    Ok(history::load(history::open(&asked.data)?, &period, migrations)?)
}

fn write_tables(folder: &Path, report: &BacktestReport) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::unexpected(format!("{} cannot be made: {error}", folder.display())))?;
    for (name, table) in csv::TABLES {
        let text = table(report).map_err(|error| Failure::unexpected(format!("no CSV: {error}")))?;
        write(&folder.join(format!("{name}.csv")), &text)?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text)
        .map_err(|error| Failure::unexpected(format!("{} cannot be written: {error}", file.display())))
}

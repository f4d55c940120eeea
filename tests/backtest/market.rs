//! Small made-up markets as files: closes, snapshots, grades; and a run over them.

use std::collections::BTreeMap;
use std::io::Cursor;

use index_rebalancer::adapters::history::{Period, Source, load};
use index_rebalancer::backtest::{Backtest, Charged, FeeBasis, FillAt, History, Schedule, Settings, run};
use index_rebalancer::model::{Money, Policy, Rate};
use index_rebalancer::preparation::{Migration, PreparationError, policy};
use jiff::civil::{Date, date};

/// A tracker of the three largest, with bands and costs.
pub(crate) const POLICY: &str = include_str!("policies/three.toml");

pub(crate) const FROM: Date = date(2023, 1, 1);

pub(crate) fn three() -> Policy {
    policy::parse(POLICY).expect("a policy")
}

/// Files by name.
pub(crate) type Files = BTreeMap<String, String>;

pub(crate) fn history(files: &Files, to: Date, migrations: Vec<Migration>) -> History {
    loaded(files, FROM, to, migrations).expect("a history")
}

pub(crate) fn loaded(
    files: &Files,
    from: Date,
    to: Date,
    migrations: Vec<Migration>,
) -> Result<History, PreparationError> {
    let source = |(name, text): (&String, &String)| Source {
        name: name.clone(),
        asset: None,
        bytes: Box::new(Cursor::new(text.clone())),
    };
    load(files.iter().map(source).collect(), &Period { from, to, lookback_days: 0 }, migrations)
}

pub(crate) fn settings(to: Date, schedule: Schedule) -> Settings {
    Settings {
        from: FROM,
        to,
        schedule,
        fill: FillAt::NextClose,
        fee_basis: FeeBasis::OnTop,
        charged: Charged { fee: None, half_spread: None, impact: true },
        opening_cash: Money::parse("100000").expect("money"),
        delisting_recovery: Rate::parse("0.5").expect("a rate"),
        bitcoin: None,
    }
}

pub(crate) fn ran(history: &History, settings: &Settings) -> Backtest {
    // Without grades in the market nothing can be tilted by them.
    let mut policy = three();
    policy.objective.grade_tilt = Rate::ZERO;
    run(&policy, history, settings, |_, _| {}).expect("it runs")
}

//! The command line: wiring only. The application does the work, reports tell it.
//!
//! # Layout, in reading order
//! * [`args`]: what can be asked.
//! * `environment`: the terminal, its width and its characters.
//! * `failure`: a defect of the program; everything else that goes wrong is the application's to name.
//! * `output`: text or JSON to standard output, errors to standard error.
//! * `occasion`: the occasions that were asked for.
//! * `store`: the embedded store or a table of DynamoDB; opened for writing by `run`, `propose`, `approve`, `recover`,
//!   `settle`, `abort`, `kill-switch` and `load`, by what is done to orders of an outbox, and by `fetch`, which counts
//!   requests in it.
//! * `handling`: a stored run that is taken up again, by hand or by recovery.
//! * `rehearsal`: another store and venue, in other processes; only with the feature of this name.
//! * `progress`: a sign of life where something takes longer than half a second.
//! * `alerting`: who tells what a run's policy wants told.
//! * `commands`: one file per command.

mod alerting;
pub mod args;
mod commands;
mod environment;
mod failure;
mod handling;
mod occasion;
mod output;
mod progress;
#[cfg(feature = "rehearsal")]
pub mod rehearsal;
mod store;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command, FetchCommand, PolicyCommand};
use failure::Failure;
use output::Output;

use crate::execution::Intent;

/// Reads the arguments, does what they ask, and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    std::panic::set_hook(Box::new(failure::tell_of_a_defect));
    // A defect must not end in a half-told story: it is told as any other failure.
    let code = std::panic::catch_unwind(|| run(&arguments)).unwrap_or(1);
    ExitCode::from(code)
}

fn run(arguments: &Arguments) -> u8 {
    let output = Output::new(&arguments.look);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.fail(&Failure::unexpected(format!("the program cannot start: {error}"))),
    };
    match runtime.block_on(carry_out(arguments, &output)) {
        Ok(code) => code,
        Err(failure) => output.fail(&failure),
    }
}

async fn carry_out(arguments: &Arguments, output: &Output) -> Result<u8, Failure> {
    let store = store::StorePath::new(arguments.store.as_deref())?;
    #[cfg(feature = "rehearsal")]
    let store = store.rehearsing(arguments.rehearsal.clone());
    match &arguments.command {
        Command::Plan(cases) => commands::plan::plan(cases, &store, output).await,
        Command::Run(cases) => commands::run::run(cases, &Intent::Execute, &store, output).await,
        Command::Propose(cases) => commands::run::run(cases, &Intent::Propose, &store, output).await,
        Command::Approve(approve) => commands::approve::approve(approve, &store, output).await,
        Command::Runs(list) => commands::runs::runs(list, &store, output).await,
        Command::Show(show) => commands::show::show(show, &store, output).await,
        Command::Explain(explain) => commands::explain::explain(explain, &store, output).await,
        Command::Replay(replay) => commands::replay::replay(replay, &store, output).await,
        Command::Diff(diff) => commands::diff::diff(diff, &store, output).await,
        Command::Export(export) => commands::export::export(export, &store, output).await,
        Command::Report(report) => commands::report::report(report, &store, output).await,
        Command::Policy(PolicyCommand::Check { file }) => commands::policy::check(file, output),
        Command::Policy(PolicyCommand::Schema) => commands::policy::schema(output),
        Command::Schema { of } => commands::policy::schema_of(*of, output),
        Command::Recover(recover) => commands::recover::recover(recover, &store, output).await,
        Command::Settle(settle) => commands::settle::settle(settle, &store, output).await,
        Command::Abort(abort) => commands::abort::abort(abort, &store, output).await,
        Command::Audit(audit) => commands::audit::audit(audit, &store, output).await,
        Command::KillSwitch(switch) => commands::kill_switch::kill_switch(switch, &store, output).await,
        Command::Orders(orders) => commands::outbox::orders(orders, &store, output).await,
        Command::Ack(ack) => commands::outbox::ack(ack, &store, output).await,
        Command::Fill(fill) => commands::outbox::fill(fill, &store, output).await,
        Command::Reject(close) => commands::outbox::reject(close, &store, output).await,
        Command::Cancel(close) => commands::outbox::cancel(close, &store, output).await,
        Command::Batch(batch) => commands::batch::batch(batch, output),
        Command::Backtest(backtest) => commands::backtest::backtest(backtest, output),
        Command::Load(load) => commands::load::load(load, &store, output).await,
        Command::Fetch(FetchCommand::Grades(fetch)) => commands::fetch::fetch_grades(fetch, &store, output).await,
        Command::Completions { shell } => commands::completions::completions(*shell, output),
    }
}

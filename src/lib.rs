//! A crypto index portfolio rebalancer as a serverless batch job.
//!
//! Data flows one way:
//!
//! ```text
//! event ─▶ preparation ─▶ planning (pure) ─▶ execution: commit ─▶ emit ─▶ settle ─▶ report
//! ```
//!
//! # Layout, in reading order
//! * [`model`]: value types with checked constructors. No I/O, no clock.
//! * [`preparation`]: the only reader of the outside world; ends in one validated [`model::PlanningInput`].
//! * [`solver`]: the seam to the solvers: a linear or mixed-integer program in, a checked verdict out.
//! * [`planning`]: [`planning::plan()`], a pure function from input to verified, keyed plan.
//! * [`parallel`]: the same work for each of many jobs, on several threads, in order and in bounded memory.
//! * [`ports`]: narrow traits that the rest needs: store, venue, clock, secrets, counters.
//! * [`execution`]: claim, commit, emit, settle over those ports.
//! * [`adapters`]: one folder per outside system.
//! * [`backtest`]: the same planner over dated inputs of the past.
//! * [`batch`]: many planning inputs, a line each, to as many plans.
//! * [`alerts`]: what of a run is told, to whom, once.
//! * [`report`]: explains a plan or a run; decides nothing.
//! * `application` (features `cli` and `lambda`): one occasion from case to report; what both programs share.
//! * `cli` (feature `cli`): the command line; wiring only.
//! * `function` (feature `lambda`): the function on AWS Lambda; wiring only.
//!
//! # Features
//! * `dynamodb`: the store adapter for DynamoDB.
//! * `local`: the embedded store that speaks the DynamoDB API in this process.
//! * `https`: requests over TLS to hosts on a list; what the clients below share.
//! * `token-metrics`: grades and signals from Token Metrics' API.
//! * `secrets-manager`: secrets from AWS Secrets Manager.
//! * `sns`: alerts to topics of AWS SNS.
//! * `s3`: pages of runs in a bucket of AWS S3.
//! * `webhooks`: alerts to Slack and Telegram.
//! * `terminal`: reports as text, with tables.
//! * `html`: reports as pages.
//! * `highs`: HiGHS as a second solver; needs cmake, libclang and a C++ compiler to build.
//! * `lambda`: the function on AWS Lambda, with every client above.
//! * `cli` (default): the command line `rebalance`, with `local`, `html`, `token-metrics` and `webhooks`.

pub mod adapters;
pub mod alerts;
#[cfg(any(feature = "cli", feature = "lambda"))]
pub mod application;
pub mod backtest;
pub mod batch;
#[cfg(feature = "cli")]
pub mod cli;
pub mod execution;
#[cfg(feature = "lambda")]
pub mod function;
pub mod model;
pub mod parallel;
pub mod planning;
pub mod ports;
pub mod preparation;
pub mod report;
pub mod solver;

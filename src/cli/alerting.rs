//! Alerts of a run: told as lines of standard error, or sent where the policy says when that is asked for.
//!
//! A terminal has somebody who reads it, so nothing leaves the machine unasked. Whatever goes wrong here is told and
//! changes neither the run nor the exit code.

use super::environment;
use super::failure::Failure;
use crate::adapters::alerts::Channels;
use crate::adapters::alerts::log::LogChannel;
use crate::adapters::alerts::webhooks::Webhooks;
use crate::adapters::clock::SystemClock;
use crate::adapters::dynamodb::DynamoStore;
use crate::alerts::{Alert, Delivery, Outcome, dispatch, of_run};
use crate::execution;
use crate::model::PlanningInput;
use crate::model::alert::AlertPolicy;
use crate::ports::RunRecord;
use crate::ports::secret::{Secret, SecretError, SecretReader, Stage};
use crate::ports::store::{AccountKey, RunStore};

/// Tells what the run's own policy wants told, once.
pub(super) async fn tell_alerts(store: &DynamoStore, record: &RunRecord, really: bool) {
    let Some(policy) = record.input.as_ref().and_then(|input| input.policy.alerts.as_ref()) else {
        return;
    };
    let previous = match previous_input(store, record).await {
        Ok(previous) => previous,
        Err(failure) => {
            eprintln!("warning: what was before this run is not known to its alerts: {}", failure.message);
            None
        }
    };
    let alerts = of_run(record, previous.as_ref());
    let deliveries = if really {
        send(&alerts, policy, store).await
    } else {
        dispatch(&alerts, policy, &LogChannel::new(|line: &str| eprintln!("{line}")), store, &SystemClock).await
    };
    for delivery in deliveries {
        if let Some(why) = problem(&delivery) {
            eprintln!("warning: the alert {} for {} was not sent: {why}", delivery.event, delivery.channel);
        }
    }
}

fn problem(delivery: &Delivery) -> Option<&str> {
    match &delivery.outcome {
        Outcome::Sent | Outcome::AlreadyTold => None,
        Outcome::Suppressed => Some("its channel has had all messages of this hour; run again later"),
        Outcome::NoTime => Some("the others took too long; run again"),
        Outcome::Failed(why) => Some(why),
    }
}

async fn send(alerts: &[Alert], policy: &AlertPolicy, store: &DynamoStore) -> Vec<Delivery> {
    let webhooks = Webhooks::new(|name: &str| EnvironmentSecret(name.to_owned()));
    if let Err(error) = &webhooks {
        eprintln!("warning: {error}");
    }
    let log = LogChannel::new(|line: &str| eprintln!("{line}"));
    let channels = Channels { log, webhooks: webhooks.ok(), sns: sns() };
    dispatch(alerts, policy, &channels, store, &SystemClock).await
}

#[cfg(feature = "sns")]
fn sns() -> Option<crate::adapters::alerts::sns::Sns> {
    environment::aws_access().map(|access| crate::adapters::alerts::sns::Sns::new(access.sns()))
}

#[cfg(not(feature = "sns"))]
fn sns() -> Option<crate::adapters::alerts::NoChannel> {
    None
}

/// The input of the portfolio's run before this one on its account.
async fn previous_input(store: &DynamoStore, record: &RunRecord) -> Result<Option<PlanningInput>, Failure> {
    let Some(plan) = &record.plan else {
        return Ok(None);
    };
    let account = AccountKey::from(&plan.run);
    let runs = store.list_runs(plan.run.environment, &plan.run.portfolio).await?;
    let earlier = runs
        .iter()
        .filter(|run| run.commitment.is_some() && AccountKey::from(&run.identity) == account)
        .take_while(|run| run.run_id != record.run_id)
        .last();
    match earlier {
        Some(run) => Ok(execution::load_run(store, run.run_id).await?.and_then(|record| record.input)),
        None => Ok(None),
    }
}

/// A secret that a policy names, as the environment holds it.
#[derive(Debug)]
struct EnvironmentSecret(String);

impl SecretReader for EnvironmentSecret {
    async fn read(&self, stage: Stage) -> Result<Option<Secret>, SecretError> {
        if stage == Stage::Previous {
            return Ok(None);
        }
        let (variable, value) = environment::secret(&self.0);
        let value = value
            .ok_or_else(|| SecretError::Missing { name: self.0.clone(), cause: format!("{variable} is not set") })?;
        let secret = Secret::new(&value).map_err(|fault| SecretError::Malformed { name: variable, fault })?;
        Ok(Some(secret))
    }
}

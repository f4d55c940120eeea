//! Alerts as they are collected.

use uuid::Uuid;

use super::Alert;
use crate::model::RunIdentity;
use crate::model::alert::AlertEvent;
use crate::ports::alert::Severity;

/// The alerts of one run.
#[derive(Debug)]
pub(super) struct Facts {
    run_id: Uuid,
    about: String,
    pub(super) alerts: Vec<Alert>,
}

impl Facts {
    pub(super) fn new(run_id: Uuid, run: &RunIdentity) -> Self {
        let about = format!("{} ({}, {}/{})", run.portfolio, run.environment, run.venue, run.venue_account);
        Self { run_id, about, alerts: Vec::new() }
    }

    /// An event with its facts: what each is about, and its line. They are told in the order of their subjects.
    pub(super) fn add(
        &mut self,
        event: AlertEvent,
        severity: Severity,
        title: String,
        mut facts: Vec<(String, String)>,
    ) {
        facts.sort();
        facts.dedup();
        let (subjects, lines) = facts.into_iter().unzip();
        self.alerts.push(Alert {
            run_id: self.run_id,
            event,
            severity,
            about: self.about.clone(),
            title,
            subjects,
            lines,
        });
    }

    /// An event that a run has once, whatever its words.
    pub(super) fn told(&mut self, event: AlertEvent, severity: Severity, title: String, lines: Vec<String>) {
        let about = self.about.clone();
        self.alerts.push(Alert { run_id: self.run_id, event, severity, about, title, subjects: Vec::new(), lines });
    }
}

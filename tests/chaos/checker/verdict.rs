//! What the checker found, as it is printed.

use std::collections::BTreeMap;
use std::fmt;

use crate::venue_server::Refusal;

#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Property and sentence.
    pub(crate) violations: Vec<(&'static str, String)>,
    pub(crate) kills: usize,
    pub(crate) kills_between: usize,
    /// By step: before its effect, and after.
    pub(crate) kills_at: BTreeMap<String, (usize, usize)>,
    pub(crate) rarest_step: usize,
    pub(crate) workers: usize,
    /// By the first word of their task.
    pub(crate) acts: BTreeMap<String, usize>,
    pub(crate) requests: usize,
    pub(crate) cuts: usize,
    pub(crate) delays: usize,
    pub(crate) endings: BTreeMap<i32, usize>,
    pub(crate) runs: usize,
    pub(crate) ended: BTreeMap<String, usize>,
    pub(crate) alarmed: usize,
    pub(crate) orders: BTreeMap<String, usize>,
    pub(crate) sent: usize,
    pub(crate) accepted: usize,
    /// Requests that the venue refused, by reason.
    pub(crate) refused: BTreeMap<Refusal, usize>,
    pub(crate) latest_ms: i64,
    pub(crate) longest_stall_ms: i64,
    /// How many lies about the evidence were tried on the checker.
    pub(crate) lies: usize,
    /// What was looked at for each property.
    pub(crate) judged: BTreeMap<&'static str, usize>,
}

impl Verdict {
    /// One case of a property; a violation unless it holds.
    pub(crate) fn rule(&mut self, property: &'static str, holds: bool, sentence: impl FnOnce() -> String) {
        *self.judged.entry(property).or_default() += 1;
        if !holds {
            self.violations.push((property, sentence()));
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "workers {} {:?}, exit codes of those not killed {:?}", self.workers, self.acts, self.endings)?;
        writeln!(f, "requests {}, cut {}, delayed {}", self.requests, self.cuts, self.delays)?;
        writeln!(f, "SIGKILLs {}, of which between claim and end {}", self.kills, self.kills_between)?;
        for (step, (before, after)) in &self.kills_at {
            writeln!(f, "  {step:<52} before {before:>4}  after {after:>4}")?;
        }
        writeln!(f, "runs {}: {:?}, alarmed {}", self.runs, self.ended, self.alarmed)?;
        writeln!(f, "order items {:?}; sent {}, accepted by the venue {}", self.orders, self.sent, self.accepted)?;
        writeln!(f, "refused by the venue {:?}", self.refused)?;
        let (late, stall) = (self.latest_ms, self.longest_stall_ms);
        writeln!(f, "longest after its deadline that an order left its worker: {late} ms (longest stall: {stall} ms)")?;
        for (property, count) in &self.judged {
            let broken = self.violations.iter().filter(|(broken, _)| broken == property).count();
            writeln!(f, "  {property:<64} {count:>7} cases, {broken} violations")?;
        }
        for (property, sentence) in self.violations.iter().take(40) {
            writeln!(f, "VIOLATION of {property}: {sentence}")?;
        }
        writeln!(f, "lies about the evidence that the checker was tried with: {}", self.lies)?;
        write!(f, "violations {}", self.violations.len())
    }
}

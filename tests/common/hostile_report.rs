//! Reports in which every text from outside is what the test wants it to be.

use std::collections::BTreeMap;

use index_rebalancer::model::{BasisPoints, Side};
use index_rebalancer::report::audit::AuditReport;
use index_rebalancer::report::margin::{MarginReport, ShadowPriceReport};
use index_rebalancer::report::{Mode, RunReport};

use crate::report_sample as sample;

/// Markup, quotes of both kinds, ends of script, comment and character data, an entity, a mark that turns text around.
pub(crate) const HOSTILE: &str =
    "\"'><img src=x onerror=alert`1`></style></script><script>alert`1`</script>&lt;-->]]>{{7*7}}\u{202e}\u{0}";

/// Every text of a report that comes from outside, replaced.
pub(crate) fn filled_with(text: &str) -> (RunReport, AuditReport) {
    let mut report = RunReport::of_record(Mode::Stored, &sample::record()).expect("a committed run");
    let limit = format!("max_weight({text})");
    let own = || text.to_owned();
    report.index = own();
    report.quote_currency = own();
    report.outcome.sentence = own();
    report.regime.why = own();
    report.notices = vec![own(), own()];
    report.input_digest = own();
    report.policy_digest = own();
    report.solver.backend = own();
    report.solver.objective = own();
    for position in &mut report.positions {
        position.symbol = own();
        position.sentence = own();
        position.binding = vec![limit.clone()];
    }
    for order in &mut report.orders {
        order.symbol = own();
        order.sentence = own();
        order.client_order_id = own();
        order.binding = vec![limit.clone()];
        order.result.as_mut().expect("it was executed").note = own();
    }
    for exclusion in &mut report.exclusions {
        exclusion.symbol = own();
        exclusion.why = own();
    }
    for relaxation in &mut report.relaxations {
        relaxation.limit.clone_from(&limit);
    }
    for check in &mut report.certificate.checks {
        check.limit.clone_from(&limit);
    }
    for family in &mut report.certificate.families {
        family.family = own();
        family.tightest.limit.clone_from(&limit);
    }
    report.certificate.shadow_prices =
        vec![ShadowPriceReport { limit: limit.clone(), looser_bp: BasisPoints::ZERO, tighter_bp: None }];
    let takes_bp = BTreeMap::from([(limit, BasisPoints::parse("1").expect("basis points"))]);
    let margin = MarginReport { side: Side::Buy, gain_bp: BasisPoints::ZERO, takes_bp };
    for position in &mut report.positions {
        position.margin = Some(margin.clone());
    }
    for order in &mut report.orders {
        order.margin = Some(margin.clone());
    }
    let execution = report.execution.as_mut().expect("it was executed");
    execution.reason = own();
    execution.plan_digest = Some(own());
    let mut audit = sample::audited(&sample::FINDINGS);
    for entry in &mut audit.entries {
        entry.why = own();
        entry.operator = Some(own());
        entry.hash = own();
    }
    for finding in &mut audit.findings {
        finding.what = own();
        finding.fault = own();
    }
    (report, audit)
}

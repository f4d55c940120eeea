//! What the environment may say, and what it may not.

use index_rebalancer::function::configuration::{Configuration, VenueMode};

use crate::sandbox::{CANARY, Setup};
use crate::table::Table;

/// Variable, value, what the refusal says.
const REFUSED: &[(&str, &str, &[&str])] = &[
    ("REBALANCE_TABLE", "", &["REBALANCE_TABLE", "not set", "name of the table"]),
    ("REBALANCE_ENVIRONMENT", "", &["REBALANCE_ENVIRONMENT", "not set", "paper or live"]),
    ("REBALANCE_ENVIRONMENT", "Live", &["REBALANCE_ENVIRONMENT", "unknown environment"]),
    ("REBALANCE_VENUE_MODE", "binance", &["REBALANCE_VENUE_MODE", "unknown mode", "outbox or paper"]),
    ("REBALANCE_PAPER_CLOCK", "noon", &["REBALANCE_PAPER_CLOCK", "2025-04-16T00:00:00Z"]),
    ("REBALANCE_EVENT_WINDOW_MINUTES", "0", &["REBALANCE_EVENT_WINDOW_MINUTES", "1 to 1440"]),
    ("REBALANCE_PROPOSAL_MINUTES", "soon", &["REBALANCE_PROPOSAL_MINUTES", "1 to 1440"]),
    ("REBALANCE_REPORT_BUCKET", "s3://pages", &["REBALANCE_REPORT_BUCKET", "name of a bucket", "3 to 63"]),
    ("REBALANCE_REPORT_BUCKET", "pages.example", &["REBALANCE_REPORT_BUCKET"]),
    ("AWS_ACCESS_KEY_ID", "", &["AWS_ACCESS_KEY_ID", "not set", "the function's role"]),
    ("AWS_REGION", "", &["AWS_REGION", "not set"]),
];

#[test]
fn a_function_that_is_set_up_wrongly_does_not_start() {
    let table = Table::start();
    for (variable, value, says) in REFUSED {
        let output = Setup::of(&table, "2025-04-10T00:00:00Z").with(variable, value).fails_to_start();
        assert!(says.iter().all(|part| output.contains(part)), "{variable}={value}: {output}");
        assert!(!output.contains(CANARY), "{output}");
    }
}

#[test]
fn live_runs_are_neither_filled_on_paper_nor_given_another_time() {
    let table = Table::start();
    let live = |more: (&'static str, &str)| {
        let setup = Setup::of(&table, "").with("REBALANCE_ENVIRONMENT", "live").with(more.0, more.1);
        setup.fails_to_start()
    };
    assert!(live(("REBALANCE_VENUE_MODE", "paper")).contains("live orders are not filled on paper"));
    assert!(live(("REBALANCE_PAPER_CLOCK", "2025-04-10T00:00:00Z")).contains("live runs have the real time"));
}

#[test]
fn what_is_not_said_has_its_default() {
    let known = |name: &str| match name {
        "REBALANCE_TABLE" => Some("t".to_owned()),
        "REBALANCE_ENVIRONMENT" => Some("live".to_owned()),
        "AWS_REGION" => Some("eu-central-1".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some(format!("{CANARY}-key")),
        _ => None,
    };
    let configuration = Configuration::read(known).expect("complete");
    assert_eq!((configuration.venue_mode, configuration.window_minutes), (VenueMode::Outbox, 120));
    assert_eq!(configuration.origin.region.as_deref(), Some("eu-central-1"));
    assert_eq!((configuration.token_metrics.clone(), configuration.paper_clock), (None, None));
    assert_eq!(configuration.report_bucket, None);
    assert!(!format!("{:?}", configuration.aws.secret_access_key).contains(CANARY));
}

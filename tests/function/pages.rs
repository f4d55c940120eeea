//! Pages of runs in a bucket, and alerts that say where they are.

use std::time::{Duration, Instant};

use index_rebalancer::application::pages::page_of;
use index_rebalancer::model::Side;
use serde_json::{Value, json};

use crate::http::Message;
use crate::sandbox::{Outcome, Sandbox};
use crate::services::{Bucket, Services};
use crate::stage::{Stage, blue_chip_that_tells, blue_chip_with};

const OF_RUNS: &[&str] = &["orders_sent", "run_aborted"];
const BUCKET: &str = "rebalancer-reports";

fn sandbox(stage: &Stage, services: &Services) -> Sandbox {
    let endpoint = format!("http://{}", services.address);
    stage.sandbox().with("REBALANCE_REPORT_BUCKET", BUCKET).with("AWS_ENDPOINT_URL_S3", &endpoint).start()
}

/// The page as `rebalance report RUN --html` makes it from the table.
async fn terminals(stage: &Stage) -> String {
    let record = stage.record(stage.scheduled_run()).await;
    page_of(&stage.table.store(), &record).await.expect("reads").expect("has a plan")
}

fn text(page: &Message) -> &str {
    std::str::from_utf8(&page.body).expect("UTF-8")
}

#[tokio::test]
async fn a_runs_page_is_put_in_the_bucket_and_alerts_say_where() {
    let folder = blue_chip_that_tells(OF_RUNS);
    let stage = Stage::of(folder.path().to_owned()).await;
    let services = Services::start(Vec::new());
    let sandbox = sandbox(&stage, &services);
    let _ = sandbox.invoke(stage.payload(&json!({ "mode": "dry-run", "label": "x" }))).run();
    assert!(services.pages().is_empty(), "a dry run writes nothing");

    let run = stage.scheduled_run();
    let path = format!("reports/paper/blue-chip/2025/04/10/{run}.html");
    let _ = sandbox.invoke(stage.scheduled("live")).run();
    let pages = services.pages();
    assert_eq!(pages.len(), 1, "one page for one invocation, however many alerts there are");
    let page = &pages[0];
    assert_eq!(page.path(), format!("/{BUCKET}/{path}"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let signed = page.header("authorization").expect("a signature");
    assert!(signed.contains("/us-east-1/s3/aws4_request") && signed.contains("x-amz-content-sha256"), "{signed}");
    assert!(page.header("x-amz-security-token").is_some(), "credentials of a role");
    assert!(page.header("x-amz-server-side-encryption").is_none(), "the bucket decides how it encrypts");
    assert_eq!(text(page), terminals(&stage).await);
    let link = format!("https://console.aws.amazon.com/s3/object/{BUCKET}?region=us-east-1&prefix={path}");
    let told = sandbox.alerts();
    assert!(!told.is_empty() && told.iter().all(|alert| alert.ends_with(&format!(", page {link})"))), "{told:?}");

    // Whatever carries the run on writes its page anew.
    assert!(stage.execute(run, Side::Sell).await > 0);
    let _ = sandbox.invoke(r#"{"schema": 1, "mode": "recover"}"#).document();
    let pages = services.pages();
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[1].path(), page.path());
    assert_ne!(text(&pages[1]), text(page));
    assert_eq!(text(&pages[1]), terminals(&stage).await);
    assert!(sandbox.metric("PagesFailed").is_empty());
}

/// Nothing that goes wrong with a page touches the run: log, metric and alert say it.
#[tokio::test]
async fn a_page_that_cannot_be_written_is_told_and_the_run_goes_on() {
    for (bucket, why, attempts) in
        [(Bucket::Refuses, "S3 answered 403 AccessDenied", 1), (Bucket::Dead, "S3 did not answer", 3)]
    {
        let folder = blue_chip_that_tells(OF_RUNS);
        let stage = Stage::of(folder.path().to_owned()).await;
        let services = Services::with_bucket(Vec::new(), bucket);
        let endpoint = format!("http://{}", services.address);
        let sandbox = stage.sandbox().on_paper().with("REBALANCE_REPORT_BUCKET", BUCKET);
        let sandbox = sandbox.with("AWS_ENDPOINT_URL_S3", &endpoint).start();
        let run = sandbox.invoke(stage.scheduled("live")).run();
        assert_eq!((&run["error"], &run["run"]["execution"]["state"]), (&json!(null), &json!("done")), "{run}");
        assert_eq!(services.pages().len(), attempts, "{bucket:?}");
        assert_eq!(sandbox.metric("PagesFailed"), [json!(1)]);
        let told = sandbox.alerts();
        let says = |text: &str| text.contains(why) && text.contains("rebalance report RUN --html");
        assert!(
            !told.is_empty() && told.iter().all(|alert| says(alert) && alert.contains("was not written")),
            "{told:?}"
        );
        let lines = sandbox.log();
        let line = lines.iter().find(|line| line["message"] == "the run's page was not written").expect("a line");
        assert!(line["problem"].as_str().is_some_and(says), "{line}");
    }
}

/// A run that ended before it had a plan has no page, and misses none.
#[tokio::test]
async fn a_run_without_a_plan_has_no_page() {
    let folder = blue_chip_that_tells(OF_RUNS);
    let stage = Stage::of(folder.path().to_owned()).await;
    let services = Services::start(Vec::new());
    let old = "2025-04-20T00:00:00Z";
    let endpoint = format!("http://{}", services.address);
    let sandbox = stage.sandbox().on_paper().with("REBALANCE_PAPER_CLOCK", old).with("AWS_ENDPOINT_URL_S3", &endpoint);
    let sandbox = sandbox.with("REBALANCE_REPORT_BUCKET", BUCKET).start();
    let _ = sandbox.invoke(stage.payload(&json!({ "mode": "live", "scheduled_time": old }))).refusal();
    assert!(services.pages().is_empty() && sandbox.metric("PagesFailed").is_empty());
    let told = sandbox.alerts();
    assert!(!told.is_empty() && told.iter().all(|alert| !alert.contains("page ")), "{told:?}");
}

/// Channels and a bucket that take every connection and answer nothing, for longer than the invocation has: metrics, the
/// run's line and the answer come all the same.
#[tokio::test]
async fn alerts_that_hang_cost_neither_metrics_nor_the_answer() {
    let channels: Vec<String> = (0..8).map(|number| format!("topic-{number}")).collect();
    let topic = |name: &String| {
        format!("{name} = {{ kind = \"sns\", topic = \"arn:aws:sns:us-east-1:123456789012:{name}\" }}\n")
    };
    let more = format!(
        "\n[alerts.channels]\n{}[[alerts.routes]]\nevents = [\"orders_sent\"]\nchannels = {channels:?}\n",
        channels.iter().map(topic).collect::<String>()
    );
    let folder = blue_chip_with(&more);
    let stage = Stage::of(folder.path().to_owned()).await;
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    let endpoint = format!("http://{}", silent.local_addr().expect("an address"));
    let sandbox = stage.sandbox().with("REBALANCE_REPORT_BUCKET", BUCKET).with("AWS_ENDPOINT_URL_S3", &endpoint);
    let sandbox = sandbox.with("AWS_ENDPOINT_URL_SNS", &endpoint).start();
    let _ = sandbox.invoke(stage.payload(&json!({ "mode": "dry-run", "label": "warms-up" }))).run();
    // Two seconds to commit in, and fifteen in reserve, of which the last is for the answer. A machine that is too busy for
    // that meets the event again, as Lambda would deliver it.
    let within = Duration::from_secs(17);
    let (began, run) =
        std::iter::repeat_with(|| (Instant::now(), sandbox.invoke_within(stage.scheduled("live"), within)))
            .take(5)
            .find_map(|(began, outcome)| match outcome {
                Outcome::Document(document) => Some((began, document["runs"][0].clone())),
                Outcome::Error(_) => None,
            })
            .expect("committed");
    assert!(began.elapsed() < within, "Lambda would have ended the sandbox");
    assert!(run["new_orders"].as_u64() > Some(0), "{run}");
    let lines = sandbox.log();
    let place = |what: &dyn Fn(&Value) -> bool| lines.iter().position(what).unwrap_or_else(|| panic!("{lines:#?}"));
    let counted = place(&|line| line.get("OrdersSent").is_some());
    let told = place(&|line| line["message"] == "run");
    let cut = place(&|line| line["problem"] == "no time to tell and to keep everything");
    assert!(counted < cut && told < cut, "{lines:#?}");
}

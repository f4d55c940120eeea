//! Grades that the function fetches itself: with the key from Secrets Manager, from an API behind TLS, into the table,
//! and only then into a plan.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use index_rebalancer::model::AssetRecord;
use index_rebalancer::ports::RunState;
use index_rebalancer::ports::snapshot::{SnapshotKind, SnapshotStore as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::alerts::OF_ENDS;
use crate::permissions::allowed;
use crate::sandbox::{CANARY, Sandbox, Setup};
use crate::scripted_server::{Recorded, Reply, ScriptedServer};
use crate::services::{Reading, Services};
use crate::stage::{self, Stage, blue_chip_that_tells, blue_chip_where, blue_chip_with, moment};

/// An hour after the fixture's own grades, so that they are not those of the occasion.
const LATER: &str = "2025-04-10T01:00:00Z";

fn key(number: u32) -> String {
    format!("tm-{CANARY}-{number}")
}

/// An API, a secret, and a function that knows of both.
struct Desk {
    stage: Stage,
    api: ScriptedServer,
    services: Services,
    authority: TempDir,
}

impl Desk {
    async fn new(readings: Vec<Reading>, script: impl FnMut(&Recorded) -> Reply + Send + 'static) -> Self {
        Self::on(Stage::blue_chip().await, readings, script)
    }

    fn on(mut stage: Stage, readings: Vec<Reading>, script: impl FnMut(&Recorded) -> Reply + Send + 'static) -> Self {
        stage.at = LATER;
        let api = ScriptedServer::with_tls(script);
        let authority = tempfile::tempdir().expect("a folder");
        std::fs::write(authority.path().join("ca.pem"), api.authority_pem()).expect("written");
        Self { stage, api, services: Services::start(readings), authority }
    }

    fn setup(&self) -> Setup {
        let services = format!("http://{}", self.services.address);
        self.stage
            .sandbox()
            .on_paper()
            .with(
                "REBALANCE_TOKEN_METRICS_SECRET",
                "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-metrics",
            )
            .with("REBALANCE_TOKEN_METRICS_ORIGIN", &self.api.origin())
            .with("AWS_ENDPOINT_URL_SECRETS_MANAGER", &services)
            .with("AWS_ENDPOINT_URL_SNS", &services)
            .with("AWS_ENDPOINT_URL_S3", &services)
            .with("SSL_CERT_FILE", self.authority.path().join("ca.pem").to_str().expect("UTF-8"))
    }

    /// A sandbox that asks v2, which has an endpoint for each kind of grade.
    fn sandbox(&self) -> Sandbox {
        self.setup().with("REBALANCE_TOKEN_METRICS_API", "v2").start()
    }
}

/// Grades and signals of the tokens that are asked for and pass, of the day that is given, on page 1.
fn api(day: &str, knows: impl Fn(u64) -> bool) -> impl FnMut(&Recorded) -> Reply {
    api_grading(day, knows, grade)
}

/// A token's grade as an investment, by its id.
const fn grade(id: u64) -> u64 {
    41 + id % 50
}

/// The same with other grades.
fn api_grading(day: &str, knows: impl Fn(u64) -> bool, grade: impl Fn(u64) -> u64) -> impl FnMut(&Recorded) -> Reply {
    move |request: &Recorded| {
        let ids = request.parameter("token_id").expect("ids").to_owned();
        let record = |id: u64| {
            if request.target.starts_with("/v3/") {
                return json!({ "token_id": id, "date": format!("{day}T00:00:00.000Z"), "tm_grade": 40 + id % 60,
                               "fundamental_grade": grade(id), "trading_signal": 1 });
            }
            json!({ "TOKEN_ID": id, "DATE": format!("{day}T00:00:00.000Z"), "TM_TRADER_GRADE": 40 + id % 60,
                    "TM_INVESTOR_GRADE": grade(id), "TRADING_SIGNAL": 1 })
        };
        let of_page = |page: Option<&str>| match page {
            Some("1") => {
                ids.split(',').map(|id| id.parse().expect("an id")).filter(|id| knows(*id)).map(record).collect()
            }
            _ => Vec::new(),
        };
        if request.parameter("page") == Some("0") {
            let refused = json!({ "success": false, "message": "page", "length": 0, "data": [] });
            return Reply::json(400, refused.to_string());
        }
        let records: Vec<Value> = of_page(request.parameter("page"));
        let answer = json!({ "success": true, "message": "ok", "length": records.len(), "data": records });
        Reply::json(200, answer.to_string())
    }
}

/// The API behind a key: whoever has another one is not let in.
fn guarded(right: String, mut api: impl FnMut(&Recorded) -> Reply) -> impl FnMut(&Recorded) -> Reply {
    move |request: &Recorded| {
        if request.headers.values().any(|value| *value == right) {
            return api(request);
        }
        Reply::json(401, r#"{"success": false, "message": "invalid key"}"#)
    }
}

async fn nothing_was_sent(desk: &Desk) {
    let run = desk.stage.scheduled_run();
    assert!(desk.stage.orders(run).await.is_empty(), "no order of the run is stored");
}

#[tokio::test]
async fn a_run_plans_from_what_it_fetched_and_another_delivery_fetches_nothing() {
    let desk = Desk::new(vec![Reading::Value(key(1))], guarded(key(1), api("2025-04-09", |_| true))).await;
    let sandbox = desk.sandbox();
    // A dry run writes nothing, so it fetches nothing: credits are counted in the table.
    let before = desk.stage.table.items().await;
    let dry = sandbox.invoke(desk.stage.payload(&json!({ "mode": "dry-run", "label": "x" }))).run();
    assert_eq!((&dry["error"], desk.api.asked().len(), desk.services.readings()), (&Value::Null, 0, 0));
    assert_eq!(desk.stage.table.items().await, before);

    let run = sandbox.invoke(desk.stage.scheduled("live")).run();
    assert_eq!(run["run"]["execution"]["state"], "done", "{run}");
    let input = desk.stage.record(desk.stage.scheduled_run()).await.input.expect("committed");
    let fetched = moment("2025-04-09T00:00:00Z");
    assert!(input.assets.values().filter_map(|asset| asset.grades.investor.as_ref()).all(|grade| grade.at == fetched));
    let stored = desk.stage.table.store();
    for kind in [SnapshotKind::InvestorGrades, SnapshotKind::TradingSignals] {
        let latest = stored
            .latest_snapshot(desk.stage.case.portfolio(), kind, moment("2025-04-10T02:00:00Z"))
            .await
            .expect("reads");
        assert_eq!(latest.and_then(|snapshot| snapshot.dated), Some(fetched), "{kind}");
    }
    let age = sandbox.metric("OldestGradeAgeHours");
    assert!(age.len() == 1 && age[0].to_string().starts_with("25"), "{age:?}");
    let asked = desk.api.asked().len();
    assert!(asked > 0);
    assert_eq!(sandbox.invoke(desk.stage.scheduled("live")).run()["run"]["mode"], "already_done");
    assert_eq!((desk.api.asked().len(), desk.services.readings()), (asked, 1), "one key and one fetch");
    let _ = sandbox.log();
}

/// The version that a deployment asks by default tells everything along with the signals, and the case was loaded with
/// files of its own for each kind of grade. Those of a newer date count.
#[tokio::test]
async fn what_was_fetched_counts_before_older_files_that_were_loaded() {
    let desk = Desk::new(vec![Reading::Value(key(1))], guarded(key(1), api("2025-04-09", |_| true))).await;
    let run = desk.setup().start().invoke(desk.stage.scheduled("live")).run();
    assert_eq!(run["run"]["execution"]["state"], "done", "{run}");
    assert!(desk.api.asked().iter().all(|asked| asked.target.starts_with("/v3/trading-signals?")));
    let input = desk.stage.record(desk.stage.scheduled_run()).await.input.expect("committed");
    let dates = |asset: &AssetRecord| {
        let grades = &asset.grades;
        [grades.trader.map(|it| it.at), grades.investor.map(|it| it.at), grades.signal.map(|it| it.at)]
    };
    let dates: BTreeSet<Timestamp> = input.assets.values().flat_map(dates).flatten().collect();
    assert_eq!(dates, BTreeSet::from([moment("2025-04-09T00:00:00Z")]), "the files that were loaded are of 8 April");
}

#[tokio::test]
async fn a_rotated_key_is_read_once_more() {
    let readings = vec![Reading::Value(key(1)), Reading::Value(key(2))];
    let desk = Desk::new(readings, guarded(key(2), api("2025-04-09", |_| true))).await;
    let sandbox = desk.sandbox();
    let run = sandbox.invoke(desk.stage.scheduled("live")).run();
    assert_eq!(run["run"]["execution"]["state"], "done", "{run}");
    assert_eq!(desk.services.readings(), 2);
    let _ = sandbox.log();
}

#[tokio::test]
async fn a_key_that_is_not_to_be_had_ends_the_event_before_a_claim() {
    for (reading, says) in [
        (Reading::Refused("DecryptionFailure"), "DecryptionFailure"),
        (Reading::Refused("ResourceNotFoundException"), "ResourceNotFoundException"),
        (Reading::Value(key(7)), "does not take the key"),
    ] {
        let desk = Desk::new(vec![reading], guarded(key(2), api("2025-04-09", |_| true))).await;
        let sandbox = desk.sandbox();
        let refusal = sandbox.invoke(desk.stage.scheduled("live")).refusal();
        assert!(refusal.contains(says), "{refusal}");
        nothing_was_sent(&desk).await;
        assert_eq!(sandbox.metric("RunsAborted"), [json!(1)]);
    }
}

#[tokio::test]
async fn stale_and_partial_grades_end_the_run() {
    let stale = Desk::new(vec![Reading::Value(key(1))], api("2025-04-02", |_| true)).await;
    let refusal = stale.sandbox().invoke(stale.stage.scheduled("live")).refusal();
    assert!(refusal.contains("grade") || refusal.contains("max_snapshot_skew_hours"), "{refusal}");
    nothing_was_sent(&stale).await;

    let partial = Desk::new(vec![Reading::Value(key(1))], api("2025-04-09", |id| id % 3 == 0)).await;
    let refusal = partial.sandbox().invoke(partial.stage.scheduled("live")).refusal();
    assert!(refusal.contains("missing_grades") || refusal.contains("missing"), "{refusal}");
    nothing_was_sent(&partial).await;
}

/// Of the run nothing stands but its item with its log and its alerts, and that the fetched grades are those that were
/// refused; of the account nothing has changed.
#[tokio::test]
async fn grades_that_are_turned_round_since_the_run_before_end_the_run() {
    let is_turned = Arc::new(AtomicBool::new(false));
    let watched = Arc::clone(&is_turned);
    // A scale that was turned round: the best are the worst.
    let graded = move |id| if watched.load(Ordering::Relaxed) { 131 - grade(id) } else { grade(id) };
    let mut desk = Desk::new(vec![Reading::Value(key(1))], api_grading("2025-04-09", |_| true, graded)).await;
    let first = desk.sandbox().invoke(desk.stage.scheduled("live")).run();
    assert_eq!(first["run"]["execution"]["state"], "done", "{first}");

    is_turned.store(true, Ordering::Relaxed);
    desk.stage.at = "2025-04-10T02:00:00Z";
    let before = desk.stage.table.items().await;
    let sandbox = desk.sandbox();
    let refusal = sandbox.invoke(desk.stage.scheduled("live")).refusal();
    assert!(refusal.contains("max_grade_flips") && refusal.contains("confirm the grades"), "{refusal}");
    nothing_was_sent(&desk).await;
    let run = desk.stage.record(desk.stage.scheduled_run()).await;
    assert_eq!((run.state, run.plan, run.orders), (RunState::Aborted, None, vec![]));
    assert_eq!(sandbox.metric("RunsAborted"), [json!(1)]);
    let after = desk.stage.table.items().await;
    let changed: BTreeSet<&str> = after
        .iter()
        .filter(|(key, item)| before.get(*key) != Some(*item))
        .map(|((pk, _), _)| pk.split('#').next().unwrap_or(pk))
        .collect();
    assert_eq!(changed, BTreeSet::from(["blob", "counter", "log", "run", "snapshots"]));
    assert!(before.keys().all(|key| after.contains_key(key)), "nothing is taken away");
}

/// A portfolio of the other environment is none of this function's: no key is read for it, and no credit spent.
#[tokio::test]
async fn nothing_is_fetched_for_a_portfolio_of_the_other_environment() {
    let folder = blue_chip_with("");
    let definition = folder.path().join("case.toml");
    let text = std::fs::read_to_string(&definition).expect("a definition");
    std::fs::write(&definition, text.replace("environment = \"paper\"", "environment = \"live\"")).expect("written");
    let stage = Stage::of(folder.path().to_owned()).await;
    let desk = Desk::on(stage, vec![Reading::Value(key(1))], api("2025-04-09", |_| true));
    let refusal = desk.sandbox().invoke(desk.stage.scheduled("live")).refusal();
    assert!(refusal.contains("its environment is live, and this function's is paper"), "{refusal}");
    assert_eq!((desk.services.readings(), desk.api.asked().len()), (0, 0));
}

/// A fetch has what the deadline leaves it, less what a plan needs: where that is too little none is begun, and where an
/// answer does not come in it the invocation ends before Lambda ends it. Another delivery may have more luck.
#[tokio::test]
async fn a_fetch_keeps_to_the_deadline_of_its_invocation() {
    let desk = Desk::new(vec![Reading::Value(key(1))], |_: &Recorded| Reply::Silent(Duration::from_secs(30))).await;
    let sandbox = desk.sandbox();
    let why = sandbox.invoke_within(desk.stage.scheduled("live"), Duration::from_secs(35)).retry();
    assert!(why.contains("too little time left to fetch grades"), "{why}");
    assert_eq!((desk.services.readings(), desk.api.asked().len()), (0, 0));
    let why = sandbox.invoke_within(desk.stage.scheduled("live"), Duration::from_secs(53)).retry();
    assert!(why.contains("the fetch was not complete after"), "{why}");
    assert_eq!(desk.api.asked().len(), 1);
    nothing_was_sent(&desk).await;
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_asked_again_by_another_delivery() {
    let desk = Desk::new(vec![Reading::Value(key(1))], |_: &Recorded| Reply::json(503, "{}")).await;
    let why = desk.sandbox().invoke(desk.stage.scheduled("live")).retry();
    assert!(why.contains("Token Metrics") && why.contains("503"), "{why}");
    nothing_was_sent(&desk).await;
}

/// A load in the midst of a fetch that makes the portfolio another: no run of the one is planned from the other's files.
#[tokio::test]
async fn a_portfolio_that_becomes_another_while_grades_are_fetched_is_looked_at_again() {
    let stage = Stage::blue_chip().await;
    let other = blue_chip_where("environment = \"paper\"", "environment = \"live\"");
    let address = stage.table.address;
    let mut answer = api("2025-04-09", |_| true);
    let script = move |request: &Recorded| {
        stage::load_apart(address, other.path());
        answer(request)
    };
    let desk = Desk::on(stage, vec![Reading::Value(key(1))], script);
    let sandbox = desk.sandbox();
    let why = sandbox.invoke(desk.stage.scheduled("live")).retry();
    assert!(why.contains("was loaded anew as another while it was read"), "{why}");
    nothing_was_sent(&desk).await;
    let refusal = sandbox.invoke(desk.stage.scheduled("live")).refusal();
    assert!(refusal.contains("its environment is live, and this function's is paper"), "{refusal}");
}

/// A key that is refused stays refused: somebody is told. A source that is busy is asked again by the next delivery, and
/// nobody is.
#[tokio::test]
async fn a_run_whose_grades_are_not_to_be_had_is_told_once_no_delivery_comes() {
    let folder = blue_chip_that_tells(OF_ENDS);
    let stage = async || Stage::of(folder.path().to_owned()).await;
    let busy = Desk::on(stage().await, vec![Reading::Value(key(1))], |_: &Recorded| Reply::json(503, "{}"));
    let sandbox = busy.sandbox();
    let _ = sandbox.invoke(busy.stage.scheduled("live")).retry();
    assert_eq!(sandbox.alerts(), Vec::<String>::new());

    let refused = Desk::on(stage().await, vec![Reading::Value(key(7))], guarded(key(2), api("2025-04-09", |_| true)));
    let sandbox = refused.sandbox();
    let _ = sandbox.invoke(refused.stage.scheduled("live")).refusal();
    let told = sandbox.alerts();
    assert!(told.len() == 1 && told[0].contains("does not take the key"), "{told:?}");
}

const TO_A_TOPIC: &str = r#"
[alerts.channels]
desk = { kind = "sns", topic = "arn:aws:sns:us-east-1:123456789012:desk" }
[[alerts.routes]]
events = ["orders_sent", "run_aborted", "plan_ready"]
channels = ["desk"]
"#;

/// Everything that the function does, once: what it needed to be allowed is exactly what its role allows.
#[tokio::test]
async fn the_role_allows_what_is_needed_and_nothing_else() {
    let folder = blue_chip_with(TO_A_TOPIC);
    let stage = Stage::of(folder.path().to_owned()).await;
    let desk = Desk::on(stage, vec![Reading::Value(key(1))], api("2025-04-09", |_| true));
    let sandbox = desk
        .setup()
        .with("REBALANCE_TOKEN_METRICS_API", "v2")
        .with("REBALANCE_VENUE_MODE", "outbox")
        .with("REBALANCE_REPORT_BUCKET", "reports")
        .start();
    let recover = r#"{"schema": 1, "mode": "recover"}"#;
    let _ = sandbox.invoke(desk.stage.payload(&json!({ "mode": "dry-run", "label": "x" }))).run();
    let proposal = sandbox.invoke(desk.stage.scheduled("propose")).run();
    let digest = proposal["run"]["execution"]["plan_digest"].as_str().expect("a digest");
    let approval = json!({ "mode": "live", "scheduled_time": LATER, "approved_plan": digest });
    let _ = sandbox.invoke(desk.stage.payload(&approval)).run();
    let run = desk.stage.scheduled_run();
    for side in [index_rebalancer::model::Side::Sell, index_rebalancer::model::Side::Buy] {
        assert!(desk.stage.execute(run, side).await > 0);
        let _ = sandbox.invoke(recover).document();
    }
    let after = sandbox.invoke(desk.stage.payload(&approval)).run();
    assert_eq!(after["run"]["execution"]["state"], "done", "{after}");
    assert!(desk.services.published() > 0, "{:?}", sandbox.log());
    let mut needed = desk.stage.table.permissions();
    needed.extend(desk.services.permissions());
    let unused: Vec<String> = allowed().difference(&needed).map(ToString::to_string).collect();
    assert!(unused.is_empty(), "infra/permissions.txt allows what nobody needs: {unused:?}");
}

//! The whole function, from the spawn of its process to committed orders, beside a Python function that does the same with
//! boto3 and `SciPy`'s HiGHS: the blue-chip fixture on paper, the embedded store served by a process of its own, and a
//! bare Runtime API. Both in the same run, alternating, each time in a store of its own.
//!
//! `make bench-function` packages the function, with and without HiGHS, installs the Python side, and prints wall time,
//! processor time and the most memory of each, what the store itself took of that, and the ratios. A first run is recorded call by call: it is what the
//! Python function is given to do (`benches/function.py` says what it is spared). Both must leave as many items
//! of each kind, and find the same objective to 1e-7, so that nobody wins by being wrong.
//!
//! Goals: [`TIMES`] times faster and as small a part of the memory; each of the [`PACKAGES`] small enough and ready for its
//! first event soon enough. Missed, the exit code is 1; for the time until it is ready the processor's counts, since
//! the clock's belongs to whoever else is at work on the machine.

#![expect(
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads its switches, prints figures and stops where something is wrong"
)]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use index_rebalancer::adapters::dynamodb::{DynamoStore, table};
use index_rebalancer::adapters::files::Case;
use index_rebalancer::adapters::rehearsal::client;
use index_rebalancer::adapters::snapshots::store_case;
use index_rebalancer::execution::load_run;
use index_rebalancer::model::{Decimal, Trigger};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::planning::segment_program;
use index_rebalancer::ports::RunState;
use rust_decimal::prelude::ToPrimitive as _;
use serde_json::{Value, json};

use http::Message;

#[path = "../tests/function/http.rs"]
mod http;

const TABLE: &str = "index-rebalancer";
/// The first day of the fixture, which trades.
const DAY: &str = "2025-04-10T00:00:00Z";
const REPEATS: usize = 5;

const TIMES: f64 = 20.0;

/// What `make package` and `make package-full` leave in `target/lambda`.
struct Package {
    /// Of the binary; with `.zip` that of the package.
    file: &'static str,
    solvers: &'static str,
    most_bytes: u64,
    /// Processor time until it asks for its first event.
    ready_ms: f64,
}

/// The one that is timed beside Python is the first.
const PACKAGES: [Package; 2] = [
    Package { file: "bootstrap", solvers: "MicroLP", most_bytes: 8_000_000, ready_ms: 15.0 },
    Package { file: "bootstrap-full", solvers: "MicroLP and HiGHS", most_bytes: 14_000_000, ready_ms: 25.0 },
];

impl Package {
    fn binary(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lambda").join(self.file)
    }

    fn bytes(&self) -> u64 {
        std::fs::metadata(self.binary().with_extension("zip")).expect("both packages were made").len()
    }
}

/// How this program is started for the process that serves the store.
const SERVE: &str = "serve-store";

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == SERVE) {
        serve_store();
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure())
}

async fn measure() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [bootstrap, full] = PACKAGES.each_ref().map(Package::binary);
    let python =
        std::env::var("REBALANCE_BENCH_PYTHON").expect("REBALANCE_BENCH_PYTHON names a Python with boto3 and SciPy");
    let recorded = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recorded.json");
    let best = record(&bootstrap, &recorded).await;
    let ours = |_: &Path| Command::new(&bootstrap);
    let theirs = |recorded: &Path| {
        let mut command = Command::new(&python);
        command.arg(root.join("benches/function.py")).env("RECORDED", recorded);
        command
    };
    let (mut here, mut there, mut with_highs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let (ran, answer) = run(ours(&recorded), None).await;
        assert_eq!(answer["runs"][0]["run"]["execution"]["state"], "done", "{answer}");
        let (other, answer) = run(theirs(&recorded), None).await;
        let objective = answer["objective"].as_f64().expect("an objective");
        assert!((objective - best).abs() <= 1e-7, "objectives differ: {best} here, {objective} in HiGHS");
        assert_eq!(ran.items, other.items, "both leave as many items of each kind");
        let (of_full, answer) = run(Command::new(&full), None).await;
        assert_eq!(answer["runs"][0]["run"]["execution"]["state"], "done", "{answer}");
        here.push(ran);
        there.push(other);
        with_highs.push(of_full);
    }
    let ready = PACKAGES.each_ref().map(|package| median((0..REPEATS).map(|_| ready_on_aws(package)).collect()));
    judge(&here, &there, &with_highs, ready)
}

/// What one process took, from its spawn to its answer.
#[derive(Debug, Clone)]
struct Ran {
    ready_ms: f64,
    ready_cpu_ms: f64,
    wall_ms: f64,
    cpu_ms: f64,
    peak_kb: f64,
    /// The store's processor time meanwhile.
    store_cpu_ms: f64,
    /// Items that it added to the store, by kind.
    items: BTreeMap<String, usize>,
}

fn judge(here: &[Ran], there: &[Ran], with_highs: &[Ran], ready: [f64; 2]) -> ExitCode {
    let of = |runs: &[Ran], value: fn(&Ran) -> f64| median(runs.iter().map(value).collect());
    println!("blue-chip on paper, spawn to committed and settled orders; medians of {REPEATS}, same run");
    println!("{} items written by each, of {:?}\n", here[0].items.values().sum::<usize>(), here[0].items);
    println!("            ready ms  of it cpu   wall ms    cpu ms  peak MB  store's cpu ms");
    for (name, runs) in [("function", here), ("and HiGHS", with_highs), ("Python", there)] {
        println!(
            "  {name:<9} {:>8.1}  {:>9.1}  {:>8.1}  {:>8.1}  {:>7.1}  {:>14.1}",
            of(runs, |it| it.ready_ms),
            of(runs, |it| it.ready_cpu_ms),
            of(runs, |it| it.wall_ms),
            of(runs, |it| it.cpu_ms),
            of(runs, |it| it.peak_kb) / 1024.0,
            of(runs, |it| it.store_cpu_ms),
        );
    }
    let ratio = |value: fn(&Ran) -> f64| of(there, value) / of(here, value);
    let without_store = |runs: &[Ran]| median(runs.iter().map(|it| it.wall_ms - it.store_cpu_ms).collect());
    let (wall, cpu, memory) = (ratio(|it| it.wall_ms), ratio(|it| it.cpu_ms), ratio(|it| it.peak_kb));
    println!(
        "\nPython takes {wall:.1} times the wall time, {cpu:.1} times the processor time, {memory:.1} times the memory"
    );
    println!(
        "without the store's own time, which is the same for both: {:.1} times the wall time",
        without_store(there) / without_store(here)
    );
    let mut goals = vec![
        (format!("wall time: at least {TIMES} times"), wall >= TIMES),
        (format!("memory: at least {TIMES} times"), memory >= TIMES),
    ];
    for (package, ready) in PACKAGES.iter().zip(ready) {
        let Package { solvers, most_bytes, ready_ms, .. } = package;
        let bytes = package.bytes();
        println!("package with {solvers}: {bytes} bytes; ready on AWS after {ready:.1} ms of processor time");
        goals.push((format!("package with {solvers}: below {most_bytes} bytes"), bytes < *most_bytes));
        goals.push((format!("package with {solvers}: ready within {ready_ms} ms"), ready < *ready_ms));
    }
    println!();
    let mut missed = false;
    for (what, met) in goals {
        println!("goal, {what}: {}", if met { "met" } else { "MISSED" });
        missed |= !met;
    }
    if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs the function once with every call noted, and writes down what the other side is to do. Its objective.
async fn record(bootstrap: &Path, to: &Path) -> f64 {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let store = Store::start().await;
    let (noted, address) = (Arc::clone(&calls), store.address);
    let proxy = http::serve(move |request| {
        let action = request.header("x-amz-target").and_then(|it| it.rsplit('.').next()).unwrap_or("").to_owned();
        let body: Value = serde_json::from_slice(&request.body).expect("JSON");
        noted.lock().expect("not poisoned").push(json!([action, body]));
        http::call(address, &request).ok()
    });
    let (_, answer) = run_in(&store, Command::new(bootstrap), proxy).await;
    assert_eq!(answer["runs"][0]["run"]["execution"]["state"], "done", "{answer}");
    let case = Case::load(&fixture()).expect("a case");
    let account = case.accounts().next().expect("an account");
    let identity = case.run_identity(account, Trigger::Scheduled(DAY.parse().expect("a time"))).expect("an identity");
    let record = load_run(&store.runs, run_id(&identity)).await.expect("reads").expect("is stored");
    assert_eq!(record.state, RunState::Done);
    let (plan, input) = (record.plan.expect("a plan"), record.input.expect("an input"));
    assert_eq!(plan.solver.programs, 1, "the program that is handed on is the one that the plan comes from");
    let program = segment_program(&input).expect("plannable");
    let float = |value: &Decimal| value.to_f64().expect("finite");
    let terms = |terms: &[(usize, Decimal)]| terms.iter().map(|(at, by)| json!([at, float(by)])).collect::<Vec<_>>();
    let columns: Vec<_> = program.columns.iter().map(|it| [float(&it.upper), float(&it.reward)]).collect();
    let rows: Vec<_> = program.rows.iter().map(|row| json!([terms(&row.terms), float(&row.bound)])).collect();
    let calls = calls.lock().expect("not poisoned").clone();
    let written = json!({ "calls": calls, "program": { "columns": columns, "rows": rows } });
    std::fs::write(to, written.to_string()).expect("written");
    plan.solver.objective.parse().expect("a number")
}

async fn run(command: Command, proxy: Option<SocketAddr>) -> (Ran, Value) {
    let store = Store::start().await;
    let address = proxy.unwrap_or(store.address);
    run_in(&store, command, address).await
}

/// One event in a process of its own.
async fn run_in(store: &Store, mut command: Command, address: SocketAddr) -> (Ran, Value) {
    let (seen, moments) = channel();
    let runtime = http::serve(move |request| runtime_api(&seen, &request));
    let items_before = store.items().await;
    let store_before = Taken::of(store.child.id());
    let begun = Instant::now();
    let command = command.envs(variables(runtime)).env("AWS_ENDPOINT_URL", format!("http://{address}"));
    let mut child = command.stdout(Stdio::null()).spawn().expect("the function starts");
    let next = || -> (Instant, Option<Vec<u8>>) {
        moments.recv_timeout(Duration::from_mins(2)).expect("the function asks and answers")
    };
    let (ready, _) = next();
    let at_ready = Taken::of(child.id());
    let (answered, body) = next();
    let (at_answer, store_after) = (Taken::of(child.id()), Taken::of(store.child.id()));
    let _ = child.kill();
    let _ = child.wait();
    let milliseconds = |until: Instant| until.duration_since(begun).as_secs_f64() * 1e3;
    let ran = Ran {
        ready_ms: milliseconds(ready),
        ready_cpu_ms: at_ready.cpu_ms,
        wall_ms: milliseconds(answered),
        cpu_ms: at_answer.cpu_ms,
        peak_kb: at_answer.peak_kb,
        store_cpu_ms: store_after.cpu_ms - store_before.cpu_ms,
        items: added(&items_before, store.items().await),
    };
    (ran, serde_json::from_slice(&body.expect("an answer")).expect("JSON"))
}

/// What Lambda and the template set.
fn variables(runtime: SocketAddr) -> [(&'static str, String); 13] {
    [
        ("REBALANCE_TABLE", TABLE.to_owned()),
        ("REBALANCE_ENVIRONMENT", "paper".to_owned()),
        ("REBALANCE_VENUE_MODE", "paper".to_owned()),
        ("REBALANCE_ACCOUNT", "123456789012".to_owned()),
        ("REBALANCE_PAPER_CLOCK", DAY.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "example".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "rebalance".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_RUNTIME_API", runtime.to_string()),
        // One processor is what Lambda gives so little memory, and more threads are slower there.
        ("OPENBLAS_NUM_THREADS", "1".to_owned()),
    ]
}

/// Processor time until it asks for its first event where every service is AWS's own, behind TLS. It gets no event, and
/// sends nothing there.
fn ready_on_aws(package: &Package) -> f64 {
    let (seen, asked) = channel();
    let runtime = http::serve(move |_| {
        let _ = seen.send(());
        std::thread::sleep(Duration::from_mins(2));
        None
    });
    let mut command = Command::new(package.binary());
    let mut child = command.envs(variables(runtime)).stdout(Stdio::null()).spawn().expect("the function starts");
    asked.recv_timeout(Duration::from_mins(1)).expect("the function asks");
    let taken = Taken::of(child.id());
    let _ = child.kill();
    let _ = child.wait();
    taken.cpu_ms
}

fn added(before: &BTreeMap<String, usize>, mut after: BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    for (kind, count) in &mut after {
        *count -= before.get(kind).copied().unwrap_or(0);
    }
    after.retain(|_, count| *count > 0);
    after
}

/// Tells when the function asks for its first event and what it answers; asked for a second one, it says nothing more.
fn runtime_api(seen: &Sender<(Instant, Option<Vec<u8>>)>, request: &Message) -> Option<Message> {
    if request.path().ends_with("/invocation/next") {
        // The first to ask gets the event. Whoever waits for this moment looks at the process before it goes on.
        seen.send((Instant::now(), None)).ok()?;
        std::thread::sleep(Duration::from_millis(2));
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970") + Duration::from_mins(5);
        let deadline = deadline.as_millis().to_string();
        let headers = [
            ("lambda-runtime-aws-request-id", "1"),
            ("lambda-runtime-deadline-ms", &deadline),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:rebalance"),
            ("content-type", "application/json"),
        ];
        let event = json!({ "schema": 1, "portfolio": "blue-chip", "mode": "live", "scheduled_time": DAY });
        return Some(Message::answer(200, &headers, event.to_string().as_bytes()));
    }
    assert!(request.path().ends_with("/response"), "{}: {}", request.path(), String::from_utf8_lossy(&request.body));
    seen.send((Instant::now(), Some(request.body.clone()))).ok()?;
    // The process is looked at before it may end.
    std::thread::sleep(Duration::from_millis(20));
    Some(Message::answer(202, &[], b"{}"))
}

/// What a process has taken so far, by the kernel's books.
struct Taken {
    cpu_ms: f64,
    peak_kb: f64,
}

impl Taken {
    fn of(process: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        // Of every thread: nanoseconds on a processor, where the books of `stat` count in hundredths of a second.
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("threads");
        let nanoseconds = threads.filter_map(|thread| {
            let path = thread.ok()?.path().join("schedstat");
            std::fs::read_to_string(path).ok()?.split_whitespace().next()?.parse::<f64>().ok()
        });
        Self {
            cpu_ms: nanoseconds.sum::<f64>() / 1e6,
            peak_kb: peak.trim().trim_end_matches(" kB").parse().expect("a number"),
        }
    }
}

/// The embedded store in a process of its own, with the fixture in it.
struct Store {
    child: Child,
    address: SocketAddr,
    client: aws_sdk_dynamodb::Client,
    runs: DynamoStore,
}

impl Store {
    async fn start() -> Self {
        let own = std::env::current_exe().expect("this program");
        let mut child = Command::new(own).arg(SERVE).stdout(Stdio::piped()).spawn().expect("the store starts");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let _ = output.read_line(&mut line).expect("it says where it is");
        let address: SocketAddr = line.trim().parse().expect("an address");
        let client = client(&address.to_string(), Duration::from_secs(20));
        table::create(&client, TABLE).await.expect("the table is made");
        let runs = DynamoStore::new(client.clone(), TABLE);
        let loaded = store_case(&runs, &fixture(), DAY.parse().expect("a time"), |_| ()).await;
        let _ = loaded.expect("the fixture is loaded");
        Self { child, address, client, runs }
    }

    /// How many there are of each kind: by the first part of their key.
    async fn items(&self) -> BTreeMap<String, usize> {
        let items = self.client.scan().table_name(TABLE).into_paginator().items().send();
        let mut kinds = BTreeMap::new();
        for item in items.try_collect().await.expect("the table is read") {
            let key = item["pk"].as_s().expect("a text");
            *kinds.entry(key.split('#').next().unwrap_or(key).to_owned()).or_insert(0) += 1;
        }
        kinds
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/blue-chip")
}

/// Until it is killed.
fn serve_store() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port");
        println!("{}", listener.local_addr().expect("an address"));
        let database = dynoxide::Database::memory().expect("an empty store");
        let served = dynoxide::server::serve_with_shutdown(listener, database, std::future::pending());
        served.await.expect("the store is served");
    });
}

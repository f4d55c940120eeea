//! The driver: starts the processes, plays one scenario after the other, and hands everything to the checker.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use index_rebalancer::adapters::dynamodb::{DynamoStore, table};
use index_rebalancer::adapters::rehearsal::client;
use index_rebalancer::model::{AccountSnapshot, Holding, Quantity};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::RunStore;
use jiff::{SignedDuration, Timestamp};

use crate::checker;
use crate::history::{Log, What};
use crate::now;
use crate::plans::{asset, money, quantity};
use crate::proxy::{self, Faults, KillAt, Victim};
use crate::split_mix::SplitMix64;
use crate::steps::Channel;
use crate::venue_class::VenueClass;
use crate::venue_server::{Books, Opening};
use crate::worker::{self, Act, Delivery, Task};
use index_rebalancer::adapters::rehearsal::wire::{self, Message};

/// How much is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    kills: usize,
    /// The least of them while a run is claimed and not over, and at each named step.
    between: usize,
    each_step: usize,
    lanes: usize,
    seed: u64,
    longest: Duration,
}

impl Wanted {
    /// `kills=1000 between=800 each=10 lanes=3 seed=1 minutes=15`; without arguments a short run.
    pub(crate) fn parse(arguments: &[String]) -> Self {
        let figures: BTreeMap<&str, u64> = arguments
            .iter()
            .filter_map(|argument| argument.split_once('='))
            .map(|(name, value)| (name, value.parse().unwrap_or_else(|_| panic!("{name}={value}: not a number"))))
            .collect();
        let figure = |name, otherwise| figures.get(name).copied().unwrap_or(otherwise);
        let count = |name, otherwise| usize::try_from(figure(name, otherwise)).expect("a count");
        Self {
            kills: count("kills", 24),
            between: count("between", 12),
            each_step: count("each", 0),
            lanes: count("lanes", 3),
            seed: figure("seed", 1),
            longest: Duration::from_secs(60 * figure("minutes", 3)),
        }
    }
}

/// A process that ends with this value.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(role: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child =
            Command::new(program).arg(role).stdout(Stdio::piped()).spawn().expect("a process can be started");
        let mut line = String::new();
        let output = child.stdout.take().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("it says its address");
        let address = line.trim().parse().unwrap_or_else(|error| panic!("{role} says {line:?}: {error}"));
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What all lanes share.
struct Stage {
    store: SocketAddr,
    venue: SocketAddr,
    /// Past the proxies.
    client: aws_sdk_dynamodb::Client,
    log: Arc<Log>,
    wanted: Wanted,
    begin: Instant,
    kills: Mutex<BTreeMap<(String, bool), usize>>,
    total: Mutex<usize>,
    workers: Mutex<u32>,
    /// Each has a table of its own and a case.
    accounts: Mutex<Vec<String>>,
    folder: PathBuf,
    errors: std::fs::File,
}

pub(crate) async fn run(wanted: &Wanted) -> i32 {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("chaos-{}", wanted.kills));
    std::fs::create_dir_all(&folder).expect("a folder for the log");
    let path = folder.join("history.jsonl");
    let (store, venue) = (Server::start("store"), Server::start("venue"));
    let client = client(&store.address.to_string(), Duration::from_mins(1));
    let stage = Arc::new(Stage {
        store: store.address,
        venue: venue.address,
        client: client.clone(),
        log: Arc::new(Log::create(&path)),
        wanted: wanted.clone(),
        begin: Instant::now(),
        kills: Mutex::default(),
        total: Mutex::new(0),
        workers: Mutex::new(0),
        accounts: Mutex::default(),
        folder: folder.clone(),
        errors: std::fs::File::create(folder.join("workers.log")).expect("a log of the workers"),
    });
    let canary = tokio::spawn(canary(stage.clone()));
    let lanes: Vec<_> =
        (0..wanted.lanes).map(|lane| tokio::spawn(lane_of_scenarios(stage.clone(), lane as u64))).collect();
    let mut scenarios = 0;
    for lane in lanes {
        scenarios += lane.await.expect("a lane does not panic");
    }
    canary.abort();
    stage.log.flush();
    println!(
        "chaos: {scenarios} scenarios, {} workers, {} kills in {:.0} s (seed {}), log {}",
        stage.workers.lock().expect("not poisoned"),
        stage.total.lock().expect("not poisoned"),
        stage.begin.elapsed().as_secs_f64(),
        wanted.seed,
        path.display()
    );
    let question = Message::request("/books", b"null");
    let answer = wire::call(&venue.address.to_string(), &question, Duration::from_secs(30)).await;
    let books: Books = serde_json::from_slice(&answer.expect("the venue answers").body).expect("its books");
    let tables = stage.accounts.lock().expect("not poisoned").clone();
    let verdict = checker::check(&path, &checker::all_items(&client, &tables).await, &books);
    println!("{verdict}");
    let mut failed = verdict.violations.len();
    for (what, found, least) in [
        ("kills", verdict.kills, wanted.kills),
        ("kills between claim and end", verdict.kills_between, wanted.between),
        ("kills at the rarest step", verdict.rarest_step, wanted.each_step),
    ] {
        if found < least {
            println!("chaos: {found} {what}, {least} wanted");
            failed += 1;
        }
    }
    println!("chaos: {}", if failed == 0 { "passed" } else { "FAILED" });
    i32::from(failed > 0)
}

/// Notes when the machine does not let this process go on.
async fn canary(stage: Arc<Stage>) {
    loop {
        let begin = Instant::now();
        tokio::time::sleep(Duration::from_millis(5)).await;
        let milliseconds = i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX) - 5;
        if milliseconds >= 10 {
            stage.log.add(0, "", What::Stalled { milliseconds });
        }
    }
}

async fn lane_of_scenarios(stage: Arc<Stage>, lane: u64) -> usize {
    let mut chance = SplitMix64::new(stage.wanted.seed.wrapping_mul(1_000).wrapping_add(lane));
    let mut scenarios = 0;
    while !stage.is_enough() {
        let class = VenueClass::ALL[scenarios % VenueClass::ALL.len()];
        let account = format!("{}-{lane}-{scenarios}", class.name());
        scenario(&stage, &account, &mut chance).await;
        scenarios += 1;
    }
    scenarios
}

impl Stage {
    fn case_of(&self, account: &str) -> PathBuf {
        self.folder.join("cases").join(account)
    }

    fn is_enough(&self) -> bool {
        let enough = *self.total.lock().expect("not poisoned") >= self.wanted.kills && self.rare_steps().is_empty();
        enough || self.begin.elapsed() > self.wanted.longest
    }

    /// The steps that have too few kills so far, with the side of their effect that has fewer.
    fn rare_steps(&self) -> Vec<(String, bool)> {
        let kills = self.kills.lock().expect("not poisoned");
        let count = |step: &str, before| kills.get(&(step.to_owned(), before)).copied().unwrap_or(0);
        checker::NAMED_STEPS
            .iter()
            .filter(|step| count(step, true) + count(step, false) < self.wanted.each_step)
            .map(|step| ((*step).to_owned(), count(step, true) <= count(step, false)))
            .collect()
    }

    fn faults(&self, chance: &mut SplitMix64) -> (Faults, Option<u64>) {
        let rare = self.rare_steps();
        let mut faults = Faults { cut_one_in: 60, delay_one_in: 40, longest_delay_ms: 120, ..Faults::default() };
        match chance.below(20) {
            0 => (Faults::default(), None),
            1..=4 => (faults, Some(50 + chance.below(400))),
            _ => {
                let (step, before) = if rare.is_empty() || chance.below(4) == 0 {
                    let step = checker::NAMED_STEPS
                        [usize::try_from(chance.below(checker::NAMED_STEPS.len() as u64)).expect("small")];
                    (step.to_owned(), chance.below(2) == 0)
                } else {
                    rare[usize::try_from(chance.below(rare.len() as u64)).expect("small")].clone()
                };
                faults.kill_at = Some(KillAt { step, before, skip: chance.below(2) });
                // Mostly left alone until that step: the late ones are reached by nobody who is killed on the way.
                (faults, (chance.below(4) == 0).then(|| 100 + chance.below(900)))
            }
        }
    }
}

/// One account, two occasions, workers until both are over, faults in between and none at the end.
async fn scenario(stage: &Arc<Stage>, account: &str, chance: &mut SplitMix64) {
    open_account(stage, account).await;
    let valid = SignedDuration::from_secs(if chance.below(4) == 0 { 3 } else { 45 });
    let first = Timestamp::from_second(now().as_second()).expect("a time") + valid
        - SignedDuration::from_mins(worker::VALID_MINUTES);
    let deliveries: Vec<Delivery> = (0..2)
        .map(|run| Delivery { run, scheduled: first + SignedDuration::from_secs(i64::try_from(run).expect("small")) })
        .collect();
    worker::write_case(&stage.case_of(account), account, &deliveries);
    for delivery in &deliveries {
        let mut tries = 0;
        while tries < 10 && !is_over(stage, account, *delivery).await && !stage.is_enough() {
            let mut acts = vec![Act::Deliver(*delivery)];
            match chance.below(16) {
                // The same event twice, at once.
                0 | 1 => acts.push(Act::Deliver(*delivery)),
                // The next occasion is due already and must wait at the lock.
                2 | 3 => acts.push(Act::Deliver(deliveries[1])),
                4 | 5 => acts.push(Act::Recover),
                6 | 7 if tries > 0 => acts = vec![Act::Recover],
                8 | 9 => acts.push(Act::Settle(*delivery)),
                10 => acts.push(Act::DryRun(*delivery)),
                // A person stops what a worker is at, or what one has left behind.
                11 => acts.push(Act::Abort(*delivery)),
                12 if tries > 0 => acts = vec![Act::Abort(*delivery)],
                _ => {}
            }
            let running = acts.into_iter().map(|act| {
                let (faults, random) = stage.faults(chance);
                worker(stage.clone(), account.to_owned(), act, faults, random, chance.next())
            });
            let running: Vec<_> = running.map(tokio::spawn).collect();
            for worker in running {
                worker.await.expect("a worker is watched to its end");
            }
            tries += 1;
            // Sometimes before the dead worker's lease is over, sometimes after.
            tokio::time::sleep(Duration::from_millis(chance.below(320))).await;
        }
    }
    // The faults stop here; what is left must come to an end, or wait for a person.
    let patience = if VenueClass::of_account(account).is_some_and(|class| class.bounds_late_requests) { 12 } else { 2 };
    for _ in 0..patience {
        if all_over(stage, account, &deliveries).await {
            return;
        }
        for act in [Act::Recover, Act::Deliver(deliveries[0]), Act::Deliver(deliveries[1])] {
            worker(stage.clone(), account.to_owned(), act, Faults::default(), None, 0).await;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    if !all_over(stage, account, &deliveries).await {
        // The last word is a recovery's, and not while a dead worker's lease still stands.
        tokio::time::sleep(Duration::from_millis(worker::PATIENCE.lease_ms * 2)).await;
        worker(stage.clone(), account.to_owned(), Act::Recover, Faults::default(), None, 0).await;
    }
}

async fn all_over(stage: &Stage, account: &str, deliveries: &[Delivery]) -> bool {
    for delivery in deliveries {
        if !is_over(stage, account, *delivery).await {
            return false;
        }
    }
    true
}

async fn open_account(stage: &Stage, account: &str) {
    table::create(&stage.client, account).await.expect("the account's table");
    stage.accounts.lock().expect("not poisoned").push(account.to_owned());
    let holding = |units| Holding { free: quantity(units), locked: Quantity::ZERO };
    let snapshot = AccountSnapshot {
        observed_at: now(),
        cash_free: money(worker::CASH),
        cash_locked: money("0"),
        holdings: worker::HOLDINGS.map(|(name, units)| (asset(name), holding(units))).into(),
    };
    let opening = Opening { account: account.to_owned(), snapshot };
    let request = Message::request("/open", &serde_json::to_vec(&opening).expect("serialises"));
    wire::call(&stage.venue.to_string(), &request, Duration::from_secs(5)).await.expect("the venue answers");
}

/// Whether the stored run is Done or Aborted; asked past the proxy.
async fn is_over(stage: &Stage, account: &str, delivery: Delivery) -> bool {
    let run = run_id(&worker::identity(account, delivery.scheduled));
    let store = DynamoStore::new(stage.client.clone(), account);
    let stored = store.load_run(run).await.expect("the store answers");
    stored.is_some_and(|run| run.state.is_terminal())
}

/// Starts a worker behind proxies of its own, and sees it to its end.
async fn worker(stage: Arc<Stage>, account: String, act: Act, faults: Faults, random_kill_ms: Option<u64>, seed: u64) {
    let number = {
        let mut workers = stage.workers.lock().expect("not poisoned");
        *workers += 1;
        *workers
    };
    let victim = Arc::new(Victim {
        number,
        account: account.clone(),
        log: stage.log.clone(),
        faults,
        chance: Mutex::new(SplitMix64::new(seed)),
        child: Mutex::new(None),
        skipped: Mutex::new(0),
        killed: Mutex::new(None),
    });
    let (store, store_proxy) = proxy::open(Channel::Store, stage.store, victim.clone()).await;
    let (venue, venue_proxy) = proxy::open(Channel::Venue, stage.venue, victim.clone()).await;
    let case = stage.case_of(&account);
    let task = Task { store, venue, account, case, act };
    victim.note(What::Started { task: act.name() });
    let child = Command::new(env!("CARGO_BIN_EXE_rebalance"))
        .args(task.arguments())
        .stdout(Stdio::null())
        .stderr(stage.errors.try_clone().expect("the log of the workers"))
        .spawn()
        .expect("a process can be started");
    *victim.child.lock().expect("not poisoned") = Some(child);
    let begin = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(3)).await;
        let ended = {
            let mut child = victim.child.lock().expect("not poisoned");
            match child.as_mut().map(|child| child.try_wait().expect("a child can be asked")) {
                None => break,
                Some(ended) => ended,
            }
        };
        if let Some(status) = ended {
            victim.note(What::Ended { code: status.code() });
            break;
        }
        let elapsed = begin.elapsed();
        assert!(elapsed < Duration::from_mins(1), "a worker does not end: {victim:?}");
        if random_kill_ms.is_some_and(|at| elapsed >= Duration::from_millis(at)) && victim.kill(None, false) {
            break;
        }
    }
    store_proxy.abort();
    venue_proxy.abort();
    stage.count(&victim);
}

impl Stage {
    fn count(&self, victim: &Victim) {
        if let Some((step, before)) = victim.killed.lock().expect("not poisoned").take() {
            *self.total.lock().expect("not poisoned") += 1;
            if let Some(step) = step {
                *self.kills.lock().expect("not poisoned").entry((step, before)).or_default() += 1;
            }
        }
    }
}

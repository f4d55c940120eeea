//! A fixture loaded into the table, the terminal beside it, and an executor.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use index_rebalancer::adapters::clock::CaseClock;
use index_rebalancer::adapters::dynamodb::DynamoStore;
use index_rebalancer::adapters::files::Case;
use index_rebalancer::adapters::outbox::statement::state_account;
use index_rebalancer::adapters::outbox::{Act, Executor, ReportedFill};
use index_rebalancer::adapters::rehearsal::client;
use index_rebalancer::adapters::snapshots::store_case;
use index_rebalancer::model::{AccountId, Money, Order, Side, Trigger};
use index_rebalancer::planning::idempotency::run_id;
use index_rebalancer::ports::capability::client_order_id;
use index_rebalancer::ports::outbox::OutboxAddress;
use index_rebalancer::ports::store::OrderItem;
use index_rebalancer::ports::{OrderState, RunRecord, RunStore};
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::sandbox::Setup;
use crate::table::{TABLE, Table};

/// The first day of the blue-chip fixture, which trades.
pub(crate) const DAY: &str = "2025-04-10T00:00:00Z";

pub(crate) fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// One portfolio in a table of its own.
pub(crate) struct Stage {
    pub(crate) table: Table,
    pub(crate) case: Case,
    /// When it is, and when its runs are scheduled.
    pub(crate) at: &'static str,
    folder: PathBuf,
}

impl Stage {
    pub(crate) async fn blue_chip() -> Self {
        Self::of(fixture("blue-chip")).await
    }

    pub(crate) async fn of(folder: PathBuf) -> Self {
        let (table, case) = (Table::created().await, Case::load(&folder).expect("a case"));
        let stage = Self { table, case, at: DAY, folder };
        stage.load(&stage.folder).await;
        for account in stage.case.accounts() {
            let statement = stage.case.opening_account(account, moment(DAY)).expect("an account");
            let stated = state_account(&stage.table.store(), stage.case.venue(), account, &statement).await;
            let _ = stated.expect("the account is stated");
        }
        stage
    }

    /// Loads the case that is in a folder.
    pub(crate) async fn load(&self, folder: &Path) {
        let loaded = store_case(&self.table.store(), folder, moment(DAY), |_| ()).await;
        let _ = loaded.expect("the case is loaded");
    }

    pub(crate) fn sandbox(&self) -> Setup {
        Setup::of(&self.table, self.at)
    }

    /// A payload of our own for the scheduled time.
    pub(crate) fn scheduled(&self, mode: &str) -> String {
        self.payload(&json!({ "mode": mode, "scheduled_time": self.at }))
    }

    pub(crate) fn payload(&self, fields: &Value) -> String {
        let mut payload = json!({ "schema": 1, "portfolio": self.case.portfolio().as_str() });
        let (object, fields) = (payload.as_object_mut().expect("an object"), fields.as_object().expect("an object"));
        object.extend(fields.clone());
        payload.to_string()
    }

    /// What the terminal's dry run says of the same files.
    pub(crate) fn terminal_plan(&self, more: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebalance"));
        command.arg("plan").arg(&self.folder).args(["--format", "json", "--store", "no-such-folder"]).args(more);
        let output = command.output().expect("the terminal's program starts");
        let text = String::from_utf8(output.stdout).expect("text");
        let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        document["runs"][0]["run"].clone()
    }

    pub(crate) fn run_id(&self, trigger: Trigger) -> Uuid {
        let account = self.account();
        run_id(&self.case.run_identity(&account, trigger).expect("an account"))
    }

    pub(crate) fn scheduled_run(&self) -> Uuid {
        self.run_id(Trigger::Scheduled(moment(self.at)))
    }

    fn account(&self) -> AccountId {
        self.case.accounts().next().expect("an account").clone()
    }

    pub(crate) async fn record(&self, run: Uuid) -> RunRecord {
        let stored = index_rebalancer::execution::load_run(&self.table.store(), run).await;
        stored.expect("reads").expect("the run is stored")
    }

    pub(crate) async fn orders(&self, run: Uuid) -> Vec<OrderItem> {
        self.table.store().load_orders(run).await.expect("reads")
    }

    /// Acknowledges and fills, at its limit price, every order that stands in the outbox on one side.
    pub(crate) async fn execute(&self, run: Uuid, side: Side) -> usize {
        let fill = |order: &Order| {
            Act::Fill(ReportedFill {
                fill_id: "1".to_owned(),
                quantity: order.quantity,
                price: order.limit_price,
                fee: Money::ZERO,
                executed_at: None,
            })
        };
        self.act(run, side, |order| vec![Act::Acknowledge, fill(order)]).await
    }

    /// Acknowledges and rejects every such order.
    pub(crate) async fn reject(&self, run: Uuid, side: Side, why: &str) -> usize {
        self.act(run, side, |_| vec![Act::Acknowledge, Act::Reject { why: why.to_owned() }]).await
    }

    /// As if the minute were over for which whoever was last at the run holds it.
    pub(crate) async fn end_lease(&self, run: Uuid) {
        assert_eq!(self.table.tamper("run#", &run.simple().to_string(), "lease_until", Some(DAY)).await, 1);
    }

    /// Acknowledges every such order and does no more.
    pub(crate) async fn acknowledge(&self, run: Uuid, side: Side) -> usize {
        self.act(run, side, |_| vec![Act::Acknowledge]).await
    }

    /// Carries out acts on every order that stands in the outbox on one side. How many those are.
    async fn act(&self, run: Uuid, side: Side, acts: impl Fn(&Order) -> Vec<Act>) -> usize {
        let (record, store, clock) =
            (self.record(run).await, self.table.store(), CaseClock::starting_at(moment(self.at)));
        let executor = Executor::new(&store, &clock, "desk-1");
        let plan = record.plan.expect("committed");
        let open = record.orders.iter().filter(|order| order.state == OrderState::Acknowledged);
        let open: Vec<Uuid> = open.map(|order| order.key).collect();
        let mut count = 0;
        for order in plan.orders.iter().filter(|order| order.side == side && open.contains(&order.key)) {
            let address = OutboxAddress {
                venue: order.venue.clone(),
                account: order.venue_account.clone(),
                client_order_id: client_order_id(&order.venue, order.key),
            };
            for act in acts(order) {
                let _ = executor.act(&address, &act).await.expect("the executor's act stands");
            }
            count += 1;
        }
        count
    }
}

/// Loads the case that is in a folder, from a thread and with connections of its own: for whoever serves another.
pub(crate) fn load_apart(table: std::net::SocketAddr, folder: &Path) {
    let load = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let store = DynamoStore::new(client(&table.to_string(), Duration::from_secs(20)), TABLE);
            let _ = store_case(&store, folder, moment(DAY), |_| ()).await.expect("the case is loaded");
        });
    };
    std::thread::scope(|scope| scope.spawn(load).join()).expect("no panic");
}

/// The blue-chip fixture with more at the end of its policy.
pub(crate) fn blue_chip_with(more: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(fixture("blue-chip")).expect("a fixture").map(|file| file.expect("a file").path()) {
        if file.is_file() {
            let name = file.file_name().map(Path::new).expect("a name");
            let _ = std::fs::copy(&file, folder.path().join(name)).expect("copied");
        }
    }
    let policy = folder.path().join("policy.toml");
    let text = std::fs::read_to_string(&policy).expect("a policy") + more;
    std::fs::write(policy, text).expect("written");
    folder
}

/// The same with alerts of these events to the log.
pub(crate) fn blue_chip_that_tells(events: &[&str]) -> TempDir {
    blue_chip_with(&format!(
        "[alerts.channels]\nops = {{ kind = \"log\" }}\n[[alerts.routes]]\nevents = {events:?}\nchannels = [\"ops\"]\n"
    ))
}

/// The blue-chip fixture with another word in its case.
pub(crate) fn blue_chip_where(from: &str, to: &str) -> TempDir {
    let folder = blue_chip_with("");
    let case = folder.path().join("case.toml");
    let text = std::fs::read_to_string(&case).expect("a case");
    let changed = text.replacen(from, to, 1);
    assert_ne!(changed, text, "{from} is in it");
    std::fs::write(case, changed).expect("written");
    folder
}

/// Key, instrument, side, quantity and limit price of every order of a report.
pub(crate) fn orders_of(run: &Value) -> Vec<Value> {
    let orders = run["orders"].as_array().unwrap_or_else(|| panic!("no orders: {run}"));
    let shown = |order: &Value| {
        let of = |name: &str| order[name].clone();
        json!([of("key"), of("client_order_id"), of("instrument"), of("side"), of("quantity"), of("limit_price")])
    };
    orders.iter().map(shown).collect()
}

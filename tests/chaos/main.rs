//! The chaos run: workers killed with SIGKILL at random times and at every named step, against a DynamoDB endpoint in
//! another process and a simulated venue in a third, with connections cut and delayed on the way; then a checker reads
//! the store, the venue and the log of the wire and judges the protocol's properties.
//!
//! ```text
//! driver (this process) ── starts, kills ──▶ rebalance ── HTTP ──▶ proxy (in the driver) ──▶ store process, venue process
//!    └ checker: log of the wire, all items of the store, everything that the venue accepted
//! ```
//!
//! The worker is the program: `rebalance run`, `recover`, `settle`, `abort` and `plan`, on a case in files, with its own
//! planner and store adapter. All that the feature `rehearsal` adds to it is an argument that says where store and venue
//! are. It has no hook: the proxy sees each request, knows its step, and kills before passing it on or after its effect.
//!
//! `cargo test` makes a short run of it; `make chaos` asks for a thousand kills. Loopback only.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what is unexpected panics"
)]

mod checker;
mod driver;
mod history;
#[path = "../execution/plans.rs"]
#[expect(dead_code, reason = "shared with the tests of execution, which use the rest of it")]
mod plans;
mod proxy;
#[path = "../common/split_mix.rs"]
#[expect(dead_code, reason = "choices of which another test needs more")]
mod split_mix;
mod steps;
mod venue_class;
mod venue_server;
mod worker;

use jiff::Timestamp;
use tokio::net::TcpListener;

/// What `cargo test` knows the run by.
const NAME: &str = "a_short_chaos_run";

/// The machine's clock, which all processes of the run share.
#[expect(clippy::disallowed_methods, reason = "the run takes place in real time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let code = match arguments.first().map(String::as_str) {
        Some("store") => runtime.block_on(serve(|listener| async {
            dynoxide::server::serve_on(listener, dynoxide::Database::memory().expect("memory")).await;
        })),
        Some("venue") => runtime.block_on(serve(venue_server::serve)),
        // What `cargo test` passes when it only wants to know the tests, or wants other ones.
        Some("--list") => {
            println!("{NAME}: test");
            0
        }
        Some(filter) if !filter.contains('=') && !filter.starts_with('-') && !NAME.contains(filter) => 0,
        _ => runtime.block_on(driver::run(&driver::Wanted::parse(&arguments))),
    };
    std::process::exit(code);
}

/// Serves on a free loopback port and says which, until the process is ended.
async fn serve<F: Future<Output = ()>>(server: impl FnOnce(TcpListener) -> F) -> i32 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port");
    println!("{}", listener.local_addr().expect("bound"));
    server(listener).await;
    0
}

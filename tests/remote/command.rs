//! `fetch grades`: files of a case, from an API on this machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scripted_server::{Recorded, Reply, ScriptedServer};

const CASE: &str = "fixtures/blue-chip";
const KEY: &str = "tm-canary-3b1e";
const DAY: &str = "2025-04-12";

/// A machine: a case of its own, an API, a key.
struct Desk {
    store: TempDir,
    case: TempDir,
    server: ScriptedServer,
    authority: TempDir,
}

impl Desk {
    fn new(script: impl FnMut(&Recorded) -> Reply + Send + 'static) -> Self {
        let server = ScriptedServer::with_tls(script);
        let authority = folder();
        fs::write(authority.path().join("ca.pem"), server.authority_pem()).expect("written");
        Self { store: folder(), case: copy_of_the_case(), server, authority }
    }

    fn command(&self, more: &[&str]) -> Command {
        let origin = self.server.origin();
        let mut command = self.program();
        command.args(["fetch", "grades"]).arg(self.case.path()).args(["--day", DAY, "--origin", &origin]).args(more);
        command.env("SSL_CERT_FILE", self.authority.path().join("ca.pem")).env("TOKEN_METRICS_API_KEY", KEY);
        command
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebalance"));
        command.env("REBALANCE_STORE", self.store.path()).env("LC_ALL", "C.UTF-8").env_remove("TOKEN_METRICS_API_KEY");
        command
    }

    /// Runs, insists on the exit code, and that the key is nowhere to be seen.
    fn expect(&self, code: i32, more: &[&str]) -> Answer {
        let answer = Answer::of(&mut self.command(more));
        assert_eq!(answer.code, code, "{}\n{}", answer.out, answer.err);
        assert!(!answer.out.contains("canary") && !answer.err.contains("canary"), "{}{}", answer.out, answer.err);
        for file in
            [self.case.path(), self.store.path()].into_iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"))
        {
            let bytes = fs::read(file.expect("an entry").path()).unwrap_or_default();
            assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "the key is in a file");
        }
        answer
    }

    fn json(&self, code: i32, more: &[&str]) -> Value {
        serde_json::from_str(&self.expect(code, &[more, &["--format", "json"]].concat()).out).expect("JSON")
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.case.path().join(name)
    }
}

/// What one invocation did.
struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl Answer {
    fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// The files of the case, for a test to add to.
fn copy_of_the_case() -> TempDir {
    let target = folder();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(CASE)).expect("the case is there") {
        let entry = entry.expect("an entry");
        if entry.path().is_file() {
            fs::copy(entry.path(), target.path().join(entry.file_name())).expect("copied");
        }
    }
    target
}

/// Grades and signals of every token that is asked for, of the day before, on page 1.
fn api(request: &Recorded) -> Reply {
    let ids = request.parameter("token_id").expect("ids");
    let is_first = request.parameter("page") == Some("1");
    let record = |id: u64| {
        json!({ "TOKEN_ID": id, "DATE": "2025-04-11T00:00:00.000Z", "TM_TRADER_GRADE": 40 + id % 60,
                "TM_INVESTOR_GRADE": 40 + id % 50, "TRADING_SIGNAL": 1 })
    };
    let records: Vec<Value> =
        if is_first { ids.split(',').map(|id| record(id.parse().expect("an id"))).collect() } else { Vec::new() };
    let answer = json!({ "success": true, "message": "ok", "length": records.len(), "data": records });
    if request.parameter("page") == Some("0") {
        return Reply::json(400, json!({ "success": false, "message": "page", "length": 0, "data": [] }).to_string());
    }
    Reply::json(200, answer.to_string())
}

#[test]
fn one_command_brings_the_grades_that_a_case_needs() {
    let desk = Desk::new(api);
    let text = desk.expect(0, &[]).out;
    for line in ["6 credits spent", "investor_grades = \"investor_grades-2025-04-12.json\"", "written"] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    // The policy looks at investor grades and at signals, and at nothing else.
    assert!(desk.file("investor_grades-2025-04-12.json").is_file());
    assert!(desk.file("trading_signals-2025-04-12.json").is_file());
    assert!(!desk.file("trader_grades-2025-04-12.json").exists());

    // They are what a run reads.
    let toml = fs::read_to_string(desk.file("case.toml")).expect("case.toml");
    let toml = toml
        .replace("investor_grades-2025-04-10.json", "investor_grades-2025-04-12.json")
        .replace("trading_signals-2025-04-10.json", "trading_signals-2025-04-12.json");
    fs::write(desk.file("case.toml"), toml).expect("written");
    let plan = Answer::of(desk.program().arg("plan").arg(desk.case.path()).args(["--day", "3", "--brief"]));
    assert_eq!(plan.code, 0, "{}{}", plan.out, plan.err);
    assert!(plan.out.contains("with Investor Grade") || plan.out.contains("with signal"), "{}", plan.out);
}

#[test]
fn what_is_there_costs_nothing() {
    let desk = Desk::new(api);
    desk.expect(0, &[]);
    let asked = desk.server.asked().len();
    let written = fs::read(desk.file("investor_grades-2025-04-12.json")).expect("a file");

    let again = desk.json(0, &[]);
    assert_eq!((desk.server.asked().len(), &again["credits"]), (asked, &json!(0)));
    assert!(again["sets"].as_array().expect("sets").iter().all(|set| set["outcome"] == "kept"), "{again:#}");

    let anew = desk.json(0, &["--again", "--only", "investor"]);
    assert_eq!(anew["sets"][0]["outcome"], "unchanged");
    assert!(desk.server.asked().len() > asked);
    assert_eq!(fs::read(desk.file("investor_grades-2025-04-12.json")).expect("a file"), written);
    // Without a request there is no need of a key.
    let mut command = desk.command(&[]);
    command.env_remove("TOKEN_METRICS_API_KEY");
    assert_eq!(Answer::of(&mut command).code, 0);
}

#[test]
fn a_failure_leaves_no_file_and_says_whether_to_try_again() {
    let refusal = || Reply::json(403, json!({ "success": false, "message": "not in your plan" }).to_string());
    let desk = Desk::new(move |_| refusal());
    let error = desk.expect(3, &["--only", "trader"]).err;
    assert!(error.contains("not in your plan"), "{error}");
    let desk = Desk::new(|_| Reply::with(503, "retry-after", "7200"));
    let error = desk.expect(7, &["--only", "trader"]).err;
    assert!(error.contains("try again after 7200 s"), "{error}");
    let names: Vec<_> =
        fs::read_dir(desk.case.path()).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
    assert!(
        !names.iter().any(|name| name.to_string_lossy().contains(DAY) && name.to_string_lossy().contains("grades"))
    );
}

#[test]
fn the_months_credits_are_counted_in_the_store() {
    let desk = Desk::new(api);
    desk.expect(0, &["--only", "trader", "--monthly-credits", "4"]);
    let error = desk.expect(3, &["--only", "trader", "--monthly-credits", "4", "--again"]).err;
    assert!(error.contains("the 4 credits of") && error.contains("are used up"), "{error}");
    assert_eq!(desk.server.asked().len(), 4);
}

#[test]
fn a_key_comes_from_the_environment_or_from_a_file_of_ones_own() {
    let desk = Desk::new(api);
    let mut command = desk.command(&["--only", "trader"]);
    command.env_remove("TOKEN_METRICS_API_KEY");
    let answer = Answer::of(&mut command);
    assert_eq!(answer.code, 3);
    assert!(answer.err.contains("TOKEN_METRICS_API_KEY") && answer.err.contains("--key-file"), "{}", answer.err);

    let file = desk.file("key.txt");
    fs::write(&file, format!("{KEY}-of-a-file\n")).expect("written");
    let name = file.to_str().expect("UTF-8").to_owned();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("changed");
        mode(0o644);
        let answer = Answer::of(&mut desk.command(&["--only", "trader", "--key-file", &name]));
        assert_eq!(answer.code, 3);
        assert!(answer.err.contains("chmod 600") && !answer.err.contains("canary"), "{}", answer.err);
        mode(0o600);
    }
    let answer = Answer::of(&mut desk.command(&["--only", "trader", "--key-file", &name]));
    assert_eq!(answer.code, 0, "{}", answer.err);
    assert_eq!(desk.server.asked()[0].headers["x-api-key"], format!("{KEY}-of-a-file"));
}

#[test]
fn an_address_in_the_clear_is_no_address() {
    let desk = Desk::new(api);
    for origin in ["http://localhost:1", "localhost", "https://", "https://user:pass@host", "https://host/path"] {
        let answer = Answer::of(desk.program().args(["fetch", "grades", CASE, "--origin", origin]));
        assert_eq!(answer.code, 2);
        assert!(answer.err.contains("https://"), "{}", answer.err);
    }
}

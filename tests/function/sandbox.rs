//! The function's real binary against a bare Runtime API.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::http::{self, Message};
use crate::table::{TABLE, Table};

/// Is in every secret that the tests hand out.
pub(crate) const CANARY: &str = "canary";

/// What an invocation ended with.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    Document(Value),
    /// Lambda would deliver the event again.
    Error(Value),
}

impl Outcome {
    pub(crate) fn document(self) -> Value {
        match self {
            Self::Document(document) => document,
            Self::Error(error) => panic!("an error and no document: {error}"),
        }
    }

    pub(crate) fn retry(self) -> String {
        match self {
            Self::Error(error) => {
                assert_eq!(error["errorType"], "RetryHelps", "{error}");
                error["errorMessage"].as_str().expect("a message").to_owned()
            }
            Self::Document(document) => panic!("a document and no error: {document}"),
        }
    }

    /// The only run of the document.
    pub(crate) fn run(self) -> Value {
        let document = self.document();
        assert_eq!(document["schema"], "rebalance/runs/1", "{document}");
        assert_eq!(document["runs"].as_array().map(Vec::len), Some(1), "{document}");
        document["runs"][0].clone()
    }

    /// The error of a document, of a run or of the event.
    pub(crate) fn error(self) -> Value {
        let document = self.document();
        let error = if document["schema"] == "rebalance/error/1" { &document } else { &document["runs"][0]["error"] };
        assert!(error["message"].is_string(), "{document}");
        error.clone()
    }

    /// The same as text, with its remedy.
    pub(crate) fn refusal(self) -> String {
        let error = self.error();
        format!("{}; {}", error["message"].as_str().expect("a text"), error["remedy"])
    }
}

struct Job {
    id: usize,
    payload: Vec<u8>,
    deadline: SystemTime,
}

/// One sandbox: a process that stays warm from event to event.
pub(crate) struct Sandbox {
    child: Child,
    jobs: Sender<Job>,
    answers: Mutex<Receiver<(usize, Outcome)>>,
    lines: Arc<Mutex<Vec<String>>>,
    next: AtomicUsize,
}

/// How a sandbox is set up.
pub(crate) struct Setup {
    variables: BTreeMap<&'static str, String>,
}

impl Setup {
    /// Against this table, in the outbox, at this time.
    pub(crate) fn of(table: &Table, at: &str) -> Self {
        let variables = [
            ("REBALANCE_TABLE", TABLE.to_owned()),
            ("REBALANCE_ENVIRONMENT", "paper".to_owned()),
            ("REBALANCE_ACCOUNT", "123456789012".to_owned()),
            ("REBALANCE_PAPER_CLOCK", at.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", format!("aws-{CANARY}-5d1c")),
            ("AWS_SESSION_TOKEN", format!("session-{CANARY}-77aa")),
            ("AWS_ENDPOINT_URL", format!("http://{}", table.address)),
            ("AWS_LAMBDA_FUNCTION_NAME", "rebalance".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ];
        Self { variables: variables.into() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        let _ = self.variables.insert(name, value.to_owned());
        self
    }

    pub(crate) fn on_paper(self) -> Self {
        self.with("REBALANCE_VENUE_MODE", "paper")
    }

    pub(crate) fn start(self) -> Sandbox {
        let (jobs, waiting) = channel::<Job>();
        let (answered, answers) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let runtime = http::serve(move |request| runtime_api(&waiting, &answered, &request));
        let mut child = self.command(runtime).stdout(Stdio::piped()).spawn().expect("the function starts");
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (written, output) = (Arc::clone(&lines), child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                written.lock().expect("not poisoned").push(line);
            }
        });
        Sandbox { child, jobs, answers: Mutex::new(answers), lines, next: AtomicUsize::new(0) }
    }

    /// Runs it to its end, for what ends before the first event: its standard output.
    pub(crate) fn fails_to_start(self) -> String {
        let output = self.command(([127, 0, 0, 1], 9).into()).output().expect("the function starts");
        assert!(!output.status.success(), "it starts");
        String::from_utf8(output.stdout).expect("text")
    }

    fn command(&self, runtime: SocketAddr) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rebalance-lambda"));
        command.env_clear().envs(&self.variables).env("AWS_LAMBDA_RUNTIME_API", runtime.to_string());
        command.stderr(Stdio::inherit());
        command
    }
}

impl Sandbox {
    /// Delivers an event with more time than it needs on a machine that is busy.
    pub(crate) fn invoke(&self, payload: impl AsRef<[u8]>) -> Outcome {
        self.invoke_within(payload, Duration::from_mins(3))
    }

    pub(crate) fn invoke_within(&self, payload: impl AsRef<[u8]>, time: Duration) -> Outcome {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let job = Job { id, payload: payload.as_ref().to_vec(), deadline: now() + time };
        self.jobs.send(job).expect("the Runtime API is served");
        let answers = self.answers.lock().expect("not poisoned");
        let (answered, outcome) = answers.recv_timeout(Duration::from_mins(3)).expect("the function answers");
        assert_eq!(answered, id);
        assert!(!format!("{outcome:?}").contains(CANARY), "a secret in an answer: {outcome:?}");
        outcome
    }

    /// What alerts to the log have said so far.
    pub(crate) fn alerts(&self) -> Vec<String> {
        self.log().iter().filter_map(|line| line["alert"].as_str()).map(str::to_owned).collect()
    }

    /// Everything that it has written, line by line.
    pub(crate) fn log(&self) -> Vec<Value> {
        // Lines are read in a thread of their own.
        std::thread::sleep(Duration::from_millis(50));
        let lines = self.lines.lock().expect("not poisoned").clone();
        assert!(lines.iter().all(|line| !line.contains(CANARY)), "a secret in the log: {lines:?}");
        let json = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        lines.iter().map(json).collect()
    }

    /// A metric's figures in the order in which they were written.
    pub(crate) fn metric(&self, name: &str) -> Vec<Value> {
        let metrics = self.log().into_iter().filter(|line| line.get("_aws").is_some());
        metrics.filter_map(|line| line.get(name).cloned()).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It waits for the next event; there is none.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "the deadline that Lambda would give, in the real time")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// `GET …/invocation/next`, `POST …/invocation/ID/response` and `…/error`.
fn runtime_api(jobs: &Mutex<Receiver<Job>>, answered: &Sender<(usize, Outcome)>, request: &Message) -> Option<Message> {
    let path = request.path().to_owned();
    if path.ends_with("/invocation/next") {
        let job = jobs.lock().ok()?.recv().ok()?;
        let deadline = job.deadline.duration_since(UNIX_EPOCH).expect("after 1970").as_millis().to_string();
        let id = job.id.to_string();
        let headers = [
            ("lambda-runtime-aws-request-id", id.as_str()),
            ("lambda-runtime-deadline-ms", &deadline),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:rebalance"),
            ("content-type", "application/json"),
        ];
        return Some(Message::answer(200, &headers, &job.payload));
    }
    let (before, kind) = path.rsplit_once('/')?;
    let id = before.rsplit('/').next()?.parse().ok()?;
    let body = serde_json::from_slice(&request.body).expect("an answer is JSON");
    let outcome = if kind == "response" { Outcome::Document(body) } else { Outcome::Error(body) };
    // Nobody waits any more when the test is over.
    let _ = answered.send((id, outcome));
    Some(Message::answer(202, &[], b"{}"))
}

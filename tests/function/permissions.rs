//! What every call needs to be allowed, against the list that the function's role is made from.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::http::{self, Message};
use crate::table::Table;

/// One action on one kind of resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Permission {
    pub(crate) action: String,
    pub(crate) resource: String,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.resource)
    }
}

impl Permission {
    pub(crate) fn new(action: &str, resource: &str) -> Self {
        Self { action: action.to_owned(), resource: resource.to_owned() }
    }
}

/// What the role allows: `action resource`, one a line. Beside the template that makes the role from it.
const ALLOWED: &str = include_str!("../../infra/permissions.txt");

/// The list.
pub(crate) fn allowed() -> BTreeSet<Permission> {
    let lines = ALLOWED.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let of_line = |line: &str| {
        let (action, resource) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?}: action and resource"));
        Permission::new(action, resource.trim())
    };
    lines.map(of_line).collect()
}

/// What a call of DynamoDB needs: a transaction needs what each of its parts does.
pub(crate) fn of_call(action: &str, body: &[u8]) -> Vec<Permission> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let needs = |action: &str| Permission::new(&format!("dynamodb:{action}"), "table");
    match action {
        "TransactWriteItems" => {
            let parts = body["TransactItems"].as_array().into_iter().flatten();
            let of_part = |part: &Value| match part.as_object().and_then(|part| part.keys().next().cloned()) {
                Some(kind) if kind == "ConditionCheck" => needs("ConditionCheckItem"),
                Some(kind) => needs(&format!("{kind}Item")),
                None => needs("TransactWriteItems"),
            };
            parts.map(of_part).collect()
        }
        "Query" if body["IndexName"].is_string() => {
            vec![Permission::new("dynamodb:Query", &format!("index/{}", body["IndexName"].as_str().unwrap_or("")))]
        }
        action => vec![needs(action)],
    }
}

/// What the calls to one stand-in have needed. The list must allow all of it when the test ends, whatever else the test is
/// about.
#[derive(Debug, Default)]
pub(crate) struct Needed(Arc<Mutex<Vec<Permission>>>);

impl Needed {
    /// For the threads that serve, which outlive the test.
    pub(crate) fn by_calls(&self) -> impl Fn(Permission) + Clone + Send + 'static {
        let noted = Arc::clone(&self.0);
        move |permission| noted.lock().expect("not poisoned").push(permission)
    }

    pub(crate) fn all(&self) -> BTreeSet<Permission> {
        self.0.lock().expect("not poisoned").iter().cloned().collect()
    }

    /// How many calls have needed this one.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.0.lock().expect("not poisoned").iter().filter(|it| it.action == action).count()
    }
}

impl Drop for Needed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let missing: Vec<String> = self.all().difference(&allowed()).map(ToString::to_string).collect();
        assert!(missing.is_empty(), "infra/permissions.txt does not allow: {missing:?}");
    }
}

#[test]
fn a_transaction_needs_what_its_parts_do() {
    let body = br#"{"TransactItems": [{"Put": {}}, {"Delete": {}}, {"ConditionCheck": {}}]}"#;
    let needed: Vec<String> = of_call("TransactWriteItems", body).iter().map(ToString::to_string).collect();
    assert_eq!(needed, ["dynamodb:PutItem table", "dynamodb:DeleteItem table", "dynamodb:ConditionCheckItem table"]);
}

#[test]
#[should_panic(expected = "infra/permissions.txt does not allow: [\"dynamodb:DeleteTable table\"]")]
fn a_call_that_is_not_on_the_list_ends_its_test() {
    let table = Table::start();
    let headers = "content-type: application/x-amz-json-1.0\r\nx-amz-target: DynamoDB_20120810.DeleteTable\r\n";
    let head = format!("POST / HTTP/1.1\r\nhost: {}\r\n{headers}content-length: 2\r\n\r\n", table.address);
    let _ = http::call(table.address, &Message { head, body: b"{}".to_vec() });
}

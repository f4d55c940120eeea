//! The Runtime API: one event after the other, as bytes, so that what is no event is refused by our own reader and in
//! its words.

use std::process::ExitCode;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use lambda_runtime::tower::util::MapRequestLayer;
use lambda_runtime::{Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use serde_json::Value;

use super::answer::Retry;
use super::clients::Clients;
use super::configuration::Configuration;
use super::handler::{Function, Invocation};
use super::log::{self, Level};

/// Reads the environment, builds the clients, and serves events until the sandbox ends.
#[must_use]
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|defect| {
        let place = defect.location().map(|place| format!("{}:{}", place.file(), place.line()));
        log::Line::new(Level::Error, "a defect in the program; nothing is sent twice by another delivery")
            .field("defect", defect.payload_as_str().unwrap_or("no message"))
            .field("place", place)
            .write();
    }));
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            log::Line::new(Level::Error, "the function cannot start").field("problem", problem).write();
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let configuration = Configuration::of_environment().map_err(|error| error.to_string())?;
    let clients = Clients::new(&configuration);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("there is no async runtime: {error}"))?;
    let function = Rc::new(Function::new(configuration, clients));
    function.log_start();
    runtime.block_on(async {
        let handler = service_fn(move |event: LambdaEvent<String>| answer(Rc::clone(&function), event));
        let service = Runtime::new(handler).layer(MapRequestLayer::new(as_text));
        service.run().await.map_err(|error| format!("the Runtime API ended: {error}"))
    })
}

/// The payload as a JSON text, whatever it is: the runtime would refuse what is no JSON in words of its own.
fn as_text(mut invocation: LambdaInvocation) -> LambdaInvocation {
    let text = Value::from(STANDARD.encode(&invocation.body));
    invocation.body = text.to_string().into_bytes().into();
    invocation
}

async fn answer(function: Rc<Function>, event: LambdaEvent<String>) -> Result<Value, Diagnostic> {
    let payload = STANDARD.decode(event.payload).unwrap_or_default();
    let deadline = i64::try_from(event.context.deadline).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    let invocation = Invocation { request_id: event.context.request_id, deadline };
    match Box::pin(function.handle(&payload, &invocation)).await {
        Ok(document) => serde_json::to_value(&document).map_err(|error| Diagnostic {
            error_type: "Unanswerable".to_owned(),
            error_message: format!("the answer has no JSON: {error}"),
        }),
        Err(Retry(failure)) => Err(Diagnostic { error_type: Retry::TYPE.to_owned(), error_message: failure.message }),
    }
}

//! The table of bad events, as the tests of the parser have it.

pub(crate) struct Row {
    /// Absent where the row is no event but an answer, tested where that is given.
    pub(crate) given: Option<Vec<u8>>,
    pub(crate) names: &'static [&'static str],
}

fn event(_: &'static str, payload: impl AsRef<[u8]>, names: &'static [&'static str]) -> Row {
    Row { given: Some(payload.as_ref().to_vec()), names }
}

fn text(_: &'static str, _: impl Fn() -> String + 'static, names: &'static [&'static str]) -> Row {
    Row { given: None, names }
}

#[path = "../preparation/bad_inputs/events.rs"]
mod events;

pub(crate) fn rows() -> Vec<Row> {
    events::rows()
}

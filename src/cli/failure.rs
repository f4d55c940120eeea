//! A defect of the program, told in place of a backtrace. Every other failure is [`crate::application::failure`]'s.

use std::panic::PanicHookInfo;

pub(super) use crate::application::failure::{Failure, most_urgent};

/// In place of a backtrace.
pub(super) fn tell_of_a_defect(info: &PanicHookInfo<'_>) {
    let what = info.payload_as_str().unwrap_or("no message");
    let place = info.location().map_or_else(String::new, |place| format!(" ({}:{})", place.file(), place.line()));
    eprintln!(
        "error: a defect in the program: {what}{place}\n  Nothing is sent twice by running again. Please report it with the command that you gave."
    );
}

//! Bytes from a path, with a limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::{BadInput, PreparationError};

/// The largest input file, in bytes. The largest file known here (a whole exchange's rules) has 1.6 MB.
pub const MAX_FILE_SIZE: u64 = 32 * 1024 * 1024;

/// Reads a whole file of at most [`MAX_FILE_SIZE`].
///
/// # Errors
/// As [`read_file_up_to`].
pub fn read_file(path: &Path) -> Result<Vec<u8>, PreparationError> {
    read_file_up_to(path, MAX_FILE_SIZE)
}

/// Reads a whole file.
///
/// # Errors
/// [`PreparationError::Unreadable`] when the file is missing or cannot be read, [`PreparationError::BadInput`]
/// when it has more than `most` bytes.
pub fn read_file_up_to(path: &Path, most: u64) -> Result<Vec<u8>, PreparationError> {
    let unreadable = |error: std::io::Error| PreparationError::Unreadable {
        path: path.display().to_string(),
        problem: error.to_string(),
    };
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to know; a file that grows meanwhile cannot exhaust the memory.
    let _ = File::open(path)
        .map_err(unreadable)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(BadInput::new(
            &path.display().to_string(),
            "the file",
            "",
            format!("it is larger than {most} bytes"),
            "split it by date or check that it is the right file",
        )
        .into());
    }
    Ok(bytes)
}

/// Whether a character is seen for what it is: no control character, no mark of direction, nothing without a width.
#[must_use]
pub fn is_printable(character: char) -> bool {
    matches!(character, '"' | '\'' | '\\') || character.escape_debug().eq([character])
}

/// The bytes as text: UTF-8 without a byte-order mark.
///
/// # Errors
/// When the bytes are anything else.
pub fn text_of<'a>(place: &str, bytes: &'a [u8]) -> Result<&'a str, BadInput> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(BadInput::new(
            place,
            "the first bytes",
            "EF BB BF",
            "a byte-order mark stands before the text",
            "save the text as UTF-8 without a byte-order mark",
        ));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        BadInput::new(
            place,
            format!("byte {}", error.valid_up_to()),
            "",
            "the text is not UTF-8 from there on",
            "save the text as UTF-8",
        )
    })
}

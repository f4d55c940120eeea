//! The public inputs under `../shared`, as they are.

use std::fs;

use crate::shared::shared_data;

/// A file under `../shared`; `None`, with a printed line, when the folder is absent and need not be there.
pub(crate) fn read(path: &str, test: &str) -> Option<Vec<u8>> {
    let file = shared_data(test)?.join("..").join(path);
    Some(fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
}

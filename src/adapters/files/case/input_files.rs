//! Where the files of a case are: in a folder, or in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::ports::snapshot::SnapshotKind;
use crate::preparation::reading::read_file;
use crate::preparation::{BadInput, PreparationError};

/// The name of the file that describes the case.
pub const CASE_FILE: &str = "case.toml";

/// A file that was read beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// For messages.
    pub name: String,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) enum InputFiles {
    Folder(PathBuf),
    /// At most one of each kind.
    Memory {
        /// What they are called together, for messages.
        place: String,
        files: BTreeMap<SnapshotKind, InputFile>,
    },
}

impl InputFiles {
    pub(super) fn place(&self) -> String {
        match self {
            Self::Folder(folder) => folder.display().to_string(),
            Self::Memory { place, .. } => place.clone(),
        }
    }

    /// The bytes of one file; `name` is as `case.toml` has it.
    ///
    /// # Errors
    /// When there is no such file, or the name is not a path relative to the folder.
    pub(super) fn read(&self, kind: SnapshotKind, name: &str) -> Result<Cow<'_, [u8]>, PreparationError> {
        match self {
            Self::Folder(folder) => Ok(Cow::Owned(read_file(&inside(folder, kind, name)?)?)),
            Self::Memory { files, .. } => match files.get(&kind) {
                Some(file) => Ok(Cow::Borrowed(&file.bytes)),
                None => Err(missing(&self.place(), kind)),
            },
        }
    }
}

fn missing(place: &str, kind: SnapshotKind) -> PreparationError {
    BadInput::new(place, kind.as_str(), "", "there is no such file", "add it").into()
}

/// A path of the case, relative to its folder.
fn inside(folder: &Path, kind: SnapshotKind, path: &str) -> Result<PathBuf, BadInput> {
    let relative = Path::new(path);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::ParentDir | Component::CurDir));
    if path.is_empty() || !plain {
        let key = if kind.is_standing() { kind.to_string() } else { format!("days.{kind}") };
        let remedy = "write a path relative to the directory of case.toml";
        return Err(BadInput::new(CASE_FILE, key, path, "not a relative path", remedy));
    }
    Ok(folder.join(relative))
}

//! The embedded store. Commands that only look get a copy in memory: they leave no trace beside the file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::environment;
use super::failure::Failure;
#[cfg(feature = "rehearsal")]
use super::rehearsal::Rehearsal;
use crate::adapters::embedded_store::EmbeddedStore;
use crate::execution;
use crate::ports::RunRecord;
use crate::ports::store::{MIN_RUN_PREFIX, RunItem};
use crate::report::document::ErrorKind;

const DEFAULT_FOLDER: &str = ".rebalance";
const FILE: &str = "store.db";
/// How every store begins: it is one file of `SQLite`.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// The newest run.
const LAST: &str = "last";

/// Where the store is, or would be.
#[derive(Debug, Clone)]
pub(super) struct StorePath {
    file: PathBuf,
    #[cfg(feature = "rehearsal")]
    rehearsal: Option<Rehearsal>,
}

impl StorePath {
    /// The argument, the environment, or the default: a folder, or a file that ends in `.db`.
    pub(super) fn new(argument: Option<&Path>) -> Self {
        let given = argument.map(Path::to_owned).or_else(environment::store_path);
        let given = given.unwrap_or_else(|| PathBuf::from(DEFAULT_FOLDER));
        let is_file = given.extension().is_some_and(|extension| extension == "db") || given.is_file();
        Self {
            file: if is_file { given } else { given.join(FILE) },
            #[cfg(feature = "rehearsal")]
            rehearsal: None,
        }
    }

    /// The store that a rehearsal names, in another process, if one is given.
    #[cfg(feature = "rehearsal")]
    pub(super) fn rehearsing(self, rehearsal: Option<Rehearsal>) -> Self {
        Self { rehearsal, ..self }
    }

    #[cfg(feature = "rehearsal")]
    pub(super) fn rehearsal(&self) -> Option<&Rehearsal> {
        self.rehearsal.as_ref()
    }

    pub(super) fn display(&self) -> String {
        self.file.display().to_string()
    }

    /// For writing; made if it is absent.
    pub(super) async fn open(&self) -> Result<EmbeddedStore, Failure> {
        #[cfg(feature = "rehearsal")]
        if let Some(rehearsal) = &self.rehearsal {
            return Ok(rehearsal.open());
        }
        if let Some(folder) = self.file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::unexpected(format!("the store's folder {} cannot be made: {error}", folder.display()))
            })?;
        }
        self.refuse_another_file()?;
        Ok(EmbeddedStore::open(&self.file).await?)
    }

    /// For reading; `None` when there is no store. Writes nothing.
    pub(super) async fn look(&self) -> Result<Option<EmbeddedStore>, Failure> {
        #[cfg(feature = "rehearsal")]
        if let Some(rehearsal) = &self.rehearsal {
            return Ok(Some(rehearsal.open()));
        }
        if !self.file.exists() {
            return Ok(None);
        }
        self.refuse_another_file()?;
        Ok(Some(EmbeddedStore::snapshot(&self.file).await?))
    }

    /// A file that begins otherwise was named by mistake, or is damaged beyond what trying again can mend. One that is
    /// empty, absent or unreadable is left to the store, which says so.
    fn refuse_another_file(&self) -> Result<(), Failure> {
        let mut start = Vec::new();
        let read =
            std::fs::File::open(&self.file).and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut start));
        if read.is_err() || start.is_empty() || start == SQLITE {
            return Ok(());
        }
        Err(Failure::bad_input(
            format!("{} is not a store", self.display()),
            "name the folder of a store with --store, or a file that a run made",
        ))
    }

    /// For reading what must be there.
    pub(super) async fn look_at_existing(&self) -> Result<EmbeddedStore, Failure> {
        self.look().await?.ok_or_else(|| {
            Failure::bad_input(
                format!("there is no store at {}", self.display()),
                "`rebalance run CASE` makes one; --store names another place",
            )
        })
    }
}

/// The run that a person means: by id, by its beginning, or `last`.
pub(super) async fn find(store: &EmbeddedStore, name: &str) -> Result<RunRecord, Failure> {
    let id = if name == LAST { newest(store).await?.run_id.simple().to_string() } else { prefix(name)? };
    execution::find_run(store.store(), &id).await?.ok_or_else(|| {
        Failure::bad_input(format!("no run of this store begins with {name}"), "`rebalance runs` lists them")
    })
}

/// The one whose plan is wanted as well.
pub(super) fn without_plan(record: &RunRecord) -> Failure {
    let state = crate::report::published::RunState::from(record.state);
    let reason = if record.reason.is_empty() { String::new() } else { format!(": {}", record.reason) };
    Failure::bad_input(format!("run {} is {state} and has no plan{reason}", record.run_id), "")
}

async fn newest(store: &EmbeddedStore) -> Result<RunItem, Failure> {
    let newest = store.store().all_runs().await?.into_iter().next_back();
    newest.ok_or_else(|| Failure::bad_input("the store has no runs", "`rebalance run CASE` makes one"))
}

fn prefix(name: &str) -> Result<String, Failure> {
    let digits = name.replace('-', "").to_ascii_lowercase();
    let fits = digits.len() >= MIN_RUN_PREFIX && digits.len() <= 32 && digits.bytes().all(|it| it.is_ascii_hexdigit());
    if fits {
        return Ok(digits);
    }
    Err(Failure::new(
        ErrorKind::Usage,
        format!("{name:?} does not name a run"),
        format!("give its id, at least {MIN_RUN_PREFIX} hex digits of its beginning, or `{LAST}`"),
    ))
}

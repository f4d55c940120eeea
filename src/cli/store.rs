//! The store that a command works on: a file on this machine, or a table of DynamoDB. Commands that only look at a file
//! get a copy of it in memory: they leave no trace beside it.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::environment;
use super::failure::Failure;
#[cfg(feature = "rehearsal")]
use super::rehearsal::Rehearsal;
use crate::adapters::dynamodb::{DynamoStore, table};
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
/// What the name of a table begins with.
const TABLE: &str = "dynamodb:";

/// Where the store is, or would be.
#[derive(Debug, Clone)]
pub(super) struct StorePath {
    place: Place,
    #[cfg(feature = "rehearsal")]
    rehearsal: Option<Rehearsal>,
}

#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Table(TableAddress),
}

/// `TABLE`, `TABLE@REGION` or `TABLE@ENDPOINT`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TableAddress {
    table: String,
    region: Option<String>,
    endpoint: Option<String>,
}

impl TableAddress {
    fn parse(text: &str) -> Option<Self> {
        let (table, place) = text.split_once('@').map_or((text, None), |(table, place)| (table, Some(place)));
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let is_region = |place: &str| place.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let names_table = (3..=255).contains(&table.len()) && table.bytes().all(is_name);
        let (region, endpoint) = match place {
            None => (None, None),
            Some(place) if place.starts_with("https://") || place.starts_with("http://") => (None, Some(place)),
            Some(place) if !place.is_empty() && is_region(place) => (Some(place), None),
            Some(_) => return None,
        };
        names_table.then(|| Self {
            table: table.to_owned(),
            region: region.map(str::to_owned),
            endpoint: endpoint.map(str::to_owned),
        })
    }

    async fn open(&self) -> Result<DynamoStore, Failure> {
        let access = environment::aws_access("DYNAMODB", self.region.as_deref());
        let mut access = access.ok_or_else(|| {
            Failure::bad_input(
                format!("nobody is known to sign requests to {self}"),
                "set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        })?;
        access.endpoint = self.endpoint.clone().or(access.endpoint);
        let client = access.dynamodb();
        table::look_for(&client, &self.table).await.map_err(|error| Failure::from(error).about(&self.to_string()))?;
        Ok(DynamoStore::new(client, &self.table))
    }
}

impl fmt::Display for TableAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{TABLE}{}", self.table)?;
        self.region.as_ref().or(self.endpoint.as_ref()).map_or(Ok(()), |place| write!(f, "@{place}"))
    }
}

/// A store that is open.
#[derive(Debug)]
pub(super) enum OpenStore {
    Embedded(EmbeddedStore),
    /// Served by somebody else.
    Elsewhere(DynamoStore),
}

impl OpenStore {
    pub(super) fn store(&self) -> &DynamoStore {
        match self {
            Self::Embedded(embedded) => embedded.store(),
            Self::Elsewhere(store) => store,
        }
    }

    /// Waits until a file is released.
    pub(super) async fn close(self) {
        if let Self::Embedded(embedded) = self {
            embedded.close().await;
        }
    }
}

impl StorePath {
    /// The argument, the environment, or the default: a folder, a file that ends in `.db`, or a table.
    pub(super) fn new(argument: Option<&Path>) -> Result<Self, Failure> {
        let given = argument.map(Path::to_owned).or_else(environment::store_path);
        let given = given.unwrap_or_else(|| PathBuf::from(DEFAULT_FOLDER));
        let place = if let Some(address) = given.to_str().and_then(|text| text.strip_prefix(TABLE)) {
            Place::Table(TableAddress::parse(address).ok_or_else(|| no_table(&given))?)
        } else {
            let is_file = given.extension().is_some_and(|extension| extension == "db") || given.is_file();
            Place::File(if is_file { given } else { given.join(FILE) })
        };
        Ok(Self {
            place,
            #[cfg(feature = "rehearsal")]
            rehearsal: None,
        })
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
        match &self.place {
            Place::File(file) => file.display().to_string(),
            Place::Table(address) => address.to_string(),
        }
    }

    /// Refuses a table, for what trades on the paper venue: whose orders a table holds is for its function to know.
    pub(super) fn must_be_embedded(&self) -> Result<(), Failure> {
        match &self.place {
            Place::File(_) => Ok(()),
            Place::Table(address) => Err(Failure::bad_input(
                format!("this command trades on the paper venue of a store on this machine, and {address} is a table"),
                "name a folder with --store; for a table, `rebalance plan --from-store PORTFOLIO` shows what is next",
            )),
        }
    }

    /// Is there a store? A table must be: nothing here makes one.
    pub(super) fn exists(&self) -> bool {
        match &self.place {
            Place::File(file) => file.exists(),
            Place::Table(_) => true,
        }
    }

    /// For writing; a file is made if it is absent.
    pub(super) async fn open(&self) -> Result<OpenStore, Failure> {
        #[cfg(feature = "rehearsal")]
        if let Some(rehearsal) = &self.rehearsal {
            return Ok(rehearsal.open());
        }
        let file = match &self.place {
            Place::File(file) => file,
            Place::Table(address) => return Ok(OpenStore::Elsewhere(address.open().await?)),
        };
        if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::unexpected(format!("the store's folder {} cannot be made: {error}", folder.display()))
            })?;
        }
        refuse_another_file(file)?;
        Ok(OpenStore::Embedded(EmbeddedStore::open(file).await?))
    }

    /// For reading; `None` when there is no store. Writes nothing.
    pub(super) async fn look(&self) -> Result<Option<OpenStore>, Failure> {
        #[cfg(feature = "rehearsal")]
        if let Some(rehearsal) = &self.rehearsal {
            return Ok(Some(rehearsal.open()));
        }
        let file = match &self.place {
            Place::File(file) => file,
            Place::Table(address) => return Ok(Some(OpenStore::Elsewhere(address.open().await?))),
        };
        if !file.exists() {
            return Ok(None);
        }
        refuse_another_file(file)?;
        Ok(Some(OpenStore::Embedded(EmbeddedStore::snapshot(file).await?)))
    }

    /// For reading what must be there.
    pub(super) async fn look_at_existing(&self) -> Result<OpenStore, Failure> {
        self.look().await?.ok_or_else(|| {
            Failure::bad_input(
                format!("there is no store at {}", self.display()),
                "`rebalance run CASE` makes one; --store names another place",
            )
        })
    }
}

fn no_table(given: &Path) -> Failure {
    Failure::new(
        ErrorKind::Usage,
        format!("{:?} does not name a table", given.display().to_string()),
        "write dynamodb:TABLE, dynamodb:TABLE@REGION, or dynamodb:TABLE@http://localhost:8000",
    )
}

/// A file that begins otherwise was named by mistake, or is damaged beyond what trying again can mend. One that is
/// empty, absent or unreadable is left to the store, which says so.
fn refuse_another_file(file: &Path) -> Result<(), Failure> {
    let mut start = Vec::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut start));
    if read.is_err() || start.is_empty() || start == SQLITE {
        return Ok(());
    }
    Err(Failure::bad_input(
        format!("{} is not a store", file.display()),
        "name the folder of a store with --store, or a file that a run made",
    ))
}

/// The run that a person means: by id, by its beginning, or `last`.
pub(super) async fn find(store: &OpenStore, name: &str) -> Result<RunRecord, Failure> {
    execution::find_run(store.store(), &digits(store, name).await?).await?.ok_or_else(|| unknown(name))
}

/// The same run's item alone, which is there where input and plan cannot be read.
pub(super) async fn find_item(store: &OpenStore, name: &str) -> Result<RunItem, Failure> {
    execution::find_item(store.store(), &digits(store, name).await?).await?.ok_or_else(|| unknown(name))
}

/// The digits that its id begins with.
async fn digits(store: &OpenStore, name: &str) -> Result<String, Failure> {
    if name == LAST { Ok(newest(store).await?.run_id.simple().to_string()) } else { prefix(name) }
}

fn unknown(name: &str) -> Failure {
    Failure::bad_input(format!("no run of this store begins with {name}"), "`rebalance runs` lists them")
}

/// The one whose plan is wanted as well.
pub(super) fn without_plan(record: &RunRecord) -> Failure {
    let state = crate::report::published::RunState::from(record.state);
    let reason = if record.reason.is_empty() { String::new() } else { format!(": {}", record.reason) };
    Failure::bad_input(format!("run {} is {state} and has no plan{reason}", record.run_id), "")
}

async fn newest(store: &OpenStore) -> Result<RunItem, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_with_or_without_its_place() {
        let cases = [
            ("index-rebalancer", Some((None, None))),
            ("a.b_c-1@eu-west-1", Some((Some("eu-west-1"), None))),
            ("table@http://127.0.0.1:8000", Some((None, Some("http://127.0.0.1:8000")))),
            ("table@https://dynamodb.example", Some((None, Some("https://dynamodb.example")))),
            ("ab", None),
            ("a table", None),
            ("table@", None),
            ("table@ftp://host", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let parsed = TableAddress::parse(text);
            let place = parsed.as_ref().map(|it| (it.region.as_deref(), it.endpoint.as_deref()));
            assert_eq!(place, expected, "{text}");
            if let Some(parsed) = parsed {
                assert_eq!(parsed.to_string(), format!("dynamodb:{text}"));
            }
        }
    }
}

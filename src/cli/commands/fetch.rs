//! `fetch grades`: Token Metrics' answers as dated files of a case.
//!
//! A file that is there already is kept and nothing is asked, so that the command can be repeated without a cost. A
//! file is written as a whole or not at all.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::Path;

use crate::adapters::clock::SystemClock;
use crate::adapters::files::Case;
use crate::adapters::files::token_metrics::{self as reader, Endpoint};
use crate::adapters::https::{HttpsClient, Trust};
use crate::adapters::secrets::CachedSecret;
use crate::adapters::secrets::local::LocalSecret;
use crate::adapters::token_metrics::{FetchProgress, Fetched, LIMITS, Settings, TokenMetrics, Tokens, Version, path};
use crate::application::grades::{self, query, set_name};
use crate::cli::args::{ApiVersion, FetchGrades, GradeSet};
use crate::cli::environment;
use crate::cli::failure::Failure;
use crate::cli::occasion::load_case;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::store::StorePath;
use crate::ports::Clock as _;
use crate::ports::secret::{Secret, SecretError, SecretReader, Stage};
use crate::preparation::reading::read_file;
use crate::preparation::sources::Grades;
use crate::preparation::time::day_of;
use crate::report::document::Document;
use crate::report::fetching::{FetchOutcome, FetchedGrades, FetchedSet};
use crate::report::text;

pub(in crate::cli) async fn fetch_grades(
    asked: &FetchGrades,
    path: &StorePath,
    output: &Output,
) -> Result<u8, Failure> {
    let shown = asked.case.display().to_string();
    let fetched = fetch(asked, path, output).await.map_err(|failure| failure.about(&shown))?;
    output.say(&Document::FetchedGrades(fetched.clone()), |canvas| text::fetched_grades(&fetched, canvas))?;
    Ok(0)
}

async fn fetch(asked: &FetchGrades, path: &StorePath, output: &Output) -> Result<FetchedGrades, Failure> {
    let case = load_case(&asked.case)?;
    let day = asked.day.unwrap_or_else(|| day_of(SystemClock.now()));
    let endpoints = endpoints(asked, &case)?;
    let tokens = tokens(asked, &case)?;
    let mut sets = Vec::new();
    let mut credits = 0;
    let mut remote = None;
    for endpoint in endpoints {
        let file = format!("{}-{day}.json", set_name(endpoint));
        let place = asked.case.join(&file);
        if place.exists() && !asked.again {
            let kept = reader::read(&file, &read_file(&place)?, endpoint)
                .map_err(|error| Failure::bad_input(error.to_string(), "--again fetches it anew"))?;
            sets.push(set(endpoint, file, FetchOutcome::Kept, &kept, &tokens));
            continue;
        }
        if remote.is_none() {
            // Made when it is needed: without a request there is no key to ask for and no store to open.
            remote = Some((client(asked)?, path.open().await?));
        }
        let Some((client, store)) = &remote else { continue };
        let query = query(endpoint, day, tokens.clone())?;
        let progress = Progress::start(!output.is_json(), format!("fetching {}", set_name(endpoint)));
        let tell = |FetchProgress { endpoint, requests, records }: FetchProgress| {
            progress.say(format!("fetching {endpoint}: {records} records, {requests} requests"));
        };
        let fetched = client.fetch(&query, &SystemClock, store.store(), tell).await?;
        drop(progress);
        credits += fetched.requests;
        let outcome = write(&place, &file, endpoint, &fetched)?;
        sets.push(set(endpoint, file, outcome, &fetched.grades, &tokens));
    }
    if let Some((_, store)) = remote {
        store.close().await;
    }
    Ok(FetchedGrades { case: asked.case.display().to_string(), day, sets, credits })
}

/// What was asked for, or what the policy looks at; by the version that is spoken.
fn endpoints(asked: &FetchGrades, case: &Case) -> Result<Vec<Endpoint>, Failure> {
    let mut wanted: Vec<Endpoint> = asked.only.iter().map(|set| endpoint_of(*set)).collect();
    if wanted.is_empty() {
        wanted = grades::wanted(case.policy());
    }
    if wanted.is_empty() {
        return Err(Failure::bad_input(
            "the policy looks at no grade and no signal, so there is nothing to fetch",
            "--only trader,investor,signals fetches them all the same",
        ));
    }
    Ok(grades::sources(&wanted, version(asked.api)))
}

const fn endpoint_of(set: GradeSet) -> Endpoint {
    match set {
        GradeSet::Trader => Endpoint::TraderGrades,
        GradeSet::Investor => Endpoint::InvestorGrades,
        GradeSet::Signals => Endpoint::TradingSignals,
    }
}

const fn version(api: ApiVersion) -> Version {
    match api {
        ApiVersion::V2 => Version::V2,
        ApiVersion::V3 => Version::V3,
    }
}

fn tokens(asked: &FetchGrades, case: &Case) -> Result<Tokens, Failure> {
    if asked.all_tokens {
        return Ok(Tokens::All);
    }
    let ids = case.token_ids()?;
    if ids.is_empty() {
        return Err(Failure::bad_input(
            "no asset of the case has a token_id, by which grades are joined",
            "give them one in the market file or under [token_ids] in case.toml, or fetch --all-tokens to find them",
        ));
    }
    Ok(Tokens::Only(ids))
}

/// Where the key is read.
#[derive(Debug)]
enum Key {
    Local(LocalSecret),
    #[cfg(feature = "secrets-manager")]
    Aws(crate::adapters::secrets::aws::AwsSecret),
}

impl SecretReader for Key {
    async fn read(&self, stage: Stage) -> Result<Option<Secret>, SecretError> {
        match self {
            Self::Local(secret) => secret.read(stage).await,
            #[cfg(feature = "secrets-manager")]
            Self::Aws(secret) => secret.read(stage).await,
        }
    }
}

/// The key and what errors call it.
fn key(asked: &FetchGrades) -> Result<(String, Key), Failure> {
    #[cfg(feature = "secrets-manager")]
    if let Some(reference) = &asked.key_secret {
        let access = environment::aws_access("SECRETS_MANAGER", None).ok_or_else(|| {
            Failure::bad_input(
                "nobody is known to sign requests to AWS",
                "set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        })?;
        let secret = crate::adapters::secrets::aws::AwsSecret::new(access.secrets_manager(), reference);
        return Ok((reference.clone(), Key::Aws(secret)));
    }
    let secret = match (&asked.key_file, environment::token_metrics_key()) {
        (Some(file), _) => LocalSecret::File(file.clone()),
        (None, Some((name, value))) => {
            LocalSecret::given(name, &value).map_err(|error| Failure::bad_input(error.to_string(), ""))?
        }
        (None, None) => {
            return Err(Failure::bad_input(
                "there is no key for Token Metrics",
                "put it into TOKEN_METRICS_API_KEY, or into a file that only you may read and name that with --key-file",
            ));
        }
    };
    Ok((secret.name(), Key::Local(secret)))
}

fn client(asked: &FetchGrades) -> Result<TokenMetrics<Key>, Failure> {
    let (name, secret) = key(asked)?;
    let mut settings = Settings::new(version(asked.api), asked.monthly_credits);
    if let Some(origin) = &asked.origin {
        settings.origin.clone_from(origin);
    }
    let host = settings.origin.trim_start_matches("https://").to_ascii_lowercase();
    let https = HttpsClient::new([host], LIMITS, Trust::System);
    Ok(TokenMetrics::new(https, CachedSecret::new(&name, secret), settings))
}

/// Writes beside the place first, so that nobody ever reads half a file.
fn write(place: &Path, file: &str, endpoint: Endpoint, fetched: &Fetched) -> Result<FetchOutcome, Failure> {
    let failed = |error: std::io::Error| {
        Failure::unexpected(format!("{} of {} cannot be written: {error}", file, path(endpoint)))
    };
    let outcome = match fs::read(place) {
        // Order and white space are theirs to change; what is said counts.
        Ok(before) if reader::read(file, &before, endpoint).is_ok_and(|before| before == fetched.grades) => {
            return Ok(FetchOutcome::Unchanged);
        }
        Ok(_) => FetchOutcome::Replaced,
        Err(error) if error.kind() == IoErrorKind::NotFound => FetchOutcome::Written,
        Err(error) => return Err(failed(error)),
    };
    let draft = place.with_extension("json.draft");
    fs::write(&draft, &fetched.envelope).and_then(|()| fs::rename(&draft, place)).map_err(failed)?;
    Ok(outcome)
}

fn set(endpoint: Endpoint, file: String, outcome: FetchOutcome, found: &Grades, tokens: &Tokens) -> FetchedSet {
    let trader = found.trader.iter().map(|(id, grade)| (*id, grade.at));
    let investor = found.investor.iter().map(|(id, grade)| (*id, grade.at));
    let signals = found.signals.iter().map(|(id, signal)| (*id, signal.at));
    let dated: Vec<_> = trader.chain(investor).chain(signals).collect();
    let ids: BTreeSet<u64> = dated.iter().map(|(id, _)| *id).collect();
    let missing = match tokens {
        Tokens::All => Vec::new(),
        Tokens::Only(asked) => asked.difference(&ids).copied().collect(),
    };
    let newest = dated.iter().map(|(_, at)| *at).max();
    FetchedSet { set: set_name(endpoint).to_owned(), file, outcome, tokens: ids.len(), newest, missing }
}

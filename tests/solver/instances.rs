//! Netlib and MIPLIB instances with published optima, and some that are infeasible or unbounded.

use std::fmt::Write as _;
use std::fs;
use std::time::Instant;

use index_rebalancer::solver::{Backend, Settings, Verdict, solve};

use crate::shared::shared_data;
use crate::{backends, is_published, mps};

/// Enough for every instance here on HiGHS; on MicroLP what it does not prove in so many is a refusal.
const NODES: u32 = 20_000;

/// One line of `known_objectives.csv`.
struct Known {
    name: String,
    status: String,
    /// The published figure, or where nobody published one the recomputed.
    objective: String,
    offset: f64,
}

fn known(text: &str) -> Vec<Known> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let field = |record: &csv::StringRecord, at: usize| record.get(at).expect("a field").to_owned();
    let read = |record: csv::StringRecord| {
        let published = field(&record, 7);
        let (objective, offset) = if published.is_empty() {
            (field(&record, 6), 0.0)
        } else {
            (published, field(&record, 8).parse().expect("an offset"))
        };
        Known { name: field(&record, 0), status: field(&record, 5), objective, offset }
    };
    reader.records().map(|record| read(record.expect("a line"))).collect()
}

/// Nothing where it is as published, the refusal where the backend refused.
fn judge(known: &Known, verdict: &Verdict) -> Result<Option<String>, String> {
    match (known.status.as_str(), verdict) {
        ("optimal", Verdict::Optimal(optimum)) => {
            let good = is_published(optimum.objective, &known.objective, known.offset);
            let wrong = format!("{} instead of {} + {}", optimum.objective, known.objective, known.offset);
            if good { Ok(None) } else { Err(wrong) }
        }
        ("infeasible", Verdict::Infeasible) | ("unbounded", Verdict::Unbounded) => Ok(None),
        (_, Verdict::Beyond(why)) => Ok(Some(why.to_string())),
        ("optimal", Verdict::Stopped(stopped)) => Ok(Some(format!("stopped at {NODES} nodes, gap {:?}", stopped.gap))),
        (status, verdict) => {
            let mut said = format!("{verdict:?}");
            said.truncate(100);
            Err(format!("{status}, and the verdict is {said}"))
        }
    }
}

#[test]
fn published_optima_are_reached_and_what_has_none_is_recognised() {
    let Some(shared) = shared_data("published optima") else { return };
    let folder = shared.join("optimization/lp");
    let table = known(&fs::read_to_string(folder.join("known_objectives.csv")).expect("the table"));
    let files = fs::read_dir(&folder).expect("the folder").filter(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "mps"))
    });
    assert_eq!(files.count(), table.len(), "an instance for each line of the table");
    let (mut wrong, mut refused) = (String::new(), Vec::new());
    for known in &table {
        let text = fs::read_to_string(folder.join(format!("{}.mps", known.name))).expect(&known.name);
        let program = mps::read(&text).unwrap_or_else(|error| panic!("{}: {error}", known.name));
        for backend in backends() {
            let start = Instant::now();
            let settings = Settings { nodes: Some(NODES), ..Settings::careful() };
            let verdict = solve(&program, backend, &settings).expect(&known.name);
            let took = start.elapsed().as_millis();
            match judge(known, &verdict) {
                Ok(None) => println!("{backend:8} {:10} as published, {took} ms", known.name),
                Ok(Some(why)) => {
                    println!("{backend:8} {:10} REFUSED: {why}, {took} ms", known.name);
                    refused.push((backend, known.name.clone()));
                }
                Err(why) => writeln!(wrong, "{backend} {}: {why}", known.name).expect("a string"),
            }
        }
    }
    assert!(wrong.is_empty(), "wrong verdicts:\n{wrong}");
    println!("{} refusals", refused.len());
    assert!(!refused.iter().any(|(backend, _)| *backend == Backend::Highs), "HiGHS does all of these: {refused:?}");
}

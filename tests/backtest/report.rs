//! What is told of a backtest and of a study keeps to the published schema, and its arrays stand beside its dates.

use std::fmt::Write as _;

use index_rebalancer::backtest::study::{Job, run_all};
use index_rebalancer::backtest::{Schedule, Settings};
use index_rebalancer::report::backtest::{BacktestReport, Made, Parameter, StudyReport, StudyResult, Window, csv};
use index_rebalancer::report::document::Document;
use jiff::civil::date;
use serde_json::Value;

use crate::market::{Files, history, ran, settings, three};

/// Two coins that wander over two months, and one that ends in the first.
fn market() -> Files {
    let mut closes = "date,symbol,close_usd,market_cap_usd,volume_usd\n".to_owned();
    for day in 0..59_i64 {
        let on = date(2023, 1, 1).checked_add(jiff::Span::new().days(day)).expect("a day");
        writeln!(closes, "{on},BTC,{},9000000,900000", 20_000 + (day * 37) % 1_900).expect("text grows");
        writeln!(closes, "{on},ETH,{},4000000,900000", 1_000 + (day * 53) % 97).expect("text grows");
        if day < 12 {
            writeln!(closes, "{on},END,10,2000000,900000").expect("text grows");
        }
    }
    Files::from([("closes.csv".to_owned(), closes)])
}

fn conforms(document: &Document) -> Value {
    let schema = serde_json::to_value(Document::json_schema()).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let value: Value = serde_json::from_str(&document.to_json().expect("JSON")).expect("it reads back");
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    value
}

#[test]
fn documents_keep_to_their_schema() {
    let to = date(2023, 2, 28);
    let (history, settings, policy) = (history(&market(), to, &[]), settings(to, Schedule::Weekly), three());
    let made = Made { policy_file: "three.toml", policy: &policy, history: &history, settings: &settings };
    let report = BacktestReport::of(&made, &ran(&history, &settings));
    assert_eq!(report.events.len(), 1, "END ends");
    for (name, table) in csv::TABLES {
        let text = table(&report).expect("a table");
        // A row of another length than the header would be an error.
        let rows = ::csv::Reader::from_reader(text.as_bytes()).into_records().collect::<Result<Vec<_>, _>>();
        assert!(!rows.expect(name).is_empty(), "{name}");
    }
    let told = conforms(&Document::Backtest(Box::new(report)));
    let length = |value: &Value| value.as_array().map(Vec::len);
    let days = length(&told["daily"]["dates"]);
    assert_eq!(days, Some(59));
    for (place, benchmark) in told["benchmarks"].as_array().expect("benchmarks").iter().enumerate() {
        assert_eq!((length(&benchmark["value"]), length(&benchmark["drawdown"])), (days, days), "benchmark {place}");
    }
    let sampled = length(&told["weights"]["dates"]);
    let series = told["weights"]["assets"].as_array().expect("series");
    assert!(series.len() == 3 && series.iter().all(|series| length(&series["weights"]) == sampled));
    let runs = told["runs"].as_array().expect("runs");
    let filled = runs.iter().flat_map(|run| run["orders"].as_array().expect("orders")).find(|it| !it["fill"].is_null());
    assert!(filled.is_some_and(|order| order["fill"]["date"].is_string()));
}

#[test]
fn a_study_names_the_best_of_the_window_before() {
    let to = date(2023, 2, 28);
    let (history, whole) = (history(&market(), to, &[]), settings(to, Schedule::Weekly));
    let mut calm = three();
    calm.objective.grade_tilt = index_rebalancer::model::Rate::ZERO;
    let mut idle = calm.clone();
    idle.reference_weights.cash = Some(index_rebalancer::model::Weight::parse("0.9").expect("a weight"));
    let middle = date(2023, 1, 31);
    let windows = [Settings { to: middle, ..whole.clone() }, Settings { from: date(2023, 2, 1), ..whole.clone() }];
    let policies = [("0.02", &calm), ("0.9", &idle)];
    let mut jobs = Vec::new();
    for (_, policy) in policies {
        jobs.extend(windows.iter().map(|settings| Job { policy, settings }));
    }
    let told = run_all(&history, &jobs, |job, it| StudyResult::of(Vec::new(), 0, job.policy, it), |_| {});
    let told = told.expect("every job runs");
    let places = policies.iter().flat_map(|(value, _)| [(*value, 0), (*value, 1)]);
    let results: Vec<StudyResult> = places
        .zip(told)
        .map(|((value, window), it)| StudyResult { values: vec![value.to_owned()], window, ..it })
        .collect();
    let sharpe = |place: usize| results[place].summary.performance.sharpe;
    let best = usize::from(sharpe(2) > sharpe(0)) * 2 + 1;
    assert_ne!(sharpe(0), sharpe(2), "else there is nothing to choose");
    let made = Made { policy_file: "three.toml", policy: &calm, history: &history, settings: &whole };
    let parameter =
        Parameter { path: "reference_weights.cash".to_owned(), values: vec!["0.02".to_owned(), "0.9".to_owned()] };
    let windows = windows.map(|it| Window { from: it.from, to: it.to }).to_vec();
    let told = conforms(&Document::BacktestStudy(Box::new(StudyReport::of(&made, vec![parameter], windows, results))));
    assert!(told["walk_forward"][0].is_null());
    assert_eq!(told["walk_forward"][1]["result"], best);
}

#[test]
fn windows_too_short_for_a_sharpe_ratio_have_no_best_and_a_varied_fee_is_nobodys() {
    let to = date(2023, 1, 20);
    let (history, whole) = (history(&market(), to, &[]), settings(to, Schedule::Weekly));
    let mut calm = three();
    calm.objective.grade_tilt = index_rebalancer::model::Rate::ZERO;
    let settings =
        [Settings { to: date(2023, 1, 10), ..whole.clone() }, Settings { from: date(2023, 1, 11), ..whole.clone() }];
    let of = |window: usize, value: &str| {
        let happened = ran(&history, &settings[window]);
        let number = u32::try_from(window).expect("small");
        StudyResult::of(vec![value.to_owned()], number, &calm, &happened)
    };
    let results = vec![of(0, "0.001"), of(1, "0.001"), of(0, "0.002"), of(1, "0.002")];
    assert!(results.iter().all(|result| result.summary.performance.sharpe.is_none()));
    let windows: Vec<Window> = settings.iter().map(|it| Window { from: it.from, to: it.to }).collect();
    let parameter =
        |path: &str| Parameter { path: path.to_owned(), values: vec!["0.001".to_owned(), "0.002".to_owned()] };
    let told = |whole: &Settings, path: &str| {
        let made = Made { policy_file: "three.toml", policy: &calm, history: &history, settings: whole };
        StudyReport::of(&made, vec![parameter(path)], windows.clone(), results.clone())
    };
    let study = told(&whole, "costs.fee");
    assert_eq!(study.walk_forward, [None, None], "nothing is the best of what has no ratio");
    let [notice] = study.notices.as_slice() else { panic!("one notice: {:?}", study.notices) };
    assert!(notice.starts_with("1 of 2 windows have none before them with a Sharpe ratio"), "{notice}");
    assert_eq!((study.conventions.fee, study.conventions.half_spread), (None, Some(calm.costs.half_spread)));
    let mut charged = whole.clone();
    charged.charged.fee = Some(index_rebalancer::model::Rate::ZERO);
    assert_eq!(told(&charged, "costs.fee").conventions.fee, charged.charged.fee, "what is charged is the same for all");
    assert_eq!(told(&whole, "ranking.members").conventions.fee, Some(calm.costs.fee));
    let lines =
        |text: Result<String, ::csv::Error>| text.expect("a table").lines().map(str::to_owned).collect::<Vec<_>>();
    let table = lines(csv::results(&study));
    assert_eq!(table.len(), 5);
    assert!(
        table[0].starts_with("costs.fee,from,to,final_value,total_return")
            && table[4].starts_with("0.002,2023-01-11,2023-01-20,")
    );
    assert_eq!(lines(csv::walk_forward(&study)).len(), 1, "no step");
    let _ = conforms(&Document::BacktestStudy(Box::new(study)));
}

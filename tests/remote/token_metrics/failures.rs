//! What ends a fetch, and what does not: busy servers, broken answers, sets with holes, limits.

use index_rebalancer::adapters::files::token_metrics::Endpoint;
use index_rebalancer::adapters::secrets::CachedSecret;
use index_rebalancer::adapters::token_metrics::paging::PagingFault;
use index_rebalancer::adapters::token_metrics::{FetchError, Fetched, TokenMetrics, Tokens};
use index_rebalancer::ports::Clock as _;
use serde_json::json;

use super::bench::{Bench, KEY, Rotating, block_on, envelope, graded, page, paged, query};
use crate::scripted_server::{Recorded, Reply};

fn fetch(bench: &Bench) -> Result<Fetched, FetchError> {
    bench.fetch(&query(Endpoint::TraderGrades, Tokens::All))
}

/// An API that answers the first requests in these ways and is sound afterwards.
fn after(troubles: Vec<Reply>) -> impl FnMut(&Recorded) -> Reply + Send + 'static {
    let mut troubles = troubles.into_iter();
    move |request| troubles.next().unwrap_or_else(|| paged(&graded(1..=7), request, 1, 100))
}

fn waited_ms(bench: &Bench) -> i128 {
    let began: jiff::Timestamp = "2025-04-16T06:00:00Z".parse().expect("a moment");
    bench.clock.now().duration_since(began).as_millis()
}

#[test]
fn requests_that_got_no_answer_are_repeated() {
    let troubles = [
        Reply::Lost,
        Reply::Broken,
        Reply::Silent(std::time::Duration::from_millis(1_300)),
        Reply::with(503, "x", "y"),
        Reply::with(500, "x", "y"),
        Reply::with(429, "x", "y"),
        // A content network's: the server behind it does not answer.
        Reply::with(522, "x", "y"),
    ];
    for trouble in troubles {
        let bench = Bench::new(after(vec![trouble.clone()]));
        let fetched = fetch(&bench).unwrap_or_else(|error| panic!("{trouble:?}: {error}"));
        assert_eq!((fetched.records, fetched.requests), (7, 3), "{trouble:?}");
        assert!((250..=500).contains(&waited_ms(&bench)), "{trouble:?}: waited {} ms", waited_ms(&bench));
    }
}

#[test]
fn a_server_that_says_when_is_not_asked_earlier() {
    let bench = Bench::new(after(vec![Reply::with(429, "retry-after", "12")]));
    fetch(&bench).expect("it is repeated");
    assert!((12_000..=12_500).contains(&waited_ms(&bench)), "waited {} ms", waited_ms(&bench));

    let bench = Bench::new(after(vec![Reply::with(503, "retry-after", "Wed, 16 Apr 2025 06:00:20 GMT")]));
    fetch(&bench).expect("it is repeated");
    assert!((20_000..=20_500).contains(&waited_ms(&bench)), "waited {} ms", waited_ms(&bench));

    // Longer than anybody waits: the fetch ends and says so.
    let bench = Bench::new(after(vec![Reply::with(429, "retry-after", "3600")]));
    let error = fetch(&bench).expect_err("an hour is too long");
    assert!(error.is_transient() && error.to_string().ends_with("try again after 3600 s"), "{error}");
    assert!(error.to_string().contains("too many requests"), "{error}");
    assert_eq!((bench.server.asked().len(), waited_ms(&bench)), (1, 0));
}

#[test]
fn attempts_end() {
    let bench = Bench::new(|_| Reply::with(502, "x", "y"));
    let error = fetch(&bench).expect_err("it never answers");
    assert!(matches!(error, FetchError::Busy { status: 502, attempts: 4, .. }) && error.is_transient(), "{error}");
    assert_eq!(bench.server.asked().len(), 4);
}

#[test]
fn a_refusal_is_not_repeated() {
    for status in [400, 402, 403, 404, 409, 422] {
        let refusal = json!({ "success": false, "message": "Some thing wrong", "length": 0, "data": [] }).to_string();
        let bench = Bench::new(move |_| Reply::json(status, refusal.clone()));
        let error = fetch(&bench).expect_err("refused");
        assert!(!error.is_transient() && error.to_string().contains("Some thing wrong"), "{status}: {error}");
        assert_eq!(bench.server.asked().len(), 1, "{status}");
    }
}

#[test]
fn an_answer_that_is_none_of_theirs_is_refused_at_once() {
    let records = graded(1..=2);
    let answers = [
        (Reply::json(200, "token expired"), "not valid JSON"),
        (Reply::json(200, "{}"), "success"),
        (Reply::json(200, ""), "it is empty"),
        (
            Reply::json(200, json!({ "success": false, "message": "quota", "length": 0, "data": [] }).to_string()),
            "quota",
        ),
        (Reply::json(200, json!({ "success": true, "length": 3, "data": records }).to_string()), "incomplete"),
        (envelope(&[json!({ "TOKEN_ID": 1, "DATE": "2025-04-16", "TM_TRADER_GRADE": 101 })]), "from 0 to 100"),
        (envelope(&[json!({ "TOKEN_ID": 1, "DATE": "2025-04-16" })]), "TM_TRADER_GRADE"),
    ];
    for (answer, told) in answers {
        let bench = Bench::new(move |_| answer.clone());
        let error = fetch(&bench).expect_err(told);
        let text = error.to_string();
        assert!(text.starts_with("trader-grades, page 1: ") && text.contains(told), "{told}: {text}");
        assert_eq!((bench.server.asked().len(), error.is_transient()), (1, false), "{told}");
    }
}

/// Who answers so stands before a service that is down, or between it and us, and goes away again.
#[test]
fn a_web_page_is_no_answer_and_may_be_asked_for_again() {
    let bench = Bench::new(|_| Reply::Answer {
        status: 200,
        headers: vec![("content-type", "text/html".to_owned())],
        body: b" <!doctype html><html>We are back soon</html>".to_vec(),
    });
    let error = fetch(&bench).expect_err("no grades");
    assert!(matches!(error, FetchError::WebPage { page: 1, .. }) && error.is_transient(), "{error}");
    assert_eq!(bench.server.asked().len(), 1);
}

#[test]
fn an_answer_that_breaks_off_is_none_and_may_be_asked_for_again() {
    let whole = json!({ "success": true, "message": "ok", "length": 2, "data": graded(1..=2) }).to_string();
    for end in [1, whole.len() / 2, whole.len() - 1] {
        let part = whole[..end].to_owned();
        let bench = Bench::new(move |_| Reply::json(200, part.clone()));
        let error = fetch(&bench).expect_err("half an answer");
        assert!(matches!(error, FetchError::CutOff { bytes, .. } if bytes == end) && error.is_transient(), "{error}");
        assert_eq!(bench.server.asked().len(), 1);
    }
}

#[test]
fn what_cannot_be_counted_is_not_asked() {
    let bench = Bench::new(after(Vec::new()));
    bench.counters.1.set(true);
    let error = fetch(&bench).expect_err("the store is down");
    assert!(matches!(error, FetchError::Uncounted(_)) && error.is_transient(), "{error}");
    assert!(bench.server.asked().is_empty());
}

#[test]
fn those_who_failed_together_do_not_come_back_together() {
    let waits: std::collections::BTreeSet<i128> = (0..8)
        .map(|_| {
            let bench = Bench::new(after(vec![Reply::with(503, "x", "y")]));
            fetch(&bench).expect("it is repeated");
            waited_ms(&bench)
        })
        .collect();
    // Of 250 possible waits eight that are all the same are chance once in 10^16.
    assert!(waits.len() > 1, "{waits:?}");
}

#[test]
fn a_set_that_may_have_a_hole_is_none() {
    let pages = |pages: Vec<Vec<u64>>| {
        move |request: &Recorded| {
            let tokens = pages.get(page(request) - 1).cloned().unwrap_or_default();
            envelope(&graded(tokens))
        }
    };
    let cases = [
        (pages(vec![vec![1, 2], vec![], vec![5, 6]]), PagingFault::Missing { page: 2 }),
        (pages(vec![vec![1, 2], vec![3], vec![4, 5]]), PagingFault::Short { page: 2 }),
        (pages(vec![vec![1, 2], vec![2, 3]]), PagingFault::Overlapping { page: 2 }),
        (pages(vec![vec![1, 2], vec![1, 2]]), PagingFault::Repeated { page: 2 }),
        (pages(vec![vec![1], vec![2, 3]]), PagingFault::Long { page: 2 }),
    ];
    for (api, expected) in cases {
        let mut bench = Bench::new(api);
        bench.settings.page_size = 2;
        let error = fetch(&bench).expect_err("a hole");
        assert!(matches!(&error, FetchError::Paging { fault, .. } if *fault == expected), "{expected:?}: {error}");
        // What a set that changes can look like may look otherwise later; whoever ignores `page` goes on doing so.
        assert_eq!(error.is_transient(), !matches!(expected, PagingFault::Repeated { .. }), "{expected:?}");
    }
    // A page that cannot be had is a hole too.
    let mut bench = Bench::new(|request| match page(request) {
        3 => Reply::with(500, "x", "y"),
        _ => paged(&graded(1..=10), request, 1, 2),
    });
    bench.settings.page_size = 2;
    assert!(matches!(fetch(&bench), Err(FetchError::Busy { page: 3, .. })));
}

#[test]
fn a_set_that_changes_while_it_is_read_is_none() {
    let mut first_asked = 0;
    let mut bench = Bench::new(move |request| {
        first_asked += u64::from(page(request) == 1);
        // Another token leads when the first page is read again.
        let records = graded(first_asked..=first_asked + 9);
        let records = if page(request) == 1 { records } else { graded(1..=10) };
        paged(&records, request, 1, 4)
    });
    bench.settings.page_size = 4;
    let error = fetch(&bench).expect_err("changed");
    assert!(matches!(error, FetchError::Paging { fault: PagingFault::Changed, .. }), "{error}");
    assert!(error.is_transient());
}

#[test]
fn two_grades_of_one_token_and_day_are_refused() {
    let record = |grade: u32| json!({ "TOKEN_ID": 1, "DATE": "2025-04-16", "TM_TRADER_GRADE": grade });
    let mut bench = Bench::new(move |request| match page(request) {
        1 => envelope(&[record(40)]),
        2 => envelope(&[record(60)]),
        _ => envelope(&[]),
    });
    bench.settings.page_size = 1;
    let error = fetch(&bench).expect_err("which of the two?");
    assert!(error.to_string().contains("two different records"), "{error}");
}

#[test]
fn a_filter_that_is_not_applied_is_found_out() {
    let bench = Bench::new(|request| if page(request) == 1 { envelope(&graded(1..=9)) } else { envelope(&[]) });
    let error = bench.fetch(&query(Endpoint::TraderGrades, Tokens::Only([1, 2].into()))).expect_err("not asked for");
    assert!(matches!(error, FetchError::NotAskedFor { token_id: 3, .. }), "{error}");
}

#[test]
fn nothing_at_all_is_no_set() {
    let bench = Bench::new(|_| envelope(&[]));
    let error = fetch(&bench).expect_err("nothing");
    assert!(matches!(error, FetchError::Nothing { .. }) && !error.is_transient(), "{error}");
    assert!(error.to_string().contains("from 2025-04-15 to 2025-04-16"), "{error}");
}

#[test]
fn every_request_is_a_credit_and_credits_end() {
    let mut bench = Bench::new(after(vec![Reply::Lost]));
    bench.settings.monthly_credits = 5;
    // Three with the repeated one, then two of three.
    assert_eq!(fetch(&bench).expect("within the credits").requests, 3);
    assert_eq!(fetch(&bench).expect("within the credits").requests, 2);
    let error = fetch(&bench).expect_err("spent");
    assert!(error.to_string().starts_with("the 5 credits of 2025-04 are used up"), "{error}");
    assert_eq!((bench.server.asked().len(), error.is_transient()), (5, false));
    // The next month has its own.
    bench.clock.advance(jiff::SignedDuration::from_hours(15 * 24));
    fetch(&bench).expect("a new month");
}

#[test]
fn one_fetch_has_a_limit_of_its_own() {
    let mut bench = Bench::new(|request| envelope(&graded([u64::try_from(page(request)).expect("small")])));
    bench.settings.page_size = 1;
    bench.settings.most_requests = 9;
    let error = fetch(&bench).expect_err("it never ends");
    assert!(matches!(error, FetchError::TooManyRequests { limit: 9 }), "{error}");
    assert_eq!(bench.server.asked().len(), 9);
}

#[test]
fn a_fetch_has_a_time() {
    let mut bench = Bench::new(|_| Reply::with(503, "retry-after", "29"));
    bench.settings.patience.attempts = 99;
    bench.settings.patience.fetch_ms = 60_000;
    let error = fetch(&bench).expect_err("it is never free");
    // What would come too late is not waited for, and the reason is told.
    assert!(matches!(error, FetchError::Busy { status: 503, attempts: 3, .. }) && error.is_transient(), "{error}");
    assert_eq!(bench.server.asked().len(), 3);
    assert!(waited_ms(&bench) <= 60_000, "waited {} ms", waited_ms(&bench));
}

/// Whoever is stopped at a deadline gives less time than patience would: no request goes on longer, and none begins.
#[test]
fn a_fetch_ends_within_what_its_caller_has_left() {
    let within = |most_ms: u64, reply: Reply| {
        let bench = Bench::new(move |_| reply.clone());
        let secret = Rotating::new(&[KEY], None);
        let client = TokenMetrics::new(bench.https(), CachedSecret::new("tm-key", &secret), bench.settings.clone());
        let wanted = query(Endpoint::TraderGrades, Tokens::All);
        let fetched = block_on(client.fetch_within(&wanted, most_ms, &bench.clock, &bench.counters, |_| ()));
        (fetched.expect_err("no answer in time"), bench.server.asked().len(), waited_ms(&bench))
    };
    // The server is silent for longer than the request's own second, and that is longer than there is.
    let silent = Reply::Silent(std::time::Duration::from_secs(3));
    let (error, asked, waited) = within(200, silent.clone());
    assert!(matches!(error, FetchError::TooSlow { limit_ms: 200 }) && error.is_transient(), "{error}");
    assert_eq!((asked, waited), (1, 0), "one request, cut off");
    let (error, asked, _) = within(0, silent);
    assert!(matches!(error, FetchError::TooSlow { limit_ms: 0 }), "{error}");
    assert_eq!(asked, 0);
    let (error, asked, waited) = within(5_000, Reply::with(503, "retry-after", "6"));
    assert!(matches!(error, FetchError::Busy { status: 503, attempts: 1, .. }), "{error}");
    assert_eq!((asked, waited), (1, 0));
}

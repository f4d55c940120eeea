//! Pages that make a set, and pages that do not.

use super::*;

/// Records `from..to` as one page.
fn page(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("{{\"TOKEN_ID\":{number}}}")).collect()
}

/// Plays an API whose answers are given by page number; the records, or the fault, and the pages asked for.
fn play(
    numbering: Option<Numbering>,
    asked: usize,
    mut answer: impl FnMut(u32, usize) -> Option<Vec<String>>,
) -> (Result<usize, PagingFault>, Vec<u32>) {
    let mut pages = Pages::new(numbering, asked);
    let mut log = Vec::new();
    let mut next = Next::Ask(pages.begin());
    loop {
        let (number, again) = match next {
            Next::Done => return (Ok(pages.into_records().len()), log),
            Next::Ask(number) => (number, false),
            Next::AskFirstAgain(number) => (number, true),
        };
        log.push(number);
        assert!(log.len() < 20, "it asks for ever: {log:?}");
        let step = match answer(number, log.len()) {
            None => Ok(pages.zero_refused().expect("only page 0 of unknown numbering is refused here")),
            Some(records) if again => pages.compare_first(&records).map(|()| Next::Done),
            Some(records) => pages.take(number, records),
        };
        match step {
            Ok(step) => next = step,
            Err(fault) => return (Err(fault), log),
        }
    }
}

/// An API of so many records, counted from `first`, that never gives more than `most` at once.
fn sound(records: usize, most: usize, first: u32, asked: usize) -> impl FnMut(u32, usize) -> Option<Vec<String>> {
    let size = most.min(asked);
    move |number, _| {
        let index = usize::try_from(number.checked_sub(first)?).expect("small");
        Some(page((index * size).min(records), ((index + 1) * size).min(records)))
    }
}

#[test]
fn sets_of_every_size_are_whole_under_every_numbering() {
    for records in 0..=13 {
        for (numbering, first) in [(None, 0), (None, 1), (Some(Numbering::FromZero), 0), (Some(Numbering::FromOne), 1)]
        {
            // The API may give fewer at once than were asked for.
            for most in [3, 4, 100] {
                let (set, log) = play(numbering, 4, sound(records, most, first, 4));
                assert_eq!(set, Ok(records), "{records} records, {numbering:?}, {first}, {most}: {log:?}");
            }
        }
    }
}

#[test]
fn page_zero_may_be_the_same_as_page_one() {
    let mut api = sound(10, 4, 1, 4);
    let (set, log) = play(None, 4, move |number, asked| api(number.max(1), asked));
    assert_eq!((set, log), (Ok(10), vec![0, 1, 2, 3, 4, 1]));
}

#[test]
fn page_zero_may_be_empty() {
    let mut api = sound(10, 4, 1, 4);
    let (set, log) = play(None, 4, move |number, asked| api(number, asked).or(Some(vec![])));
    assert_eq!((set, log), (Ok(10), vec![0, 1, 2, 3, 4, 1]));
}

#[test]
fn a_small_set_costs_two_requests_where_the_numbering_is_known() {
    assert_eq!(play(Some(Numbering::FromOne), 100, sound(59, 100, 1, 100)), (Ok(59), vec![1, 2]));
    // A full page could be followed by a missing one.
    assert_eq!(play(Some(Numbering::FromOne), 59, sound(59, 100, 1, 59)), (Ok(59), vec![1, 2, 3]));
}

#[test]
fn a_set_with_a_hole_is_none() {
    let cases: [(&str, Vec<Vec<String>>, PagingFault); 6] = [
        ("missing", vec![page(0, 4), vec![], page(8, 10), vec![]], PagingFault::Missing { page: 1 }),
        ("short", vec![page(0, 4), page(4, 7), page(8, 12), vec![]], PagingFault::Short { page: 1 }),
        ("long", vec![page(0, 3), page(3, 7), vec![], vec![]], PagingFault::Long { page: 1 }),
        ("overlap", vec![page(0, 4), page(3, 7), vec![], vec![]], PagingFault::Overlapping { page: 1 }),
        ("repeat", vec![page(0, 4), page(4, 8), page(0, 4), vec![]], PagingFault::Repeated { page: 2 }),
        ("again", vec![page(0, 4), page(4, 8), page(4, 8), vec![]], PagingFault::Overlapping { page: 2 }),
    ];
    for (name, pages, fault) in cases {
        let (set, _) = play(Some(Numbering::FromZero), 4, |number, _| {
            Some(pages.get(usize::try_from(number).expect("small")).cloned().unwrap_or_default())
        });
        assert_eq!(set, Err(fault), "{name}");
    }
}

#[test]
fn an_api_that_ignores_the_page_is_found_out() {
    for numbering in [None, Some(Numbering::FromZero), Some(Numbering::FromOne)] {
        let (set, _) = play(numbering, 4, |_, _| Some(page(0, 4)));
        assert!(matches!(set, Err(PagingFault::Repeated { .. })), "{numbering:?}: {set:?}");
    }
}

#[test]
fn a_first_page_that_changed_meanwhile_is_found_out() {
    let mut api = sound(10, 4, 0, 4);
    let (set, log) =
        play(
            Some(Numbering::FromZero),
            4,
            move |number, asked| {
                if asked == 5 { Some(page(20, 24)) } else { api(number, asked) }
            },
        );
    assert_eq!((set, log), (Err(PagingFault::Changed), vec![0, 1, 2, 3, 0]));
}

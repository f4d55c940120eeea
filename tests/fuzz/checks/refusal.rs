//! What every refusal must be: the place, the field, the problem and the remedy, in one printable line.

use index_rebalancer::preparation::{BadInput, PreparationError};

/// The longest that each part of a refusal may be, in characters before escapes.
const MAX_PART: usize = 501;

/// Panics where the refusal leaves something out, or would make a mess of a terminal or a log.
pub(crate) fn check(place: &str, refusal: &BadInput) {
    assert_eq!(refusal.place, place, "it names another place: {refusal:?}");
    assert!(!refusal.field.trim().is_empty(), "no field: {refusal:?}");
    for (what, text) in [("problem", &refusal.problem), ("remedy", &refusal.remedy)] {
        assert!(text.chars().any(char::is_alphanumeric), "no {what}: {refusal:?}");
    }
    for part in [&refusal.field, &refusal.value, &refusal.problem, &refusal.remedy] {
        assert!(part.chars().count() <= MAX_PART, "{} characters: {part}", part.chars().count());
    }
    let line = refusal.to_string();
    assert!(line.contains(&refusal.remedy), "the remedy is not shown: {line:?}");
    check_printable(&line);
}

/// Panics where a text has a character that a terminal acts upon or hides.
pub(crate) fn check_printable(text: &str) {
    let hidden = text.chars().find(|character| !is_printable(*character));
    assert_eq!(hidden, None, "a character that is not printable, in {text:?}");
}

/// As `Debug` judges: no control characters, no marks of direction, nothing without a width.
fn is_printable(character: char) -> bool {
    matches!(character, '"' | '\'' | '\\') || character.escape_debug().eq([character])
}

/// As [`check`], for everything that was refused together; there is at least one.
pub(crate) fn check_all(place: &str, error: &PreparationError) {
    let PreparationError::BadInput(refusals) = error else {
        panic!("not a refusal of the input: {error:?}");
    };
    assert!(!refusals.is_empty(), "refused without saying why");
    for refusal in refusals {
        check(place, refusal);
    }
}

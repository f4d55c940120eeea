//! Changes to documents that leave them well formed: a value, a key, a row is replaced, and the result is written out
//! again as JSON, TOML or CSV. Now and then the bytes themselves are changed, so that the grammar is tried as well.

mod bytes;
mod csv_rows;
mod json_tree;
#[path = "../../common/split_mix.rs"]
mod split_mix;
mod toml_text;
mod values;

pub(crate) use csv_rows::{read as read_csv, write as write_csv};
pub(crate) use json_tree::write as write_json;
pub(crate) use split_mix::SplitMix64;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Toml,
    /// JSON where it begins like it, otherwise CSV.
    JsonOrCsv,
}

/// Once in so many times the bytes are changed instead of the document.
const BYTES_ONE_IN: usize = 8;

/// A changed document. What cannot be read as a document has its bytes changed.
pub(crate) fn mutate(document: &[u8], format: Format, seed: u64) -> Vec<u8> {
    let mut random = SplitMix64::new(seed);
    if random.one_in(BYTES_ONE_IN) {
        return bytes::mutate(document, &mut random);
    }
    let begins_like_json = matches!(document.trim_ascii_start().first(), Some(b'{' | b'[' | b'"'));
    let changed = match format {
        Format::Toml => toml_text::mutate(document, &mut random),
        Format::JsonOrCsv if begins_like_json => json_tree::mutate(document, &mut random),
        Format::JsonOrCsv => csv_rows::mutate(document, &mut random),
    };
    changed.unwrap_or_else(|| bytes::mutate(document, &mut random))
}

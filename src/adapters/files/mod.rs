//! Readers of recorded files: what a data source, a venue or a person wrote down, as it is.
//!
//! A reader takes bytes and the file's name (for messages), and returns the neutral records of
//! [`preparation::sources`](crate::preparation::sources). It refuses what it does not recognise; what it drops
//! it names.

pub mod case;
pub mod csv_text;
pub mod history;
pub mod market;
pub mod token_metrics;
pub mod venue_rules;

pub use case::Case;

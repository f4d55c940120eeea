//! Adapters: one folder per outside system.

pub mod files;

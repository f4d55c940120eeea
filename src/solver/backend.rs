//! The backends by name and version.

use std::fmt;

/// A solver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    /// MicroLP: in pure Rust, in every build.
    #[default]
    Microlp,
    /// HiGHS: in builds with the feature `highs`.
    Highs,
}

impl Backend {
    pub const ALL: [Self; 2] = [Self::Microlp, Self::Highs];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Microlp => "microlp",
            Self::Highs => "highs",
        }
    }

    /// The version that is locked; for HiGHS its own, not that of the crate that binds it. Recorded in plans.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Microlp => "0.6.0",
            Self::Highs => "1.16.0",
        }
    }

    /// Is it in this build?
    #[must_use]
    pub const fn is_built(self) -> bool {
        match self {
            Self::Microlp => true,
            Self::Highs => cfg!(feature = "highs"),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stated_versions_are_the_locked_ones() {
        let lock = include_str!("../../Cargo.lock");
        for (backend, package) in [(Backend::Microlp, "microlp"), (Backend::Highs, "highs-sys")] {
            let entry = format!("name = \"{package}\"\nversion = \"{}\"", backend.version());
            assert!(lock.contains(&entry), "Cargo.lock locks another {package}; update Backend::version");
        }
    }
}

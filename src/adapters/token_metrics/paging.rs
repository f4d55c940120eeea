//! Pages put together, fail closed: a set that may lack a page, or hold one twice, is none.
//!
//! The documents disagree about where pages begin (0 or 1) and how large they may be (a page of 1,000, or at most 100),
//! and no answer says how many records there are in all. So:
//!
//! * a set ends with an empty page and nothing else; a page shorter than the one before it must be the last;
//! * after pages that were all full an empty page could also be one that is missing: the page after it must be empty too;
//! * a record on two pages means that records moved while they were read, or that `page` is ignored;
//! * a set of several pages is believed when its first page reads the same at the end.

use std::collections::BTreeSet;

/// Where an API begins to count its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering {
    FromZero,
    FromOne,
}

impl Numbering {
    pub(super) const fn first(self) -> u32 {
        match self {
            Self::FromZero => 0,
            Self::FromOne => 1,
        }
    }
}

/// What is wrong with the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PagingFault {
    #[error("page {page} repeats an earlier page: the API does not page as it should")]
    Repeated { page: u32 },
    #[error("page {page} has records of an earlier page: the set changed while it was read")]
    Overlapping { page: u32 },
    #[error("page {page} is shorter than the pages before it and is not the last: records are missing")]
    Short { page: u32 },
    #[error("page {page} is longer than the first: the pages are not of one reading")]
    Long { page: u32 },
    #[error("page {page} is missing: it is empty, and the one after it is not")]
    Missing { page: u32 },
    #[error("the first page reads otherwise now: the set changed while it was read")]
    Changed,
}

impl PagingFault {
    /// A set that changes while it is read can show any of these, and can be read again; but an API that answers every
    /// page with the first one will do so again.
    pub(super) const fn is_transient(self) -> bool {
        !matches!(self, Self::Repeated { .. })
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Ask(u32),
    /// The first page once more, to see that nothing changed.
    AskFirstAgain(u32),
    Done,
}

/// The pages so far.
#[derive(Debug)]
pub(super) struct Pages {
    numbering: Option<Numbering>,
    /// The size that was asked for.
    asked: usize,
    first: Vec<String>,
    records: Vec<String>,
    seen: BTreeSet<String>,
    taken: usize,
    last: usize,
    /// Number of an empty page after full ones.
    empty: Option<u32>,
}

impl Pages {
    /// `numbering`: absent when it is to be found out.
    pub(super) const fn new(numbering: Option<Numbering>, asked: usize) -> Self {
        Self {
            numbering,
            asked,
            first: Vec::new(),
            records: Vec::new(),
            seen: BTreeSet::new(),
            taken: 0,
            last: 0,
            empty: None,
        }
    }

    /// The page to begin with.
    pub(super) fn begin(&self) -> u32 {
        self.numbering.map_or(0, Numbering::first)
    }

    /// Where pages begin, once that is known.
    pub(super) const fn numbering(&self) -> Option<Numbering> {
        self.numbering
    }

    /// Page 0 was refused: there is none, if nobody said that there is.
    pub(super) fn zero_refused(&mut self) -> Option<Next> {
        if self.numbering.is_some() {
            return None;
        }
        self.numbering = Some(Numbering::FromOne);
        Some(Next::Ask(1))
    }

    /// Takes a page's records, as text.
    pub(super) fn take(&mut self, page: u32, records: Vec<String>) -> Result<Next, PagingFault> {
        if records.is_empty() {
            return Ok(self.take_empty(page));
        }
        if let Some(missing) = self.empty {
            return Err(PagingFault::Missing { page: missing });
        }
        if self.taken > 0 && records == self.first {
            // Where pages begin with 1, page 0 is the same as page 1 or an error.
            if page == 1 && self.numbering.is_none() {
                self.numbering = Some(Numbering::FromOne);
                return Ok(Next::Ask(2));
            }
            return Err(PagingFault::Repeated { page });
        }
        if page == 1 && self.numbering.is_none() {
            self.numbering = Some(Numbering::FromZero);
        }
        if self.taken > 0 && self.last < self.first.len() {
            return Err(PagingFault::Short { page: page.saturating_sub(1) });
        }
        if self.taken > 0 && records.len() > self.first.len() {
            return Err(PagingFault::Long { page });
        }
        if self.taken == 0 {
            self.first.clone_from(&records);
        }
        self.last = records.len();
        self.taken += 1;
        for record in records {
            if !self.seen.insert(record.clone()) {
                return Err(PagingFault::Overlapping { page });
            }
            self.records.push(record);
        }
        Ok(Next::Ask(page + 1))
    }

    fn take_empty(&mut self, page: u32) -> Next {
        // Where pages begin with 1, page 0 may also be empty.
        if page == 0 && self.numbering.is_none() {
            self.numbering = Some(Numbering::FromOne);
            return Next::Ask(1);
        }
        let all_full = self.last == self.first.len() && (self.taken > 1 || self.last >= self.asked);
        if self.taken > 0 && all_full && self.empty.is_none() {
            self.empty = Some(page);
            return Next::Ask(page + 1);
        }
        if self.taken > 1 { Next::AskFirstAgain(self.begin()) } else { Next::Done }
    }

    /// The first page, read again at the end.
    pub(super) fn compare_first(&self, records: &[String]) -> Result<(), PagingFault> {
        if records == self.first.as_slice() { Ok(()) } else { Err(PagingFault::Changed) }
    }

    /// All records, in the order they came.
    pub(super) fn into_records(self) -> Vec<String> {
        self.records
    }
}

#[cfg(test)]
mod tests;

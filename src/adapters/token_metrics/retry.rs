//! When a request that only reads is worth repeating, and after how long.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// How patient a fetch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Of one request, the first included.
    pub attempts: u32,
    /// Before the second attempt; doubled before each further one.
    pub first_wait_ms: u64,
    /// The longest wait, also where the server asks for more: then the fetch ends.
    pub longest_wait_ms: u64,
    /// The longest that the whole fetch may take.
    pub fetch_ms: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 4, first_wait_ms: 500, longest_wait_ms: 30_000, fetch_ms: 180_000 }
    }
}

impl Patience {
    /// The wait before the attempt after this one (from 1): half of it fixed and half of it random, so that callers
    /// that failed together do not come back together. `None`: it is not worth waiting for.
    pub(super) fn wait_ms(&self, attempt: u32, asked_ms: Option<u64>, random: impl Fn(u64) -> u64) -> Option<u64> {
        if attempt >= self.attempts {
            return None;
        }
        let doubled = self.first_wait_ms.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let bounded = doubled.min(self.longest_wait_ms);
        let own = bounded / 2 + random(bounded / 2);
        match asked_ms {
            Some(asked) if asked > self.longest_wait_ms => None,
            // Later than asked for, never earlier.
            Some(asked) => Some(asked.saturating_add(random(self.first_wait_ms)).max(own)),
            None => Some(own),
        }
    }
}

/// Statuses that say nothing about the request itself: of a busy server, and every trouble of a server or of whoever
/// stands before it (520 to 530 are a content network's), but that it has no such method or protocol.
pub(super) const fn is_worth_repeating(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599) && !matches!(status, 501 | 505)
}

/// The wait that a `Retry-After` header asks for: seconds, or a moment. What is neither asks for nothing.
pub(super) fn asked_wait_ms(header: &str, now: Timestamp) -> Option<u64> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(seconds.saturating_mul(1000));
    }
    let at = DateTimeParser::new().parse_timestamp(header).ok()?;
    Some(u64::try_from(at.duration_since(now).as_millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { attempts: 4, first_wait_ms: 100, longest_wait_ms: 1_000, fetch_ms: 10_000 };

    #[test]
    fn waits_double_within_bounds_and_end() {
        let shortest = |attempt| PATIENCE.wait_ms(attempt, None, |_| 0);
        let longest = |attempt| PATIENCE.wait_ms(attempt, None, |most| most);
        assert_eq!([1, 2, 3, 4].map(shortest), [Some(50), Some(100), Some(200), None]);
        assert_eq!([1, 2, 3, 4].map(longest), [Some(100), Some(200), Some(400), None]);
        let patient = Patience { attempts: 99, ..PATIENCE };
        assert_eq!(patient.wait_ms(60, None, |most| most), Some(1_000));
    }

    #[test]
    fn nobody_comes_back_earlier_than_asked() {
        assert_eq!(PATIENCE.wait_ms(1, Some(700), |_| 0), Some(700));
        assert_eq!(PATIENCE.wait_ms(1, Some(700), |most| most), Some(800));
        assert_eq!(PATIENCE.wait_ms(3, Some(1), |_| 0), Some(200));
        assert_eq!(PATIENCE.wait_ms(1, Some(1_001), |_| 0), None);
        assert_eq!(PATIENCE.wait_ms(4, Some(1), |_| 0), None);
    }

    #[test]
    fn every_trouble_of_a_server_is_worth_another_attempt() {
        let others = (100..=999).filter(|status| !(500..=599).contains(status));
        assert_eq!(others.filter(|status| is_worth_repeating(*status)).collect::<Vec<_>>(), [408, 425, 429]);
        let refused: Vec<u16> = (500..=599).filter(|status| !is_worth_repeating(*status)).collect();
        assert_eq!(refused, [501, 505]);
    }

    #[test]
    fn a_wait_is_asked_for_in_seconds_or_as_a_moment() {
        let now: Timestamp = "2025-04-16T06:00:00Z".parse().expect("a moment");
        for (header, expected) in [
            ("0", Some(0)),
            (" 12 ", Some(12_000)),
            ("Wed, 16 Apr 2025 06:00:07 GMT", Some(7_000)),
            ("Wed, 16 Apr 2025 05:00:00 GMT", Some(0)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(asked_wait_ms(header, now), expected, "{header}");
        }
    }
}

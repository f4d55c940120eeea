//! Trades of a fund whose composition is stated in units per share.
//!
//! On-chain index tokens say what they hold as token units behind one share: raw integers, a token's smallest unit
//! times 1e18 per share of 1e18. Moving from one composition to another trades, for each token,
//! `⌊|target − current| · shares / 10^18⌋` of its smallest units, to the last digit. That is integer arithmetic of up
//! to 43 digits, beyond `Decimal`, so it is done in `u128` by parts.

use index_rebalancer::model::{Decimal, InvalidNumber, Quantity, Side};

/// One share, in its smallest unit.
const SHARE: u128 = 1_000_000_000_000_000_000;

/// A trade from one composition to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnitTrade {
    pub(crate) side: Side,
    /// In whole tokens.
    pub(crate) quantity: Quantity,
}

/// Why a trade cannot be stated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitError {
    #[error("units {units} times shares {shares} are beyond 3.4e38 smallest units of the token; check their units")]
    TooLarge { units: u128, shares: u128 },
    #[error("a token of {decimals} decimals is not supported; at most 28")]
    Decimals { decimals: u32 },
    #[error("the traded quantity {0}")]
    Quantity(#[from] InvalidNumber),
}

/// What a position of `units` per share is worth in whole tokens over all shares, cut off below the token's smallest
/// unit. `units` and `shares` are raw integers: a share is 1e18.
///
/// # Errors
/// When the product is too large or the token has more than 28 decimals.
pub(crate) fn position(units: u128, shares: u128, decimals: u32) -> Result<Quantity, UnitError> {
    let too_large = || UnitError::TooLarge { units, shares };
    // units · shares / SHARE, with shares = whole · SHARE + rest and units = high · SHARE + low, so that no product
    // but the result itself can pass 2^128.
    let (whole, rest) = (shares / SHARE, shares % SHARE);
    let (high, low) = (units / SHARE, units % SHARE);
    let by_whole = units.checked_mul(whole).ok_or_else(too_large)?;
    let by_rest = high.checked_mul(rest).and_then(|by| by.checked_add(low * rest / SHARE)).ok_or_else(too_large)?;
    let raw = by_whole.checked_add(by_rest).ok_or_else(too_large)?;
    let raw = i128::try_from(raw).map_err(|_| too_large())?;
    if decimals > 28 {
        return Err(UnitError::Decimals { decimals });
    }
    let tokens = Decimal::try_from_i128_with_scale(raw, decimals).map_err(|_| too_large())?;
    Ok(Quantity::new(tokens)?)
}

/// The trade that moves a fund of `shares` from `current` to `target` units per share; absent where nothing is to be
/// traded.
///
/// # Errors
/// As [`position`].
pub(crate) fn trade(current: u128, target: u128, shares: u128, decimals: u32) -> Result<Option<UnitTrade>, UnitError> {
    let side = if target > current { Side::Buy } else { Side::Sell };
    let quantity = position(target.abs_diff(current), shares, decimals)?;
    Ok((!quantity.is_zero()).then_some(UnitTrade { side, quantity }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_is_cut_off_at_the_smallest_unit() {
        // 3 smallest units a share over 2.5 shares are 7.5 smallest units.
        let bought = trade(1, 4, 2_500_000_000_000_000_000, 8).expect("fits").expect("a trade");
        assert_eq!((bought.side, bought.quantity.to_string().as_str()), (Side::Buy, "0.00000007"));
        let sold = trade(4, 1, 2_500_000_000_000_000_000, 8).expect("fits").expect("a trade");
        assert_eq!((sold.side, sold.quantity), (Side::Sell, bought.quantity));
    }

    #[test]
    fn nothing_to_trade_is_no_trade() {
        assert_eq!(trade(5, 5, SHARE, 18), Ok(None));
        assert_eq!(trade(5, 6, 1, 18), Ok(None), "less than a smallest unit");
    }

    #[test]
    fn forty_three_digits_are_exact() {
        // 9_999_999_999_999_999_999 · 999_999_999_999_999_999_999_999 / 1e18, by hand:
        // (1e19 − 1)(1e24 − 1) / 1e18 = (1e43 − 1e24 − 1e19 + 1) / 1e18 = 1e25 − 1e6 − 10 + 1e-18.
        let held = position(9_999_999_999_999_999_999, 999_999_999_999_999_999_999_999, 18).expect("fits");
        assert_eq!(held.to_string(), "9999999.99999999999899999");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(matches!(position(u128::MAX, 2 * SHARE, 18), Err(UnitError::TooLarge { .. })));
        assert!(matches!(position(1, SHARE, 29), Err(UnitError::Decimals { decimals: 29 })));
        let error = position(2, 10_u128.pow(36), 0).expect_err("2e18 tokens");
        assert!(error.to_string().contains("above the maximum"), "{error}");
    }
}

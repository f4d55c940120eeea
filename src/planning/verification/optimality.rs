//! How far a plan is at most from the best possible: a bound on the policy's objective by weak duality.
//!
//! # The bound
//! Let the portfolio's objective be `u(x) = Σ uᵢ(xᵢ) − T · max(0, e(x))`, where `xᵢ` is what is bought of asset i less
//! what is sold, `uᵢ` its tilt less tracking and cost, `e` the cash above its reference weight and `T` the aversion to
//! tracking error; and let every limit over several assets be `aₖ(x) ≤ aₖ(x̂) + sₖ`, where `x̂` are the plan's rounded
//! orders and `sₖ` is the slack that the certificate states: the bound, its relaxation and the lot allowance that the
//! plan uses, less what the plan has. For any multipliers `λₖ ≥ 0` and `0 ≤ θ ≤ T`, no portfolio within the limits is
//! worth more than `u(x̂)` by more than
//!
//! `Σ λₖ sₖ + T max(0, e(x̂)) − θ e(x̂) + Σᵢ [max over xᵢ of hᵢ(xᵢ) − hᵢ(x̂ᵢ)]`, where `hᵢ = uᵢ − Σ λₖ aₖᵢ + θ xᵢ`
//!
//! (Boyd and Vandenberghe, Convex Optimization, 5.1.3 and 5.5.2). Each part is at least zero, and each `hᵢ` is concave in
//! straight pieces, so that the best `xᵢ` in its box is found by walking uphill. Good multipliers make a close bound; any
//! multipliers make a valid one. That is why the bound needs no trust in whoever found them, and why nothing here is
//! shared with the program or its solver. What the search promises of its multipliers is not looked at.
//!
//! Tail risk `C(x)`, of which the objective has `− ρ C(x)`, is no less than zero and no less than the average loss `ℓ(x)` in
//! any choice of worst scenarios. So with the multiplier `λ` of its limit and any `0 ≤ π ≤ λ + ρ`, each `hᵢ` has `− π ℓᵢ xᵢ`
//! besides, and the bound `(λ + ρ) C(x̂) − π ℓ(x̂)`.
//!
//! # Digits
//! All is reckoned in quote currency, in decimals with directed rounding (`enclosure`; after Neumaier and Shcherbina, Safe
//! bounds in linear and mixed-integer linear programming, Mathematical Programming 99, 2004): the gap is never rounded
//! down. A slack is a quotient of sums, right to 1e-20, and counts that much more.
//!
//! # What is compared
//! Every portfolio of fractional amounts whose trades stay within what each asset allows (`reach`, its cap) and that
//! keeps every limit as well as the plan does: lots, minimums and the room that the planner keeps for rounding are all in
//! the gap. `cash_at_limit_prices` is taken at the collar itself, whatever the venue's price steps. Reference weights and
//! roles are the plan's. A limit that gave way does so by what the plan states.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::RoundingStrategy;

use super::arithmetic::{AGREEMENT, OutOfRange};
use super::books::{Books, Line};
use super::concave::Concave;
use super::enclosure::Enclosure;
use super::findings::Findings;
use super::prospect::{Objective, Prospect};
use super::reach;
use super::risk::Risk;
use crate::model::number::NumberFault;
use crate::model::{AssetId, BasisPoints, CategoryId, Decimal, InvalidNumber, PlanningInput, Rate, Worth};
use crate::planning::plan::{IDLE_CASH, LimitCheck, Multiplier, Optimality, RebalancePlan, Role};

/// The limit on tail risk.
const RISK: &str = "risk";

/// The name under which this check's violations go.
const NAME: &str = "optimality";

/// Decimals of a stated gap, in basis points.
const GAP_DECIMALS: u32 = 6;

/// Decimals of the stated worths, in net asset value.
const WORTH_DECIMALS: u32 = 12;

const BASIS_POINTS: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

/// Bounds the plan's distance from the best by its multipliers; nothing where it has none or is worth nothing.
pub(super) fn prove(
    input: &PlanningInput,
    plan: &RebalancePlan,
    books: &Books<'_>,
    risk: Option<&Risk<'_>>,
    checks: &[LimitCheck],
    findings: &mut Findings,
) -> Result<Option<Optimality>, OutOfRange> {
    let claimed = plan.certificate.optimality.as_ref();
    let Some(multipliers) = plan.multipliers.as_deref().filter(|_| books.has_value()) else {
        findings.require(claimed.is_none(), NAME, || "a gap is claimed, and no multipliers prove it".to_owned());
        return Ok(None);
    };
    let slacks = slacks(input, books, checks)?;
    let Some(prices) = Prices::read(input, multipliers, &slacks, findings)? else { return Ok(None) };
    let Some(tail) = PricedRisk::read(input, plan, books, risk, &prices, findings)? else { return Ok(None) };
    let case = Case { input, plan, books, slacks, prices, tail, objective: Objective::of(input, plan, books)? };
    let proved = match case.prove()? {
        Ok(proved) => proved,
        Err(error) => {
            findings.require(false, NAME, || format!("the gap cannot be stated: {error}"));
            return Ok(None);
        }
    };
    if let Some(claimed) = claimed {
        let honest = claimed.gap_bp >= proved.gap_bp && claimed.value <= proved.value && claimed.bound >= proved.bound;
        findings.require(honest, NAME, || {
            format!(
                "the plan claims to be worth {}, within {} bp of at most {}; its multipliers prove {}, {} bp and {}",
                claimed.value, claimed.gap_bp, claimed.bound, proved.value, proved.gap_bp, proved.bound
            )
        });
    }
    Ok(Some(proved))
}

/// What each limit over several assets has left, in quote currency, by name.
fn slacks<'a>(
    input: &PlanningInput,
    books: &Books<'_>,
    checks: &'a [LimitCheck],
) -> Result<BTreeMap<&'a str, Enclosure>, OutOfRange> {
    let whole = Enclosure::exact(books.net_asset_value);
    let blur = Enclosure::exact(AGREEMENT);
    let mut slacks = BTreeMap::new();
    for check in checks {
        let slack = Enclosure::exact(check.slack.get()).plus(blur)?.by(whole)?;
        slacks.insert(check.limit.as_str(), slack);
    }
    // These are stated in other terms than what the orders take of them.
    let account = &input.account;
    let free = Enclosure::exact(books.cash_after).minus(Enclosure::exact(account.cash_locked.get()))?;
    slacks.insert("budget", free.plus(blur.by(whole)?)?.excess());
    let run = Enclosure::exact(input.policy.orders.max_run_notional.get());
    slacks.insert("max_run_notional", run.minus(Enclosure::exact(books.traded_value))?.plus(blur.by(whole)?)?.excess());
    slacks.insert("cash_at_limit_prices", at_collar(input, books)?.excess());
    Ok(slacks)
}

/// Free cash after every order filled at the collar, fees paid.
fn at_collar(input: &PlanningInput, books: &Books<'_>) -> Result<Enclosure, OutOfRange> {
    let (buy, sell) = collar_rates(input)?;
    let mut cash = Enclosure::exact(input.account.cash_free.get());
    for line in books.lines.values().filter(|line| line.has_order) {
        cash = cash.plus(Enclosure::exact(line.sold).times(line.price)?.by(sell)?)?;
        cash = cash.minus(Enclosure::exact(line.bought).times(line.price)?.by(buy)?)?;
    }
    Ok(cash)
}

/// What a unit of notional takes when bought and brings when sold at the collar, fees paid.
fn collar_rates(input: &PlanningInput) -> Result<(Enclosure, Enclosure), OutOfRange> {
    let [collar, fee] = [input.policy.orders.collar, input.policy.costs.fee].map(|rate| Enclosure::exact(rate.get()));
    let one = Enclosure::exact(Decimal::ONE);
    Ok((one.plus(collar)?.by(one.plus(fee)?)?, one.minus(collar)?.by(one.minus(fee)?)?))
}

/// The multipliers, by what a trade takes of the limits.
struct Prices<'a> {
    by_limit: BTreeMap<&'a str, Decimal>,
    /// Of cash: a buy spends it, a sale raises it, and both burn their cost.
    cash: Enclosure,
    /// Of cash at the collar, for buys and for sales.
    collar: (Enclosure, Enclosure),
    /// Of what is bought or sold.
    traded: Enclosure,
    stable_share: Enclosure,
    must_exit: Enclosure,
    /// Of weight in a category: its most less its least.
    categories: BTreeMap<&'a CategoryId, Enclosure>,
    idle_cash: Enclosure,
}

impl<'a> Prices<'a> {
    /// Nothing where a multiplier is not one: of no limit, of one limit twice, or too much for idle cash.
    fn read(
        input: &'a PlanningInput,
        multipliers: &'a [Multiplier],
        slacks: &BTreeMap<&str, Enclosure>,
        findings: &mut Findings,
    ) -> Result<Option<Self>, OutOfRange> {
        let mut by_limit = BTreeMap::new();
        let mut sound = true;
        for Multiplier { limit, price } in multipliers {
            let known = limit == IDLE_CASH || (is_shared(limit) && slacks.contains_key(limit.as_str()));
            let once = by_limit.insert(limit.as_str(), price.get()).is_none();
            findings.require(known && once, NAME, || {
                format!("there is a multiplier for {limit:?}: no limit over several assets of this run, or one that has its own")
            });
            sound &= known && once;
        }
        let aversion = input.policy.objective.tracking_aversion.get();
        let idle = by_limit.get(IDLE_CASH).copied().unwrap_or_default();
        findings.require(idle <= aversion, NAME, || {
            format!("the multiplier of {IDLE_CASH} is {idle}; idle cash costs {aversion} at most")
        });
        if !sound || idle > aversion {
            return Ok(None);
        }
        let of = |limit: &str| Enclosure::exact(by_limit.get(limit).copied().unwrap_or_default());
        let mut cash = of("budget");
        for limit in ["cash_buffer", "withdraw", "stable_share"] {
            cash = cash.plus(of(limit))?;
        }
        let (buy, sell) = collar_rates(input)?;
        let at_collar = of("cash_at_limit_prices");
        let mut categories = BTreeMap::new();
        for limit in &input.policy.limits.categories {
            let most = of(&format!("category_max({})", limit.category));
            let least = of(&format!("category_min({})", limit.category));
            categories.insert(&limit.category, most.minus(least)?);
        }
        Ok(Some(Self {
            cash,
            collar: (at_collar.by(buy)?, at_collar.by(sell)?),
            traded: of("turnover").times(Decimal::new(5, 1))?.plus(of("max_run_notional"))?,
            stable_share: of("stable_share"),
            must_exit: of("must_exit"),
            categories,
            idle_cash: Enclosure::exact(idle),
            by_limit,
        }))
    }
}

/// Whether a limit is over several assets, and so has a multiplier; the others are ends of single trades.
fn is_shared(limit: &str) -> bool {
    const SHARED: [&str; 9] = [
        "budget",
        "cash_at_limit_prices",
        "cash_buffer",
        "withdraw",
        "stable_share",
        "must_exit",
        RISK,
        "turnover",
        "max_run_notional",
    ];
    SHARED.contains(&limit) || limit.starts_with("category_min(") || limit.starts_with("category_max(")
}

/// Tail risk in the bound: nothing of it where there is no such rule.
#[derive(Default)]
struct PricedRisk<'a> {
    /// The measure after the orders is at most this, in quote currency.
    most: Decimal,
    aversion: Enclosure,
    /// Of the limit and of the objective together.
    room: Enclosure,
    /// Of the stated tail.
    price: Enclosure,
    /// What a unit of each asset loses in it.
    slopes: BTreeMap<&'a AssetId, Enclosure>,
}

impl<'a> PricedRisk<'a> {
    /// Nothing where the stated tail is not one, or costs more than limit and objective say.
    fn read(
        input: &PlanningInput,
        plan: &RebalancePlan,
        books: &Books<'a>,
        risk: Option<&Risk<'a>>,
        prices: &Prices<'_>,
        findings: &mut Findings,
    ) -> Result<Option<Self>, OutOfRange> {
        let Some(risk) = risk else {
            findings
                .require(plan.tail.is_none(), NAME, || "there is a tail, and the policy measures no risk".to_owned());
            return Ok(plan.tail.is_none().then(Self::default));
        };
        let aversion = Enclosure::exact(input.policy.objective.risk_aversion.map_or(Decimal::ZERO, Rate::get));
        let limit = prices.by_limit.get(RISK).copied().unwrap_or_default();
        let room = aversion.plus(Enclosure::exact(limit))?;
        let mut bounded = Self { most: risk.at_most(books)?, aversion, room, ..Self::default() };
        let Some(tail) = &plan.tail else { return Ok(Some(bounded)) };
        let affordable = tail.price.get() <= room.low();
        findings.require(affordable, NAME, || {
            format!("its tail is priced at {}; limit and objective together at {}", tail.price, room.low())
        });
        match risk.slopes(tail)? {
            Ok(slopes) => (bounded.price, bounded.slopes) = (Enclosure::exact(tail.price.get()), slopes),
            Err(fault) => {
                findings.require(false, NAME, || format!("its tail is none: {fault}"));
                return Ok(None);
            }
        }
        Ok(affordable.then_some(bounded))
    }

    /// What a unit of an asset pays.
    fn of(&self, asset: &AssetId) -> Result<Enclosure, OutOfRange> {
        self.slopes.get(asset).map_or(Ok(Enclosure::ZERO), |slope| slope.by(self.price))
    }
}

/// Everything that the bound is made of.
struct Case<'a> {
    input: &'a PlanningInput,
    plan: &'a RebalancePlan,
    books: &'a Books<'a>,
    slacks: BTreeMap<&'a str, Enclosure>,
    prices: Prices<'a>,
    tail: PricedRisk<'a>,
    objective: Objective<'a>,
}

impl Case<'_> {
    fn prove(&self) -> Result<Result<Optimality, InvalidNumber>, OutOfRange> {
        let whole = self.objective.whole;
        let idle = self.objective.idle_cash;
        let aversion = self.objective.tracking_aversion;
        let priced_idle = idle.excess().by(aversion)?;
        let mut value = priced_idle.negated();
        let mut gap = priced_idle.minus(idle.by(self.prices.idle_cash)?)?.excess();
        let most = Enclosure::exact(self.tail.most);
        value = value.minus(most.by(self.tail.aversion)?)?;
        let mut priced_loss = most.by(self.tail.room)?;
        for (limit, price) in &self.prices.by_limit {
            if let Some(slack) = self.slacks.get(limit) {
                gap = gap.plus(slack.times(*price)?)?;
            }
        }
        let priced = self.books.lines.iter().filter(|(_, line)| !line.price.is_zero());
        for (asset, line) in priced.filter(|(_, line)| !matches!(line.role(), None | Some(Role::Unmanaged))) {
            let prospect = self.objective.prospect(line)?;
            value = value.plus(prospect.value)?;
            let trade = prospect.trade;
            let least = || self.least(line, trade);
            let most = || self.most(asset.as_str(), line, trade);
            let tail = self.tail.of(asset)?;
            priced_loss = priced_loss.minus(tail.by(Enclosure::exact(line.after).times(line.price)?)?)?;
            let regret = self.at_prices(line, &prospect, tail)?.regret(trade, least, most)?;
            gap = gap.plus(Enclosure::exact(regret))?;
        }
        gap = gap.plus(priced_loss)?;
        Ok(stated(value.over(whole)?, gap.over(whole)?))
    }

    /// The most that may be bought, less than nothing where a cap asks for sales; never short of what the plan does.
    fn most(&self, asset: &str, line: &Line<'_>, trade: Enclosure) -> Result<Decimal, OutOfRange> {
        let mut most = reach::most_bought(self.input, self.plan, line, self.objective.whole.high())?;
        if let Some(room) = self.slacks.get(format!("max_weight({asset})").as_str()) {
            most = most.min(trade.plus(*room)?.high());
        }
        Ok(most.max(trade.high()))
    }

    /// The most that may be sold, below zero; never short of what the plan does.
    fn least(&self, line: &Line<'_>, trade: Enclosure) -> Result<Decimal, OutOfRange> {
        Ok((-reach::most_sold(self.input, line)?).min(trade.low()))
    }

    /// What a trade is worth when what it takes of the limits is paid for.
    fn at_prices(&self, line: &Line<'_>, prospect: &Prospect, tail: Enclosure) -> Result<Concave, OutOfRange> {
        let prices = &self.prices;
        let mut slope = prices.idle_cash.minus(prices.cash)?.minus(prices.collar.1)?.minus(tail)?;
        match line.role() {
            Some(Role::StableLeg) => slope = slope.plus(prices.stable_share)?,
            Some(Role::MustExit) => slope = slope.minus(prices.must_exit)?,
            _ => {}
        }
        let categories: Option<&BTreeSet<CategoryId>> = line.record.map(|record| &record.categories);
        for (category, price) in &prices.categories {
            if categories.is_some_and(|categories| categories.contains(*category)) {
                slope = slope.minus(*price)?;
            }
        }
        // A buy takes more of the cash at the collar than a sale brings.
        let extra = prices.collar.0.minus(prices.collar.1)?.excess();
        prospect.priced(slope, prices.cash, (prices.traded.plus(extra)?, prices.traded))
    }
}

/// The figures as they are stated: a value rounded down, a gap and a bound rounded up.
fn stated(value: Enclosure, gap: Enclosure) -> Result<Optimality, InvalidNumber> {
    let up = |value: Decimal, places| value.round_dp_with_strategy(places, RoundingStrategy::ToPositiveInfinity);
    let down = value.low().round_dp_with_strategy(WORTH_DECIMALS, RoundingStrategy::ToNegativeInfinity);
    let out_of_range = |OutOfRange| InvalidNumber::new("the objective", NumberFault::OutOfRange, "a smaller one");
    let bound = value.plus(gap).map_err(out_of_range)?;
    let gap_bp = gap.times(BASIS_POINTS).map_err(out_of_range)?;
    Ok(Optimality {
        value: Worth::new(down)?,
        bound: Worth::new(up(bound.high(), WORTH_DECIMALS))?,
        gap_bp: BasisPoints::new(up(gap_bp.high(), GAP_DECIMALS))?,
    })
}

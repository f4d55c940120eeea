//! The limits of a run as the policy words them, and where the books stand against each.

use index_rebalancer::model::policy::Soft;
use index_rebalancer::model::{CategoryId, Decimal, Flow, Weight};
use index_rebalancer::planning::plan::Role;
use rust_decimal::RoundingStrategy;

use crate::books::{Books, Line, dearest_rate};

/// One limit that may bind. Figures are fractions of net asset value.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    /// As in the certificate.
    pub(crate) name: String,
    /// Limits that give way together, by the least total.
    pub(crate) family: String,
    pub(crate) kind: Kind,
    pub(crate) bound: Decimal,
    pub(crate) softness: Option<Softness>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Softness {
    pub(crate) priority: u32,
    /// Furthest that it may move; absent: as far as it must.
    pub(crate) most: Option<Decimal>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Cash ≥ bound.
    CashAtLeast,
    /// ½ (buys + sells) ≤ bound.
    Turnover,
    /// Everything in the category ≤ bound.
    CategoryAtMost(CategoryId),
    /// Everything in the category ≥ bound.
    CategoryAtLeast(CategoryId),
    /// Stable legs and cash ≥ bound.
    StableShare,
    /// The line at this index ≤ bound.
    MaxWeight(usize),
    /// What could be sold of exits and is not ≤ 0.
    MustExit,
}

/// Goals that come before every limit of the policy.
const FIRST: Softness = Softness { priority: 0, most: None };

/// Every limit of this run, except those on single orders.
pub(crate) fn limits(books: &Books<'_>) -> Vec<Limit> {
    let policy = &books.input.policy.limits;
    let mut all = Vec::new();
    if books.net_asset_value.is_zero() {
        return all;
    }
    let mut add = |name: &str, kind: Kind, bound: Decimal, softness| {
        let family =
            name.split_once('(').filter(|(family, _)| *family == "max_weight").map_or(name, |(family, _)| family);
        all.push(Limit { name: name.to_owned(), family: family.to_owned(), kind, bound, softness });
    };
    let buffer = policy.cash_buffer.as_ref();
    let floor = buffer.map_or(Decimal::ZERO, |limit| limit.bound.get());
    if let Some(limit) = buffer {
        let floor = floor.min(reachable(books, books.weight(books.cash_before()), |_| true));
        add("cash_buffer", Kind::CashAtLeast, floor, softness(limit.soft.as_ref(), floor, false));
    }
    if let Flow::Withdraw(amount) = &books.input.flow {
        add("withdraw", Kind::CashAtLeast, floor + books.weight(amount.get()), Some(FIRST));
    }
    if books.lines.iter().any(|line| line.role == Role::MustExit && !books.sellable(line).is_zero()) {
        add("must_exit", Kind::MustExit, Decimal::ZERO, Some(FIRST));
    }
    if let Some(limit) = &policy.turnover {
        let bound = limit.bound.get();
        add("turnover", Kind::Turnover, bound, softness(limit.soft.as_ref(), bound, true));
    }
    if !books.stable_share.is_zero() {
        let legs = books.lines.iter().filter(|line| line.role == Role::StableLeg);
        let legs: Decimal = legs.map(|line| books.weight_before(line)).sum();
        let cash = books.weight(books.cash_before());
        let drawn = if let Flow::Withdraw(amount) = &books.input.flow { amount.get() } else { Decimal::ZERO };
        let asked = buffer.map_or(Decimal::ZERO, |limit| limit.bound.get()) + books.weight(drawn);
        let kept = (legs + cash - (asked - cash).max(Decimal::ZERO)).max(Decimal::ZERO);
        let bound = books.stable_share.min(reachable(books, kept, |line| line.role != Role::StableLeg));
        add("stable_share", Kind::StableShare, bound, softness(policy.stable_share.as_ref(), bound, false));
    }
    for limit in &policy.categories {
        let category = &limit.category;
        if let Some(bound) = limit.max_weight.map(Weight::get) {
            let stays: Decimal =
                books.lines.iter().filter(|line| line.has_category(category)).map(|line| immovable(books, line)).sum();
            let bound = bound.max(stays);
            let softness = softness(limit.soft.as_ref(), bound, true);
            add(&format!("category_max({category})"), Kind::CategoryAtMost(category.clone()), bound, softness);
        }
        if let Some(bound) = limit.min_weight.map(Weight::get) {
            let softness = softness(limit.soft.as_ref(), bound, false);
            add(&format!("category_min({category})"), Kind::CategoryAtLeast(category.clone()), bound, softness);
        }
    }
    let soft = policy.max_weight.as_ref().and_then(|limit| limit.soft.as_ref());
    for (index, line) in books.lines.iter().enumerate() {
        if let Some(cap) = books.cap(line) {
            let cap = cap.max(immovable(books, line));
            add(&format!("max_weight({})", line.asset), Kind::MaxWeight(index), cap, softness(soft, cap, true));
        }
    }
    all
}

/// What nobody can sell in this run. No limit asks for it to go.
fn immovable(books: &Books<'_>, line: &Line<'_>) -> Decimal {
    books.weight((line.held - books.sellable(line)) * line.price())
}

/// The most that cash can become when the immovable part of the lines that count stays: the rest, less what a round
/// trip costs with all of that but what is kept as it is.
fn reachable(books: &Books<'_>, kept: Decimal, counts: impl Fn(&Line<'_>) -> bool) -> Decimal {
    let stays: Decimal = books.lines.iter().filter(|line| counts(line)).map(|line| immovable(books, line)).sum();
    let rest = Decimal::ONE - stays;
    let reachable = rest - (rest - kept) * dearest_rate(&books.input.policy.costs) * Decimal::TWO;
    reachable.round_dp_with_strategy(20, RoundingStrategy::ToNegativeInfinity)
}

/// A hard bound on the wrong side of the bound leaves no room.
fn softness(soft: Option<&Soft>, bound: Decimal, is_most: bool) -> Option<Softness> {
    let room = |hard: Decimal| (if is_most { hard - bound } else { bound - hard }).max(Decimal::ZERO);
    soft.map(|soft| Softness { priority: soft.priority, most: soft.hard_bound.map(|hard| room(hard.get())) })
}

impl Limit {
    /// By how much the portfolio is beyond the bound, before or after the orders; negative while there is room.
    pub(crate) fn excess(&self, books: &Books<'_>, after: bool) -> Decimal {
        let weight = |line: &Line<'_>| if after { books.weight_after(line) } else { books.weight_before(line) };
        let cash = books.weight(if after { books.cash_after() } else { books.cash_before() });
        let total = |included: &dyn Fn(&Line<'_>) -> bool| -> Decimal {
            books.lines.iter().filter(|line| included(line)).map(weight).sum()
        };
        match &self.kind {
            Kind::CashAtLeast => self.bound - cash,
            Kind::Turnover if after => books.weight(books.traded()) / Decimal::TWO - self.bound,
            Kind::Turnover => -self.bound,
            Kind::CategoryAtMost(category) => total(&|line| line.has_category(category)) - self.bound,
            Kind::CategoryAtLeast(category) => self.bound - total(&|line| line.has_category(category)),
            Kind::StableShare => self.bound - cash - total(&|line| line.role == Role::StableLeg),
            Kind::MaxWeight(index) => weight(&books.lines[*index]) - self.bound,
            Kind::MustExit => {
                let exits = books.lines.iter().filter(|line| line.role == Role::MustExit);
                let left = exits.map(|line| {
                    let sold = if after { line.sold } else { Decimal::ZERO };
                    books.weight((books.sellable(line) - sold) * line.price())
                });
                left.sum::<Decimal>() - self.bound
            }
        }
    }

    /// What lots explain: a sale that was too small to be made, for each line of the row that has no order; for
    /// limits that rounding itself works against (a category's least, turnover), a lot for each line that has one.
    pub(crate) fn lot_allowance(&self, books: &Books<'_>) -> Decimal {
        // No larger than what could have been sold.
        let dropped_sale = |line: &Line<'_>| {
            if line.traded().is_zero() { books.smallest_order(line).min(books.most_sold(line)) } else { Decimal::ZERO }
        };
        let lines = books.lines.iter();
        let money: Decimal = match &self.kind {
            Kind::CashAtLeast => lines.map(dropped_sale).sum(),
            // A leg sold by a lot more turns into cash, less what that costs.
            Kind::StableShare => lines
                .map(|line| match line.role {
                    Role::StableLeg if line.sold.is_zero() => Decimal::ZERO,
                    Role::StableLeg => Books::lot(line) * dearest_rate(&books.input.policy.costs),
                    _ => dropped_sale(line),
                })
                .sum(),
            Kind::CategoryAtMost(category) => lines.filter(|line| line.has_category(category)).map(dropped_sale).sum(),
            Kind::MaxWeight(index) => dropped_sale(&books.lines[*index]),
            Kind::MustExit => lines.filter(|line| line.role == Role::MustExit).map(dropped_sale).sum(),
            // A sale that was dropped may have been to pay for what is short.
            Kind::CategoryAtLeast(category) => lines
                .map(|line| match (line.has_category(category), line.traded().is_zero()) {
                    (true, true) => books.smallest_order(line),
                    (true, false) => Books::lot(line),
                    (false, _) => dropped_sale(line),
                })
                .sum(),
            Kind::Turnover => {
                lines.filter(|line| !line.sold.is_zero()).map(|line| Books::lot(line)).sum::<Decimal>() / Decimal::TWO
            }
        };
        books.weight(money)
    }
}

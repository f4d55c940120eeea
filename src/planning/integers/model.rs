//! The relaxation of one choice of ranges: a linear program in which lines with a choice mix points.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Decimal, PlanningInput, Side};

use super::super::portfolio::Portfolio;
use super::super::program::{Allocation, Column, Program};
use super::super::solver::{AtMostRow, BoxedColumn, SolverFault, Verdict};
use super::ranges::{Range, admits, points, ranges};
use super::whole_limits::WholeLimits;

/// Part of a holding below this is the solver's noise.
const NOISE: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// A trade smaller than this is too small to stand for a part of a holding.
const DUST: Decimal = Decimal::from_parts(1, 0, 0, false, 3);

/// The program of one run with the ranges of every line.
#[derive(Debug)]
pub(super) struct Model<'a> {
    program: &'a Program<'a>,
    whole: &'a WholeLimits,
    columns: Vec<Column>,
    all: Vec<BoxedColumn>,
    rows: Vec<AtMostRow>,
    /// By column: what a unit of it uses of each row.
    uses: Vec<Vec<(usize, Decimal)>>,
    lines: Vec<Choice>,
    /// What a holding too many, or one that gives way, costs: dearer than anything that it could be worth.
    penalty: Decimal,
    /// By how many holdings the limit may be broken: as many as there are too many now.
    surplus: usize,
}

/// What one line may do.
#[derive(Debug, Default)]
struct Choice {
    ranges: Vec<Range>,
    /// Its columns in rising order of the trade.
    buys: Vec<usize>,
    sells: Vec<usize>,
    /// Trades where the slope changes.
    kinks: Vec<Decimal>,
    most_bought: Decimal,
    most_sold: Decimal,
}

/// The optimum of one relaxation.
#[derive(Debug, Clone)]
pub(super) struct Relaxed {
    /// Bought less sold, by line.
    pub(super) trades: Vec<Decimal>,
    /// Which part of a holding each line counts as; zero where nothing is counted.
    pub(super) held: Vec<Decimal>,
    pub(super) objective: Decimal,
    /// Lines without points that are sold and bought at once: to be no holding for a moment.
    twofold: BTreeSet<usize>,
}

/// Narrower ranges than the line's own, by line.
pub(super) type Narrowed = BTreeMap<usize, Vec<Range>>;

/// A point of a mixture.
struct Point {
    trade: Decimal,
    reward: Decimal,
    uses: BTreeMap<usize, Decimal>,
    held: bool,
}

impl<'a> Model<'a> {
    pub(super) fn new(
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        program: &'a Program<'a>,
        whole: &'a WholeLimits,
        given: &[Decimal],
    ) -> Result<Self, SolverFault> {
        let (columns, all, rows) = program.eased(given)?;
        let mut uses = vec![Vec::new(); all.len()];
        for (index, row) in rows.iter().enumerate() {
            for (column, coefficient) in &row.terms {
                if let Some(uses) = uses.get_mut(*column) {
                    uses.push((index, *coefficient));
                }
            }
        }
        let mut lines: Vec<Choice> = portfolio.lines.iter().map(|_| Choice::default()).collect();
        for (index, column) in columns.iter().enumerate() {
            if let Some(choice) = lines.get_mut(column.line) {
                choice.add(index, column);
            }
        }
        for (index, (choice, line)) in lines.iter_mut().zip(&portfolio.lines).enumerate() {
            let most = (choice.most_bought, choice.most_sold);
            choice.ranges = ranges(input, portfolio, line, (whole, whole.line(index)), most);
        }
        let weights: Vec<Decimal> = portfolio.lines.iter().map(|line| line.weight).collect();
        let surplus = whole.max_holdings.map_or(0, |most| whole.holdings(&weights).saturating_sub(most));
        let penalty = program.prohibitive();
        Ok(Self { program, whole, columns, all, rows, uses, lines, penalty, surplus })
    }

    pub(super) fn ranges<'b>(&'b self, narrowed: &'b Narrowed, line: usize) -> &'b [Range] {
        narrowed.get(&line).or_else(|| Some(&self.lines.get(line)?.ranges)).map_or(&[], Vec::as_slice)
    }

    /// Lines that need points from the start: those in whole lots, and those that must trade or give way.
    pub(super) fn pointed(&self) -> BTreeSet<usize> {
        let special = |range: &Range| range.gives_way || !range.step.is_zero();
        let still = |ranges: &[Range]| ranges.iter().any(|range| range.low.is_zero() && range.high.is_zero());
        // A unit of dust would be a million holdings.
        let is_dust = |most: Decimal| most > Decimal::ZERO && most < DUST;
        let counted = self.whole.max_holdings.is_some();
        let dust = |it: &Choice| counted && (is_dust(it.most_bought) || is_dust(it.most_sold));
        let lines = self.lines.iter().enumerate();
        let lines = lines.filter(|(_, it)| it.ranges.iter().any(special) || !still(&it.ranges) || dust(it));
        lines.filter(|(_, it)| it.ranges.len() > 1).map(|(index, _)| index).collect()
    }

    /// Whether there is a limit of which only a part is in the program: tail risk, by the planes found so far.
    pub(super) fn knows_in_part(&self) -> bool {
        self.program.limits.risk.is_some()
    }

    /// How many holdings there may be, and how many more at a penalty.
    pub(super) fn most_holdings(&self) -> Option<usize> {
        self.whole.max_holdings
    }

    /// Lines whose trade no range admits, or whose trades are two; and, where there are too many holdings, those that count as a part of one.
    pub(super) fn torn(&self, relaxed: &Relaxed, narrowed: &Narrowed) -> Vec<usize> {
        let crowded = self.most_holdings().is_some_and(|most| self.holdings(relaxed) > most);
        let is_part = |held: Decimal| crowded && held > NOISE && held < Decimal::ONE - NOISE;
        let all = relaxed.trades.iter().zip(&relaxed.held).enumerate();
        let torn = all.filter(|(index, (trade, held))| {
            !admits(self.ranges(narrowed, *index), **trade) || is_part(**held) || relaxed.twofold.contains(index)
        });
        torn.map(|(index, _)| index).collect()
    }

    /// How many holdings a solution has.
    fn holdings(&self, relaxed: &Relaxed) -> usize {
        let after = |(index, trade): (usize, &Decimal)| {
            self.whole.line(index).map_or(Decimal::ZERO, |line| line.weight + *trade)
        };
        let weights: Vec<Decimal> = relaxed.trades.iter().enumerate().map(after).collect();
        self.whole.holdings(&weights)
    }

    /// Solves the relaxation of these ranges; absent where it has no solution.
    pub(super) fn relax(&self, narrowed: &Narrowed, pointed: &BTreeSet<usize>) -> Result<Option<Relaxed>, SolverFault> {
        let mut node = Node::new(self, pointed);
        for line in pointed {
            let Some(choice) = self.lines.get(*line) else { continue };
            let ranges = self.ranges(narrowed, *line);
            if ranges.is_empty() {
                return Ok(None);
            }
            node.mix(*line, self.points(choice, ranges));
        }
        node.count_holdings(self);
        let Verdict::Optimal { values, objective } = self.program.maximise(&node.columns, &node.rows)? else {
            return Ok(None);
        };
        Ok(Some(node.read(self, &values, objective)))
    }

    fn points(&self, choice: &Choice, ranges: &[Range]) -> Vec<Point> {
        let mut made: Vec<Point> = Vec::new();
        for range in ranges {
            for trade in points(range, &choice.kinks) {
                let mut point = Point { trade, reward: Decimal::ZERO, uses: BTreeMap::new(), held: range.held };
                if range.gives_way {
                    point.reward -= self.penalty;
                }
                for (column, amount) in self.filled(choice, trade) {
                    point.reward += self.all.get(column).map_or(Decimal::ZERO, |it| it.reward) * amount;
                    for (row, coefficient) in self.uses.get(column).into_iter().flatten() {
                        *point.uses.entry(*row).or_default() += *coefficient * amount;
                    }
                }
                made.push(point);
            }
        }
        made
    }

    /// A trade as amounts of its columns: the better pieces first.
    fn filled(&self, choice: &Choice, trade: Decimal) -> Vec<(usize, Decimal)> {
        let columns = if trade > Decimal::ZERO { &choice.buys } else { &choice.sells };
        let mut left = trade.abs();
        let mut filled = Vec::new();
        for index in columns {
            let Some(column) = self.all.get(*index) else { continue };
            let amount = left.min(column.upper);
            if amount > Decimal::ZERO {
                filled.push((*index, amount));
                left -= amount;
            }
        }
        filled
    }

    /// What a solution trades, in the program's own terms.
    pub(super) fn allocation(&self, relaxed: &Relaxed, given: &[Decimal], programs: u32) -> Allocation {
        let mut values = vec![Decimal::ZERO; self.columns.len()];
        for (choice, trade) in self.lines.iter().zip(&relaxed.trades) {
            for (column, amount) in self.filled(choice, *trade) {
                if let Some(value) = values.get_mut(column) {
                    *value = amount;
                }
            }
        }
        let rows = self.rows.get(..self.program.limits.rows.len()).unwrap_or_default();
        self.program.allocation(&self.columns, rows, &values, relaxed.objective, given.to_vec(), programs)
    }
}

impl Choice {
    fn add(&mut self, index: usize, column: &Column) {
        let (columns, most) = match column.side {
            Side::Buy => (&mut self.buys, &mut self.most_bought),
            Side::Sell => (&mut self.sells, &mut self.most_sold),
        };
        columns.push(index);
        *most += column.upper;
        self.kinks.push(if column.side == Side::Buy { *most } else { -*most });
    }
}

/// The linear program of one node while it is put together.
struct Node {
    columns: Vec<BoxedColumn>,
    rows: Vec<AtMostRow>,
    /// What holds whatever the columns are.
    objective: Decimal,
    /// What each column trades of its line, and which part of a holding a unit of it is.
    meanings: Vec<(usize, Decimal, Decimal)>,
    trades: Vec<Decimal>,
    held: Vec<Decimal>,
}

/// A column that trades no line.
const NO_LINE: usize = usize::MAX;

impl Node {
    /// Every column of the lines that keep theirs.
    fn new(model: &Model<'_>, pointed: &BTreeSet<usize>) -> Self {
        let bare = |row: &AtMostRow| AtMostRow { terms: Vec::with_capacity(row.terms.len()), bound: row.bound };
        let lines = model.lines.len();
        let mut node = Self {
            columns: Vec::with_capacity(model.all.len()),
            rows: model.rows.iter().map(bare).collect(),
            objective: Decimal::ZERO,
            meanings: Vec::with_capacity(model.all.len()),
            trades: vec![Decimal::ZERO; lines],
            held: vec![Decimal::ZERO; lines],
        };
        for (index, column) in model.all.iter().enumerate() {
            let own = model.columns.get(index);
            if own.is_some_and(|own| pointed.contains(&own.line)) {
                continue;
            }
            let (line, trade, held) = own.map_or((NO_LINE, Decimal::ZERO, Decimal::ZERO), |own| model.meaning(own));
            let uses = model.uses.get(index).into_iter().flatten().copied();
            node.add(*column, uses, (line, trade, held));
        }
        for (index, held) in node.held.iter_mut().enumerate().filter(|(index, _)| !pointed.contains(index)) {
            *held = model.held_untraded(index);
        }
        node
    }

    fn add(
        &mut self,
        column: BoxedColumn,
        uses: impl Iterator<Item = (usize, Decimal)>,
        meaning: (usize, Decimal, Decimal),
    ) -> usize {
        let index = self.columns.len();
        for (row, coefficient) in uses.filter(|(_, it)| !it.is_zero()) {
            if let Some(row) = self.rows.get_mut(row) {
                row.terms.push((index, coefficient));
            }
        }
        self.columns.push(column);
        self.meanings.push(meaning);
        index
    }

    /// One column for each point but the first, which holds where none of them does.
    fn mix(&mut self, line: usize, points: Vec<Point>) {
        let mut points = points.into_iter();
        let Some(first) = points.next() else { return };
        self.objective += first.reward;
        for (row, used) in &first.uses {
            if let Some(row) = self.rows.get_mut(*row) {
                row.bound -= *used;
            }
        }
        let part = |held: bool| if held { Decimal::ONE } else { Decimal::ZERO };
        if let Some(trade) = self.trades.get_mut(line) {
            *trade = first.trade;
        }
        if let Some(held) = self.held.get_mut(line) {
            *held = part(first.held);
        }
        let mut mixture = Vec::new();
        for point in points {
            let mut uses = point.uses;
            for (row, used) in &first.uses {
                *uses.entry(*row).or_default() -= *used;
            }
            let column = BoxedColumn { upper: Decimal::ONE, reward: point.reward - first.reward };
            let meaning = (line, point.trade - first.trade, part(point.held) - part(first.held));
            mixture.push((self.add(column, uses.into_iter(), meaning), Decimal::ONE));
        }
        if mixture.len() > 1 {
            self.rows.push(AtMostRow { terms: mixture, bound: Decimal::ONE });
        }
    }

    /// `Σ held ≤ most + surplus`, each of the surplus at a penalty.
    fn count_holdings(&mut self, model: &Model<'_>) {
        let Some(most) = model.most_holdings() else { return };
        let parts = self.meanings.iter().enumerate().filter(|(_, (_, _, held))| !held.is_zero());
        let mut terms: Vec<(usize, Decimal)> = parts.map(|(index, (_, _, held))| (index, *held)).collect();
        let certain: Decimal = self.held.iter().sum();
        if model.surplus > 0 {
            let column = BoxedColumn { upper: Decimal::from(model.surplus), reward: -model.penalty };
            let surplus = self.add(column, std::iter::empty(), (NO_LINE, Decimal::ZERO, Decimal::ZERO));
            terms.push((surplus, Decimal::NEGATIVE_ONE));
        }
        self.rows.push(AtMostRow { terms, bound: Decimal::from(most) - certain });
    }

    fn read(self, model: &Model<'_>, values: &[Decimal], objective: Decimal) -> Relaxed {
        let (mut trades, mut held) = (self.trades, self.held);
        let mut sides = [BTreeSet::new(), BTreeSet::new()];
        for ((line, trade, part), value) in self.meanings.iter().zip(values) {
            let [bought, sold] = &mut sides;
            if *trade == Decimal::ONE && *value > NOISE {
                bought.insert(*line);
            } else if *trade == Decimal::NEGATIVE_ONE && *value > NOISE {
                sold.insert(*line);
            }
            if let Some(sum) = trades.get_mut(*line) {
                *sum += *trade * *value;
            }
            if let Some(sum) = held.get_mut(*line) {
                *sum += *part * *value;
            }
        }
        if model.most_holdings().is_none() {
            held.fill(Decimal::ZERO);
        }
        let [bought, sold] = sides;
        let twofold = bought.intersection(&sold).copied().collect();
        Relaxed { trades, held, objective: self.objective + objective, twofold }
    }
}

impl Model<'_> {
    /// What a unit of a column that is no point trades of its line, and which part of a holding it is: in proportion, the
    /// most that it could be.
    fn meaning(&self, column: &Column) -> (usize, Decimal, Decimal) {
        let sign = if column.side == Side::Buy { Decimal::ONE } else { Decimal::NEGATIVE_ONE };
        let Some(choice) = self.lines.get(column.line) else { return (column.line, sign, Decimal::ZERO) };
        let untraded = self.held_untraded(column.line);
        let ends_otherwise = choice.ranges.iter().any(|range| {
            let that_way =
                if column.side == Side::Buy { range.high > Decimal::ZERO } else { range.low < Decimal::ZERO };
            that_way && range.held == untraded.is_zero()
        });
        let most = if column.side == Side::Buy { choice.most_bought } else { choice.most_sold };
        let part = if ends_otherwise && !most.is_zero() { sign / most } else { Decimal::ZERO };
        (column.line, sign, part)
    }

    /// 1 where a line that trades nothing is a holding.
    fn held_untraded(&self, line: usize) -> Decimal {
        let ranges = self.lines.get(line).map_or(&[][..], |choice| &choice.ranges);
        let held = ranges.iter().any(|range| range.held && range.low.is_zero() && range.high.is_zero());
        if held { Decimal::ONE } else { Decimal::ZERO }
    }
}

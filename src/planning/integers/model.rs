//! The program of whole quantities: what each line may trade as points, under the limits' rows.

mod elastic;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::model::{Decimal, PlanningInput, Side};

use super::super::constraints::RowKind;
use super::super::portfolio::Portfolio;
use super::super::program::{Allocation, Column, Program};
use super::super::solver::{
    AtMostRow, Basis, BoxedColumn, Ending, Mixture, Points, Prices, Settled, SolverFault, bound_of, parts_of, prices_of,
};
use super::ranges::{Range, SLIGHT, is_one_trade, nearest_above, nearest_below, pinned, points, ranges};
use super::tally::{Count, Countable, Tally};
use super::whole_limits::{Presence, WholeLimits};
pub(super) use elastic::GIVEN_WORTH;
use elastic::Giving;

/// The program of one run.
#[derive(Debug)]
pub(super) struct Model<'a> {
    program: &'a Program<'a>,
    columns: Vec<Column>,
    all: Vec<BoxedColumn>,
    /// The limits' own, for what binds.
    limits: Vec<AtMostRow>,
    /// By column: what a unit of it uses of each row of `points`.
    uses: Vec<Vec<(usize, Decimal)>>,
    /// Those of the portfolio, then perhaps the one that stands for their tally.
    lines: Vec<Course>,
    /// The line that stands for the tally.
    tally: Option<usize>,
    /// The two points of each line that gives room.
    elastic: Vec<[usize; 2]>,
    /// Of those that measure tail risk the second point, and how much of the measure it stands for.
    measures: Vec<(usize, Decimal)>,
    points: Points,
    /// By point; nothing for those of elastic lines.
    spots: Vec<Option<Spot>>,
    /// What nobody could pay for.
    penalty: Decimal,
    /// The row that counts holdings but for those that leave.
    holdings: Option<usize>,
    /// The row that counts these too, where there are too many: their places are not free before they have gone.
    held: Option<usize>,
    /// The row that bounds turnover, where it gave way by parts of lots.
    turnover: Option<usize>,
    rows: usize,
}

/// What one line may do.
#[derive(Debug)]
struct Course {
    open: Rc<Narrowed>,
    /// Its columns in rising order of the trade.
    buys: Vec<usize>,
    sells: Vec<usize>,
    /// Trades where the slope changes.
    kinks: Vec<Decimal>,
    most_bought: Decimal,
    most_sold: Decimal,
    /// Its quantity is sought in whole lots, not rounded to them where that is close enough.
    whole_lots: bool,
    lot: Decimal,
    tied: Option<Tied>,
    /// Places by trade, and by what the range says of it.
    found: BTreeMap<(Decimal, Presence, bool), usize>,
}

/// A line in a tally, or the one that stands for it: two rows say that all of it together is what that one trades.
#[derive(Debug, Clone, Copy)]
struct Tied {
    rows: [usize; 2],
    count: Count,
    /// What one counts in these rows.
    by: Decimal,
}

/// What a line may do at one node, and the points that its mixtures need.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Narrowed {
    pub(super) ranges: Vec<Range>,
    points: Vec<usize>,
}

/// One trade of a line: bought less sold.
#[derive(Debug, Clone, Copy)]
struct Spot {
    line: usize,
    trade: Decimal,
    leaves: Presence,
}

/// By line, where a node allows less than the line's own.
pub(super) type Narrowings = BTreeMap<usize, Rc<Narrowed>>;

/// The optimum of one relaxation.
#[derive(Debug)]
pub(super) struct Relaxed {
    mixture: Mixture,
    pub(super) bound: Option<Decimal>,
    pub(super) torn: Vec<Torn>,
}

/// A line between points.
#[derive(Debug, Clone)]
pub(super) struct Torn {
    pub(super) line: usize,
    pub(super) trade: Decimal,
    /// The lowest trade of its points.
    pub(super) lowest: Decimal,
    /// It is in whole lots, or between ranges, and no tally.
    pub(super) matters: bool,
}

impl Relaxed {
    pub(super) fn is_infeasible(&self) -> bool {
        self.mixture.ending == Some(Ending::Infeasible)
    }

    pub(super) fn basis(&self) -> Basis {
        self.mixture.basis.clone()
    }

    pub(super) fn prices(&self) -> Prices {
        prices_of(&self.mixture)
    }
}

impl<'a> Model<'a> {
    /// `given` is by how much each limit may be passed.
    pub(super) fn new(
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        program: &'a Program<'a>,
        whole: &'a WholeLimits,
        given: &[Decimal],
    ) -> Result<Self, SolverFault> {
        Self::pricing(input, portfolio, program, whole, given, None)
    }

    /// The same where nothing is worth anything but that these rows are passed by less than they are given.
    pub(super) fn giving_least(
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        program: &'a Program<'a>,
        whole: &'a WholeLimits,
        given: &[Decimal],
        rows: &[usize],
    ) -> Result<Self, SolverFault> {
        Self::pricing(input, portfolio, program, whole, given, Some(rows))
    }

    fn pricing(
        input: &PlanningInput,
        portfolio: &Portfolio<'_>,
        program: &'a Program<'a>,
        whole: &'a WholeLimits,
        given: &[Decimal],
        giving: Option<&[usize]>,
    ) -> Result<Self, SolverFault> {
        let (columns, mut all, mut rows) = program.whole(given)?;
        let giving = giving.map(|giving| Giving::new(giving, given, program, &rows, &all));
        if let Some(giving) = &giving {
            for column in &mut all {
                column.reward = Decimal::ZERO;
            }
            for index in giving.rows.keys() {
                if let (Some(row), Some(given)) = (rows.get_mut(*index), given.get(*index)) {
                    row.bound -= *given;
                }
            }
        }
        let yields = |index: usize| giving.as_ref().is_some_and(|giving| giving.rows.contains_key(&index));
        let own = program.limits.rows.len();
        let mut lines: Vec<Course> =
            portfolio.lines.iter().map(|line| Course::new(line.whole_lots, line.lot)).collect();
        for (index, column) in columns.iter().enumerate() {
            if let Some(course) = lines.get_mut(column.line) {
                course.add(index, column);
            }
        }
        let mut all_ranges = Vec::with_capacity(lines.len());
        for (index, (course, line)) in lines.iter().zip(&portfolio.lines).enumerate() {
            let most = (course.most_bought, course.most_sold);
            all_ranges.push(ranges(input, portfolio, line, (whole, whole.line(index)), most));
        }
        // A limit on one line alone is the end of its trade.
        let ends_a_trade = |index: usize, kind: &RowKind| match kind {
            RowKind::MaxWeight(line) if !yields(index) => Some(*line),
            _ => None,
        };
        for (index, (limit, row)) in program.limits.rows.iter().zip(&rows).enumerate() {
            if let Some(ranges) = ends_a_trade(index, &limit.kind).and_then(|line| all_ranges.get_mut(line)) {
                *ranges = std::mem::take(ranges).into_iter().filter_map(|range| range.up_to(row.bound)).collect();
            }
        }
        let kind = |index: usize| program.limits.rows.get(index).map(|limit| &limit.kind);
        let shared = |(index, row): &(usize, &AtMostRow)| {
            let alone = kind(*index).is_some_and(|kind| *kind == RowKind::Risk || ends_a_trade(*index, kind).is_some());
            !alone && !row.never_binds(&all)
        };
        let (places, shared): (Vec<usize>, Vec<&AtMostRow>) = rows.iter().enumerate().filter(shared).unzip();
        let mut uses = vec![Vec::new(); all.len()];
        for (place, row) in shared.iter().enumerate() {
            for (column, coefficient) in &row.terms {
                if let Some(uses) = uses.get_mut(*column) {
                    uses.push((place, *coefficient));
                }
            }
        }
        let mut bounds: Vec<Decimal> = shared.iter().map(|row| row.bound).collect();
        let mut count_up_to = |most: usize| {
            bounds.push(Decimal::from(most));
            bounds.len() - 1
        };
        let holdings = whole.max_holdings.map(&mut count_up_to);
        let held = whole.most_held().map(&mut count_up_to);
        let gave_way = |index: &usize| {
            let is_turnover = kind(*index) == Some(&RowKind::Turnover);
            is_turnover && !yields(*index) && given.get(*index).is_some_and(|by| !by.is_zero())
        };
        let turnover = places.iter().position(gave_way);
        let limits = rows.get(..own).unwrap_or_default().to_vec();
        let tally = tie(&mut lines, &mut all_ranges, whole, bounds.len());
        let ties = if tally.is_some() { bounds.len()..bounds.len() + 2 } else { 0..0 };
        bounds.extend(ties.clone().map(|_| Decimal::ZERO));
        let mut model = Self {
            program,
            columns,
            all,
            limits,
            uses,
            lines,
            tally,
            elastic: Vec::new(),
            measures: Vec::new(),
            points: Points::new(&bounds, ties),
            spots: Vec::new(),
            penalty: if giving.is_some() { Decimal::ZERO } else { program.prohibitive() },
            holdings,
            held,
            turnover,
            rows: bounds.len(),
        };
        for (line, ranges) in all_ranges.into_iter().enumerate() {
            let open = model.narrowed(line, ranges);
            if let Some(course) = model.lines.get_mut(line) {
                course.open = open;
            }
        }
        model.add_elastic(portfolio, whole, giving.as_ref(), &places);
        Ok(model)
    }

    pub(super) fn open<'b>(&'b self, narrowed: &'b Narrowings, line: usize) -> Option<&'b Rc<Narrowed>> {
        narrowed.get(&line).or_else(|| Some(&self.lines.get(line)?.open))
    }

    /// How many there are of the portfolio.
    pub(super) fn lines(&self) -> usize {
        self.tally.unwrap_or(self.lines.len())
    }

    /// Whether a line is none of the portfolio's, but stands for their tally.
    pub(super) fn is_tally(&self, line: usize) -> bool {
        self.tally == Some(line)
    }

    /// Whether any line trades amounts that are rounded once they are chosen.
    pub(super) fn leaves_lots_to_rounding(&self) -> bool {
        self.lines.iter().any(|course| !course.whole_lots && !is_one_trade(&course.open.ranges))
    }

    /// Of a line's ranges what it trades by a choice, and all else; absent where there is nothing else.
    pub(super) fn pinned(&self, settled: &Settled, line: usize, open: &[Range]) -> Option<[Vec<Range>; 2]> {
        let spot = self.spot(*settled.points.get(line)?)?;
        pinned(open, (spot.trade, spot.leaves), self.lines.get(line)?.whole_lots)
    }

    /// A line within these ranges, with the points that its mixtures need.
    pub(super) fn narrowed(&mut self, line: usize, ranges: Vec<Range>) -> Rc<Narrowed> {
        let kinks = self.lines.get(line).map(|course| course.kinks.clone()).unwrap_or_default();
        let mut places = Vec::new();
        for range in &ranges {
            places.extend(points(range, &kinks).into_iter().map(|trade| self.place(line, range, trade)));
        }
        Rc::new(Narrowed { ranges, points: places })
    }

    /// The point of a trade in a range.
    fn place(&mut self, line: usize, range: &Range, trade: Decimal) -> usize {
        let key = (trade, range.leaves, range.gives_way);
        let Some(course) = self.lines.get(line) else { return 0 };
        if let Some(place) = course.found.get(&key) {
            return *place;
        }
        let mut reward = if range.gives_way { -self.penalty } else { Decimal::ZERO };
        let mut uses: Vec<(usize, Decimal)> = Vec::new();
        for (column, amount) in self.filled(course, trade) {
            reward += self.all.get(column).map_or(Decimal::ZERO, |it| it.reward) * amount;
            uses.extend(self.uses.get(column).into_iter().flatten().map(|(row, by)| (*row, *by * amount)));
        }
        let holds = match range.leaves {
            Presence::Absent => [None, None],
            Presence::Leaving => [None, self.held],
            Presence::Held => [self.holdings, self.held],
        };
        uses.extend(holds.into_iter().flatten().map(|row| (row, Decimal::ONE)));
        if !trade.is_zero() {
            // What gave way did so for parts of lots: each order may pass it by its own rounding.
            uses.extend(self.turnover.map(|row| (row, -course.lot / Decimal::TWO)));
        }
        if let Some(Tied { rows: [above, below], count, by }) = course.tied {
            let counts = count.of(trade) * by;
            uses.extend([(above, counts), (below, -counts)]);
        }
        let place = self.points.add(line, reward, uses.into_iter());
        self.spots.push(Some(Spot { line, trade, leaves: range.leaves }));
        if let Some(course) = self.lines.get_mut(line) {
            course.found.insert(key, place);
        }
        place
    }

    /// A trade as amounts of its columns: the better pieces first.
    fn filled(&self, course: &Course, trade: Decimal) -> Vec<(usize, Decimal)> {
        let columns = if trade > Decimal::ZERO { &course.buys } else { &course.sells };
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

    /// The relaxation where these ranges are open; ends early where it is worth no more than `cutoff`.
    pub(super) fn relax(&self, narrowed: &Narrowings, from: Option<&Basis>, cutoff: Option<Decimal>) -> Relaxed {
        let lines = (0..self.lines.len()).map(|line| self.open(narrowed, line).map_or(&[][..], |open| &open.points));
        let open: Vec<&[usize]> = lines.chain(self.elastic.iter().map(<[usize; 2]>::as_slice)).collect();
        let mixture = self.points.mix(&open, from, cutoff);
        let bound = bound_of(&mixture);
        let torn = self.torn(&mixture, narrowed);
        Relaxed { mixture, bound, torn }
    }

    fn spot(&self, point: usize) -> Option<Spot> {
        self.spots.get(point).copied().flatten()
    }

    fn torn(&self, mixture: &Mixture, narrowed: &Narrowings) -> Vec<Torn> {
        let mut shares: BTreeMap<usize, Vec<(Spot, Decimal)>> = BTreeMap::new();
        for (point, share) in parts_of(mixture) {
            if let Some(spot) = self.spot(point) {
                shares.entry(spot.line).or_default().push((spot, share));
            }
        }
        let mut torn = Vec::new();
        for (line, mut shares) in shares {
            let Some(key) = mixture.keys().get(line).and_then(|key| self.spot(*key)) else { continue };
            let rest = Decimal::ONE - shares.iter().map(|(_, share)| *share).sum::<Decimal>();
            shares.push((key, rest.max(Decimal::ZERO)));
            let trade: Decimal = shares.iter().map(|(spot, share)| spot.trade * *share).sum();
            let lowest = shares.iter().map(|(spot, _)| spot.trade).min().unwrap_or(trade);
            let highest = shares.iter().map(|(spot, _)| spot.trade).max().unwrap_or(trade);
            let whole_lots = self.lines.get(line).is_some_and(|course| course.whole_lots);
            let holds = |range: &Range| range.low <= lowest && highest <= range.high;
            let one = self.open(narrowed, line).is_some_and(|open| open.ranges.iter().any(holds));
            let mixed = shares.iter().any(|(spot, _)| spot.leaves != key.leaves);
            let matters = !self.is_tally(line) && (whole_lots || !one || mixed);
            torn.push(Torn { line, trade, lowest, matters });
        }
        torn
    }

    /// The best choice near a relaxation: every torn line at the nearest trades that its ranges allow.
    pub(super) fn settled(&mut self, relaxed: &Relaxed, narrowed: &Narrowings) -> Option<Settled> {
        let mut options = Vec::new();
        for torn in &relaxed.torn {
            if self.is_tally(torn.line) {
                continue;
            }
            let ranges = self.open(narrowed, torn.line)?.ranges.clone();
            let near = [nearest_below(&ranges, torn.trade), nearest_above(&ranges, torn.trade)];
            let mut places: Vec<usize> =
                near.into_iter().flatten().map(|(range, trade)| self.place(torn.line, &range, trade)).collect();
            places.dedup();
            options.push(places);
        }
        self.points.settled(relaxed.mixture.keys(), &options)
    }

    /// The same or better, by moves of one or two lines to the next points or lots, as long as that gains; at the prices of a
    /// relaxation most of them are seen not to.
    pub(super) fn improved(&mut self, mut settled: Settled, most: u32, prices: &Prices) -> Settled {
        for _ in 0..most {
            let mut moves = Vec::new();
            for line in 0..self.lines() {
                let Some(at) = settled.points.get(line).copied() else { continue };
                let (Some(spot), Some(course)) = (self.spot(at), self.lines.get(line)) else { continue };
                let open = Rc::clone(&course.open);
                let mut next = open.points.clone();
                for range in open.ranges.iter().filter(|range| range.step > SLIGHT) {
                    next.extend(range.lots_beside(spot.trade).map(|trade| self.place(line, range, trade)));
                }
                let next: Vec<(Decimal, usize)> =
                    next.into_iter().filter_map(|point| Some((self.spot(point)?.trade, point))).collect();
                let trades = || next.iter().map(|(trade, _)| *trade);
                let below = trades().filter(|trade| *trade < spot.trade).max();
                let above = trades().filter(|trade| *trade > spot.trade).min();
                // One trade may have two points: a holding that leaves, and one that stays.
                let nearest = next.iter().filter(|(trade, _)| [below, above].contains(&Some(*trade)));
                moves.extend(nearest.map(|(_, point)| *point));
            }
            match self.points.better(&settled, &moves, prices) {
                Some(better) => settled = better,
                None => break,
            }
        }
        settled
    }

    /// Adds what tail risk says of a choice, where the planes so far say less. Whether there was anything.
    pub(super) fn cut_choice(&mut self, settled: &Settled) -> bool {
        let trades = self.trades(settled);
        self.cut(&self.values(&trades))
    }

    /// The same of a mixture.
    pub(super) fn cut_mixture(&mut self, relaxed: &Relaxed) -> bool {
        let key = |key: &usize| self.spot(*key).map_or(Decimal::ZERO, |spot| spot.trade);
        let mut trades: Vec<Decimal> = relaxed.mixture.keys().iter().take(self.lines.len()).map(key).collect();
        for torn in &relaxed.torn {
            if let Some(trade) = trades.get_mut(torn.line) {
                *trade = torn.trade;
            }
        }
        self.cut(&self.values(&trades))
    }

    fn cut(&mut self, values: &[Decimal]) -> bool {
        let Some(row) = self.program.cut_off(&self.columns, values) else { return false };
        let place = self.rows;
        self.rows += 1;
        for (column, by) in &row.terms {
            if let Some(uses) = self.uses.get_mut(*column) {
                uses.push((place, *by));
            }
        }
        let by_column: BTreeMap<usize, Decimal> = row.terms.iter().copied().collect();
        let used = |column: usize, amount: Decimal| by_column.get(&column).map_or(Decimal::ZERO, |by| *by * amount);
        let measure = self.columns.len();
        let measured: BTreeMap<usize, Decimal> = self.measures.iter().copied().collect();
        let use_of = |point: usize| match self.spot(point) {
            Some(spot) => self.lines.get(spot.line).map_or(Decimal::ZERO, |course| {
                self.filled(course, spot.trade).into_iter().map(|(column, amount)| used(column, amount)).sum()
            }),
            None => measured.get(&point).map_or(Decimal::ZERO, |most| used(measure, *most)),
        };
        let all: Vec<Decimal> = (0..self.spots.len()).map(use_of).collect();
        self.points.add_row(row.bound, |point| all.get(point).copied().unwrap_or_default());
        true
    }

    fn trades(&self, settled: &Settled) -> Vec<Decimal> {
        let trade = |point: &usize| self.spot(*point).map_or(Decimal::ZERO, |spot| spot.trade);
        settled.points.iter().take(self.lines.len()).map(trade).collect()
    }

    /// Trades by line as column values.
    fn values(&self, trades: &[Decimal]) -> Vec<Decimal> {
        let mut values = vec![Decimal::ZERO; self.columns.len()];
        for (course, trade) in self.lines.iter().zip(trades) {
            for (column, amount) in self.filled(course, *trade) {
                if let Some(value) = values.get_mut(column) {
                    *value = amount;
                }
            }
        }
        values
    }

    /// A choice in the program's own terms.
    pub(super) fn allocation(&self, settled: &Settled, given: &[Decimal], objective: Decimal) -> Allocation {
        let values = self.values(&self.trades(settled));
        self.program.allocation(&self.columns, &self.limits, &values, objective, given.to_vec(), 0)
    }
}

impl Course {
    fn new(whole_lots: bool, lot: Decimal) -> Self {
        Self {
            open: Rc::default(),
            buys: Vec::new(),
            sells: Vec::new(),
            kinks: Vec::new(),
            most_bought: Decimal::ZERO,
            most_sold: Decimal::ZERO,
            whole_lots,
            lot,
            tied: None,
            found: BTreeMap::new(),
        }
    }

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

/// Ties what is counted together to a line that stands for it, by two rows from this one on. The line, where there is one.
fn tie(lines: &mut Vec<Course>, all_ranges: &mut Vec<Vec<Range>>, whole: &WholeLimits, row: usize) -> Option<usize> {
    let all = lines.iter().zip(&*all_ranges).enumerate();
    let countable = all.map(|(line, (course, ranges))| Countable {
        ranges,
        whole_lots: course.whole_lots,
        held_from: whole.held_from(line),
    });
    let Tally { counts, unit, range } = Tally::of(&countable.collect::<Vec<Countable<'_>>>())?;
    let tied = |count, by| Some(Tied { rows: [row, row + 1], count, by });
    for (course, count) in lines.iter_mut().zip(counts) {
        course.tied = count.and_then(|count| tied(count, unit));
    }
    all_ranges.push(vec![range]);
    lines.push(Course { tied: tied(Count::Lots(unit), -unit), ..Course::new(true, Decimal::ZERO) });
    Some(lines.len() - 1)
}

impl AtMostRow {
    /// The most that columns within their boxes use.
    fn most_use(&self, columns: &[BoxedColumn]) -> Decimal {
        let most = |(column, by): &(usize, Decimal)| {
            (*by).max(Decimal::ZERO) * columns.get(*column).map_or(Decimal::ZERO, |column| column.upper)
        };
        self.terms.iter().map(most).sum()
    }

    /// Whether columns within their boxes keep it whatever they are.
    fn never_binds(&self, columns: &[BoxedColumn]) -> bool {
        self.most_use(columns) <= self.bound
    }
}

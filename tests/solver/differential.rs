//! MicroLP against HiGHS on random programs of six classes: equal verdicts, equal objectives. What differs must be of a kind
//! that is explained here, or the test fails.

use std::collections::BTreeMap;

use index_rebalancer::solver::{Backend, Column, Goal, Program, Row, Settings, Verdict, solve};

use crate::split_mix::SplitMix64;

/// How many of each class; `REBALANCE_PROGRAMS` asks for others.
const PROGRAMS: usize = 200;

/// With integers: what is not proved in so many nodes is a refusal.
const NODES: u32 = 20_000;

/// Objectives agree to this fraction of what their terms add up to in size.
const CLOSE: f64 = 1e-6;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Boxes and rows at random around a point that keeps them all.
    Feasible,
    /// The same, and a row that contradicts others.
    Infeasible,
    /// The same, and a direction in which nothing stops.
    Unbounded,
    /// Right-hand sides of zero, rows twice, equal costs, boxes of one point.
    Degenerate,
    /// Rows and columns in units from 1e-5 to 1e5.
    BadlyScaled,
    /// Some columns of whole numbers.
    Integer,
}

const CLASSES: [Class; 6] =
    [Class::Feasible, Class::Infeasible, Class::Unbounded, Class::Degenerate, Class::BadlyScaled, Class::Integer];

/// Why two backends may differ without one of them being wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// One of them refused: it says so, and nobody is misled.
    Refused(Backend),
    /// A solution of one keeps every row within the tolerance but not exactly, and the other finds none that does: the
    /// program is feasible by less than the tolerance, if at all.
    OnTheEdge,
}

struct Draw(SplitMix64);

impl Draw {
    /// From −1 to 1, in steps that floats hold.
    fn number(&mut self) -> f64 {
        self.whole(-1024, 1024) / 1024.0
    }

    fn whole(&mut self, least: i32, most: i32) -> f64 {
        let count = usize::try_from(most - least + 1).expect("not below");
        f64::from(least + i32::try_from(self.0.index(count)).expect("small"))
    }

    fn program(&mut self, class: Class) -> Program {
        let (columns, rows) = match class {
            Class::Integer => (3 + self.0.index(8), 2 + self.0.index(5)),
            _ => (2 + self.0.index(25), 1 + self.0.index(18)),
        };
        let columns: Vec<Column> = (0..columns).map(|_| self.column(class)).collect();
        let point: Vec<f64> = columns.iter().map(|column| self.inside(column)).collect();
        let rows: Vec<Row> = (0..rows).map(|_| self.row(class, &point)).collect();
        let goal = if self.0.one_in(2) { Goal::Minimise } else { Goal::Maximise };
        let mut program = Program { goal, constant: self.number(), columns, rows };
        self.twist(class, &mut program);
        program
    }

    fn column(&mut self, class: Class) -> Column {
        let objective = if class == Class::Degenerate { self.whole(-1, 1) } else { self.number() };
        let integer = class == Class::Integer && self.0.one_in(2);
        let (lower, upper) = match self.0.index(6) {
            0 => (0.0, f64::INFINITY),
            1 if class == Class::Degenerate => (1.0, 1.0),
            1 => (self.whole(-4, 0), self.whole(1, 6)),
            2 if class != Class::Integer => (f64::NEG_INFINITY, self.whole(0, 3)),
            _ => (0.0, self.whole(1, 9)),
        };
        Column { lower, upper, objective, integer }
    }

    fn inside(&mut self, column: &Column) -> f64 {
        let (lower, upper) =
            (column.lower.max(column.upper.min(9.0) - 9.0), column.upper.min(column.lower.max(-9.0) + 9.0));
        let at = lower + (upper - lower) * (self.number() + 1.0) / 2.0;
        if column.integer { at.round().max(column.lower).min(column.upper) } else { at }
    }

    fn row(&mut self, class: Class, point: &[f64]) -> Row {
        let mut terms = Vec::new();
        for column in 0..point.len() {
            if !self.0.one_in(3) {
                let by = if class == Class::Degenerate { self.whole(-2, 2) } else { self.number() * 4.0 };
                terms.push((column, by));
            }
        }
        let at: f64 = terms.iter().map(|(column, by): &(usize, f64)| by * point[*column]).sum();
        let room = |draw: &mut Self| if class == Class::Degenerate { 0.0 } else { draw.whole(0, 64) / 32.0 };
        let (lower, upper) = match self.0.index(5) {
            0 => (at, at),
            1 => (at - room(self), f64::INFINITY),
            2 => (at - room(self), at + room(self)),
            _ => (f64::NEG_INFINITY, at + room(self)),
        };
        Row { lower, upper, terms }
    }

    /// What makes the class.
    fn twist(&mut self, class: Class, program: &mut Program) {
        match class {
            Class::Feasible | Class::Integer => {}
            Class::Infeasible => {
                // At least one more than what boxes allow, or than another row does.
                let from = self.0.index(program.rows.len());
                let terms = program.rows[from].terms.clone();
                let upper = program.rows[from].upper;
                let most = if upper.is_finite() { upper } else { most_of(program, &terms) };
                if most.is_finite() {
                    let lower = most + 0.5 + self.whole(0, 8) / 8.0;
                    program.rows.push(Row { lower, upper: f64::INFINITY, terms });
                } else {
                    program.rows[from].upper = program.rows[from].lower - 0.5;
                }
            }
            Class::Unbounded => {
                let sign = if program.goal == Goal::Maximise { 1.0 } else { -1.0 };
                let by = sign * (0.5 + self.whole(0, 8) / 8.0);
                let column = Column { lower: 0.0, upper: f64::INFINITY, objective: by, integer: false };
                program.columns.push(column);
            }
            Class::Degenerate => {
                let again = program.rows[self.0.index(program.rows.len())].clone();
                program.rows.push(again);
            }
            Class::BadlyScaled => {
                for row in &mut program.rows {
                    let unit = 10_f64.powf(self.number() * 5.0);
                    row.lower *= unit;
                    row.upper *= unit;
                    row.terms.iter_mut().for_each(|(_, by)| *by *= unit);
                }
                for at in 0..program.columns.len() {
                    let unit = 10_f64.powf(self.number() * 5.0);
                    let column = &mut program.columns[at];
                    (column.lower, column.upper) = (column.lower / unit, column.upper / unit);
                    column.objective *= unit;
                    let terms = program.rows.iter_mut().flat_map(|row| &mut row.terms);
                    terms.filter(|(column, _)| *column == at).for_each(|(_, by)| *by *= unit);
                }
            }
        }
    }
}

/// The most that boxes allow of a sum.
fn most_of(program: &Program, terms: &[(usize, f64)]) -> f64 {
    let most = |(column, by): &(usize, f64)| {
        let column = &program.columns[*column];
        if *by == 0.0 { 0.0 } else { (by * column.lower).max(by * column.upper) }
    };
    terms.iter().map(most).sum()
}

/// What two verdicts have in common: nothing where they agree, why they differ, or that one must be wrong.
fn compare(program: &Program, microlp: &Verdict, highs: &Verdict) -> Result<Option<Why>, String> {
    let refuses = |verdict: &Verdict| matches!(verdict, Verdict::Beyond(_) | Verdict::Stopped(_));
    match (microlp, highs) {
        (Verdict::Optimal(one), Verdict::Optimal(other)) => {
            let size: f64 =
                program.columns.iter().zip(&one.values).map(|(it, value)| (it.objective * value).abs()).sum();
            let by = (one.objective - other.objective).abs();
            if by <= CLOSE * (1.0 + size) { Ok(None) } else { Err(format!("objectives differ by {by}, size {size}")) }
        }
        (Verdict::Infeasible, Verdict::Infeasible) | (Verdict::Unbounded, Verdict::Unbounded) => Ok(None),
        (one, _) if refuses(one) => Ok(Some(Why::Refused(Backend::Microlp))),
        (_, other) if refuses(other) => Ok(Some(Why::Refused(Backend::Highs))),
        (Verdict::Optimal(found), Verdict::Infeasible) | (Verdict::Infeasible, Verdict::Optimal(found)) => {
            if is_exact(program, &found.values) {
                Err("a solution, and infeasible".to_owned())
            } else {
                Ok(Some(Why::OnTheEdge))
            }
        }
        _ => Err("verdicts differ".to_owned()),
    }
}

/// Does it keep every row to the noise of the sums?
fn is_exact(program: &Program, values: &[f64]) -> bool {
    program.rows.iter().all(|row| {
        let products = row.terms.iter().map(|(column, by)| by * values[*column]);
        let (sum, size) = products.fold((0.0, 0.0), |(sum, size), it| (sum + it, size + it.abs()));
        (row.lower - sum).max(sum - row.upper) <= 1e-12 * (1.0 + size)
    })
}

fn programs_of_each_class() -> usize {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test suite, not of the product")]
    let asked = std::env::var("REBALANCE_PROGRAMS").ok();
    asked.map_or(PROGRAMS, |count| count.parse().expect("REBALANCE_PROGRAMS is a number"))
}

#[test]
fn both_backends_say_the_same_of_random_programs() {
    let settings = Settings { nodes: Some(NODES), ..Settings::careful() };
    let mut differing: BTreeMap<(Class, Why), usize> = BTreeMap::new();
    let mut said: BTreeMap<(Class, &str), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for class in CLASSES {
        for seed in 0..programs_of_each_class() {
            let program = Draw(SplitMix64::new(seed as u64 * 6 + class as u64)).program(class);
            let on = |backend| solve(&program, backend, &settings).expect("a program");
            let (microlp, highs) = (on(Backend::Microlp), on(Backend::Highs));
            *said.entry((class, name(&highs))).or_default() += 1;
            match compare(&program, &microlp, &highs) {
                Ok(None) => {}
                Ok(Some(why)) => {
                    println!("{class:?} {seed}: {why:?}: {} and {}", brief(&microlp), brief(&highs));
                    *differing.entry((class, why)).or_default() += 1;
                }
                Err(what) => wrong.push(format!("{class:?} {seed}: {what}: {} and {}", brief(&microlp), brief(&highs))),
            }
        }
    }
    println!("verdicts of HiGHS: {said:?}\ndiffering: {differing:?}");
    let refused: usize = differing.values().sum();
    let solved: usize = said.values().sum();
    assert!(refused * 100 <= solved, "more than one in a hundred is refused: {refused} of {solved}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Optimal(_) => "optimal",
        Verdict::Infeasible => "infeasible",
        Verdict::Unbounded => "unbounded",
        Verdict::Stopped(_) => "stopped",
        Verdict::Beyond(_) => "beyond",
    }
}

fn brief(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Optimal(optimum) => format!("optimal at {}", optimum.objective),
        Verdict::Beyond(why) => why.to_string(),
        Verdict::Stopped(stopped) => format!("stopped, gap {:?}", stopped.gap),
        other => name(other).to_owned(),
    }
}

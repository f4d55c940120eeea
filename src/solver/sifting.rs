//! Programs of many boxed columns under few rows, solved on the few columns that are near a decision.
//!
//! At an optimum nearly every column stands at one of its ends, and the multipliers say at which. [`FewRows`] proposes
//! multipliers; the columns whose reduced reward they leave next to nothing go to the solver, the others stand where the
//! multipliers put them, and the bound that the multipliers prove for the whole program says whether the answer is its
//! optimum. Where it is not, more columns go to the solver, in the end all of them: sifting as in Bixby et al., Very
//! large-scale linear programming, Operations Research 40 (1992), with the pricing done first.
//!
//! Nothing rests on the proposal: an answer from here is the solver's, and as good as the solver's own on the whole. Only
//! where the solver has none is the proposal itself the answer, checked and proved like any other.

use std::sync::Arc;

use super::few_rows::{Ending, FewRows};
use super::verdict::Said;
use super::{Backend, Column, Optimum, Program, ProgramError, Row, Settings, Verdict, check, solve};

/// With so few columns the solver is as fast alone.
const FEW_COLUMNS: usize = 48;

/// A reduced reward below this is next to nothing. Where that leaves more than half of the columns undecided, as in a
/// program that only asks how far a limit must give way, those of the proposal's basis alone.
const NEAR: [f64; 2] = [1e-9, -1.0];

/// The solver calls optimal what is this close to it.
const PROVED: f64 = 1e-10;

/// Rows that are broken by less than this without a way out may be met by the solver's own tolerance: it is asked.
const CLEARLY: f64 = 1e-7;

/// Solves a program by the first of these that comes to an answer, in the order of what they cost:
///
/// 1. by way of few of its columns, where it has many in boxes under few rows;
/// 2. the whole of it, as [`solve`] does;
/// 3. the proposal itself, proved;
/// 4. the whole once more, in units that suit the backend, where the settings had left it in its own.
///
/// # Errors
/// As [`solve`].
pub fn sift(program: &Arc<Program>, backend: Backend, settings: &Settings) -> Result<Verdict, ProgramError> {
    let proposal = if program.columns.len() > FEW_COLUMNS { searched(program) } else { None };
    if let Some((search, ending)) = &proposal
        && let Some(verdict) = by_part(program, backend, settings, (search, *ending))?
    {
        return Ok(verdict);
    }
    let verdict = solve(program, backend, settings)?;
    if !matches!(verdict, Verdict::Beyond(_)) {
        return Ok(verdict);
    }
    let proposal = proposal.or_else(|| searched(program));
    match proposal.and_then(|(search, ending)| proposed(program, settings, &search, ending)) {
        Some(proved) => Ok(proved),
        None if settings.scale => Ok(verdict),
        None => solve(program, backend, &Settings { scale: true, ..*settings }),
    }
}

/// The proposal, and how its search ended; absent for a program of another form.
fn searched(program: &Arc<Program>) -> Option<(FewRows, Ending)> {
    let mut search = FewRows::of(program)?;
    let ending = search.search();
    Some((search, ending))
}

/// By the columns that are near a decision, where the answer is proved for the whole program.
fn by_part(
    program: &Program,
    backend: Backend,
    settings: &Settings,
    (search, ending): (&FewRows, Ending),
) -> Result<Option<Verdict>, ProgramError> {
    match ending {
        Ending::Optimal => {
            let bound = search.bound() + program.constant;
            for near in NEAR {
                let part = Part::of(search, program, near);
                if part.program.columns.len() * 2 > program.columns.len() {
                    continue;
                }
                if let Verdict::Optimal(found) = solve(&part.program, backend, settings)?
                    && bound - found.objective <= PROVED
                {
                    return Ok(Some(Verdict::Optimal(part.whole(search, program, &found))));
                }
            }
            Ok(None)
        }
        Ending::Infeasible => Ok((search.breach() > CLEARLY).then_some(Verdict::Infeasible)),
        Ending::Unsettled => Ok(None),
    }
}

/// The proposal itself, where the backend has no answer: checked like any answer, and proved. Rows that are out of reach by
/// next to nothing may be met within the tolerance of the check; where they are not, the proof that they are stands.
fn proposed(program: &Program, settings: &Settings, search: &FewRows, ending: Ending) -> Option<Verdict> {
    let is_infeasible = ending == Ending::Infeasible;
    if is_infeasible && search.breach() > CLEARLY {
        return Some(Verdict::Infeasible);
    }
    let said = Said::Optimal { values: search.values(), bound: Some(search.bound()) };
    match check::verdict(program, settings, said) {
        Verdict::Optimal(it) if it.bound - it.objective <= PROVED => Some(Verdict::Optimal(it)),
        _ => is_infeasible.then_some(Verdict::Infeasible),
    }
}

/// The columns that are near a decision, under what the others leave of the rows.
struct Part {
    /// Where each of its columns is in the whole program.
    undecided: Vec<usize>,
    /// The worth of the others is its constant.
    program: Program,
}

impl Part {
    fn of(search: &FewRows, whole: &Program, near: f64) -> Self {
        let undecided = search.undecided(near);
        let mut place = vec![None; whole.columns.len()];
        for (position, index) in undecided.iter().enumerate() {
            if let Some(place) = place.get_mut(*index) {
                *place = Some(position);
            }
        }
        let stands = |(index, (column, place)): (usize, (&Column, &Option<usize>))| {
            if place.is_none() && search.is_full(index) { column.upper } else { 0.0 }
        };
        let stands: Vec<f64> = whole.columns.iter().zip(&place).enumerate().map(stands).collect();
        let row = |row: &Row| {
            let mut left = Row { lower: row.lower, upper: row.upper, terms: Vec::new() };
            for (index, by) in &row.terms {
                match place.get(*index).copied().flatten() {
                    Some(position) => left.terms.push((position, *by)),
                    None => left.upper -= stands.get(*index).copied().unwrap_or_default() * by,
                }
            }
            left
        };
        let reward = whole.columns.iter().zip(&stands).map(|(column, stands)| column.objective * stands);
        let program = Program {
            goal: whole.goal,
            constant: whole.constant + reward.sum::<f64>(),
            columns: undecided.iter().filter_map(|index| whole.columns.get(*index)).copied().collect(),
            rows: whole.rows.iter().map(row).collect(),
        };
        Self { undecided, program }
    }

    /// The answer for the whole program.
    fn whole(&self, search: &FewRows, program: &Program, found: &Optimum) -> Optimum {
        let mut values = search.values();
        for (index, value) in self.undecided.iter().zip(&found.values) {
            if let Some(whole) = values.get_mut(*index) {
                *whole = *value;
            }
        }
        Optimum { objective: program.objective(&values), bound: found.bound, gap: found.gap, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solver::Goal;

    /// A stream of numbers that look random (Knuth's MMIX congruence).
    struct Draws(u64);

    impl Draws {
        /// From 0 to 1, in thousandths.
        fn part(&mut self) -> f64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u16::try_from((self.0 >> 33) % 1001).expect("small")) / 1000.0
        }

        fn below(&mut self, percent: f64) -> bool {
            self.part() * 100.0 < percent
        }
    }

    /// A program of the planner's kind: pieces of trades, some worth the same, some of next to no size, under a few rows, some
    /// without any room, some of which may give way.
    fn drawn(seed: u64) -> Arc<Program> {
        let mut draws = Draws(seed);
        let (same, uninteresting) = (draws.part(), seed.is_multiple_of(5));
        let column = |draws: &mut Draws| Column {
            lower: 0.0,
            upper: draws.part() / if draws.below(5.0) { 1e10 } else { 10.0 },
            objective: match draws.part() {
                _ if uninteresting => 0.0,
                part if part < 0.3 => same,
                _ => draws.part() + draws.part() - 1.0,
            },
            integer: false,
        };
        let mut columns: Vec<Column> = (0..5 + seed % 300).map(|_| column(&mut draws)).collect();
        let mut rows = Vec::new();
        for _ in 0..=seed % 11 {
            let coefficient = if draws.below(50.0) { 1.0 } else { draws.part() - 0.4 };
            let mut terms = Vec::new();
            for index in 0..columns.len() {
                if draws.below(60.0) {
                    terms.push((index, if draws.below(50.0) { coefficient } else { draws.part() }));
                }
            }
            let mut upper = if draws.below(20.0) { 0.0 } else { draws.part() };
            if draws.below(20.0) {
                upper *= -0.2;
            }
            if draws.below(50.0) {
                terms.push((columns.len(), -1.0));
                let objective = if uninteresting && draws.below(50.0) { 0.0 } else { -draws.part() * 10.0 };
                columns.push(Column { lower: 0.0, upper: 10.0, objective, integer: false });
            }
            rows.push(Row { lower: f64::NEG_INFINITY, upper, terms });
        }
        Arc::new(Program { goal: Goal::Maximise, constant: draws.part(), columns, rows })
    }

    /// How often each way out is taken.
    #[derive(Debug, Default)]
    struct Taken {
        optimal: u32,
        infeasible: u32,
        /// More columns than a backend is given at once.
        many: u32,
        by_proposal: u32,
    }

    #[test]
    fn the_answer_is_the_backends_own() {
        let settings = Settings { tolerance: 1e-8, scale: false, confirm: false, ..Settings::careful() };
        let mut taken = Taken::default();
        for seed in 1..=1500 {
            let program = drawn(seed);
            let alone = solve(&program, Backend::Microlp, &settings).expect("a program");
            let sifted = sift(&program, Backend::Microlp, &settings).expect("a program");
            match (&alone, &sifted) {
                (Verdict::Infeasible, Verdict::Infeasible) => taken.infeasible += 1,
                (Verdict::Optimal(alone), Verdict::Optimal(sifted)) => {
                    taken.optimal += 1;
                    let apart = (alone.objective - sifted.objective).abs();
                    assert!(apart <= 1e-8, "seed {seed}: {} and {}", sifted.objective, alone.objective);
                    for row in &program.rows {
                        let over = row.breach(row.activity(&sifted.values).0);
                        assert!(over <= 1e-8, "seed {seed}: a row is broken by {over}");
                    }
                }
                _ => panic!("seed {seed}: {sifted:?} and {alone:?}"),
            }
            if program.columns.len() > FEW_COLUMNS {
                taken.many += 1;
                let mut search = FewRows::of(&program).expect("of this form");
                let ended = search.search();
                let agrees = match alone {
                    Verdict::Optimal(alone) => (search.bound() + program.constant - alone.objective).abs() < 1e-8,
                    _ => ended == Ending::Infeasible && search.breach() > CLEARLY,
                };
                taken.by_proposal += u32::from(agrees);
            }
        }
        let enough = taken.optimal > 500 && taken.infeasible > 100 && taken.many > 1000;
        assert!(enough, "a case is missing: {taken:?}");
        assert!(taken.by_proposal * 100 >= taken.many * 99, "the backend has to do it all: {taken:?}");
    }

    #[test]
    fn where_a_backend_has_no_answer_the_proposal_is_proved_itself() {
        let settings = Settings { tolerance: 1e-8, ..Settings::careful() };
        let mut settled = (0, 0);
        for seed in 1..=300 {
            let program = drawn(seed);
            let (search, ending) = searched(&program).expect("of this form");
            let proposal = proposed(&program, &settings, &search, ending);
            match (proposal, solve(&program, Backend::Microlp, &settings).expect("a program")) {
                (Some(Verdict::Optimal(proposed)), Verdict::Optimal(solved)) => {
                    settled.0 += 1;
                    assert!((proposed.objective - solved.objective).abs() <= 1e-8, "seed {seed}");
                }
                (Some(Verdict::Infeasible), Verdict::Infeasible) => settled.1 += 1,
                (None, _) => {}
                (proposed, solved) => panic!("seed {seed}: {proposed:?} and {solved:?}"),
            }
        }
        assert!(settled.0 > 100 && settled.1 > 50, "{settled:?}");
    }

    /// The planner keeps a last digit free in every row: a row that asks for all there is asks for that much more.
    /// Pairs of rows over columns of their own, each of which asks for so much more than there is; and one more row that only
    /// leaves room where they are met.
    fn at_odds(pairs: usize, by: f64) -> Arc<Program> {
        let column = |objective| Column { lower: 0.0, upper: 1.0, objective, integer: false };
        let row = |upper, terms| Row { lower: f64::NEG_INFINITY, upper, terms };
        let mut rows = Vec::new();
        for pair in 0..pairs {
            rows.push(row(-0.5 - by, vec![(pair, -1.0)]));
            rows.push(row(0.5, vec![(pair, 1.0)]));
        }
        rows.push(row(-0.5, (0..pairs).map(|pair| (pair, 1.0)).chain([(pairs, -2.0)]).collect()));
        let columns = (0..pairs).map(|_| column(1.0)).chain([column(-1.0)]).collect();
        Arc::new(Program { goal: Goal::Maximise, constant: 0.0, columns, rows })
    }

    #[test]
    fn rows_that_leave_one_another_no_room_by_next_to_nothing_are_met_each_by_as_little() {
        for (pairs, by) in [(1, 0.0), (1, 9e-11), (2, 6e-11), (1, 1e-12), (1, -1e-11)] {
            let program = at_odds(pairs, by);
            let mut search = FewRows::of(&program).expect("of this form");
            assert_eq!(search.search(), Ending::Optimal, "{pairs} by {by}");
            let values = search.values();
            for row in &program.rows {
                let used: f64 = row.terms.iter().map(|(column, by)| by * values.get(*column).expect("a value")).sum();
                assert!(used <= row.upper + 1e-10 + 1e-12, "{pairs} by {by}: {used} of {}", row.upper);
            }
            let objective = program.objective(&values);
            assert!((search.bound() - objective).abs() <= 1e-9, "{pairs} by {by}: {} and {objective}", search.bound());
        }
        let mut apart = FewRows::of(&at_odds(2, 2e-10)).expect("of this form");
        assert_eq!(apart.search(), Ending::Infeasible);
        assert!(apart.breach() > 1e-10, "{}", apart.breach());
    }

    #[test]
    fn a_row_out_of_reach_by_next_to_nothing_is_met_by_all_that_there_is() {
        let column = |upper: f64| Column { lower: 0.0, upper, objective: -1.0, integer: false };
        let asking = |by: f64| {
            let columns: Vec<Column> = (1..=60_u8).map(|part| column(f64::from(part) / 1e4)).collect();
            let all: f64 = columns.iter().map(|column| column.upper).sum();
            let terms = (0..columns.len()).map(|index| (index, -1.0)).collect();
            let rows = vec![Row { lower: f64::NEG_INFINITY, upper: -all - by, terms }];
            Arc::new(Program { goal: Goal::Maximise, constant: 0.0, columns, rows })
        };
        for by in [0.0, 1e-11, 9e-11] {
            let program = asking(by);
            let (search, ending) = searched(&program).expect("of this form");
            assert_eq!(ending, Ending::Optimal, "by {by}");
            let apart = |(value, column): (&f64, &Column)| (value - column.upper).abs() < 1e-9;
            assert!(search.values().iter().zip(&program.columns).all(apart), "by {by}: {:?}", search.values());
        }
        for by in [1e-9, 1e-6] {
            assert_eq!(searched(&asking(by)).expect("of this form").1, Ending::Infeasible, "by {by}");
        }
    }

    /// MicroLP calls such a basis singular now and then; what is proved of it all the same is the answer.
    #[test]
    fn what_no_backend_answers_is_infeasible_where_that_is_proved() {
        let settings = Settings { tolerance: 1e-8, ..Settings::careful() };
        let columns = vec![Column { lower: 0.0, upper: 1.0, objective: 1.0, integer: false }];
        let asking = |by: f64| {
            let rows = vec![Row { lower: f64::NEG_INFINITY, upper: -1.0 - by, terms: vec![(0, -1.0)] }];
            Arc::new(Program { goal: Goal::Maximise, constant: 0.0, columns: columns.clone(), rows })
        };
        let said = |by: f64| {
            let program = asking(by);
            let (search, ending) = searched(&program).expect("of this form");
            proposed(&program, &settings, &search, ending)
        };
        assert!(matches!(said(1e-11), Some(Verdict::Optimal(_))), "{:?}", said(1e-11));
        assert!(matches!(said(1e-3), Some(Verdict::Infeasible)), "{:?}", said(1e-3));
        // Further out of reach than the check tolerates, and nearer than what is refused at sight.
        assert!(matches!(said(5e-8), Some(Verdict::Infeasible)), "{:?}", said(5e-8));
    }

    #[test]
    fn a_program_of_another_form_goes_to_the_backend_as_it_is() {
        let program = drawn(299);
        assert!(FewRows::of(&program).is_some());
        let mut program = Program::clone(&program);
        program.columns[0].lower = -0.5;
        program.columns[0].objective = -1.0;
        program.rows.clear();
        let program = Arc::new(program);
        assert!(FewRows::of(&program).is_none());
        let verdict = sift(&program, Backend::Microlp, &Settings::careful()).expect("a program");
        let Verdict::Optimal(optimum) = verdict else { panic!("{verdict:?}") };
        assert_eq!(optimum.values.first(), Some(&-0.5));
    }

    /// In another form, so that nothing but the backend has an answer; rows of mixed units, in which MicroLP loses its way.
    #[test]
    fn what_a_backend_gets_wrong_in_mixed_units_it_is_asked_once_more_in_its_own() {
        let plain = Settings { tolerance: 1e-8, presolve: false, scale: false, confirm: false, ..Settings::careful() };
        let mut mended = 0;
        for seed in 1..=400 {
            let mut draws = Draws(seed);
            let mut program = Program::clone(&drawn(seed));
            program.goal = Goal::Minimise;
            for column in &mut program.columns {
                column.objective = -column.objective;
            }
            for row in &mut program.rows {
                let unit = 10_f64.powf((draws.part() - 0.5) * 24.0).log2().round().exp2();
                row.upper *= unit;
                row.terms.iter_mut().for_each(|(_, by)| *by *= unit);
            }
            let program = Arc::new(program);
            assert!(FewRows::of(&program).is_none());
            let alone = solve(&program, Backend::Microlp, &plain).expect("a program");
            let sifted = sift(&program, Backend::Microlp, &plain).expect("a program");
            let scaled = solve(&program, Backend::Microlp, &Settings { scale: true, ..plain }).expect("a program");
            match alone {
                Verdict::Beyond(_) => {
                    assert_eq!(sifted, scaled, "seed {seed}");
                    mended += u32::from(!matches!(sifted, Verdict::Beyond(_)));
                }
                alone => assert_eq!(sifted, alone, "seed {seed}"),
            }
        }
        assert!(mended > 0, "no program needs it");
    }
}

//! Drawn programs: the relaxation against a backend, choices against every combination.

use super::super::few_rows::Ending;
use super::super::{Backend, Column, Goal, Program, Row, Settings, Verdict, solve};
use super::{Choices, Settled};

/// A stream of numbers that look random (Knuth's MMIX congruence).
struct Draws(u64);

impl Draws {
    /// From 0 to 1, in hundredths: equal figures are common.
    fn part(&mut self) -> f64 {
        f64::from(u16::try_from(self.below(101)).expect("small")) / 100.0
    }

    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A program, and the points of each of its lines; the last line may give room in the first row.
fn drawn(draws: &mut Draws) -> (Choices, Vec<Vec<usize>>) {
    let rows = 1 + usize::try_from(draws.below(4)).expect("small");
    let lines = 2 + usize::try_from(draws.below(4)).expect("small");
    let bounds = (0..rows).map(|_| draws.part() * 1.2 - 0.3).collect();
    let mut choices = Choices::new(bounds);
    let mut open = Vec::new();
    for line in 0..lines {
        let points = 0..=draws.below(5);
        let point = |_| {
            let uses: Vec<(usize, f64)> = (0..rows).map(|row| (row, draws.part() - 0.4)).collect();
            choices.add_point(line, draws.part() * 2.0 - 1.0, uses.into_iter())
        };
        open.push(points.map(point).collect());
    }
    if draws.below(2) == 0 {
        let (empty, full) = choices.add_elastic(lines, -draws.part() * 3.0, std::iter::once((0, -1.5)));
        open.push(vec![empty, full]);
    }
    (choices, open)
}

/// The best mixture by the default backend, given whole shares or parts of them.
fn by_backend(choices: &Choices, open: &[Vec<usize>], whole: usize) -> Option<f64> {
    let columns: Vec<usize> = open.iter().flatten().copied().collect();
    let place = |point: &usize| columns.iter().position(|other| other == point).expect("open");
    let mut rows: Vec<Row> = open
        .iter()
        .map(|points| Row { lower: 1.0, upper: 1.0, terms: points.iter().map(|it| (place(it), 1.0)).collect() })
        .collect();
    for (row, bound) in choices.bounds.iter().enumerate() {
        let terms = columns.iter().enumerate().map(|(at, point)| (at, choices.uses_of(*point)[row])).collect();
        rows.push(Row { lower: f64::NEG_INFINITY, upper: *bound, terms });
    }
    let column = |point: &usize| Column {
        lower: 0.0,
        upper: 1.0,
        objective: choices.reward_of(*point),
        integer: choices.line_of(*point) < whole,
    };
    let columns = columns.iter().map(column).collect();
    let program = Program { goal: Goal::Maximise, constant: 0.0, columns, rows };
    match solve(&program, Backend::Microlp, &Settings::careful()).expect("a program") {
        Verdict::Optimal(optimum) => Some(optimum.objective),
        Verdict::Infeasible => None,
        other => panic!("{other:?}"),
    }
}

fn slices(open: &[Vec<usize>]) -> Vec<&[usize]> {
    open.iter().map(Vec::as_slice).collect()
}

/// What the search comes to, checked against the backend.
fn agreed(choices: &Choices, open: &[Vec<usize>], from: Option<&super::Basis>, name: &str) -> super::Mixture {
    let mixture = choices.mix(&slices(open), from, f64::NEG_INFINITY);
    match by_backend(choices, open, 0) {
        None => assert_eq!(mixture.ending, Some(Ending::Infeasible), "{name}"),
        Some(best) => {
            assert_eq!(mixture.ending, Some(Ending::Optimal), "{name}");
            assert!((mixture.bound - best).abs() <= 1e-7, "{name}: {} and {best}", mixture.bound);
            let mut total = 0.0;
            for (line, key) in mixture.keys().iter().enumerate() {
                let parts: Vec<_> = mixture.parts.iter().filter(|(point, _)| choices.line_of(*point) == line).collect();
                let rest = 1.0 - parts.iter().map(|(_, share)| share).sum::<f64>();
                assert!(rest >= -1e-8, "{name}: {rest} is left for the key");
                total += rest * choices.reward_of(*key);
                total += parts.iter().map(|(point, share)| share * choices.reward_of(*point)).sum::<f64>();
            }
            assert!((total - best).abs() <= 1e-7, "{name}: the mixture is worth {total}, the best {best}");
        }
    }
    mixture
}

#[test]
fn the_relaxation_is_the_backends_own_from_wherever_it_starts() {
    let (mut infeasible, mut solved) = (0, 0);
    for seed in 1..=1500 {
        let mut draws = Draws(seed);
        let (mut choices, mut open) = drawn(&mut draws);
        let first = agreed(&choices, &open, None, &format!("seed {seed}"));
        // Points are taken away, as a branch does: some of each line stay.
        for points in open.iter_mut().filter(|points| points.len() > 1) {
            let away = usize::try_from(draws.below(2)).expect("small");
            let kept = points.len() - away;
            points.truncate(kept);
        }
        let second = agreed(&choices, &open, Some(&first.basis), &format!("seed {seed}, less"));
        let uses: Vec<f64> = (0..choices.len()).map(|_| draws.part() - 0.4).collect();
        choices.add_row(draws.part(), |point| uses[point]);
        let third = agreed(&choices, &open, Some(&second.basis), &format!("seed {seed}, one more row"));
        for mixture in [first, second, third] {
            match mixture.ending {
                Some(Ending::Infeasible) => infeasible += 1,
                _ => solved += 1,
            }
        }
    }
    assert!(infeasible > 300 && solved > 1500, "{infeasible} infeasible, {solved} solved");
}

#[test]
fn a_search_ends_at_its_cutoff_with_a_bound_that_holds() {
    let mut cut = 0;
    for seed in 1..=300 {
        let (choices, open) = drawn(&mut Draws(seed));
        let Some(best) = by_backend(&choices, &open, 0) else { continue };
        let mixture = choices.mix(&slices(&open), None, best + 0.1);
        assert!(mixture.bound >= best - 1e-9, "seed {seed}: {} is below {best}", mixture.bound);
        cut += u32::from(mixture.ending.is_none());
        assert!(mixture.ending.is_some() || mixture.bound <= best + 0.1, "seed {seed}");
    }
    assert!(cut > 30, "{cut} were cut off");
}

/// Every combination of a line's options is tried, and nothing else.
#[test]
fn settled_is_the_best_of_all_combinations() {
    let (mut none, mut some) = (0, 0);
    for seed in 1..=400 {
        let (choices, open) = drawn(&mut Draws(seed));
        let lines = choices.elastic.first().map_or(open.len(), |_| open.len() - 1);
        let points: Vec<usize> = open.iter().map(|points| points[0]).collect();
        let settled = choices.settled(&points, &open[..lines]);
        match (settled, by_backend(&choices, &open, lines)) {
            (Some(settled), Some(best)) => {
                some += 1;
                assert!((settled.objective - best).abs() <= 1e-7, "seed {seed}: {} and {best}", settled.objective);
                let again = choices.at(settled.points.clone());
                assert!(again.used.iter().zip(&settled.used).all(|(one, other)| (one - other).abs() < 1e-12));
                assert_eq!(choices.better(&settled, &open[..lines].concat(), &[]), None, "seed {seed}");
            }
            (None, None) => none += 1,
            (settled, best) => panic!("seed {seed}: {settled:?} and {best:?}"),
        }
    }
    assert!(none > 50 && some > 100, "{none} and {some}");
}

/// From any choice that keeps the rows, moves of one or two lines gain until none does.
#[test]
fn better_is_better_and_keeps_the_rows() {
    let mut moved = 0;
    for seed in 1..=400 {
        let (choices, open) = drawn(&mut Draws(seed));
        let lines = choices.elastic.first().map_or(open.len(), |_| open.len() - 1);
        let first: Vec<Vec<usize>> = open[..lines].iter().map(|points| vec![points[0]]).collect();
        let points: Vec<usize> = open.iter().map(|points| points[0]).collect();
        let Some(mut at) = choices.settled(&points, &first) else { continue };
        let all = open[..lines].concat();
        let relaxed = choices.mix(&slices(&open), None, f64::NEG_INFINITY).prices;
        let odd: Vec<f64> =
            relaxed.iter().map(|price| (price + 0.1) * f64::from(u32::try_from(seed % 7).expect("small"))).collect();
        while let Some(next) = choices.better(&at, &all, &relaxed) {
            assert!(next.objective > at.objective, "seed {seed}");
            // Whatever the prices, what they pass over is no better.
            for prices in [&[][..], &odd] {
                let other = choices.better(&at, &all, prices).expect("as good");
                assert!((other.objective - next.objective).abs() < 1e-12, "seed {seed}: {other:?}, {next:?}");
            }
            let options: Vec<Vec<usize>> = next.points[..lines].iter().map(|point| vec![*point]).collect();
            let again: Settled = choices.settled(&next.points, &options).expect("it keeps the rows");
            assert!((again.objective - next.objective).abs() < 1e-12, "seed {seed}");
            at = next;
            moved += 1;
        }
        assert_eq!(choices.better(&at, &all, &[]), None, "seed {seed}");
    }
    assert!(moved > 100, "{moved} moves");
}

/// The same program with one more line, which stands for the sum of the places of all others' points.
fn with_sum(plain: &Choices, open: &[Vec<usize>]) -> (Choices, Vec<Vec<usize>>) {
    let (rows, lines) = (plain.bounds.len(), plain.elastic.first().map_or(open.len(), |_| open.len() - 1));
    let mut summed = Choices::new([&plain.bounds[..], &[0.0, 0.0]].concat()).with_ties(rows..rows + 2);
    let counted = |count: f64| [(rows, count), (rows + 1, -count)];
    let (mut all, mut most) = (Vec::new(), 0.0);
    for (line, points) in open[..lines].iter().enumerate() {
        let mut count = -1.0;
        let point = |point: &usize| {
            count += 1.0;
            let uses = plain.uses_of(*point).iter().copied().enumerate().chain(counted(count));
            summed.add_point(line, plain.reward_of(*point), uses)
        };
        all.push(points.iter().map(point).collect());
        most += count;
    }
    all.push([0.0, most].map(|count| summed.add_point(lines, 0.0, counted(-count).into_iter())).to_vec());
    for elastic in &plain.elastic {
        let uses = plain.uses_of(elastic.full).iter().copied().enumerate();
        let (empty, full) = summed.add_elastic(lines + 1, plain.reward_of(elastic.full), uses);
        all.push(vec![empty, full]);
    }
    (summed, all)
}

/// Wherever the sum's own line stands, and whatever its rows are worth.
#[test]
fn a_sum_over_lines_changes_no_choice() {
    let (mut settled, mut gained) = (0, 0);
    for seed in 1..=400 {
        let (plain, open) = drawn(&mut Draws(seed));
        let (summed, all) = with_sum(&plain, &open);
        let lines = plain.elastic.first().map_or(open.len(), |_| open.len() - 1);
        let first = |open: &[Vec<usize>]| open.iter().map(|points| points[0]).collect::<Vec<usize>>();
        let bounds = [(&plain, &open), (&summed, &all)];
        let [bound, other] = bounds.map(|(choices, open)| agreed(choices, open, None, &format!("seed {seed}")).bound);
        assert!(bound.is_infinite() == other.is_infinite(), "seed {seed}: {bound} and {other}");
        assert!(bound.is_infinite() || (bound - other).abs() < 1e-9, "seed {seed}: {bound} and {other}");
        let objective = |settled: Option<Settled>| settled.map(|it| (it.objective * 1e9).round());
        let [one, other] = bounds.map(|(choices, open)| objective(choices.settled(&first(open), &open[..lines])));
        assert_eq!(one, other, "seed {seed}");
        settled += u32::from(one.is_some());
        let options: Vec<Vec<usize>> = open[..lines].iter().map(|points| vec![points[0]]).collect();
        let starts = bounds.map(|(choices, open)| choices.settled(&first(open), &options));
        let [Some(start), Some(other)] = starts else { continue };
        let moves = open[..lines].concat();
        let better = objective(plain.better(&start, &moves, &[]));
        assert_eq!(objective(summed.better(&other, &moves, &vec![1.0; summed.bounds.len()])), better, "seed {seed}");
        gained += u32::from(better.is_some());
    }
    assert!(settled > 100 && gained > 50, "{settled} and {gained}");
}

/// Ten lines give the same row room, each a tenth at a price of its own: the first give all they have, then the next.
#[test]
fn every_line_that_gives_room_is_asked() {
    let settled = |wanted: f64| {
        let mut choices = Choices::new(vec![0.0]);
        let point = choices.add_point(0, 5.0, std::iter::once((0, wanted)));
        let mut points = vec![point];
        for line in 1..=10_u8 {
            let (empty, _) = choices.add_elastic(line.into(), -f64::from(line), std::iter::once((0, -0.1)));
            points.push(empty);
        }
        choices.settled(&points, &[vec![point]]).map(|settled| settled.objective)
    };
    assert_eq!(settled(0.1), Some(4.0));
    assert!(settled(0.25).is_some_and(|objective| (objective - (5.0 - 1.0 - 2.0 - 1.5)).abs() < 1e-9));
    assert!(
        settled(1.0).is_some_and(|objective| (objective - (5.0 - 55.0)).abs() < 1e-9),
        "the ninth and the tenth, too"
    );
    assert_eq!(settled(1.1), None);
}

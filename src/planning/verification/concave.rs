//! What one trade is worth: a concave function in straight pieces, and by how much a better trade would beat the one
//! that is made.

use super::arithmetic::OutOfRange;
use super::enclosure::Enclosure;
use crate::model::Decimal;

/// A bend of the function: past `at` each unit is worth less by `bend`, which is not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kink {
    pub(super) at: Enclosure,
    pub(super) bend: Enclosure,
}

/// Bends on one side: each is taken once it is passed, going outwards.
#[derive(Debug, Clone, Default)]
pub(super) struct Bends {
    pub(super) near: Vec<Kink>,
    /// The nearest one beside all of them: the others are reckoned only as far as somebody goes.
    steps: Option<(Kink, Steps)>,
}

/// Bends of one size at rising distances from a point, outwards, and none nearer than another point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    /// Where they are counted from, and the distance that they are parts of.
    pub(super) from: Enclosure,
    pub(super) width: Enclosure,
    /// Rising.
    pub(super) parts: &'static [Decimal],
    pub(super) bend: Enclosure,
    pub(super) no_nearer: Enclosure,
    /// Towards larger numbers.
    pub(super) rising: bool,
}

impl Steps {
    fn at(&self, part: Decimal) -> Result<Kink, OutOfRange> {
        let step = self.width.times(part)?;
        let at = if self.rising {
            self.from.plus(step)?.max(self.no_nearer)
        } else {
            self.from.minus(step)?.min(self.no_nearer)
        };
        Ok(Kink { at, bend: self.bend })
    }
}

impl Bends {
    pub(super) const fn of(near: Vec<Kink>) -> Self {
        Self { near, steps: None }
    }

    /// A copy that so many more can be put into.
    pub(super) fn with_room(&self, more: usize) -> Self {
        let mut near = Vec::with_capacity(self.near.len() + more);
        near.extend_from_slice(&self.near);
        Self { near, steps: self.steps }
    }

    /// With those that are the further out, the later.
    pub(super) fn with(mut self, steps: Steps) -> Result<Self, OutOfRange> {
        if let Some(nearest) = steps.parts.first() {
            self.steps = Some((steps.at(*nearest)?, steps));
        }
        Ok(self)
    }

    /// The step of this number, from the nearest on.
    fn step(&self, number: usize) -> Result<Option<Kink>, OutOfRange> {
        let Some((nearest, steps)) = &self.steps else { return Ok(None) };
        match (number, steps.parts.get(number)) {
            (0, _) => Ok(Some(*nearest)),
            (_, Some(part)) => steps.at(*part).map(Some),
            (_, None) => Ok(None),
        }
    }

    /// Does something with every bend for which the condition holds. It holds for a step only where it does for all that
    /// are nearer.
    fn each(
        &self,
        holds: impl Fn(&Kink) -> bool,
        mut take: impl FnMut(&Kink) -> Result<(), OutOfRange>,
    ) -> Result<(), OutOfRange> {
        for kink in self.near.iter().filter(|kink| holds(kink)) {
            take(kink)?;
        }
        let mut number = 0;
        while let Some(kink) = self.step(number)?.filter(|kink| holds(kink)) {
            take(&kink)?;
            number += 1;
        }
        Ok(())
    }
}

/// `slope · x − Σ bend · max(0, x − at) − Σ bend · max(0, at − x)`, the first sum over `above`, the second over `below`.
#[derive(Debug, Clone)]
pub(super) struct Concave {
    pub(super) slope: Enclosure,
    pub(super) above: Bends,
    pub(super) below: Bends,
}

impl Concave {
    pub(super) fn value(&self, x: Enclosure) -> Result<Enclosure, OutOfRange> {
        let mut value = self.slope.by(x)?;
        let mut lose = |kink: &Kink, distance: Enclosure| -> Result<(), OutOfRange> {
            value = value.minus(kink.bend.by(distance.excess())?)?;
            Ok(())
        };
        // Most bends are on the other side.
        self.above.each(|kink| x.high() > kink.at.low(), |kink| lose(kink, x.minus(kink.at)?))?;
        self.below.each(|kink| kink.at.high() > x.low(), |kink| lose(kink, kink.at.minus(x)?))?;
        Ok(value)
    }

    /// At least by how much the best x between `least` and `most` is worth more than `x`; zero where none is.
    ///
    /// From `x` outwards slopes only fall, so the gain is what lies under them until they are negative. Slopes are taken
    /// from their high ends and kinks from their far ends, and the walk starts at the near end of `x`. How far it may go is
    /// asked only where it leads up.
    pub(super) fn regret(
        &self,
        x: Enclosure,
        least: impl FnOnce() -> Result<Decimal, OutOfRange>,
        most: impl FnOnce() -> Result<Decimal, OutOfRange>,
    ) -> Result<Decimal, OutOfRange> {
        let upwards = climb(x.low(), self.slope.high(), most, (&self.above, &self.below), Kink::far)?;
        let least = || Ok(-least()?);
        let downwards = climb(-x.high(), -self.slope.low(), least, (&self.below, &self.above), Kink::mirrored)?;
        // The function has one hill: only one of the ways leads up, but for the width of `x` itself.
        Ok(upwards.max(downwards))
    }
}

impl Kink {
    fn far(&self) -> Decimal {
        self.at.high()
    }

    fn mirrored(&self) -> Decimal {
        -self.at.low()
    }
}

/// What walking from `start` to `end` gains while the slope is above zero: kinks `ahead` take from the slope once they
/// are passed, kinks `behind` add to it until they are.
fn climb(
    start: Decimal,
    slope: Decimal,
    end: impl FnOnce() -> Result<Decimal, OutOfRange>,
    (ahead, behind): (&Bends, &Bends),
    place: fn(&Kink) -> Decimal,
) -> Result<Decimal, OutOfRange> {
    let mut slope = Enclosure::exact(slope);
    let mut change = |by: Decimal| -> Result<(), OutOfRange> {
        slope = slope.plus(Enclosure::exact(by))?;
        Ok(())
    };
    ahead.each(|kink| place(kink) <= start, |kink| change(-kink.bend.low()))?;
    let is_passed_on_the_way = |kink: &Kink| place(kink) > start;
    behind.each(is_passed_on_the_way, |kink| change(kink.bend.high()))?;
    if slope.high() <= Decimal::ZERO {
        return Ok(Decimal::ZERO);
    }
    let end = end()?;
    if end <= start {
        return Ok(Decimal::ZERO);
    }
    let mut passed: Vec<(Decimal, Decimal)> = Vec::new();
    passed.extend(ahead.near.iter().map(|kink| (place(kink), kink.bend.low())));
    behind.each(is_passed_on_the_way, |kink| {
        passed.push((place(kink), kink.bend.high()));
        Ok(())
    })?;
    passed.sort_unstable();
    let mut passed = passed.into_iter().peekable();
    let (mut gained, mut from, mut number) = (Enclosure::ZERO, start, 0);
    let stretch = |from: Decimal, to: Decimal, slope: Decimal| -> Result<Enclosure, OutOfRange> {
        Enclosure::exact(to).minus(Enclosure::exact(from))?.times(slope)
    };
    loop {
        let step = ahead.step(number)?.map(|kink| (place(&kink), kink.bend.low()));
        let is_step = step.is_some_and(|step| passed.peek().is_none_or(|near| step <= *near));
        let next = if is_step { step } else { passed.peek().copied() };
        let Some((at, bend)) = next.filter(|(at, _)| *at < end) else { break };
        if is_step {
            number += 1;
        } else {
            let _ = passed.next();
        }
        // Those that are passed from the start on have been counted.
        if at <= start {
            continue;
        }
        gained = gained.plus(stretch(from, at, slope.high())?)?;
        from = at;
        slope = slope.minus(Enclosure::exact(bend))?;
        if slope.high() <= Decimal::ZERO {
            return Ok(gained.high());
        }
    }
    Ok(gained.plus(stretch(from, end, slope.high())?)?.high())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().expect(text)
    }

    fn kink((at, bend): (&str, &str)) -> Kink {
        Kink { at: Enclosure::exact(dec(at)), bend: Enclosure::exact(dec(bend)) }
    }

    /// Rises by 2 until −1, by 1 until 0, falls by 1 until 2 and by 3 from there on.
    fn hill() -> Concave {
        Concave {
            slope: Enclosure::exact(dec("-1")),
            above: Bends::of([("2", "2")].map(kink).to_vec()),
            below: Bends::of([("0", "2"), ("-1", "1")].map(kink).to_vec()),
        }
    }

    fn regret(at: &str, least: &str, most: &str) -> Decimal {
        hill().regret(Enclosure::exact(dec(at)), || Ok(dec(least)), || Ok(dec(most))).expect("in range")
    }

    #[test]
    fn the_value_is_the_sum_of_the_bends() {
        let at = |x: &str| hill().value(Enclosure::exact(dec(x))).expect("in range");
        for (x, value) in [("-2", "-3"), ("-1", "-1"), ("0", "0"), ("1", "-1"), ("2", "-2"), ("3", "-5")] {
            assert_eq!(at(x), Enclosure::exact(dec(value)), "at {x}");
        }
    }

    #[test]
    fn regret_is_the_way_to_the_top() {
        for (at, lost) in [("-2", "3"), ("-1", "1"), ("-0.5", "0.5"), ("0", "0"), ("1", "1"), ("2", "2"), ("3", "5")] {
            assert_eq!(regret(at, "-10", "10"), dec(lost), "at {at}");
        }
    }

    #[test]
    fn the_top_may_be_out_of_reach() {
        assert_eq!(regret("-2", "-2", "-1.5"), dec("1"));
        assert_eq!(regret("3", "2.5", "3"), dec("1.5"));
        assert_eq!(regret("3", "3", "3"), dec("0"));
        assert_eq!(regret("-2", "-5", "-2"), dec("0"));
    }

    /// No point of a fine grid beats what regret says, and one comes close.
    #[test]
    fn no_point_beats_the_regret() {
        let value = |x: Decimal| hill().value(Enclosure::exact(x)).expect("in range").high();
        let grid: Vec<Decimal> = (-300..=300).map(|step| Decimal::new(step, 2)).collect();
        let best = grid.iter().map(|x| value(*x)).max().expect("a grid");
        for x in grid {
            let regret = hill().regret(Enclosure::exact(x), || Ok(dec("-3")), || Ok(dec("3"))).expect("in range");
            assert_eq!(value(x) + regret, best, "at {x}");
        }
    }

    #[test]
    fn what_is_not_known_to_the_last_digit_is_taken_from_its_worse_end() {
        let at = Enclosure::exact(dec("0.1")).hull(Enclosure::exact(dec("0.3")));
        let blurred = Kink { at, bend: Enclosure::exact(dec("3")) };
        let function =
            Concave { slope: Enclosure::exact(dec("2")), above: Bends::of(vec![blurred]), below: Bends::default() };
        let regret = function.regret(Enclosure::exact(dec("0")), || Ok(dec("0")), || Ok(dec("1"))).expect("in range");
        assert_eq!(regret, dec("0.6"), "the kink may be as far as 0.3");
    }

    /// Bends in steps are the same bends, wherever one stands.
    #[test]
    fn steps_are_bends_one_after_another() {
        const PARTS: [Decimal; 2] = [Decimal::from_parts(25, 0, 0, false, 2), Decimal::from_parts(75, 0, 0, false, 2)];
        let exact = |text: &str| Enclosure::exact(dec(text));
        let steps = |rising| Steps {
            from: exact("1"),
            width: exact("4"),
            parts: &PARTS,
            bend: exact("1"),
            no_nearer: if rising { exact("2.5") } else { exact("-1") },
            rising,
        };
        let side = |rising, kinks: [(&str, &str); 1]| {
            Bends::of(kinks.map(kink).to_vec()).with(steps(rising)).expect("in range")
        };
        // The steeper ones lead past every bend of a side.
        for slope in ["1", "4", "-4"].map(exact) {
            let stepped = Concave { slope, above: side(true, [("0", "1")]), below: side(false, [("0", "1")]) };
            let (above, below) = ([("0", "1"), ("2.5", "1"), ("4", "1")], [("0", "1"), ("-1", "1"), ("-2", "1")]);
            let [above, below] = [above, below].map(|bends| Bends::of(bends.map(kink).to_vec()));
            let plain = Concave { slope, above, below };
            for x in (-60..=60).map(|tenths| Enclosure::exact(Decimal::new(tenths, 1))) {
                assert_eq!(stepped.value(x), plain.value(x), "at {x:?}");
                for (least, most) in [("-7", "7"), ("-1.5", "3")] {
                    let regret = |it: &Concave| it.regret(x, || Ok(dec(least)), || Ok(dec(most)));
                    assert_eq!(regret(&stepped), regret(&plain), "at {x:?}");
                }
            }
        }
    }
}

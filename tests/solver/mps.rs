//! A strict reader of MPS files, fixed or free: what it does not know, or knows under two names, is an error.
//!
//! Semantics where the format leaves a choice, as HiGHS and CPLEX have them: the first N row is the objective and further
//! ones are dropped; a right-hand side of the objective is subtracted from it; whole numbers between markers are 0 or 1
//! unless a bound says otherwise; a negative `UP` without a lower bound takes the lower bound away.

use std::collections::BTreeMap;

use index_rebalancer::solver::{Column, Goal, Program, Row};

/// Reads a file; names with spaces in them make it one of fixed columns.
pub(crate) fn read(text: &str) -> Result<Program, String> {
    Reader::default().read(text, free_fields).or_else(|free| {
        Reader::default().read(text, fixed_fields).map_err(|fixed| format!("free: {free}; fixed: {fixed}"))
    })
}

fn free_fields(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Columns 2–3, 5–12, 15–22, 25–36, 40–47 and 50–61, without the empty ones.
fn fixed_fields(line: &str) -> Vec<&str> {
    let fields = [(1, 3), (4, 12), (14, 22), (24, 36), (39, 47), (49, 61)];
    let field = |(from, to): (usize, usize)| line.get(from..line.len().min(to)).map(str::trim);
    fields.into_iter().filter_map(field).filter(|field| !field.is_empty()).collect()
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Section {
    Start,
    Sense,
    Rows,
    Columns,
    RightHandSides,
    Ranges,
    Bounds,
    End,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Objective,
    Dropped,
    AtMost,
    AtLeast,
    Equal,
}

#[derive(Default)]
struct Reader {
    maximise: bool,
    kinds: Vec<Kind>,
    rows: BTreeMap<String, usize>,
    columns: BTreeMap<String, usize>,
    stated: Vec<Stated>,
    entries: Vec<(usize, usize, f64)>,
    right: BTreeMap<usize, f64>,
    ranges: BTreeMap<usize, f64>,
    sets: BTreeMap<&'static str, String>,
    whole: bool,
}

/// A column, and which of its bounds somebody stated.
struct Stated {
    column: Column,
    lower: bool,
    upper: bool,
}

impl Reader {
    fn read(mut self, text: &str, fields: fn(&str) -> Vec<&str>) -> Result<Program, String> {
        let mut section = Section::Start;
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.is_empty() || line.starts_with('*') {
                continue;
            }
            if section == Section::End {
                return Err(format!("line {}: after ENDATA", at + 1));
            }
            let done = if line.starts_with(' ') || line.starts_with('\t') {
                self.data(section, &fields(line))
            } else {
                self.header(section, line).map(|next| section = next)
            };
            done.map_err(|what| format!("line {}: {what}: {line}", at + 1))?;
        }
        if section == Section::End { self.program() } else { Err("no ENDATA".to_owned()) }
    }

    fn header(&mut self, now: Section, line: &str) -> Result<Section, String> {
        let mut words = line.split_whitespace();
        let next = match words.next() {
            Some("NAME") if now == Section::Start => return Ok(Section::Start),
            Some("OBJSENSE") => {
                if let Some(sense) = words.next() {
                    self.sense(sense)?;
                }
                Section::Sense
            }
            Some("ROWS") => Section::Rows,
            Some("COLUMNS") => Section::Columns,
            Some("RHS") => Section::RightHandSides,
            Some("RANGES") => Section::Ranges,
            Some("BOUNDS") => Section::Bounds,
            Some("ENDATA") => Section::End,
            _ => return Err("no section that this reader knows".to_owned()),
        };
        // Bounds before ranges do no harm, and there are such files.
        let order_is_kept = next > now || (next == Section::Ranges && now == Section::Bounds);
        if order_is_kept && !self.whole { Ok(next) } else { Err("out of order, twice, or between markers".to_owned()) }
    }

    fn data(&mut self, section: Section, fields: &[&str]) -> Result<(), String> {
        match section {
            Section::Sense => match fields {
                [sense] => self.sense(sense),
                _ => Err("not a sense".to_owned()),
            },
            Section::Rows => self.row(fields),
            Section::Columns => self.column(fields),
            Section::RightHandSides => self.by_row("RHS", fields),
            Section::Ranges => self.by_row("RANGES", fields),
            Section::Bounds => self.bound(fields),
            Section::Start | Section::End => Err("data without a section".to_owned()),
        }
    }

    fn sense(&mut self, sense: &str) -> Result<(), String> {
        self.maximise = match sense.to_uppercase().as_str() {
            "MAX" | "MAXIMIZE" | "MAXIMISE" => true,
            "MIN" | "MINIMIZE" | "MINIMISE" => false,
            _ => return Err("not a sense".to_owned()),
        };
        Ok(())
    }

    fn row(&mut self, fields: &[&str]) -> Result<(), String> {
        let [kind, name] = fields else { return Err("not a kind and a name".to_owned()) };
        let kind = match *kind {
            "N" if self.kinds.contains(&Kind::Objective) => Kind::Dropped,
            "N" => Kind::Objective,
            "L" => Kind::AtMost,
            "G" => Kind::AtLeast,
            "E" => Kind::Equal,
            _ => return Err("not a kind of row".to_owned()),
        };
        if self.rows.insert((*name).to_owned(), self.kinds.len()).is_some() {
            return Err("a row of that name is there".to_owned());
        }
        self.kinds.push(kind);
        Ok(())
    }

    fn column(&mut self, fields: &[&str]) -> Result<(), String> {
        if let [_, "'MARKER'", marker] = fields {
            let opens = *marker == "'INTORG'";
            if (!opens && *marker != "'INTEND'") || opens == self.whole {
                return Err("not the marker that may come here".to_owned());
            }
            self.whole = opens;
            return Ok(());
        }
        let (name, pairs) = fields.split_first().ok_or("nothing")?;
        let next = self.stated.len();
        let column = match self.columns.get(*name) {
            Some(column) if *column + 1 == next => *column,
            Some(_) => return Err("its column was left before".to_owned()),
            None => {
                self.columns.insert((*name).to_owned(), next);
                let column = Column { lower: 0.0, upper: f64::INFINITY, objective: 0.0, integer: self.whole };
                self.stated.push(Stated { column, lower: false, upper: false });
                next
            }
        };
        for (row, value) in self.pairs(pairs)? {
            if self.entries.iter().rev().take_while(|(of, ..)| *of == column).any(|(_, in_row, _)| *in_row == row) {
                return Err("an entry that is there already".to_owned());
            }
            self.entries.push((column, row, value));
        }
        Ok(())
    }

    /// Row and value, once or twice.
    fn pairs(&self, fields: &[&str]) -> Result<Vec<(usize, f64)>, String> {
        if !matches!(fields.len(), 2 | 4) {
            return Err("not one or two pairs".to_owned());
        }
        let pair = |pair: &[&str]| {
            let row = self.rows.get(pair[0]).ok_or_else(|| format!("no row {}", pair[0]))?;
            Ok((*row, number(pair[1])?))
        };
        fields.chunks(2).map(pair).collect()
    }

    /// A right-hand side or a range; the name of the set may be left out, and there is one set.
    fn by_row(&mut self, section: &'static str, fields: &[&str]) -> Result<(), String> {
        let (set, pairs) = if fields.len() % 2 == 1 { (fields[0], &fields[1..]) } else { ("", fields) };
        self.one_set(section, set)?;
        let pairs = self.pairs(pairs)?;
        let into = if section == "RHS" { &mut self.right } else { &mut self.ranges };
        for (row, value) in pairs {
            if into.insert(row, value).is_some() {
                return Err("a value that is there already".to_owned());
            }
        }
        Ok(())
    }

    fn one_set(&mut self, section: &'static str, set: &str) -> Result<(), String> {
        let known = self.sets.entry(section).or_insert_with(|| set.to_owned());
        if known == set { Ok(()) } else { Err(format!("a second set beside {known}")) }
    }

    fn bound(&mut self, fields: &[&str]) -> Result<(), String> {
        let (kind, rest) = fields.split_first().ok_or("nothing")?;
        let needs_value = matches!(*kind, "UP" | "LO" | "FX" | "LI" | "UI");
        if !needs_value && !matches!(*kind, "FR" | "MI" | "PL" | "BV") {
            return Err("not a kind of bound that this reader knows".to_owned());
        }
        // The name of the set may be left out, and a value that is not needed may be there.
        let named = |at: usize| rest.get(at).and_then(|name| self.columns.get(*name)).copied();
        let (set, column, value) = match (named(1), named(0)) {
            (Some(column), _) if rest.len() <= 3 => (rest[0], column, rest.get(2)),
            (None, Some(column)) if rest.len() <= 2 => ("", column, rest.get(1)),
            _ => return Err("no column of that name".to_owned()),
        };
        self.one_set("BOUNDS", set)?;
        let value = match (value, needs_value) {
            (Some(value), true) => number(value)?,
            (None, true) => return Err("no value".to_owned()),
            (_, false) => 0.0,
        };
        self.stated[column].bound(kind, value)
    }

    fn program(self) -> Result<Program, String> {
        let objective = self.kinds.iter().position(|kind| *kind == Kind::Objective).ok_or("no objective")?;
        let mut rows = Vec::new();
        // Where each row of the file is in the program.
        let mut places = BTreeMap::new();
        for (at, kind) in self.kinds.iter().enumerate() {
            let right = self.right.get(&at).copied().unwrap_or(0.0);
            let bounds = match (kind, self.ranges.get(&at)) {
                (Kind::Objective | Kind::Dropped, None) => continue,
                (Kind::Objective | Kind::Dropped, Some(_)) => return Err("a range of the objective".to_owned()),
                (Kind::AtMost, None) => (f64::NEG_INFINITY, right),
                (Kind::AtLeast, None) => (right, f64::INFINITY),
                (Kind::Equal, None) => (right, right),
                (Kind::AtMost, Some(range)) => (right - range.abs(), right),
                (Kind::AtLeast, Some(range)) => (right, right + range.abs()),
                (Kind::Equal, Some(range)) => (right + range.min(0.0), right + range.max(0.0)),
            };
            places.insert(at, rows.len());
            rows.push(Row { lower: bounds.0, upper: bounds.1, terms: Vec::new() });
        }
        let mut columns: Vec<Column> = self.stated.into_iter().map(Stated::finished).collect();
        for (column, row, value) in self.entries {
            if row == objective {
                columns[column].objective = value;
            } else if let Some(place) = places.get(&row) {
                rows[*place].terms.push((column, value));
            }
        }
        let constant = -self.right.get(&objective).copied().unwrap_or(0.0);
        let goal = if self.maximise { Goal::Maximise } else { Goal::Minimise };
        Ok(Program { goal, constant: constant + 0.0, columns, rows })
    }
}

impl Stated {
    fn bound(&mut self, kind: &str, value: f64) -> Result<(), String> {
        let (lower, upper) = match kind {
            "UP" | "UI" => (None, Some(value)),
            "LO" | "LI" => (Some(value), None),
            "FX" => (Some(value), Some(value)),
            "FR" => (Some(f64::NEG_INFINITY), Some(f64::INFINITY)),
            "MI" => (Some(f64::NEG_INFINITY), None),
            "PL" => (None, Some(f64::INFINITY)),
            _ => (Some(0.0), Some(1.0)),
        };
        if (lower.is_some() && self.lower) || (upper.is_some() && self.upper) {
            return Err("a bound that is there already".to_owned());
        }
        if matches!(kind, "BV" | "LI" | "UI") {
            if value.fract() != 0.0 {
                return Err("not a whole number".to_owned());
            }
            self.column.integer = true;
        }
        self.column.lower = lower.unwrap_or(self.column.lower);
        self.column.upper = upper.unwrap_or(self.column.upper);
        self.lower |= lower.is_some();
        self.upper |= upper.is_some();
        Ok(())
    }

    fn finished(self) -> Column {
        let mut column = self.column;
        if column.integer && !self.lower && !self.upper {
            column.upper = 1.0;
        }
        if column.upper < 0.0 && !self.lower {
            column.lower = f64::NEG_INFINITY;
        }
        column
    }
}

/// A number, with the exponent letter of Fortran too; never one that is not finite but as a bound beyond 1e20.
fn number(text: &str) -> Result<f64, String> {
    let value: f64 = text.replace(['d', 'D'], "e").parse().map_err(|_| format!("{text} is not a number"))?;
    if value.is_nan() {
        return Err(format!("{text} is not a number"));
    }
    Ok(if value.abs() >= 1e20 { f64::INFINITY.copysign(value) } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "\
* a comment
NAME          SMALL FREE
OBJSENSE
    MAX
ROWS
 N  COST
 N  OTHER
 L  MOST
 G  LEAST
 E  SAME
 E  BELOW
COLUMNS
    X  COST  1.5D0  MOST  2
    X  OTHER  9
    M1  'MARKER'  'INTORG'
    Y  MOST  1  LEAST  -1
    Z  SAME  1  BELOW  1
    M2  'MARKER'  'INTEND'
    V  SAME  3
    W  LEAST  4
RHS
    R  COST  -7  MOST  10
    SIDE  LEAST  1
RANGES
    RNG  MOST  -4  LEAST  4
    RNG  SAME  2  BELOW  -2
BOUNDS
 UP BND X -3
 UI BND Y 12
 MI BND V
 FR W
ENDATA
";

    fn sound() -> String {
        SMALL.replace("    SIDE ", "    R ").replace(" FR W", " FR BND W")
    }

    #[test]
    fn every_section_means_what_the_format_says() {
        let program = read(&sound()).expect("sound");
        let free = f64::INFINITY;
        let column = |lower, upper, objective, integer| Column { lower, upper, objective, integer };
        assert_eq!(program.columns[0], column(-free, -3.0, 1.5, false), "a negative UP takes the lower bound away");
        assert_eq!(program.columns[1], column(0.0, 12.0, 0.0, true));
        assert_eq!(program.columns[2], column(0.0, 1.0, 0.0, true), "between markers, without a bound");
        assert_eq!(program.columns[3], column(-free, free, 0.0, false));
        assert_eq!(program.columns[4], column(-free, free, 0.0, false));
        let bounds: Vec<(f64, f64)> = program.rows.iter().map(|row| (row.lower, row.upper)).collect();
        assert_eq!(bounds, [(6.0, 10.0), (1.0, 5.0), (0.0, 2.0), (-2.0, 0.0)]);
        assert_eq!(program.rows[0].terms, [(0, 2.0), (1, 1.0)]);
        assert_eq!((program.goal, program.constant), (Goal::Maximise, 7.0));
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_line() {
        let sound = sound();
        for (from, to, what) in [
            ("ENDATA\n", "", "no ENDATA"),
            ("ENDATA", "ENDATA\n X", "after ENDATA"),
            (" E  SAME", " X  SAME", "not a kind of row"),
            (" E  SAME", " E  MOST", "a row of that name"),
            ("    V  SAME  3", "    V  NONE  3", "no row NONE"),
            ("    V  SAME  3", "    X  SAME  3", "left before"),
            ("    V  SAME  3", "    V  SAME  3x", "3x is not a number"),
            ("    V  SAME  3", "    V  SAME  nan", "nan is not a number"),
            ("    V  SAME  3", "    V  SAME", "not one or two pairs"),
            ("    W  LEAST  4", "    W  LEAST  4\n    W  LEAST  4", "an entry that is there"),
            ("    R  LEAST  1", "    R  LEAST  1\n    R  LEAST  1", "a value that is there"),
            ("    R  LEAST  1", "    S  LEAST  1", "a second set"),
            ("'INTEND'", "'INTORG'", "not the marker"),
            ("    M2  'MARKER'  'INTEND'\n", "", "between markers"),
            (" UI BND Y 12", " UI BND Y 12.5", "not a whole number"),
            (" UI BND Y 12", " UI BND Q 12", "no column of that name"),
            (" UI BND Y 12", " SC BND Y 12", "not a kind of bound"),
            (" UI BND Y 12", " UP BND Y", "no value"),
            (" MI BND V", " MI BND V\n LO BND V 1", "a bound that is there"),
            ("    RNG  MOST", "    RNG  COST", "a range of the objective"),
            ("RANGES", "QSECTION", "no section that this reader knows"),
            ("    MAX", "    BEST", "not a sense"),
        ] {
            assert!(sound.contains(from), "{from}");
            let error = read(&sound.replacen(from, to, 1)).expect_err(what);
            assert!(error.contains(what), "{what}: {error}");
        }
    }

    #[test]
    fn names_may_have_spaces_where_columns_are_fixed_and_sets_no_name() {
        let fixed = "\
NAME          FIXED
ROWS
 N  COST
 L  A ROW
COLUMNS
    X ONE     COST               1.0   A ROW              2.0
    X TWO     A ROW              3.0
RHS
    RHS       A ROW              4.0
BOUNDS
 UP BND       X TWO              5.0
ENDATA
";
        let program = read(fixed).expect("fixed columns");
        assert_eq!(program.rows[0].terms, [(0, 2.0), (1, 3.0)]);
        assert!((program.columns[1].upper - 5.0).abs() <= 0.0);
        let unnamed = sound().replace(" R  ", " ").replace(" BND", "");
        assert_eq!(read(&unnamed), read(&sound()));
    }

    #[test]
    fn each_kind_of_bound_means_what_the_format_says() {
        for kind in ["UP", "LO", "FX", "FR", "MI", "PL", "BV", "LI", "UI"] {
            let value = if matches!(kind, "FR" | "MI" | "PL" | "BV") { "" } else { "5" };
            let text = sound().replace(" UI BND Y 12", &format!(" {kind} BND Y {value}"));
            let column = read(&text).expect(kind).columns[1];
            let free = f64::INFINITY;
            let wanted = match kind {
                "UP" | "UI" => (0.0, 5.0),
                "LO" | "LI" => (5.0, free),
                "FX" => (5.0, 5.0),
                "FR" | "MI" => (-free, free),
                "PL" => (0.0, free),
                _ => (0.0, 1.0),
            };
            assert_eq!((column.lower, column.upper), wanted, "{kind}");
        }
    }
}

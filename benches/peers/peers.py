"""The peers of PyPI on the programs that the benchmark has written, one line of JSON for each that is solved.

    python peers.py FOLDER              # every program there, by the peers that it names, timed
    python peers.py FOLDER NAME PEER    # the whole process: reads that program, solves it once, prints the objective

A search that is stopped before its end has no objective: null, or None of a process.

FOLDER holds NAME.json (counts, the gap that whole quantities may have, who is asked) and NAME.bin: by column rewards, lower
ends, upper ends and 1 for whole numbers; by row lower and upper bounds; then the matrix by rows: places of rows, columns,
coefficients; all little-endian, counts and places as 64-bit integers. What a peer needs is imported where it is needed: a
whole process loads nothing for the others.
"""

import json
import pathlib
import sys
import time
import types

import numpy

REPEATS = 3
# What takes longer is steady: once is enough.
LONG_SECONDS = 0.5
# With whole numbers a search may take hours: it is stopped after so long, and what it took counts.
MOST_SECONDS = 10.0
# With more columns HiGHS's other ways take a hundred times as long as its dual simplex method.
MANY_COLUMNS = 10_000


def read(folder, name):
    head = json.loads((folder / f"{name}.json").read_text())
    columns, rows, terms = head["columns"], head["rows"], head["terms"]
    data = (folder / f"{name}.bin").read_bytes()
    place = 0

    def take(count, kind="<f8"):
        nonlocal place
        part = numpy.frombuffer(data, dtype=kind, count=count, offset=place)
        place += 8 * count
        return part

    it = types.SimpleNamespace(gap=head["gap"], peers=head["peers"])
    it.rewards, it.lower, it.upper, it.whole = take(columns), take(columns), take(columns), take(columns)
    it.row_lower, it.row_upper = take(rows), take(rows)
    it.starts, it.indices, it.coefficients = take(rows + 1, "<i8"), take(terms, "<i8"), take(terms)
    return it


def matrix_of(it):
    import scipy.sparse

    return scipy.sparse.csr_array((it.coefficients, it.indices, it.starts), shape=(len(it.row_upper), len(it.rewards)))


class ByScipy:
    """linprog, or milp where there are whole numbers; the matrices are made beforehand."""

    def __init__(self, it):
        self.it, matrix = it, matrix_of(it)
        self.bounds = numpy.column_stack([it.lower, it.upper])
        equal = it.row_lower == it.row_upper
        self.at_most, self.equal = (matrix[~equal], it.row_upper[~equal]), (matrix[equal], it.row_upper[equal])
        self.matrix = matrix
        if it.gap:
            # SciPy takes a relative gap alone: the same in terms of what comes out.
            self.options = {"mip_rel_gap": 0.01, "time_limit": MOST_SECONDS}
            roughly = self.solve()
            if roughly is not None:
                self.options["mip_rel_gap"] = it.gap / abs(roughly)

    def solve(self):
        from scipy.optimize import Bounds, LinearConstraint, linprog, milp

        it = self.it
        if it.gap:
            found = milp(-it.rewards, integrality=it.whole, bounds=Bounds(it.lower, it.upper),
                         constraints=LinearConstraint(self.matrix, it.row_lower, it.row_upper), options=self.options)
        else:
            (at_most, most), (equal, sums) = self.at_most, self.equal
            some = {"A_eq": equal, "b_eq": sums} if len(sums) else {}
            found = linprog(-it.rewards, A_ub=at_most, b_ub=most, bounds=self.bounds, method="highs",
                            options={"presolve": False}, **some)
        if it.gap and found.status == 1:
            return None
        assert found.status == 0, found.message
        return -found.fun


class ByCvxpy:
    """Stated once with parameters; only what a new run would change is set again."""

    def __init__(self, it, solver):
        import cvxpy

        matrix = matrix_of(it).tocsc()
        self.it, self.solver = it, solver
        self.options = {"mip_rel_gap": 0.0, "mip_abs_gap": it.gap, "time_limit": MOST_SECONDS} if it.gap else {}
        self.rewards, self.uppers, self.parts = [], [], []
        gain, limits, used = 0, [], 0
        free = it.lower == -numpy.inf
        for part, attributes in ((~free & (it.whole == 0), {"nonneg": True}), (free, {}), (it.whole == 1, {"integer": True})):
            at = numpy.flatnonzero(part)
            if not len(at):
                continue
            x = cvxpy.Variable(len(at), **attributes)
            reward, bounded = cvxpy.Parameter(len(at)), numpy.flatnonzero(it.upper[at] < numpy.inf)
            gain, used = gain + reward @ x, used + matrix[:, at] @ x
            self.rewards.append((reward, at))
            if "integer" in attributes:
                limits.append(x >= 0)
            if len(bounded):
                upper = cvxpy.Parameter(len(bounded))
                limits.append((x if len(bounded) == len(at) else x[bounded]) <= upper)
                self.uppers.append((upper, at[bounded]))
        equal = it.row_lower == it.row_upper
        self.sums = []
        for rows, relation in ((~equal, lambda left, right: left <= right), (equal, lambda left, right: left == right)):
            at = numpy.flatnonzero(rows)
            if len(at):
                bound = cvxpy.Parameter(len(at))
                limits.append(relation(used if len(at) == len(rows) else used[at], bound))
                self.sums.append((bound, at))
        self.problem = cvxpy.Problem(cvxpy.Maximize(gain), limits)
        self.solve()

    def solve(self):
        it = self.it
        for parameters, values in ((self.rewards, it.rewards), (self.uppers, it.upper), (self.sums, it.row_upper)):
            for parameter, at in parameters:
                parameter.value = values[at]
        objective = self.problem.solve(solver=self.solver, **self.options)
        return None if self.problem.status == "user_limit" else objective


class ByPortfolio:
    """PyPortfolioOpt wants a covariance, whether or not the objective looks at it."""

    def __init__(self, it):
        self.it, self.matrix, self.covariance = it, matrix_of(it), numpy.identity(len(it.rewards))

    def solve(self):
        import cvxpy
        from pypfopt import EfficientFrontier

        it = self.it
        frontier = EfficientFrontier(it.rewards, self.covariance, weight_bounds=list(zip(it.lower, it.upper)),
                                     solver=cvxpy.HIGHS)
        frontier.add_constraint(lambda w: self.matrix @ w <= it.row_upper)
        frontier.convex_objective(lambda w, rewards: -rewards @ w, weights_sum_to_one=False, rewards=it.rewards)
        return float(it.rewards @ frontier.weights)


class ByHighspy:
    """HiGHS itself, which is given the program in its own form and memory: what is timed is that it takes it and runs."""

    OPTIONS = {
        "dual": {"presolve": "off", "simplex_strategy": 1},
        "primal": {"presolve": "off", "simplex_strategy": 4},
        "presolved": {"presolve": "on"},
    }

    def __init__(self, it, way="dual"):
        import highspy

        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = len(it.rewards), len(it.row_upper)
        program.sense_ = highspy.ObjSense.kMaximize
        program.col_cost_, program.col_lower_, program.col_upper_ = it.rewards, it.lower, it.upper
        program.row_lower_, program.row_upper_ = it.row_lower, it.row_upper
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_, program.a_matrix_.index_ = it.starts.astype("i4"), it.indices.astype("i4")
        program.a_matrix_.value_ = it.coefficients
        options = dict(self.OPTIONS[way], output_flag=False, threads=1)
        if it.gap:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            program.integrality_ = [kinds[int(whole)] for whole in it.whole]
            options.update(presolve="on", mip_rel_gap=0.0, mip_abs_gap=it.gap, time_limit=MOST_SECONDS)
        self.program, self.options = program, options

    def solve(self):
        import highspy

        solver = highspy.Highs()
        for option, value in self.options.items():
            solver.setOptionValue(option, value)
        solver.passModel(self.program)
        solver.run()
        if solver.getModelStatus() == highspy.HighsModelStatus.kTimeLimit:
            return None
        return solver.getInfo().objective_function_value


def ways(it):
    """Those of HiGHS's own that may be the best."""
    if it.gap:
        return ["presolved"]
    return ["dual"] if len(it.rewards) > MANY_COLUMNS else list(ByHighspy.OPTIONS)


def solvers():
    """Those of cvxpy's that reach 1e-7 on these; the best of them is judged by the benchmark."""
    import cvxpy

    return [solver for solver in (cvxpy.HIGHS, cvxpy.CLARABEL) if solver in cvxpy.installed_solvers()]


def timed(solve):
    times, value = [], None
    while len(times) < REPEATS and (not times or times[0] < LONG_SECONDS):
        start = time.process_time()
        value = solve()
        times.append(time.process_time() - start)
    return sorted(times)[len(times) // 2], None if value is None else float(value)


def tell(name, peer, seconds, value):
    print(json.dumps({"name": name, "peer": peer, "seconds": seconds, "objective": value}), flush=True)


def main(folder):
    for head in sorted(folder.glob("*.json")):
        name = head.stem
        it = read(folder, name)
        if "HiGHS" in it.peers:
            for way in ways(it):
                tell(name, f"HiGHS {way}", *timed(ByHighspy(it, way).solve))
        if "SciPy" in it.peers:
            tell(name, "SciPy", *timed(ByScipy(it).solve))
        if "cvxpy" in it.peers:
            for solver in solvers():
                # Only HiGHS knows whole numbers.
                if solver == "HIGHS" or not it.gap:
                    tell(name, f"cvxpy {solver}", *timed(ByCvxpy(it, solver).solve))
        if "PyPortfolioOpt" in it.peers:
            tell(name, "PyPortfolioOpt", *timed(ByPortfolio(it).solve))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        name, peer = sys.argv[2:]
        print({"SciPy": ByScipy, "highspy": ByHighspy}[peer](read(pathlib.Path(sys.argv[1]), name)).solve())
    else:
        main(pathlib.Path(sys.argv[1]))

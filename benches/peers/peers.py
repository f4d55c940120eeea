"""The peers of PyPI on the programs that the benchmark has written, one line of JSON for each that is solved.

    python peers.py FOLDER [NAME]

FOLDER holds NAME.json (how many columns and rows) and NAME.bin (rewards, upper ends, bounds, then the matrix by rows:
places of rows, columns, coefficients; all little-endian, counts and places as 64-bit integers). With NAME only that one is
solved, by SciPy alone, and nothing is timed: that is the whole process.
"""

import json
import pathlib
import sys
import time

import numpy
import scipy.sparse
from scipy.optimize import linprog

REPEATS = 3
# Beyond this a peer that goes through cvxpy takes seconds for each: once is enough.
MANY_COLUMNS = 20_000
# PyPortfolioOpt wants a covariance, a square of this many columns, whether or not the objective looks at it.
PORTFOLIO_COLUMNS = 2_000


def read(folder, name):
    head = json.loads((folder / f"{name}.json").read_text())
    columns, rows, terms = head["columns"], head["rows"], head["terms"]
    data = (folder / f"{name}.bin").read_bytes()
    place = 0

    def take(count, kind):
        nonlocal place
        part = numpy.frombuffer(data, dtype=kind, count=count, offset=place)
        place += 8 * count
        return part

    rewards, uppers, bounds = take(columns, "<f8"), take(columns, "<f8"), take(rows, "<f8")
    starts, indices, coefficients = take(rows + 1, "<i8"), take(terms, "<i8"), take(terms, "<f8")
    matrix = scipy.sparse.csr_array((coefficients, indices, starts), shape=(rows, columns))
    return rewards, uppers, bounds, matrix


def by_scipy(program):
    rewards, uppers, bounds, matrix = program
    found = linprog(-rewards, A_ub=matrix, b_ub=bounds, bounds=numpy.column_stack([numpy.zeros_like(uppers), uppers]),
                    method="highs", options={"presolve": False})
    assert found.status == 0, found.message
    return -found.fun


class ByCvxpy:
    """Stated once with parameters; only what a new run would change is set again."""

    def __init__(self, program, solver):
        import cvxpy

        rewards, uppers, bounds, matrix = program
        self.solver = solver
        self.x = cvxpy.Variable(len(rewards), nonneg=True)
        self.rewards = cvxpy.Parameter(len(rewards), value=rewards)
        self.uppers = cvxpy.Parameter(len(uppers), value=uppers)
        self.bounds = cvxpy.Parameter(len(bounds), value=bounds)
        limits = [self.x <= self.uppers, matrix @ self.x <= self.bounds]
        self.problem = cvxpy.Problem(cvxpy.Maximize(self.rewards @ self.x), limits)
        self.program = program
        self.solve()

    def solve(self):
        rewards, uppers, bounds, _ = self.program
        self.rewards.value, self.uppers.value, self.bounds.value = rewards, uppers, bounds
        return self.problem.solve(solver=self.solver)


def by_portfolio(program, covariance):
    import cvxpy
    from pypfopt import EfficientFrontier

    rewards, uppers, bounds, matrix = program
    frontier = EfficientFrontier(rewards, covariance, weight_bounds=list(zip(numpy.zeros_like(uppers), uppers)),
                                 solver=cvxpy.HIGHS)
    frontier.add_constraint(lambda w: matrix @ w <= bounds)
    frontier.convex_objective(lambda w, rewards: -rewards @ w, weights_sum_to_one=False, rewards=rewards)
    return float(rewards @ frontier.weights)


def timed(solve, repeats):
    times, value = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        value = solve()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2], float(value)


def tell(name, peer, seconds, value):
    print(json.dumps({"name": name, "peer": peer, "seconds": seconds, "objective": value}), flush=True)


def main(folder):
    import cvxpy

    # Those that reach 1e-7 on these; the best of them is judged by the benchmark.
    solvers = [solver for solver in (cvxpy.HIGHS, cvxpy.CLARABEL) if solver in cvxpy.installed_solvers()]
    for head in sorted(folder.glob("*.json")):
        name = head.stem
        program = read(folder, name)
        columns = len(program[0])
        repeats = 1 if columns > MANY_COLUMNS else REPEATS
        tell(name, "SciPy", *timed(lambda: by_scipy(program), repeats))
        for solver in solvers:
            stated = ByCvxpy(program, solver)
            tell(name, f"cvxpy {solver}", *timed(stated.solve, repeats))
        if columns <= PORTFOLIO_COLUMNS:
            covariance = numpy.identity(columns)
            tell(name, "PyPortfolioOpt", *timed(lambda: by_portfolio(program, covariance), repeats))


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    if len(sys.argv) > 2:
        print(by_scipy(read(folder, sys.argv[2])))
    else:
        main(folder)

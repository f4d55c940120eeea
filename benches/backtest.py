"""The rule of benches/backtest.rs in `bt`, on the same file: prints seconds and the final value.

Reading the file and importing the libraries are not timed, as they are not on the other side.
"""

import sys
import time

import bt
import pandas as pd

FREQUENCIES = {"daily": bt.algos.RunDaily, "weekly": bt.algos.RunWeekly, "monthly": bt.algos.RunMonthly}


def main(path: str, schedule: str, fee: float) -> None:
    rows = pd.read_csv(path, usecols=["date", "symbol", "close_usd"], parse_dates=["date"])
    prices = rows.pivot(index="date", columns="symbol", values="close_usd")
    strategy = bt.Strategy(
        schedule,
        [
            FREQUENCIES[schedule](run_on_first_date=True),
            bt.algos.SelectAll(),
            bt.algos.WeighEqually(),
            bt.algos.Rebalance(),
        ],
    )
    test = bt.Backtest(
        strategy,
        prices,
        initial_capital=1_000_000.0,
        commissions=lambda quantity, price: abs(quantity) * price * fee,
        integer_positions=False,
        progress_bar=False,
    )
    start = time.perf_counter()
    test.run()
    seconds = time.perf_counter() - start
    print(f"{seconds:.6f} {test.strategy.values.iloc[-1]:.9f}")


main(sys.argv[1], sys.argv[2], float(sys.argv[3]))

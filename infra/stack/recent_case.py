"""A fixture as if its first day were today.

The function goes by the real clock, and the guards against stale data are on: a case of the past would be refused, and
rightly so. Only dates move; every figure stays.
"""

import datetime
import re
from pathlib import Path

DAYS = re.compile(r"(?m)^\[\[days\]\]\n")
DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}(?![\d-])")
# Grades are dated a few days before the case's day; the dates of coins' launches are years older, and stay.
NEAR_DAYS = 10


def write(source: Path, target: Path, today: datetime.date) -> Path:
    """Copies a case of which the first day is the only one left. The folder that it is in."""
    head, first_day, *_ = DAYS.split((source / "case.toml").read_text())
    day = datetime.date.fromisoformat(re.search(r'at = "(\d{4}-\d{2}-\d{2})T', first_day)[1])
    case = f"{head}[[days]]\n{first_day}"
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        old.unlink()
    (target / "case.toml").write_text(_moved(case, day, today))
    for file in sorted(source.iterdir()):
        if f'"{file.name}"' in case:
            (target / _moved(file.name, day, today)).write_text(_moved(file.read_text(), day, today))
    return target


def _moved(text: str, day: datetime.date, today: datetime.date) -> str:
    def move(found: re.Match[str]) -> str:
        try:
            distance = datetime.date.fromisoformat(found[0]) - day
        except ValueError:
            return found[0]
        return (today + distance).isoformat() if abs(distance.days) <= NEAR_DAYS else found[0]

    return DATE.sub(move, text)

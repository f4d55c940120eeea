"""The stack with a fixture in it: what both `make stack` and `make stack-test` begin with."""

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import recent_case
from .deployment import BUCKET, ROOT, TEMPLATE, Deployment, deploy, parameters, run
from .emulator import Emulator

PORTFOLIO = "blue-chip"
WORK = ROOT / "target/stack"
REBALANCE = ROOT / "target/debug/rebalance"


@dataclass(frozen=True)
class Order:
    """What is to be traded, as text: the digits count."""

    side: str
    instrument: str
    quantity: str
    limit_price: str


@dataclass(frozen=True)
class Stack:
    """A running emulator, what is deployed in it, and the case that is loaded."""

    emulator: Emulator
    deployment: Deployment
    case: Path

    def rebalance(self, *words: str) -> str:
        """The command line on the stack's table."""
        store = f"dynamodb:{self.deployment.table}"
        return run(self.emulator, [str(REBALANCE), *words, "--store", store])

    def allow_pages_in_the_clear(self) -> None:
        """Takes away the bucket's policy: it denies requests without TLS, and the emulator is reached by no other."""
        bucket = ["--bucket", self.deployment.outputs["ReportBucketName"]]
        policy = json.loads(run(self.emulator, ["aws", "s3api", "get-bucket-policy", *bucket, "--query", "Policy", "--output", "text"]))
        if [statement["Sid"] for statement in policy["Statement"]] != ["NothingInTheClear"]:
            raise ValueError(f"the policy of the bucket says more than that: {policy}")
        run(self.emulator, ["aws", "s3api", "delete-bucket-policy", *bucket])

    def planned(self, scheduled_time: str) -> dict[str, Order]:
        """What the terminal would do from the files, without this table."""
        words = [str(REBALANCE), "plan", str(self.case), "--at", scheduled_time, "--format", "json"]
        words += ["--store", str(WORK / "terminal")]
        document = json.loads(run(self.emulator, words))
        return by_key(document["runs"][0]["run"]["orders"])

    def emitted(self, *, only_open: bool = False) -> dict[str, Order]:
        """What stands in the table's outbox, whatever became of it."""
        words = ["orders", *(["--open"] if only_open else []), "--format", "json"]
        return by_key(json.loads(self.rebalance(*words))["orders"])


def by_key(orders: list[dict]) -> dict[str, Order]:
    """Of a report or of an outbox. Validity is left out: the function plans some seconds after the nominal time."""
    return {
        order["client_order_id"]: Order(order["side"], order["instrument"], order["quantity"], order["limit_price"])
        for order in orders
    }


def event(mode: str, scheduled_time: str) -> dict[str, object]:
    """What EventBridge Scheduler sends, once it has filled in the time."""
    return {"schema": 1, "portfolio": PORTFOLIO, "mode": mode, "scheduled_time": scheduled_time}


def this_minute() -> str:
    """A nominal time that is due now."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:00Z")


@contextmanager
def rehearsed(template: Path = TEMPLATE, more_policy: str = "") -> Iterator[Stack]:
    """Starts the emulator, deploys, loads the fixture, with more at the end of its policy if that is given."""
    today = datetime.datetime.now(datetime.UTC).date()
    case = recent_case.write(ROOT / "fixtures" / PORTFOLIO, WORK / PORTFOLIO, today)
    with (case / "policy.toml").open("a") as policy:
        policy.write(more_policy)
    # Recovery once a minute, so that nobody waits for it; grades come from the files.
    changes = {
        "VenueMode": "outbox",
        "Portfolios": PORTFOLIO,
        "RecoverExpression": "rate(1 minute)",
        "FetchGrades": "false",
    }
    chosen = parameters(ROOT / "infra/parameters/paper.json", changes)
    with Emulator(WORK / "emulator.log") as emulator:
        run(emulator, ["aws", "s3", "mb", f"s3://{BUCKET}"])
        stack = Stack(emulator, deploy(emulator, chosen, template), case)
        stack.allow_pages_in_the_clear()
        stack.rebalance("load", str(case))
        yield stack

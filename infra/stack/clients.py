"""What is asked of the emulator besides deploying: invocations, schedules, tables, queues, logs."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from .deployment import STACK
from .emulator import REGION, ROOT, Emulator


T = TypeVar("T")


def client(emulator: Emulator, service: str) -> Any:
    """A client as root. It repeats nothing and waits long: an invocation is not to be sent twice."""
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=emulator.endpoint,
        aws_access_key_id=ROOT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ROOT["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}, read_timeout=330),
    )


def invoke(emulator: Emulator, function: str, event: object) -> tuple[str | None, Any]:
    """Invokes and waits. The kind of error, if it was one, and the answer."""
    answer = client(emulator, "lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return answer.get("FunctionError"), json.load(answer["Payload"])


def deliver(emulator: Emulator, function: str, event: object) -> Any:
    """As Lambda delivers events: again where the function says that it helps. The answer."""
    for _ in range(60):
        error, answer = invoke(emulator, function, event)
        if error is None:
            return answer
        if answer.get("errorType") != "RetryHelps":
            break
        time.sleep(1)
    raise AssertionError(f"{event}: {error}: {answer}")


def items(emulator: Emulator, table: str) -> list[dict[str, Any]]:
    """Every item of the table, by key."""
    pages = client(emulator, "dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    found = [item for page in pages for item in page["Items"]]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def order_keys(emulator: Emulator, table: str) -> set[str]:
    """Keys of the orders that runs have committed to sending, whatever the venue knows of them."""
    return {item["sk"]["S"] for item in items(emulator, table) if item["pk"]["S"].startswith("orders#")}


def fire(emulator: Emulator, name: str, scheduled_time: str) -> None:
    """Lets the emulator's scheduler fire a deployed schedule, from a minute on and every minute.

    MiniStack sends the schedule's input as it is; AWS fills in the context attributes. That is done here, and nothing
    else of the schedule is changed but when it is due. (`at(…)` would be ignored for a schedule that MiniStack has seen.)
    """
    found = client(emulator, "scheduler").get_schedule(Name=name, GroupName=STACK)
    target = found["Target"]
    target["Input"] = (
        target["Input"]
        .replace("<aws.scheduler.scheduled-time>", scheduled_time)
        .replace("<aws.scheduler.schedule-arn>", found["Arn"])
    )
    _reschedule(emulator, found, "rate(1 minute)", "ENABLED")


def silence(emulator: Emulator, name: str) -> None:
    """Stops a schedule."""
    found = client(emulator, "scheduler").get_schedule(Name=name, GroupName=STACK)
    _reschedule(emulator, found, found["ScheduleExpression"], "DISABLED")


def _reschedule(emulator: Emulator, found: dict[str, Any], expression: str, state: str) -> None:
    client(emulator, "scheduler").update_schedule(
        Name=found["Name"],
        GroupName=STACK,
        ScheduleExpression=expression,
        FlexibleTimeWindow=found["FlexibleTimeWindow"],
        State=state,
        Target=found["Target"],
    )


def log_lines(emulator: Emulator, group: str) -> list[str]:
    """What the function wrote, and the lines of the platform around it."""
    logs = client(emulator, "logs")
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return [event["message"].rstrip() for page in pages for event in page["events"]]


def eventually(what: str, look: Callable[[], T], within_s: float = 90) -> T:
    """Looks until there is something to see."""
    deadline = time.monotonic() + within_s
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"after {within_s} s still not: {what}")
        time.sleep(0.5)

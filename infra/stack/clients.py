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


def items(emulator: Emulator, table: str) -> list[dict[str, Any]]:
    """Every item of the table, by key."""
    pages = client(emulator, "dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    found = [item for page in pages for item in page["Items"]]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def orders(emulator: Emulator, table: str) -> dict[str, str]:
    """Payload digests of the orders in the table, by key."""
    stored = [item for item in items(emulator, table) if item["pk"]["S"].startswith("orders#")]
    return {item["sk"]["S"]: item["payload_digest"]["S"] for item in stored}


def fire(emulator: Emulator, name: str, scheduled_time: str) -> None:
    """Lets the emulator's scheduler fire a deployed schedule, as it stands, within ten seconds.

    MiniStack sends the schedule's input as it is; AWS fills in the context attributes. That is done here, and nothing
    else of the schedule is changed but that it is due now.
    """
    scheduler = client(emulator, "scheduler")
    schedule = scheduler.get_schedule(Name=name, GroupName=STACK)
    target = schedule["Target"]
    target["Input"] = (
        target["Input"]
        .replace("<aws.scheduler.scheduled-time>", scheduled_time)
        .replace("<aws.scheduler.schedule-arn>", schedule["Arn"])
    )
    scheduler.update_schedule(
        Name=name,
        GroupName=STACK,
        ScheduleExpression=f"at({scheduled_time.removesuffix('Z')})",
        FlexibleTimeWindow=schedule["FlexibleTimeWindow"],
        State=schedule["State"],
        Target=target,
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

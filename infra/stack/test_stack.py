"""The real template, the real function, the real Runtime API; every call that the function makes is authorized."""

import io
import json
import unittest
import zipfile

import rendering
import runbook

from .clients import client, deliver, eventually, fire, invoke, items, log_lines, order_keys, silence
from .deployment import ROOT, STACK, run
from .emulator import LOOPBACK
from .rehearsal import PORTFOLIO, Order, by_key, event, rehearsed, this_minute


class TheStack(unittest.TestCase):
    """One stack for all of it. Tests run by name: the first one finds a table without runs."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.stack = cls.enterClassContext(rehearsed())
        cls.emulator = cls.stack.emulator
        cls.deployment = cls.stack.deployment

    def client(self, service: str):
        return client(self.emulator, service)

    # --- orders ---

    def test_a_scheduled_run_is_the_terminals_plan_and_outlives_an_update(self) -> None:
        at = this_minute()
        planned = self.stack.planned(at)
        self.assertGreater(len(planned), 10)
        self._dry_run_is(planned, at)

        fire(self.emulator, f"{STACK}-{PORTFOLIO}", at)
        first = eventually("orders in the outbox", self.stack.emitted)
        silence(self.emulator, f"{STACK}-{PORTFOLIO}")
        self.assertLessEqual(first.items(), planned.items())
        before = self._delivered_again(at)
        self.assertNotEqual(before["state"], "done", "an update would find nothing unsettled")

        self._update()
        after = self._delivered_again(at)
        self.assertEqual(after["plan_digest"], before["plan_digest"])

        # An executor that fills everything; buys are sent as soon as sells have paid for them.
        for _ in range(10):
            executed = self._execute_what_is_open()
            deliver(self.emulator, self.deployment.function, {"schema": 1, "mode": "recover"})
            if not executed:
                break
        settled = self._delivered_again(at)
        self.assertEqual((settled["state"], settled["plan_digest"]), ("done", before["plan_digest"]))
        self.assertEqual(settled["orders_by_state"], {"filled": len(planned)})
        self.assertEqual(self.stack.emitted(), planned)
        self._page_is_the_terminals(at)
        self.assertEqual(order_keys(self.emulator, self.deployment.table), planned.keys())
        self.stack.rebalance("audit")

    def _dry_run_is(self, planned: dict[str, Order], at: str) -> None:
        before = items(self.emulator, self.deployment.table)
        report = deliver(self.emulator, self.deployment.dry_run_function, event("dry-run", at))
        self.assertEqual(by_key(report["runs"][0]["run"]["orders"]), planned)
        # There is no run yet, so recovery has nothing to write either.
        self.assertEqual(items(self.emulator, self.deployment.table), before, "a dry run wrote something")

    def _page_is_the_terminals(self, at: str) -> None:
        """One page for the run, at its place, as the terminal makes it from the table; encrypted as the bucket says."""
        s3, bucket = self.client("s3"), self.deployment.outputs["ReportBucketName"]
        (page,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
        run = json.loads(self.stack.rebalance("runs", "--format", "json"))["runs"][0]["run_id"]
        self.assertEqual(page["Key"], f"reports/paper/{PORTFOLIO}/{at[:10].replace('-', '/')}/{run}.html")
        found = s3.get_object(Bucket=bucket, Key=page["Key"])
        self.assertEqual(found["ContentType"], "text/html; charset=utf-8")
        self.assertEqual(found["Body"].read().decode(), self.stack.rebalance("report", run, "--html"))

    def _delivered_again(self, at: str) -> dict:
        """The same event by hand: the stored run answers. How it is carried out so far."""
        report = deliver(self.emulator, self.deployment.function, event("live", at))
        return report["runs"][0]["run"]["execution"]

    def _update(self) -> None:
        """Other bytes of the same function, as a new version would be, while orders stand open."""
        package = io.BytesIO((ROOT / "target/lambda/bootstrap.zip").read_bytes())
        with zipfile.ZipFile(package, "a") as archive:
            archive.comment = b"another version"
        functions = self.client("lambda")
        was = functions.get_function_configuration(FunctionName=self.deployment.function)["CodeSha256"]
        functions.update_function_code(FunctionName=self.deployment.function, ZipFile=package.getvalue())
        functions.get_waiter("function_updated_v2").wait(FunctionName=self.deployment.function)
        now = functions.get_function_configuration(FunctionName=self.deployment.function)["CodeSha256"]
        self.assertNotEqual(was, now)

    def _execute_what_is_open(self) -> int:
        """Acknowledges and fills every open order at its limit. How many those were."""
        open_orders = self.stack.emitted(only_open=True)
        for key, order in open_orders.items():
            self.stack.rebalance("ack", key, "--by", "executor")
            self.stack.rebalance("fill", key, "--quantity", order.quantity, "--price", order.limit_price,
                                 "--fee", "0", "--fill-id", f"fill-{key}", "--by", "executor")
        return len(open_orders)

    def test_recovery_is_fired_by_the_emulators_own_schedule(self) -> None:
        # Nobody else invokes the function while this waits.
        before = len(self._invocations())
        lines = eventually("an invocation that nobody here made", lambda: self._invocations()[before:])
        self.assertTrue(lines)
        written = log_lines(self.emulator, f"/aws/lambda/{self.deployment.function}")
        after = written[written.index(lines[0]) :]
        self.assertFalse([line for line in after if '"ERROR"' in line], after)

    def _invocations(self) -> list[str]:
        written = log_lines(self.emulator, f"/aws/lambda/{self.deployment.function}")
        return [line for line in written if line.startswith("START RequestId")]

    # --- authorization ---

    def test_the_dry_run_function_cannot_write(self) -> None:
        denied = {"schema": 1, "portfolio": PORTFOLIO, "mode": "live", "label": "denied"}
        before = self._runs()
        _, answer = invoke(self.emulator, self.deployment.dry_run_function, denied)
        self.assertIn("AccessDenied", json.dumps(answer))
        self.assertEqual(self._runs(), before)
        role = self._role("DryRunRole")
        for action in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"):
            self.assertEqual(self._may(role, f"dynamodb:{action}", self._table_arn()), "implicitDeny", action)
        self.assertEqual(self._may(role, "dynamodb:GetItem", self._table_arn()), "allowed")

    def _runs(self) -> list[str]:
        stored = items(self.emulator, self.deployment.table)
        return [item["sk"]["S"] for item in stored if item["pk"]["S"].startswith("run#")]

    def test_the_role_allows_what_is_called_and_nothing_else(self) -> None:
        role, table = self._role("FunctionRole"), self._table_arn()
        for action in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem", "Query"):
            self.assertEqual(self._may(role, f"dynamodb:{action}", table), "allowed", action)
            self.assertEqual(self._may(role, f"dynamodb:{action}", f"{table}-other"), "implicitDeny", action)
        for action in ("Scan", "DeleteTable", "UpdateTable", "BatchWriteItem", "CreateTable"):
            self.assertEqual(self._may(role, f"dynamodb:{action}", table), "implicitDeny", action)
        secret = self.deployment.outputs["TokenMetricsSecretArn"]
        # This deployment fetches no grades, so its role reads no key.
        self.assertEqual(self._may(role, "secretsmanager:GetSecretValue", secret), "implicitDeny")
        bucket = f"arn:aws:s3:::{self.deployment.outputs['ReportBucketName']}"
        places = {"reports/paper/x.html": "allowed", "other/x.html": "implicitDeny"}
        for key, expected in places.items():
            self.assertEqual(self._may(role, "s3:PutObject", f"{bucket}/{key}"), expected, key)
            self.assertEqual(self._may(role, "s3:GetObject", f"{bucket}/{key}"), "implicitDeny", key)
        topics = {"AlertTopicArn": "allowed", "PageTopicArn": "implicitDeny"}
        for topic, expected in topics.items():
            self.assertEqual(self._may(role, "sns:Publish", self.deployment.outputs[topic]), expected, topic)

    # --- what fails, and who hears of it ---

    def test_an_event_that_keeps_failing_is_a_dead_letter(self) -> None:
        functions = self.client("lambda")
        stated = functions.get_function_configuration(FunctionName=self.deployment.function)["Environment"]["Variables"]
        self._configure({**stated, "REBALANCE_TABLE": "no-such-table"})
        self.addCleanup(self._configure, stated)
        failing = {**event("live", this_minute()), "execution_id": "dead-letter"}
        functions.invoke(FunctionName=self.deployment.function, InvocationType="Event", Payload=json.dumps(failing))
        queue = self.deployment.outputs["FunctionDeadLettersUrl"]
        letters = eventually("a dead letter", lambda: self._letters(queue, "dead-letter"))
        self.assertEqual(letters[0]["requestPayload"], failing)

    def _configure(self, variables: dict[str, str]) -> None:
        functions = self.client("lambda")
        functions.update_function_configuration(
            FunctionName=self.deployment.function, Environment={"Variables": variables}
        )
        functions.get_waiter("function_updated_v2").wait(FunctionName=self.deployment.function)

    def _letters(self, queue: str, mark: str) -> list[dict]:
        received = self.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=1)
        return [json.loads(found["Body"]) for found in received.get("Messages", []) if mark in found["Body"]]

    def test_every_schedule_keeps_what_it_could_not_deliver(self) -> None:
        scheduler = self.client("scheduler")
        queue = f"{STACK}-schedule-dead-letters"
        names = {found["Name"] for found in scheduler.list_schedules(GroupName=STACK)["Schedules"]}
        self.assertEqual(names, {f"{STACK}-{PORTFOLIO}", f"{STACK}-recover"})
        role = self._role("SchedulerRole")
        for name in names:
            target = scheduler.get_schedule(Name=name, GroupName=STACK)["Target"]
            dead_letters = target["DeadLetterConfig"]["Arn"]
            self.assertTrue(dead_letters.endswith(f":{queue}"), dead_letters)
            self.assertTrue(target["RoleArn"].endswith(f"/{role.rsplit('/', 1)[1]}"))
            self.assertEqual(self._may(role, "sqs:SendMessage", dead_letters), "allowed")
            self.assertEqual(self._may(role, "lambda:InvokeFunction", target["Arn"]), "allowed")

    def test_every_alarm_pages(self) -> None:
        alarms = self.client("cloudwatch").describe_alarms()["MetricAlarms"]
        of_portfolios = ("RunMissing", "RunAborted", "OrderUnknown", "OrderRejected")
        of_runs = ("RunStuck", "RunNotReached", "RecoverMissing", "EventRefused", "AlertFailed")
        of_all = (*of_runs, "FunctionErrors", "FunctionThrottles")
        of_queues = ("FunctionDeadLetter", "ScheduleDeadLetter")
        expected = {f"{STACK}-{name}-{PORTFOLIO}" for name in of_portfolios}
        expected |= {f"{STACK}-{name}" for name in of_all + of_queues}
        self.assertEqual({alarm["AlarmName"] for alarm in alarms}, expected)
        for alarm in alarms:
            self.assertEqual(alarm["AlarmActions"], [self.deployment.outputs["PageTopicArn"]], alarm["AlarmName"])

    def test_the_runbook_begins_each_alarm_with_commands_that_work(self) -> None:
        sections = runbook.sections(runbook.RUNBOOK.read_text())
        (names,) = runbook.blocks(sections["Before anything"])
        alarms = [name for name in sections if f"-{name}" in rendering.TEMPLATE.read_text()]
        self.assertGreaterEqual(len(alarms), 10)
        variables = {"STACK": STACK, "PORTFOLIO": PORTFOLIO}
        for alarm in alarms:
            with self.subTest(alarm):
                script = f"set -euo pipefail\n{names}{runbook.blocks(sections[alarm])[0]}"
                self.assertTrue(run(self.emulator, ["bash", "-c", script], variables))

    # --- the emulator, and what is kept ---

    def test_nobody_else_on_the_network_can_reach_the_emulator(self) -> None:
        self.assertEqual(self.emulator.listens_on(), {LOOPBACK})

    def test_table_and_its_stream_are_as_the_store_wants_them(self) -> None:
        table = self.client("dynamodb").describe_table(TableName=self.deployment.table)["Table"]
        self.assertEqual(table["StreamSpecification"], {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        self.assertEqual([index["IndexName"] for index in table["GlobalSecondaryIndexes"]], ["runs_by_portfolio"])
        # MiniStack takes no TTL from a template; infra/tests compares it with the store's own.

    # --- names ---

    def _role(self, logical_id: str) -> str:
        found = self.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
        name = found["StackResourceDetail"]["PhysicalResourceId"]
        return self.client("iam").get_role(RoleName=name)["Role"]["Arn"]

    def _table_arn(self) -> str:
        return self.client("dynamodb").describe_table(TableName=self.deployment.table)["Table"]["TableArn"]

    def _may(self, role: str, action: str, resource: str) -> str:
        answer = self.client("iam").simulate_principal_policy(
            PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
        )
        return answer["EvaluationResults"][0]["EvalDecision"]


if __name__ == "__main__":
    unittest.main()

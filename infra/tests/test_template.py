"""What the linters do not see: what is kept, who may do what, whether every environment and portfolio is complete."""

import json
import re
import unittest
from pathlib import Path
from typing import Any

import policy_scan
import rendering

INFRA = Path(__file__).resolve().parents[1]
ROOT = INFRA.parent
TEXT = rendering.TEMPLATE.read_text()
TEMPLATE = rendering.load(TEXT)
ENVIRONMENTS = {file.stem: rendering.parameters(file) for file in sorted((INFRA / "parameters").glob("*.json"))}
RENDERED = {name: rendering.render(TEMPLATE, chosen) for name, chosen in ENVIRONMENTS.items()}
# What the function writes: it knows no metric but the variants of this enumeration, whose names are theirs.
WRITTEN = (ROOT / "src/function/metrics.rs").read_text()
(NAMESPACE,) = re.findall(r'const NAMESPACE: &str = "(\w+)";', WRITTEN)
(VARIANTS,) = re.findall(r"pub enum Metric \{(.*?)^\}", WRITTEN, re.DOTALL | re.MULTILINE)
METRICS = set(re.findall(r"^    (\w+),$", VARIANTS, re.MULTILINE))
# Those that are filed under no portfolio: an alarm with that dimension would never see them, and the other way round.
(OF_NONE,) = re.findall(r"fn is_by_portfolio\(self\) -> bool \{\s*!matches!\((.*?)\)\s*\}", WRITTEN, re.DOTALL)
OF_NO_PORTFOLIO = set(re.findall(r"Self::(\w+)", OF_NONE))
KEPT = {"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::S3::Bucket"}


def statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """Of the policies of a role, a topic or a key."""
    properties = resource["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties[name] for name in ("PolicyDocument", "KeyPolicy") if name in properties]
    return [statement for document in documents for statement in document["Statement"]]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def not_kept(resources: dict[str, Any]) -> list[str]:
    """Resources with something irreplaceable in them that a deletion or replacement would take along."""
    return [
        f"{name}: {policy}"
        for name, resource in resources.items()
        for policy in ("DeletionPolicy", "UpdateReplacePolicy")
        if resource["Type"] in KEPT and resource.get(policy) != "Retain"
    ]


def wildcards(resources: dict[str, Any]) -> list[str]:
    """Permissions on more than what they name. A key's or a bucket's own policy is on that, and checkov looks at it."""
    found = []
    own = {"AWS::KMS::Key", "AWS::S3::BucketPolicy"}
    for name, resource in resources.items():
        for statement in [] if resource["Type"] in own else statements(resource):
            found += [f"{name}: {action}" for action in listed(statement["Action"]) if "*" in action]
            for place in map(json.dumps, listed(statement["Resource"])):
                # Lambda makes up the names of a log group's streams, and the function those of its pages.
                if "*" in place.replace(":log-stream:*", "").replace("/reports/*", ""):
                    found.append(f"{name}: {place}")
    return found


def alarms(resources: dict[str, Any]) -> dict[str, Any]:
    return {name: resource for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm"}


class EveryEnvironment(unittest.TestCase):
    def test_there_are_several(self) -> None:
        self.assertEqual(set(ENVIRONMENTS), {"paper", "live"})

    def test_states_every_parameter(self) -> None:
        for name, chosen in ENVIRONMENTS.items():
            self.assertEqual(set(chosen), set(TEMPLATE["Parameters"]), name)
            for key, value in chosen.items():
                allowed = TEMPLATE["Parameters"][key].get("AllowedValues")
                self.assertTrue(allowed is None or value in map(str, allowed), f"{name}: {key}={value}")

    def test_is_named_as_its_runs_are(self) -> None:
        for name, chosen in ENVIRONMENTS.items():
            self.assertEqual(chosen["Environment"], name)

    def test_knows_when_its_portfolios_are_due(self) -> None:
        for chosen in ENVIRONMENTS.values():
            for portfolio in chosen["Portfolios"].split(","):
                self.assertIn(portfolio, TEMPLATE["Mappings"]["Portfolios"])
                self.assertTrue((ROOT / "fixtures" / portfolio).is_dir(), portfolio)

    def test_keeps_table_key_and_secret(self) -> None:
        for rendered in RENDERED.values():
            resources = rendered["Resources"]
            self.assertEqual(not_kept(resources), [])
            self.assertEqual({resource["Type"] for resource in resources.values()} & KEPT, KEPT)

    def test_grants_nothing_by_wildcard(self) -> None:
        for rendered in RENDERED.values():
            self.assertEqual(wildcards(rendered["Resources"]), [])

    def test_has_schedule_and_alarms_for_each_portfolio(self) -> None:
        for name, rendered in RENDERED.items():
            resources = rendered["Resources"]
            for portfolio in ENVIRONMENTS[name]["Portfolios"].split(","):
                letters = "".join(filter(str.isalnum, portfolio))
                event = json.loads(resources[f"Schedule{letters}"]["Properties"]["Target"]["Input"]["Fn::Sub"])
                self.assertEqual(event["portfolio"], portfolio)
                self.assertEqual(event["scheduled_time"], "<aws.scheduler.scheduled-time>")
                for alarm in ("RunMissing", "RunAborted", "OrderUnknown", "OrderRejected"):
                    dimensions = resources[f"{alarm}{letters}"]["Properties"]["Dimensions"]
                    self.assertEqual(dimensions, [{"Name": "portfolio", "Value": portfolio}])

    def test_pages_for_every_alarm(self) -> None:
        for rendered in RENDERED.values():
            self.assertGreaterEqual(len(alarms(rendered["Resources"])), 13)
            for name, alarm in alarms(rendered["Resources"]).items():
                self.assertEqual(alarm["Properties"]["AlarmActions"], [{"Ref": "PageTopic"}], name)

    def test_watches_only_metrics_that_the_function_writes(self) -> None:
        self.assertGreater(len(METRICS), 5)
        self.assertLess(OF_NO_PORTFOLIO, METRICS)
        for rendered in RENDERED.values():
            for name, alarm in alarms(rendered["Resources"]).items():
                if not alarm["Properties"]["Namespace"].startswith("AWS/"):
                    self.assertEqual(alarm["Properties"]["Namespace"], NAMESPACE, name)
                    metric = alarm["Properties"]["MetricName"]
                    self.assertIn(metric, METRICS, name)
                    dimensions = [found["Name"] for found in alarm["Properties"].get("Dimensions", [])]
                    self.assertEqual(dimensions, [] if metric in OF_NO_PORTFOLIO else ["portfolio"], name)

    def test_sends_what_fails_to_a_queue(self) -> None:
        for rendered in RENDERED.values():
            resources = rendered["Resources"]
            failed = resources["Function"]["Properties"]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]
            self.assertEqual(failed["Destination"], {"Fn::GetAtt": ["FunctionDeadLetters", "Arn"]})
            schedules = [found for found in resources.values() if found["Type"] == "AWS::Scheduler::Schedule"]
            for schedule in schedules:
                letters = schedule["Properties"]["Target"]["DeadLetterConfig"]["Arn"]
                self.assertEqual(letters, {"Fn::GetAtt": ["ScheduleDeadLetters", "Arn"]})

    def test_packages_every_function_by_itself(self) -> None:
        # `aws cloudformation package` overlooks CodeUri in Globals, and then uploads the template's own folder.
        functions = [found for found in TEMPLATE["Resources"].values() if "Serverless::Function" in str(found)]
        self.assertEqual(len(functions), 2)
        for function in functions:
            self.assertEqual((INFRA / function["Properties"]["CodeUri"]).resolve(), ROOT / "target/lambda/bootstrap.zip")


class OneEnvironment(unittest.TestCase):
    def test_without_grades_to_fetch_reads_no_key(self) -> None:
        rendered = rendering.render(TEMPLATE, ENVIRONMENTS["paper"] | {"FetchGrades": "false"})
        self.assertNotIn("secretsmanager", json.dumps(rendered["Resources"]["FunctionRole"]["Properties"]["Policies"][0]))

    def test_reads_the_webhooks_that_it_names(self) -> None:
        chosen = ENVIRONMENTS["paper"] | {"AlertSecretArns": "arn:aws:secretsmanager:r:a:secret:hook-1"}
        role = rendering.render(TEMPLATE, chosen)["Resources"]["FunctionRole"]
        self.assertIn("ReadsWebhooks", [statement["Sid"] for statement in statements(role)])

    def test_after_a_restore_works_on_that_table_alone(self) -> None:
        rendered = rendering.render(TEMPLATE, ENVIRONMENTS["live"] | {"RestoredTableName": "restored"})
        for role in ("FunctionRole", "DryRunRole"):
            found = statements(rendered["Resources"][role])
            places = [statement["Resource"] for statement in found if "dynamodb" in str(statement["Action"])]
            self.assertEqual(len(places), 2)
            for place in places:
                self.assertIn(":table/${RestoredTableName}", place["Fn::Sub"])

    def test_keeps_pages_only_where_it_is_asked_to(self) -> None:
        rendered = rendering.render(TEMPLATE, ENVIRONMENTS["live"] | {"KeepPages": "false"})
        self.assertEqual([name for name in rendered["Resources"] if "Report" in name], [])
        role, function = (rendered["Resources"][name] for name in ("FunctionRole", "Function"))
        self.assertNotIn("s3:", json.dumps(role["Properties"]["Policies"][0]))
        self.assertEqual(function["Properties"]["Environment"]["Variables"]["REBALANCE_REPORT_BUCKET"], "")

    def test_pages_by_email_only_where_there_is_an_address(self) -> None:
        self.assertNotIn("PageEmailSubscription", RENDERED["live"]["Resources"])
        rendered = rendering.render(TEMPLATE, ENVIRONMENTS["live"] | {"PageEmail": "a@example.com"})
        self.assertIn("PageEmailSubscription", rendered["Resources"])


class TheRole(unittest.TestCase):
    """Against the calls that the function's own tests see on the wire, of which tests/function keeps this list."""

    PLACES = {
        json.dumps({"Fn::GetAtt": ["Table", "Arn"]}): "table",
        json.dumps({"Fn::Sub": "${Table.Arn}/index/runs_by_portfolio"}): "index/runs_by_portfolio",
        json.dumps({"Fn::GetAtt": ["TokenMetricsSecret", "Id"]}): "secret",
        json.dumps({"Ref": "AlertSecretArns"}): "secret",
        json.dumps({"Ref": "AlertTopic"}): "topic",
        json.dumps({"Fn::Sub": "${ReportBucket.Arn}/reports/*"}): "page",
    }

    def permissions(self, role: str) -> set[tuple[str, str]]:
        chosen = ENVIRONMENTS["live"] | {"FetchGrades": "true", "AlertSecretArns": "arn:aws:secretsmanager:r:a:secret:hook-1"}
        calls, _ = rendering.render(TEMPLATE, chosen)["Resources"][role]["Properties"]["Policies"]
        return {
            (action, self.PLACES[json.dumps(place)])
            for statement in calls["PolicyDocument"]["Statement"]
            for action in listed(statement["Action"])
            for place in listed(statement["Resource"])
        }

    def test_allows_every_call_that_is_made_and_no_other(self) -> None:
        lines = (INFRA / "permissions.txt").read_text().splitlines()
        called = {tuple(line.split()) for line in lines if line and not line.startswith("#")}
        self.assertGreater(len(called), 5)
        self.assertEqual(self.permissions("FunctionRole"), called)

    def test_lets_s3_use_the_key_for_pages(self) -> None:
        _, in_its_name = RENDERED["live"]["Resources"]["FunctionRole"]["Properties"]["Policies"]
        self.assertIn("s3.${AWS::Region}", json.dumps(in_its_name))
        bucket = RENDERED["live"]["Resources"]["ReportBucket"]["Properties"]
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        self.assertEqual(rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"], {"Fn::GetAtt": ["Key", "Arn"]})
        self.assertEqual(set(bucket["PublicAccessBlockConfiguration"].values()), {True})

    def test_of_the_dry_run_is_the_part_of_it_that_reads_the_table(self) -> None:
        reading = {"dynamodb:GetItem", "dynamodb:Query"}
        reads = {(action, place) for action, place in self.permissions("FunctionRole") if action in reading}
        self.assertEqual(self.permissions("DryRunRole"), reads)


class TheDryRun(unittest.TestCase):
    def test_has_no_key_to_spend_credits_with_and_no_bucket(self) -> None:
        variables = RENDERED["live"]["Resources"]["DryRunFunction"]["Properties"]["Environment"]["Variables"]
        self.assertEqual(variables["REBALANCE_TOKEN_METRICS_SECRET"], "")
        self.assertNotIn("REBALANCE_REPORT_BUCKET", variables)


class TheTable(unittest.TestCase):
    """Against the one that the store makes for itself."""

    SOURCE = (ROOT / "src/adapters/dynamodb/table.rs").read_text()

    def properties(self) -> dict[str, Any]:
        return TEMPLATE["Resources"]["Table"]["Properties"]

    def test_has_the_same_attributes(self) -> None:
        ((attributes,),) = [re.findall(r"for \(name, kind\) in \[(.*?)\] \{", self.SOURCE)]
        expected = re.findall(r'\("(\w+)", (\w)\)', attributes)
        found = [(one["AttributeName"], one["AttributeType"]) for one in self.properties()["AttributeDefinitions"]]
        self.assertEqual(found, expected)

    def test_has_the_same_keys(self) -> None:
        keys = re.findall(r'key\("(\w+)", KeyType::(\w+)\)', self.SOURCE)
        table = self.properties()
        (index,) = table["GlobalSecondaryIndexes"]
        found = [
            (key["AttributeName"], key["KeyType"].capitalize()) for key in table["KeySchema"] + index["KeySchema"]
        ]
        self.assertEqual(found, keys)

    def test_has_the_same_index_and_expiry(self) -> None:
        (index,) = self.properties()["GlobalSecondaryIndexes"]
        self.assertEqual(index["IndexName"], self.constant("RUNS_BY_PORTFOLIO"))
        self.assertEqual(index["Projection"], {"ProjectionType": "ALL"})
        self.assertIn("ProjectionType::All", self.SOURCE)
        expiry = self.properties()["TimeToLiveSpecification"]
        self.assertEqual(expiry, {"AttributeName": self.constant("TTL_ATTRIBUTE"), "Enabled": True})

    def test_can_be_read_by_executors_and_restored(self) -> None:
        self.assertEqual(self.properties()["StreamSpecification"], {"StreamViewType": "NEW_AND_OLD_IMAGES"})
        self.assertIs(self.properties()["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], True)
        self.assertEqual(self.properties()["SSESpecification"]["KMSMasterKeyId"], {"Fn::GetAtt": ["Key", "Arn"]})

    def constant(self, name: str) -> str:
        return re.search(rf'const {name}: &str = "(\w+)";', self.SOURCE)[1]


class Schedules(unittest.TestCase):
    # CloudWatch looks back for seven days at most.
    MOST_HOURS = 7 * 24

    def test_fire_often_enough_for_their_alarm(self) -> None:
        for name, portfolio in TEMPLATE["Mappings"]["Portfolios"].items():
            hours = portfolio["MissingAfterHours"]
            self.assertLessEqual(hours, self.MOST_HOURS, name)
            minute, hour, _, month, weekday, year = re.fullmatch(r"cron\((.*)\)", portfolio["Expression"])[1].split()
            self.assertTrue(minute.isdigit() and hour.isdigit() and month == year == "*", name)
            apart = 24 if weekday in ("?", "*") else 24 * 7
            self.assertGreaterEqual(hours, apart, f"{name}: the alarm would not wait for the next run")
            self.assertLessEqual(hours, max(apart + 3, 168), name)

    def test_are_not_due_at_the_same_minute(self) -> None:
        due = [portfolio["Expression"] for portfolio in TEMPLATE["Mappings"]["Portfolios"].values()]
        self.assertEqual(len(due), len(set(due)))

    def test_give_up_when_the_function_would_refuse(self) -> None:
        for minutes, mapped in TEMPLATE["Mappings"]["EventWindow"].items():
            self.assertEqual(int(minutes) * 60, mapped["Seconds"])
        self.assertEqual(set(TEMPLATE["Mappings"]["EventWindow"]), set(TEMPLATE["Parameters"]["EventWindowMinutes"]["AllowedValues"]))


class TheChecks(unittest.TestCase):
    """Each of the above is run on something that it must refuse."""

    def test_a_table_that_goes_with_the_stack_is_found(self) -> None:
        table = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Delete"}
        self.assertEqual(not_kept({"Table": table}), ["Table: UpdateReplacePolicy"])

    def test_a_wildcard_is_found(self) -> None:
        for action, place in (("dynamodb:*", "arn:table"), ("dynamodb:GetItem", "*"), ("dynamodb:GetItem", {"Fn::Sub": "${A}/*"})):
            statement = {"Action": action, "Resource": place}
            role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": {"Statement": [statement]}}]}}
            self.assertEqual(len(wildcards({"Role": role})), 1, statement)

    def test_a_scan_that_failed_saw_nothing_or_excepts_too_much_is_found(self) -> None:
        good = [{}] * policy_scan.LEAST_CHECKS
        failed = {"check_id": "CKV_1", "resource": "A.B", "check_name": "of a kind"}
        self.assertEqual(policy_scan.findings({"results": {"passed_checks": good}}, set()), [])
        for results, excepted in (
            ({"passed_checks": good, "failed_checks": [failed]}, set()),
            ({"passed_checks": good[1:]}, set()),
            ({"passed_checks": good}, {("CKV_1", "B")}),
        ):
            self.assertEqual(len(policy_scan.findings({"results": results}, excepted)), 1)

    def test_what_the_rendering_does_not_know_is_refused(self) -> None:
        template = {**TEMPLATE, "Resources": {"A": {"Type": "B", "Properties": {"C": {"Fn::Select": [0, []]}}}}}
        with self.assertRaises(ValueError):
            rendering.render(template, ENVIRONMENTS["paper"])

    def test_every_exception_has_a_reason(self) -> None:
        for name, resource in TEMPLATE["Resources"].items():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []) if isinstance(resource, dict) else []:
                self.assertGreater(len(skip["comment"]), 20, f"{name}: {skip['id']}")


if __name__ == "__main__":
    unittest.main()

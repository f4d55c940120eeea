"""Every alarm has a section in the runbook, and every `aws` command in it is one. `rebalance` is tests/runbook.rs's."""

import re
import subprocess
import time
import unittest

import botocore.session
import rendering
import runbook

TEXT = runbook.RUNBOOK.read_text()
SECTIONS = runbook.sections(TEXT)
README = (runbook.RUNBOOK.parents[1] / "README.md").read_text()
# Options of every command.
COMMON = {"output", "query", "no-cli-pager", "cli-read-timeout"}
# Of the AWS command line itself, and of no service: what they are given, without which they do nothing.
CUSTOM = {
    ("cloudformation", "package"): {"template-file", "s3-bucket", "output-template-file"},
    ("cloudformation", "deploy"): {"template-file", "stack-name", "parameter-overrides", "capabilities"},
    ("s3", "ls"): {"recursive"},
    ("s3", "cp"): set(),
}
PAGED = {"max-items"}
SESSION = botocore.session.get_session()


def alarms() -> set[str]:
    """Names of the alarms, without stack and portfolio."""
    text = rendering.TEMPLATE.read_text()
    return set(re.findall(r'AlarmName: !Sub "\$\{AWS::StackName\}-(\w+?)(?:-\$\{Portfolio\})?"', text))


def dashed(name: str) -> str:
    """An operation or member as an option of the command line."""
    return botocore.xform_name(name, "-")


def unknown(words: list[str]) -> list[str]:
    """What of a command the AWS command line does not know."""
    _, service, operation, *rest = words
    options = {word[2:].split("=")[0] for word in rest if word.startswith("--")}
    if (service, operation) in CUSTOM:
        expected = CUSTOM[service, operation]
        return sorted(options ^ expected)
    if service not in SESSION.get_available_services():
        return [service]
    if operation == "wait":
        waiters = SESSION.get_waiter_model(service).waiter_names
        return [] if rest[0] in map(dashed, waiters) else [rest[0]]
    model = SESSION.get_service_model(service)
    names = {dashed(name): name for name in model.operation_names}
    if operation not in names:
        return [operation]
    shape = model.operation_model(names[operation]).input_shape
    members = shape.members if shape else {}
    known = {dashed(member) for member in members} | COMMON | PAGED
    # A switch without a value has its opposite.
    known |= {f"no-{dashed(member)}" for member, kind in members.items() if kind.type_name == "boolean"}
    required = {dashed(member) for member in (shape.required_members if shape else [])}
    # `lambda invoke` takes where the answer goes without an option.
    return sorted(options - known) + sorted(f"without {name}" for name in required - options)


class TheRunbook(unittest.TestCase):
    def test_has_a_section_for_every_alarm_and_alarms_name_it(self) -> None:
        named = set(re.findall(r"RUNBOOK\.md, (\w+)", rendering.TEMPLATE.read_text()))
        self.assertEqual(alarms(), named)
        self.assertGreaterEqual(len(alarms()), 10)
        self.assertEqual(alarms() - SECTIONS.keys(), set())

    def test_begins_each_of_them_with_commands(self) -> None:
        for alarm in alarms():
            self.assertTrue(runbook.blocks(SECTIONS[alarm]), alarm)

    def test_has_a_section_for_no_alarm_that_there_is_not(self) -> None:
        (part,) = [part for part in re.split(r"(?m)^## ", TEXT) if part.startswith("Alarms\n")]
        self.assertEqual(set(runbook.sections(part)), alarms())

    def test_names_only_commands_that_there_are(self) -> None:
        commands = runbook.aws_commands(TEXT)
        self.assertGreater(len(commands), 25)
        for words in commands:
            self.assertEqual(unknown(words), [], " ".join(words))

    def test_has_only_blocks_that_a_shell_reads(self) -> None:
        for block in runbook.blocks(TEXT):
            read = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
            self.assertEqual((read.returncode, read.stderr), (0, ""), block)

    def test_looks_at_the_logs_of_the_last_day(self) -> None:
        # Without a start the oldest lines of 400 days come first, and the first twenty are of another incident.
        looks = [words for words in runbook.aws_commands(TEXT) if words[1:3] == ["logs", "filter-log-events"]]
        self.assertGreater(len(looks), 5)
        for words in looks:
            self.assertIn("--start-time", words)
            self.assertEqual(words[words.index("--query") + 1], "events[-20:].message")
        starts = re.findall(r'filter-log-events .*?--start-time (".*?\)")', TEXT)
        self.assertEqual((len(starts), len(set(starts))), (len(looks), 1), starts)
        shown = subprocess.run(["bash", "-c", f"echo {starts[0]}"], capture_output=True, text=True, check=True)
        self.assertAlmostEqual(int(shown.stdout) / 1000, time.time() - 86_400, delta=60)

    def test_waits_for_an_invocation_as_long_as_it_may_take(self) -> None:
        # The command line waits for a minute when it is not told, and then sends the event again.
        timeout = rendering.load(rendering.TEMPLATE.read_text())["Globals"]["Function"]["Timeout"]
        invoked = [
            words
            for words in runbook.aws_commands(TEXT) + runbook.aws_commands(README, language="")
            if words[1:3] == ["lambda", "invoke"]
        ]
        self.assertGreater(len(invoked), 9)
        for words in invoked:
            self.assertIn("--cli-read-timeout", words)
            self.assertGreater(int(words[words.index("--cli-read-timeout") + 1]), timeout, " ".join(words))

    def test_works_on_the_copy_after_a_restore(self) -> None:
        # What is said of an order has to stand where executors will look: in the copy, though the stack names the old table.
        # Without pipefail: the stand-in reads no event, so whatever echoes one may find the pipe closed.
        stubs = 'rebalance() { echo "$TABLE $REBALANCE_STORE"; }\naws() { echo 5 >&2; }\n'
        script = "set -eu\n" + stubs + "".join(runbook.blocks(SECTIONS["Restoring the table"]))
        old = {"STACK": "s", "TABLE": "s-Table-1", "REBALANCE_STORE": "dynamodb:s-Table-1", "PORTFOLIO": "p"}
        old["CASE"] = "cases/p"
        done = subprocess.run(["bash", "-c", script], env=old, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        reached = done.stdout.splitlines()
        self.assertGreaterEqual(len(reached), 5)
        self.assertEqual(set(reached), {"s-restored dynamodb:s-restored"})

    def test_starts_every_function_that_it_stops(self) -> None:
        # With the number that the stack has for it: to a deployment nothing has changed, so none would start it.
        self.assertIn("ReservedConcurrency", rendering.load(rendering.TEMPLATE.read_text())["Parameters"])
        for name in ("The kill switch", "Restoring the table"):
            commands = "".join(runbook.blocks(SECTIONS[name]))
            given = re.findall(r"--reserved-concurrent-executions (.*)", commands)
            self.assertTrue(given, name)
            self.assertRegex(given[-1], r"""^"\$\(aws cloudformation .*\?ParameterKey=='ReservedConcurrency'\]""", name)

    def test_shows_what_a_deployment_would_undo(self) -> None:
        # Enabled by hand, and a restored table: the file says neither, and would take both away.
        first, then = runbook.blocks(SECTIONS["An update in the middle of an unsettled run"])
        self.assertIn("cloudformation deploy", then)
        kept = rendering.parameters(runbook.RUNBOOK.parent / "parameters/live.json")
        for changed in ({}, {"ScheduleState": "ENABLED", "RestoredTableName": "s-restored"}):
            # As the AWS command line prints them: by no order that would help.
            stated = "\n".join(f"{key}={value}" for key, value in reversed((kept | changed).items()))
            script = f"aws() {{ cat <<'end'\n{stated}\nend\n}}\n{first}"
            cwd = runbook.RUNBOOK.parents[1]
            done = subprocess.run(["bash", "-c", script], cwd=cwd, capture_output=True, text=True, check=False)
            self.assertEqual(done.stderr, "")
            shown = {line[2:] for line in done.stdout.splitlines() if line.startswith("< ")}
            self.assertEqual(shown, {f"{key}={value}" for key, value in changed.items()})
            self.assertEqual(done.returncode, 1 if changed else 0)

    def test_sets_only_alarms_that_there_are(self) -> None:
        set_back = [words for words in runbook.aws_commands(TEXT) if words[2] == "set-alarm-state"]
        self.assertTrue(set_back)
        for words in set_back:
            name = words[words.index("--alarm-name") + 1]
            name = name.replace("$STACK", "${AWS::StackName}").replace("$PORTFOLIO", "${Portfolio}")
            self.assertIn(f'AlarmName: !Sub "{name}"', rendering.TEMPLATE.read_text())
            self.assertIn(words[words.index("--state-value") + 1], ("OK", "ALARM"))

    def test_links_only_to_sections_that_there_are(self) -> None:
        headings = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in SECTIONS}
        for link in re.findall(r"\]\(#([\w-]+)\)", TEXT):
            self.assertIn(link, headings)

    def test_gives_every_run_by_hand_a_label_of_its_own(self) -> None:
        # The same label is the same run for ever: a second incident would be told the result of the first.
        of_runs = re.findall(r'\\"mode\\": \\"(?:live|propose)\\", \\"label\\": \\"([^\\]*)\\"', TEXT)
        self.assertGreaterEqual(len(of_runs), 3)
        self.assertEqual(set(of_runs), {"$LABEL"})
        for value in re.findall(r'export LABEL="(.*)"', TEXT):
            self.assertRegex(value, r"^[a-z-]+-\$\(date -u \+%Y-%m-%d-%H%M\)$")

    def test_explains_its_variables(self) -> None:
        used = set(re.findall(r"\$(\w+)", "".join(runbook.blocks(TEXT))))
        explained = {"STACK", "TABLE", "PORTFOLIO", "RUN", "KEY", "DIGEST", "BUCKET", "SECRET", "OLD", "NEW"}
        explained |= {"PAGES", "PAGE", "LABEL", "AT", "CASE"}
        self.assertEqual(used - explained, set())


class TheReadme(unittest.TestCase):
    def test_names_only_commands_that_there_are(self) -> None:
        commands = runbook.aws_commands(README, language="")
        self.assertGreaterEqual(len(commands), 3)
        for words in commands:
            self.assertEqual(unknown(words), [], " ".join(words))


class TheChecks(unittest.TestCase):
    def test_of_commands_find_what_is_wrong(self) -> None:
        for line, expected in (
            ("aws dynamo get-item", ["dynamo"]),
            ("aws dynamodb get-items", ["get-items"]),
            ("aws lambda invoke --function x /dev/stdout", ["function", "without function-name"]),
            ("aws dynamodb wait table-is-there", ["table-is-there"]),
            ("aws cloudformation package --s3-bucket x --at y", ["at", "output-template-file", "template-file"]),
        ):
            self.assertEqual(unknown(line.split()), expected, line)

    def test_of_blocks_find_commands_behind_pipes_and_in_substitutions(self) -> None:
        text = 'a\n```sh\necho x | aws a b\nexport T="$(aws c d --e "f g")"\naws h i --j "$(aws k l)" --m "$(( ($(n) - 1) * 2 ))"\n```\n'
        self.assertEqual(
            runbook.aws_commands(text),
            [
                ["aws", "a", "b"],
                ["aws", "c", "d", "--e", "f g"],
                ["aws", "h", "i", "--j", "substituted", "--m", "substituted"],
                ["aws", "k", "l"],
            ],
        )

    def test_of_blocks_tell_their_languages_apart(self) -> None:
        text = "```json\n{}\n```\naws not this\n   ```\naws a b\n   ```\n```sh\naws c d\n```\n"
        self.assertEqual(runbook.aws_commands(text, language=""), [["aws", "a", "b"]])
        self.assertEqual(runbook.aws_commands(text), [["aws", "c", "d"]])


if __name__ == "__main__":
    unittest.main()

"""checkov over the template as each environment has it. An exception that it does not need is a finding, too."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import rendering

ROOT = Path(__file__).resolve().parents[1]
# checkov answers 0 for a file that it cannot read or finds nothing in.
LEAST_CHECKS = 40


def scan(file: Path) -> dict[str, Any]:
    """What checkov says of a rendered template."""
    checkov = Path(sys.executable).parent / "checkov"
    words = [str(checkov), "--skip-download", "--framework", "cloudformation", "--output", "json", "--file", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"checkov: {done.stdout}{done.stderr}") from None


def findings(answer: dict[str, Any], excepted: set[tuple[str, str]]) -> list[str]:
    """What is wrong: failed checks, exceptions without need, and a scan that saw nothing."""
    results = answer.get("results", {})
    failed = [
        f"{found['check_id']} {found['resource']}: {found['check_name']}" for found in results.get("failed_checks", [])
    ]
    used = {(found["check_id"], found["resource"].rsplit(".", 1)[1]) for found in results.get("skipped_checks", [])}
    idle = [f"{check} is excepted for {name}, and there is no need" for check, name in sorted(excepted - used)]
    passed = len(results.get("passed_checks", []))
    blind = [f"only {passed} checks passed: the template was not read"] if passed < LEAST_CHECKS else []
    return failed + idle + blind


def exceptions(resources: dict[str, Any]) -> set[tuple[str, str]]:
    """Check and resource of every exception in the template."""
    return {
        (skip["id"], name)
        for name, resource in resources.items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
    }


def main() -> int:
    wrong = []
    for chosen in sorted((ROOT / "infra/parameters").glob("*.json")):
        target = ROOT / "target/infra" / chosen.name
        rendering.main([str(chosen), str(target)])
        answer = scan(target)
        excepted = exceptions(json.loads(target.read_text())["Resources"])
        found = findings(answer, excepted)
        summary = answer.get("summary", {})
        print(f"checkov, {chosen.stem}: {summary.get('passed', 0)} passed, {len(excepted)} excepted, {len(found)} findings")
        wrong += [f"{chosen.stem}: {finding}" for finding in found]
    for finding in wrong:
        print(finding, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""The template as a stack, put there by the same two commands of the AWS command line as in README.md."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .emulator import Emulator

ROOT = Path(__file__).resolve().parents[2]
STACK = "rebalancer"
BUCKET = "packages"
TEMPLATE = ROOT / "infra/template.yaml"
# In the template, each with its package.
FUNCTIONS = 2


@dataclass(frozen=True)
class Deployment:
    """Names that the stack gave, by its outputs."""

    outputs: dict[str, str]
    seconds: float

    @property
    def table(self) -> str:
        return self.outputs["TableName"]

    @property
    def function(self) -> str:
        return self.outputs["FunctionName"]

    @property
    def dry_run_function(self) -> str:
        return self.outputs["DryRunFunctionName"]


def parameters(file: Path, changes: dict[str, str]) -> list[str]:
    """`Key=Value` of a parameters file, with some of them changed."""
    stated = dict(pair.split("=", 1) for pair in json.loads(file.read_text()))
    unknown = changes.keys() - stated.keys()
    if unknown:
        raise ValueError(f"{file} has no {', '.join(sorted(unknown))}")
    return [f"{key}={value}" for key, value in (stated | changes).items()]


def template_with(package: str) -> Path:
    """The template with another package of the function than `make package` makes, by its name in target/lambda."""
    text, usual = TEMPLATE.read_text(), "../target/lambda/bootstrap.zip"
    if text.count(usual) != FUNCTIONS:
        raise ValueError(f"{TEMPLATE} does not name {usual} {FUNCTIONS} times")
    changed = ROOT / f"target/stack/template-{package}.yaml"
    changed.parent.mkdir(parents=True, exist_ok=True)
    changed.write_text(text.replace(usual, str(ROOT / f"target/lambda/{package}.zip")))
    return changed


def deploy(emulator: Emulator, chosen: list[str], template: Path = TEMPLATE) -> Deployment:
    """Packages and deploys; again: updates."""
    packaged = ROOT / "target/stack/packaged.yaml"
    packaged.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    aws(emulator, "cloudformation", "package", "--template-file", str(template),
        "--s3-bucket", BUCKET, "--output-template-file", str(packaged))
    aws(emulator, "cloudformation", "deploy", "--stack-name", STACK, "--template-file", str(packaged),
        "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-fail-on-empty-changeset",
        "--parameter-overrides", *chosen)
    stack = json.loads(aws(emulator, "cloudformation", "describe-stacks", "--stack-name", STACK))["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return Deployment(outputs, time.monotonic() - begun)


def aws(emulator: Emulator, *words: str) -> str:
    """The AWS command line; what it says on failure is part of the exception."""
    return run(emulator, ["aws", "--output", "json", *words])


def run(emulator: Emulator, words: list[str], variables: dict[str, str] | None = None) -> str:
    """A command that speaks to the emulator, with more variables if they are given. Its standard output."""
    environment = emulator.environment() | (variables or {})
    done = subprocess.run(words, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout

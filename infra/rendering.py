"""The template as it is for one environment: schedules and alarms repeated per portfolio, conditions decided.

Only what this template uses is understood; anything else of its kind is refused rather than passed on unread. What SAM
makes of its functions is left as it is written.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
TEMPLATE = HERE / "template.yaml"
ABSENT = {"Ref": "AWS::NoValue"}
# Functions that stay: only an account can answer them.
LEFT = {"Fn::Sub", "Fn::GetAtt", "Fn::Join", "Fn::FindInMap"}


class _Loader(yaml.SafeLoader):
    """YAML with the short forms of CloudFormation's functions."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def load(text: str) -> dict[str, Any]:
    """The template, with every function in its long form."""
    return yaml.load(text, _Loader)


def parameters(file: Path) -> dict[str, str]:
    """A file of `Key=Value`, as the AWS command line takes it."""
    return dict(pair.split("=", 1) for pair in json.loads(file.read_text()))


def render(template: dict[str, Any], chosen: dict[str, str]) -> dict[str, Any]:
    """Resources and outputs of one environment."""
    defaults = {name: str(stated["Default"]) for name, stated in template["Parameters"].items() if "Default" in stated}
    values = defaults | chosen
    conditions = {name: _is_true(stated, values) for name, stated in template["Conditions"].items()}
    resources: dict[str, Any] = {}
    for name, resource in template["Resources"].items():
        if name.startswith("Fn::ForEach::"):
            resources |= _repeated(resource, values)
        else:
            resources[name] = resource
    kept = {
        name: _decided(resource, conditions)
        for name, resource in resources.items()
        if conditions.get(resource.get("Condition", ""), True)
    }
    return {"Resources": kept, "Outputs": _decided(template["Outputs"], conditions)}


def _repeated(loop: list[Any], values: dict[str, str]) -> dict[str, Any]:
    variable, collection, body = loop
    return {
        key.replace(f"&{{{variable}}}", "".join(filter(str.isalnum, value))): _filled_in(resource, variable, value)
        for value in values[collection["Ref"]].split(",")
        for key, resource in body.items()
    }


def _filled_in(node: Any, variable: str, value: str) -> Any:
    if node == {"Ref": variable}:
        return value
    if isinstance(node, dict):
        return {key: _filled_in(inner, variable, value) for key, inner in node.items()}
    if isinstance(node, list):
        return [_filled_in(inner, variable, value) for inner in node]
    return node.replace(f"${{{variable}}}", value) if isinstance(node, str) else node


def _is_true(condition: Any, values: dict[str, str]) -> bool:
    ((function, operands),) = condition.items()
    if function == "Fn::Not":
        return not _is_true(operands[0], values)
    if function == "Fn::Equals":
        left, right = (_text(operand, values) for operand in operands)
        return left == right
    raise ValueError(f"a condition with {function}")


def _text(operand: Any, values: dict[str, str]) -> str:
    match operand:
        case str():
            return operand
        case {"Ref": name}:
            return values[name]
        case {"Fn::Join": ["", {"Ref": name}]}:
            return values[name].replace(",", "")
    raise ValueError(f"a condition about {operand}")


def _decided(node: Any, conditions: dict[str, bool]) -> Any:
    if isinstance(node, list):
        decided = (_decided(inner, conditions) for inner in node)
        return [inner for inner in decided if inner != ABSENT]
    if not isinstance(node, dict):
        return node
    if "Fn::If" in node:
        condition, when_true, when_false = node["Fn::If"]
        return _decided(when_true if conditions[condition] else when_false, conditions)
    unknown = [key for key in node if key.startswith("Fn::") and key not in LEFT]
    if unknown:
        raise ValueError(f"{unknown[0]} is not understood here")
    decided = {key: _decided(inner, conditions) for key, inner in node.items()}
    return {key: inner for key, inner in decided.items() if inner != ABSENT}


def main(arguments: list[str]) -> int:
    """Writes the template, rendered with a parameters file, as JSON for the policy scanner."""
    chosen, target = map(Path, arguments)
    template = load(TEMPLATE.read_text())
    rendered = {key: template[key] for key in ("AWSTemplateFormatVersion", "Mappings", "Parameters", "Globals")}
    rendered["Transform"] = "AWS::Serverless-2016-10-31"
    rendered |= render(template, parameters(chosen))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rendered, indent=1, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

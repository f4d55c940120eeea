"""RUNBOOK.md in parts: its sections, and the commands in them."""

import re
import shlex
from pathlib import Path

RUNBOOK = Path(__file__).resolve().parent / "RUNBOOK.md"
HEADING = re.compile(r"(?m)^#{2,3} (.+)$")
BLOCK = re.compile(r"(?ms)^```sh\n(.*?)^```$")
# Of a command line with a pipe, a substitution or a variable's value in it: where a command begins.
BEGINNING = re.compile(r"(?:^|\| |\$\()(?=aws )")


def sections(text: str) -> dict[str, str]:
    """Text below each heading, by the heading."""
    _, *rest = HEADING.split(text)
    return dict(zip(rest[::2], rest[1::2], strict=True))


def blocks(section: str) -> list[str]:
    """Its blocks of commands, in order."""
    return BLOCK.findall(section)


def aws_commands(text: str) -> list[list[str]]:
    """Every call of the AWS command line in the blocks of a text, as words."""
    found = []
    for line in "".join(blocks(text)).splitlines():
        for start in [place.end() for place in BEGINNING.finditer(line)]:
            found.append(_words(line[start:]))
    return found


def _words(text: str) -> list[str]:
    """Up to where the command ends: a substitution's bracket, or the end of the line."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            text = text[:place]
            break
    return shlex.split(re.sub(r'"\$\(.*\)"', "substituted", text))

"""RUNBOOK.md in parts: its sections, and the commands in them."""

import re
import shlex
from pathlib import Path

RUNBOOK = Path(__file__).resolve().parent / "RUNBOOK.md"
HEADING = re.compile(r"(?m)^#{2,3} (.+)$")
# Of a command line with a pipe, a substitution or a variable's value in it: where a command begins.
BEGINNING = re.compile(r"(?:^|\| |\$\()(?=aws )")


def sections(text: str) -> dict[str, str]:
    """Text below each heading, by the heading."""
    _, *rest = HEADING.split(text)
    return dict(zip(rest[::2], rest[1::2], strict=True))


def blocks(section: str, language: str = "sh") -> list[str]:
    """Its blocks of commands, in order. README.md marks its own as nothing: there the language is empty."""
    found, inside, body = [], None, ""
    for line in section.splitlines(keepends=True):
        if not line.lstrip().startswith("```"):
            body += line
        elif inside is None:
            inside, body = line.strip()[3:], ""
        else:
            found += [body] if inside == language else []
            inside = None
    return found


def aws_commands(text: str, language: str = "sh") -> list[list[str]]:
    """Every call of the AWS command line in the blocks of a text, as words."""
    found = []
    for line in "".join(blocks(text, language)).splitlines():
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
    return shlex.split(re.sub(r'"\$\(.*?\)"', "substituted", text))

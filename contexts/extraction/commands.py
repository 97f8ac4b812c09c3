"""`command`: what was run, how it ended, and what it did: tests, commits, pushes."""

import math
import re
import shlex
from typing import Any

from contexts.documents import Document
from contexts.extraction import programs, runners, shell
from contexts.extraction.operations import operations_in
from contexts.extraction.results import Run, plain, shortened
from contexts.extraction.shell import Command

LONGEST_COMMAND = 2_000
LONGEST_PROGRAM = 100
TAIL_LINES = 20
LONGEST_TAIL = 2_000
LONGEST_TAIL_LINE = 500
# How a failed command's output begins in a hook's event.
_EXIT_CODE = re.compile(r"(?:Error: )?Exit code (-?\d{1,10})(?:\n|\Z)")


def command(data: Document) -> Document:
    """`program`, `command`, `exit_code`, `output_tail` and `kind` of an action's data.

    `output` may be split into `stdout` and `stderr`. A command that ran tests has `test_results`
    and `failures` too, one that used git `git`: a list of what it did.
    """
    line = _line(data.get("command"))
    output = _output(data)
    exit_code = _whole(data.get("exit_code"))
    if match := _EXIT_CODE.match(output[:100]):
        exit_code = int(match[1]) if exit_code is None else exit_code
        output = output[match.end() :]
    output = plain(output)
    commands = shell.commands_in(line)
    main = programs.chosen(commands)
    kind = programs.kind_of(main) if main else "other"
    run = _run_of(commands, kind, output)
    if run is not None:
        kind = "test"
    extracted: Document = {
        "program": shortened(main.program, LONGEST_PROGRAM) if main else "",
        "command": shortened(line, LONGEST_COMMAND),
        "exit_code": exit_code,
        "output_tail": tail(output),
        "kind": kind,
    }
    if (duration := _number(data.get("duration_ms"))) is not None:
        extracted["duration_ms"] = duration
    if isinstance(data.get("cwd"), str):
        extracted["cwd"] = data["cwd"][:LONGEST_COMMAND]
    if run is not None:
        extracted |= {"test_results": run.results(), "failures": run.failure_documents()}
    if operations := operations_in(commands, output, exit_code, data.get("git_operation")):
        extracted["git"] = operations
    return extracted


def tail(output: str) -> str:
    """The last lines of an output, and no more than 2,000 characters of them."""
    end = output[-(TAIL_LINES * LONGEST_TAIL_LINE) :].rstrip()
    lines = [shortened(line, LONGEST_TAIL_LINE) for line in end.split("\n")[-TAIL_LINES:]]
    text = "\n".join(lines)
    return text if len(text) <= LONGEST_TAIL else "…" + text[1 - LONGEST_TAIL :]


def _output(data: Document) -> str:
    output = data.get("output")
    if isinstance(output, str):
        return output
    parts = (data.get(name) for name in ("stdout", "stderr"))
    return "\n".join(part for part in parts if isinstance(part, str) and part)


def _run_of(commands: list[Command], kind: str, output: str) -> Run | None:
    """The test run that a command was; all unknown when its runner is; None when it was none."""
    named = {runner for each in commands if (runner := programs.runner_of(each))}
    if kind == "test":
        return runners.read(output, named) or Run()
    # A script may run tests without saying so in its name, but a file that is shown does not.
    if output and commands and not all(programs.reads_only(each) for each in commands):
        if kind == "vcs":
            return None
        return runners.read(output)
    return None


def _line(given: Any) -> str:
    """A command line; some agents give its words."""
    if isinstance(given, list) and all(isinstance(word, str) for word in given):
        return shlex.join(given)
    return given if isinstance(given, str) else ""


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number % 1 == 0 and abs(number) < 2**32 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value

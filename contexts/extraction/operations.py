"""What a command did with git: commits, pushes, branches, as agents and git tell."""

import re
from typing import Any

from contexts.documents import Document
from contexts.extraction.results import shortened
from contexts.extraction.shell import Command

MOST_OPERATIONS = 20
LONGEST_TEXT = 255
# `[main 6322cf4] Message`, `[main (root-commit) 6322cf4] Message`
_COMMITTED = re.compile(r"^\[([^\]\n]{1,250}?)(?: \([a-z-]{1,20}\))? ([0-9a-f]{7,64})\] ", re.M)
# ` 1a2b3c..4d5e6f  main -> main`, ` * [new branch]      topic -> topic`
_PUSHED = re.compile(
    r"^ [ +*=-] ?(?:(?:[0-9a-f]{7,64}\.{2,3}([0-9a-f]{7,64}))|\[new (?:branch|tag)\])\s+"
    r"(\S{1,250}) -> (\S{1,250})",
    re.M,
)
# How `git commit` says that there is none, whatever the line's exit code (`… || true`).
_NOTHING = re.compile(
    r"^(?:nothing (?:to commit|added to commit)|no changes added to commit)\b", re.M
)
_CREATE = {"checkout": ("-b", "-B", "--orphan"), "switch": ("-c", "-C", "--create", "--orphan")}
_VALUED = frozenset(("-C", "-c", "--git-dir", "--work-tree", "--namespace"))
_PUSH_VALUED = frozenset(("-o", "--push-option", "--repo", "--receive-pack"))


def operations_in(
    commands: list[Command], output: str, exit_code: int | None, told: Any
) -> list[Document]:
    """Commits, pushes and new branches, each `{"operation", "branch", "sha", …}` as far as known.

    `told` is what the agent itself said (a hook's `gitOperation`). A command that failed did only
    what its output shows.
    """
    found: list[Document] = []
    for each in commands:
        if each.program == "git" and (operation := _operation(each)):
            found.append(operation)
    if found:
        found = [each for each in found if _happened(each, output, exit_code)]
    _add_commits(found, output)
    _add_pushes(found, output)
    _add_told(found, told)
    return [
        {
            name: shortened(value, LONGEST_TEXT) if isinstance(value, str) else value
            for name, value in each.items()
        }
        for each in found[:MOST_OPERATIONS]
    ]


def _operation(command: Command) -> Document | None:
    words = list(command.arguments)
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in _VALUED else words[1:]
    verb, rest = (words[0], words[1:]) if words else ("", [])
    if verb == "commit" and not {"--dry-run", "--help", "-h"} & set(rest):
        return {"operation": "commit"}
    if verb == "push" and not {"--dry-run", "-n", "--help"} & set(rest):
        return {"operation": "push", **_pushed_to(rest)}
    branch = _created(rest, _CREATE.get(verb, ()))
    return {"operation": "branch", "branch": branch} if branch else None


def _created(words: list[str], options: tuple[str, ...]) -> str:
    """The branch that one of the options names: `-b topic`, `-btopic`, `--create=topic`."""
    for position, word in enumerate(words):
        for option in options:
            if word == option:
                return words[position + 1] if position + 1 < len(words) else ""
            joined = option + "=" if option.startswith("--") else option
            if word.startswith(joined):
                return word.removeprefix(joined)
    return ""


def _pushed_to(words: list[str]) -> Document:
    """Remote and branch of `git push [options] [remote [branch]]`."""
    names: list[str] = []
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and word in _PUSH_VALUED
        else:
            names.append(word)
    found: Document = {"remote": names[0]} if names else {}
    if len(names) > 1 and names[1] != "HEAD":
        found["branch"] = names[1].lstrip("+").rpartition(":")[2].removeprefix("refs/heads/")
    return found


def _happened(operation: Document, output: str, exit_code: int | None) -> bool:
    if operation["operation"] == "commit":
        committed = _COMMITTED.search(output) is not None
        return committed or (exit_code in (0, None) and not _NOTHING.search(output))
    if exit_code in (0, None):
        return True
    if operation["operation"] == "push":
        return _PUSHED.search(output) is not None
    return "Switched to a new branch" in output


def _add_commits(found: list[Document], output: str) -> None:
    """What git printed of its commits, to those in the command in their order."""
    commits = [each for each in found if each["operation"] == "commit"]
    printed = _COMMITTED.finditer(output) if commits else ()
    for commit, match in zip(commits, printed, strict=False):
        if match[1] != "detached HEAD":
            commit["branch"] = match[1]
        commit["sha"] = match[2]


def _add_pushes(found: list[Document], output: str) -> None:
    pushes = [each for each in found if each["operation"] == "push"]
    printed = _PUSHED.finditer(output) if pushes else ()
    for push, match in zip(pushes, printed, strict=False):
        push.setdefault("branch", match[3])
        if match[1]:
            push["sha"] = match[1]


def _add_told(found: list[Document], told: Any) -> None:
    """A hook's `gitOperation`: `commit`, `push`, `branch` and `pr`."""
    if not isinstance(told, dict):
        return
    for name in ("commit", "push", "branch", "pr"):
        details = told.get(name)
        if not details:
            continue
        known = next((each for each in found if each["operation"] == name), None)
        if known is None:
            known = {"operation": name}
            found.append(known)
        if isinstance(details, dict):
            for key, value in details.items():
                field = "branch" if key == "ref" else str(key)[:40]
                if field in ("branch", "sha", "kind", "action", "number", "remote", "url"):
                    known[field] = value if isinstance(value, str | int) else str(value)[:200]

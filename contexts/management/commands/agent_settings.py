"""`manage.py agent_settings`: the settings block of a coding agent, ready to paste."""

import json
import shlex
import sys
from typing import Any
from urllib.parse import urlencode

from django.core.management.base import CommandError, CommandParser

from contexts.identifiers import is_context_id
from contexts.levels import BRANCH, PROJECT
from contexts.management.base import PlainCommand

URL = "http://127.0.0.1:8000"
# What is told of every tool; a failed command tells only the second.
TOOL_EVENTS = ("PostToolUse", "PostToolUseFailure")
# Not all of these are known to be posted everywhere, and a start is answered.
OTHER_EVENTS = ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd")
SECONDS = 5


class Command(PlainCommand):
    help = (
        "Prints the hooks for a coding agent's settings (.claude/settings.json). The key is the "
        "environment variable CONTEXTSYS_KEY; manage.py create_agent makes one."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", default="", help="default: found from git, or the folder")
        parser.add_argument("--branch", default="", help="default: found from git")
        parser.add_argument("--url", default=URL, help=f"where the server answers; default: {URL}")

    def handle(self, *args: Any, project: str, branch: str, url: str, **options: Any) -> None:
        for level, context_id in ((PROJECT, project), (BRANCH, branch)):
            if context_id and not is_context_id(context_id, level.longest_id):
                raise CommandError(f"{context_id!r} is no id of a {level.name}.")
        if not url.startswith(("http://", "https://")):
            raise CommandError("The URL must begin with http:// or https://.")
        named = {"project": project, "branch": branch}
        place = {name: value for name, value in named.items() if value}
        block = {"hooks": {**self._posted(url, place), **self._run(url, place)}}
        self.stdout.write(json.dumps(block, indent=2))

    def _posted(self, url: str, place: dict[str, str]) -> dict[str, Any]:
        hook = {
            "type": "http",
            "url": f"{url.rstrip('/')}/api/v1/hooks/claude-code/"
            + (f"?{urlencode(place)}" if place else ""),
            "timeout": SECONDS,
            "headers": {"Authorization": "Bearer $CONTEXTSYS_KEY"},
            "allowedEnvVars": ["CONTEXTSYS_KEY"],
        }
        return {name: [{"matcher": "*", "hooks": [hook]}] for name in TOOL_EVENTS}

    def _run(self, url: str, place: dict[str, str]) -> dict[str, Any]:
        # -P: nothing in the agent's folder may stand for a module.
        words = [sys.executable, "-P", "-m", "contexts.hook"]
        for name, value in place.items():
            words += [f"--{name}", value]
        command = f"CONTEXTSYS_URL={shlex.quote(url.rstrip('/'))} {shlex.join(words)}"
        hook = {"type": "command", "command": command, "timeout": SECONDS}
        return {name: [{"hooks": [hook]}] for name in OTHER_EVENTS}

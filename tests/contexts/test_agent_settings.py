"""`manage.py agent_settings`: a settings block that works as it is pasted."""

import io
import json
import shlex
from typing import Any

import pytest
from django.core.management import CommandError, call_command


def printed(*arguments: str) -> Any:
    out = io.StringIO()
    call_command("agent_settings", *arguments, stdout=out)
    return json.loads(out.getvalue())["hooks"]


def test_tool_uses_are_posted_and_failures_too() -> None:
    hooks = printed()
    for name in ("PostToolUse", "PostToolUseFailure"):
        ((matcher, hook),) = [(each["matcher"], each["hooks"][0]) for each in hooks[name]]
        assert matcher == "*"
        assert hook == {
            "type": "http",
            "url": "http://127.0.0.1:8000/api/v1/hooks/claude-code/",
            "timeout": 5,
            "headers": {"Authorization": "Bearer $CONTEXTSYS_KEY"},
            "allowedEnvVars": ["CONTEXTSYS_KEY"],
        }
    assert "PreToolUse" not in hooks


def test_the_rest_is_run_as_a_command() -> None:
    hooks = printed("--url", "https://hub.example/contexts/")
    for name in ("SessionStart", "UserPromptSubmit", "Stop", "SessionEnd"):
        hook = hooks[name][0]["hooks"][0]
        assert hook["type"] == "command"
        words = shlex.split(hook["command"])
        assert words[0] == "CONTEXTSYS_URL=https://hub.example/contexts"
        assert words[2:] == ["-P", "-m", "contexts.hook"]


def test_project_and_branch_are_named_to_both() -> None:
    hooks = printed("--project", "shop", "--branch", "shop:main")
    assert hooks["PostToolUse"][0]["hooks"][0]["url"].endswith("?project=shop&branch=shop%3Amain")
    words = shlex.split(hooks["SessionStart"][0]["hooks"][0]["command"])
    assert words[-4:] == ["--project", "shop", "--branch", "shop:main"]


@pytest.mark.parametrize(
    "arguments", [("--project", "a b"), ("--branch", "x" * 37), ("--url", "localhost:8000")]
)
def test_what_cannot_work_is_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        printed(*arguments)

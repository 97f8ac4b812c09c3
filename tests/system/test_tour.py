"""The README's tour, run as it stands: the first server a stranger has, and what it answers."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.instances import ROOT, Instance

TASK = "c64cc478-3430-40fe-8e9c-4ee9986e9754"


def tour() -> list[str]:
    """The shell blocks of the README's tour."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.split("## Five minutes with curl")[1].split("\n## ")[0]
    return re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL)


def run_tour(instance: Instance, folder: Path) -> str:
    """Runs the blocks in one shell; returns what they print."""
    tools = folder / "tools"
    tools.mkdir()
    curl = tools / "curl"
    curl.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/system/curl.py "$@"\n')
    curl.chmod(curl.stat().st_mode | stat.S_IXUSR)
    script = "set -euo pipefail\n" + "\n".join(tour())
    script = (
        script.replace(".venv/bin/python", sys.executable)
        .replace("http://127.0.0.1:8000", instance.url.rstrip("/"))
        .replace("var/credentials.json", str(instance.home / "credentials.json"))
    )
    run = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**instance.environment, "PATH": f"{tools}:{instance.environment['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def test_every_line_of_the_tour_does_what_the_readme_says(
    instance: Instance, tmp_path: Path
) -> None:
    printed = run_tour(instance, tmp_path)
    answers: list[Any] = [
        json.loads(line) for line in printed.splitlines() if line.startswith('{"')
    ]
    resolved = next(each for each in answers if "inheritance_chain" in each)
    assert resolved["inheritance_chain"] == [TASK, "shop:main", "shop", "global"]
    assert resolved["data"]["rules"] == {"tests": "run them before every commit", "style": "black"}
    assert resolved["sources"]["/rules/style"] == {"level": "project", "context_id": "shop"}
    assert resolved["sources"]["/rules/tests"] == {"level": "global", "context_id": "global"}
    (ended,) = resolved["entries"]
    assert (ended["kind"], ended["level"]) == ("progress", "task")
    assert ended["content"].startswith("Session ended: ")
    completed = next(each for each in answers if "delegated" in each)
    assert completed["data"]["status"] == "completed"
    found = [each for each in answers if "results" in each]
    assert [row["id"] for row in found[1]["results"]] == [TASK], "searched by a word"
    reverted = next(each for each in answers if each.get("id") == "shop" and each["version"] > 3)
    assert reverted["data"] == {"rules": {"style": "black"}}
    markdown = printed.split("# Context of task")[1]
    assert "run them before every commit" in markdown
    assert "Session ended: " in markdown
    followed = answers[-1]
    assert (followed["changes"], followed["more"]) == ([], False)


def test_the_admin_shows_the_same(instance: Instance, tmp_path: Path) -> None:
    run_tour(instance, tmp_path)
    credentials = instance.credentials()
    with httpx.Client(base_url=instance.url, follow_redirects=True) as browser:
        login = browser.get("admin/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', login.text)
        assert token is not None
        home = browser.post(
            "admin/login/",
            data={
                "username": credentials["admin_username"],
                "password": credentials["admin_password"],
                "csrfmiddlewaretoken": token.group(1),
                "next": "/admin/",
            },
            headers={"Referer": f"{instance.url}admin/login/"},
        )
        assert home.status_code == 200
        tasks = browser.get("admin/contexts/taskcontext/")
        link = re.search(rf'href="([^"]+)">(?:<span[^>]*>)?{TASK}', tasks.text)
        assert link is not None
        page = browser.get(link.group(1)).text
        for shown in ("run them before every commit", "Coverage is back at 100", "pytest"):
            assert shown in page


def test_a_markdown_context_of_an_imported_session_keeps_its_budget(instance: Instance) -> None:
    instance.manage("import_transcript", "tests/data/transcripts/", "--project", "shop")
    with instance.client() as client:
        url = f"api/v1/contexts/task/{TASK}/resolved/?max_tokens=500"
        answer = client.get(url, headers={"Accept": "text/markdown"})
        assert answer.status_code == 200
        assert 0 < len(answer.content) <= 2000

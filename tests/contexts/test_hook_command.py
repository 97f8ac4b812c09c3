"""`python -m contexts.hook`: a command hook that never fails its agent and loses no event."""

import http.server
import json
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from contexts import naming
from contexts.hook import __main__ as command
from contexts.hook import places, spool
from contexts.hook.server import Away
from contexts.hook.server import Server as Contextsys
from contexts.hook.spool import Spool
from contexts.identifiers import is_context_id
from tests.instances import ROOT, Instance

KEY = "ctx_test"


class Server(http.server.ThreadingHTTPServer):
    """Stands for contextsys: keeps what it is posted, answers what it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.keys: set[str] = set()
        self.status, self.answer = 200, b"{}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, json.loads(body)))
        self.server.keys.add(self.headers["Authorization"])
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.fixture
def away() -> str:
    """An address where nobody answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def run(
    event: Any, url: str, folder: Path, *arguments: str, **more: str
) -> "subprocess.CompletedProcess[bytes]":
    """Runs the hook as an agent does, from a folder of its own."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "XDG_STATE_HOME": str(folder / "state"),
        "CONTEXTSYS_URL": url,
        "CONTEXTSYS_KEY": KEY,
        **more,
    }
    command = [sys.executable, "-P", "-m", "contexts.hook", *arguments]
    return subprocess.run(
        command, input=body, env=environment, cwd=folder, capture_output=True, timeout=60
    )


def event(number: int, cwd: Path | str = "/home/me/shop") -> dict[str, Any]:
    return {"hook_event_name": "Stop", "session_id": "s1", "cwd": str(cwd), "number": number}


def numbers(server: Server) -> list[int]:
    return [body["number"] for _, body in server.posted]


def test_an_event_is_posted_with_its_place_and_time(server: Server, tmp_path: Path) -> None:
    done = run(event(1), server.url, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    ((path, body),) = server.posted
    assert path == "/api/v1/hooks/claude-code/?project=shop&branch=shop:main"
    assert body.pop("timestamp").endswith("Z")
    assert body == event(1)
    assert server.keys == {f"Bearer {KEY}"}


def test_a_place_that_is_named_goes_first(server: Server, tmp_path: Path) -> None:
    run(event(1), server.url, tmp_path, "--project", "p1", "--branch", "a b/c")
    assert server.posted[0][0].endswith("?project=p1&branch=a%20b%2Fc")


def test_an_answer_for_the_agent_is_printed_and_nothing_else_is(
    server: Server, tmp_path: Path
) -> None:
    answer = {"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": "é"}}
    server.answer = json.dumps(answer).encode()
    assert json.loads(run(event(1), server.url, tmp_path).stdout) == answer
    for odd in (b"", b"[]", b"oops", b'{"hookSpecificOutput": 5}', b'{"a": 1}'):
        server.answer = odd
        done = run(event(1), server.url, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_events_wait_while_the_server_is_away_and_go_first_in_order(
    server: Server, away: str, tmp_path: Path
) -> None:
    for number in range(3):
        done = run(event(number), away, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert sum(path.read_bytes().count(b"\n") for path in files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert KEY not in "".join(path.read_text() for path in files)
    run(event(3), server.url, tmp_path)
    assert numbers(server) == [0, 1, 2, 3]
    run(event(4), server.url, tmp_path)
    assert numbers(server) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("status", "kept"), [(500, 1), (401, 1), (429, 1), (400, 0), (413, 0)])
def test_what_the_server_will_never_take_does_not_wait(
    server: Server, tmp_path: Path, status: int, kept: int
) -> None:
    server.status = status
    assert run(event(1), server.url, tmp_path).returncode == 0
    server.status, server.posted = 200, []
    run(event(2), server.url, tmp_path)
    assert numbers(server) == [1, 2][1 - kept :]


def test_hooks_at_the_same_moment_lose_nothing(server: Server, away: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: run(event(number), away, tmp_path), range(6)))
        list(pool.map(lambda number: run(event(number), server.url, tmp_path), range(6, 12)))
    # Those that found another one sending wait for the next.
    for number in range(12, 15):
        run(event(number), server.url, tmp_path)
    assert sorted(numbers(server)) == list(range(15))


def test_the_spool_has_an_end(away: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(spool, "LARGEST_SPOOL", 2_000)
    for number in range(100):
        Spool().append({"query": "", "event": event(number)})
    size = (tmp_path / "contextsys" / "spool.jsonl").stat().st_size
    assert 1_000 < size <= 2_000


def test_a_server_that_is_silent_is_left_alone_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    asked = []

    def silent(self: Contextsys, line: Any) -> Any:
        asked.append(line)
        raise Away(silent=True)

    monkeypatch.setattr(Contextsys, "post", silent)
    for number in range(3):
        assert command.deliver(Spool(), {"query": "", "event": event(number)}) is None
    assert len(asked) == 1
    assert (tmp_path / "contextsys" / "spool.jsonl").read_bytes().count(b"\n") == 3


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff", b'"x"', b'{"cwd": 5}', b"[" * 100_000, b"{}"]
)
def test_odd_input_is_no_failure(server: Server, tmp_path: Path, body: bytes) -> None:
    done = run(body, server.url, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://", "http://[::1", "https://x:y"])
def test_odd_settings_are_no_failure(tmp_path: Path, url: str) -> None:
    done = run(event(1), url, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_a_state_folder_that_cannot_be_written_is_no_failure(away: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(event(1), away, tmp_path, XDG_STATE_HOME=str(tmp_path / "file"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_it_starts_without_django_and_quickly(away: str, tmp_path: Path) -> None:
    code = "import sys, contexts.hook.__main__; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in told.stdout.split()}
    assert not loaded & {"django", "celery", "rest_framework", "http", "email", "urllib"}

    def processor_seconds() -> float:
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    spent = []
    for number in range(5):
        before = processor_seconds()
        run(event(number), away, tmp_path)
        spent.append(processor_seconds() - before)
    # Not by the clock: others may have the processor meanwhile.
    assert min(spent) < 0.1


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=me", "-c", "user.email=me@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


def repository(folder: Path, remote: str = "") -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "--initial-branch=main")
    git(folder, "commit", "--allow-empty", "-m", "first")
    if remote:
        git(folder, "remote", "add", "origin", remote)
    return folder


@pytest.mark.parametrize(
    "remote",
    [
        "git@example.com:team/shop.git",
        "https://example.com/team/shop.git",
        "https://me:pass@example.com/team/shop/",
        "ssh://git@example.com:2222/team/shop",
        "/srv/git/shop.git",
        "",
    ],
)
def test_the_project_is_the_remotes_name_or_the_folders(tmp_path: Path, remote: str) -> None:
    folder = repository(tmp_path / ("checkout" if remote else "shop"), remote)
    (folder / "deep" / "down").mkdir(parents=True)
    for each in (folder, folder / "deep" / "down"):
        assert places.place_of(str(each)) == ("shop", "main")


def test_worktrees_share_a_project_each_with_its_branch(tmp_path: Path) -> None:
    folder = repository(tmp_path / "shop")
    git(folder, "worktree", "add", "-b", "feature/cart", str(tmp_path / "elsewhere"))
    assert places.place_of(str(tmp_path / "elsewhere")) == ("shop", "feature/cart")
    git(folder, "checkout", "--detach")
    assert places.place_of(str(folder)) == ("shop", "detached")


def test_a_folder_without_git_is_its_own_project(tmp_path: Path) -> None:
    (tmp_path / "my shop").mkdir()
    assert places.place_of(str(tmp_path / "my shop")) == ("my-shop", "")
    assert places.place_of("/") == ("unknown", "")


def test_names_that_differ_only_beyond_ascii_are_not_one_project_or_branch() -> None:
    names = ("日本", "中国", "café", "cafe", "caf\udce9")
    projects = [naming.context_id_from(name, 36, "unknown") for name in names]
    branches = [naming.branch_id_from("shop", f"feature/{name}", 36) for name in names]
    for ids in (projects, branches):
        assert len(set(ids)) == len(names)
        assert all(is_context_id(each, 36) for each in ids)
    assert (projects[3], branches[3]) == ("cafe", "shop:feature-cafe")
    assert (projects[2][:4], branches[2][:17]) == ("caf-", "shop:feature-caf-")


def test_a_real_server_answers_a_start_and_makes_the_contexts(
    instance: Instance, tmp_path: Path
) -> None:
    folder = repository(tmp_path / "shop")
    git(folder, "checkout", "-b", "feature/a-name-that-is-longer-than-an-id-may-be")
    key = instance.credentials()["agent_key"]
    start = {"hook_event_name": "SessionStart", "session_id": "s1", "cwd": str(folder)}
    done = run(start, instance.url, tmp_path, CONTEXTSYS_KEY=key)
    output = json.loads(done.stdout)["hookSpecificOutput"]
    assert output["additionalContext"].startswith("# Context of branch shop:feature-a-name")
    with instance.client() as client:
        task = client.get("api/v1/contexts/task/s1/").json()
        branch = client.get(f"api/v1/contexts/branch/{task['branch_id']}/").json()
    assert branch["git_branch_name"] == "feature/a-name-that-is-longer-than-an-id-may-be"
    assert branch["project_id"] == "shop"

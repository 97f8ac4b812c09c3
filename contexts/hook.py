"""`python -m contexts.hook`: a coding agent's command hook. Standard library only, no Django.

Reads one event from standard input and posts it; what the server cannot be given now waits in a
spool file and goes first next time. It never fails the agent: it ends with 0, and prints nothing
but an answer that the agent may act on.

Environment: `CONTEXTSYS_URL` (default `http://127.0.0.1:8000`), `CONTEXTSYS_KEY`, and for the
spool `XDG_STATE_HOME` (default `~/.local/state`). `--project` and `--branch` name what is
otherwise found from git: the remote's name and the branch; worktrees share a project.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time

from contexts import naming

TYPE_CHECKING = False
if TYPE_CHECKING:  # An agent waits: what is not used is not imported, `typing` least of all.
    from collections.abc import Iterator
    from typing import Any

LARGEST_EVENT = 8 * 2**20
LARGEST_SPOOL = 32 * 2**20
LARGEST_ANSWER = 2**20
LONGEST_ID = 36
CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 2.0
# How long one hook goes on sending what waited, and how long a silent server is left alone.
DRAIN_SECONDS = 2.0
REST_SECONDS = 10.0
# The server says so of the event itself: sent again, it would be refused again.
REFUSED = frozenset((400, 405, 413, 414, 415, 422))
_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^/:@?#\s]+)(?::(\d+))?(/[^?#\s]*)?")


class Away(Exception):
    """The server cannot be given anything now; `silent` when that took time to find out."""

    def __init__(self, silent: bool = False) -> None:
        super().__init__()
        self.silent = silent


def main() -> int:
    """Handles one event; 0 whatever happens."""
    with contextlib.suppress(Exception):
        run(sys.stdin.buffer.read(LARGEST_EVENT + 1), sys.argv[1:])
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    return 0


def run(body: bytes, arguments: list[str]) -> None:
    event = json.loads(body)
    if not isinstance(event, dict) or len(body) > LARGEST_EVENT:
        return
    cwd = event.get("cwd")
    project, branch = place_of(cwd if isinstance(cwd, str) and cwd else os.getcwd())
    named = dict(zip(arguments[::2], arguments[1::2], strict=False))
    query = {"project": named.get("--project") or project}
    if named.get("--branch"):
        query["branch"] = named["--branch"]
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    event.setdefault("timestamp", f"{stamp}.{int(now % 1 * 1e6):06}Z")
    if branch:
        event.setdefault("git_branch", branch)
    if "branch" not in query:
        query["branch"] = naming.branch_id_from(query["project"], branch or "main", LONGEST_ID)
    text = "&".join(f"{name}={_quoted(value)}" for name, value in query.items())
    answer = deliver(Spool(), {"query": text, "event": event})
    output = answer.get("hookSpecificOutput") if isinstance(answer, dict) else None
    if isinstance(output, dict) and isinstance(output.get("additionalContext"), str):
        sys.stdout.write(json.dumps({"hookSpecificOutput": output}))


def deliver(spool: Spool, line: dict[str, Any]) -> Any:
    """The server's answer to an event, after those that waited; None when it must wait itself."""
    if spool.rests():
        spool.append(line)
        return None
    try:
        # Events that come together are told in any order; those that waited in theirs.
        if not spool.drain(Server()):
            spool.append(line)
            return None
        return Server().post(line)
    except Away as away:
        spool.append(line)
        spool.rest(away.silent)
        return None


class Server:
    """Where events go."""

    def __init__(self) -> None:
        url = os.environ.get("CONTEXTSYS_URL") or "http://127.0.0.1:8000"
        match = _URL.fullmatch(url)
        if match is None:
            raise Away
        self.scheme, self.host = match[1], match[2]
        self.port = int(match[3] or {"http": 80, "https": 443}[self.scheme])
        self.path = (match[4] or "").rstrip("/") + "/api/v1/hooks/claude-code/"
        self.key = re.sub(r"[^!-~]", "", os.environ.get("CONTEXTSYS_KEY", ""))

    def post(self, line: dict[str, Any]) -> Any:
        """Posts an event; the JSON of the answer, None when it was refused. Raises `Away`."""
        body = json.dumps(line["event"]).encode()
        # Answered in one piece (RFC 1945): `http.client` alone would take half of our time.
        head = (
            f"POST {self.path}?{line['query']} HTTP/1.0\r\n"
            f"Host: {self.host}:{self.port}\r\n"
            f"Authorization: Bearer {self.key}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        started = time.monotonic()
        try:
            answer = self._ask(head.encode("ascii", "replace") + body)
        except OSError:
            raise Away(time.monotonic() - started >= CONNECT_SECONDS) from None
        status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
        code = int(status[1]) if status else 0
        if code in REFUSED:
            return None
        if not 200 <= code < 300:
            raise Away
        with contextlib.suppress(ValueError):
            return json.loads(answer.partition(b"\r\n\r\n")[2])
        return None

    def _ask(self, request: bytes) -> bytes:
        import socket  # noqa: PLC0415 (not every call comes so far)

        until = time.monotonic() + ANSWER_SECONDS
        address = (self.host.strip("[]"), self.port)
        with socket.create_connection(address, CONNECT_SECONDS) as plain:
            connection = plain
            if self.scheme == "https":
                import ssl  # noqa: PLC0415

                context = ssl.create_default_context()
                connection = context.wrap_socket(plain, server_hostname=address[0])
            connection.settimeout(ANSWER_SECONDS)
            connection.sendall(request)
            answer = b""
            while len(answer) < LARGEST_ANSWER and (part := connection.recv(2**16)):
                answer += part
                if time.monotonic() > until:
                    raise TimeoutError
            return answer


class Spool:
    """Events that wait, one a line, oldest first: `waiting` is added to, `sending` is sent.

    Readable by the owner alone, as events hold what the agent sees. Beyond 32 MiB new ones are
    dropped: what is there is the beginning of a story that can still be told.
    """

    def __init__(self) -> None:
        state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
        self.folder = os.path.join(state, "contextsys")
        self.waiting = os.path.join(self.folder, "spool.jsonl")
        self.sending = os.path.join(self.folder, "sending.jsonl")
        self.silent = os.path.join(self.folder, "silent")

    def append(self, line: dict[str, Any]) -> None:
        text = json.dumps(line).encode() + b"\n"
        with self.locked("spool.lock"):
            if _size(self.waiting) + _size(self.sending) + len(text) <= LARGEST_SPOOL:
                self._write(self.waiting, text, os.O_APPEND)

    def drain(self, server: Server) -> bool:
        """Sends what waits, in order; False when some is left. Raises `Away`."""
        if not _size(self.waiting) and not _size(self.sending):
            return True
        with self.locked("drain.lock", wait=False) as mine:
            if not mine:
                return False  # Another hook is sending; what comes now waits behind that.
            until = time.monotonic() + DRAIN_SECONDS
            while self._take():
                if not self._send(server, until):
                    return False
        return True

    def _take(self) -> bool:
        """Moves what waits to what is sent; whether there is anything."""
        with self.locked("spool.lock"):
            if not _size(self.sending) and _size(self.waiting):
                os.replace(self.waiting, self.sending)
        return _size(self.sending) > 0

    def _send(self, server: Server, until: float) -> bool:
        with open(self.sending, "rb") as file:
            lines = file.read().splitlines()
        done = 0
        try:
            for line in lines:
                if time.monotonic() > until:
                    return False
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    server.post(json.loads(line))
                done += 1
        finally:
            rest = b"".join(line + b"\n" for line in lines[done:])
            new = self.sending + ".new"
            self._write(new, rest, os.O_TRUNC)
            os.replace(new, self.sending)
        return True

    def rests(self) -> bool:
        """Whether the server was silent a moment ago: each try would cost the agent its time."""
        try:
            return 0 <= time.time() - os.stat(self.silent).st_mtime < REST_SECONDS
        except OSError:
            return False

    def rest(self, silent: bool) -> None:
        if silent:
            self._write(self.silent, b"", os.O_TRUNC)
            os.utime(self.silent)

    @contextlib.contextmanager
    def locked(self, name: str, wait: bool = True) -> Iterator[bool]:
        """Holds a lock among the hooks of this user; False when another holds it."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        descriptor = os.open(os.path.join(self.folder, name), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                import fcntl  # noqa: PLC0415 (there is none on Windows)

                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except ImportError:
                pass
            except BlockingIOError:
                yield False
                return
            yield True
        finally:
            os.close(descriptor)

    def _write(self, path: str, text: bytes, how: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
        with open(descriptor, "wb") as file:
            file.write(text)


def _quoted(text: str) -> str:
    """`text` for a query."""
    safe = re.compile(rb"[A-Za-z0-9._:@-]")
    return "".join(
        chr(byte) if safe.match(bytes((byte,))) else f"%{byte:02X}"
        for byte in text.encode("utf-8", "replace")
    )


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def place_of(folder: str) -> tuple[str, str]:
    """The project's id and the git branch of a folder; "" for the branch when there is none."""
    found = _git_folder(folder)
    if found is None:
        return _project(os.path.basename(os.path.abspath(folder))), ""
    own, shared = found
    url = _remote(os.path.join(shared, "config"))
    name = url.rstrip("/").removesuffix(".git").replace("\\", "/").replace(":", "/")
    name = name.rsplit("/", 1)[-1]
    if not name:
        # `shop/.git`, or a bare `shop.git` that has worktrees only.
        inside = os.path.basename(shared) == ".git"
        name = os.path.basename(os.path.dirname(shared) if inside else shared)
    head = _read(os.path.join(own, "HEAD")).strip()
    branch = head.removeprefix("ref: refs/heads/") if head.startswith("ref: ") else "detached"
    return _project(name.removesuffix(".git")), branch


def _project(name: str) -> str:
    return naming.context_id_from(name, LONGEST_ID, "unknown")


def _git_folder(folder: str) -> tuple[str, str] | None:
    """Git's folder of a working tree, and the one that all worktrees share."""
    folder = os.path.abspath(folder)
    while True:
        git = os.path.join(folder, ".git")
        if os.path.isdir(git):
            return git, git
        if os.path.isfile(git):
            own = _read(git).partition("gitdir:")[2].strip()
            own = os.path.normpath(os.path.join(folder, own))
            common = _read(os.path.join(own, "commondir")).strip()
            return own, os.path.normpath(os.path.join(own, common)) if common else own
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _remote(config: str) -> str:
    """The address of `origin`, or of the first remote there is."""
    urls: dict[str, str] = {}
    section = ""
    for line in _read(config).splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line.removeprefix('[remote "').removesuffix('"]') if "remote" in line else ""
        name, found, value = line.partition("=")
        if section and found and name.strip().lower() == "url":
            urls.setdefault(section, value.strip().strip('"'))
    return urls.get("origin") or next(iter(urls.values()), "")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(2**20)
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main())

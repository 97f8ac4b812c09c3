"""Events that wait for the server, in files of this user's."""

from __future__ import annotations

import contextlib
import json
import os
import time

try:
    import fcntl
except ImportError:  # On Windows, where nothing keeps two hooks apart.
    fcntl = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:  # An agent waits: what is not used is not imported, `typing` least of all.
    from collections.abc import Iterator
    from typing import Any

    from contexts.hook.server import Server

LARGEST_SPOOL = 32 * 2**20
# How long one hook goes on sending what waited, and how long a silent server is left alone.
DRAIN_SECONDS = 2.0
REST_SECONDS = 10.0


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
                if fcntl is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
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


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0

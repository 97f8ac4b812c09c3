"""The server that events are posted to."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import ssl
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # An agent waits: what is not used is not imported, `typing` least of all.
    from typing import Any

CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 2.0
LARGEST_ANSWER = 2**20
# The server says so of the event itself: sent again, it would be refused again.
REFUSED = frozenset((400, 405, 413, 414, 415, 422))
_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[^/:@?#\s]+)(?::(\d+))?(/[^?#\s]*)?")


class Away(Exception):
    """The server cannot be given anything now; `silent` when that took time to find out."""

    def __init__(self, silent: bool = False) -> None:
        super().__init__()
        self.silent = silent


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
        until = time.monotonic() + ANSWER_SECONDS
        address = (self.host.strip("[]"), self.port)
        with socket.create_connection(address, CONNECT_SECONDS) as plain:
            connection: socket.socket = plain
            if self.scheme == "https":
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

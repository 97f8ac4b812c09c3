"""A scripted hub on a socket of this machine, asked over HTTP."""

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
from django.db import connections

from contexts import documents
from tests.syncing.hubs.scripted import DEEPEST, PREFIX, Asked, ScriptedHub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def _reply(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        parts = urlsplit(self.path)
        asked = Asked(
            self.command,
            parts.path.removeprefix(PREFIX),
            dict(parse_qsl(parts.query)),
            documents.parse(body, DEEPEST) if body else None,
            dict(self.headers),
        )
        self.server.listening.peers.append(self.client_address[1])
        try:
            raw = self.server.listening.raw
            if raw is not None:
                raw(self)
                return
            answer = self.server.listening.hub.answer(asked)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
        except httpx2.ConnectError:
            self.close_connection = True
        except (ConnectionError, ssl.SSLError):
            # The client has gone, as some tests want it to.
            self.close_connection = True
        finally:
            connections.close_all()

    def log_message(self, format: str, *args: Any) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    listening: "Listening"

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


class Listening:
    """A scripted hub on a free port of loopback.

    `peers` are the clients' ports, one a request: a kept connection shows as the same again.
    `raw` answers in the hub's stead, with the handler in its hands.
    """

    def __init__(self, hub: ScriptedHub, context: ssl.SSLContext | None = None) -> None:
        self.hub = hub
        self.peers: list[int] = []
        self.raw: Callable[[BaseHTTPRequestHandler], None] | None = None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.listening = self
        if context is not None:
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if context is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def listening(hub: ScriptedHub, context: ssl.SSLContext | None = None) -> Iterator[Listening]:
    """The hub on a free port of loopback, with TLS when a context is given."""
    server = Listening(hub, context)
    try:
        yield server
    finally:
        server.close()

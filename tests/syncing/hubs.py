"""A hub by script: it keeps a feed in a list and takes pushes in, and where a test says so it
answers otherwise. A node's client asks it over HTTP, on loopback or within the process.
"""

import contextlib
import ssl
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from django.db import connections
from django.test import override_settings
from django.utils import timezone

from contexts import documents
from contexts.documents import revision_of, to_json
from contexts.identifiers import uuid7
from contexts.levels import LEVELS, Document, Level
from contexts.queries import timestamp
from syncing import client as cloud
from syncing import journal, link, pull, tasks, wire
from syncing.client import CloudClient
from syncing.errors import SyncError
from syncing.push import Pushed, push_due

KEY = "ctx_a-key-that-nobody-may-read"
ORGANIZATION = "global"
PREFIX = "/api/v1/sync/"
DEEPEST = 90


@dataclass(frozen=True)
class Asked:
    """A request as the hub got it; `path` is what comes after `/api/v1/sync/`."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What is answered: `body` as JSON, or as it stands when it is bytes."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else to_json(self.body)


Judge = Callable[[Document], Document | None]
# What a script does with a request: an answer instead of the hub's own, None to leave it to it,
# or an error of the library raised, as if there were no answer.
Script = Callable[[Asked], Answer | None]


class ScriptedHub:
    """The hub's side of DESIGN §4, as far as a node can tell.

    `judge` gives the result for a pushed entry that is not to be taken in as it is: the members
    that differ from `applied`; `{}` leaves the entry without one. `script` comes before all.
    """

    def __init__(self, organization: str = ORGANIZATION) -> None:
        self.organization = organization
        self.node, self.epoch, self.digest = "hub-node", "e" * 32, ""
        self.floor = 0
        self.feed: list[Document] = []
        self.asked: list[Asked] = []
        self.judge: Judge = lambda entry: None
        self.script: Script = lambda asked: None

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if (scripted := self.script(asked)) is not None:
            return scripted
        parts: dict[str, Callable[[Asked], Answer]] = {
            "status/": lambda _: Answer(body=self.status()),
            "changes/": self._changes,
            "snapshot/": self._snapshot,
            "push/": self._push,
        }
        return parts[asked.path](asked)

    def asked_for(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    @property
    def pushed(self) -> list[list[Document]]:
        """The entries of every push so far."""
        return [asked.body["entries"] for asked in self.asked_for("push/")]

    def status(self) -> Document:
        return {
            "protocol": wire.PROTOCOL,
            "node": self.node,
            "organization": self.organization,
            **self._place(),
            "digest": self.digest,
        }

    def _place(self) -> Document:
        return {"epoch": self.epoch, "floor": self.floor, "head": len(self.feed)}

    def _gone(self) -> Answer:
        told = {"success": False, "code": "gone", "error": "Read the snapshot."}
        return Answer(410, {**told, **self._place()})

    def _knows(self, since: int, epoch: str, last: str | None) -> bool:
        """Whether this is the feed that a node has read up to `since`."""
        if epoch not in ("", self.epoch) or since > len(self.feed):
            return False
        return not (last and since) or self.feed[since - 1]["stamp"] == last

    def _changes(self, asked: Asked) -> Answer:
        since = int(asked.query["since"])
        known = self._knows(since, asked.query.get("epoch", ""), asked.query.get("last"))
        if not known or since < self.floor:
            return self._gone()
        changes = self.feed[since : since + int(asked.query["limit"])]
        reached = since + len(changes)
        last = changes[-1]["stamp"] if changes else None
        more = reached < len(self.feed)
        page = {**self._place(), "next": reached, "last": last, "more": more, "changes": changes}
        return Answer(body=page)

    def _snapshot(self, asked: Asked) -> Answer:
        """One page a level: its contexts' newest versions."""
        number = int(asked.query.get("after") or 0)
        newest: dict[str, Document] = {}
        for change in self.feed:
            if change["level"] == list(LEVELS)[number] and change["makes_version"]:
                newest[change["context_id"]] = change
        after = number + 1 if number + 1 < len(LEVELS) else None
        last = self.feed[-1]["stamp"] if self.feed else None
        page = {
            **self._place(),
            "last": last,
            "next": after and str(after),
            "changes": list(newest.values()),
        }
        return Answer(body=page)

    def _push(self, asked: Asked) -> Answer:
        if not self._knows(*(asked.body[name] for name in ("since", "epoch", "last"))):
            return self._gone()
        results = [each for each in map(self._judged, asked.body["entries"]) if each]
        return Answer(body={**self._place(), "results": results})

    def _judged(self, entry: Document) -> Document:
        told = self.judge(entry)
        if told == {}:
            return {}
        result = {"mutation_id": entry["mutation_id"], "seq": None, "conflict_id": None}
        if told is not None:
            return {**result, "revision": None, "code": None, **told}
        seq = self.take(entry)
        return {**result, "verdict": "applied", "seq": seq, "revision": entry["revision"]}

    def take(self, entry: Document) -> int:
        """Puts a pushed entry into the feed as it is, if it is not there; returns its number."""
        change = wire.change_of(entry, entry["origin_node"])
        change.pop("base", None)
        for known in self.feed:
            if known["mutation_id"] == change["mutation_id"]:
                return int(known["seq"])
        return self.tell(change)

    def tell(self, change: Document) -> int:
        """Appends a change to the feed; returns its number."""
        self.feed.append({**change, "seq": len(self.feed) + 1, "stamp": str(uuid.uuid4())})
        return len(self.feed)

    def newest(self, level: Level, context_id: str) -> Document | None:
        """The newest version that the feed has of a context."""
        for change in reversed(self.feed):
            key = change["level"], change["context_id"]
            if key == (level.name, context_id) and change["makes_version"]:
                return change
        return None

    def write(
        self,
        level: Level,
        context_id: str,
        parent_id: str = "",
        *,
        gone: bool = False,
        **values: Any,
    ) -> Document:
        """Someone writes at the hub: the context's next version is appended to the feed.

        `values` replace fields of the version before; `gone` deletes the context.
        """
        before = self.newest(level, context_id)
        document: Document | None = None
        if not gone:
            document = dict(before["document"] or {}) if before is not None else {}
            document |= {field.name: field.default() for field in level.fields} | document | values
            if parent_id:
                document[level.parent_field] = parent_id
        change = self.version(level, context_id, document, before)
        self.tell(change)
        return change

    def version(
        self, level: Level, context_id: str, document: Document | None, before: Document | None
    ) -> Document:
        """The change that makes `document` the version after `before`; not in the feed yet."""
        version = before["version"] + 1 if before is not None else 1
        parent_revision = before["revision"] if before is not None else ""
        operation = "deleted" if document is None else "updated" if before else "created"
        return {
            "level": level.name,
            "context_id": context_id,
            "operation": operation,
            "version": version,
            "revision": revision_of(version, parent_revision, document),
            "parent_revision": parent_revision,
            "makes_version": True,
            "document": document,
            "record": None,
            "entry": None,
            "actor": "hub-agent",
            "origin_node": self.node,
            "mutation_id": str(uuid7()),
            "at": timestamp(timezone.now()),
        }

    def client(self, key: str = KEY) -> CloudClient:
        """A node's client whose requests this answers within the process."""

        def handle(request: httpx2.Request) -> httpx2.Response:
            body = documents.parse(request.content, DEEPEST) if request.content else None
            answer = self.answer(
                Asked(
                    request.method,
                    request.url.path.removeprefix(PREFIX),
                    dict(request.url.params),
                    body,
                    dict(request.headers),
                )
            )
            return httpx2.Response(answer.status, content=answer.content, headers=answer.headers)

        return CloudClient("http://hub.invalid", key, transport=httpx2.MockTransport(handle))


def failure_of(call: Callable[[], Any]) -> SyncError:
    with pytest.raises(SyncError) as failed:
        call()
    return failed.value


def away(asked: Asked) -> Answer | None:
    """A script: nobody answers."""
    raise httpx2.ConnectError("Connection refused")


def always(status: int, body: Any = None, **headers: str) -> Script:
    """A script: the same answer to everything."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Answer(status, body or {"success": False}, named)


@contextlib.contextmanager
def linked_to(hub: ScriptedHub, url: str = "") -> Iterator[CloudClient]:
    """Makes this instance a node of `hub` (at `url` when that listens); nothing runs by itself."""
    client = CloudClient(url, KEY) if url else hub.client()
    url = url or "http://hub.invalid"
    with (
        override_settings(
            CONTEXTSYS_CLOUD_URL=url, CONTEXTSYS_CLOUD_KEY=KEY, CONTEXTSYS_CLOUD_INSECURE=False
        ),
        mock.patch.object(cloud, "_current", ((url, KEY, False), client)),
        mock.patch.object(tasks, "nudge"),
    ):
        try:
            yield client
        finally:
            client.close()


def exchange(client: CloudClient) -> Pushed:
    """One sweep, push and pull of everything."""
    link.link_of(ORGANIZATION)
    journal.sweep(ORGANIZATION)
    pushed = push_due(ORGANIZATION, client)
    while pull.pull_once(ORGANIZATION, client).more:
        pass
    return pushed


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

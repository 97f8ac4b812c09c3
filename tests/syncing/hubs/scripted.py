"""A hub by script: it keeps a feed in a list and takes pushes in, and where a test says so it
answers otherwise. A node's client asks it within the process.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
from django.utils import timezone

from contexts import documents
from contexts.documents import revision_of, to_json
from contexts.identifiers import uuid7
from contexts.levels import LEVELS, Document, Level
from contexts.queries import timestamp
from syncing import wire
from syncing.client import CloudClient

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


def away(asked: Asked) -> Answer | None:
    """A script: nobody answers."""
    raise httpx2.ConnectError("Connection refused")


def always(status: int, body: Any = None, **headers: str) -> Script:
    """A script: the same answer to everything."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Answer(status, body or {"success": False}, named)

"""The hub's endpoints, and conflicts for everyone."""

import re
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from contexts import access, documents, queries, requests
from contexts.errors import ContextError, Invalid, MalformedBody, NotFound
from contexts.history import present_version
from contexts.levels import LEVELS, Document
from contexts.models import Change, Feed, Role, owned
from contexts.serializers import Choice, JSONObject, Strict, parsed
from contexts.services import document_limit
from contexts.services.members import uuid_of
from contexts.views.base import ApiView, write
from contexts.views.errors import json_answer
from contexts.views.feed import LARGEST_SEQ, LONGEST_WAIT
from contexts.views.pages import page
from syncing import feeding, peers, settling, wire
from syncing.conflicts import Strategy
from syncing.identity import identity
from syncing.models import Conflict
from syncing.receiving import receive

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}", re.ASCII)
# Entries may hold as much as an action's body, and what wraps a document nests it deeper.
LARGEST_ENTRY = 9 * 2**20
DEEPEST = documents.MAX_DEPTH + 8
MOST_CHANGES = 500


def largest_push() -> int:
    """How many bytes a batch of changes may have."""
    return 2 * document_limit() + LARGEST_ENTRY


class OrganizationMismatch(ContextError):
    code = "organization_mismatch"
    status = 409


class BatchTooLarge(ContextError):
    code = "batch_too_large"
    status = 413


class SyncView(ApiView):
    """An endpoint that nodes call with the key of a writer or admin."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        access.require(self.caller, Role.WRITER)

    @property
    def organization_id(self) -> str:
        return self.caller.organization_id

    def peer(self, request: Request) -> str:
        """The name of the node that asks; "" when it does not say."""
        node = request.query_params.get("node", "")
        if node and _NAME.fullmatch(node) is None:
            raise Invalid({"node": ["This is no name of a node."]})
        return node


class StatusView(ApiView):
    """`GET sync/status/`: where this instance stands, with a digest of its documents."""

    def get(self, request: Request) -> HttpResponse:
        return json_answer(feeding.status(self.caller.organization_id, identity().node))


class ChangesView(SyncView):
    """`GET sync/changes/`: the feed with all that a node needs to make the changes again."""

    def get(self, request: Request) -> HttpResponse:
        since = requests.whole_number(request, "since", 0, 0, LARGEST_SEQ) or 0
        # Less than that when the node asks ahead of what it has stored.
        stored = requests.whole_number(request, "stored", since, 0, since)
        limit = requests.whole_number(request, "limit", MOST_CHANGES, 1, MOST_CHANGES)
        wait = requests.whole_number(request, "wait", 0, 0, LONGEST_WAIT) or 0
        node = self.peer(request)
        found = feeding.changes_page(
            self.organization_id,
            identity().node,
            since,
            request.query_params.get("epoch", ""),
            _uuid(request, "last"),
            limit or MOST_CHANGES,
        )
        if node:
            peers.note(self.caller, node, stored)
        response = json_answer(found)
        if not found["changes"] and wait:
            response.wait_for = (self.organization_id, since, wait)  # type: ignore[attr-defined]
        return response


class SnapshotView(SyncView):
    """`GET sync/snapshot/`: what is current, for a node that cannot follow the feed."""

    def get(self, request: Request) -> HttpResponse:
        limit = requests.whole_number(request, "limit", MOST_CHANGES, 1, MOST_CHANGES)
        after = request.query_params.get("after", "")
        return json_answer(
            feeding.snapshot_page(
                self.organization_id, identity().node, after, limit or MOST_CHANGES
            )
        )


class PushView(SyncView):
    """`POST sync/push/`: a node's changes, each with a verdict."""

    def post(self, request: Request) -> HttpResponse:
        requests.media_type(request)
        body = requests.raw_body(request, largest_push())
        if not body.strip():
            raise MalformedBody("The body is empty.")
        pushed = documents.parse(body, DEEPEST)
        node, entries = self._checked(pushed)
        incarnation = pushed.get("incarnation", "")
        if not isinstance(incarnation, str) or len(incarnation) > 32:
            raise Invalid({"incarnation": ["This must be a text of up to 32 characters."]})
        peers.recognize(self.caller, node, incarnation, pushed.get("previous", []))
        results = receive(self.caller, node, identity().node, entries)
        feed = owned(self.organization_id, Feed).get()
        return json_answer({"epoch": feed.epoch, "head": feed.head, "results": results})

    def _checked(self, pushed: Any) -> tuple[str, list[Any]]:
        if not isinstance(pushed, dict):
            raise MalformedBody("The body must be a JSON object.")
        protocol = pushed.get("protocol", wire.PROTOCOL)
        if isinstance(protocol, bool) or protocol != wire.PROTOCOL:
            raise Invalid({"protocol": [f"This hub speaks protocol {wire.PROTOCOL}."]})
        theirs = pushed.get("organization", self.organization_id)
        if not isinstance(theirs, str):
            raise Invalid({"organization": ["This must be a text."]})
        if theirs != self.organization_id:
            raise OrganizationMismatch(
                f"This key is of the organization {self.organization_id}, the node of "
                f"{theirs[:50]}: it must have the same.",
                organization=self.organization_id,
            )
        feeding.check_place(self.organization_id, *_place(pushed))
        node, entries = pushed.get("node"), pushed.get("entries")
        if not isinstance(node, str) or _NAME.fullmatch(node) is None:
            raise Invalid({"node": ["This is no name of a node."]})
        if not isinstance(entries, list):
            raise Invalid({"entries": ["This must be a list."]})
        if len(entries) > wire.MOST_ENTRIES:
            raise BatchTooLarge(f"A push may have up to {wire.MOST_ENTRIES} entries.")
        return node, entries


def _place(pushed: Document) -> tuple[int, str, UUID | None]:
    """How far a node that pushes has read: since, epoch, last; all of them may be left out."""
    since, epoch, last = pushed.get("since", 0), pushed.get("epoch", ""), pushed.get("last")
    if type(since) is not int or not 0 <= since <= LARGEST_SEQ:
        raise Invalid({"since": ["This must be a number of the feed."]})
    if not isinstance(epoch, str):
        raise Invalid({"epoch": ["This must be a text."]})
    return since, epoch, uuid_of(pushed, "last") if last is not None else None


def _uuid(request: Request, name: str) -> UUID | None:
    text = request.query_params.get(name)
    return uuid_of({name: text}, name) if text else None


class ConflictsView(ApiView):
    """`GET conflicts/`: the open ones, newest first; `status=` others."""

    def get(self, request: Request) -> HttpResponse:
        status = request.query_params.get("status", Conflict.Status.OPEN)
        if status not in Conflict.Status.values:
            raise Invalid({"status": [f"This must be {' or '.join(Conflict.Status.values)}."]})
        rows = owned(self.caller.organization_id, Conflict, status=status)
        return page(
            request, rows, ("-id",), lambda found: [settling.present(each) for each in found]
        )


class ResolutionBody(Strict):
    strategy = Choice(choices=[each.value for each in Strategy], required=False)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        # `data` is an attribute of every serializer.
        return {**super().get_fields(), "data": JSONObject(required=False)}


class ResolveView(ApiView):
    """`POST conflicts/ID/resolve/`."""

    @write
    def post(self, request: Request, conflict_id: UUID) -> HttpResponse:
        if not owned(self.caller.organization_id, Conflict, conflict_id=conflict_id).exists():
            raise NotFound
        access.require(self.caller, Role.WRITER)
        body = parsed(ResolutionBody, request)
        if ("strategy" in body) == ("data" in body):
            raise Invalid({"strategy": ["Send either a strategy or data."]})
        strategy = Strategy(body["strategy"]) if "strategy" in body else None
        settled = settling.resolve(
            self.caller, conflict_id, strategy, body.get("data"), requests.precondition(request)
        )
        level = LEVELS[settled.level] if isinstance(settled, Change) else _level_of(settled)
        if not isinstance(settled, Change):
            return self.written(queries.present(level, settled), ETag=f'"{settled.revision}"')
        shown = {"level": level.name, "id": settled.context_id, "deleted": True}
        if settled.operation != Change.Operation.DELETED:
            shown = present_version(level, settled)
        return self.written(shown)


def _level_of(row: Any) -> Any:
    return next(level for level in LEVELS.values() if isinstance(row, level.model))

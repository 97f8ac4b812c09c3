"""The organization's feed of changes, and delegations that wait for a decision."""

import asyncio
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from contexts import access, broadcast, delegations, history, queries, requests
from contexts.errors import Invalid, NotFound
from contexts.models import Delegation, Role, owned
from contexts.views.base import ApiView, write
from contexts.views.errors import json_answer
from contexts.views.pages import page

LONGEST_WAIT = 60
MOST_CHANGES = 500
LOOK_EVERY = 1.0
LARGEST_SEQ = 2**63 - 1


class FeedView(ApiView):
    """`GET changes/`: what changed after a number, in order, without a gap."""

    def get(self, request: Request) -> HttpResponse:
        since = requests.whole_number(request, "since", 0, 0, LARGEST_SEQ) or 0
        limit = requests.whole_number(request, "limit", 100, 1, MOST_CHANGES) or 100
        wait = requests.whole_number(request, "wait", 0, 0, LONGEST_WAIT) or 0
        found = history.read_feed(self.caller.organization_id, since, limit)
        response = json_answer(found.body())
        if not found.changes and wait:
            response.wait_for = (self.caller.organization_id, since, wait)  # type: ignore[attr-defined]
        return response


def long_poll(view: Callable[..., Any]) -> Callable[..., Any]:
    """`view` of the feed, holding an empty answer until a change comes or the wait is over.

    The wait costs an idle thread and no database connection. A hint ends it at once; the log is
    looked at every second anyway, as hints may be lost.
    """

    async def wait_and_answer(request: HttpRequest) -> HttpResponse:
        response = await sync_to_async(_read)(view, request)
        organization_id, since, seconds = getattr(response, "wait_for", ("", 0, 0))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (left := deadline - loop.time()) > 0:
            await broadcast.wait_for_hint(organization_id, min(LOOK_EVERY, left))
            if await sync_to_async(_read)(history.head_of, organization_id) > since:
                response = await sync_to_async(_read)(view, request)
                break
        return cast(HttpResponse, response)

    # What Django and the schema generator look for on a class-based view.
    wait_and_answer.cls = view.cls  # type: ignore[attr-defined]
    wait_and_answer.initkwargs = {}  # type: ignore[attr-defined]
    wait_and_answer.csrf_exempt = True  # type: ignore[attr-defined]
    return wait_and_answer


def _read(work: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return work(*arguments)
    finally:
        # Back to the pool while we wait; a surrounding transaction (a test's) keeps its own.
        if not connection.in_atomic_block:
            close_old_connections()


class DelegationsView(ApiView):
    """`GET delegations/`: newest first."""

    def get(self, request: Request) -> HttpResponse:
        rows = owned(self.caller.organization_id, Delegation)
        status = request.query_params.get("status")
        if status is not None:
            if status not in Delegation.Status.values:
                raise Invalid({"status": ["This must be pending, approved or rejected."]})
            rows = rows.filter(status=status)
        return page(
            request,
            rows,
            ("-id",),
            lambda found: [queries.present_delegation(each) for each in found],
        )


class DecisionView(ApiView):
    """`POST delegations/ID/approve/` and `…/reject/`."""

    status = Delegation.Status.APPROVED

    @write
    def post(self, request: Request, delegation_id: UUID) -> HttpResponse:
        known = owned(self.caller.organization_id, Delegation, delegation_id=delegation_id)
        if not known.exists():
            raise NotFound
        access.require(self.caller, Role.ADMIN)
        expected = requests.precondition(request)
        decided = delegations.decide(self.caller, delegation_id, self.status, expected)
        return self.written(queries.present_delegation(decided))


class NothingHere(ApiView):
    """Any other address of the API: first who asks, then that there is nothing."""

    def initial(self, request: Request, *args: Any, rest: str = "", **kwargs: Any) -> None:
        # Before a method is looked for: an unknown address allows none in particular.
        super().initial(request, *args, **kwargs)
        if not rest.endswith("/"):
            raise NotFound("There is nothing at this address; addresses here end with a slash.")
        raise NotFound

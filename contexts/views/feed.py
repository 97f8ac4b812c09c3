"""The organization's feed of changes, and delegations that wait for a decision."""

import asyncio
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from contexts import access, broadcast, delegations, history, queries, requests
from contexts.errors import Invalid, NotFound
from contexts.models import Delegation, Role, owned
from contexts.serializers import refuse_fields
from contexts.threads import in_thread
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


async def changed(response: HttpResponseBase) -> bool:
    """Waits as long as an empty page of the feed asks for; whether a change came meanwhile.

    The wait costs no thread and no database connection. A hint ends it at once; the log is looked
    at every second anyway, as hints may be lost.
    """
    organization_id, since, seconds = getattr(response, "wait_for", ("", 0, 0))
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while (left := deadline - loop.time()) > 0:
        await broadcast.wait_for_hint(organization_id, min(LOOK_EVERY, left))
        if await in_thread(history.head_of, organization_id) > since:
            return True
    return False


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
        # Whoever sends something means something by it, and no decision is made twice.
        refuse_fields(request)
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

"""What agents do, as they tell of it: actions, and hook events of coding agents."""

import threading
from typing import ClassVar

from django.db import transaction
from django.http import HttpResponse
from rest_framework.request import Request

from contexts import access, queries, requests, tasks, tracking
from contexts.models import Role
from contexts.serializers import parsed
from contexts.transcripts import events
from contexts.transcripts.hooks import Hooks
from contexts.views.base import ApiView, write
from contexts.views.errors import json_answer
from contexts.views.shapes import ActionBody

LARGEST_BODY = 8 * 2**20


class ActionsView(ApiView):
    """`POST actions/`: what an agent did, and what that tells (contract §5)."""

    body_limit: ClassVar[int | None] = LARGEST_BODY

    @write
    def post(self, request: Request) -> HttpResponse:
        access.require(self.caller, Role.WRITER)
        values = parsed(ActionBody, request)
        extracted, entry = tracking.track(
            self.caller,
            values["action_type"],
            values["action_data"],
            agent=values.get("agent", ""),
            precondition=requests.precondition(request),
        )
        shown = queries.present_entry(entry)
        return json_answer(
            {"extracted": extracted, "entry": shown, "sync": self.standing(shown)}, 201
        )


class HooksView(ApiView):
    """`POST hooks/claude-code/`: an event of a coding agent. Its agent waits for the answer."""

    def post(self, request: Request) -> HttpResponse:
        access.require(self.caller, Role.WRITER)
        event = events.read(requests.raw_body(request, LARGEST_BODY))
        query = request.query_params
        hooks = Hooks(self.caller, query.get("project", ""), query.get("branch", ""))
        handled = hooks.handle(event)
        if handled.unfinished:
            transaction.on_commit(_finish_soon, robust=True)
        if handled.context is None:
            return json_answer({})
        answer = {"hookEventName": "SessionStart", "additionalContext": handled.context}
        return json_answer({"hookSpecificOutput": answer})


def _finish_soon() -> None:
    # On a thread of its own: a broker that hangs would hang the agent.
    threading.Thread(target=tasks.ask_to_finish_calls, name="finish-calls", daemon=True).start()

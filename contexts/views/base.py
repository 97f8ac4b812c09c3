"""What all views of the API share."""

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import Any, ClassVar, cast

from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from contexts import upstream
from contexts.access import Caller
from contexts.errors import Invalid, NotFound
from contexts.requests import has_current, raw_body
from contexts.views import idempotency
from contexts.views.errors import json_answer


class ApiView(APIView):
    """An endpoint: an authenticated caller, answers that no shared cache may keep.

    `body_limit`: how many bytes a body may have, where that is not what a document may have.
    """

    body_limit: ClassVar[int | None] = None

    @property
    def caller(self) -> Caller:
        return cast(Caller, self.request.user)

    def written(self, body: dict[str, Any], status: int = 200, **headers: str) -> HttpResponse:
        """The answer to a write: `body` tells of a context or of something at one; with how far
        the hub has that.
        """
        return json_answer({**body, "sync": self.standing(body)}, status, headers)

    def standing(self, body: dict[str, Any]) -> dict[str, str]:
        """How far the hub has the context that `body` tells of."""
        context_id = body.get("context_id", body["id"])
        organization_id = self.caller.organization_id
        return {"status": upstream.standing(organization_id, body["level"], context_id)}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # DRF's steps but for versions and throttles, and in another order: who calls comes before
        # anything else that may be wrong, also what the request would accept.
        self.perform_authentication(request)
        self.check_permissions(request)
        self.format_kwarg = None
        chosen = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = chosen
        # No id and no word can hold a NUL, and PostgreSQL takes none as a parameter.
        if "\0" in request.path:
            raise NotFound
        for name, values in request.query_params.lists():
            if any("\0" in text for text in (name, *values)):
                raise Invalid({name.replace("\0", ""): ["This must not contain NUL."]})

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {**super().default_response_headers, "Cache-Control": "private, no-cache"}


def etag_of(content: bytes) -> str:
    """An entity tag that names `content`, or what that names."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def conditional(
    request: Request | HttpRequest, etag: str, body: bytes | Callable[[], bytes], media: str
) -> HttpResponse:
    """200 with the body, which may still have to be made, or 304 when the caller has it already."""
    headers = {"ETag": etag}
    if has_current(request, etag):
        return HttpResponse(status=304, headers=headers, content_type=media)
    made = body() if callable(body) else body
    return HttpResponse(made, headers=headers, content_type=media)


def write(method: Any) -> Any:
    """A writing endpoint: with an `Idempotency-Key` it does its work once."""

    @wraps(method)
    def once(view: ApiView, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        if view.body_limit is not None:
            raw_body(request, view.body_limit)
        # Before the transaction: what others wrote can only come in between ours.
        upstream.refresh(view.caller.organization_id)
        return idempotency.answer_once(
            view, request, view.caller, lambda: method(view, request, *args, **kwargs)
        )

    return once

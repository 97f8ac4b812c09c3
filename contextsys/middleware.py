"""The outermost middleware: names, measures, logs and counts every request, once."""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from structlog.contextvars import bind_contextvars, unbind_contextvars

from contexts.agents import KEY_PREFIX
from contexts.redaction import redact_apart
from contexts.views.errors import API_ROOT, database_unavailable
from contextsys import metrics

logger = structlog.stdlib.get_logger("contextsys.request")
# The client went away before its answer was ready; nginx's name for it.
CLIENT_CLOSED = 499
WITHOUT_BODY = (204, 304)
LONGEST_PATH = 500
_OBSERVED = "contextsys.observed"
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)


class RequestLog:
    """`X-Request-ID` in and out, one INFO line a request, and its metrics.

    Under ASGI the handler does that, which knows how long an answer was held.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_observed(request):
            return self.get_response(request)
        with observed(request) as observation:
            response = self.get_response(request)
            observation.answered(response)
            return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """For views of the API that are not DRF's: a database that is away is no crash."""
        if request.path.startswith(API_ROOT) and isinstance(
            error, OperationalError | InterfaceError
        ):
            return database_unavailable()
        return None


class Observation:
    """One request on its way."""

    def __init__(self, request: HttpRequest, request_id: str) -> None:
        self.request = request
        self.request_id = request_id
        self.started = time.perf_counter()
        self.status = CLIENT_CLOSED

    def answered(self, response: HttpResponseBase) -> None:
        self.status = response.status_code
        response.headers["X-Request-ID"] = self.request_id
        if response.status_code in WITHOUT_BODY and "Content-Length" in response.headers:
            # Django says 0: of a 304 it would be the length of what the client has (RFC 9110 §8.6).
            del response.headers["Content-Length"]

    def finish(self) -> None:
        seconds = time.perf_counter() - self.started
        match = self.request.resolver_match
        route = (match.view_name or match.route) if match else "none"
        metrics.count_request(self.request.method or "", route, self.status, seconds)
        logger.info(
            "request",
            method=self.request.method,
            path=_without_keys(self.request.path)[:LONGEST_PATH],
            status=self.status,
            duration_ms=round(seconds * 1000, 1),
        )


def _without_keys(text: str) -> str:
    """`text`, in which a client may have put an agent's key where it does not belong."""
    return redact_apart(text) if KEY_PREFIX in text else text


def is_observed(request: HttpRequest) -> bool:
    return _OBSERVED in request.META


@contextmanager
def observed(request: HttpRequest) -> Iterator[Observation]:
    """Binds the request for all log lines until its end, then tells and counts it."""
    given = request.headers.get("X-Request-ID", "")
    tells = _REQUEST_ID.fullmatch(given) and _without_keys(given) == given
    request_id = given if tells else uuid.uuid4().hex
    bind_contextvars(request_id=request_id, http_request=request)
    request.META[_OBSERVED] = True
    observation = Observation(request, request_id)
    try:
        yield observation
    finally:
        observation.finish()
        unbind_contextvars("request_id", "http_request")

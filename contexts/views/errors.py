"""The one translator from what went wrong to the API's error answers (CONTRACT §2)."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.views import defaults
from rest_framework import exceptions

from contexts import documents
from contexts.errors import ContextError, NotFound
from contexts.redaction import redact_apart

logger = logging.getLogger("contextsys.api")
API_ROOT = "/api/v1/"
_CODES = {
    exceptions.ParseError: "malformed_body",
    exceptions.AuthenticationFailed: "authentication_failed",
    exceptions.NotAuthenticated: "not_authenticated",
    exceptions.PermissionDenied: "forbidden",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.Throttled: "throttled",
}


def json_answer(
    body: Any, status: int = 200, headers: dict[str, str] | None = None
) -> HttpResponse:
    """A JSON answer; always JSON, whatever the request would rather have."""
    return HttpResponse(
        documents.to_json(body), status=status, headers=headers, content_type="application/json"
    )


def answer_error(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's exception handler. None for what is a fault of ours: that is logged, and a 500."""
    if isinstance(error, Http404):
        error = NotFound()
    if isinstance(error, ContextError):
        return json_answer(redact_apart(error.body()), error.status)
    if isinstance(error, OperationalError | InterfaceError):
        # Its message may quote SQL; its kind tells a lost connection from a deadlock.
        logger.warning("the database refused: %s", type(error.__cause__ or error).__name__)
        return database_unavailable()
    if isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    if isinstance(error, exceptions.ValidationError):
        return json_answer(redact_apart(_validation_body(error.detail)), 400)
    if not isinstance(error, exceptions.APIException):
        return None
    headers = {}
    if (challenge := getattr(error, "auth_header", None)) is not None:
        headers["WWW-Authenticate"] = challenge
    code = _CODES.get(type(error), "error")
    return json_answer(
        {"success": False, "code": code, "error": str(error.detail)}, error.status_code, headers
    )


def _validation_body(detail: Any) -> dict[str, Any]:
    fields = detail if isinstance(detail, dict) else {"body": detail}
    errors = {str(name): _flat(complaints) for name, complaints in fields.items()}
    name, complaints = next(iter(errors.items()))
    return {
        "success": False,
        "code": "invalid",
        "error": f"{name}: {complaints[0]}",
        "validation_errors": errors,
    }


def _flat(complaints: Any) -> list[str]:
    if isinstance(complaints, dict):
        return [text for each in complaints.values() for text in _flat(each)]
    if isinstance(complaints, list):
        return [text for each in complaints for text in _flat(each)]
    return [str(complaints)]


def database_unavailable() -> HttpResponse:
    """What every address of the API answers while the database does not."""
    return _error("database_unavailable", "The database does not answer.", 503)


def _error(code: str, sentence: str, status: int) -> HttpResponse:
    return json_answer({"success": False, "code": code, "error": sentence}, status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a wrong Host header, a malformed request line."""
    if request.path.startswith(API_ROOT):
        return _error("bad_request", "The request is malformed.", 400)
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if request.path.startswith(API_ROOT):
        return json_answer(NotFound().body(), 404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: a fault of ours, told without any detail."""
    if request.path.startswith(API_ROOT):
        return _error("server_error", "Something went wrong on the server.", 500)
    return defaults.server_error(request)

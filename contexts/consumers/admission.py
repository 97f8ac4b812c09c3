"""Who may open a socket: an agent's key, a human's session, from an origin that is ours."""

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.http.request import validate_host

from contexts import agents
from contexts.access import Caller
from contexts.authentication import bearer_key, caller_of
from contexts.models import Agent, Role

Scope = dict[str, Any]


class Credential(Protocol):
    """What a caller showed; asked again as long as the socket is open."""

    def caller(self) -> Caller | None:
        """Whose it is, as of now; None when it holds no more."""


@dataclass(frozen=True)
class KeyCredential:
    """An agent's key, by its hash."""

    key_hash: str

    def caller(self) -> Caller | None:
        agent = Agent.objects.filter(key_hash=self.key_hash, revoked_at=None).first()
        if agent is None:
            return None
        return Caller(agent.organization_id, agent.agent_id, Role(agent.role))


@dataclass(frozen=True)
class SessionCredential:
    """A signed-in human's session, in the organization named or in the first of theirs."""

    session_key: str
    organization_id: str | None

    def caller(self) -> Caller | None:
        request = HttpRequest()
        store = import_module(settings.SESSION_ENGINE).SessionStore
        request.session = store(self.session_key)
        user = get_user(request)
        if not user.is_active or user.is_anonymous:
            return None
        return caller_of(user, self.organization_id)


def key_credential(key: str) -> KeyCredential:
    return KeyCredential(agents.hash_of(key))


def may_come_from(scope: Scope) -> bool:
    """Whether the connection's origin is ours, or it has none as it comes from no browser."""
    origin = _header(scope, b"origin")
    if origin is None:
        return True
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return validate_host(f"[{host}]" if ":" in host else host, settings.ALLOWED_HOSTS)


def shown_at_the_door(scope: Scope) -> Credential | None:
    """The credential in the opening request: a key in `Authorization`, else a session.

    A wrong kind of authorization is a credential that holds not. The session counts from a
    browser only, which names its origin.
    """
    authorization = _header(scope, b"authorization")
    if authorization is not None:
        return key_credential(bearer_key(authorization))
    if _header(scope, b"origin") is None:
        return None
    try:
        cookies = SimpleCookie(_header(scope, b"cookie") or "")
    except CookieError:
        return None
    session = cookies.get(settings.SESSION_COOKIE_NAME)
    if session is None or not session.value:
        return None
    named = parse_qs(scope.get("query_string", b"").decode("latin1")).get("organization")
    return SessionCredential(session.value, named[0] if named else None)


def _header(scope: Scope, name: bytes) -> str | None:
    for each, value in scope.get("headers", ()):
        if each.lower() == name:
            return bytes(value).decode("latin1")
    return None

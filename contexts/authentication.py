"""Who calls: agents by bearer key, humans by their signed-in session."""

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from contexts import agents
from contexts.access import Caller
from contexts.models import GlobalContext, Membership, Role

ORGANIZATION_HEADER = "X-Contextsys-Organization"


class AgentKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`. One indexed query, so a revoked key ends at once."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        authorization = request.headers.get("Authorization", "")
        if not authorization:
            return None
        key = bearer_key(authorization)
        agent = agents.with_key(key) if key else None
        if agent is None:
            raise exceptions.AuthenticationFailed("The key is not valid.")
        return _known(request, caller_with(agent))

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def bearer_key(authorization: str) -> str:
    """The key in that header, `""` without one."""
    scheme, _, key = authorization.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def caller_with(agent: agents.Known) -> Caller:
    return Caller(agent.organization_id, agent.agent_id, agent.role)


class HumanSessionAuthentication(SessionAuthentication):
    """The session cookie; writes need the CSRF token as everywhere in Django.

    A member of several organizations names one in `X-Contextsys-Organization`.
    """

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        user = getattr(request._request, "user", None)
        if user is None or not user.is_active:
            return None
        self.enforce_csrf(request)
        caller = caller_of(user, request.headers.get(ORGANIZATION_HEADER))
        if caller is None:
            raise exceptions.PermissionDenied("You are no member of that organization.")
        return _known(request, caller)


def caller_of(user: AbstractBaseUser, organization_id: str | None = None) -> Caller | None:
    """A human as a caller in the organization named, or in the first of theirs.

    Superusers are admins of every organization. None when the user has no place there.
    """
    superuser: bool = getattr(user, "is_superuser", False)
    name = user.get_username()
    memberships = Membership.objects.filter(user_id=user.pk).order_by("id")
    if organization_id is not None:
        memberships = memberships.filter(organization__context_id=organization_id)
    membership = memberships.first()
    if superuser:
        home = organization_id or (
            membership.organization_id if membership else settings.CONTEXTSYS_ORGANIZATION
        )
        if not GlobalContext.objects.filter(context_id=home).exists():
            return None
        return Caller(home, name, Role.ADMIN, is_agent=False, is_instance_admin=True)
    if membership is None:
        return None
    return Caller(membership.organization_id, name, Role(membership.role), is_agent=False)


def _known(request: Request, caller: Caller) -> tuple[Caller, None]:
    # For the request log, which sees Django's request and not DRF's.
    request._request.contextsys_caller = caller  # type: ignore[attr-defined]
    return caller, None
